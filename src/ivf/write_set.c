/*-------------------------------------------------------------------------
 *
 * write_set.c
 *		Writing what leads to lists: center, centroids, directory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"

#include "ivf/product.h"
#include "ivf/write.h"

/*
 * gv_ivf_write_chain
 *		Write data as a chain of pages; returns the first.
 *
 * set: of lists, to which the pages belong
 * pages: one for each page are written, in their order; or NULL
 */
BlockNumber
gv_ivf_write_chain(GvIvfIndex *index, GvIvfPageKind kind, uint32 set, const void *data,
				   Size n_bytes, bool is_logged, BlockNumber *pages)
{
	Size		room = kind == GV_IVF_PAGE_LISTS ?
		GV_IVF_LISTS_PER_PAGE * sizeof(GvIvfListData) : GV_IVF_CHAIN_ROOM;
	BlockNumber next = InvalidBlockNumber;

	/* the last page first, so that each knows the next */
	for (Size i = (n_bytes + room - 1) / room; i > 0; i--)
	{
		Size		start = (i - 1) * room;
		Buffer		buf = gv_ivf_new_buffer(index, GV_IVF_NO_LIST, 0, is_logged);
		BlockNumber blkno = BufferGetBlockNumber(buf);
		GvIvfEdit	edit;
		Page		page;

		gv_ivf_edit_begin(&edit, index->rel, is_logged);
		page = gv_ivf_edit_page(&edit, buf, true);
		gv_ivf_init_page(page, kind);
		gv_ivf_fill_chain_page(page, next, set, (const char *) data + start,
							   Min(n_bytes - start, room));
		gv_ivf_edit_finish(&edit);
		next = blkno;
		if (pages)
			pages[i - 1] = blkno;
	}
	return next;
}

/* Make a page one of centroids, or of part of one */
static void
write_part(GvIvfIndex *index, Buffer buf, const char *data, Size n_bytes, bool is_logged)
{
	GvIvfEdit	edit;
	Page		page;

	gv_ivf_edit_begin(&edit, index->rel, is_logged);
	page = gv_ivf_edit_page(&edit, buf, true);
	gv_ivf_init_page(page, GV_IVF_PAGE_CENTROIDS);
	memcpy(gv_am_page_content(page), data, n_bytes);
	((PageHeader) page)->pd_lower = gv_am_page_content(page) + n_bytes - (char *) page;
	gv_ivf_edit_finish(&edit);
}

/* Write a centroid longer than a page; returns the first of its pages, which are in a row */
static BlockNumber
write_long_centroid(GvIvfIndex *index, const char *centroid, bool is_logged)
{
	Size		n_bytes = gv_ivf_centroid_bytes(&index->layout);
	int			n_pages = (int) ((n_bytes + GV_AM_PAGE_ROOM - 1) / GV_AM_PAGE_ROOM);
	Buffer	   *bufs = palloc(sizeof(Buffer) * n_pages);
	BlockNumber first;
	int			n = 0;

	/* others may be adding pages, too */
	while (n < n_pages)
	{
		bufs[n] = gv_am_new_buffer(index->rel, MAIN_FORKNUM);
		if (n > 0 && BufferGetBlockNumber(bufs[n]) != BufferGetBlockNumber(bufs[n - 1]) + 1)
		{
			/* those before stay free: VACUUM finds them */
			for (int i = 0; i < n; i++)
				UnlockReleaseBuffer(bufs[i]);
			bufs[0] = bufs[n];
			n = 0;
		}
		n++;
	}
	first = BufferGetBlockNumber(bufs[0]);
	for (int i = 0; i < n_pages; i++)
		write_part(index, bufs[i], centroid + i * GV_AM_PAGE_ROOM,
				   Min(n_bytes - i * GV_AM_PAGE_ROOM, GV_AM_PAGE_ROOM), is_logged);
	pfree(bufs);
	return first;
}

/*
 * gv_ivf_clear_centroids
 *		Have entries of a directory have no centroid.
 */
void
gv_ivf_clear_centroids(GvIvfListData *lists, uint32 n_lists)
{
	for (uint32 list = 0; list < n_lists; list++)
		lists[list].centroid_blkno = InvalidBlockNumber;
}

/*
 * gv_ivf_write_centroids
 *		Write the centroids of lists whose entries have none, and note where they are.
 *
 * centroids: float16[n_lists][padded_dim]
 * lists: GvIvfListData[n_lists], the directory
 */
void
gv_ivf_write_centroids(GvIvfIndex *index, const GvHalf *centroids, uint32 n_lists,
					   GvIvfListData *lists, bool is_logged)
{
	Size		n_bytes = gv_ivf_centroid_bytes(&index->layout);
	uint32		per_page = index->layout.centroids_per_page;
	char	   *image = palloc(Max(per_page, 1) * n_bytes);
	uint32		list = GV_IVF_FIRST_LIST;

	for (;;)
	{
		Buffer		buf;
		uint32		n = 0;

		CHECK_FOR_INTERRUPTS();
		while (list < n_lists && lists[list].centroid_blkno != InvalidBlockNumber)
			list++;
		if (list >= n_lists)
			break;
		if (per_page == 0)
		{
			lists[list].centroid_blkno =
				write_long_centroid(index, (const char *) centroids + list * n_bytes, is_logged);
			lists[list].centroid_slot = 0;
			continue;
		}
		buf = gv_ivf_new_buffer(index, GV_IVF_NO_LIST, 0, is_logged);
		for (; list < n_lists && n < per_page; list++)
		{
			if (lists[list].centroid_blkno != InvalidBlockNumber)
				continue;
			memcpy(image + n * n_bytes, (const char *) centroids + list * n_bytes, n_bytes);
			lists[list].centroid_blkno = BufferGetBlockNumber(buf);
			lists[list].centroid_slot = n++;
		}
		write_part(index, buf, image, n * n_bytes, is_logged);
	}
	pfree(image);
}

/*
 * gv_ivf_training_bytes
 *		Memory of what training finds, for so many lists with list 0.
 */
Size
gv_ivf_training_bytes(const GvIvfLayout *layout, uint32 n_lists)
{
	return MAXALIGN(sizeof(float) * layout->padded_dim) +
		MAXALIGN(gv_ivf_codebook_bytes(layout)) + n_lists * gv_ivf_centroid_bytes(layout);
}

/*
 * gv_ivf_training_place
 *		Find what training finds in an area of gv_ivf_training_bytes.
 */
void
gv_ivf_training_place(GvIvfTraining *training, const GvIvfLayout *layout, char *area)
{
	training->center = (float *) area;
	training->codebook = area + MAXALIGN(sizeof(float) * layout->padded_dim);
	training->centroids = (GvHalf *)
		(training->codebook + MAXALIGN(gv_ivf_codebook_bytes(layout)));
}

/*
 * gv_ivf_write_codebook
 *		Write the codebook; returns the first of its pages, or invalid: there is none.
 *
 * index: the set of lists has its generation
 */
BlockNumber
gv_ivf_write_codebook(GvIvfIndex *index, const GvIvfTraining *training, bool is_logged)
{
	Size		n_bytes = gv_ivf_codebook_bytes(&index->layout);

	if (!training->is_trained || training->codebook == NULL || n_bytes == 0)
		return InvalidBlockNumber;
	return gv_ivf_write_chain(index, GV_IVF_PAGE_CODEBOOK, index->meta.generation,
							  training->codebook, n_bytes, is_logged, NULL);
}

/*
 * gv_ivf_make_root
 *		Make the root of lists that were trained, in the current memory context.
 */
void
gv_ivf_make_root(const GvIvfIndex *index, const GvIvfTraining *training, GvIvfRoot *root)
{
	const GvIvfLayout *layout = &index->layout;
	char	   *room;
	Size		size = gv_ivf_root_size(layout, training->n_lists, NULL, root, &room);
	GvHalf	   *zero;

	gv_ivf_root_size(layout, training->n_lists,
					 palloc_extended(size, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO), root, &room);
	if (!training->is_trained)
	{
		zero = palloc0(gv_ivf_centroid_bytes(layout));
		root->centroid_blkno[GV_IVF_FIRST_LIST] = InvalidBlockNumber;
		gv_ivf_root_set(root, layout, GV_IVF_FIRST_LIST, zero);
		return;
	}
	for (uint32 list = GV_IVF_FIRST_LIST; list < training->n_lists; list++)
	{
		CHECK_FOR_INTERRUPTS();
		gv_ivf_root_set(root, layout, list,
						training->centroids + (Size) list * layout->padded_dim);
	}
	/* they need not be looked up on their pages */
	root->centroids = training->centroids;
	if (gv_ivf_has_product(layout) && training->codebook != NULL &&
		!gv_ivf_codebook_prepare(&root->codebook, layout, training->codebook, room))
		elog(ERROR, "codebook of index \"%s\" is not of numbers",
			 RelationGetRelationName(index->rel));
}
