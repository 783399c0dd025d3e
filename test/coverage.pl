#!/usr/bin/perl
#
# What part of the lines of src/ the tests have run: coverage.pl folder...
#
# A folder has the files .gcda that the programs left and the .gcno of their
# build, as test/run --coverage collects them.  A line counts as run if it is in
# any of the programs.  Headers count where they are compiled.

use strict;
use warnings;

use File::Find;
use JSON::PP;

my %lines;		# file: {line: times run}
my @files;

find({ wanted => sub { push @files, $_ if /\.gcda$/ }, no_chdir => 1 }, @ARGV);
@files or die "coverage.pl: there is no file .gcda\n";
while (my @some = splice(@files, 0, 50))
{
	open my $gcov, '-|', 'gcov', '--json-format', '--stdout', @some or die "gcov cannot be run: $!\n";
	while (my $text = <$gcov>)
	{
		next unless $text =~ /^\{/;
		foreach my $file (@{ decode_json($text)->{files} })
		{
			my ($name) = $file->{file} =~ m{(?:^|/)(src/[^.].*)$} or next;
			$name !~ m{\.\.} or next;
			$lines{$name}{ $_->{line_number} } += $_->{count} foreach @{ $file->{lines} };
		}
	}
	close $gcov;
}

my (%all, %run);
foreach my $name (sort keys %lines)
{
	my ($folder) = $name =~ m{^(src(?:/[^/]+(?=/))?)};
	foreach my $count (values %{ $lines{$name} })
	{
		$_++ foreach @all{ $folder, $name, 'all' };
		next if $count == 0;
		$_++ foreach @run{ $folder, $name, 'all' };
	}
}

sub show
{
	my $name = shift;
	printf "%-32s %6d of %6d lines, %5.1f %%\n", $name, $run{$name} // 0, $all{$name}, 100 * ($run{$name} // 0) / $all{$name};
	return;
}

show($_) foreach grep { $_ ne 'all' && !/\.[ch]$/ } sort keys %all;
print "\nbelow 70 %:\n";
show($_) foreach grep { /\.[ch]$/ && $all{$_} > 10 && ($run{$_} // 0) < 0.7 * $all{$_} } sort keys %all;
print "\n";
show('all');
