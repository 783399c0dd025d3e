#!/usr/bin/perl
#
# Check the form of the sources: format.pl [root of the checkout]
#
# pgindent's rules as far as they can be told line by line without a parser,
# so that nothing here objects to a file that pgindent leaves as it is.
# Reports as source.pl does.

use strict;
use warnings;

use File::Find;

my $root = shift // '.';
chdir $root or die "cannot enter $root: $!\n";

my %problems;
my @rules = (
	text => 'text files end in a newline and have no trailing blanks, no CR',
	tabs => 'C code is indented with tabs of width 4',
	width => 'lines have at most 100 columns, long messages excepted',
	comments => 'comments are /* */',
	braces => 'braces stand on their own line',
	functions => 'return types stand on their own line',
	blanks => 'no two empty lines at the end of a file, none at its start',
	keywords => 'one blank after if, for, while and switch');

my (@code, @text);
find(
	{
		wanted => sub {
			return $File::Find::prune = 1 if m{/(?:\.git|build|results|tmp_check|data|expected)$};
			return unless -f;
			push @code, $_ if m{^\./(?:src|test)/.*\.(?:c|h|cu|inc)$};
			push @text, $_
			  if m{\.(?:c|h|cu|inc|sql|spec|pl|pm|sh|py|md|json|control)$}
			  || m{/(?:Makefile|run|LICENSE)$};
		},
		no_chdir => 1
	},
	'.');
check_text($_) foreach sort grep { !m{^\./sql/(gigavec|vector)--[^-]*\.sql$} } @text;
check_code($_) foreach sort @code;

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

sub check_text
{
	my $file = shift;
	open my $fh, '<', $file or die "cannot open $file: $!\n";
	local $/;
	my $text = <$fh> // '';
	close $fh;
	problem('text', $file, 1, 'does not end in a newline') if $text ne '' && $text !~ /\n\z/;
	problem('text', $file, 1, 'has carriage returns') if $text =~ /\r/;
	my $n = 0;
	foreach my $line (split /\n/, $text)
	{
		$n++;
		problem('text', $file, $n, 'trailing blanks') if $line =~ /[ \t]\z/;
	}
	problem('blanks', $file, $n, 'empty lines at the end') if $text =~ /\n\n\z/;
	problem('blanks', $file, 1, 'empty line at the start') if $text =~ /\A\n/;
	return;
}

# Columns of a line, with tabs of width 4
sub width
{
	my $line = shift;
	1 while $line =~ s/^([^\t]*)\t/$1 . ' ' x (4 - length($1) % 4)/e;
	return length $line;
}

sub check_code
{
	my $file = shift;
	open my $fh, '<', $file or die "cannot open $file: $!\n";
	chomp(my @lines = <$fh>);
	close $fh;

	my ($comment, $head, $continued) = (0, '', 0);
	for my $i (0 .. $#lines)
	{
		my $line = $lines[$i];
		my $n = $i + 1;
		my $in_comment = $comment;

		# a message stays in one piece, so that it can be searched for
		(my $short = $line) =~ s{"(?:[^"\\]|\\.){50,}"}{""}g;
		problem('width', $file, $n, width($line) . ' columns') if width($short) > 100;

		# the code of the line: literals emptied, comments taken out
		my $code = $line;
		if ($comment)
		{
			next unless $code =~ s{^.*?\*/}{};
			$comment = 0;
		}
		$code =~ s{"(?:[^"\\]|\\.)*"}{""}g;
		$code =~ s{'(?:[^'\\]|\\.)*'}{''}g;
		$code =~ s{/\*.*?\*/}{ }g;
		$comment = 1 if $code =~ s{/\*.*$}{};
		$code =~ s/\s+$//;

		problem('comments', $file, $n, 'comment with //') if $code =~ m{//};

		my $macro = $continued || $code =~ /^\s*#/;
		$continued = $macro && $line =~ /\\$/;
		next if $macro || $in_comment;

		problem('tabs', $file, $n, 'indented with blanks') if $line =~ /^\t* {4}/;
		problem('tabs', $file, $n, 'blank before a tab') if $line =~ /^\s* \t/;
		problem('braces', $file, $n, 'brace after other code')
		  if $code =~ /^\s*(?:\}\s*)?(?:if|else|for|while|switch|do)\b[^=]*\{$/;
		problem('braces', $file, $n, 'code after a closing brace')
		  if $code =~ /^\s*\}\s*(?:else|while)\b/ && $code !~ /^\s*\}\s*while\b.*;$/;
		problem('keywords', $file, $n, $code)
		  if $code =~ /\b(?:if|for|while|switch)(?:\(|\s{2,}\()/ && $code !~ /^\s*\}\s*while/;

		# the last line that began in the first column heads what follows
		if ($code =~ /^\{/)
		{
			problem('functions', $file, $n, "return type beside the name: $head")
			  if $head =~ /\(/ && $head !~ /^[A-Za-z_]\w*\s*\(/ && $head !~ /=/;
			$head = '';
		}
		elsif ($code =~ /^[A-Za-z_]/ && $code !~ /^\w+:$/)
		{
			$head = $code;
		}
	}
	return;
}
