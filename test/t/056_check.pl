#----------------------------------------------------------------------
#
# What gigavec.check tells of pages: one kind of damage after another, each in an
# index of its own, and the problem that it must name.  What it tells of rows is
# in sql/check_rows; 009, 041, 054 and 063 have random damages.
#
# The offsets are those of page.h of each access method: the content of a page
# begins after 24 bytes, and its last 8 are kind, free places, 0 and the page id.
#
#----------------------------------------------------------------------
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use lib 't';
use GigavecTest;

my $node = new_server('check', "fsync = off\nfull_page_writes = off\nmax_wal_size = 1GB\n");
my $image;						# of the index that is damaged
my $little = q{SET maintenance_work_mem = '1MB'; };

# numbers at a place
sub get_at { my ($block, $offset, $template) = @_; return unpack($template, substr($image, $block * 8192 + $offset)) }

sub put_at { my ($block, $offset, $bytes) = @_; substr($image, $block * 8192 + $offset, length($bytes)) = $bytes; return }

# the blocks of pages of a kind
sub blocks_of
{
	my ($kind) = @_;

	return grep { get_at($_, 8184, 'v') == $kind } 0 .. length($image) / 8192 - 1;
}

# --- kdtree: head of 16 bytes, then columns -----------------------------------

my ($kd_leaf, $kd_inner) = (2, 3);
sub kd_child { my ($block, $i) = @_; return 40 + 8 * get_at(0, 36, 'V') * get_at(0, 44, 'v') + 4 * $i }
sub kd_tid { return 40 + 4 * get_at(0, 36, 'V') * get_at(0, 42, 'v') }

my @kdtree = (
	[ 'a leaf has too many points', sub { put_at((blocks_of($kd_leaf))[3], 36, pack('v', 9999)) }, qr/page cannot be read: / ],
	[ 'an inner page has too many children', sub { put_at((blocks_of($kd_inner))[1], 36, pack('v', 9999)) }, qr/page cannot be read: / ],
	[ 'a leaf is zeros', sub { put_at((blocks_of($kd_leaf))[3], 0, "\0" x 8192) }, qr/page cannot be read: It is a page of zeros\./ ],
	[ 'the root is too high', sub { put_at(1, 38, pack('v', get_at(1, 38, 'v') + 1)) }, qr/page has level \d+, its parent says \d+/ ],
	[ 'a child is the root', sub { put_at(1, kd_child(1, 0), pack('V', 1)) }, qr/child is at block 1, which cannot be/ ],
	[ 'a child is beyond the end', sub { put_at(1, kd_child(1, 0), pack('V', 999999)) }, qr/child is at block 999999, which cannot be/ ],
	[ 'a child has two parents', sub { put_at(1, kd_child(1, 0), pack('V', get_at(1, kd_child(1, 1), 'V'))) }, qr/child at block \d+ has another parent at block 1/ ],
	[ 'a page has no parent', sub { put_at(1, 36, pack('v', get_at(1, 36, 'v') - 1)) }, qr/page has no parent/ ],
	[ 'a leaf is free', sub { my $leaf = (blocks_of($kd_leaf))[3]; put_at($leaf, 36, pack('v', 0)); put_at($leaf, 8184, pack('v', 4)) }, qr/page is free and has a parent/ ],
	[ 'a point is outside its box', sub { put_at((blocks_of($kd_leaf))[3], 40, pack('f<', 1e6)) }, qr/box does not hold all of its child at block \d+/ ],
	[ 'a box is too small', sub { my $inner = (blocks_of($kd_inner))[1]; put_at($inner, 40, pack('f<', 1e6)) }, qr/box does not hold all of its child at block \d+/ ],
	[ 'an element is no number', sub { put_at((blocks_of($kd_leaf))[3], 40, pack('V', 0x7FC00000)) }, qr/element 1 is not finite/ ],
	[ 'a point has no row', sub { put_at((blocks_of($kd_leaf))[3], kd_tid() + 4, pack('v', 0)) }, qr/point has no row/ ],
	[ 'a leaf was split after its parent', sub { put_at((blocks_of($kd_leaf))[3], 28, pack('V', 9999)) }, qr/page was split after its parent/ ],
	[ 'a link leads nowhere', sub { put_at((blocks_of($kd_leaf))[3], 24, pack('VV', 999999, 1)); put_at($_, 32, pack('V', 5)) for blocks_of($kd_inner) }, qr/link to the right leads nowhere/ ],
	[ 'there is only a metapage', sub { $image = substr($image, 0, 8192) }, qr/there is no root/ ]);

# --- ivf: rows from 48 on, in blocks of 32 -------------------------------------

my ($ivf_lists, $ivf_centroids, $ivf_rows, $ivf_values) = (2, 3, 5, 6);
sub ivf_list { my ($i) = @_; return 32 + 24 * $i }
sub ivf_page { return (grep { get_at($_, 40, 'v') > 40 } blocks_of($ivf_rows))[1] }
# a number of a row's factors: 0 addend, 1 of the code, 2 error
sub ivf_factor { my ($i) = @_; return 48 + 32 * 6 + 64 * $i }

my @ivf = (
	[ 'a list leads nowhere', sub { put_at(ivf_page(), 24, pack('V', 999999)) }, qr/list leads nowhere/ ],
	[ 'a list has no end', sub { my $page = ivf_page(); put_at($page, 24, pack('V', $page)) }, qr/list leads nowhere/ ],
	[ 'a page is of another list', sub { put_at(ivf_page(), 28, pack('V', 77)) }, qr/page is not one of the list that leads to it/ ],
	[ 'a page is of another generation', sub { put_at(ivf_page(), 32, pack('V', 77)) }, qr/page is not one of the list that leads to it/ ],
	[ 'a page has too many rows', sub { put_at(ivf_page(), 40, pack('v', 9999)) }, qr/page has more rows than it has room for/ ],
	[ 'a page has no row that is gone', sub { put_at(ivf_page(), 42, pack('v', 3)) }, qr/page does not have as many rows that are gone as it says/ ],
	[ 'a list ends elsewhere', sub { my $lists = (blocks_of($ivf_lists))[0]; put_at($lists, ivf_list(1) + 4, pack('V', get_at($lists, ivf_list(2), 'V'))) }, qr/last page of a list is not one of its pages/ ],
	[ 'a centroid is elsewhere', sub { my $lists = (blocks_of($ivf_lists))[0]; put_at($lists, ivf_list(1) + 16, pack('V', $lists)) }, qr/page is not one of centroids/ ],
	[ 'a centroid is no number', sub { put_at((blocks_of($ivf_centroids))[0], 24, pack('v', 0x7E00) x 64) }, qr/centroid is not of numbers/ ],
	[ 'a list is missing', sub { put_at(0, 72, pack('V', get_at(0, 72, 'V') + 1)) }, qr/directory lacks a list/ ],
	[ 'a factor is no number', sub { put_at(ivf_page(), ivf_factor(0), pack('v', 0x7E00)) }, qr/factors of a row are not numbers/ ],
	[ 'an error is negative', sub { put_at(ivf_page(), ivf_factor(2), pack('v', 0xBC00)) }, qr/factors of a row are not numbers/ ],
	[ 'a factor is another', sub { put_at(ivf_page(), ivf_factor(1), pack('v', get_at(ivf_page(), ivf_factor(1), 'v') ^ 0x0800)) }, qr/row's factors are not those of its vector/ ]);
my @ivf_flat = (
	[ 'a vector is not there', sub { put_at((blocks_of($ivf_values))[1], 32, pack('V', 77)) }, qr/vector of a row is not there/ ],
	[ 'a vector is another', sub { put_at((blocks_of($ivf_values))[1], 48 + 2, chr(ord(substr($image, (blocks_of($ivf_values))[1] * 8192 + 50, 1)) ^ 4)) }, qr/row's vector is not as the table has it/ ],
	[ 'a code is another', sub { put_at(ivf_page(), 48 + 32 * 17, "\x55" x 64) }, qr/row's code is not the one of its vector/ ]);
my @ivf_fine = (
	[ 'a fine code is not there', sub { put_at((blocks_of($ivf_values))[1], 32, pack('V', 77)) }, qr/fine code of a row is not there/ ],
	[ 'a fine code is another', sub { put_at((blocks_of($ivf_values))[1], 48, "\x5A" x 16) }, qr/row's fine code is not the one of its vector|factors of a row's fine code are not numbers/ ]);

# --- bm25 ----------------------------------------------------------------------

my ($bm_lane, $bm_head, $bm_terms, $bm_postings, $bm_skips, $bm_norms, $bm_tids, $bm_dead, $bm_filters) = (3, 5, 6, 8, 9, 10, 11, 12, 13);
sub bm_head { return (blocks_of($bm_head))[0] }
# where the metapage has the segment: its head and number of documents
sub bm_segment { my $head = bm_head(); return index(substr($image, 0, 8192), pack('VV', $head, get_at($head, 32, 'V'))) }
sub bm_flip { my ($block, $offset, $bits) = @_; put_at($block, $offset, chr(get_at($block, $offset, 'C') ^ $bits)); return }

my @bm25 = (
	[ 'a dead document is not counted', sub { put_at(0, bm_segment() + 8, pack('V', 0)) }, qr/More documents are dead than the metapage says\./ ],
	[ 'documents live again', sub { put_at((blocks_of($bm_dead))[0], 32, "\0" x 500) }, qr/The index has the row twice\./ ],
	[ 'a free page is in use', sub { put_at(1, 24, pack('VVVV', 1, 0, (blocks_of($bm_norms))[0], 1)) }, qr/A free page is in use\./ ],
	[ 'a page of a lane is free', sub { put_at(1, 24, pack('VVVV', 1, 0, (blocks_of($bm_lane))[0], 1)) }, qr/A free page is in use\./ ],
	[ 'a lane is there twice', sub {
			my ($lane) = grep { get_at($_, 28, 'V') == 0 && index(substr($image, 0, 8192), pack('VV', $_, get_at($_, 24, 'V'))) > 0 } blocks_of($bm_lane);
			my $entry = pack('VV', $lane, get_at($lane, 24, 'V'));
			my $place = index(substr($image, 0, 8192), $entry);
			my ($other) = grep { substr($image, $_, 8) eq pack('VV', 0xFFFFFFFF, 0) } $place - 8, $place + 8;
			put_at(0, $other, $entry) }, qr/Two lead to a page\.|The index has the row twice\./ ],
	[ 'a count of the head is another', sub { put_at(bm_head(), 56, pack('V', get_at(bm_head(), 56, 'V') + 1)) }, qr/The head of a segment has other numbers of lexemes and postings\./ ],
	[ 'bounds of a block are too low', sub { put_at((blocks_of($bm_skips))[0], 32 + 12, "\0" x 6) }, qr/A skip does not bound the postings of its block\./ ],
	[ 'a length is another', sub { bm_flip((blocks_of($bm_norms))[0], 32 + 700, 0x20) }, qr/The index has another length of the row than the table\./ ],
	[ 'rows are not in order', sub { bm_flip((blocks_of($bm_tids))[0], 32 + 4, 0xFF) }, qr/Rows of a segment are not in order\.|The index has other words of the row than the table\.|The index does not have the row\./ ],
	[ 'a filter word is another', sub { bm_flip((blocks_of($bm_filters))[0], 5150, 0x01) }, qr/The index has other values of filter columns than the table\./ ],
	[ 'a posting is another', sub { bm_flip((blocks_of($bm_postings))[0], 32 + 5, 0x01) }, qr/./ ],
	[ 'a lexeme is another', sub { my $at = index($image, 'again'); substr($image, $at, 5) = 'agaim' if $at > 0 }, qr/The index has other words of the row than the table\.|Lexemes are not in order\.|A lexeme is not found\./ ],
	[ 'a hash of a new row is wrong', sub { my $lane = (blocks_of($bm_lane))[0]; bm_flip($lane, 24 + 24 + 20 + 8, 0x01) }, qr/A hash of a new row is wrong\./ ]);

# an index with more documents than are read at once in 1 MB, positions and a field: damages in the last part;
# skips are 16 of superblocks and 485 of blocks, for each lexeme that all rows have
sub bm_skip { my ($i) = @_; return ((blocks_of($bm_skips))[int($i / 339)], 32 + 24 * ($i % 339)) }
my @bm25_parts = (
	[ 'bounds of a late block are too low', sub { my ($block, $at) = bm_skip(16 + 480); put_at($block, $at + 12, "\0" x 6) }, qr/A skip does not bound the postings of its block\./ ],
	[ 'bounds of a late superblock are too low', sub { my ($block, $at) = bm_skip(15); put_at($block, $at + 12, "\0" x 6) }, qr/A skip does not bound the postings of its block\./ ],
	[ 'a late block ends too early', sub { my ($block, $at) = bm_skip(16 + 480); put_at($block, $at, pack('V', 7)) }, qr/Postings are not in order\.|A block of postings is not valid\./ ],
	[ 'the last block ends too late', sub { my ($block, $at) = bm_skip(16 + 484); put_at($block, $at, pack('V', 99999999)) }, qr/Postings are not in order\./ ],
	[ 'a late length is another', sub { bm_flip((blocks_of($bm_norms))[int(61000 / 2016)], 32 + 4 * (61000 % 2016), 0x20) }, qr/The index has another length of the row than the table\./ ],
	[ 'a late filter word is another', sub { bm_flip((blocks_of($bm_filters))[61000 / 1920], 5150, 0x01) }, qr/The index has other values of filter columns than the table\./ ],
	[ 'late documents are dead', sub { put_at((blocks_of($bm_dead))[0], 32 + 61000 / 8, "\xFF") }, qr/More documents are dead than the metapage says\./ ],
	[ 'a late posting is another', sub { bm_flip((blocks_of($bm_postings))[-1], 32 + 40, 0x01) }, qr/./ ]);

# --- hnsw ----------------------------------------------------------------------

my ($hnsw_nodes, $hnsw_entry, $hnsw_center, $hnsw_tids) = (2, 4, 5, 6);
sub hn_page { return (blocks_of($hnsw_nodes))[1] }
sub hn_node { my ($slot) = @_; return 24 + $slot * get_at(0, 72, 'V') }
sub hn_neighbors
{
	my $bytes = get_at(0, 64, 'V') * { 1 => 2, 2 => 1.5, 3 => 1 }->{ get_at(0, 56, 'v') };

	return hn_node(0) + 48 + int(($bytes + 7) / 8) * 8;
}
sub hn_put { my ($offset, $template, @numbers) = @_; put_at(hn_page(), hn_node(0) + $offset, pack($template, @numbers)); return }
sub hn_meta { my ($offset, $template, @numbers) = @_; put_at(0, $offset, pack($template, @numbers)); return }
my $nan = unpack('f<', pack('V', 0x7FC00000));

my @hnsw = (
	[ 'a reserved field of the metapage', sub { hn_meta(44, 'V', 1) }, qr/reserved fields of the metapage are not zero/ ],
	[ 'ef_construction is none', sub { hn_meta(42, 'v', 0) }, qr/options in the metapage are out of range: m 8, ef_construction 0/ ],
	[ 'm is more than nodes have room for', sub { hn_meta(40, 'v', 60) }, qr/nodes have room for \d+ neighbors, not for 120/ ],
	[ 'the unit is no power of two', sub { hn_meta(80, 'f<', 0.3) }, qr/unit in the metapage is no power of two: 0\.3/ ],
	[ 'the largest norm is negative', sub { hn_meta(84, 'f<', -1) }, qr/largest norm in the metapage is not valid: -1/ ],
	[ 'the calibration is not its hash', sub { my $at = 112 + 8 + 32 + 4; hn_meta($at, 'V', get_at(0, $at, 'V') ^ 1) }, qr/calibration in the metapage is not valid/ ],
	[ 'the entry table is elsewhere', sub { hn_meta(92, 'V', hn_page()) }, qr/entry table leads to a page that is none of its kind/ ],
	[ 'the entry table is too short', sub { hn_meta(100, 'V', get_at(0, 100, 'V') + 500) }, qr/entry table has room for \d+ entries, not for \d+/ ],
	[ 'the page of tids is of nodes', sub { hn_meta(96, 'V', hn_page()) }, qr/page for further rows, block \d+, is none of rows/ ],
	[ 'the center is elsewhere', sub { hn_meta(88, 'V', hn_page()) }, qr/center leads to a page that is none of its kind/ ],
	[ 'the center is no number', sub { put_at((blocks_of($hnsw_center))[0], 32, pack('V', 0x7FC00000)) }, qr/element 0 of the center is not finite/ ],
	[ 'the center is short', sub { put_at((blocks_of($hnsw_center))[0], 28, pack('V', 8)) }, qr/center has 8 bytes, not \d+/ ],
	[ 'a page header is not valid', sub { put_at(hn_page(), 12, pack('v', 9000)) }, qr/page header is not valid|invalid page/ ],
	[ 'a page is not ours', sub { put_at(hn_page(), 8190, pack('v', 0)) }, qr/page is not marked as one of an hnsw index/ ],
	[ 'a page is of no kind', sub { put_at(hn_page(), 8184, pack('v', 99)) }, qr/page is of a wrong kind: 99/ ],
	[ 'a reserved field of a page', sub { put_at(hn_page(), 8188, pack('v', 1)) }, qr/reserved field of the page is not zero/ ],
	[ 'free places are miscounted', sub { put_at(hn_page(), 8186, pack('v', 77)) }, qr/page has \d+ free places, its count says 77/ ],
	[ 'the content ends elsewhere', sub { put_at(hn_page(), 12, pack('v', get_at(hn_page(), 12, 'v') - 8)) }, qr/content ends at byte \d+, the page header says \d+/ ],
	[ 'a state is none', sub { hn_put(6, 'C', 9) }, qr/node has a wrong state: 9/ ],
	[ 'a node has too many neighbors', sub { hn_put(7, 'C', 200) }, qr/node has 200 neighbors, more than \d+/ ],
	[ 'a node has no mark', sub { hn_put(10, 'v', 0) }, qr/node does not bear the mark of a node/ ],
	[ 'a node has no row', sub { hn_put(4, 'v', 0); hn_put(12, 'V', 0xFFFFFFFF) }, qr/live node has no row/ ],
	[ 'a row cannot be', sub { hn_put(4, 'v', 9999) }, qr/place of the row is not valid/ ],
	[ 'a dead node has a row', sub { hn_put(6, 'C', 2) }, qr/dead node has a row/ ],
	[ 'the scale of a node', sub { hn_put(24, 'f<', -1) }, qr/scale of the own vector is not valid: -1/ ],
	[ 'the error of a node', sub { hn_put(28, 'f<', -1) }, qr/error bound is not valid: -1/ ],
	[ 'the scale of factors', sub { hn_put(32, 'f<', -1) }, qr/scale of the factors is not valid: -1/ ],
	[ 'the weight of a node', sub { hn_put(36, 'f<', 2) }, qr/weight of the center is not valid: 2/ ],
	[ 'the norm of a node', sub { hn_put(40, 'f<', 1e9) }, qr/squared norm of the own vector is \S+, the node says 1e\+09/ ],
	[ 'the bias of a node', sub { hn_put(44, 'f<', -1) }, qr/bias is not valid: -1/ ],
	[ 'the hash of a node', sub { hn_put(16, 'V', 12345) }, qr/row's vector is not the one of its node: hashes differ/ ],
	[ 'a node is its own neighbor', sub { put_at(hn_page(), hn_neighbors(), pack('V', hn_page() * get_at(0, 76, 'v'))) }, qr/node is its own neighbor/ ],
	[ 'a neighbor is there twice', sub { put_at(hn_page(), hn_neighbors() + 4, pack('V', get_at(hn_page(), hn_neighbors(), 'V'))) }, qr/neighbor 1 is there twice/ ],
	[ 'a neighbor is none', sub { put_at(hn_page(), hn_neighbors(), pack('V', 0xFFFFFFFF)) }, qr/neighbor 0 is no node: 4294967295/ ],
	[ 'a neighbor is beyond the end', sub { put_at(hn_page(), hn_neighbors(), pack('V', 99999999)) }, qr/neighbor 0, node 99999999, is beyond the end of the index/ ],
	[ 'a neighbor is another', sub { put_at(hn_page(), hn_neighbors(), pack('V', ((blocks_of($hnsw_nodes))[5]) * get_at(0, 76, 'v'))) }, qr/signs of the code of neighbor 0, node \d+, are wrong/ ],
	[ 'a factor of a neighbor', sub { my $at = hn_neighbors() + 6 * get_at(0, 58, 'v'); put_at(hn_page(), $at, pack('v', get_at(hn_page(), $at, 'v') ^ 0x0800)) }, qr/factor of neighbor 0, node \d+, is wrong/ ],
	[ 'an addend of a neighbor', sub { my $at = hn_neighbors() + 4 * get_at(0, 58, 'v'); put_at(hn_page(), $at, pack('v', get_at(hn_page(), $at, 'v') ^ 0x0800)) }, qr/addend of neighbor 0, node \d+, is wrong/ ],
	[ 'a factor is no number', sub { put_at(hn_page(), hn_neighbors() + 6 * get_at(0, 58, 'v'), pack('v', 0x7E00)) }, qr/factors of neighbor 0 are not finite/ ],
	[ 'a chunk has too many rows', sub { put_at((blocks_of($hnsw_tids))[0], 24 + 8, pack('v', 99)) }, qr/chunk holds 99 rows/ ],
	[ 'a reserved field of a chunk', sub { put_at((blocks_of($hnsw_tids))[0], 24 + 10, pack('v', 1)) }, qr/reserved field of the chunk is not zero/ ],
	[ 'a row of a chunk cannot be', sub { put_at((blocks_of($hnsw_tids))[0], 24 + 12 + 4, pack('v', 9999)) }, qr/place of row 0 of the chunk is not valid/ ],
	[ 'a chunk is of another node', sub { put_at((blocks_of($hnsw_tids))[0], 24 + 4, pack('V', 1)) }, qr/list of rows leads to chunk 0 of block \d+, not its own/ ],
	[ 'a chunk follows itself', sub { my $tids = (blocks_of($hnsw_tids))[0]; put_at($tids, 24, pack('V', $tids * int((8192 - 32) / 84))) }, qr/list of rows leads to chunk 0 of block \d+ a second time/ ],
	[ 'no node leads to a chunk', sub {
			my $owner = get_at((blocks_of($hnsw_tids))[0], 28, 'V');
			my $per_page = get_at(0, 76, 'v');
			put_at(int($owner / $per_page), hn_node($owner % $per_page) + 12, pack('V', 0xFFFFFFFF)) }, qr/chunk holds rows, and no list leads to it/ ],
	[ 'a page without a header', sub { put_at(hn_page(), 14, pack('v', 0)) }, qr/page without a header is not empty|invalid page/ ],
	[ 'an entry is beyond the table', sub { hn_meta(100, 'V', 1) }, qr/entry is beyond the end of the table/ ],
	[ 'an entry is no node', sub { put_at((blocks_of($hnsw_entry))[0], 32 + 8, pack('V', 99999999)) }, qr/entry leads to node 99999999, which does not exist/ ]);

my @groups = (
	[ 'kdtree', 'kdtree (v) WITH (fillfactor = 10)', \@kdtree ],
	[ 'ivfflat', 'ivfflat (v vector_l2_ops) WITH (lists = 4)', [ @ivf, @ivf_flat ] ],
	[ 'ivfpq', 'ivfpq (v vector_l2_ops) WITH (lists = 4, bits = 4)', \@ivf_fine ],
	[ 'bm25', q{bm25 (body, id) WITH (text_config = 'simple')}, \@bm25 ],
	[ 'bm25_parts', q{bm25 ((ARRAY[body]), id) WITH (text_config = 'simple', fields = 'body', positions = on, length = exact)}, \@bm25_parts, 'many' ],
	[ 'hnsw', 'hnsw (v vector_l2_ops) WITH (m = 8)', \@hnsw ]);

$node->safe_psql('postgres', q{
	CREATE TABLE base AS SELECT i AS id, point(i, 24)::vector(24) AS v, 'all own' || i || ' w' || i % 7 || ' x' || i % 3 AS body FROM generate_series(1, 1200) i;
	ALTER TABLE base ALTER v TYPE vector(24);
	-- vectors that more than one row has
	INSERT INTO base SELECT 2000 + i, point(1 + i % 2, 24), 'all again' FROM generate_series(1, 30) i;
	CREATE TABLE many AS SELECT i AS id, NULL::vector(24) AS v, 'all own' || i || repeat(' all', i % 5) AS body FROM generate_series(1, 62000) i});
disable_checksums($node);
my %path;
for my $group (@groups)
{
	my ($name, $kind, $cases, $base) = @$group;
	$base //= 'base';

	# as many tables as damages, so that the server stops once
	$node->safe_psql('postgres', join('', map { qq{
		SET client_min_messages = warning;
		CREATE TABLE ${name}_$_ (LIKE $base);
		INSERT INTO ${name}_$_ TABLE $base;
		CREATE INDEX ${name}_${_}_i ON ${name}_$_ USING $kind;
		DELETE FROM ${name}_$_ WHERE id % 100 = 7;
		VACUUM ${name}_$_;
		INSERT INTO ${name}_$_ SELECT 3000 + i, point(i, 24, 1), 'all new' || i FROM generate_series(1, 3) i;
	} } 0 .. $#$cases));
	is($node->safe_psql('postgres', $little . join(' UNION ALL ', map { "SELECT * FROM gigavec.check('${name}_${_}_i')" } 0 .. $#$cases)), '', "$name: all are sound");
	$path{"${name}_$_"} = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('${name}_${_}_i')") for 0 .. $#$cases;
}
$node->safe_psql('postgres', 'CHECKPOINT');
$node->stop;
for my $group (@groups)
{
	my ($name, $kind, $cases) = @$group;

	for my $i (0 .. $#$cases)
	{
		my $path = $path{"${name}_$i"};

		$image = slurp_file($path);
		$cases->[$i][1]->();
		open(my $file, '>:raw', $path) || die "could not open $path: $!";
		print $file $image;
		close($file) || die "could not write $path: $!";
	}
}
$node->start;
for my $group (@groups)
{
	my ($name, $kind, $cases) = @$group;

	for my $i (0 .. $#$cases)
	{
		my ($what, $damage, $problem) = @{ $cases->[$i] };
		my ($out, $err);

		$node->psql('postgres', "${little}SELECT problem FROM gigavec.check('${name}_${i}_i')", stdout => \$out, stderr => \$err, timeout => 120);
		like("$out\n$err", $problem, "$name: $what");
	}
}
is($node->safe_psql('postgres', 'SELECT 1'), 1, 'the server is there');
$node->stop;
done_testing();
