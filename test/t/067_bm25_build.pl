#----------------------------------------------------------------------
#
# bm25: builds by several processes and in little memory make the same index, to
# the byte; work that is stopped leaves nothing behind.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $node = new_server('build', q{
	fsync = off
	shared_buffers = 64MB
	min_parallel_table_scan_size = 0
	max_parallel_workers = 8
	max_worker_processes = 12
	log_min_messages = warning
});

$node->safe_psql('postgres', q{
	CREATE EXTENSION pageinspect;
	CREATE FUNCTION words(i bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		$$SELECT 'all own' || i || string_agg(' w' || (pg_catalog.hashint8extended(i, j) & 1023), '') FROM generate_series(1, 60) j$$;
	CREATE TABLE items (id int, body text);
	INSERT INTO items SELECT i, CASE WHEN i % 100 <> 0 THEN words(i) END FROM generate_series(1, 8000) i;
	DELETE FROM items WHERE id % 7 = 0;
	-- all pages, without what the log writes into their headers
	CREATE FUNCTION content(index text) RETURNS text LANGUAGE sql AS
		$$SELECT md5(string_agg(md5(substr(get_raw_page(index, 'main', b::int), 25)), '' ORDER BY b))
		  FROM generate_series(0, pg_relation_size(index::regclass) / 8192 - 1) b$$;
});
watch_leftovers($node, '^items');

# The same index, whoever builds it
my $create = q{CREATE INDEX items_body ON items USING bm25 (body, id, (id % 50)) WITH (text_config = 'simple')};
my $truth;
for my $how ([ 0, '64MB' ], [ 0, '1MB' ], [ 1, '64MB' ], [ 2, '96MB' ], [ 8, '512MB' ])
{
	my ($workers, $memory) = @$how;
	my $content = $node->safe_psql('postgres', qq{
		SET client_min_messages = warning;
		SET max_parallel_maintenance_workers = $workers;
		SET maintenance_work_mem = '$memory';
		ALTER TABLE items SET (parallel_workers = $workers);
		DROP INDEX IF EXISTS items_body;
		$create;
		SELECT content('items_body')});

	$truth //= $content;
	is($content, $truth, "the same index by $workers workers in $memory");
	is_sound($node, 'items_body', "$workers workers in $memory");
}
is($node->safe_psql('postgres', qq{$BY_INDEX
		SELECT count(*) - (SELECT count(body) FROM items), count(*) - count(DISTINCT ctid) FROM (SELECT ctid FROM items ORDER BY body <\@> 'all' OFFSET 0) s}),
	'0|0', 'it has all rows');
my @with_fields = map {
	my $content = $node->safe_psql('postgres', qq{
		SET max_parallel_maintenance_workers = $_;
		SET maintenance_work_mem = '@{[ $_ ? 96 : 1 ]}MB';
		ALTER TABLE items SET (parallel_workers = $_);
		CREATE INDEX items_fields ON items USING bm25 ((ARRAY['w1 w' || id % 10, body]), id) WITH (text_config = 'simple', fields = 'title,body', positions = on);
		SELECT content('items_fields')});

	is_sound($node, 'items_fields', "with fields and positions by $_ workers");
	$node->safe_psql('postgres', 'DROP INDEX items_fields');
	$content } 0, 2;
is($with_fields[1], $with_fields[0], 'the same index with fields and positions');
is($node->safe_psql('postgres', q{
		SET max_parallel_maintenance_workers = 2; SET maintenance_work_mem = '96MB';
		CREATE INDEX CONCURRENTLY items_more ON items USING bm25 (lower(body)) WHERE id % 2 = 0;
		SELECT value - (SELECT count(body) FROM items WHERE id % 2 = 0) FROM gigavec.stats('items_more') WHERE name = 'rows';
		DROP INDEX items_more}), '0', 'an expression, some rows, concurrently');

# Memory does not grow with the rows: what does not fit into maintenance_work_mem goes to a file
my $n_rows = 200_000;
$node->safe_psql('postgres', qq{
	SET client_min_messages = warning;
	CREATE TABLE plain (id int, body text, more int) WITH (autovacuum_enabled = off, fillfactor = 80);
	INSERT INTO plain SELECT i, 'all words' FROM generate_series(1, $n_rows) i;
	UPDATE plain SET more = 1 WHERE id % 7 = 0});
for my $positions ('off', 'on')
{
	for my $case (
		[ 'a build', "CREATE INDEX plain_body ON plain USING bm25 (body) WITH (text_config = 'simple', positions = $positions)" ],
		[ 'a merge', q{SELECT gigavec.merge('plain_body')} ])
	{
		my ($name, $sql) = @$case;

		$node->psql('postgres', "SET client_min_messages = debug1; SET maintenance_work_mem = '1MB'; $sql", stderr => \my $told);
		# the last one, for a merge makes a segment of the lanes first
		my ($rows, $kb) = $told =~ /.*\s(\d+) rows of index "plain_body" became a segment with (\d+) kB of memory/s;
		cmp_ok($rows, '>=', $n_rows, "$name, positions = $positions: has all rows");
		# files take some kB, and what is read of them
		cmp_ok($kb, '<=', 1024 + 512, "$name, positions = $positions: takes $kb kB");
		$node->safe_psql('postgres', "INSERT INTO plain SELECT i, 'all words' FROM generate_series(1, 10000) i") if $name eq 'a build';
	}
	is_sound($node, 'plain_body', "of frequent lexemes, positions = $positions");
	$node->safe_psql('postgres', 'DROP INDEX plain_body');
}
$node->safe_psql('postgres', 'DROP TABLE plain');

# Stop a statement by timeouts in one session; those that come in time count
sub stop
{
	my ($name, $settings, $sql) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $stopped = 0;

	$session->query_safe($settings) if $settings ne '';
	for my $ms (1, 5, 20, 60)
	{
		$session->query("SET statement_timeout = $ms");
		$session->query($sql);
		$stopped++ if $session->{stderr} =~ /canceling statement due to statement timeout/;
		unlike($session->{stderr}, qr/ERROR:(?!  canceling statement due to statement timeout)/, "$name, $ms ms: no other error");
		$session->{stderr} = '';
		end_timeout($session);
		$session->query('DROP INDEX IF EXISTS items_new');
		$session->{stderr} = '';
	}
	is($session->query_safe('SELECT 1'), 1, "$name: the session goes on");
	$session->quit;
	cmp_ok($stopped, '>=', 1, "$name: some timeouts came in time ($stopped)");
	is_tidy($node, $name);
	is_sound($node, 'items_body', $name);
	return;
}

my $create_new = $create =~ s/items_body/items_new/r;
stop('CREATE INDEX', 'SET max_parallel_maintenance_workers = 0', $create_new);
stop('CREATE INDEX in little memory', q{SET max_parallel_maintenance_workers = 0; SET maintenance_work_mem = '1MB'}, $create_new);
stop('CREATE INDEX with 2 workers', q{SET max_parallel_maintenance_workers = 2; SET maintenance_work_mem = '96MB'; ALTER TABLE items SET (parallel_workers = 2)}, $create_new);
stop('INSERT', '', 'INSERT INTO items SELECT i, words(i) FROM generate_series(20001, 24000) i');
stop('scan', $BY_INDEX,
	q{SELECT count(*) FROM generate_series(1, 500) g, LATERAL (SELECT id FROM items ORDER BY body <@> ('all w7 w' || g) LIMIT 1000) s});
stop('match', 'SET enable_seqscan = off', q{SELECT count(*) FROM generate_series(1, 2000) g, LATERAL (SELECT id FROM items WHERE body @@@ ('w' || g % 9)) s});
$node->safe_psql('postgres', 'DELETE FROM items WHERE id % 3 = 0');
stop('VACUUM', "SET vacuum_cost_delay = '1ms'; SET vacuum_cost_limit = 30", 'VACUUM items');
$node->safe_psql('postgres', 'INSERT INTO items SELECT i, words(i) FROM generate_series(30001, 34000) i');
stop('merge', '', q{INSERT INTO items SELECT i, words(i) FROM generate_series(40001, 40003) i; SELECT gigavec.merge('items_body')});
$node->safe_psql('postgres', 'VACUUM items');
is_sound($node, 'items_body', 'after all');
is($node->safe_psql('postgres', qq{$BY_INDEX
		SELECT count(*) - (SELECT count(body) FROM items), count(*) - count(DISTINCT ctid) FROM (SELECT ctid FROM items ORDER BY body <\@> 'all' OFFSET 0) s}),
	'0|0', 'it has all rows after all');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|XX000/, 'nothing else in the log');
$node->stop;

done_testing();
