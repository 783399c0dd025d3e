/*-------------------------------------------------------------------------
 *
 * check.h
 *		Verifying an index: state shared by the parts of a check.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_CHECK_H
#define GV_HNSW_CHECK_H

#include "postgres.h"

#include "utils/snapshot.h"

#include "am/inspect.h"
#include "hnsw/index.h"

/* Records of one size, in the order they came */
typedef struct GvHnswRecords
{
	char	   *data;
	uint64		n;
	uint64		max;
	Size		size;			/* of a record */
} GvHnswRecords;

/* A problem that may be no more than a change between two page reads */
typedef struct GvHnswSuspect
{
	BlockNumber block;
	int			item;
	ItemPointerData row_tid;
	char	   *problem;
} GvHnswSuspect;

/* A chunk of tids in use */
typedef struct GvHnswSeenChunk
{
	uint32		id;
	uint32		next;
	uint32		owner;
	uint16		n_tids;
	uint16		n_lists;		/* lists that lead to it */
} GvHnswSeenChunk;

/* A list of chunks: where it begins */
typedef struct GvHnswSeenList
{
	uint32		owner;
	uint32		first_chunk;
} GvHnswSeenList;

typedef struct GvHnswCheck
{
	GvHnswIndex ix;
	Relation	heap;			/* NULL: the index alone */
	GvAmReportProblem report;
	void	   *report_arg;
	BufferAccessStrategy strategy;

	int			look;			/* 0 is the first */
	MemoryContext look_context; /* reset after each look */
	MemoryContext item_context; /* reset after each node or row */
	GvHnswRecords suspects;		/* GvHnswSuspect[], of this look */
	bool		too_many;		/* suspects */

	/* of this look */
	GvHnswCache geometry;		/* rotation and center only */
	BlockNumber n_blocks;
	uint8	   *page_kind;		/* uint8[n_blocks] */
	uint8	   *page_uses;		/* uint8[n_blocks]: references; NULL: not counted */
	uint8	   *node_state;		/* uint8[n_blocks * nodes_per_page] */
	GvHnswRecords chunks;		/* GvHnswSeenChunk[], by id */
	GvHnswRecords lists;		/* GvHnswSeenList[] */
	uint64		n_live;
	uint64		n_tids;
} GvHnswCheck;

/* check.c */
extern void *gv_hnsw_check_add_record(GvHnswCheck *check, GvHnswRecords *records);
extern void gv_hnsw_check_report(GvHnswCheck *check, BlockNumber block, int item,
								 ItemPointer row_tid, const char *format,...)
			pg_attribute_printf(5, 6);
extern void gv_hnsw_check_suspect(GvHnswCheck *check, BlockNumber block, int item,
								  ItemPointer row_tid, const char *format,...)
			pg_attribute_printf(5, 6);
extern void gv_hnsw_check_copy_page(GvHnswCheck *check, BlockNumber blkno, Page copy);

/* check_page.c */
extern bool gv_hnsw_check_page(GvHnswCheck *check, Page page, BlockNumber blkno);

/* check_filters.c */
extern void gv_hnsw_check_filters(GvHnswCheck *check);
extern void gv_hnsw_check_row_filters(GvHnswCheck *check, uint32 id, ItemPointer tid,
									  const GvAmFilterRow *row);

/* check_links.c */
extern void gv_hnsw_check_links(GvHnswCheck *check);
extern void gv_hnsw_check_entries(GvHnswCheck *check);
extern Datum gv_hnsw_check_value(GvHnswCheck *check, GvHnswNode node, uint32 id);

/* check_heap.c */
extern void gv_hnsw_check_heap(GvHnswCheck *check, Snapshot snapshot);

#endif							/* GV_HNSW_CHECK_H */
