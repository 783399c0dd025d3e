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
#include "ivf/calibrate.h"
#include "ivf/index.h"
#include "ivf/ivf.h"

/* Find the row of a lane of a page; false if there is none */
static bool
find_row(void *arg, uint32 place, ItemPointer tid)
{
	GvIvfIndex *ix = arg;
	const GvIvfLayout *layout = &ix->layout;
	Buffer		buf = gv_am_read_buffer(ix->hints, ix->rel, place / layout->rows_per_page);
	Page		page = BufferGetPage(buf);
	int			i = place % layout->rows_per_page;
	bool		found = false;

	LockBuffer(buf, BUFFER_LOCK_SHARE);
	if (gv_ivf_page_is(page, GV_IVF_PAGE_ROWS))
	{
		GvIvfRowsPage rows = gv_ivf_page_rows(page);

		if (i < Min(rows->n_rows, layout->rows_per_page) && rows->list != GV_IVF_LOOSE_LIST)
		{
			*tid = gv_ivf_block_tids(gv_ivf_block(layout, rows, i / layout->lanes))
				[i % layout->lanes];
			found = ItemPointerIsValid(tid) && !gv_ivf_is_second(tid);
		}
	}
	UnlockReleaseBuffer(buf);
	return found;
}

/* Leave out a row, if it is one */
static void
expect(IndexScanDesc scan, int64 limit, uint64 place, ItemPointer tid, bool for_time)
{
	ItemPointerData none;

	ItemPointerSetInvalid(&none);
	gv_ivf_scan_expect(scan, limit, place != 0 ? tid : &none);
}

/*
 * gv_ivf_measure
 *		Measure the recall and the time of an index, see gv_am_measure.
 */
void
gv_ivf_measure(Relation index, Relation heap, const Datum *values, int n_queries, int k,
			   GvAmRecall *result)
{
	GvIvfIndex	ix;
	GvAmMeasured of = {
		.find_row = find_row,
		.arg = &ix,
		.expect = expect,
		.count_scan = gv_ivf_scan_counts
	};

	gv_ivf_open(&ix, index);
	of.opclass = ix.opclass;
	of.dim = ix.meta.dim;
	of.seed = ix.meta.seed;
	of.n_places = (uint64) RelationGetNumberOfBlocks(index) * ix.layout.rows_per_page;
	gv_am_measure(&of, index, heap, values, n_queries, k, result);
}
