/*-------------------------------------------------------------------------
 *
 * write.c
 *		Writing a list whole.
 *
 * Each page is filled in memory and written once.  The next page is taken into
 * use before a full one is written, which names it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/bufmgr.h"

#include "ivf/write.h"

/*
 * gv_ivf_writer_init
 *		Prepare to write lists.
 *
 * is_logged: false while the index is built, which is logged as a whole
 */
void
gv_ivf_writer_init(GvIvfWriter *writer, GvIvfIndex *index, bool is_logged)
{
	writer->index = index;
	writer->is_logged = is_logged;
}

/* Write a page that was filled in memory */
static void
flush_page(GvIvfWriter *writer, BlockNumber blkno, const PGAlignedBlock *image)
{
	GvIvfEdit	edit;
	Buffer		buf = ReadBuffer(writer->index->rel, blkno);

	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	gv_ivf_edit_begin(&edit, writer->index->rel, writer->is_logged);
	memcpy(gv_ivf_edit_page(&edit, buf, true), image->data, BLCKSZ);
	gv_ivf_edit_finish(&edit);
}

/* Take a page into use, and begin to fill it in memory */
static BlockNumber
begin_page(GvIvfWriter *writer, GvIvfPageKind kind, PGAlignedBlock *image)
{
	GvIvfEdit	edit;
	Buffer		buf = gv_ivf_new_buffer(writer->index, writer->list, writer->generation,
										   writer->is_logged);
	BlockNumber blkno = BufferGetBlockNumber(buf);

	gv_ivf_edit_begin(&edit, writer->index->rel, writer->is_logged);
	gv_ivf_init_rows_page(gv_ivf_edit_page(&edit, buf, true), kind, writer->list,
						  writer->generation);
	gv_ivf_edit_finish(&edit);
	gv_ivf_init_rows_page((Page) image->data, kind, writer->list, writer->generation);
	return blkno;
}

/*
 * gv_ivf_writer_begin
 *		Begin with a list, on pages of a generation.
 */
void
gv_ivf_writer_begin(GvIvfWriter *writer, uint32 list, uint32 generation)
{
	writer->list = list;
	writer->generation = generation;
	writer->n_rows = 0;
	writer->vectors_blkno = InvalidBlockNumber;
	writer->head = writer->rows_blkno = begin_page(writer, GV_IVF_PAGE_ROWS, &writer->rows);
}

/* Write a row's vector; returns where */
static GvIvfPlace
put_value(GvIvfWriter *writer, const char *value)
{
	const GvIvfLayout *layout = &writer->index->layout;
	GvIvfPlace	place = {InvalidBlockNumber, 0};

	if (layout->values_per_page == 0)
	{
		place.blkno = gv_ivf_write_long_value(writer->index, value, writer->list,
											  writer->generation, writer->is_logged);
		return place;
	}
	if (writer->vectors_blkno == InvalidBlockNumber ||
		gv_ivf_page_rows((Page) writer->vectors.data)->n_rows >= layout->values_per_page)
	{
		if (writer->vectors_blkno != InvalidBlockNumber)
			flush_page(writer, writer->vectors_blkno, &writer->vectors);
		writer->vectors_blkno = begin_page(writer, GV_IVF_PAGE_VECTORS, &writer->vectors);
		gv_ivf_page_rows((Page) writer->rows.data)->vectors_blkno = writer->vectors_blkno;
	}
	place.blkno = writer->vectors_blkno;
	place.slot = gv_ivf_put_value(layout, (Page) writer->vectors.data, value);
	return place;
}

/*
 * gv_ivf_writer_put
 *		Add a row to the list.
 */
void
gv_ivf_writer_put(GvIvfWriter *writer, const GvIvfRow *row)
{
	const GvIvfLayout *layout = &writer->index->layout;
	GvIvfPlace	place = {InvalidBlockNumber, 0};

	if (gv_ivf_keeps_values(layout))
		place = put_value(writer, row->value);
	if (gv_ivf_page_rows((Page) writer->rows.data)->n_rows >= layout->rows_per_page)
	{
		BlockNumber blkno = writer->rows_blkno;

		memcpy(&writer->full, &writer->rows, BLCKSZ);
		writer->rows_blkno = begin_page(writer, GV_IVF_PAGE_ROWS, &writer->rows);
		gv_ivf_page_rows((Page) writer->full.data)->next = writer->rows_blkno;
		gv_ivf_page_rows((Page) writer->rows.data)->vectors_blkno = writer->vectors_blkno;
		flush_page(writer, blkno, &writer->full);
	}
	gv_ivf_put_row(writer->index, (Page) writer->rows.data, row, place);
	writer->n_rows++;
}

/*
 * gv_ivf_writer_end
 *		Write what is left of the list.
 *
 * entry: of the directory; tells the list's pages on return
 */
void
gv_ivf_writer_end(GvIvfWriter *writer, GvIvfListData *entry)
{
	if (writer->vectors_blkno != InvalidBlockNumber)
		flush_page(writer, writer->vectors_blkno, &writer->vectors);
	flush_page(writer, writer->rows_blkno, &writer->rows);
	entry->head = writer->head;
	entry->tail = writer->rows_blkno;
	entry->generation = writer->generation;
	entry->n_rows = writer->n_rows;
}
