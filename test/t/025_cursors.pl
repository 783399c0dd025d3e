#----------------------------------------------------------------------
#
# Slow cursors beside inserts, updates, deletes and VACUUM.
#
# Each scan runs in a REPEATABLE READ transaction, takes its rows a few at a
# time, and then compares them with what a sequential scan sees under the same
# snapshot: the same rows, each once.  For bm25 see 065.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $seconds = $LONG ? 300 : 30;
my $min_scans = $LONG ? 800 : 20;
my $node = new_server('cursors', "fsync = off\nsynchronous_commit = off\nmax_wal_size = 2GB\nshared_buffers = 32MB\njit = off\n");

$node->safe_psql('postgres', q{
	CREATE TABLE items (id int, v vector(24));
	INSERT INTO items SELECT i, CASE WHEN i % 10 = 0 THEN point(i % 200, 24) ELSE point(i, 24) END FROM generate_series(1, 2000) i;
	INSERT INTO items SELECT 2000 + i, array_fill(0, ARRAY[24])::vector FROM generate_series(1, 20) i;
	CREATE INDEX items_l2 ON items USING hnsw (v vector_l2_ops);
	CREATE INDEX items_l1 ON items USING hnsw (v vector_l1_ops) WITH (m = 8, ef_construction = 32);
	CREATE INDEX items_cosine ON items USING hnsw (v vector_cosine_ops);
	CREATE INDEX items_flat ON items USING ivfflat (v vector_ip_ops) WITH (lists = 12);
	CREATE INDEX items_pq ON items USING ivfpq ((v::halfvec(24)) halfvec_l2_ops) WITH (lists = 12);
	CREATE INDEX items_kd ON items USING kdtree (v vector_linf_ops) WITH (fillfactor = 50);
	CREATE SEQUENCE next START 10000;
	CREATE TABLE scans (id serial, operator text, rows int, doubled int, missing int, extra int);

	-- read all rows by the index, a few at a time; compare with the table
	CREATE FUNCTION scan_slowly(operator text, question vector) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		c refcursor;
		some int[];
		seen int[] := '{}';
		one int;
	BEGIN
		SET LOCAL enable_seqscan = off;
		SET LOCAL enable_sort = off;
		OPEN c NO SCROLL FOR EXECUTE format('SELECT id FROM items ORDER BY %s %L', operator, question);
		LOOP
			FETCH c INTO one;
			EXIT WHEN NOT FOUND;
			seen := seen || one;
			IF cardinality(seen) % 50 = 0 THEN
				PERFORM pg_sleep(0.004);
			END IF;
		END LOOP;
		CLOSE c;
		SET LOCAL enable_indexscan = off;
		SET LOCAL enable_seqscan = on;
		INSERT INTO scans (operator, rows, doubled, missing, extra)
		SELECT operator, count(*), count(*) - count(DISTINCT f), (SELECT count(*) FROM items WHERE id <> ALL (seen)),
			count(*) FILTER (WHERE f NOT IN (SELECT id FROM items)) FROM unnest(seen) f;
	END $$;
});

my @readers = map {
	"BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT scan_slowly('$_', point((1000000 + random() * 1000)::int, 24)) \\g /dev/null\nCOMMIT;\n"
} ('v <->', 'v <->', 'v <+>', 'v <=>', 'v <#>', 'v <*>', 'v::halfvec(24) <->');
my @writers = (
	"INSERT INTO items SELECT i, point(i, 24) FROM (SELECT nextval('next')::int AS i FROM generate_series(1, 10)) s;\n"
	  . "DELETE FROM items WHERE ctid = ANY (ARRAY(SELECT ctid FROM items ORDER BY id LIMIT 5));\n",
	"INSERT INTO items SELECT i, point(i % 50, 24) FROM (SELECT nextval('next')::int AS i FROM generate_series(1, 5)) s;\n"
	  . "DELETE FROM items WHERE ctid = ANY (ARRAY(SELECT ctid FROM items ORDER BY v <-> point((1000000 + random() * 1000)::int, 24) LIMIT 10));\n",
	"UPDATE items SET v = point((random() * 100000)::int, 24) WHERE ctid = ANY (ARRAY(SELECT ctid FROM items ORDER BY hashint4(id) LIMIT 10 OFFSET (random() * 1000)::int));\n",
	"VACUUM items;\nSELECT pg_sleep(0.05) \\g /dev/null\n");

# each of the distances some times
run_beside($node, $seconds, sub {
	return $node->safe_psql('postgres', qq{SELECT count(DISTINCT operator) = 6 AND count(*) >= $min_scans AND
		(SELECT n_tup_del > 500 FROM pg_stat_user_tables WHERE relname = 'items') FROM scans}) eq 't';
}, @readers, @writers);
my $n = $node->safe_psql('postgres', 'SELECT count(*) FROM scans');
note("$n scans: " . $node->safe_psql('postgres', 'SELECT operator, count(*), min(rows), max(rows) FROM scans GROUP BY 1'));
cmp_ok($n, '>=', $min_scans, "$n scans");
is($node->safe_psql('postgres', 'SELECT * FROM scans WHERE doubled <> 0 OR missing <> 0 OR extra <> 0 LIMIT 10'), '', 'each scan has each row once, and no other');
cmp_ok($node->safe_psql('postgres', q{SELECT n_tup_del FROM pg_stat_user_tables WHERE relname = 'items'}), '>', 500, 'rows were deleted meanwhile');
is_sound($node, $_, 'after all') for qw(items_l2 items_l1 items_cosine items_flat items_pq items_kd);
$node->safe_psql('postgres', 'VACUUM items');
is_sound($node, $_, 'vacuumed') for qw(items_l2 items_l1 items_cosine items_flat items_pq items_kd);
is_complete($node, 'items', "$_ (SELECT point(5, 24))", "vacuumed, $_", 0.05) for 'v <->', 'v <+>', 'v <=>', 'v <#>', 'v <*>';
is_whole($node, 'items', 'v::halfvec(24) <-> (SELECT point(5, 24)::halfvec)', 'vacuumed, ivfpq');

$node->stop;
done_testing();
