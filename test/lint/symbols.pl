#!/usr/bin/perl
#
# Check what a shared library shows to the server: symbols.pl gigavec.so
#
# Only what PostgreSQL calls by name may be visible: the module's magic block,
# _PG_init, SQL functions with their pg_finfo_ records, and the main functions
# of parallel workers, gv_*_worker_main.  A name shown by accident can clash
# with another extension's.

use strict;
use warnings;

my $library = shift // die "usage: symbols.pl library\n";
-f $library or die "not ok - there is no $library\n";

my %shown;
open my $nm, '-|', 'nm', '-D', '--defined-only', $library or die "not ok - nm (binutils) cannot be run: $!\n";
while (<$nm>)
{
	$shown{$2} = $1 if /\s([A-Za-z])\s+([^\s@]+)/;
}
close $nm or die "not ok - nm failed on $library\n";

my @wrong = grep {
	!/^(?:Pg_magic_func|_PG_init|_init|_fini|_edata|_end|__bss_start)$/
	  && !/^gv_\w+_worker_main$/
	  && !(/^pg_finfo_(.+)$/ && exists $shown{$1})
	  && !exists $shown{"pg_finfo_$_"}
} sort keys %shown;

print "$library: $_ is visible\n" foreach @wrong;
my $complete = exists $shown{Pg_magic_func};
print "$library: Pg_magic_func is not visible\n" unless $complete;
print @wrong || !$complete ? 'not ok' : 'ok', " - only what PostgreSQL calls is visible\n";
exit(@wrong || !$complete ? 1 : 0);
