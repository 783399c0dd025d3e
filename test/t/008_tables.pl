#----------------------------------------------------------------------
#
# Tables of every kind, and what is done to them.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $node = new_server('tables', "fsync = off\nmin_parallel_table_scan_size = 0\n");
my $q = $node->safe_psql('postgres', 'SELECT point(1000001, 24)');
my $folder = $node->basedir . '/space';
mkdir($folder) || die "could not create $folder: $!";

sub refused
{
	my ($sql, $message, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($rc, $out, $err) = $node->psql('postgres', $sql);

	isnt($rc, 0, "$name: refused");
	return like($err, $message, "$name: message");
}

# what happens to a table with two indexes; each is sound and complete after it
$node->safe_psql('postgres', qq{
	CREATE TABLESPACE space LOCATION '$folder';
	CREATE TABLE items (id int PRIMARY KEY, v vector(24), note text);
	INSERT INTO items SELECT i, point(i, 24), 'x' FROM generate_series(1, 600) i;
	CREATE INDEX items_l2 ON items USING hnsw (v vector_l2_ops);
	CREATE INDEX items_l1 ON items USING hnsw (v vector_l1_ops)});
for my $deed (
	'DELETE FROM items WHERE id % 3 = 0; VACUUM FULL items',
	'CLUSTER items USING items_pkey',
	'ALTER TABLE items SET TABLESPACE space',
	'ALTER INDEX items_l2 SET TABLESPACE space; ALTER INDEX items_l1 SET TABLESPACE space',
	q{UPDATE items SET note = 'y' WHERE id % 2 = 0; UPDATE items SET note = 'z'; VACUUM items},
	q{UPDATE items SET note = repeat(md5(id::text), 100) WHERE id % 5 = 0; UPDATE items SET note = '' WHERE id % 5 = 0},
	'ALTER TABLE items ALTER id TYPE bigint',
	'ALTER TABLE items ALTER v SET STORAGE plain; UPDATE items SET v = v; VACUUM FULL items',
	'ALTER TABLE items ADD COLUMN more int DEFAULT 5; ALTER TABLE items DROP COLUMN note',
	'BEGIN; TRUNCATE items; INSERT INTO items SELECT -i, point(i, 24) FROM generate_series(1, 20) i; ROLLBACK',
	'BEGIN; INSERT INTO items SELECT -i, point(i, 24) FROM generate_series(1, 50) i; SAVEPOINT s; '
	  . 'INSERT INTO items SELECT -i, point(i, 24) FROM generate_series(100, 150) i; ROLLBACK TO s; COMMIT',
	'INSERT INTO items SELECT i, point(i, 24) FROM generate_series(1, 700) i ON CONFLICT (id) DO UPDATE SET v = point(items.id, 24, 3)',
	'ALTER TABLE items SET UNLOGGED', 'ALTER TABLE items SET LOGGED',
	'DELETE FROM items; VACUUM items; INSERT INTO items SELECT i, point(i, 24) FROM generate_series(1, 300) i',
	'TRUNCATE items; INSERT INTO items SELECT i, point(i, 24) FROM generate_series(1, 200) i',
	'INSERT INTO items SELECT i, NULL FROM generate_series(1001, 1100) i; UPDATE items SET v = NULL WHERE id % 4 = 0; VACUUM items',
	'REINDEX TABLE items', 'REINDEX TABLE CONCURRENTLY items',
	'ALTER INDEX items_l2 SET (ef_search = 77); ALTER INDEX items_l2 RESET (ef_search)')
{
	$node->safe_psql('postgres', $_) for $deed =~ /^BEGIN/ ? $deed : split(/; /, $deed);
	my $name = substr($deed, 0, 60);

	for my $operator ('<->', '<+>')
	{
		is_complete($node, 'items', "v $operator '$q'", "$name, $operator", 0.05);
	}
	is_sound($node, $_, $name) for qw(items_l2 items_l1);
}

# another type of the column: the class of operators is no longer right
refused('ALTER TABLE items ALTER v TYPE halfvec(24)', qr/operator class "vector_l[12]_ops" does not accept data type halfvec/, 'ALTER TYPE halfvec');
refused('ALTER TABLE items ALTER v TYPE vector(23)', qr/expected 23 dimensions, not 24/, 'ALTER TYPE vector(23)');
# without dimensions the indexes stay, and go on to ask for what they have
$node->safe_psql('postgres', 'ALTER TABLE items ALTER v TYPE vector');
refused("INSERT INTO items VALUES (5000, '[1,2]')", qr/expected 24 dimensions, not 2/, 'ALTER TYPE vector, other dimensions');
refused('REINDEX TABLE items', qr/does not have dimensions/, 'ALTER TYPE vector, REINDEX');
is_complete($node, 'items', "v <-> '$q'", 'ALTER TYPE vector', 0.05);
$node->safe_psql('postgres', 'ALTER TABLE items ALTER v TYPE vector(24)');
is_complete($node, 'items', "v <-> '$q'", 'after ALTER TYPE was refused', 0.05);
$node->safe_psql('postgres', 'ALTER TABLE items ALTER v TYPE vector(12) USING subvector(v, 3, 12)');
is_complete($node, 'items', "v <-> (SELECT point(5, 12))", 'ALTER TYPE vector(12)', 0.05);
is_sound($node, $_, 'ALTER TYPE vector(12)') for qw(items_l2 items_l1);

# what an index cannot be
refused('CREATE INDEX ON items USING hnsw (v vector_l2_ops) INCLUDE (id)', qr/access method "hnsw" does not support included columns/, 'INCLUDE');
refused('CREATE INDEX ON items USING hnsw (v vector_l2_ops, v vector_l1_ops)', qr/cannot have more than one vector/, 'two columns');
refused('CREATE UNIQUE INDEX ON items USING hnsw (v vector_l2_ops)', qr/access method "hnsw" does not support unique indexes/, 'UNIQUE');
refused('CREATE INDEX ON items USING hnsw (v vector_l2_ops DESC)', qr/access method "hnsw" does not support ASC\/DESC options/, 'DESC');
refused('CLUSTER items USING items_l2', qr/cannot cluster on index "items_l2" because access method does not support clustering/, 'CLUSTER by it');

# partitioned, inherited, temporary
$node->safe_psql('postgres', q{
	CREATE TABLE parts (id int, v vector(24)) PARTITION BY RANGE (id);
	CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM (0) TO (200);
	CREATE INDEX parts_v ON parts USING hnsw (v vector_cosine_ops);
	CREATE TABLE parts_b PARTITION OF parts FOR VALUES FROM (200) TO (400) PARTITION BY RANGE (id);
	CREATE TABLE parts_c PARTITION OF parts_b FOR VALUES FROM (200) TO (400);
	CREATE TABLE parts_d (id int, v vector(24));
	INSERT INTO parts_d SELECT i, point(i, 24) FROM generate_series(400, 500) i;
	ALTER TABLE parts ATTACH PARTITION parts_d FOR VALUES FROM (400) TO (600);
	INSERT INTO parts SELECT i, point(i, 24) FROM generate_series(1, 399) i;
	UPDATE parts SET id = id + 190 WHERE id BETWEEN 20 AND 50;
	ALTER TABLE parts DETACH PARTITION parts_d;
	INSERT INTO parts_d SELECT i, point(i, 24) FROM generate_series(501, 550) i;
	ALTER TABLE parts ATTACH PARTITION parts_d FOR VALUES FROM (400) TO (600);
	CREATE TABLE parent (id int, v vector(24));
	CREATE TABLE child () INHERITS (parent);
	INSERT INTO parent SELECT i, point(i, 24) FROM generate_series(1, 100) i;
	INSERT INTO child SELECT i, point(i, 24) FROM generate_series(101, 300) i;
	CREATE INDEX parent_v ON parent USING hnsw (v vector_l2_ops);
	CREATE INDEX child_v ON child USING hnsw (v vector_l2_ops)});
is_complete($node, 'parts', "v <=> '$q'", 'partitions', 0.05);
is_complete($node, 'parent', "v <-> '$q'", 'inheritance', 0.05);
is($node->safe_psql('postgres', "SELECT DISTINCT c.relname, problem FROM pg_class c, gigavec.check(c.oid) WHERE c.relkind = 'i' AND relam = (SELECT oid FROM pg_am WHERE amname = 'hnsw')"),
	'', 'all are sound');
refused(q{SELECT gigavec.check('parts_v')}, qr/"parts_v" is a partitioned index/, 'check of a partitioned index');
is($node->safe_psql('postgres', qq{
		CREATE TEMPORARY TABLE passing (id int, v vector(24)) ON COMMIT DELETE ROWS;
		CREATE INDEX passing_l2 ON passing USING hnsw (v vector_l2_ops);
		CREATE INDEX passing_l1 ON passing USING hnsw (v vector_l1_ops);
		$BY_INDEX
		BEGIN;
		INSERT INTO passing SELECT i, point(i, 24) FROM generate_series(1, 500) i;
		SELECT count(*) FROM (SELECT id FROM passing ORDER BY v <-> '$q' OFFSET 0) s;
		SELECT count(*) FROM (SELECT id FROM passing ORDER BY v <+> '$q' OFFSET 0) s;
		DELETE FROM passing WHERE id > 100;
		COMMIT;
		SELECT count(*) FROM (SELECT id FROM passing ORDER BY v <-> '$q' OFFSET 0) s;
		INSERT INTO passing SELECT i, point(i, 24) FROM generate_series(1, 50) i;
		BEGIN;
		INSERT INTO passing SELECT i, point(i, 24) FROM generate_series(1, 50) i;
		SELECT count(*) FROM (SELECT id FROM passing ORDER BY v <-> '$q' OFFSET 0) s;
		SELECT count(*) FROM gigavec.check('passing_l2') a, gigavec.check('passing_l1') b;
		COMMIT;
		CREATE TEMPORARY TABLE kept AS SELECT i AS id, point(i, 24)::vector(24) AS v FROM generate_series(1, 500) i;
		CREATE INDEX kept_l2 ON kept USING hnsw (v vector_l2_ops);
		DELETE FROM kept WHERE id % 2 = 0;
		VACUUM kept;
		SELECT count(*) FROM (SELECT id FROM kept ORDER BY v <-> '$q' OFFSET 0) s;
		SELECT count(*) FROM gigavec.check('kept_l2');
	}), join("\n", 500, 500, 0, 50, 0, 250, 0), 'temporary tables');

# expressions, conditions, values out of line and compressed
$node->safe_psql('postgres', q{
	CREATE TABLE texts (id int, t text, v vector(1500), live bool);
	INSERT INTO texts SELECT i, point(i, 24)::text, point(i, 1500), i % 3 > 0 FROM generate_series(1, 300) i;
	ALTER TABLE texts ADD COLUMN w vector(1500);
	ALTER TABLE texts ALTER w SET STORAGE main;
	UPDATE texts SET w = v;
	CREATE INDEX texts_expression ON texts USING hnsw ((t::vector(24)) vector_l2_ops);
	CREATE INDEX texts_live ON texts USING hnsw (v vector_l2_ops) WHERE live;
	CREATE INDEX texts_l1 ON texts USING hnsw (v vector_l1_ops);
	CREATE INDEX texts_w ON texts USING hnsw (w vector_cosine_ops);
	CREATE INDEX texts_half ON texts USING hnsw ((subvector(v, 1, 100)::halfvec(100)) halfvec_ip_ops);
	CREATE INDEX texts_bit ON texts USING hnsw ((binary_quantize(v - array_fill(1.5, ARRAY[1500])::vector)::bit(1500)) bit_jaccard_ops);
	UPDATE texts SET live = NOT live WHERE id % 5 = 0;
	INSERT INTO texts SELECT i, point(i, 24)::text, point(i, 1500), i % 3 > 0, point(i, 1500) FROM generate_series(301, 350) i;
	DELETE FROM texts WHERE id % 7 = 0;
	VACUUM texts});
my $long = $node->safe_psql('postgres', 'SELECT point(1000003, 1500)');
is_complete($node, 'texts', "t::vector(24) <-> '$q'", 'expression', 0.05);
is_complete($node, 'texts', "v <+> '$long'", 'long values, L1', 0.05);
is_complete($node, 'texts', "w <=> '$long'", 'long values in the table', 0.05);
is_complete($node, 'texts', "subvector(v, 1, 100)::halfvec(100) <#> (SELECT subvector('$long'::vector, 1, 100)::halfvec(100))", 'expression of a part', 0.1);
is($node->safe_psql('postgres', "$BY_INDEX SELECT count(*), bool_and(live) FROM (SELECT live FROM texts WHERE live ORDER BY v <-> '$long' OFFSET 0) s"),
	$node->safe_psql('postgres', "$BY_TABLE SELECT count(*), true FROM texts WHERE live"), 'condition');
is_sound($node, $_, 'expressions and conditions') for qw(texts_expression texts_live texts_l1 texts_w texts_half texts_bit);
unlike($node->safe_psql('postgres', "$BY_INDEX EXPLAIN SELECT id FROM texts WHERE NOT live ORDER BY v <-> '$long' LIMIT 3"),
	qr/texts_live/, 'condition: not for other queries');

# wrong values leave nothing behind
refused("INSERT INTO items VALUES (5000, '[1,2]')", qr/expected 12 dimensions, not 2/, 'wrong dimensions');
refused(q{INSERT INTO texts (id, t) VALUES (1, '[1,2]')}, qr/expected 24 dimensions, not 2/, 'wrong dimensions of an expression');
is_sound($node, 'texts_expression', 'after wrong values');

# rows changed over and over, with VACUUM between: no endless growth
$node->safe_psql('postgres', q{
	CREATE TABLE counters (id int, v vector(24), n int);
	CREATE INDEX counters_v ON counters USING hnsw (v vector_l2_ops);
	CREATE INDEX counters_n ON counters (n);
	INSERT INTO counters SELECT i, point(i % 3, 24), 0 FROM generate_series(1, 300) i});
my @sizes;
for my $round (1 .. 24)
{
	$node->safe_psql('postgres', 'UPDATE counters SET n = n + 1');
	$node->safe_psql('postgres', 'VACUUM counters');
	push @sizes, $node->safe_psql('postgres', q{SELECT pg_relation_size('counters_v')});
}
is_complete($node, 'counters', "v <-> '$q'", 'rows changed over and over');
is_sound($node, 'counters_v', 'rows changed over and over');
cmp_ok($sizes[-1], '<=', 1.5 * $sizes[3], "rows changed over and over: the index does not grow for ever (@sizes)");

# values longer than a page, and nodes without codes: their room is used again
$node->safe_psql('postgres', q{
	CREATE TABLE longer (id int, v vector(3000));
	CREATE INDEX longer_l1 ON longer USING hnsw (v vector_l1_ops) WITH (m = 8, ef_construction = 32);
	INSERT INTO longer SELECT i, point(i, 3000) FROM generate_series(1, 60) i});
@sizes = ();
for my $round (1 .. 6)
{
	$node->safe_psql('postgres', 'DELETE FROM longer WHERE id IN (SELECT id FROM longer ORDER BY id LIMIT 30)');
	$node->safe_psql('postgres', 'VACUUM longer');
	$node->safe_psql('postgres', "INSERT INTO longer SELECT i, point(i, 3000) FROM generate_series(${round}000, ${round}029) i");
	push @sizes, $node->safe_psql('postgres', q{SELECT pg_relation_size('longer_l1')});
}
is_sound($node, 'longer_l1', 'long values come and go');
is_complete($node, 'longer', "v <+> (SELECT point(5, 3000))", 'long values come and go');
cmp_ok($sizes[-1], '<=', 1.1 * $sizes[0], "long values come and go: the index does not grow (@sizes)");

$node->stop;
done_testing();
