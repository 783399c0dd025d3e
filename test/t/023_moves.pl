#----------------------------------------------------------------------
#
# Clusters moved and wound back: pg_upgrade, pg_rewind.
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

# an older PostgreSQL to upgrade from, else it is the same one
my $old_install = $ENV{GIGAVEC_OLD_INSTALL};

sub fill_database
{
	my ($node) = @_;

	make_everything($node);
	$node->safe_psql('postgres', q{
		INSERT INTO items SELECT id + 500, v, h, b, s, body FROM items WHERE id % 9 = 0 AND id < 500;
		CREATE UNLOGGED TABLE passing (id int, v vector(24));
		CREATE INDEX passing_l2 ON passing USING hnsw (v vector_l2_ops);
		INSERT INTO passing SELECT id, v FROM items LIMIT 100;
	});
	return;
}

sub answers
{
	my ($server) = @_;

	return { map { $_ => top_lists($server, 'items', 'questions', $distances{$_}, 10) } keys %distances };
}

# Sound, and still so after more was written
sub can_be_written
{
	my ($server, $name, $first) = @_;

	is_sound($server, $_, $name) for sort keys %distances;
	$server->safe_psql('postgres', "SELECT fill($first, $first + 99, 7); DELETE FROM items WHERE id % 7 = 3; VACUUM items");
	is_sound($server, $_, "$name, written") for sort keys %distances;
	is_complete($server, 'items', 'v <-> (SELECT q FROM questions WHERE id = 5)', "$name, written");
	return;
}

# pg_upgrade, with files linked, and copied
for my $mode ($LONG ? ('link', 'copy') : ('link'))
{
	my $old = new_server("old_$mode", "fsync = off\n", $old_install ? (install_path => $old_install) : ());
	my $new = PostgreSQL::Test::Cluster->new("new_$mode");

	fill_database($old);
	my $before = answers($old);
	$old->stop;
	$new->init;
	my ($old_bin, $bin) = map { $_->config_data('--bindir') } $old, $new;
	my $folder = $old->basedir . '/upgrade';
	mkdir($folder) || die "could not create $folder: $!";
	chdir($folder) || die "could not enter $folder: $!";
	command_ok([ 'pg_upgrade', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $old_bin, '-B', $bin,
			'-s', $new->host, '-p', $old->port, '-P', $new->port, '--no-sync', $mode eq 'link' ? '--link' : () ], "pg_upgrade $mode")
	  || system("cat $folder/*.log " . $new->data_dir . '/pg_upgrade_output.d/*/log/* >&2');
	chdir($ENV{TESTDIR});
	$new->append_conf('postgresql.conf', "autovacuum = off\nfsync = off\n");
	$new->start;
	is_deeply(answers($new), $before, "pg_upgrade $mode: the same answers");
	is_sound($new, 'passing_l2', "pg_upgrade $mode, unlogged");
	is_complete($new, 'passing', 'v <-> (SELECT q FROM questions WHERE id = 5)', "pg_upgrade $mode, unlogged");
	can_be_written($new, "pg_upgrade $mode", 2001);
	$new->stop('immediate');
	$new->start;
	is_sound($new, $_, "pg_upgrade $mode, crashed") for sort keys %distances, 'passing_l2';
	$new->stop;
}

# pg_rewind: a primary that was cut off, and written to, follows the new one
my $primary = new_server('left', "fsync = off\nwal_consistency_checking = 'all'\nwal_log_hints = on\nmax_wal_size = 1GB\n", allows_streaming => 1);
fill_database($primary);
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('right');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);
$standby->promote;
$primary->safe_psql('postgres', 'SELECT fill(3001, 3200, 3); DELETE FROM items WHERE id % 3 = 1; VACUUM items; REINDEX INDEX items_l1; SELECT fill(3301, 3350, 4)');
$standby->safe_psql('postgres', 'SELECT fill(4001, 4200, 5); DELETE FROM items WHERE id % 3 = 2; VACUUM items; SELECT fill(4301, 4350, 6); CHECKPOINT');
$primary->stop;
command_ok([ 'pg_rewind', '--target-pgdata', $primary->data_dir, '--source-server', $standby->connstr('postgres'), '--no-sync' ], 'pg_rewind');
# it has brought the other's settings
$primary->append_conf('postgresql.conf', 'port = ' . $primary->port . "\n");
$primary->enable_streaming($standby);
$primary->start;
$standby->wait_for_catchup($primary, 'replay', $standby->lsn('insert'));
is_deeply(answers($primary), answers($standby), 'rewound: the answers of the new primary');
is_sound($primary, $_, 'rewound') for sort keys %distances;
$standby->safe_psql('postgres', 'SELECT fill(5001, 5100, 7); DELETE FROM items WHERE id % 11 = 2; VACUUM items');
$standby->wait_for_catchup($primary, 'replay', $standby->lsn('insert'));
is_deeply(answers($primary), answers($standby), 'rewound, then written: the answers of the new primary');
$standby->stop;
$primary->promote;
can_be_written($primary, 'rewound, promoted', 6001);
$primary->stop;

done_testing();
