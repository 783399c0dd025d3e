#----------------------------------------------------------------------
#
# docs/reference.md says what the catalog says.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $docs = "$ENV{GIGAVEC_SOURCE}/docs";
my $node = PostgreSQL::Test::Cluster->new('reference');

$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION gigavec');
my ($new, $err);
IPC::Run::run([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$docs/reference.sql" ],
	'>', \$new, '2>', \$err);
is($err, '', 'the catalog can be read');

# What is new and what is gone, rather than both files
my %written = map { $_ => 1 } split(/\n/, slurp_file("$docs/reference.md"));
my %catalog = map { $_ => 1 } split(/\n/, $new);
is(join("\n", grep { !$written{$_} } sort keys %catalog), '', 'reference.md lacks nothing: docs/make-reference writes it anew');
is(join("\n", grep { !$catalog{$_} } sort keys %written), '', 'and has nothing that is not there');

$node->stop;
done_testing();
