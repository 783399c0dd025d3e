#----------------------------------------------------------------------
#
# A physical standby: the same answers, the same pages.
#
# wal_consistency_checking cannot see a change that never reached the log, so
# pages are compared byte by byte as well, but for those bytes that primary and
# standby may differ in: the LSN, the checksum and the hint PD_HAS_FREE_LINES,
# PD_PAGE_FULL of the header.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my @indexes = qw(items_l2 items_l1 items_cosine items_ip items_bit items_sparse items_narrow items_kd few_kd);
my @distances = ('v <-> q.q', 'v <+> q.q', 'v <=> q.q', 'v <#> q.q',
	'binary_quantize(v - q0)::bit(24) <~> binary_quantize(q.q - q0)',
	'v::sparsevec(24) <-> q.q::sparsevec',
	'(v * q0)::vector(24) <-> q.q',
	'v <*> q.q', 'subvector(v, 1, 3)::vector(3) <-> subvector(q.q, 1, 3)');

# values longer than a page, a build in several parts, one without rows; their
# pages only
my @others = qw(long_l1 parts_l2 begun_l2 begun_kd);

my $primary = new_server('primary', q{
	fsync = off
	wal_consistency_checking = 'all'
	max_wal_size = 1GB
	shared_buffers = 16MB
}, allows_streaming => 1);

$primary->safe_psql('postgres', q{
	CREATE EXTENSION pageinspect;
	CREATE FUNCTION center() RETURNS public.vector LANGUAGE sql IMMUTABLE AS
		$$SELECT array_fill(1.5, ARRAY[24])::public.vector$$;
	CREATE TABLE items (id int, v vector(24));
	INSERT INTO items SELECT i, point(i, 24) FROM generate_series(1, 600) i;
	CREATE INDEX items_l2 ON items USING hnsw (v vector_l2_ops, (id % 5));
	CREATE INDEX items_l1 ON items USING hnsw (v vector_l1_ops) WITH (m = 8, ef_construction = 32);
	CREATE INDEX items_cosine ON items USING hnsw (v vector_cosine_ops);
	CREATE INDEX items_ip ON items USING hnsw (v vector_ip_ops);
	CREATE INDEX items_bit ON items USING hnsw ((binary_quantize(v - center())::bit(24)) bit_hamming_ops);
	CREATE INDEX items_sparse ON items USING hnsw ((v::sparsevec(24)) sparsevec_l2_ops) WITH (m = 8, ef_construction = 32);
	CREATE INDEX items_narrow ON items USING hnsw (((v * center())::vector(24)) vector_l2_ops) WITH (m = 2, ef_construction = 8);
	SET client_min_messages = warning;
	CREATE INDEX items_kd ON items USING kdtree (v vector_linf_ops);
	CREATE INDEX few_kd ON items USING kdtree ((subvector(v, 1, 3)::vector(3)));
	CREATE TABLE long (id int, v vector(3000));
	ALTER TABLE long ALTER v SET STORAGE EXTERNAL;
	CREATE INDEX long_l1 ON long USING hnsw (v vector_l1_ops) WITH (m = 2, ef_construction = 8);
	CREATE TABLE begun (v vector(24));
	CREATE TABLE parts AS SELECT i AS id, point(i, 128)::vector(128) AS v FROM generate_series(1, 2500) i;
	CREATE TABLE questions AS SELECT i AS id, point(1000000 + i, 24) AS q FROM generate_series(1, 12) i;
});
$_ =~ s/q0/center()/g for @distances;

$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

sub compare
{
	my ($name) = @_;

	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	for my $i (0 .. $#indexes)
	{
		is(pages($standby, $indexes[$i]), pages($primary, $indexes[$i]), "$name: the same pages of $indexes[$i]");
		is(top_lists($standby, 'items', 'questions', $distances[$i], 10),
			top_lists($primary, 'items', 'questions', $distances[$i], 10),
			"$name: the same answers of $indexes[$i]");
		is_sound($standby, $indexes[$i], "$name, standby");
	}
	is(pages($standby, $_), pages($primary, $_), "$name: the same pages of $_") for @others;
	return;
}

# built on the primary after the base backup, so that the log has them, and
# changes of their pages only
$primary->safe_psql('postgres', q{
	SET client_min_messages = warning;
	CREATE UNLOGGED TABLE passing (id int, v vector(24));
	CREATE INDEX passing_l2 ON passing USING hnsw (v vector_l2_ops);
	CREATE INDEX passing_l1 ON passing USING hnsw (v vector_l1_ops);
	INSERT INTO passing SELECT i, point(i, 24) FROM generate_series(1, 100) i;
	CREATE INDEX begun_l2 ON begun USING hnsw (v vector_l2_ops);
	CREATE INDEX begun_kd ON begun USING kdtree (v);
	CREATE INDEX passing_kd ON passing USING kdtree (v);
	SET maintenance_work_mem = '1MB';
	CREATE INDEX parts_l2 ON parts USING hnsw (v vector_l2_ops) WITH (m = 2, ef_construction = 8)});

# a session that stays on the standby, with what it remembers of the indexes
my $reader = $standby->background_psql('postgres', on_error_stop => 0);
$reader->set_query_timer_restart();
my $reading = "$BY_INDEX SELECT count(*) FROM questions q, LATERAL "
  . '(SELECT id FROM items ORDER BY v <-> q.q LIMIT 10) s, LATERAL '
  . '(SELECT id FROM items ORDER BY v <+> q.q LIMIT 3) t';

compare('after the base backup');
is($reader->query_safe($reading), 12 * 10 * 3, 'a session on the standby reads');

# more rows for the long form, which is to write some GB of log
my $times = $LONG ? 10 : 1;
for my $round (1 .. ($LONG ? 30 : 3))
{
	my $base = $round * 10000;

	$primary->safe_psql('postgres', qq{
		INSERT INTO items SELECT i, point(i, 24, $round) FROM generate_series($base, $base + 299 * $times) i;
		INSERT INTO items SELECT i + 1000, point(i % 5, 24, $round) FROM generate_series($base, $base + 99) i;
		INSERT INTO items SELECT i + 2000, array_fill(0, ARRAY[24])::vector FROM generate_series($base, $base + 30) i;
		UPDATE items SET v = point(id, 24, 100 + $round) WHERE id % 7 = $round % 7;
		INSERT INTO begun SELECT point(i, 24) FROM generate_series($base, $base + 20) i;
		INSERT INTO long SELECT i, point(i, 3000) FROM generate_series($base, $base + 4) i;
		DELETE FROM long WHERE id % 2 = $round % 2;
		VACUUM long;
		DELETE FROM items WHERE id % 3 = $round % 3;
		BEGIN;
		INSERT INTO items SELECT -i, point(i, 24, $round) FROM generate_series(1, 50) i;
		ROLLBACK;
		VACUUM items;
		INSERT INTO items SELECT i + 3000, point(i, 24, $round) FROM generate_series($base, $base + 199) i;
	});
	compare("round $round");
	is($reader->query_safe($reading), 12 * 10 * 3, "round $round: the session on the standby reads on");

	if ($round == 1)
	{
		$primary->safe_psql('postgres', 'REINDEX INDEX items_l2; REINDEX INDEX CONCURRENTLY items_l1');
		compare('after REINDEX');
	}
	elsif ($round == 2)
	{
		$reader->quit;
		$standby->stop('immediate');
		$standby->start;
		compare('after a crash of the standby');
		$reader = $standby->background_psql('postgres', on_error_stop => 0);
		$reader->set_query_timer_restart();
	}
}
$reader->quit;

# promotion
my @before = map { top_lists($primary, 'items', 'questions', $_, 10) } @distances;
$primary->stop;
$standby->promote;
for my $i (0 .. $#indexes)
{
	is(top_lists($standby, 'items', 'questions', $distances[$i], 10), $before[$i],
		"promoted: the same answers of $indexes[$i]");
}
$standby->safe_psql('postgres', q{
	INSERT INTO items SELECT i, point(i, 24, 50) FROM generate_series(50000, 50299) i;
	DELETE FROM items WHERE id % 5 = 0;
	VACUUM items;
	INSERT INTO items SELECT i, point(i, 24, 51) FROM generate_series(60000, 60099) i;
});
my $question = $standby->safe_psql('postgres', 'SELECT q FROM questions WHERE id = 1');
is_sound($standby, $_, 'promoted, written') for @indexes;
is_complete($standby, 'items', "v <-> '$question'", 'promoted, written, L2', 0.05);
is_complete($standby, 'items', "v <+> '$question'", 'promoted, written, L1', 0.05);
is_complete($standby, 'items', "v <=> '$question'", 'promoted, written, cosine', 0.05);
is_complete($standby, 'items', "v <#> '$question'", 'promoted, written, inner product', 0.1);

# an unlogged index is empty on the promoted server, and can be used
for my $operator ('<->', '<+>')
{
	my $nearest = "$BY_INDEX SELECT id FROM passing ORDER BY v $operator '$question' LIMIT 3";

	is($standby->safe_psql('postgres', $nearest), '', "unlogged: empty, $operator");
	is_complete($standby, 'passing', "v $operator '$question'", "unlogged, empty, $operator");
}
is_sound($standby, $_, 'unlogged, empty') for qw(passing_l2 passing_l1);
$standby->safe_psql('postgres', 'INSERT INTO passing SELECT i, point(i, 24) FROM generate_series(1, 200) i');
is_complete($standby, 'passing', "v $_ '$question'", "unlogged, filled, $_") for '<->', '<+>';
is_sound($standby, $_, 'unlogged, filled') for qw(passing_l2 passing_l1);

# and after a crash
$standby->stop('immediate');
$standby->start;
is($standby->safe_psql('postgres', "$BY_INDEX SELECT id FROM passing ORDER BY v <-> '$question'"), '',
	'unlogged: empty after a crash');
$standby->safe_psql('postgres', 'INSERT INTO passing SELECT i, point(i, 24) FROM generate_series(1, 50) i');
is_complete($standby, 'passing', "v <-> '$question'", 'unlogged, filled after a crash');
$standby->stop;

done_testing();
