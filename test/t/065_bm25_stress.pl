#----------------------------------------------------------------------
#
# bm25: sessions that insert, update, delete, roll back, VACUUM, merge and search
# at once.
#
# A row, and a word that nobody had before, is found by the next query of any
# session after commit, and never after a rollback.  Cursors in REPEATABLE READ
# take their rows slowly and must find what a sequential scan finds, each row
# once.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $seconds = $LONG ? 300 : 8;
my $node = new_server('stress', "fsync = off\nsynchronous_commit = off\nmax_wal_size = 2GB\nshared_buffers = 32MB\n");

$node->safe_psql('postgres', q{
	-- some words of a row's number, one of its own, one of all rows
	CREATE FUNCTION words(i bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		$$SELECT 'all own' || i || string_agg(' w' || (pg_catalog.hashint8extended(i, j) & 1023), '') FROM generate_series(1, 60) j$$;
	CREATE TABLE items (id bigint PRIMARY KEY, body text);
	INSERT INTO items SELECT i, words(i) FROM generate_series(1, 1500) i;
	CREATE INDEX items_body ON items USING bm25 (body) WITH (text_config = 'simple');
	CREATE SEQUENCE next START 10000;
	CREATE TABLE results (id serial, what text, rows bigint, doubled bigint, missing bigint, extra bigint);

	-- which rows does the index find for a word?
	CREATE FUNCTION found(word text) RETURNS bigint[] LANGUAGE sql
		SET enable_seqscan = off SET enable_sort = off SET enable_bitmapscan = off
		AS $$SELECT coalesce(array_agg(id), '{}') FROM (SELECT id FROM items ORDER BY body <@> word LIMIT 5) s$$;

	-- read all rows by the index, a few at a time; compare with the table
	CREATE FUNCTION scan_slowly() RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		c refcursor;
		some bigint[];
		seen bigint[] := '{}';
		one bigint;
	BEGIN
		SET LOCAL enable_seqscan = off;
		SET LOCAL enable_sort = off;
		OPEN c NO SCROLL FOR SELECT id FROM items ORDER BY body <@> 'all w7 w8';
		LOOP
			FETCH c INTO one;
			EXIT WHEN NOT FOUND;
			seen := seen || one;
			IF cardinality(seen) % 200 = 0 THEN
				PERFORM pg_sleep(0.01);
			END IF;
		END LOOP;
		CLOSE c;
		SET LOCAL enable_indexscan = off;
		SET LOCAL enable_bitmapscan = off;
		SET LOCAL enable_seqscan = on;
		INSERT INTO results (what, rows, doubled, missing, extra)
		SELECT 'scan', count(*), count(*) - count(DISTINCT f), (SELECT count(*) FROM items WHERE id NOT IN (SELECT unnest(seen))),
			count(*) FILTER (WHERE f NOT IN (SELECT id FROM items)) FROM unnest(seen) f;
	END $$;

	-- insert rows, look for them by their own words after commit
	CREATE PROCEDURE write(n int) LANGUAGE plpgsql AS $$
	DECLARE
		i bigint;
	BEGIN
		FOR j IN 1 .. n LOOP
			i := nextval('next');
			INSERT INTO items VALUES (i, words(i));
			IF j % 4 = 0 THEN
				ROLLBACK;
				INSERT INTO results (what, extra) SELECT 'rolled back', cardinality(found('own' || i));
			ELSE
				COMMIT;
				INSERT INTO results (what, rows, missing) SELECT 'committed', 1, (found('own' || i) <> ARRAY[i])::int;
				UPDATE items SET body = body || ' changed' || i WHERE id = i;
				COMMIT;
				INSERT INTO results (what, rows, missing) SELECT 'updated', 1,
					(found('changed' || i) <> ARRAY[i] OR found('own' || i) <> ARRAY[i])::int;
			END IF;
		END LOOP;
	END $$;
});

my $old = 'id < (SELECT id FROM items ORDER BY id DESC OFFSET 500 LIMIT 1)';
my @scripts = (
	("CALL write(20);\n") x 2,
	"BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT scan_slowly() \\g /dev/null\nCOMMIT;\n",
	# all but the last rows, for which their sessions look
	"DELETE FROM items WHERE id IN (SELECT id FROM items ORDER BY body <\@> ('w' || (random() * 1023)::int) LIMIT 4) AND $old;\n"
	  . "DELETE FROM items WHERE id IN (SELECT id FROM items ORDER BY id LIMIT 6) AND $old;\nSELECT pg_sleep(0.01) \\g /dev/null\n",
	"BEGIN;\nINSERT INTO items SELECT nextval('next') + 1000000, words(i) FROM generate_series(1, 40) i;\n"
	  . "UPDATE items SET body = body || ' never' WHERE id % 50 = (random() * 50)::int;\nROLLBACK;\n"
	  . "SELECT count(*) FROM items WHERE body @@@ 'never' HAVING count(*) > 0;\nSELECT pg_sleep(0.02) \\g /dev/null\n",
	"VACUUM items;\nSELECT pg_sleep(0.05) \\g /dev/null\nSELECT gigavec.merge('items_body') \\g /dev/null\nSELECT pg_sleep(0.05) \\g /dev/null\n");

# however busy the machine is, some of each kind of work
is($_, '', 'nothing found that was rolled back') for run_beside($node, $seconds, sub {
	return $node->safe_psql('postgres', q{SELECT (SELECT n_tup_del > 50 FROM pg_stat_user_tables WHERE relname = 'items')
		AND (SELECT count(DISTINCT what) = 4 FROM results)}) eq 't';
}, @scripts);
note($node->safe_psql('postgres', 'SELECT what, count(*), min(rows), max(rows) FROM results GROUP BY 1'));
is($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT what, ' ' ORDER BY what) FROM results}), 'committed rolled back scan updated',
	'all kinds of work were done');
is($node->safe_psql('postgres', 'SELECT * FROM results WHERE doubled <> 0 OR missing <> 0 OR extra <> 0 LIMIT 10'), '',
	'each search finds the rows that it must, each once');
cmp_ok($node->safe_psql('postgres', q{SELECT n_tup_del FROM pg_stat_user_tables WHERE relname = 'items'}), '>', 50, 'rows were deleted meanwhile');

sub check_all
{
	my ($name) = @_;

	is_sound($node, 'items_body', $name);
	is($node->safe_psql('postgres', qq{
		$BY_INDEX
		SELECT count(*) - (SELECT count(*) FROM items), count(*) - count(DISTINCT id)
		FROM (SELECT id FROM items ORDER BY body <\@> 'all' OFFSET 0) s;
		SELECT count(*) FROM items WHERE found('own' || id) <> ARRAY[id]}), "0|0\n0", "$name: the index has the table's rows");
	return;
}
check_all('after all');
$node->safe_psql('postgres', 'VACUUM items');
check_all('vacuumed');
$node->safe_psql('postgres', q{SELECT gigavec.merge('items_body')});
check_all('merged');
$node->stop;

done_testing();
