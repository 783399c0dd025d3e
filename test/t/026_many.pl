#----------------------------------------------------------------------
#
# Very many: partitions in one query, indexes on one table, columns.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use lib 't';
use GigavecTest;

my $node = new_server('many', "fsync = off\nshared_buffers = 64MB\nmax_locks_per_transaction = 1024\nautovacuum = off\njit = off\n");
my $q = $node->safe_psql('postgres', 'SELECT point(1000000, 8)');

# 1,000 partitions: the query holds a scan of each index
$node->safe_psql('postgres', q{
	CREATE TABLE parts (id int, v vector(8), part int) PARTITION BY LIST (part);
	CREATE INDEX parts_v ON parts USING hnsw (v vector_l2_ops) WITH (m = 4, ef_construction = 16);
	DO $$BEGIN
		FOR i IN 0 .. 999 LOOP EXECUTE format('CREATE TABLE part%s PARTITION OF parts FOR VALUES IN (%s)', i, i); END LOOP;
	END$$;
	INSERT INTO parts SELECT i, point(i, 8), i % 1000 FROM generate_series(1, 3000) i;
	ANALYZE parts;
});
my $nearest = "SELECT id FROM parts ORDER BY v <-> '$q' LIMIT 10";
my $exact = $node->safe_psql('postgres', "$BY_TABLE $nearest");
my $session = $node->background_psql('postgres');
$session->query_safe($BY_INDEX);
like($session->query_safe("EXPLAIN (COSTS off) $nearest"), qr/Merge Append\n(.*\n)*.*Index Scan using part999_v_idx/, '1,000 partitions: a scan of each index');
# 2 s on a machine that has nothing else to do: on a busy one, the best of some
my $best;
for my $time (1 .. 10)
{
	my $start = time;

	is($session->query_safe($nearest), $exact, "1,000 partitions, time $time: the nearest rows");
	my $took = time - $start;
	note(sprintf('1,000 partitions, time %d: %.2f s', $time, $took));
	$best = $took if !defined $best || $took < $best;
	last if $time > 1 && $best < 5;
}
cmp_ok($best, '<', $ENV{GIGAVEC_SANITIZE} ? 30 : 5, '1,000 partitions: in time');
is($session->query_safe("SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM parts ORDER BY v <-> '$q') s"), '3000|3000', '1,000 partitions: all rows');
$session->quit;
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class c, gigavec.check(c.oid) WHERE relkind = 'i' AND relname LIKE 'part%_v_idx'}), 0, '1,000 partitions: all are sound');

# More scans than a process may hold locks of pages (200), by the other access methods
$node->safe_psql('postgres', q{
	SET client_min_messages = warning;
	CREATE TABLE pieces (id int, v vector(8), body text, part int) PARTITION BY LIST (part);
	DO $$BEGIN
		FOR i IN 0 .. 209 LOOP EXECUTE format('CREATE TABLE piece%s PARTITION OF pieces FOR VALUES IN (%s)', i, i); END LOOP;
	END$$;
	INSERT INTO pieces SELECT i, point(i, 8), 'all own' || i || ' w' || i % 5, i % 210 FROM generate_series(1, 630) i;
	CREATE INDEX pieces_kd ON pieces USING kdtree (v);
	CREATE INDEX pieces_flat ON pieces USING ivfflat (v vector_cosine_ops) WITH (lists = 1);
	CREATE INDEX pieces_text ON pieces USING bm25 (body) WITH (text_config = 'simple');
	INSERT INTO pieces SELECT i, point(i, 8), 'all own' || i || ' w' || i % 5, i % 210 FROM generate_series(631, 840) i;
	ANALYZE pieces;
});
for ([ 'kd', "v <-> '$q'" ], [ 'flat', "v <=> '$q'" ], [ 'text', q{body <@> 'all w3'} ])
{
	my ($method, $distance) = @$_;
	my ($index) = $method eq 'kd' ? 'v_idx' : $method eq 'flat' ? 'v_idx1' : 'body_idx';

	like($node->safe_psql('postgres', "$BY_INDEX EXPLAIN (COSTS off) SELECT id FROM pieces ORDER BY $distance LIMIT 5"),
		qr/Merge Append\n(.*\n)*.*Index Scan using piece209_$index /, "210 partitions: a scan of each index, $method");
	is($node->safe_psql('postgres', "$BY_INDEX SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM pieces ORDER BY $distance) s"),
		'840|840', "210 partitions: all rows, $method");
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class c, gigavec.check(c.oid) WHERE relkind = 'i' AND relname ~ '^piece\d+_'}), 0, '210 partitions: all are sound');

# 130 indexes on one table
$node->safe_psql('postgres', q{
	SET client_min_messages = warning;
	CREATE TABLE items (id int, v vector(8));
	INSERT INTO items SELECT i, point(i, 8) FROM generate_series(1, 100) i;
	DO $$DECLARE
		classes text[] := ARRAY['vector_l2_ops', 'vector_ip_ops', 'vector_cosine_ops', 'vector_l1_ops'];
	BEGIN
		FOR i IN 0 .. 99 LOOP
			EXECUTE format('CREATE INDEX items_%s ON items USING hnsw (v %s) WITH (m = %s, ef_construction = 64)', i, classes[1 + i % 4], 2 + i / 4);
		END LOOP;
		FOR i IN 100 .. 109 LOOP
			EXECUTE format('CREATE INDEX items_%s ON items USING kdtree (v vector_linf_ops) WITH (fillfactor = %s)', i, i - 10);
			EXECUTE format('CREATE INDEX items_%s ON items USING ivfflat (v %s) WITH (lists = %s)', i + 10, classes[1 + i % 3], i - 98);
			EXECUTE format('CREATE INDEX items_%s ON items USING bm25 ((id::text)) WITH (text_config = simple)', i + 20);
		END LOOP;
	END$$;
	INSERT INTO items SELECT i, point(i, 8) FROM generate_series(101, 200) i;
	UPDATE items SET v = point(id, 8, 2) WHERE id % 4 = 0;
	DELETE FROM items WHERE id % 3 = 0;
	VACUUM items;
	INSERT INTO items SELECT i, point(i, 8) FROM generate_series(201, 240) i});
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class c, gigavec.check(c.oid) WHERE relkind = 'i' AND relname ~ '^items_\d+$'}), 0, '130 indexes: all are sound');
for my $operator ('<->', '<#>', '<=>', '<+>', '<*>')
{
	is($node->safe_psql('postgres', "$BY_INDEX SELECT count(*) FROM (SELECT id FROM items ORDER BY v $operator '$q') s"),
		$node->safe_psql('postgres', "$BY_TABLE SELECT count(*) FROM items"), "130 indexes: all rows by $operator");
}
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_class c, gigavec.check(c.oid) WHERE relkind = 'i' AND relname ~ '^items_\d+$'}), 0, '130 indexes: sound after a crash');

# more columns than an index has, or a table
my ($rc, $out, $err) = $node->psql('postgres', 'CREATE TABLE wide (v vector(8), ' . join(', ', map { "c$_ int" } 1 .. 1500) . ');'
	  . 'CREATE INDEX ON wide USING hnsw (v vector_l2_ops, ' . join(', ', map { "c$_" } 1 .. 1500) . ')');
isnt($rc, 0, 'an index with 1,500 filter columns is refused');
like($err, qr/ERROR:  (cannot use more than 32 columns in an index|access method "hnsw" does not support multicolumn indexes)/, 'and says why');
# the last column of a wide table
$node->safe_psql('postgres', 'CREATE TABLE broad (' . join(', ', map { "c$_ int" } 1 .. 1598) . ', v vector(8));'
	  . 'INSERT INTO broad (c1598, v) SELECT i, point(i, 8) FROM generate_series(1, 100) i; CREATE INDEX broad_v ON broad USING hnsw (v vector_l2_ops);'
	  . 'INSERT INTO broad (c1598, v) SELECT i, point(i, 8) FROM generate_series(101, 150) i');
is_complete($node, 'broad', "v <-> '$q'", 'column 1,599');
is_sound($node, 'broad_v', 'column 1,599');

$node->stop;
done_testing();
