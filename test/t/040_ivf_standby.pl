#----------------------------------------------------------------------
#
# Inverted lists on a physical standby and after crashes: the same answers,
# the same pages; rows come and go while VACUUM writes lists anew.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my %indexes = (
	items_flat => 'v <-> q.q',
	items_pq => 'v <=> q.q',
	items_planes => 'v <#> q.q',
	items_bits => 'binary_quantize(v - center())::bit(24) <~> binary_quantize(q.q - center())');

my $primary = new_server('primary', q{
	fsync = off
	wal_consistency_checking = 'all'
	max_wal_size = 1GB
	shared_buffers = 16MB
	restart_after_crash = on
}, allows_streaming => 1);

$primary->safe_psql('postgres', q{
	CREATE EXTENSION pageinspect;
	CREATE FUNCTION center() RETURNS public.vector LANGUAGE sql IMMUTABLE AS
		$$SELECT array_fill(1.5, ARRAY[24])::public.vector$$;
	CREATE TABLE items (id int, v vector(24));
	INSERT INTO items SELECT i, point(i, 24) FROM generate_series(1, 2000) i;
	CREATE INDEX items_flat ON items USING ivfflat (v vector_l2_ops, (id % 5)) WITH (lists = 20);
	CREATE INDEX items_pq ON items USING ivfpq (v vector_cosine_ops) WITH (lists = 20);
	CREATE INDEX items_planes ON items USING ivfpq (v vector_ip_ops) WITH (lists = 20, bits = 4, spill = on);
	CREATE INDEX items_bits ON items USING ivfflat ((binary_quantize(v - center())::bit(24)) bit_hamming_ops) WITH (lists = 5);
	CREATE TABLE long (id int, v vector(3000));
	ALTER TABLE long ALTER v SET STORAGE EXTERNAL;
	CREATE INDEX long_flat ON long USING ivfflat (v);
	CREATE INDEX long_bytes ON long USING ivfpq (v vector_l2_ops) WITH (quantizer = sq8);
	CREATE TABLE questions AS SELECT i AS id, point(1000000 + i, 24) AS q FROM generate_series(1, 12) i;
	CREATE UNLOGGED TABLE passing AS SELECT * FROM items LIMIT 100;
	CREATE INDEX passing_flat ON passing USING ivfflat (v vector_l2_ops);
	CREATE INDEX passing_pq ON passing USING ivfpq (v vector_cosine_ops);
});
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

sub compare
{
	my ($name) = @_;

	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	for my $index (sort keys %indexes)
	{
		is(top_lists($standby, 'items', 'questions', $indexes{$index}, 10),
			top_lists($primary, 'items', 'questions', $indexes{$index}, 10),
			"$name: the same answers of $index");
	}
	for my $index (sort(keys %indexes), 'long_flat', 'long_bytes')
	{
		is(pages($standby, $index), pages($primary, $index), "$name: the same pages of $index");
		is_sound($primary, $index, $name);
		is_sound($standby, $index, "$name, standby");
	}
	return;
}

for my $round (1 .. ($LONG ? 30 : 3))
{
	my $base = 10000 * $round;

	$primary->safe_psql('postgres', qq{
		INSERT INTO items SELECT $base + i, point($base + i, 24) FROM generate_series(1, 600) i;
		INSERT INTO long SELECT $base + i, point($base + i, 3000) FROM generate_series(1, 10) i;
		UPDATE items SET v = point(id + 7, 24) WHERE id % 11 = $round});
	compare("round $round, after inserts");
	$primary->safe_psql('postgres', qq{
		DELETE FROM items WHERE id % 3 = $round % 3;
		DELETE FROM long WHERE id % 2 = $round % 2;
		VACUUM items;
		VACUUM long;
		INSERT INTO items SELECT $base + 1000 + i, point($base + 1000 + i, 24) FROM generate_series(1, 300) i});
	compare("round $round, after VACUUM");
	if ($round == 2)
	{
		$primary->stop('immediate');
		$primary->start;
		compare('after a crash of the primary');
		$standby->stop('immediate');
		$standby->start;
		compare('after a crash of the standby');
	}
}

# lists are trained anew: the same on a standby, where a scan that has begun goes
# on with those before as long as they are there
my $reader = $standby->background_psql('postgres');
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SET enable_seqscan = off; SET enable_sort = off;'
	  . 'DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> (SELECT q FROM questions WHERE id = 1)');
my @read = split(/\n/, $reader->query_safe('FETCH 100 IN c'));
$primary->safe_psql('postgres', q{
	ALTER INDEX items_flat SET (lists = 30);
	SELECT gigavec.train(i) FROM unnest('{items_flat,items_pq,items_bits,long_flat}'::regclass[]) i;
	INSERT INTO items SELECT 70000 + i, point(70000 + i, 24) FROM generate_series(1, 300) i});
compare('after training');
push(@read, split(/\n/, $reader->query_safe('FETCH ALL IN c')));
is(scalar(keys %{ { map { $_ => 1 } @read } }), scalar(@read), 'a cursor on the standby returns each row once');
is($reader->query_safe('SELECT count(*) FROM items'), scalar(@read), 'and all that its snapshot sees');
$reader->quit;
$reader = $standby->background_psql('postgres', on_error_stop => 0);
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SET enable_seqscan = off; SET enable_sort = off; SET ivfflat.probes = 1;'
	  . 'DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> (SELECT q FROM questions WHERE id = 1)');
$reader->query_safe('FETCH 10 IN c');
$primary->safe_psql('postgres', q{
	SELECT gigavec.train('items_flat');
	SELECT txid_current();
	VACUUM items;
	INSERT INTO items SELECT 71000 + i, point(71000 + i, 24) FROM generate_series(1, 600) i});
compare('after VACUUM has freed the lists before');
$reader->query('MOVE ALL IN c');
like($reader->{stderr}, qr/lists of index "items_flat" that a query was reading are gone/,
	'the standby tells a scan whose lists are gone');
$reader->quit;

# lists are split: the same on a standby
$primary->safe_psql('postgres', q{
	REINDEX TABLE items;
	INSERT INTO items SELECT 20 * i + 3, point(20 * i + 3, 24) FROM generate_series(4001, 4900) i;
	VACUUM items;
	INSERT INTO items SELECT 20 * i + 3, point(20 * i + 3, 24) FROM generate_series(4901, 5000) i});
cmp_ok($primary->safe_psql('postgres', "SELECT value FROM gigavec.stats('$_') WHERE name = 'balancings'"), '>', 0,
	"lists of $_ are split") for 'items_flat', 'items_pq';
compare('after lists were split');

# a search that goes on while lists are written anew, without rows that are dead
# to all, and others are added, returns each row that its snapshot sees once
$primary->safe_psql('postgres', 'DELETE FROM items WHERE id % 2 = 0');
my $scan = $primary->background_psql('postgres');
$scan->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SET enable_seqscan = off; SET enable_sort = off;'
	  . 'SET ivfflat.probes = 2; CREATE TEMP TABLE before AS SELECT id FROM items;'
	  . 'DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> (SELECT q FROM questions WHERE id = 1)');
$scan->query_safe('MOVE 100 IN c');
$primary->safe_psql('postgres', 'VACUUM items');
$primary->safe_psql('postgres', 'INSERT INTO items SELECT 90000 + i, point(i, 24) FROM generate_series(1, 500) i');
cmp_ok($primary->safe_psql('postgres', q{SELECT value FROM gigavec.stats('items_flat') WHERE name = 'rows_dead'}), '<', 200,
	'VACUUM has written lists anew');
my $expected = $scan->query_safe('SELECT count(*) - 100 FROM before');
my @rest = split(/\n/, $scan->query_safe('FETCH ALL IN c'));
is(scalar(@rest), $expected, 'a cursor returns the rows that its snapshot sees');
my %seen;
$seen{$_}++ for @rest;
is(scalar(grep { $_ > 1 } values %seen), 0, 'and each once');
$scan->query_safe('COMMIT');
$scan->quit;
compare('at the end');

# promotion, then writes; an unlogged index is empty, and can be used
my @before = map { top_lists($primary, 'items', 'questions', $indexes{$_}, 10) } sort keys %indexes;
$primary->stop;
$standby->promote;
is_deeply([ map { top_lists($standby, 'items', 'questions', $indexes{$_}, 10) } sort keys %indexes ], \@before, 'promoted: the same answers');
$standby->safe_psql('postgres', q{
	INSERT INTO items SELECT 110000 + i, point(110000 + i, 24) FROM generate_series(1, 600) i;
	DELETE FROM items WHERE id % 5 = 0;
	VACUUM items;
	INSERT INTO items SELECT 120000 + i, point(120000 + i, 24) FROM generate_series(1, 100) i});
is_sound($standby, $_, 'promoted, written') for sort keys %indexes;
is_whole($standby, 'items', $indexes{$_} =~ s/q\.q/(SELECT q FROM questions WHERE id = 2)/r, "promoted, written, $_") for 'items_flat', 'items_pq';
for my $distance ('v <-> (SELECT q FROM questions WHERE id = 2)', 'v <=> (SELECT q FROM questions WHERE id = 2)')
{
	is($standby->safe_psql('postgres', "$BY_INDEX SELECT id FROM passing ORDER BY $distance LIMIT 3"), '', 'unlogged: empty');
}
$standby->safe_psql('postgres', 'INSERT INTO passing SELECT i, point(i, 24) FROM generate_series(1, 200) i');
for my $distance ('v <-> (SELECT q FROM questions WHERE id = 2)', 'v <=> (SELECT q FROM questions WHERE id = 2)')
{
	is_whole($standby, 'passing', $distance, 'unlogged, filled');
}
is_sound($standby, $_, 'unlogged, filled') for qw(passing_flat passing_pq);
unlike(slurp_file($primary->logfile) . slurp_file($standby->logfile), qr/PANIC|TRAP|XX00|inconsistent page/,
	'nothing else in the logs');
$standby->stop;

done_testing();
