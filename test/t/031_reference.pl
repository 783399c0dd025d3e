#----------------------------------------------------------------------
#
# docs/reference.md says what the catalog says, and docs/security.md who may
# call what.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $docs = "$ENV{GIGAVEC_SOURCE}/docs";
my $node = PostgreSQL::Test::Cluster->new('reference');

$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION gigavec');
my ($new, $err);
IPC::Run::run([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', "$docs/reference.sql" ],
	'>', \$new, '2>', \$err);
is($err, '', 'the catalog can be read');

# What is new and what is gone, rather than both files
my %written = map { $_ => 1 } split(/\n/, slurp_file("$docs/reference.md"));
my %catalog = map { $_ => 1 } split(/\n/, $new);
is(join("\n", grep { !$written{$_} } sort keys %catalog), '', 'reference.md lacks nothing: docs/make-reference writes it anew');
is(join("\n", grep { !$catalog{$_} } sort keys %written), '', 'and has nothing that is not there');

# whoever adds a function that can look into a relation tells who may call it
my $security = slurp_file("$docs/security.md");
my @looking = split(/\n/, $node->safe_psql('postgres', q{
	SELECT DISTINCT format('%s.%s', nspname, proname)
	FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
	WHERE pronamespace = 'gigavec'::regnamespace AND prorettype NOT IN ('index_am_handler'::regtype, 'internal'::regtype)
		AND (proargtypes::oid[] && '{regclass,oid,name}'::regtype[]::oid[] OR provolatile = 'v')}));
cmp_ok(scalar(@looking), '>=', 10, 'functions look into relations');
is(join("\n", grep { $security !~ /\b\Q$_\E\b/ } @looking), '', 'security.md names them all');

$node->stop;
done_testing();
