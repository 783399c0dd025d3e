/*-------------------------------------------------------------------------
 *
 * root.c
 *		The centroids, and what a backend keeps of an index.
 *
 * Centroids have codes like rows, around zero, so that the nearest lists are
 * found by estimates, and few centroids are looked at.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "ivf/code.h"
#include "ivf/nearest.h"
#include "ivf/product.h"
#include "quant/rotation.h"

/* The centroids are kept with the codes if all of them take so many bytes at most */
#define MAX_CACHED_CENTROIDS ((Size) 4 * 1024 * 1024)

/* Take so many bytes of an area; NULL: only count them */
static inline void *
place(char *area, Size *used, Size size)
{
	char	   *start = area ? area + *used : NULL;

	*used += MAXALIGN(size);
	return start;
}

/*
 * gv_ivf_root_size
 *		Lay out a root in an area of memory.
 *
 * area: zeroed, or NULL to learn the size
 * root: all fields written; there is no codebook
 * room: for one, written
 */
Size
gv_ivf_root_size(const GvIvfLayout *layout, uint32 n_lists, char *area, GvIvfRoot *root,
				 char **room)
{
	Size		n_lanes = TYPEALIGN(GV_FASTSCAN_LANES, n_lists);
	Size		centroids = n_lanes * gv_ivf_centroid_bytes(layout);
	Size		used = 0;

	root->n_lists = n_lists;
	root->code_dims = layout->padded_dim;
	root->add = place(area, &used, n_lanes * sizeof(GvHalf));
	root->rescale = place(area, &used, n_lanes * sizeof(GvHalf));
	root->error = place(area, &used, n_lanes * sizeof(GvHalf));
	root->codes = place(area, &used, n_lanes / GV_FASTSCAN_LANES *
						gv_rabitq_block_bytes(root->code_dims));
	root->centroid_blkno = place(area, &used, n_lanes * sizeof(BlockNumber));
	root->centroid_slot = place(area, &used, n_lanes * sizeof(uint16));
	root->centroids = NULL;
	if (centroids <= MAX_CACHED_CENTROIDS)
		root->centroids = place(area, &used, centroids);
	memset(&root->codebook, 0, sizeof(root->codebook));
	*room = place(area, &used, gv_ivf_codebook_room(layout));
	return used;
}

/*
 * gv_ivf_root_set
 *		Enter a list's centroid into a root.
 *
 * centroid: float16[padded_dim]
 */
void
gv_ivf_root_set(GvIvfRoot *root, const GvIvfLayout *layout, uint32 list, const GvHalf *centroid)
{
	int			dims = layout->padded_dim;
	float	   *z = palloc0(sizeof(float) * 2 * dims);
	uint8	   *code = palloc(dims / 8);
	GvIvfFactors factors;

	gv_kernels->f16_to_f32(centroid, z, dims);
	gv_ivf_encode(z, z + dims, dims, root->code_dims, 0, code, &factors);
	root->add[list] = factors.add;
	root->rescale[list] = factors.rescale;
	root->error[list] = factors.error;
	gv_rabitq_put_lane(root->codes + (Size) (list / GV_FASTSCAN_LANES) *
					   gv_rabitq_block_bytes(root->code_dims), list % GV_FASTSCAN_LANES,
					   code, root->code_dims);
	if (root->centroids)
		memcpy((GvHalf *) root->centroids + (Size) list * dims, centroid,
			   gv_ivf_centroid_bytes(layout));
	pfree(code);
	pfree(z);
}

/*
 * gv_ivf_read_centroid
 *		Read a centroid from its pages.
 *
 * blkno: invalid for a centroid of zeros
 * out: float16[padded_dim], written
 */
void
gv_ivf_read_centroid(GvIvfIndex *index, BlockNumber blkno, int slot, GvHalf *out)
{
	Size		n_bytes = gv_ivf_centroid_bytes(&index->layout);
	Size		done = 0;

	if (blkno == InvalidBlockNumber)
	{
		memset(out, 0, n_bytes);
		return;
	}
	do
	{
		Buffer		buf = gv_am_read_buffer(index->hints, index->rel, blkno);
		Page		page = BufferGetPage(buf);
		Size		n = Min(n_bytes - done, GV_AM_PAGE_ROOM);

		LockBuffer(buf, BUFFER_LOCK_SHARE);
		if (!gv_ivf_page_is(page, GV_IVF_PAGE_CENTROIDS) || slot * n_bytes + n > GV_AM_PAGE_ROOM)
		{
			UnlockReleaseBuffer(buf);
			gv_ivf_report_lost(index, blkno, "It is not a page of centroids.");
		}
		memcpy((char *) out + done, gv_am_page_content(page) + slot * n_bytes, n);
		UnlockReleaseBuffer(buf);
		done += n;
		blkno++;
	} while (done < n_bytes);
}

/* Read the center; center: float[padded_dim], zero, written */
static void
read_center(GvIvfIndex *index, float *center)
{
	int			dims = index->layout.padded_dim;

	(void) gv_ivf_read_chain(index, index->meta.center_blkno, GV_IVF_PAGE_CENTER, center,
							 sizeof(float) * dims);
	for (int i = 0; i < dims; i++)
	{
		/* not so of what is no number either */
		if (!(fabsf(center[i]) <= GV_AM_MAX_ELEMENT))
			gv_ivf_report_lost(index, index->meta.center_blkno, "The center is not of numbers.");
	}
}

/* Is a page one of the directory, of the set of lists that the index has? */
static bool
is_of_directory(const GvIvfIndex *index, Page page)
{
	return gv_ivf_page_is(page, GV_IVF_PAGE_LISTS) &&
		gv_ivf_page_chain(page)->n_bytes <= GV_IVF_CHAIN_ROOM &&
		gv_ivf_page_chain(page)->set == (uint16) index->meta.generation;
}

/* The block numbers of the directory's pages */
static void
read_directory(GvIvfIndex *index, GvIvfCache *cache)
{
	BlockNumber blkno = index->meta.directory_blkno;

	for (uint32 i = 0; i < cache->n_directory; i++)
	{
		Buffer		buf;

		gv_am_check_block(index->rel, blkno);
		buf = gv_am_read_buffer(index->hints, index->rel, blkno);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		if (!is_of_directory(index, BufferGetPage(buf)))
		{
			UnlockReleaseBuffer(buf);
			gv_ivf_report_lost(index, blkno, "It is not a page of the directory.");
		}
		cache->directory[i] = blkno;
		blkno = gv_ivf_page_chain(BufferGetPage(buf))->next;
		UnlockReleaseBuffer(buf);
	}
}

/* Read the centroids and make their codes */
static void
read_root(GvIvfIndex *index, GvIvfCache *cache)
{
	GvIvfRoot  *root = &cache->root;
	GvHalf	   *centroid = palloc(gv_ivf_centroid_bytes(&index->layout));

	root->centroid_blkno[GV_IVF_LOOSE_LIST] = InvalidBlockNumber;
	for (uint32 list = GV_IVF_FIRST_LIST; list < root->n_lists; list++)
	{
		GvIvfListData entry;

		CHECK_FOR_INTERRUPTS();
		gv_ivf_read_list(index, cache, list, &entry);
		root->centroid_blkno[list] = entry.centroid_blkno;
		root->centroid_slot[list] = entry.centroid_slot;
		gv_ivf_read_centroid(index, entry.centroid_blkno, entry.centroid_slot, centroid);
		gv_ivf_root_set(root, &index->layout, list, centroid);
	}
	pfree(centroid);
}

/*
 * gv_ivf_cache
 *		Return what this backend keeps of an index, read anew if it changed.
 *
 * Valid until the catalogs are looked at.
 */
GvIvfCache *
gv_ivf_cache(GvIvfIndex *index)
{
	const GvIvfMetaPageData *meta = &index->meta;
	GvIvfCache *cache = (GvIvfCache *) index->rel->rd_amcache;
	int			dims = index->layout.padded_dim;
	GvIvfRoot	root;
	Size		root_size;
	uint32		n_directory;
	Size		used = 0;
	char	   *room;

	if (cache != NULL && cache->generation == meta->generation &&
		cache->inverse_unit == meta->inverse_unit)
		return cache;

	if (cache != NULL)
	{
		index->rel->rd_amcache = NULL;
		pfree(cache);
	}
	n_directory = (meta->n_lists + GV_IVF_LISTS_PER_PAGE - 1) / GV_IVF_LISTS_PER_PAGE;
	root_size = gv_ivf_root_size(&index->layout, meta->n_lists, NULL, &root, &room);
	cache = MemoryContextAllocExtended(index->rel->rd_indexcxt,
									   MAXALIGN(sizeof(GvIvfCache)) +
									   MAXALIGN(sizeof(float) * gv_rotation_table_size(dims)) +
									   2 * MAXALIGN(sizeof(float) * dims) +
									   MAXALIGN(sizeof(BlockNumber) * n_directory) + root_size,
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	(void) place((char *) cache, &used, sizeof(GvIvfCache));
	cache->generation = meta->generation;
	cache->inverse_unit = meta->inverse_unit;
	cache->rotation = place((char *) cache, &used, sizeof(float) * gv_rotation_table_size(dims));
	cache->center = place((char *) cache, &used, sizeof(float) * dims);
	cache->origin = place((char *) cache, &used, sizeof(float) * dims);
	cache->n_directory = n_directory;
	cache->directory = place((char *) cache, &used, sizeof(BlockNumber) * n_directory);
	gv_ivf_root_size(&index->layout, meta->n_lists, (char *) cache + used, &cache->root, &room);

	gv_rotation_init(cache->rotation, dims, meta->seed);
	/* an error leaves a chunk that nobody refers to until the index is closed */
	if (meta->center_blkno != InvalidBlockNumber)
		read_center(index, cache->center);
	gv_ivf_find_origin(&index->layout, cache->rotation, cache->center, cache->origin);
	gv_ivf_codebook_read(index, &cache->root.codebook, room);
	read_directory(index, cache);
	read_root(index, cache);

	index->rel->rd_amcache = cache;
	return cache;
}

/*
 * gv_ivf_read_list
 *		Read a list's entry of the directory.
 */
void
gv_ivf_read_list(GvIvfIndex *index, const GvIvfCache *cache, uint32 list, GvIvfListData *entry)
{
	BlockNumber blkno = cache->directory[list / GV_IVF_LISTS_PER_PAGE];
	uint32		place_in_page = list % GV_IVF_LISTS_PER_PAGE;
	Buffer		buf = gv_am_read_buffer(index->hints, index->rel, blkno);
	GvIvfChainPage chain = gv_ivf_page_chain(BufferGetPage(buf));

	LockBuffer(buf, BUFFER_LOCK_SHARE);
	if (!is_of_directory(index, BufferGetPage(buf)) ||
		(place_in_page + 1) * sizeof(GvIvfListData) > chain->n_bytes)
	{
		UnlockReleaseBuffer(buf);
		gv_ivf_report_lost(index, blkno, "The directory lacks a list.");
	}
	*entry = ((GvIvfList) (chain + 1))[place_in_page];
	UnlockReleaseBuffer(buf);
}
