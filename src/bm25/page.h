/*-------------------------------------------------------------------------
 *
 * page.h
 *		The on-disk format of bm25 indexes.
 *
 * Block 0 is the metapage, block 1 the list of free pages.  All other pages
 * belong to a chain of new rows (a lane), to a row too long for a lane's page,
 * or to a segment, and carry its id: a reader that meets another id has been
 * overtaken by a merge and begins anew.
 *
 * A page of a segment is named by its number in the segment, its place, from 0.
 * Place 0 is the segment's head, which says where the others are.
 *
 * Numbers written as "varint" have seven bits a byte, the lowest first; all
 * bytes but the last have the highest bit set.
 *
 * Version history
 *		1	first
 *		2	filter columns: their kinds in the metapage, words after the head of a
 *			new row, pages of words in a segment; boosts in the metapage
 *		3	fields: their names in the metapage, their counts in a segment's head,
 *			their lexemes and lengths
 *		4	positions: their places in a segment's head, after lists in pages of
 *			terms, after lexemes of new rows, pages of their own
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_PAGE_H
#define GV_BM25_PAGE_H

#include "postgres.h"

#include "storage/block.h"
#include "storage/itemptr.h"

#include "am/page.h"
#include "bm25/tokens.h"

#define GV_BM25_MAGIC 0x626D3235	/* "bm25" */
#define GV_BM25_VERSION 4

#define GV_BM25_META_BLKNO 0
#define GV_BM25_FREE_BLKNO 1

/* Kinds of pages */
typedef enum GvBm25PageKind
{
	GV_BM25_PAGE_META = 1,
	GV_BM25_PAGE_FREE,			/* list of free pages */
	GV_BM25_PAGE_LANE,			/* new rows */
	GV_BM25_PAGE_LONG_ROW,		/* a new row too long for a page of a lane */
	GV_BM25_PAGE_HEAD,			/* of a segment */
	GV_BM25_PAGE_TERMS,			/* lexemes in order */
	GV_BM25_PAGE_TREE,			/* which page of terms or of the tree begins where */
	GV_BM25_PAGE_POSTINGS,
	GV_BM25_PAGE_SKIPS,			/* GvBm25SkipData[] */
	GV_BM25_PAGE_NORMS,			/* lengths of documents */
	GV_BM25_PAGE_TIDS,			/* rows of documents */
	GV_BM25_PAGE_DEAD,			/* bits of documents whose rows are gone */
	GV_BM25_PAGE_FILTERS,		/* words of a filter column */
	GV_BM25_PAGE_POSITIONS,
	GV_BM25_PAGE_SPOTS			/* GvBm25SpotData[] */
} GvBm25PageKind;

/* What the content of a page of an owner begins with */
typedef struct GvBm25PageData
{
	uint32		owner;			/* id of the segment, lane or long row */
	uint32		place;			/* of a segment's or a long row's page in it; else 0 */
} GvBm25PageData;

typedef GvBm25PageData *GvBm25Page;

/* Bytes of a page after GvBm25PageData */
#define GV_BM25_ROOM (GV_AM_PAGE_ROOM - sizeof(GvBm25PageData))

/* Postings of a block; blocks of which a skip of the second level tells */
#define GV_BM25_BLOCK 128
#define GV_BM25_SUPERBLOCK 32

/* Documents of a window: two of them fill a page of norms */
#define GV_BM25_WINDOW 4032

/* Documents whose rows are packed together */
#define GV_BM25_TID_GROUP 128

/* Pairs of term frequency and norm that bound a block's scores */
#define GV_BM25_PAIRS 6

/* A term frequency this large, or larger, in a pair */
#define GV_BM25_PAIR_MAX_TF 255

/* Segments, lanes, lanes being written to a segment, at most */
#define GV_BM25_MAX_SEGMENTS 96
#define GV_BM25_LANES 4
#define GV_BM25_MAX_SEALED 32

/* A segment as the metapage knows it */
typedef struct GvBm25SegmentData
{
	uint32		id;
	BlockNumber head;
	uint32		n_docs;			/* > 0 */
	uint32		n_dead;
	uint64		total_length;	/* of all documents, dead ones too */
	uint32		n_pages;
	uint32		n_terms;
	ItemPointerData first_tid;	/* of the first document */
	ItemPointerData last_tid;
	uint32		reserved;		/* zero */
} GvBm25SegmentData;

/* A lane as the metapage knows it */
typedef struct GvBm25LaneData
{
	BlockNumber head;			/* InvalidBlockNumber: there is none */
	uint32		id;
} GvBm25LaneData;

/* Elements of a text[] that can count more than once, and how often each at most */
#define GV_BM25_MAX_BOOSTS 32
#define GV_BM25_MAX_TIMES 100

/* Room for the name of a text search configuration */
#define GV_BM25_CONFIG_BYTES 256

/* Flags of an index */
#define GV_BM25_FLAG_EXACT_LENGTH 0x01	/* norms are lengths, 4 bytes */
#define GV_BM25_FLAG_CJK_BIGRAM 0x02
#define GV_BM25_FLAG_POSITIONS 0x04 /* positions of lexemes are there */

typedef struct GvBm25MetaPageData
{
	uint32		magic;			/* GV_BM25_MAGIC */
	uint32		version;		/* GV_BM25_VERSION */
	uint32		flags;			/* GV_BM25_FLAG_... */
	uint32		config_hash;	/* of config and flags, for a damaged name is not a missing one */
	uint64		fingerprint;	/* of the configuration when the index was built */
	uint64		generation;		/* changes with the segments */
	uint32		next_id;		/* of segments, lanes and long rows */
	uint16		n_segments;
	uint16		n_sealed;
	char		config[GV_BM25_CONFIG_BYTES];	/* name of the text search configuration with
												 * its schema, and zeros */
	uint8		filter_kind[INDEX_MAX_KEYS];	/* GvAmFilterKind of each filter column; 0
												 * after the last */
	uint8		boost[GV_BM25_MAX_BOOSTS];	/* how many times each element of a text[] counts;
											 * 0: once, as all further ones */
	GvBm25Fields fields;		/* the first elements of a text[] */
	GvBm25LaneData lane[GV_BM25_LANES]; /* rows are added to these */
	GvBm25LaneData sealed[GV_BM25_MAX_SEALED];	/* to become a segment */
	GvBm25SegmentData segment[GV_BM25_MAX_SEGMENTS];
} GvBm25MetaPageData;

typedef GvBm25MetaPageData *GvBm25MetaPage;

/* Pages that follow each other */
typedef struct GvBm25ExtentData
{
	BlockNumber start;
	uint32		n;				/* > 0 */
} GvBm25ExtentData;

#define GV_BM25_MAX_FREE_EXTENTS \
	((GV_AM_PAGE_ROOM - sizeof(uint64)) / sizeof(GvBm25ExtentData))

typedef struct GvBm25FreePageData
{
	uint32		n_extents;
	uint32		reserved;		/* zero */
	GvBm25ExtentData extent[FLEXIBLE_ARRAY_MEMBER]; /* ascending, apart */
} GvBm25FreePageData;

typedef GvBm25FreePageData *GvBm25FreePage;

/* Flags of a lane's first page */
#define GV_BM25_LANE_SEALED 0x01	/* takes no more rows */

/* A page of a lane, or of a long row, whose bytes follow */
typedef struct GvBm25LanePageData
{
	GvBm25PageData page;
	BlockNumber next;			/* InvalidBlockNumber at the end */
	BlockNumber tail;			/* of a lane's first page: the last page */
	uint32		n_pages;		/* of a lane's first page: of the lane and of its long rows */
	uint16		n_bytes;		/* used, after this */
	uint16		flags;
} GvBm25LanePageData;

typedef GvBm25LanePageData *GvBm25LanePage;

#define GV_BM25_LANE_ROOM (GV_AM_PAGE_ROOM - sizeof(GvBm25LanePageData))

/* Flags of a row */
#define GV_BM25_ROW_DEAD 0x01
#define GV_BM25_ROW_LONG 0x02	/* GvBm25LongRowData follows, not hashes and terms */

/*
 * A new row.  After it come the packed words of its filter columns and lengths of
 * its fields, with zeros to a multiple of 4; then uint32 hash[n_terms], the lower halves of the
 * lexemes' hashes in ascending order, and for each term in this order varint
 * tf, varint length, and the lexeme; with positions then varint bytes of them, and
 * the positions, as codec.h tells.  Lexemes of a field are there once more, after
 * a byte that is the field's number.
 */
typedef struct GvBm25RowData
{
	uint32		size;			/* with all that follows, a multiple of 4 */
	uint32		length;			/* of the document, > 0 */
	uint32		n_terms;		/* > 0 */
	ItemPointerData tid;
	uint16		flags;
} GvBm25RowData;

typedef GvBm25RowData *GvBm25Row;

typedef struct GvBm25LongRowData
{
	BlockNumber first;			/* of the pages with hashes, terms and lexemes */
	uint32		id;				/* their owner */
	uint32		n_bytes;
} GvBm25LongRowData;

#define GV_BM25_MAX_EXTENTS 956

/* What was counted of a field in a segment, dead documents too */
typedef struct GvBm25FieldCountData
{
	uint64		total_length;
	uint32		n_docs;			/* that have a lexeme there */
	uint32		reserved;		/* zero */
} GvBm25FieldCountData;

/* The head of a segment */
typedef struct GvBm25HeadPageData
{
	GvBm25PageData page;
	uint32		n_docs;
	uint32		n_pages;
	uint32		n_terms;
	uint32		n_skips;
	uint64		total_length;
	uint64		n_postings;
	uint32		root;			/* place of the tree's root, or of the only page of terms */
	uint32		height;			/* levels of the tree above the pages of terms */
	uint32		first_terms;	/* place of the first page of terms */
	uint32		skips;			/* place of the first page of skips */
	uint32		norms;			/* of norms */
	uint32		tids;			/* of tids */
	uint32		dead;			/* of dead bits */
	uint32		filters;		/* of words of filter columns and lengths of fields; 0:
								 * there are none */
	uint16		block_bits;		/* bits of a row's block, less its group's */
	uint16		offset_bits;	/* bits of a row's line pointer */
	uint16		norm_size;		/* 1, or 4 with exact lengths */
	uint16		reserved;		/* zero */
	uint64		position_bytes; /* of all positions, as they are stored */
	uint32		positions;		/* place of the first page of positions; 0: there are none */
	uint32		spots;			/* of spots */
	GvBm25FieldCountData field[GV_BM25_MAX_FIELDS]; /* zeros after the last */
	uint32		n_extents;
	GvBm25ExtentData extent[FLEXIBLE_ARRAY_MEMBER]; /* in the order of places */
} GvBm25HeadPageData;

StaticAssertDecl(offsetof(GvBm25HeadPageData, extent) +
				 GV_BM25_MAX_EXTENTS * sizeof(GvBm25ExtentData) <= GV_AM_PAGE_ROOM,
				 "the head of a segment must fit a page");
StaticAssertDecl(sizeof(GvBm25MetaPageData) <= GV_AM_PAGE_ROOM,
				 "the metapage must fit a page");

typedef GvBm25HeadPageData *GvBm25HeadPage;

/*
 * A page of terms: entries from here on, and at its end uint16 restart[], from
 * the last byte backwards: places, in bytes from the first entry, of each
 * GV_BM25_RESTART-th entry, which shares no bytes with the one before.
 *
 * An entry: varint bytes shared with the lexeme before, varint further bytes,
 * these bytes, varint 2 * df + is_inline, and then
 *		inline, df <= GV_BM25_BLOCK: varint n_bytes, the list;
 *		else df <= GV_BM25_BLOCK: varint place, varint offset of the list;
 *		else varint number of the first skip
 * A list is for each posting varint document less the one before (the first: as
 * it is), varint tf.
 *
 * With positions there follows for df <= GV_BM25_BLOCK varint n_bytes, and if that
 * is not 0 the positions of all postings; else varint place, offset and n_bytes of
 * the spot where they are.
 */
typedef struct GvBm25TermsPageData
{
	GvBm25PageData page;
	uint32		next;			/* place of the next page of terms, or 0 */
	uint16		n_entries;
	uint16		n_bytes;		/* of the entries */
} GvBm25TermsPageData;

typedef GvBm25TermsPageData *GvBm25TermsPage;

#define GV_BM25_TERMS_ROOM (GV_AM_PAGE_ROOM - sizeof(GvBm25TermsPageData))
#define GV_BM25_RESTART 16

/* Longest list inside an entry */
#define GV_BM25_MAX_INLINE 24

/*
 * A page of the tree: entries from here on, each uint32 place of a page below,
 * uint16 length, and bytes: no lexeme there is less than these, and none before is not.
 * At the page's end uint16 offset[], backwards, of each entry.
 */
typedef struct GvBm25TreePageData
{
	GvBm25PageData page;
	uint16		n_entries;
	uint16		n_bytes;
	uint32		reserved;		/* zero */
} GvBm25TreePageData;

typedef GvBm25TreePageData *GvBm25TreePage;

#define GV_BM25_TREE_ROOM (GV_AM_PAGE_ROOM - sizeof(GvBm25TreePageData))

/*
 * What a block of postings holds at best.  A term's skips are those of its
 * superblocks, then those of its blocks.  The block itself: documents less one
 * and the one before, GV_BM25_BLOCK numbers of doc_bits; tf less one, of
 * tf_bits; both packed by codec.c.  The last block of a term, if it is not full,
 * is a list as above, whose first document is less the last of the block before.
 *
 * A pair (tf, norm): no posting of the block has more of tf and less of norm
 * than all pairs.  Unused pairs have tf 0.  norm is a byte even with exact
 * lengths; of a field's lexeme it is the field's.
 */
typedef struct GvBm25SkipData
{
	uint32		last_doc;		/* of the block */
	uint32		place;			/* of the block; of a superblock: 0 */
	uint16		offset;			/* in bytes after GvBm25PageData */
	uint8		doc_bits;
	uint8		tf_bits;
	uint8		tf[GV_BM25_PAIRS];
	uint8		norm[GV_BM25_PAIRS];
} GvBm25SkipData;

typedef GvBm25SkipData *GvBm25Skip;

#define GV_BM25_SKIPS_PER_PAGE (GV_BM25_ROOM / sizeof(GvBm25SkipData))

/*
 * Where the positions of a block's postings begin.  There is one for each skip,
 * with zeros for those of superblocks.  The positions of a full block are packed,
 * those of the last one, or of the only one, are as codec.h tells.
 */
typedef struct GvBm25SpotData
{
	uint32		place;
	uint32		offset;			/* in bytes after GvBm25PositionsPageData */
	uint32		n_bytes;		/* > 0 */
} GvBm25SpotData;

#define GV_BM25_SPOTS_PER_PAGE (GV_BM25_ROOM / sizeof(GvBm25SpotData))

/* A page of positions, whose bytes go on, after its end, on the next one */
typedef struct GvBm25PositionsPageData
{
	GvBm25PageData page;
	uint32		next;			/* place of the next page, or 0 */
	uint32		n_bytes;		/* used, after this */
} GvBm25PositionsPageData;

typedef GvBm25PositionsPageData *GvBm25PositionsPage;

#define GV_BM25_POSITIONS_ROOM (GV_AM_PAGE_ROOM - sizeof(GvBm25PositionsPageData))

/* Norms of a page: of two windows, or with exact lengths of half a window */
#define GV_BM25_NORMS_PER_PAGE(norm_size) \
	((norm_size) == 1 ? 2 * GV_BM25_WINDOW : GV_BM25_WINDOW / 2)

#define GV_BM25_DEAD_PER_PAGE (GV_BM25_ROOM * 8)

/*
 * Words of a filter column on a page, a multiple of 64: bits of the nulls, the
 * lowest first, and after them the words.  One column comes after another, each
 * on pages of its own; columns of the lengths of fields, uint32, come last.
 */
#define GV_BM25_WORDS_PER_PAGE(width) (GV_BM25_ROOM * 8 / (8 * (width) + 1) / 64 * 64)

/* Bytes of a group of rows: its lowest block, then bits of block and line pointer */
#define GV_BM25_TID_GROUP_SIZE(bits) (sizeof(uint32) + GV_BM25_TID_GROUP / 8 * (bits))

static inline GvBm25Page
gv_bm25_page(Page page)
{
	return (GvBm25Page) gv_am_page_content(page);
}

static inline char *
gv_bm25_page_bytes(Page page)
{
	return (char *) (gv_bm25_page(page) + 1);
}

static inline bool
gv_bm25_page_is(Page page, GvBm25PageKind kind)
{
	return PageGetSpecialSize(page) == MAXALIGN(sizeof(GvAmPageSpecialData)) &&
		gv_am_page_special(page)->page_id == GV_AM_BM25_PAGE_ID &&
		gv_am_page_special(page)->kind == kind;
}

#endif							/* GV_BM25_PAGE_H */
