#!/usr/bin/perl
#
# Check the rules that the sources follow: source.pl [root of the checkout]
#
# Each rule is one line "ok - rule" or "not ok - rule"; what breaks a rule is
# listed before it as "file:line: what".  Exit status 1 if a rule is broken.

use strict;
use warnings;

use File::Find;

my $root = shift // '.';
chdir $root or die "cannot enter $root: $!\n";

# The floors, lowest first; folders on one floor do not see each other, but
# quant may use gpu.  cuda/ is the other side of gpu/.
my %floor = (
	base => 0,
	distance => 1,
	type => 2,
	quant => 2,
	gpu => 2,
	cuda => 2,
	am => 3,
	hnsw => 4,
	ivf => 4,
	kdtree => 4,
	bm25 => 4,
	hybrid => 4,
	'' => 5);
my %method = map { $_ => 1 } qw(hnsw ivf kdtree bm25);

my %problems;
my @rules = (
	floors => 'includes point downwards only',
	doors => 'nobody includes more of an access method than its door',
	compat => 'only base/compat.h mentions PG_VERSION_NUM',
	plain => 'distance/ includes no PostgreSQL header',
	includes => 'includes are ordered: postgres.h, system, PostgreSQL, ours',
	box => 'every source file opens with the box comment',
	size => 'files are under 1000 lines',
	functions => 'functions are under 120 lines',
	copies => 'no ten lines of code stand twice',
	todo => 'no unfinished marks without an issue number',
	readme => 'every source folder has a README.md',
	sql => 'SQL functions state volatility and PARALLEL',
	versions => 'gigavec.control and META.json agree on the version');

my @sources;
find(
	{
		wanted => sub { push @sources, $_ if /\.(c|h|cu)$/ && -f },
		no_chdir => 1
	},
	'src');
@sources = sort @sources;
check_source($_) foreach @sources;
check_copies();
check_folders();
check_sql($_) foreach sort glob 'sql/install/*.sql';
check_versions();

my $status = 0;
while (my ($rule, $text) = splice(@rules, 0, 2))
{
	print "$_\n" foreach @{ $problems{$rule} // [] };
	print $problems{$rule} ? 'not ok' : 'ok', " - $text\n";
	$status = 1 if $problems{$rule};
}
exit $status;


sub problem
{
	my ($rule, $file, $line, $text) = @_;
	push @{ $problems{$rule} }, "$file:$line: $text";
	return;
}

sub read_lines
{
	my $file = shift;
	open my $fh, '<', $file or die "cannot open $file: $!\n";
	chomp(my @lines = <$fh>);
	close $fh;
	return @lines;
}

sub check_source
{
	my $file = shift;
	my @lines = read_lines($file);
	my ($folder) = $file =~ m{^src/(?:([^/]+)/)?};
	$folder //= '';
	my ($name) = $file =~ m{([^/]+)$};

	problem('floors', $file, 1, "folder $folder has no floor")
	  unless exists $floor{$folder};
	problem('size', $file, scalar @lines, scalar(@lines) . ' lines')
	  if @lines >= 1000;
	problem('box', $file, 1, "does not open with the box comment naming $name")
	  unless @lines > 4
	  && $lines[0] =~ m{^/\*-{10,}$}
	  && $lines[2] =~ /^ \* \Q$name\E$/;

	my ($start, $opened, $last_rank, $last_name) = (0, 0, -1, '');
	for my $i (0 .. $#lines)
	{
		my $line = $lines[$i];
		my $n = $i + 1;

		problem('compat', $file, $n, 'mentions PG_VERSION_NUM')
		  if $line =~ /PG_VERSION_NUM/ && $file ne 'src/base/compat.h';
		problem('todo', $file, $n, $line)
		  if $line =~ /\b(?:TODO|FIXME|XXX)\b/ && $line !~ /#\d+|issue \d+/;

		# a function's body stands between braces in the first column
		$opened = $n if $line =~ /^\{/;
		if ($line =~ /^\}/ && $opened)
		{
			problem('functions', $file, $opened, ($n - $opened - 1) . ' lines')
			  if $n - $opened - 1 >= 120 && $line =~ /^\}\s*$/;
			$opened = 0;
		}

		# code or a condition between includes begins a new group
		($last_rank, $last_name) = (-1, '')
		  if $line =~ m{^\s*#\s*(?:if|el|endif|define|undef)|^[A-Za-z{}]};
		next unless $line =~ /^\s*#\s*include\s+([<"])([^>"]+)/;
		my ($bracket, $included) = ($1, $2);
		my $ours = $bracket eq '"' && (-f "src/$included" || exists $floor{ ($included =~ m{^([^/]+)/})[0] // '-' });
		# templates are included where they are needed, again and again
		my $template = $included =~ /\.(?:inc|c)$|_(?:impl|template)\.h$/;

		check_include($file, $folder, $n, $included) if $ours;
		problem('plain', $file, $n, "includes $included")
		  if $folder eq 'distance' && $bracket eq '"' && !$ours;
		next if $template;

		my $rank =
			$included eq 'postgres.h' ? 0
		  : $bracket eq '<' ? 1
		  : $ours ? 3
		  : 2;
		problem('includes', $file, $n, "$included comes too late")
		  if $rank < $last_rank
		  || ($rank == $last_rank && $included lt $last_name);
		($last_rank, $last_name) = ($rank, $included);
	}
	return;
}

sub check_include
{
	my ($file, $folder, $n, $included) = @_;
	my ($target) = $included =~ m{^([^/]+)/};
	$target //= '';
	if (!-f "src/$included")
	{
		problem('floors', $file, $n, "$included does not exist");
		return;
	}
	return if $target eq $folder;
	# the layouts of all access methods are checked in one place
	return if $file eq 'src/layout_check.c' && $included =~ m{/page\.h$};

	my $allowed = $floor{$target} < $floor{$folder}
	  || ($folder eq 'quant' && $target eq 'gpu')
	  || ($folder eq 'cuda' && $target eq 'gpu');
	problem('floors', $file, $n, "$included is not below " . ($folder || 'src'))
	  unless $allowed;
	problem('doors', $file, $n, "$included is not the door of $target")
	  if $method{$target} && $included ne "$target/$target.h";
	return;
}

# Ten lines of code one after another that stand elsewhere, too; lines that say
# nothing, as braces and includes do, do not count
sub check_copies
{
	my ($run, %seen) = (10);

	foreach my $file (@sources)
	{
		my (@lines, @numbers, $comment, $until);
		my $n = 0;

		foreach my $line (read_lines($file))
		{
			$n++;
			my $code = $line =~ s{/\*.*?\*/}{}gr;
			$comment = 1 if !$comment && $code =~ s{/\*.*}{};
			if ($comment)
			{
				next unless $code =~ s{^.*?\*/}{};
				$comment = 0;
			}
			$code =~ s/\s+/ /g;
			$code =~ s/^ | \\?$//g;
			next if $code =~ /^[\W_]*$/ || $code =~ /^# ?include\b|^(?:else|break;|return;)$/;
			push @lines, $code;
			push @numbers, $n;
		}
		for my $i (0 .. $#lines - $run + 1)
		{
			my $text = join "\n", @lines[ $i .. $i + $run - 1 ];
			my $first = $seen{$text} //= [ $file, $i, $numbers[$i] ];

			next if $first->[0] eq $file && $first->[1] == $i;
			# one complaint for each run, however long
			problem('copies', $file, $numbers[$i], "stands at $first->[0]:$first->[2], too")
			  unless defined $until && $i < $until;
			$until = $i + $run;
		}
	}
	return;
}

sub check_folders
{
	my %seen = map { m{^(.*)/} ? ($1 => 1) : () } @sources;
	foreach my $folder (sort keys %seen)
	{
		problem('readme', $folder, 1, 'has no README.md') unless -f "$folder/README.md";
	}
	return;
}

# Functions of SQL fragments: CREATE FUNCTION to the closing semicolon
sub check_sql
{
	my $file = shift;
	my $text = join "\n", read_lines($file);
	$text =~ s/--[^\n]*//g;
	while ($text =~ /\bCREATE\s+(?:OR\s+REPLACE\s+)?FUNCTION\s+([^\s(]+)(.*?);/gsi)
	{
		my ($name, $body) = ($1, $2);
		my $n = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);
		problem('sql', $file, $n, "$name states no volatility")
		  unless $body =~ /\b(?:IMMUTABLE|STABLE|VOLATILE)\b/i;
		problem('sql', $file, $n, "$name states no PARALLEL")
		  unless $body =~ /\bPARALLEL\s+(?:SAFE|RESTRICTED|UNSAFE)\b/i;
	}
	return;
}

sub check_versions
{
	my ($control) = join("\n", read_lines('gigavec.control')) =~ /^default_version = '([^']+)'/m;
	my @meta = join("\n", read_lines('META.json')) =~ /^\s{2,6}"version": "([^"]+)"/mg;
	foreach my $version (@meta)
	{
		next if $version eq '1.0.0' || $version eq ($control // '');
		problem('versions', 'META.json', 1, "says $version, gigavec.control $control");
	}
	return;
}
