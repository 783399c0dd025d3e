#----------------------------------------------------------------------
#
# Copies of a database: base backup, point in time, dump, logical replication.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my %distances = %EVERY;
my $node = new_server('main', "wal_level = logical\nmax_wal_size = 1GB\nwal_consistency_checking = 'all'\n",
	allows_streaming => 'logical', has_archiving => 1);

make_everything($node);

sub answers
{
	my ($server) = @_;

	return { map { $_ => top_lists($server, 'items', 'questions', $distances{$_}, 10) } keys %distances };
}

sub all_sound
{
	my ($server, $name) = @_;

	is_sound($server, $_, $name) for sort keys %distances;
	return;
}

# base backup, verified; what is written while it runs comes with the log
my $backup = $node->backup_dir . '/base';
$node->command_ok([ 'pg_basebackup', '-D', $backup, '-c', 'fast', '-d', $node->connstr('postgres') ],
	'pg_basebackup');
command_ok([ 'pg_verifybackup', $backup ], 'pg_verifybackup');
my $at_backup = answers($node);

# a point in time after which more is written
$node->safe_psql('postgres', 'SELECT fill(2001, 2100, 3); DELETE FROM items WHERE id % 7 = 1; VACUUM items');
my $at_point = answers($node);
my $point = $node->safe_psql('postgres', 'SELECT pg_create_restore_point($$here$$)');
$node->safe_psql('postgres', 'SELECT fill(3001, 3100, 4); DELETE FROM items WHERE id % 7 = 2; VACUUM items; SELECT pg_switch_wal()');
my $at_end = answers($node);
isnt($at_point->{items_l2}, $at_end->{items_l2}, 'the answers change');

my $restored = PostgreSQL::Test::Cluster->new('restored');
$restored->init_from_backup($node, 'base', has_restoring => 1);
$restored->append_conf('postgresql.conf', "recovery_target_name = 'here'\nrecovery_target_action = promote\narchive_mode = off\n");
$restored->start;
$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') || die 'recovery does not end';
is_deeply(answers($restored), $at_point, 'restored to a point in time: the same answers');
all_sound($restored, 'restored to a point in time');
$restored->safe_psql('postgres', 'SELECT fill(4001, 4050, 5)');
all_sound($restored, 'restored and written');
$restored->stop;

# dump and restore: the indexes are built anew, and one of texts counts no more
# words of rows that are gone
$node->safe_psql('postgres', 'REINDEX INDEX items_text');
for my $format ('plain', 'custom')
{
	my $dump = $node->basedir . "/dump.$format";

	$node->command_ok([ 'pg_dump', '-F', $format, '-f', $dump, '-d', $node->connstr('postgres') ], "pg_dump $format");
	$node->safe_psql('postgres', "CREATE DATABASE $format");
	if ($format eq 'plain')
	{
		$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr($format) ],
			'restore of a plain dump');
	}
	else
	{
		$node->command_ok([ 'pg_restore', '-e', '-d', $node->connstr($format), $dump ], 'pg_restore');
	}
	for my $index (sort keys %distances)
	{
		is($node->safe_psql($format, "SELECT pg_get_indexdef('$index'::regclass)"),
			$node->safe_psql('postgres', "SELECT pg_get_indexdef('$index'::regclass)"), "$format: definition of $index");
		is($node->safe_psql($format, "SELECT * FROM gigavec.check('$index')"), '', "$format: check of $index");
	}
	is($node->safe_psql($format, q{SELECT md5(string_agg(items::text, ' ' ORDER BY id)) FROM items}),
		$node->safe_psql('postgres', q{SELECT md5(string_agg(items::text, ' ' ORDER BY id)) FROM items}),
		"$format: the same rows");
	# exact where the search is wide enough for so few rows
	for my $index (sort keys %distances)
	{
		my $wide = $BY_INDEX . wide_enough() . "SELECT string_agg(d::text, ' ') FROM (SELECT $distances{$index} AS d "
		  . "FROM items, (SELECT * FROM questions WHERE id = 3) q ORDER BY $distances{$index} LIMIT 10) s";

		is($node->safe_psql($format, $wide), $node->safe_psql('postgres', $wide), "$format: the same distances by $index");
	}
}

# logical replication, text and binary
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init(allows_streaming => 'logical');
$subscriber->append_conf('postgresql.conf', "autovacuum = off\n");
$subscriber->start;
prepare_database($subscriber);
$node->command_ok([ 'pg_dump', '-s', '-t', 'items', '-t', 'questions', '-f', $node->basedir . '/schema', '-d', $node->connstr('postgres') ],
	'pg_dump of the schema');
$subscriber->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', $node->basedir . '/schema', '-d', $subscriber->connstr('postgres') ],
	'the schema on the subscriber');
$node->safe_psql('postgres', 'CREATE PUBLICATION publication FOR TABLE items, questions');
for my $binary ('false', 'true')
{
	$subscriber->safe_psql('postgres', 'TRUNCATE items, questions');
	$subscriber->safe_psql('postgres', sprintf(
		q{CREATE SUBSCRIPTION subscription CONNECTION $$%s$$ PUBLICATION publication WITH (binary = %s)},
		$node->connstr('postgres'), $binary));
	$subscriber->wait_for_subscription_sync($node, 'subscription');
	$node->safe_psql('postgres', q{
		SELECT fill(10001, 10100, 6);
		UPDATE items SET v = v * array_fill(1.5, ARRAY[24])::vector WHERE id % 4 = 0;
		DELETE FROM items WHERE id % 6 = 1;
	});
	$node->wait_for_catchup('subscription');
	is($subscriber->safe_psql('postgres', q{SELECT md5(string_agg(items::text, ' ' ORDER BY id)) FROM items}),
		$node->safe_psql('postgres', q{SELECT md5(string_agg(items::text, ' ' ORDER BY id)) FROM items}),
		"logical replication, binary $binary: the same rows");
	all_sound($subscriber, "logical replication, binary $binary");
	$node->safe_psql('postgres', 'DELETE FROM items WHERE id > 10000');
	$node->wait_for_catchup('subscription');
	$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION subscription');
}
my $question = $subscriber->safe_psql('postgres', 'SELECT q FROM questions WHERE id = 1');
is_complete($subscriber, 'items', "v <-> '$question'", 'subscriber');
is_complete($subscriber, 'items', "h <=> '$question'", 'subscriber, cosine');

$subscriber->stop;
$node->stop;
done_testing();
