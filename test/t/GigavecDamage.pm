#----------------------------------------------------------------------
#
# GigavecDamage.pm
#		Damages pages of indexes and runs statements on them.
#
# The server is stopped, pages of an index file are damaged, checksums being
# off.  Then check and several statements run.  Each must succeed or fail with
# an error that names index or file, of class XX001 or XX002; REINDEX repairs.
#
#----------------------------------------------------------------------
package GigavecDamage;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use GigavecTest;

our @EXPORT = qw(damage_server survive_damages survive_metapages);

my $block_size = 8192;
my @kinds = ('bits', 'zeroed', 'noise', 'swapped', 'truncated', 'bits', 'foreign', 'noise', 'metapage bits', 'bits', 'metapage zeroed', 'metapage foreign');

# A generator of numbers of our own, so that all runs are alike
my $seed = $ENV{GIGAVEC_SEED} // 12345;

sub pick
{
	my ($below) = @_;

	$seed = ($seed * 1103515245 + 12345) % 2147483648;
	return int($seed / 65536) % $below;
}

# A server whose pages can be damaged, with tables and indexes that a script makes
sub damage_server
{
	my ($sql) = @_;
	my $node = new_server('damage', "fsync = off\nfull_page_writes = off\nstatement_timeout = '60s'\nrestart_after_crash = on\n");

	$node->safe_psql('postgres', $sql);
	disable_checksums($node);
	return $node;
}

# Damage a page of a file, in one of the kinds; returns its block
sub damage
{
	my ($path, $kind, $foreign_path) = @_;
	my $size = -s $path;
	my $n = $size / $block_size;
	my ($page, $other);
	my $block = $kind =~ /metapage/ ? 0 : 1 + pick($n - 1);

	open(my $file, '+<:raw', $path) || die "could not open $path: $!";
	my $read = sub { seek($file, $_[0] * $block_size, 0); read($file, my $p, $block_size) == $block_size || die; return $p };
	my $write = sub { seek($file, $_[0] * $block_size, 0); print $file $_[1] };

	$page = $read->($block);
	if ($kind =~ /bits/)
	{
		my $n_bits = (1, 8, 64)[ pick(3) ];

		for (1 .. $n_bits)
		{
			# most of what matters comes first in a page
			my $offset = pick(3) ? pick(400) : pick($block_size);
			substr($page, $offset, 1) ^= chr(1 << pick(8));
		}
		$write->($block, $page);
	}
	elsif ($kind =~ /zeroed/)
	{
		$write->($block, "\0" x $block_size);
	}
	elsif ($kind =~ /noise/)
	{
		# the header stays, so that the page looks like one
		substr($page, 24, 2000) = join('', map { chr(pick(256)) } 1 .. 2000);
		$write->($block, $page);
	}
	elsif ($kind =~ /swapped/)
	{
		my $with = 1 + pick($n - 1);

		$other = $read->($with);
		$write->($with, $page);
		$write->($block, $other);
	}
	elsif ($kind =~ /foreign/)
	{
		open(my $heap, '<:raw', $foreign_path) || die "no heap: $!";
		read($heap, $other, $block_size);
		$write->($block, $other);
	}
	elsif ($kind =~ /truncated/)
	{
		truncate($file, $block_size * (1 + int($n / 2))) || die "could not truncate: $!";
	}
	close($file) || die "could not write $path: $!";
	return $block;
}

sub path_of
{
	my ($node, $relation) = @_;

	return $node->safe_psql('postgres', "SELECT pg_relation_filepath('$relation')");
}

# Damage indexes in turn, in all kinds.
#
# trials: how many
# tables, orders: by the name of the index, its table and what a query orders by
# statements: called with index, table and order, returns what is run; the first must be the check, the
#   fourth print what "exact" gives
# exact: called with table and order, returns the query for that
# answers: called likewise, returns queries whose answers may be others only if check finds the damage; of
#   exact methods
# is_complete: called with index, table, order and a name after REINDEX, tests that all rows are found; if
#   not told, that the index finds as many as the table has
# other_errors: called with index and kind, returns a pattern of further errors that are right; if not told,
#   that of a version which a damaged metapage may have
# found: the least part of the damages that check must find, .7 if not told
sub survive_damages
{
	my ($node, %option) = @_;
	my %tables = %{ $option{tables} };
	my $wanted = $ENV{GIGAVEC_INDEXES} // '.';
	my @indexes = grep { /$wanted/ } sort keys %tables;
	my %path = map { $_ => path_of($node, $_) } @indexes;
	my $foreign = $node->data_dir . '/' . path_of($node, (sort values %tables)[0]);
	my $n_found = 0;
	my $is_complete = $option{is_complete} // sub {
		my ($index, $table, $order, $name) = @_;

		is($node->safe_psql('postgres', "$BY_INDEX SELECT count(DISTINCT ctid) FROM (SELECT ctid FROM $table ORDER BY $order) s"),
			$node->safe_psql('postgres', "SELECT count(*) FROM $table"), "$name: all rows are found");
	};
	my $other_errors = $option{other_errors} // sub { $_[1] =~ /metapage/ ? qr/ERROR:  0A000: index "$_[0]" has version/ : undef };

	for my $trial (1 .. $option{trials})
	{
		my $index = $indexes[ ($trial + int($trial / @kinds)) % @indexes ];
		my $kind = $kinds[ $trial % @kinds ];
		my $table = $tables{$index};
		my $order = $option{orders}{$index};
		my @queries = $option{answers} ? $option{answers}->($index, $table, $order) : ();
		my @answers = map { $node->safe_psql('postgres', $_) } @queries;

		$node->safe_psql('postgres', 'CHECKPOINT');
		$node->stop;
		my $block = damage($node->data_dir . "/$path{$index}", $kind, $foreign);
		my $name = "trial $trial, $index, $kind, block $block";
		my $others = $other_errors->($index, $kind);
		my ($out, $err, $differs);

		$node->start;
		for my $i (0 .. $#queries)
		{
			my $rc = $node->psql('postgres', $queries[$i], stdout => \$out, stderr => \$err, timeout => 120);

			$differs = 1 if $rc != 0 || $out ne $answers[$i];
		}

		my $exact = $node->safe_psql('postgres', $option{exact}->($table, $order));
		my $found = '';
		my $statement = 0;
		for my $sql ($option{statements}->($index, $table, $order))
		{
			my $rc = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err, timeout => 120);

			$statement++;
			ok($rc == 0 || ($rc == 3 && ($err =~ /ERROR:  XX00[12]: / || (defined $others && $err =~ $others))),
				"$name: statement $statement succeeds or says that data are damaged") || diag("rc $rc\n$sql\n$err");
			like($err, qr/"$index"|\Q$path{$index}\E/, "$name: statement $statement names the index") if $rc != 0;
			$found = ($rc != 0 || $out ne '0') ? 'yes' : 'no' if $statement == 1;
			$differs = 1 if $statement == 4 && ($rc != 0 || $out ne $exact);
		}
		$n_found++ if $found eq 'yes';
		ok(!$differs || $found eq 'yes', "$name: check finds what changes answers");
		note("$name: check found " . $found . ', answers ' . ($differs ? 'differ' : 'do not differ'));

		$node->safe_psql('postgres', "REINDEX INDEX $index");
		is_sound($node, $index, "$name, REINDEX");
		$is_complete->($index, $table, $order, "$name, REINDEX");
		ok(!$node->log_contains('terminated by signal'), "$name: no process crashed") || BAIL_OUT('crash');

		$path{$index} = path_of($node, $index);
	}
	cmp_ok($n_found, '>=', $option{trials} * ($option{found} // 0.7), "check found $n_found of $option{trials} damages");
	return;
}

# Change a metapage, to one of another version or access method.
#
# cases: [offset, bytes, what it is, pattern of the error]
# statements: each of which must raise it
# clean_up: what is run after REINDEX
sub survive_metapages
{
	my ($node, $index, %option) = @_;
	my ($out, $err);

	for my $case (@{ $option{cases} })
	{
		my ($offset, $bytes, $what, $message) = @$case;
		my $path = $node->data_dir . '/' . path_of($node, $index);

		$node->safe_psql('postgres', 'CHECKPOINT');
		$node->stop;
		open(my $file, '+<:raw', $path) || die "could not open $path: $!";
		seek($file, $offset, 0);
		print $file $bytes;
		close($file);
		$node->start;
		for my $sql (@{ $option{statements} })
		{
			$node->psql('postgres', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err);
			like($err, $message, "metapage with another $what: " . substr($sql, -40));
		}
		$node->safe_psql('postgres', "REINDEX INDEX $index; $option{clean_up}");
		is_sound($node, $index, "REINDEX after another $what");
	}
	return;
}

1;
