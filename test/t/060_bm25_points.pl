#----------------------------------------------------------------------
#
# bm25: a process dies, or fails, at each step that is written to the log.
#
# As 010_fault_points does for hnsw: the table must have what was confirmed and
# nothing else, and the index just the table's rows and their words.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecPoints;
use GigavecTest;

my $node = new_server('points', q{
	fsync = off
	wal_consistency_checking = 'all'
	shared_buffers = 16MB
	restart_after_crash = on
	bgwriter_lru_maxpages = 0
	checkpoint_timeout = 1h
});

$node->safe_psql('postgres', q{
	CREATE EXTENSION pg_buffercache;
	SET client_min_messages = warning;
	-- 200 words of a row's number, one of its own, one of all rows
	CREATE FUNCTION words(i bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		$$SELECT 'all own' || i || string_agg(' w' || (pg_catalog.hashint8extended(i, j) & 1023), '') FROM generate_series(1, 200) j$$;
	CREATE TABLE items (id int PRIMARY KEY, body text);
	INSERT INTO items SELECT i, words(i) FROM generate_series(1, 100) i;
	CREATE INDEX items_body ON items USING bm25 (body, id, (id % 7)) WITH (text_config = 'simple');
	CREATE TABLE items_mirror AS TABLE items;
	CREATE VIEW differences AS SELECT id FROM items FULL JOIN items_mirror m USING (id) WHERE items IS NULL OR m IS NULL;
	CREATE VIEW leftovers AS
		SELECT 'pin of block ' || relblocknumber AS what FROM pg_buffercache WHERE pinning_backends > 0
			AND relfilenode = pg_relation_filenode('items_body')
		UNION ALL
		SELECT mode || ' on ' || relation::regclass FROM pg_locks WHERE relation = 'items_body'::regclass;
});

# Lists of statements, given the round.  A lane becomes a segment after 200 rows
# or so; some rows are longer than a page.
my %works = (
	insert => sub {
		my ($base) = 10000 * (1 + $_[0]);

		return ('INSERT INTO items SELECT i, words(i) FROM generate_series(' . $base . ', ' . ($base + 449) . ') i',
			"INSERT INTO items SELECT $base + 500, string_agg(words(i), ' ') FROM generate_series($base, $base + 20) i",
			map { "INSERT INTO items VALUES ($base + 1000 + $_, words($base + 1000 + $_))" } 1 .. 5);
	},
	vacuum => sub {
		my ($round) = @_;
		my ($base) = 10000 * (1 + $round);

		return ("INSERT INTO items SELECT i, words(i) FROM generate_series($base, $base + 40) i",
			"DELETE FROM items WHERE id % 9 = $round % 9", 'VACUUM items',
			"INSERT INTO items SELECT i, words(i) FROM generate_series($base + 100, $base + 120) i",
			'DELETE FROM items WHERE id % 2 = 0', 'VACUUM items');
	},
	create => sub {
		return ('DROP TABLE IF EXISTS other, passing',
			'CREATE TABLE other AS TABLE items',
			'CREATE INDEX other_body ON other USING bm25 (body)',
			'CREATE UNLOGGED TABLE passing (body text)',
			'CREATE INDEX passing_body ON passing USING bm25 (body)',
			'INSERT INTO passing SELECT body FROM items LIMIT 50',
			'REINDEX INDEX items_body');
	},
	scan => sub {
		return ("DO \$\$BEGIN PERFORM gigavec.check('items_body'); END\$\$", $BY_INDEX,
			"DO \$\$BEGIN PERFORM id FROM items ORDER BY body <\@> 'w7 w8'; END\$\$");
	},
);

# Also: rows found by a word that all have, and by their own words, are the table's
sub check_all
{
	my ($name) = @_;

	is($node->safe_psql('postgres', qq{
		TABLE differences;
		SELECT * FROM gigavec.check('items_body') LIMIT 10;
		$BY_INDEX
		SELECT count(*) - (SELECT count(*) FROM items), count(*) - count(DISTINCT id), count(*) FILTER (WHERE d < before)
		FROM (SELECT id, d, lag(d) OVER (ORDER BY n) AS before
			FROM (SELECT id, d, row_number() OVER () AS n
				FROM (SELECT id, body <\@> 'all w7' AS d FROM items ORDER BY body <\@> 'all w7' OFFSET 0) r) s) t;
		SELECT count(*) FROM (SELECT i.id, (SELECT id FROM items o ORDER BY o.body <\@> ('own' || i.id) LIMIT 1) AS found
			FROM items i ORDER BY i.id % 7, i.id LIMIT 20) x WHERE id <> found;
		SELECT sum(n) - (SELECT count(*) FROM items) FROM (SELECT count(*) AS n FROM items WHERE id % 7 IN (0, 1, 2) AND body \@\@\@ 'all'
			UNION ALL SELECT count(*) FROM items WHERE id % 7 > 2 AND body \@\@\@ 'all') x}),
		"0|0|0\n0\n0", "$name: the index has what was confirmed");
	return;
}

# or the index would only grow
sub renew
{
	my ($work, $round) = @_;

	$node->safe_psql('postgres', 'TRUNCATE items; INSERT INTO items SELECT i, words(i) FROM generate_series(1, 100) i;'
		  . 'TRUNCATE items_mirror; INSERT INTO items_mirror TABLE items') if $round % 5 == 0;
	return;
}

visit_points(
	node => $node,
	folders => 'bm25',
	tables => 'items',
	works => \%works,
	prepare => \&renew,
	check => \&check_all);
$node->stop;

done_testing();
