/*-------------------------------------------------------------------------
 *
 * measure.c
 *		What gigavec.recall needs to know of an index.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/bufmgr.h"

#include "am/measure.h"
#include "hnsw/hnsw.h"
#include "hnsw/index.h"
#include "hnsw/node.h"

/* Find the row of a node that has but one; false if there is none */
static bool
find_row(void *arg, uint32 id, ItemPointer tid)
{
	GvHnswIndex *ix = arg;
	Buffer		buf;
	GvHnswNode	node;
	bool		found;

	if (gv_hnsw_id_block(&ix->layout, id) == GV_HNSW_META_BLKNO)
		return false;
	buf = gv_am_read_buffer(ix->hints, ix->rel, gv_hnsw_id_block(&ix->layout, id));
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	node = gv_hnsw_page_node(ix, BufferGetPage(buf), gv_hnsw_id_slot(&ix->layout, id));
	found = node != NULL && node->state == GV_HNSW_NODE_LIVE &&
		node->tid_chunk == GV_HNSW_INVALID_ID && ItemPointerIsValid(&node->tid);
	if (found)
		*tid = node->tid;
	UnlockReleaseBuffer(buf);
	return found;
}

/* Leave out the node of a row; to go by it would take time that queries do not take */
static void
expect(IndexScanDesc scan, int64 limit, uint64 place, ItemPointer tid, bool for_time)
{
	gv_hnsw_scan_expect(scan, limit, (uint32) place, !for_time);
}

/*
 * gv_hnsw_measure
 *		Measure the recall and the time of an index, see gv_am_measure.
 */
void
gv_hnsw_measure(Relation index, Relation heap, const Datum *values, int n_queries, int k,
				GvAmRecall *result)
{
	GvHnswIndex ix;
	GvAmMeasured of = {
		.find_row = find_row,
		.arg = &ix,
		.expect = expect,
		.count_scan = gv_hnsw_scan_counts
	};

	gv_hnsw_open(&ix, index);
	of.opclass = ix.opclass;
	of.dim = ix.meta.dim;
	of.seed = ix.meta.seed;
	of.n_places = (uint64) RelationGetNumberOfBlocks(index) * ix.layout.nodes_per_page;
	gv_am_measure(&of, index, heap, values, n_queries, k, result);
}
