#----------------------------------------------------------------------
#
# 900_readme.pl
#		The SQL of README.md works as pasted.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# test/run says where the sources are
my $source = $ENV{GIGAVEC_SOURCE} // '../..';
my @examples = slurp_file("$source/README.md") =~ /^```sql\n(.*?)^```/msg;
cmp_ok(scalar @examples, '>', 0, 'README.md has an example');

my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->start;

foreach my $i (0 .. $#examples)
{
	my ($status, $out, $err) = $node->psql('postgres', $examples[$i], on_error_stop => 1);
	is($status, 0, "example $i runs") or diag($err);
	like($out, qr/^apple\|0\.1\d*\npear\|0\.3\d*\n/m, 'and finds the nearest') if $i == 0;
}

$node->stop;
done_testing();
