/*-------------------------------------------------------------------------
 *
 * check_filters.c
 *		Verifying an index: the words of filter columns.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/bufmgr.h"

#include "hnsw/check.h"
#include "hnsw/filter.h"

/*
 * gv_hnsw_check_filters
 *		Check that just the nodes have words.
 *
 * A page of filters changes with the page of the node, but they are read one
 * after the other.
 */
void
gv_hnsw_check_filters(GvHnswCheck *check)
{
	const GvHnswLayout *layout = &check->ix.layout;
	uint64		n_slots = (uint64) check->n_blocks * layout->nodes_per_page;
	PGAlignedBlock copy;

	for (BlockNumber blkno = GV_HNSW_FIRST_FILTER_BLKNO;
		 layout->n_filters > 0 && blkno < check->n_blocks; blkno += layout->filter_blocks + 1)
	{
		uint32		id = gv_hnsw_make_id(layout, blkno + 1, 0);
		int			n = layout->filter_blocks * layout->nodes_per_page;

		gv_hnsw_check_copy_page(check, blkno, copy.data);
		for (int slot = 0; slot < layout->filter_slots; slot++, id++)
		{
			GvAmFilterRow row;
			bool		mixed;
			bool		has_words = gv_hnsw_filter_get(layout, copy.data, slot, &row, &mixed);
			bool		has_node = slot < n && id < n_slots &&
				check->node_state[id] != GV_HNSW_NODE_FREE;

			if (has_words && !has_node)
				gv_hnsw_check_suspect(check, blkno, slot, NULL,
									  "filter columns of a node that does not exist");
			else if (has_node && !has_words)
				gv_hnsw_check_suspect(check, gv_hnsw_id_block(layout, id),
									  gv_hnsw_id_slot(layout, id), NULL,
									  "filter columns of the node are missing");
		}
	}
}

/*
 * gv_hnsw_check_row_filters
 *		Check that a node has the words of a row of the table.
 */
void
gv_hnsw_check_row_filters(GvHnswCheck *check, uint32 id, ItemPointer tid,
						  const GvAmFilterRow *row)
{
	GvHnswIndex *ix = &check->ix;
	BlockNumber blkno = gv_hnsw_id_block(&ix->layout, id);
	GvAmFilterRow there;
	bool		mixed;
	bool		found;
	Buffer		buf;

	if (ix->filters.n == 0)
		return;
	buf = gv_am_read_buffer(ix->hints, ix->rel, gv_hnsw_filter_block(&ix->layout, blkno));
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	found = gv_hnsw_filter_get(&ix->layout, BufferGetPage(buf),
							   gv_hnsw_filter_slot(&ix->layout, id), &there, &mixed);
	UnlockReleaseBuffer(buf);
	if (!found)
		gv_hnsw_check_suspect(check, blkno, gv_hnsw_id_slot(&ix->layout, id), tid,
							  "filter columns of the row are missing");
	else if (!mixed && !gv_am_filter_rows_equal(&ix->filters, row, &there))
		gv_hnsw_check_suspect(check, blkno, gv_hnsw_id_slot(&ix->layout, id), tid,
							  "row's filter columns are not those of its node");
}
