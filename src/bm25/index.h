/*-------------------------------------------------------------------------
 *
 * index.h
 *		An open index: its metapage, its pages by owner, its configuration.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_INDEX_H
#define GV_BM25_INDEX_H

#include "postgres.h"

#include <setjmp.h>

#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

#include "am/buffer.h"
#include "am/filter.h"
#include "am/xlog.h"
#include "base/compat.h"
#include "bm25/page.h"
#include "bm25/tokens.h"

typedef struct GvBm25Index
{
	Relation	rel;
	GvAmHints  *hints;
	GvAmFilterColumns filters;	/* filter columns, then lengths of fields */
	int			n_filters;		/* without the latter */
	GvBm25MetaPageData meta;	/* as it was when it was read last */
	sigjmp_buf *overtaken;		/* where a reader begins anew after a merge; NULL: there
								 * can be none */
} GvBm25Index;

extern void gv_bm25_open(GvBm25Index *index, Relation rel);
extern void gv_bm25_read_meta(GvBm25Index *index);
extern Buffer gv_bm25_lock_page(GvBm25Index *index, BlockNumber blkno, GvBm25PageKind kind,
								uint32 owner, uint32 place);
extern Oid	gv_bm25_config_of(const GvBm25Index *index);
extern GvBm25Tokenizer *gv_bm25_tokenizer_of(const GvBm25Index *index, MemoryContext context,
											 int flags);
extern const GvBm25Document *gv_bm25_tokenize_value(GvBm25Tokenizer *tokenizer, Oid type,
													Datum value);
extern void gv_bm25_init_page(Page page, GvBm25PageKind kind, uint32 owner, uint32 place);
extern void gv_bm25_init_meta(GvBm25Index *index, Relation rel);
extern void gv_bm25_write_meta(Page page, const GvBm25MetaPageData *meta);
extern void gv_bm25_write_free(Page page, const GvBm25ExtentData *extents, uint32 n);
pg_noreturn extern void gv_bm25_report_corruption(Relation rel, BlockNumber blkno,
												  const char *detail);

/* Does it have the positions of lexemes? */
static inline bool
gv_bm25_has_positions(const GvBm25Index *index)
{
	return (index->meta.flags & GV_BM25_FLAG_POSITIONS) != 0;
}

/* What a tokenizer is to tell of documents for the index */
static inline int
gv_bm25_document_flags(const GvBm25Index *index)
{
	return gv_bm25_has_positions(index) ? GV_BM25_TOKENS_POSITIONS : 0;
}

/* The field, from 1, that a lexeme is of; 0: of none */
static inline int
gv_bm25_field_of(const GvBm25Index *index, const char *lexeme, uint32 len)
{
	return index->meta.fields.n > 0 && gv_bm25_is_of_field(lexeme, len) ? lexeme[0] : 0;
}

/* The length of a field, from 1, in a row's packed words */
static inline uint32
gv_bm25_field_length(const GvBm25Index *index, const char *packed, int field)
{
	uint32		length;

	memcpy(&length, packed + index->filters.column[index->n_filters + field - 1].offset,
		   sizeof(length));
	return length;
}

/* The bytes of a new row's words, and of their padding */
static inline uint32
gv_bm25_filters_size(const GvBm25Index *index)
{
	return TYPEALIGN(sizeof(uint32), index->filters.packed_size);
}

/* One at a time writes segments; see README.md */
static inline void
gv_bm25_lock_merge(Relation rel)
{
	LockPage(rel, GV_BM25_META_BLKNO, ExclusiveLock);
}

static inline void
gv_bm25_unlock_merge(Relation rel)
{
	UnlockPage(rel, GV_BM25_META_BLKNO, ExclusiveLock);
}

#endif							/* GV_BM25_INDEX_H */
