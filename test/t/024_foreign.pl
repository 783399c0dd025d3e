#----------------------------------------------------------------------
#
# Foreign tables by postgres_fdw: the same answers, pushed down or not.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $far = new_server('far', "fsync = off\n");
my $near = new_server('near', "fsync = off\n");

plan skip_all => 'this PostgreSQL comes without postgres_fdw'
  if $near->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}) == 0;

$far->safe_psql('postgres', q{
	CREATE SCHEMA remote;
	CREATE TABLE remote.items (id int PRIMARY KEY, v vector(24), h halfvec(24), s sparsevec(24), b bit(24), n int);
	INSERT INTO remote.items SELECT i, p, p, p, binary_quantize(p - array_fill(1.5, ARRAY[24])::vector)::bit(24), i % 10
		FROM (SELECT i, point(i, 24) AS p FROM generate_series(1, 500) i) t;
	INSERT INTO remote.items VALUES (1001), (1002);
	CREATE INDEX items_l2 ON remote.items USING hnsw (v vector_l2_ops);
	CREATE INDEX items_cosine ON remote.items USING hnsw (h halfvec_cosine_ops);
	CREATE INDEX items_sparse ON remote.items USING hnsw (s sparsevec_l1_ops);
	CREATE INDEX items_bit ON remote.items USING hnsw (b bit_hamming_ops);
	ANALYZE;
});
my ($host, $port) = ($far->host, $far->port);
$near->safe_psql('postgres', qq{
	CREATE EXTENSION postgres_fdw;
	CREATE SERVER pushing FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres',
		extensions 'gigavec', fdw_tuple_cost '1', options '-c enable_seqscan=off -c enable_sort=off -c hnsw.ef_search=500');
	CREATE SERVER fetching FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres');
	CREATE USER MAPPING FOR PUBLIC SERVER pushing;
	CREATE USER MAPPING FOR PUBLIC SERVER fetching;
	CREATE SCHEMA pushed;
	CREATE SCHEMA fetched;
	IMPORT FOREIGN SCHEMA remote FROM SERVER pushing INTO pushed;
	IMPORT FOREIGN SCHEMA remote FROM SERVER fetching INTO fetched;
	CREATE TABLE questions AS SELECT i AS id, point(1000000 + i, 24) AS q FROM generate_series(1, 5) i;
});

is($near->safe_psql('postgres', q{SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = 'pushed.items'::regclass AND attnum > 0 ORDER BY attnum}),
	"id|integer\nv|vector(24)\nh|halfvec(24)\ns|sparsevec(24)\nb|bit(24)\nn|integer", 'types of the columns come with the import');
is($near->safe_psql('postgres', q{SELECT md5(string_agg(i::text, ' ' ORDER BY id)) FROM pushed.items i}),
	$far->safe_psql('postgres', q{SELECT md5(string_agg(i::text, ' ' ORDER BY id)) FROM remote.items i}), 'the same rows');

my %distances = (
	'v <-> %s' => 'vector', 'h <=> %s' => 'halfvec', 's <+> %s' => 'sparsevec', 'b <~> %s' => 'bit(24)');
for my $distance (sort keys %distances)
{
	for my $id (1 .. 5)
	{
		my $q = $near->safe_psql('postgres', $distance =~ /<~>/ ?
			  "SELECT 'B' || quote_literal(binary_quantize(q - array_fill(1.5, ARRAY[24])::vector)) FROM questions WHERE id = $id"
			: "SELECT quote_literal(q::$distances{$distance}) || '::$distances{$distance}' FROM questions WHERE id = $id");
		my $order = sprintf($distance, $q);
		my $query = "SELECT id FROM %s.items WHERE n < 7 ORDER BY $order, id LIMIT 10";

		if ($id == 1)
		{
			my $pushed = $near->safe_psql('postgres', 'EXPLAIN (VERBOSE, COSTS off) ' . sprintf($query, 'pushed'));
			my $fetched = $near->safe_psql('postgres', 'EXPLAIN (VERBOSE, COSTS off) ' . sprintf($query, 'fetched'));

			like($pushed, qr/Remote SQL: .*ORDER BY .*OPERATOR\(public\.<.*LIMIT 10/, "$distance: order and limit are pushed down");
			like($fetched, qr/Sort/, "$distance: no order is, unless the extension is named");
			unlike($fetched, qr/OPERATOR\(public/, "$distance: no operator either");
		}
		my $expected = $far->safe_psql('postgres', "$BY_TABLE " . sprintf($query, 'remote'));
		is($near->safe_psql('postgres', sprintf($query, 'pushed')), $expected, "$distance, question $id: answers, pushed down");
		is($near->safe_psql('postgres', sprintf($query, 'fetched')), $expected, "$distance, question $id: answers, fetched");
	}
}
# an order by distance alone can use the other side's index
like($far->safe_psql('postgres', "$BY_INDEX EXPLAIN (COSTS off) SELECT id FROM remote.items WHERE n < 7 ORDER BY v OPERATOR(public.<->) '["
		  . join(',', 1 .. 24) . "]'::public.vector ASC NULLS LAST LIMIT 10"), qr/Index Scan using items_l2/, 'what is sent can use the index');

# conditions, functions, parameters, joins, writes
is($near->safe_psql('postgres', "SELECT count(*) FROM pushed.items WHERE v <-> (SELECT q FROM questions WHERE id = 1) < 2.2"),
	$near->safe_psql('postgres', "SELECT count(*) FROM fetched.items WHERE v <-> (SELECT q FROM questions WHERE id = 1) < 2.2"), 'a condition');
like($near->safe_psql('postgres', q{EXPLAIN (VERBOSE, COSTS off) SELECT count(*) FROM pushed.items WHERE vector_norm(v) > 5 AND vector_dims(v) = 24}),
	qr/Remote SQL: .*public\.vector_norm\(v\)/, 'functions are pushed down');
is($near->safe_psql('postgres', 'SELECT q.id, (SELECT string_agg(id::text, $$ $$) FROM (SELECT id FROM pushed.items ORDER BY v <-> q.q, id LIMIT 5) s) FROM questions q ORDER BY q.id'),
	$near->safe_psql('postgres', 'SELECT q.id, (SELECT string_agg(id::text, $$ $$) FROM (SELECT id FROM fetched.items ORDER BY v <-> q.q, id LIMIT 5) s) FROM questions q ORDER BY q.id'), 'parameters');
is($near->safe_psql('postgres', 'SELECT n, avg(v) FROM pushed.items GROUP BY n ORDER BY n'),
	$near->safe_psql('postgres', 'SELECT n, avg(v) FROM fetched.items GROUP BY n ORDER BY n'), 'aggregates');
$near->safe_psql('postgres', q{
	INSERT INTO pushed.items SELECT 2000 + id, q, q, q, binary_quantize(q)::bit(24), 1 FROM questions;
	UPDATE pushed.items SET v = v + v WHERE id > 2002;
	UPDATE fetched.items SET v = v - v WHERE id = 7;
	DELETE FROM pushed.items WHERE id % 50 = 3});
is($far->safe_psql('postgres', q{SELECT md5(string_agg(i::text, ' ' ORDER BY id)) FROM remote.items i}),
	$near->safe_psql('postgres', q{SELECT md5(string_agg(i::text, ' ' ORDER BY id)) FROM fetched.items i}), 'rows written from afar');
is_sound($far, "remote.$_", 'written from afar') for qw(items_l2 items_cosine items_sparse items_bit);

$near->stop;
$far->stop;
done_testing();
