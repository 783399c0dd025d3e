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
	CREATE TABLE remote.others (id int PRIMARY KEY, v vector(24), h halfvec(24), k vector(3), body text, n int);
	INSERT INTO remote.items SELECT i, p, p, p, binary_quantize(p - array_fill(1.5, ARRAY[24])::vector)::bit(24), i % 10
		FROM (SELECT i, point(i, 24) AS p FROM generate_series(1, 500) i) t;
	INSERT INTO remote.items VALUES (1001), (1002);
	CREATE INDEX items_l2 ON remote.items USING hnsw (v vector_l2_ops);
	CREATE INDEX items_cosine ON remote.items USING hnsw (h halfvec_cosine_ops);
	CREATE INDEX items_sparse ON remote.items USING hnsw (s sparsevec_l1_ops);
	CREATE INDEX items_bit ON remote.items USING hnsw (b bit_hamming_ops);
	INSERT INTO remote.others SELECT id, v, h, subvector(v, 1, 3), 'all w' || id % 7 || repeat(' w' || id % 11, id % 3), n FROM remote.items;
	CREATE INDEX others_flat ON remote.others USING ivfflat (v vector_l2_ops) WITH (lists = 5);
	CREATE INDEX others_pq ON remote.others USING ivfpq (h halfvec_cosine_ops) WITH (lists = 5);
	CREATE INDEX others_kd ON remote.others USING kdtree (k, n);
	CREATE INDEX others_text ON remote.others USING bm25 (body) WITH (text_config = 'simple');
	ANALYZE;
});
my ($host, $port) = ($far->host, $far->port);
$near->safe_psql('postgres', qq{
	CREATE EXTENSION postgres_fdw;
	CREATE SERVER pushing FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres',
		extensions 'gigavec', fdw_tuple_cost '1', options '-c enable_seqscan=off -c enable_sort=off -c hnsw.ef_search=500 -c ivfflat.probes=5 -c ivfpq.probes=5');
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

# the other access methods: what is sent uses their indexes, and the answers are those of the far side
my $q = $near->safe_psql('postgres', q{SELECT quote_literal(q) FROM questions WHERE id = 2});
my $near_origin = $near->safe_psql('postgres', q{SELECT quote_literal(subvector(q, 1, 3)) FROM questions WHERE id = 2});
for my $case (
	[ 'ivfflat', 'others_flat', "v <-> $q\::vector", 'true' ],
	[ 'ivfpq', 'others_pq', "h <=> $q\::halfvec", 'true' ],
	[ 'kdtree', 'others_kd', "k <-> $near_origin\::vector", 'n < 7' ])
{
	my ($name, $index, $distance, $condition) = @$case;
	my $query = "SELECT id FROM %s.others WHERE $condition ORDER BY $distance LIMIT 10";
	my ($sent) = $near->safe_psql('postgres', 'EXPLAIN (VERBOSE, COSTS off) ' . sprintf($query, 'pushed')) =~ /Remote SQL: (.*)/;
	my $expected = $far->safe_psql('postgres', "$BY_TABLE " . sprintf($query, 'remote'));

	like($sent, qr/ORDER BY .*OPERATOR\(public\.<.*LIMIT 10/, "$name: order and limit are pushed down");
	like($far->safe_psql('postgres', "$BY_INDEX EXPLAIN (COSTS off) $sent"), qr/Index Scan using $index/, "$name: what is sent uses the index");
	is($near->safe_psql('postgres', sprintf($query, 'pushed')), $expected, "$name: answers, pushed down");
	is($near->safe_psql('postgres', sprintf($query, 'fetched')), $expected, "$name: answers, fetched");
}
{
	my $query = "SELECT id FROM %s.others WHERE n < 7 AND k OPERATOR(gigavec.\@<->) gigavec.ball($near_origin\::vector, .9) ORDER BY id";
	my ($sent) = $near->safe_psql('postgres', 'EXPLAIN (VERBOSE, COSTS off) ' . sprintf($query, 'pushed')) =~ /Remote SQL: (.*)/;
	my $expected = $far->safe_psql('postgres', "$BY_TABLE " . sprintf($query, 'remote'));

	like($sent, qr/OPERATOR\(gigavec\.\@<->\)/, 'a ball: the condition is pushed down');
	like($far->safe_psql('postgres', "$BY_INDEX EXPLAIN (COSTS off) $sent"), qr/Index Scan using others_kd/, 'a ball: what is sent uses the index');
	isnt($expected, '', 'a ball: it is not empty');
	is($near->safe_psql('postgres', sprintf($query, 'pushed')), $expected, 'a ball: answers, pushed down');
	is($near->safe_psql('postgres', sprintf($query, 'fetched')), $expected, 'a ball: answers, fetched');
}
# scores depend on an index, so they are not pushed down, and the near side has none for the column
my $words = q{SELECT id FROM %s.others WHERE body @@@ %s ORDER BY body <@> %s, id LIMIT 20};
my ($rc, undef, $complaint) = $near->psql('postgres', sprintf($words, 'pushed', (q{'w3'}) x 2));
like($complaint, qr/ERROR:  no bm25 index was found for the operator\n.*\nHINT:  Name the index/, 'bm25: an index is asked for');
$near->safe_psql('postgres', q{
	CREATE TABLE copied AS SELECT * FROM pushed.others;
	CREATE INDEX near_text ON copied USING bm25 (body) WITH (text_config = 'simple')});
my $named = q{to_bm25query('w3', 'near_text')};
is($near->safe_psql('postgres', sprintf($words, $_, ($named) x 2)), $far->safe_psql('postgres', sprintf($words, 'remote', (q{'w3'}) x 2)),
	"bm25: answers by an index of the near side, $_") for 'pushed', 'fetched';
# a view of the far side is ordered there
$far->safe_psql('postgres', q{CREATE VIEW remote.found AS SELECT id, body <@> 'w3' AS distance FROM remote.others ORDER BY body <@> 'w3'});
$near->safe_psql('postgres', 'IMPORT FOREIGN SCHEMA remote LIMIT TO (found) FROM SERVER pushing INTO pushed');
is($near->safe_psql('postgres', 'SELECT round(distance::numeric, 4) FROM pushed.found ORDER BY distance, id LIMIT 20'),
	$far->safe_psql('postgres', q{SELECT round((body <@> 'w3')::numeric, 4) FROM remote.others ORDER BY body <@> 'w3', id LIMIT 20}), 'bm25: a view of the far side');

$near->stop;
$far->stop;
done_testing();
