#----------------------------------------------------------------------
#
# What make builds again: nothing where all is there, everything where it was
# built for another PostgreSQL.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use File::Find;
use File::Path qw(make_path);
use PostgreSQL::Test::Utils;
use Test::More;

my $source = $ENV{GIGAVEC_SOURCE};
my $copy = PostgreSQL::Test::Utils::tempdir() . '/a copy';
my @make = ('make', '-n', '-C', $copy, "PG_CONFIG=$ENV{GIGAVEC_PG_CONFIG}");
my @sources;
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};

# Write a file of the copy, and make it as old as all others
sub put
{
	my ($name, $content) = @_;

	make_path("$copy/$name" =~ s{/[^/]*$}{}r);
	append_to_file("$copy/$name", $content);
	utime(1e9, 1e9, "$copy/$name") or die "$name: $!";
	return;
}

# How many files make would compile
sub compiled
{
	my ($out, $err);
	IPC::Run::run(\@make, '>', \$out, '2>', \$err) or diag($err);
	return scalar(() = $out =~ / -c -o '?src\//g);
}

find({ no_chdir => 1, wanted => sub { push @sources, $_ =~ s{^\Q$source\E/}{}r if /\.(c|h|in|mk|sql)$/ } }, map { "$source/$_" } qw(src sql));
put($_, slurp_file("$source/$_")) for @sources, qw(Makefile gigavec.control);
my @objects = map { s/c$/o/r } grep { m{^src/.*\.c$} } @sources;
is(compiled(), scalar @objects, 'all is compiled');
put($_, '') for @objects, 'gigavec.so';
chomp(my $version = `$ENV{GIGAVEC_PG_CONFIG} --version`);
is(slurp_file("$copy/.built-for"), "$version\n", 'what it is built for');
utime(1e9, 1e9, "$copy/.built-for");
is(compiled(), 0, 'nothing is, when it is there');
append_to_file("$copy/.built-for", 'another');
is(compiled(), scalar @objects, 'all is, when it was for another PostgreSQL');

done_testing();
