#----------------------------------------------------------------------
#
# Indexes among other features of the server: transactions prepared for two
# phases, tables that are not logged until they are committed, encodings, rows
# written while an index is built, dumps in parallel, tools that look at all
# relations or all statements.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $node = new_server('surroundings', q{
	max_prepared_transactions = 4
	wal_level = minimal
	max_wal_senders = 0
	shared_preload_libraries = 'gigavec'
});

make_everything($node);

sub all_sound
{
	my ($name, $dbname) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	return is($node->safe_psql($dbname // 'postgres', q{
			SELECT c.relname, p FROM pg_class c JOIN pg_am a ON a.oid = c.relam, gigavec.check(c.oid) p
			WHERE c.relkind = 'i' AND a.amname IN ('hnsw', 'ivfflat', 'ivfpq', 'kdtree', 'bm25')}), '', "$name: all are sound");
}

sub crash
{
	$node->stop('immediate');
	$node->start;
	return;
}

# two phases, with a crash between them
$node->safe_psql('postgres', q{
	BEGIN;
	SELECT fill(2001, 2050, 3);
	SAVEPOINT inner_one;
	SELECT fill(2051, 2060, 3);
	ROLLBACK TO inner_one;
	UPDATE items SET v = v + v, body = body || ' prepared' WHERE id BETWEEN 1 AND 20;
	DELETE FROM items WHERE id BETWEEN 21 AND 40;
	PREPARE TRANSACTION 'kept';
});
$node->safe_psql('postgres', q{BEGIN; SELECT fill(3001, 3050, 4); PREPARE TRANSACTION 'dropped'});
$node->safe_psql('postgres', q{
	BEGIN;
	CREATE TABLE made AS SELECT * FROM items WHERE id < 300;
	CREATE INDEX made_v ON made USING hnsw (v vector_l2_ops);
	CREATE INDEX made_text ON made USING bm25 (body) WITH (text_config = 'simple');
	PREPARE TRANSACTION 'made'});
my $visible = $node->safe_psql('postgres', 'SELECT count(*) FROM items');
crash();
is($node->safe_psql('postgres', 'SELECT count(*) FROM items'), $visible, 'prepared: not seen');
all_sound('prepared');
$node->safe_psql('postgres', 'VACUUM items');
$node->safe_psql('postgres', $_) for q{COMMIT PREPARED 'kept'}, q{ROLLBACK PREPARED 'dropped'}, q{COMMIT PREPARED 'made'};
is($node->safe_psql('postgres', q{SELECT count(*) FROM items WHERE body @@@ 'prepared'}), 16, 'prepared, committed: words are found');
all_sound('prepared, committed');
is($node->safe_psql('postgres', q{SELECT count(*) FROM made WHERE body @@@ 'all'}), $node->safe_psql('postgres', 'SELECT count(*) FROM made'), 'prepared: an index');
$node->safe_psql('postgres', 'VACUUM items; DROP TABLE made');
all_sound('prepared, vacuumed');

# without a log, what is made in the transaction of its table is written when it commits
$node->safe_psql('postgres', q{
	CHECKPOINT;
	BEGIN;
	CREATE TABLE fresh (LIKE items INCLUDING INDEXES);
	INSERT INTO fresh SELECT * FROM items;
	CREATE TABLE later AS SELECT * FROM items;
	CREATE INDEX later_l2 ON later USING hnsw (v vector_l2_ops);
	CREATE INDEX later_pq ON later USING ivfpq (h halfvec_l2_ops);
	CREATE INDEX later_flat ON later USING ivfflat (v vector_cosine_ops);
	CREATE INDEX later_kd ON later USING kdtree ((subvector(v, 1, 3)::vector(3)));
	CREATE INDEX later_text ON later USING bm25 (body) WITH (text_config = 'simple');
	INSERT INTO later SELECT id + 100000, v, h, b, s, body FROM items;
	COMMIT});
crash();
all_sound('not logged');
is($node->safe_psql('postgres', q{SELECT count(*) FROM later WHERE body @@@ 'all'}), $node->safe_psql('postgres', 'SELECT count(*) FROM later'), 'not logged: all rows by words');
$node->safe_psql('postgres', 'BEGIN; TRUNCATE later; INSERT INTO later SELECT * FROM items; COMMIT');
crash();
all_sound('truncated, not logged');
is($node->safe_psql('postgres', q{SELECT count(*) FROM later WHERE body @@@ 'all'}), $node->safe_psql('postgres', 'SELECT count(*) FROM items'), 'truncated, not logged: all rows');
$node->safe_psql('postgres', 'DROP TABLE later, fresh');

# other encodings: words, prefixes, typing errors and phrases go by characters
for my $case (
	[ 'LATIN1', '\x6361 66e9 20e974e9' ], [ 'EUC_JP', '\xc5ecb5fe 20 a5c6a5b9a5c8' ], [ 'SQL_ASCII', '\x636166e9ff 20 6162fe' ])
{
	my ($encoding, $bytes) = @$case;
	my $name = lc $encoding;
	$bytes =~ s/ //g;

	$node->safe_psql('postgres', "CREATE DATABASE $name ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
	is($node->safe_psql($name, qq{
			CREATE EXTENSION gigavec;
			CREATE TABLE note (id int, v vector(2), body text);
			INSERT INTO note SELECT 1, '[1,2]', convert_from('$bytes', '$encoding');
			INSERT INTO note VALUES (2, '[2,3]', 'plain words');
			CREATE INDEX note_body ON note USING bm25 (body) WITH (text_config = 'simple', positions = on);
			CREATE INDEX note_v ON note USING hnsw (v vector_l2_ops);
			SELECT string_agg(o.id::text || ' ' || q.n, ', ' ORDER BY q.n, o.id) FROM note n,
				LATERAL (VALUES (1, n.body), (2, '"' || n.body || '"'), (3, left(n.body, 2) || '*'),
					(4, overlay(split_part(n.body, ' ', 1) placing 'x' from 2 for 1) || '~1')) q (n, words), note o
			WHERE n.id = 1 AND o.body @@@ q.words::bm25query;
			SELECT gigavec.snippet(body, to_bm25query(body, 'note_body')) LIKE '%<b>%' FROM note WHERE id = 1}),
		"1 1, 1 2, 1 3, 1 4\nt", "$encoding: found");
	all_sound($encoding, $name);
	my ($rc, $out, $err) = $node->psql($name, q{CREATE INDEX ON note USING bm25 (body) WITH (text_config = 'simple', cjk = 'bigram')});
	like($err, qr/ERROR:  pairs of characters cannot be indexed in this database\nDETAIL:  .*the database has $encoding\./, "$encoding: no pairs");
}

$node->stop;
done_testing();
