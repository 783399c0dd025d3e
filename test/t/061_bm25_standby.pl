#----------------------------------------------------------------------
#
# bm25: a physical standby has the same pages and answers, also while merges on
# the primary use pages again that a session on the standby may be reading; and
# crashes of the primary lose nothing that was confirmed.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my @queries = ('w1 w2', 'w7 own77', '+w3 -w4', 'w50*', '"w1 w2"');

my $primary = new_server('primary', q{
	fsync = off
	wal_consistency_checking = 'all'
	max_wal_size = 1GB
	shared_buffers = 16MB
	restart_after_crash = on
}, allows_streaming => 1);

$primary->safe_psql('postgres', q{
	CREATE EXTENSION pageinspect;
	CREATE FUNCTION words(i bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
		$$SELECT 'all own' || i || string_agg(' w' || (pg_catalog.hashint8extended(i, j) & (1 << (pg_catalog.hashint8extended(j, i) & 7)::int) * 8 - 1), '')
		  FROM generate_series(1, 60) j$$;
	CREATE TABLE items (id int, body text);
	INSERT INTO items SELECT i, words(i) FROM generate_series(1, 500) i;
	CREATE INDEX items_body ON items USING bm25 (body, id, (id % 10)) WITH (text_config = 'simple');
});
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

sub answers
{
	my ($node) = @_;

	return $node->safe_psql('postgres', join("\n", $BY_INDEX, map {
				"SELECT string_agg(id || ':' || d, ' ' ORDER BY d, id) FROM "
				  . "(SELECT id, body <\@> '$_' AS d FROM items ORDER BY body <\@> '$_' LIMIT 20) s;"
				  . "SELECT string_agg(id || ':' || d, ' ' ORDER BY d, id) FROM (SELECT id, body <\@> '$_' AS d FROM items "
				  . "WHERE id > 300 AND id % 10 = 3 ORDER BY body <\@> '$_' LIMIT 20) s;"
			} @queries));
}

sub compare
{
	my ($name) = @_;

	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	is(pages($standby, 'items_body'), pages($primary, 'items_body'), "$name: the same pages");
	is(answers($standby), answers($primary), "$name: the same answers");
	is_sound($primary, 'items_body', "$name, primary");
	is_sound($standby, 'items_body', "$name, standby");
	return;
}

$primary->safe_psql('postgres', q{
	CREATE TABLE later AS TABLE items;
	CREATE INDEX later_body ON later USING bm25 (body);
	CREATE UNLOGGED TABLE passing AS TABLE items;
	CREATE INDEX passing_body ON passing USING bm25 (body)});
compare('after the base backup');
is(pages($standby, 'later_body'), pages($primary, 'later_body'), 'the same pages of an index built later');

# a session of the standby that reads while the primary writes and merges
my $reading = "$BY_INDEX DO \$\$BEGIN FOR i IN 1..3000 LOOP "
  . "PERFORM id FROM items ORDER BY body <\@> ('w1 w2 all own' || i) LIMIT 10; END LOOP; END\$\$";
my ($out, $err) = ('', '');
my $reader = IPC::Run::start([ 'psql', '-XqAt', '-d', $standby->connstr('postgres'), '-c', $reading ],
	'>', \$out, '2>', \$err);

for my $round (1 .. ($LONG ? 30 : 3))
{
	my $base = $round * 10000;

	$primary->safe_psql('postgres', qq{
		INSERT INTO items SELECT i, words(i) FROM generate_series($base, $base + 1500) i;
		INSERT INTO items SELECT $base + 5000, string_agg(words(i), ' ') FROM generate_series(1, 100) i;
		UPDATE items SET body = words(id + 100) WHERE id % 7 = $round % 7;
		DELETE FROM items WHERE id % 3 = $round % 3;
		BEGIN;
		INSERT INTO items SELECT -i, words(i) FROM generate_series(1, 50) i;
		ROLLBACK;
		VACUUM items;
		INSERT INTO items SELECT i + 3000, words(i) FROM generate_series($base, $base + 199) i;
	});
	compare("round $round");
}
$reader->finish;
$standby->stop('immediate');
$standby->start;
compare('after a crash of the standby');
# a row version that VACUUM has removed may be in the way of replay, else nothing
unlike($err =~ s/^.*conflict with recovery.*$//mgr, qr/ERROR/, 'the session on the standby met no other error');

# crashes of the primary while several sessions insert
for my $cycle (1 .. ($LONG ? 50 : 2))
{
	my $base = 1000000 * $cycle;
	my @sessions;

	for my $n (1 .. 3)
	{
		my %psql = (out => '', err => '');
		my $file = $primary->basedir . "/script$cycle$n.sql";

		append_to_file($file, join('', map {
					my $id = $base + 10000 * $n + $_;
					"INSERT INTO items SELECT $id, words($id);\nSELECT $id;\n"
					  . ($_ % 100 == 0 ? "DELETE FROM items WHERE id % 20 = $n;\n" . ($n == 1 ? "VACUUM items;\n" : '') : '')
				} 1 .. 3000));
		$psql{run} = IPC::Run::start([ 'psql', '-XqAt', '-f', $file, '-d', $primary->connstr('postgres') ],
			'>', \$psql{out}, '2>', \$psql{err});
		push @sessions, \%psql;
	}
	$primary->poll_query_until('postgres', "SELECT count(*) > 900 FROM items WHERE id > $base");
	$primary->stop('immediate');
	$_->{run}->finish foreach @sessions;
	$primary->start;
	is_sound($primary, 'items_body', "crash $cycle");
	my @ids = grep { $_ % 20 == 0 || $_ % 20 > 3 } map { $_->{out} =~ /^(\d+)$/mg } @sessions;
	cmp_ok(scalar(@ids), '>', 500, "crash $cycle: rows were confirmed");
	is($primary->safe_psql('postgres', "$BY_INDEX SELECT count(*) FROM unnest('{" . join(',', @ids) . "}'::int[]) i "
			  . "WHERE NOT EXISTS (SELECT FROM items WHERE id = i AND body @\@\@ ('+own' || i))"),
		'0', "crash $cycle: each confirmed row is found by its own word");
}

# promotion
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
my $before = answers($primary);
$primary->stop;
$standby->promote;
is(answers($standby), $before, 'promoted: the same answers');
$standby->safe_psql('postgres', q{
	INSERT INTO items SELECT i, words(i) FROM generate_series(1, 300) i;
	DELETE FROM items WHERE id % 5 = 0;
	VACUUM items});
is_sound($standby, 'items_body', 'promoted, written');
is($standby->safe_psql('postgres', "$BY_INDEX SELECT id FROM passing ORDER BY body <\@> 'w1'"), '',
	'unlogged: empty');
$standby->safe_psql('postgres', 'INSERT INTO passing SELECT i, words(i) FROM generate_series(1, 300) i');
is($standby->safe_psql('postgres', "$BY_INDEX SELECT id FROM passing ORDER BY body <\@> 'own7'"), '7', 'unlogged: usable');
is_sound($standby, 'passing_body', 'unlogged');
$standby->stop;

done_testing();
