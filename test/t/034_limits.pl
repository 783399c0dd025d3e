#----------------------------------------------------------------------
#
# An hnsw index that has run out of numbers says so and stays sound.
#
# A row that shares its vector with others stands in a chunk, which has a number
# of 32 bits by its block.  Blocks for the last of them take 338 GB, so files are
# made that long without anything in them.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

use constant {
	BLOCKS_PER_FILE => 131072,
	# 97 chunks a page, and no block of the last thousand
	LAST_CHUNK_BLOCK => int((2**32 - 2) / 97) - 1024,
};

my $node = new_server('limits', "fsync = off\nautovacuum = off\n");

$node->safe_psql('postgres', q{
	CREATE TABLE items (id int, v vector(3));
	INSERT INTO items SELECT i, point(i, 3) FROM generate_series(1, 100) i;
	CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops);
	CHECKPOINT;
});

my $path = $node->data_dir . '/' . $node->safe_psql('postgres', q{SELECT pg_relation_filepath('items_v')});

# Make the index so many blocks long; says whether the file system can
sub lengthen
{
	my ($n_blocks) = @_;
	my ($n_files, $rest) = (int($n_blocks / BLOCKS_PER_FILE), $n_blocks % BLOCKS_PER_FILE);
	my $owner = (stat($path))[4];
	my $group = (stat($path))[5];

	$node->stop;
	for my $i (0 .. $n_files)
	{
		my $name = $i == 0 ? $path : "$path.$i";

		my $mode = $i == 0 ? '+<' : '+>>';

		open(my $file, $mode, $name) or return 0;
		truncate($file, 8192 * ($i < $n_files ? BLOCKS_PER_FILE : $rest)) or return 0;
		close($file);
		chown($owner, $group, $name);
	}
	$node->start;
	return 1;
}

if (!lengthen(LAST_CHUNK_BLOCK))
{
	$node->stop('immediate', fail_ok => 1);
	plan skip_all => 'the file system takes no files of 338 GB with nothing in them';
}

is($node->safe_psql('postgres', q{
		INSERT INTO items SELECT 1000 + i, point(1, 3) FROM generate_series(1, 3) i;
		SELECT pg_relation_size('items_v') / 8192}), LAST_CHUNK_BLOCK + 1,
	'the last block for chunks is used');
is($node->safe_psql('postgres', q{
		SET enable_seqscan = off;
		SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> point(1, 3) LIMIT 4) x WHERE id IN (1, 1001, 1002, 1003)}),
	4, 'rows in it are found');

# 96 chunks of twelve are left on that page
my $stderr;
$node->psql('postgres', q{INSERT INTO items SELECT 2000 + i, point(1 + i % 100, 3) FROM generate_series(1, 20000) i},
	stderr => \$stderr);
like($stderr, qr/hnsw index "items_v" is too large to take another row\nDETAIL:  It has \d+ blocks and can take such a row with ${\ LAST_CHUNK_BLOCK} at most/,
	'no chunk is made beyond');
is($node->safe_psql('postgres', q{SELECT pg_relation_size('items_v') / 8192}), LAST_CHUNK_BLOCK + 1,
	'nor does the index grow for it');
is($node->safe_psql('postgres', q{
		INSERT INTO items SELECT 3000, point(3000, 3);
		SET enable_seqscan = off;
		SELECT id FROM items ORDER BY v <-> point(3000, 3) LIMIT 1}), '3000',
	'a row of its own vector has a place');
$node->safe_psql('postgres', 'DROP TABLE items');
$node->stop;

done_testing();
