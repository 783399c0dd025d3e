#----------------------------------------------------------------------
#
# ALTER EXTENSION UPDATE: an old version and its updates give the same objects
# as the new version.
#
# Each file of sql/upgrade leads from a version whose script is beside it under
# sql/upgrade as well.  A made-up version before the present one shows that the
# comparison sees what an update forgets, and that data and indexes stay.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $source = $ENV{GIGAVEC_SOURCE};
my $node = PostgreSQL::Test::Cluster->new('update');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\n");
$node->start;

my $folder = $node->config_data('--sharedir') . '/extension';
my $version = $node->safe_psql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'gigavec'});
my $script = "$folder/gigavec--$version.sql";
plan skip_all => "$folder cannot be written" if !-w $folder;

# All objects of the extension in a database, as text
sub objects
{
	my ($name, $extension) = @_;

	$extension //= 'gigavec';

	return $node->safe_psql($name, q{
		SELECT pg_describe_object(classid, objid, 0), obj_description(objid, classid::regclass::name),
			CASE classid
				WHEN 'pg_proc'::regclass THEN (SELECT concat_ws(' ', CASE WHEN prokind <> 'a' THEN pg_get_functiondef(p.oid) END, proacl::text) FROM pg_proc p WHERE p.oid = objid)
				WHEN 'pg_operator'::regclass THEN (SELECT concat_ws(' ', oprcode, oprcom::regoperator, oprnegate::regoperator, oprrest, oprjoin, oprcanmerge, oprcanhash) FROM pg_operator o WHERE o.oid = objid)
				WHEN 'pg_opclass'::regclass THEN (SELECT concat_ws(' ', opcdefault, opcintype::regtype, opckeytype::regtype) FROM pg_opclass o WHERE o.oid = objid)
				WHEN 'pg_cast'::regclass THEN (SELECT concat_ws(' ', castfunc::regprocedure, castcontext, castmethod) FROM pg_cast c WHERE c.oid = objid)
				WHEN 'pg_type'::regclass THEN (SELECT concat_ws(' ', typlen, typinput, typoutput, typreceive, typsend, typmodin, typmodout, typalign, typstorage, typcategory, typdelim) FROM pg_type t WHERE t.oid = objid)
				WHEN 'pg_opfamily'::regclass THEN (SELECT string_agg(concat_ws(' ', amopstrategy, amoppurpose, amopopr::regoperator), ', ' ORDER BY amopstrategy, amopopr::regoperator::text) FROM pg_amop WHERE amopfamily = objid)
					|| (SELECT string_agg(concat_ws(' ', amprocnum, amproc::regprocedure), ', ' ORDER BY amprocnum, amproc::regprocedure::text) FROM pg_amproc WHERE amprocfamily = objid)
			END
		FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
			AND refobjid = (SELECT oid FROM pg_extension WHERE extname = '} . $extension . q{')
		ORDER BY 1, 2});
}

# The lines that one of two texts has and the other lacks
sub difference
{
	my ($old, $new) = @_;
	my (%old, %new);

	$old{$_}++ for split(/\n/, $old);
	$new{$_}++ for split(/\n/, $new);
	return join("\n", (map { "- $_" } grep { !$new{$_} } sort keys %old), (map { "+ $_" } grep { !$old{$_} } sort keys %new));
}

# A database with a version of the extension, brought to the present one
sub update
{
	my ($name, $from) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, "CREATE EXTENSION gigavec VERSION '$from'");
	$node->safe_psql($name, q{
		CREATE TABLE items (id int, v vector(3));
		INSERT INTO items SELECT i, ARRAY[i, i % 7, i % 11]::vector FROM generate_series(1, 300) i;
		CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops)});
	$node->safe_psql($name, 'ALTER EXTENSION gigavec UPDATE');
	is($node->safe_psql($name, q{SELECT extversion FROM pg_extension WHERE extname = 'gigavec'}), $version, "$name: the version");
	is($node->safe_psql($name, q{SELECT catalog = library FROM gigavec.version()}), 't', "$name: library and catalog agree");
	is($node->safe_psql($name, q{SELECT count(*) FROM gigavec.check('items_v')}), '0', "$name: the index is sound");
	is($node->safe_psql($name, "$BY_INDEX SELECT id FROM items ORDER BY v <-> '[17,3,6]' LIMIT 1"), '17', "$name: and finds rows");
	return objects($name);
}

$node->safe_psql('postgres', 'CREATE DATABASE present');
$node->safe_psql('present', 'CREATE EXTENSION gigavec');
my $present = objects('present');
cmp_ok(scalar(() = $present =~ /^/mg), '>', 300, 'objects are compared');

# the update to what it is already does nothing
my ($rc, $out, $err) = $node->psql('present', 'ALTER EXTENSION gigavec UPDATE');
like($err, qr/version "\Q$version\E" of extension "gigavec" is already installed/, 'no update where there is none');
is(objects('present'), $present, 'and it changes nothing');

# a version before, without two objects and with other words on a third
my $old_script = slurp_file($script);
my %removed;
for my $function ('gigavec.simd()', 'gigavec.last_scan(')
{
	my ($name) = $function =~ /^([\w.]+)/;

	ok($old_script =~ s/^(CREATE FUNCTION \Q$name\E\(.*?;\nCOMMENT ON FUNCTION \Q$name\E\(.*?;\n)//ms, "$name is not in the version before");
	$removed{$name} = $1;
}
ok($old_script =~ s/^(COMMENT ON FUNCTION l2_distance\(vector, vector\)\s+IS) '(.*?)';/$1 'another';/ms, 'a comment differs');
my $comment = "$1 '$2';\n";
my @made = ("$folder/gigavec--0.0.1.sql", "$folder/gigavec--0.0.2.sql",
	"$folder/gigavec--0.0.1--$version.sql", "$folder/gigavec--0.0.2--$version.sql");
append_to_file($made[0], $old_script);
append_to_file($made[1], $old_script);
append_to_file($made[2], join("\n", values %removed, $comment));
append_to_file($made[3], $removed{'gigavec.simd'});
is(difference(update('updated', '0.0.1'), $present), '', 'an update that brings all: the same objects');
my $difference = difference(update('forgotten', '0.0.2'), $present);
like($difference, qr/^\+ function gigavec\.last_scan\(\)/m, 'an update that forgets a function is seen');
like($difference, qr/^- .*l2_distance\(vector,vector\)\|another/m, 'and one that forgets a comment');
unlike($difference, qr/simd/, 'and what it brings is not');
unlink(@made);

# each update that was released
for my $file (sort glob("$source/sql/upgrade/gigavec--*--*.sql"))
{
	my ($from) = $file =~ /gigavec--(.*?)--/;

	is(difference(update('from_' . $from =~ s/\W/_/gr, $from), $present), '', "from $from: the same objects") if -f "$folder/gigavec--$from.sql";
}

# the version after, whose update brings a function, and what make makes of it for
# those who have the extension under pgvector's name
my $next = '9.9.9';
my $next_vector = '0.8.90909';
my $folder_next = $node->basedir . '/next';
my $brings = qq{CREATE FUNCTION gigavec.again() RETURNS text
	AS 'MODULE_PATHNAME', 'gv_simd' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION gigavec.again() IS 'what the version after brings';
};
my ($entry) = $removed{'gigavec.simd'} =~ /'MODULE_PATHNAME', '(\w+)'/;
$brings =~ s/'gv_simd'/'$entry'/;
system_or_bail('sh', '-c', qq{mkdir -p $folder_next/src/distance && cd '$source' && cp -R Makefile gigavec.control sql $folder_next/ && cp src/distance/kernels.mk $folder_next/src/distance/ && rm -f $folder_next/sql/*.sql $folder_next/sql/vector.control && mkdir -p $folder_next/sql/upgrade});
append_to_file("$folder_next/sql/install/99-again.sql", $brings);
append_to_file("$folder_next/sql/upgrade/gigavec--$version--$next.sql",
	qq{\\echo Use "ALTER EXTENSION gigavec UPDATE" to load this file. \\quit\n$brings});
my $control = slurp_file("$folder_next/gigavec.control");
ok($control =~ s/^default_version = .*$/default_version = '$next'/m, 'the version after');
unlink("$folder_next/gigavec.control");
append_to_file("$folder_next/gigavec.control", $control);
{
	local %ENV = %ENV;

	# none of what the make that runs the tests was asked for
	delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEFILES MAKECMDGOALS)};
	command_ok([ 'make', '-s', '-C', $folder_next, "PG_CONFIG=$ENV{GIGAVEC_PG_CONFIG}", 'vector-files' ], 'make vector-files');
}
like(slurp_file("$folder_next/sql/vector.control"), qr/^default_version = '\Q$next_vector\E'$/m, 'and its version under the other name');
my ($present_vector) = map { /vector--([\d.]+)--/ } glob("$folder_next/sql/vector--*--$next_vector.sql");
is($present_vector, $node->safe_psql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'vector'}), 'an update from the present one');
my %next = ("gigavec--$next.sql" => "$folder_next/sql/gigavec--$next.sql",
	"gigavec--$version--$next.sql" => "$folder_next/sql/upgrade/gigavec--$version--$next.sql",
	map { $_ => "$folder_next/sql/$_" } "vector--$next_vector.sql", "vector--$present_vector--$next_vector.sql");
append_to_file("$folder/$_", slurp_file($next{$_})) for sort keys %next;

$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(vector_next vector_old beside gigavec_next);
$node->safe_psql('vector_next', "CREATE EXTENSION vector VERSION '$next_vector'");
$node->safe_psql('gigavec_next', "CREATE EXTENSION gigavec VERSION '$next'");
like(objects('vector_next', 'vector'), qr/^function gigavec\.again\(\)/m, 'the version after has the function');
is(objects('vector_next', 'vector'), objects('gigavec_next'), 'under both names');
$node->safe_psql('vector_old', q{CREATE EXTENSION vector; CREATE TABLE items (v vector(2)); INSERT INTO items VALUES ('[1,2]'); CREATE INDEX ON items USING hnsw (v vector_l2_ops)});
unlike(objects('vector_old', 'vector'), qr/gigavec\.again/, 'the present one does not');
$node->safe_psql('vector_old', "ALTER EXTENSION vector UPDATE TO '$next_vector'");
is(difference(objects('vector_old', 'vector'), objects('vector_next', 'vector')), '', 'updated as vector: the same objects');
is($node->safe_psql('vector_old', q{SELECT gigavec.again() = gigavec.simd(), extversion FROM pg_extension WHERE extname = 'vector'}), "t|$next_vector", 'which work');
is($node->safe_psql('vector_old', "$BY_INDEX SELECT v FROM items ORDER BY v <-> '[1,1]'"), '[1,2]', 'and the index');

# where vector is but a name, gigavec's update brings what is new, whichever comes first
$node->safe_psql('beside', 'CREATE EXTENSION gigavec; CREATE EXTENSION vector');
$node->safe_psql('beside', "ALTER EXTENSION vector UPDATE TO '$next_vector'");
unlike(objects('beside', 'vector'), qr/gigavec\.again/, 'an update of the name brings nothing');
$node->safe_psql('beside', "ALTER EXTENSION gigavec UPDATE TO '$next'");
is(difference(objects('beside'), objects('gigavec_next')), '', 'that of gigavec does');
unlink(map { "$folder/$_" } keys %next);

$node->stop;
done_testing();
