#----------------------------------------------------------------------
#
# 900_pages.pl
#		The SQL of README.md and docs/ works as pasted.
#
# The blocks ```sql of a page run in order in a database of its own, which has
# nothing in it, in psql, with GIGAVEC_DATA's folder as the current one: a page
# that reads files from there (\copy, COPY) is skipped where they are absent.
# A block ```text directly after a block is what psql prints for it.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use Cwd qw(abs_path getcwd);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# test/run says where the sources are
my $source = abs_path($ENV{GIGAVEC_SOURCE} // '../..');
my @pages = ("$source/README.md", sort glob("$source/docs/*.md"));
my $data = $ENV{GIGAVEC_DATA} // '../shared/data';

$data = -d "$data/text" ? abs_path($data) : undef;

my $node = PostgreSQL::Test::Cluster->new('pages');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\n");
$node->start;

foreach my $page (@pages)
{
	my $name = $page =~ s{^\Q$source\E/|\.md$}{}gr;
	my @blocks = slurp_file($page) =~ /^```sql\n(.*?)^```\n(?:\n?^```text\n(.*?)^```$)?/msg;

	if ($name eq 'README')
	{
		cmp_ok(scalar @blocks, '>', 0, 'README.md has an example');
	}
	next if @blocks == 0;
	SKIP:
	{
		skip "$name.md needs GIGAVEC_DATA", 1 if !$data && grep { defined && /\\copy|^COPY/mi } @blocks;
		$node->safe_psql('postgres', qq(CREATE DATABASE "$name"));

		# One session for the page, with a mark after each block
		my $script = '';
		foreach my $i (0 .. $#blocks / 2)
		{
			$script .= "$blocks[2 * $i]\n\\echo END OF BLOCK $i\n";
		}
		my ($out, $err) = ('', '');
		my $here = getcwd();
		chdir($data) if $data;
		my $good = IPC::Run::run(
			[ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-P', 'pager=off', '-d', $node->connstr($name), '-f', '-' ],
			'<', \$script, '>', \$out, '2>', \$err, IPC::Run::timeout(3 * $PostgreSQL::Test::Utils::timeout_default));
		chdir($here);
		ok($good, "$name.md runs") or diag($err);

		my @outputs = split(/^END OF BLOCK \d+\n/m, $out, -1);
		foreach my $i (0 .. $#blocks / 2)
		{
			my $expected = $blocks[2 * $i + 1] // next;
			s/[ \t]+$//mg, s/\n+\z/\n/ for ($expected, $outputs[$i] //= '');
			is($outputs[$i], $expected, "$name.md: output of block " . ($i + 1));
		}
		if ($name eq 'README')
		{
			like($outputs[0], qr/^ apple +\|\s+0\.1\d*\n pear +\|\s+0\.3\d*\n/m, 'the first example finds the nearest');
		}
	}
}

$node->stop;
done_testing();
