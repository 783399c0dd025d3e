#----------------------------------------------------------------------
#
# bm25: damaged pages; no statement crashes or hangs, and check finds the damage.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecDamage;
use GigavecTest;

# another start by GIGAVEC_SEED
my $n_trials = $LONG ? 500 : 20;

# some segments, rows that are in none, one of them longer than a page
my $node = damage_server(q{
	CREATE FUNCTION words(i bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		$$SELECT 'all own' || i || string_agg(' w' || (pg_catalog.hashint8extended(i, j) & 511), '') FROM generate_series(1, 50) j$$;
	CREATE TABLE items (id int, body text);
	INSERT INTO items SELECT i, words(i) FROM generate_series(1, 1500) i;
	CREATE INDEX items_byte ON items USING bm25 (body) WITH (text_config = 'simple');
	CREATE INDEX items_exact ON items USING bm25 (body, id) WITH (text_config = 'simple', length = exact);
	INSERT INTO items SELECT i, words(i) FROM generate_series(1501, 1700) i;
	DELETE FROM items WHERE id % 20 = 7;
	VACUUM items;
	INSERT INTO items SELECT i, words(i) FROM generate_series(1701, 1800) i;
	INSERT INTO items SELECT 1900, string_agg(words(i), ' ') FROM generate_series(1, 60) i;
	CREATE TABLE articles AS SELECT * FROM items WHERE id < 1000;
	CREATE INDEX articles_fields ON articles USING bm25 ((ARRAY[body, id::text]), id) WITH (text_config = 'simple', fields = 'body', positions = on);
	INSERT INTO articles SELECT * FROM items WHERE id >= 1000;
});

my %texts = (items_byte => 'body', items_exact => 'body', articles_fields => 'ARRAY[body, id::text]');
my %orders = map { $_ => "$texts{$_} <\@> to_bm25query('all w7 w8', '$_')" } keys %texts;

survive_damages($node,
	trials => $n_trials,
	tables => { map { $_ => /(.*)_/ } keys %orders },
	orders => \%orders,
	exact => sub { "SELECT count(*), count(DISTINCT ctid) FROM $_[0]" },
	answers => sub {
		my ($index, $table, $order) = @_;
		my $name = $index eq 'articles_fields' ? 'body:' : '';

		return (
			"$BY_INDEX SELECT md5(string_agg(id || ' ' || d, ',' ORDER BY id)) FROM (SELECT id, $order AS d FROM $table ORDER BY $order) s",
			"$BY_INDEX SELECT string_agg(id || ' ' || d, ',') FROM (SELECT id, $order AS d FROM $table ORDER BY $order LIMIT 10) s",
			"SET enable_seqscan = off; SELECT md5(string_agg(id::text, ',' ORDER BY id)) FROM $table WHERE $texts{$index} \@\@\@ to_bm25query('$name\"w7 w8\" ${name}w9~1 +${name}w1*', '$index')",
			"SET enable_seqscan = off; SELECT md5(string_agg(id::text, ',' ORDER BY id)) FROM $table WHERE $texts{$index} \@\@\@ to_bm25query('${name}own7 ${name}own1707 ${name}w100', '$index')");
	},
	statements => sub {
		my ($index, $table, $order) = @_;
		my $text = $texts{$index};
		my $name = $index eq 'articles_fields' ? 'body:' : '';

		return (
			"SELECT count(*) FROM gigavec.check('$index')",
			"SELECT count(*) FROM gigavec.stats('$index')",
			"$BY_INDEX SELECT count(*) FROM (SELECT id FROM $table ORDER BY $order LIMIT 10) s",
			"$BY_INDEX SELECT count(*), count(DISTINCT ctid) FROM (SELECT ctid FROM $table ORDER BY $order) s",
			"SET enable_seqscan = off; SELECT count(*) FROM $table WHERE $text \@\@\@ to_bm25query('+${name}w7 w1*', '$index')",
			"$BY_INDEX SELECT count(*) FROM (SELECT id FROM $table ORDER BY $text <\@> to_bm25query('$name\"w7 w8\" ${name}w9~1', '$index') LIMIT 10) s",
			"SET enable_seqscan = off; SELECT count(*) FROM $table WHERE id > 0 AND $text \@\@\@ to_bm25query('${name}all', '$index')",
			"INSERT INTO $table SELECT 20000 + i, words(i + 5000) FROM generate_series(1, 400) i",
			"UPDATE $table SET body = words(id + 1) WHERE id % 10 = 3",
			"DELETE FROM $table WHERE id % 11 = 4 OR id >= 20000",
			"VACUUM (INDEX_CLEANUP on) $table",
			"SELECT count(*) FROM gigavec.check('$index')");
	});

# A metapage of another version, or of another access method
survive_metapages($node, 'items_byte',
	cases => [
	[ 28, pack('V', 77), 'version', qr/ERROR:  0A000: index "items_byte" has version 77, this library reads version 4\n(.*\n)*HINT:  Rebuild the index with REINDEX\./ ],
		[ 24, 'XYZW', 'magic', qr/ERROR:  XX002: index "items_byte" contains a damaged page at block 0\n(.*\n)*HINT:  Rebuild the index with REINDEX\./ ],
	],
	statements => [ "$BY_INDEX SELECT id FROM items ORDER BY $orders{items_byte} LIMIT 1",
		"INSERT INTO items VALUES (1, words(1))", 'DELETE FROM items WHERE id = 3; VACUUM (INDEX_CLEANUP on) items' ],
	clean_up => 'VACUUM items');

$node->stop;
done_testing();
