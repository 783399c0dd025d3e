#----------------------------------------------------------------------
#
# GigavecPoints.pm
#		Stopping, failing and killing the server at points in the code.
#
# A test that uses this module runs on a build with assertions, which has the
# setting gigavec.test_point; see src/am/testpoint.c.  The points are those
# that the code declares by GV_TEST_POINT, and the places before and after each
# record of the log, gv_xlog_finish.
#
#----------------------------------------------------------------------
package GigavecPoints;

use strict;
use warnings;

use Exporter 'import';
use File::Find;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  declared_points stop_at go_on begin_sql end_sql
);

# The points of the source below a folder, with what declares them
sub declared_points
{
	my ($folder) = @_;
	my %points;

	find(
		{
			wanted => sub {
				my ($place) = m{([^/]+/[^/]+\.c)$};
				my $n = 0;

				return if !defined $place || !-f;
				for my $line (split(/\n/, slurp_file($_)))
				{
					$n++;
					$points{$1} = $place if $line =~ /GV_TEST_POINT\("([^"]+)"\)/;
					next if $line !~ /\bgv_xlog_finish\(/;
					$points{"$_ $place:$n"} = $place for 'before', 'after';
				}
			},
			no_chdir => 1
		},
		"$ENV{GIGAVEC_SOURCE}/$folder");
	return %points;
}

# Run statements in a session of their own, which stops at a point; returns the
# session.
#
# point: its name, or NAME:COUNT to stop when it is reached so many times
# setting: what else happens to the session, for example NAME:crash
sub stop_at
{
	my ($node, $where, $sql, $setting) = @_;
	my ($point, $count) = split(/:/, $where);
	my $holder = $node->background_psql('postgres');
	my $psql;

	$holder->query_safe("SELECT pg_advisory_lock(hashtext('$point'))");
	$psql = begin_sql($node, $sql, join(',', "$point:wait:" . ($count // 1), $setting ? $setting : ()));
	$node->poll_query_until('postgres', qq{
		SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
			AND objid = (hashtext('$point')::bigint & 4294967295)::oid})
	  || die "nobody came to $point";
	return { psql => $psql, holder => $holder, point => $point };
}

# Let a session go on, and wait until its statements are done or the server
# has died; returns what they complained about
sub go_on
{
	my ($stopped) = @_;
	my ($psql, $holder) = @$stopped{ 'psql', 'holder' };

	# its end lets go of the lock
	eval { $holder->{run}->finish };
	return end_sql($psql);
}

# Run statements in a session of their own, without waiting for it
sub begin_sql
{
	my ($node, $sql, $setting) = @_;
	my $psql = $node->background_psql('postgres', on_error_stop => 0);

	$psql->query_safe("LOAD 'gigavec'; SET gigavec.test_point = '$setting'") if $setting;
	$psql->query_until(qr/begun/, "\\echo begun\n$sql;\n");
	return $psql;
}

# Wait for the end of such a session; returns what it complained about
sub end_sql
{
	my ($psql) = @_;

	# the end of its input is the end of the session, if it still lives
	eval { $psql->{run}->finish };
	return $psql->{stderr};
}

1;
