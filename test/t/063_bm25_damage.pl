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

# A lane that goes from its first page to its last: the rows between are deleted,
# but count in scores.  Kind and links of a page: see page.h.
{
	my $query = "$BY_INDEX SELECT count(*) FROM (SELECT id FROM cut ORDER BY body <\@> 'w7') s";

	$node->safe_psql('postgres', q{
		CREATE TABLE cut AS SELECT i AS id, words(i) AS body FROM generate_series(1, 50) i;
		CREATE INDEX cut_body ON cut USING bm25 (body) WITH (text_config = 'simple');
		INSERT INTO cut SELECT i, words(i) FROM generate_series(1001, 1100) i;
		DELETE FROM cut WHERE id BETWEEN 1002 AND 1099;
		CHECKPOINT});
	my $path = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('cut_body')");
	$node->stop;
	my $image = slurp_file($path);
	my ($head) = grep { unpack('v', substr($image, $_ * 8192 + 8184, 2)) == 3 && unpack('V', substr($image, $_ * 8192 + 36, 4)) != 0xFFFFFFFF } 1 .. length($image) / 8192 - 1;
	my ($next, $tail, $n_pages) = unpack('VVV', substr($image, $head * 8192 + 32, 12));
	cmp_ok($n_pages, '>=', 4, "a lane has $n_pages pages");
	isnt($next, $tail, 'some are between the first and the last');
	open(my $file, '+<:raw', $path) || die "could not open $path: $!";
	seek($file, $head * 8192 + 32, 0);
	print $file pack('V', $tail);
	close($file);
	$node->start;
	for my $sql (q{SELECT * FROM gigavec.check('cut_body')}, $query)
	{
		my (undef, undef, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");

		like($err, qr/ERROR:  XX002: index "cut_body" contains a damaged page at block $head\n.*A lane has fewer pages than its first page says\./,
			'a lane that leaves pages out: ' . substr($sql, -40));
	}
	$node->safe_psql('postgres', 'REINDEX INDEX cut_body');
	is_sound($node, 'cut_body', 'REINDEX after that');
}

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
