#----------------------------------------------------------------------
#
# Programs that talk to the server as users' do: drivers and ORMs with the
# package pgvector as it comes from PyPI, and libpq in C.
#
# The tests are in clients/, one program for each.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $node = new_server('clients', "fsync = off\n");
my $folder = PostgreSQL::Test::Utils::tempdir();
# the one among the private copies looks for headers among them, too
my $pg_config = $ENV{GIGAVEC_PG_CONFIG};

$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
$ENV{PGDATABASE} = 'postgres';
$ENV{PGUSER} = $node->safe_psql('postgres', 'SELECT current_user');
$ENV{PYTHONDONTWRITEBYTECODE} = 1;

# Run a program, tell what it wrote if it failed
sub succeeds
{
	my ($what, @command) = @_;
	my $out = '';
	my $good = IPC::Run::run(\@command, '<', \undef, '>&', \$out, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));

	ok($good, $what) or diag($out);
	return $out;
}

SKIP:
{
	chomp(my ($include, $lib) = map { `$pg_config --$_` } qw(includedir libdir));
	skip "libpq's header is not here", 2 unless -e "$include/libpq-fe.h";
	my @build = ($ENV{CC} // 'cc', '-I', $include, 't/clients/libpq.c', '-o', "$folder/libpq", '-L', $lib, '-lpq');
	succeeds('libpq.c compiles', @build);
	note(succeeds('libpq', "$folder/libpq"));
}

SKIP:
{
	my @clients = qw(psycopg asyncpg sqlalchemy django);
	my $python = "$folder/python/bin/python";
	my $out;

	# The package index may be out of reach, and an answer may take long
	my $ready = eval {
		IPC::Run::run([ 'python3', '-m', 'venv', "$folder/python" ], '>&', \$out, IPC::Run::timeout(60))
		  && IPC::Run::run([ $python, '-m', 'pip', 'install', '-q', '--retries', 1, '--timeout', 20, '--only-binary', ':all:',
				qw(pgvector numpy psycopg[binary] asyncpg SQLAlchemy Django) ], '>&', \$out, IPC::Run::timeout(170));
	};
	skip 'Python or the package index is out of reach: ' . ($out // $@) =~ s/\n.*//sr, @clients + 1 unless $ready;
	note(`$python -m pip list --format=freeze`);
	succeeds($_, $python, "t/clients/test_$_.py") for @clients;

	# These are asked for by themselves: any may be missing for a platform
	$ready = eval {
		IPC::Run::run([ $python, '-m', 'pip', 'install', '-q', '--retries', 1, '--timeout', 20, '--only-binary', ':all:',
				qw(psycopg2-binary pg8000 peewee sqlmodel) ], '>&', \$out, IPC::Run::timeout(100));
	};
	skip 'psycopg2, pg8000, peewee or SQLModel is out of reach: ' . ($out // $@) =~ s/\n.*//sr, 1 unless $ready;
	succeeds('others', $python, 't/clients/test_others.py');
}

done_testing();
