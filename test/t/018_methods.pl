#----------------------------------------------------------------------
#
# What is done to tables with indexes of each access method: rows, tables of
# every kind, versions of the format.  008_tables does more with hnsw.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $node = new_server('methods', "fsync = off\nclient_min_messages = warning\n");
my $folder = $node->basedir . '/space';
mkdir($folder) || die "could not create $folder: $!";
disable_checksums($node);

# access method: column to index, options, what is ordered by, bytes of a version
my %methods = (
	hnsw => [ 'v vector_l2_ops', '', 'v <-> point(1000001, 8)', 'v' ],
	ivfflat => [ 'v vector_cosine_ops', 'WITH (lists = 4)', 'v <=> point(1000001, 8)', 'v' ],
	ivfpq => [ 'v vector_l2_ops', 'WITH (lists = 4)', 'v <-> point(1000001, 8)', 'v' ],
	kdtree => [ 'v vector_l1_ops', '', 'v <+> point(1000001, 8)', 'v' ],
	bm25 => [ 'body', q{WITH (text_config = 'simple')}, q{body <@> 'all a3'}, 'V' ]);

$node->safe_psql('postgres', qq{
	CREATE TABLESPACE space LOCATION '$folder';
	CREATE FUNCTION words(i bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
		\$\$SELECT 'all own' || i || ' a' || i % 7 || ' b' || i % 11\$\$;
});

# The table has just the rows that the index has, in order
sub is_right
{
	my ($method, $table, $index, $name) = @_;
	my $distance = $methods{$method}[2];

	is_complete($node, $table, $distance, "$method, $name", 0.05);
	is_sound($node, $index, "$method, $name");
	return;
}

sub refused
{
	my ($sql, $message, $name) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', $sql);

	isnt($rc, 0, "$name: refused");
	return like($err, $message, "$name: message");
}

for my $method (sort keys %methods)
{
	my ($column, $options, $distance, $format) = @{ $methods{$method} };
	my ($key) = $column =~ /^(\w+)/;
	my $index = "items_$method";
	my $rows = 'SELECT i, point(i, 8), words(i) FROM generate_series';

	$node->safe_psql('postgres', qq{
		CREATE TABLE items (id int PRIMARY KEY, v vector(8), body text, n int DEFAULT 0);
		INSERT INTO items $rows(1, 400) i;
		CREATE INDEX $index ON items USING $method ($column) $options});
	for my $deed (
		'DELETE FROM items WHERE id % 3 = 0; VACUUM FULL items',
		'CLUSTER items USING items_pkey',
		"ALTER TABLE items SET TABLESPACE space; ALTER INDEX $index SET TABLESPACE space",
		'UPDATE items SET n = n + 1; UPDATE items SET n = n + 1; VACUUM items',
		'UPDATE items SET v = point(id + 7, 8), body = words(id + 7) WHERE id % 5 = 0',
		"BEGIN; TRUNCATE items; INSERT INTO items $rows(1, 20) i; ROLLBACK",
		"BEGIN; INSERT INTO items $rows(1001, 1050) i; SAVEPOINT s; INSERT INTO items $rows(1101, 1150) i; ROLLBACK TO s; COMMIT",
		"INSERT INTO items $rows(300, 500) i ON CONFLICT (id) DO UPDATE SET v = excluded.v, body = excluded.body",
		'ALTER TABLE items SET UNLOGGED; ALTER TABLE items SET LOGGED',
		"DELETE FROM items; VACUUM items; INSERT INTO items $rows(1, 200) i",
		"TRUNCATE items; INSERT INTO items $rows(1, 200) i",
		"UPDATE items SET $key = NULL WHERE id % 4 = 0; VACUUM items",
		'REINDEX TABLE items', 'REINDEX TABLE CONCURRENTLY items')
	{
		$node->safe_psql('postgres', $_) for $deed =~ /^BEGIN/ ? $deed : split(/; /, $deed);
		is_right($method, 'items', $index, substr($deed, 0, 40));
	}

	# what an index cannot be
	refused("CREATE INDEX ON items USING $method ($column) INCLUDE (id)", qr/access method "$method" does not support included columns/, "$method, INCLUDE");
	refused("CREATE UNIQUE INDEX ON items USING $method ($column)", qr/access method "$method" does not support unique indexes/, "$method, UNIQUE");
	refused("CREATE INDEX ON items USING $method ($column DESC)", qr/access method "$method" does not support ASC\/DESC options/, "$method, DESC");
	refused("CREATE INDEX ON items USING $method (id)", qr/has no default operator class for access method "$method"|first column of $method index "\w+" is not a /, "$method, integer");

	# partitioned, unlogged and temporary tables; a condition
	$node->safe_psql('postgres', qq{
		CREATE TABLE parts (id int, v vector(8), body text) PARTITION BY RANGE (id);
		CREATE TABLE parts_a PARTITION OF parts FOR VALUES FROM (0) TO (200);
		CREATE INDEX parts_i ON parts USING $method ($column) $options;
		CREATE TABLE parts_b PARTITION OF parts FOR VALUES FROM (200) TO (1000);
		INSERT INTO parts $rows(1, 399) i;
		UPDATE parts SET id = id + 190 WHERE id BETWEEN 20 AND 50;
		CREATE UNLOGGED TABLE passing (id int, v vector(8), body text);
		CREATE INDEX passing_i ON passing USING $method ($column) $options;
		INSERT INTO passing $rows(1, 100) i;
		CREATE INDEX chosen ON items USING $method ($column) $options WHERE id < 100});
	is_complete($node, 'parts', $distance, "$method, partitions", 0.05);
	is($node->safe_psql('postgres', q{SELECT c.relname, p FROM pg_class c, gigavec.check(c.oid) p WHERE c.relkind = 'i' AND c.relname ~ '^(parts_[ab]|chosen)' AND c.relname NOT LIKE '%pkey'}),
		'', "$method: partitions and conditions are sound");
	is($node->safe_psql('postgres', "$BY_INDEX SELECT count(*), max(id) < 100 FROM (SELECT id FROM items WHERE id < 100 ORDER BY $distance OFFSET 0) s"),
		$node->safe_psql('postgres', "$BY_TABLE SELECT count(*), true FROM items WHERE id < 100 AND $key IS NOT NULL"), "$method: condition");
	is($node->safe_psql('postgres', qq{
			CREATE TEMPORARY TABLE kept AS $rows(1, 300) i;
			ALTER TABLE kept RENAME i TO id;
			ALTER TABLE kept RENAME point TO v;
			ALTER TABLE kept RENAME words TO body;
			ALTER TABLE kept ALTER v TYPE vector(8);
			CREATE INDEX kept_i ON kept USING $method ($column) $options;
			DELETE FROM kept WHERE id % 2 = 0;
			VACUUM kept;
			$BY_INDEX
			SELECT count(*) FROM (SELECT id FROM kept ORDER BY $distance OFFSET 0) s;
			SELECT count(*) FROM gigavec.check('kept_i')}), "150\n0", "$method: temporary table");

	# a crash empties what is not logged, and leaves the rest
	$node->stop('immediate');
	$node->start;
	is($node->safe_psql('postgres', 'SELECT count(*) FROM passing'), '0', "$method: unlogged, empty after a crash");
	$node->safe_psql('postgres', "INSERT INTO passing $rows(1, 50) i");
	is_right($method, 'passing', 'passing_i', 'unlogged, after a crash');
	is_right($method, 'items', $index, 'after a crash');

	# a format of another version, and a page of no index
	my $file = $node->data_dir . '/' . $node->safe_psql('postgres', "CHECKPOINT; SELECT pg_relation_filepath('passing_i')");
	for my $case ([ 28, $format, 'version', qr/ERROR:  .*version.*\n(.*\n)*HINT:  Rebuild the index with REINDEX\./ ],
		[ 24, 'V', 'magic', qr/ERROR:  .*"passing_i".*\n(.*\n)*HINT:  Rebuild the index with REINDEX\./ ])
	{
		my ($place, $template, $what, $message) = @$case;
		my $length = length(pack($template, 0));

		$node->stop;
		open(my $fh, '+<:raw', $file) || die "could not open $file: $!";
		seek($fh, $place, 0);
		read($fh, my $old, $length) == $length || die "$file is too short";
		seek($fh, $place, 0);
		print $fh pack($template, (unpack($template, $old) ^ 0x55) & 0x7fffffff);
		close($fh) || die "could not write $file: $!";
		$node->start;
		for my $sql ("$BY_INDEX SELECT id FROM passing ORDER BY $distance LIMIT 1", "INSERT INTO passing $rows(51, 51) i")
		{
			refused($sql, $message, "$method, another $what");
		}
		$node->safe_psql('postgres', 'REINDEX INDEX passing_i; CHECKPOINT');
		is_right($method, 'passing', 'passing_i', "REINDEX after another $what");
		$file = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('passing_i')");
	}
	$node->safe_psql('postgres', 'DROP TABLE items, parts, passing');
}

$node->stop;
done_testing();
