/*-------------------------------------------------------------------------
 *
 * index.c
 *		An open hnsw index: metapage, layout, cached parts, nodes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/float.h"
#include "utils/memutils.h"

#include "am/testpoint.h"
#include "hnsw/entry.h"
#include "hnsw/index.h"
#include "hnsw/node.h"
#include "hnsw/options.h"
#include "quant/rotation.h"

/*
 * A code of so few dimensions tells too little of an entry, so a backend keeps its
 * vector: codes of 16 bits are the same for many places of the globe
 */
#define MAX_ENTRY_POINT_DIMS 32

/* Blocks that others may add after the size of an index was looked at */
#define BLOCKS_TO_SPARE 1024

/*
 * gv_hnsw_report_corruption
 *		Raise the error for a page that is not what it must be.
 */
void
gv_hnsw_report_corruption(Relation rel, BlockNumber blkno, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" contains a damaged page at block %u",
					RelationGetRelationName(rel), blkno),
			 errdetail_internal("%s", what),
			 errhint("Rebuild the index with REINDEX.")));
}

/*
 * gv_hnsw_last_block
 *		The last block on which places have numbers.
 *
 * per_block: places for nodes, or for chunks of tids
 */
BlockNumber
gv_hnsw_last_block(uint32 per_block)
{
	return GV_HNSW_NULL_NORM_OWNER / per_block - BLOCKS_TO_SPARE;
}

/*
 * gv_hnsw_check_places
 *		Raise an error if an index is so large that places on its next block have
 *		no numbers.
 *
 * n_blocks: of the index
 * per_block: places for nodes, or for chunks of tids
 */
void
gv_hnsw_check_places(Relation rel, BlockNumber n_blocks, uint32 per_block)
{
	BlockNumber last = gv_hnsw_last_block(per_block);

	if (n_blocks > last)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("hnsw index \"%s\" is too large to take another row",
						RelationGetRelationName(rel)),
				 errdetail("It has %u blocks and can take such a row with %u at most.",
						   n_blocks, last),
				 errhint("Partition the table.")));
}

/*
 * gv_hnsw_check_meta
 *		Raise an error if this version cannot use the index.
 */
void
gv_hnsw_check_meta(Relation rel, const GvHnswMetaPageData *meta)
{
	GvHnswLayout layout;

	if (meta->magic != GV_HNSW_MAGIC)
		gv_hnsw_report_corruption(rel, GV_HNSW_META_BLKNO,
								  "The metapage lacks the mark of an hnsw index.");
	if (meta->version != GV_HNSW_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" has version %u, this library reads version %u",
						RelationGetRelationName(rel), meta->version, GV_HNSW_VERSION),
				 errhint("Rebuild the index with REINDEX.")));

	/* An expression or a column that lost its dimensions has none to compare */
	if (TupleDescAttr(rel->rd_att, 0)->atttypmod > 0 &&
		meta->dim != TupleDescAttr(rel->rd_att, 0)->atttypmod)
		gv_hnsw_report_corruption(rel, GV_HNSW_META_BLKNO,
								  "The metapage is of a column with other dimensions.");

	/* The layout decides how pages are read, so it must be possible */
	for (int i = 0; i < INDEX_MAX_KEYS; i++)
	{
		if (meta->filter_kind[i] > GV_AM_FILTER_LAST)
			gv_hnsw_report_corruption(rel, GV_HNSW_META_BLKNO,
									  "A filter column is of no known kind.");
	}
	if (meta->own_kind < GV_HNSW_OWN_HALF || meta->own_kind > GV_HNSW_OWN_EXACT ||
		meta->degree < 1 || meta->degree > PG_UINT8_MAX || meta->nodes_per_page < 1 ||
		meta->nodes_per_page > GV_AM_PAGE_ROOM / sizeof(GvHnswNodeData))
		gv_hnsw_report_corruption(rel, GV_HNSW_META_BLKNO, "The node layout is not valid.");
	if (meta->own_kind != GV_HNSW_OWN_EXACT)
	{
		if (meta->padded_dim == 0 || meta->padded_dim % GV_ROTATION_ALIGN != 0 ||
			meta->padded_dim > gv_rotation_padded_dim(PG_INT16_MAX) ||
			meta->own_dims > meta->padded_dim || meta->own_dims % GV_ROTATION_ALIGN != 0 ||
			meta->code_dims == 0 || meta->code_dims > meta->own_dims ||
			meta->code_dims % GV_RABITQ_ALIGN != 0 ||
			meta->degree % GV_FASTSCAN_LANES != 0)
			gv_hnsw_report_corruption(rel, GV_HNSW_META_BLKNO, "The node layout is not valid.");
		gv_hnsw_layout_from_meta(&layout, meta);
		if (meta->node_size != MAXALIGN(layout.codes_offset +
										layout.n_blocks * layout.block_bytes) ||
			meta->node_size * meta->nodes_per_page > GV_AM_PAGE_ROOM)
			gv_hnsw_report_corruption(rel, GV_HNSW_META_BLKNO, "The node layout is not valid.");
	}
	if (meta->n_entries > Max(GV_HNSW_MAX_ENTRIES, GV_HNSW_MAX_EXACT_ENTRIES))
		gv_hnsw_report_corruption(rel, GV_HNSW_META_BLKNO, "The entry table is too long.");
	if (meta->calibration.n_buckets > GV_AM_RECALL_MAX_BUCKETS)
		gv_hnsw_report_corruption(rel, GV_HNSW_META_BLKNO, "The calibration is not valid.");
	gv_hnsw_layout_from_meta(&layout, meta);
	if (layout.n_filters > 0 && layout.filter_blocks == 0)
		gv_hnsw_report_corruption(rel, GV_HNSW_META_BLKNO, "The node layout is not valid.");
}

/*
 * gv_hnsw_open
 *		Read the metapage of an index.
 *
 * index: all fields written; the caller keeps rel open
 */
void
gv_hnsw_open(GvHnswIndex *index, Relation rel)
{
	Buffer		buf;
	Page		page;

	index->rel = rel;
	index->opclass = gv_am_opclass(rel);
	gv_am_filter_columns(&index->filters, rel);
	index->hints = gv_am_hints(rel);

	buf = gv_am_read_buffer(index->hints, rel, GV_HNSW_META_BLKNO);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buf);
	if (!gv_hnsw_page_is(page, GV_HNSW_PAGE_META))
		gv_hnsw_report_corruption(rel, GV_HNSW_META_BLKNO, "It is not a metapage.");
	memcpy(&index->meta, gv_hnsw_page_meta(page), sizeof(GvHnswMetaPageData));
	UnlockReleaseBuffer(buf);

	gv_hnsw_check_meta(rel, &index->meta);
	if (!gv_am_filter_kinds_are(&index->filters, index->meta.filter_kind))
		gv_hnsw_report_corruption(rel, GV_HNSW_META_BLKNO,
								  "The metapage is of other filter columns.");
	if (index->meta.metric != index->opclass->metric ||
		index->meta.element != index->opclass->element)
		gv_hnsw_report_corruption(rel, GV_HNSW_META_BLKNO,
								  "The metapage is of another operator class.");
	gv_hnsw_layout_from_meta(&index->layout, &index->meta);
}

/*
 * Copy a chain of pages into memory.
 *
 * kind: of all its pages
 * out: up to max_bytes are written; NULL to count only
 *
 * Returns the number of bytes of the chain.
 */
static Size
read_chain(GvHnswIndex *index, BlockNumber blkno, GvHnswPageKind kind,
		   char *out, Size max_bytes)
{
	BlockNumber n_blocks = RelationGetNumberOfBlocks(index->rel);
	BlockNumber n_read = 0;
	Size		total = 0;

	while (blkno != InvalidBlockNumber)
	{
		Buffer		buf;
		Page		page;
		GvHnswChainPage chain;

		GV_TEST_POINT("hnsw-chain");
		/* an insert may have added a page meanwhile */
		if (blkno >= n_blocks)
			n_blocks = RelationGetNumberOfBlocks(index->rel);
		if (blkno >= n_blocks || n_read++ >= n_blocks)
			gv_hnsw_report_corruption(index->rel, blkno, "A chain of pages leads nowhere.");

		buf = gv_am_read_buffer(index->hints, index->rel, blkno);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buf);
		chain = gv_hnsw_page_chain(page);
		if (!gv_hnsw_page_is(page, kind) || chain->n_bytes > GV_HNSW_CHAIN_ROOM)
			gv_hnsw_report_corruption(index->rel, blkno, "A page of a chain is not of its kind.");
		if (out != NULL && total < max_bytes)
			memcpy(out + total, chain + 1, Min(chain->n_bytes, max_bytes - total));
		total += chain->n_bytes;
		blkno = chain->next;
		UnlockReleaseBuffer(buf);
	}
	return total;
}

/* The entry block of a lane of the entry table */
static inline GvHnswEntryBlock
entry_block(const GvHnswLayout *layout, const GvHnswCache *cache, int lane)
{
	return (GvHnswEntryBlock) (cache->entry_blocks +
							   (Size) (lane / GV_FASTSCAN_LANES) * layout->entry_block_size);
}

/* Lay out a cache of so many entry blocks; returns its size */
static Size
place_cache(const GvHnswLayout *layout, int n_blocks, GvHnswCache *cache)
{
	char	   *next = (char *) cache + MAXALIGN(sizeof(GvHnswCache));
	int			n_lanes = n_blocks * GV_FASTSCAN_LANES;
	Size		rotation_size = sizeof(float) * gv_rotation_table_size(layout->padded_dim);
	Size		center_size = sizeof(float) * layout->padded_dim;
	bool		has_points = gv_hnsw_layout_has_codes(layout) &&
		layout->own_dims == layout->padded_dim && layout->padded_dim <= MAX_ENTRY_POINT_DIMS;
	float	   *rotation = (float *) next;
	float	   *center = (float *) (next += rotation_size);
	char	   *blocks = next += center_size;
	float	   *points = (float *) (next += (Size) n_blocks * layout->entry_block_size);

	if (has_points)
		next = (char *) (points + (Size) n_lanes * (layout->padded_dim + 1));
	if (cache)
	{
		cache->n_entry_blocks = n_blocks;
		cache->rotation = rotation;
		cache->center = center;
		cache->entry_blocks = blocks;
		cache->entry_points = has_points ? points : NULL;
		cache->entry_biases = has_points ? points + (Size) n_lanes * layout->padded_dim : NULL;
	}
	return next - (char *) cache;
}

/* The node of a lane of the entry table */
static inline uint32
entry_node(const GvHnswLayout *layout, const GvHnswCache *cache, int lane)
{
	return entry_block(layout, cache, lane)->node[lane % GV_FASTSCAN_LANES];
}

/* Copy the own vectors of entries; those that the earlier cache has are taken from there */
static void
read_entry_points(GvHnswIndex *index, GvHnswCache *cache)
{
	const GvHnswLayout *layout = &index->layout;
	int			n_lanes = cache->n_entry_blocks * GV_FASTSCAN_LANES;

	for (int lane = 0; lane < n_lanes; lane++)
	{
		const GvHnswCache *before = index->rel->rd_amcache;
		uint32		id = entry_node(layout, cache, lane);
		int			ahead = lane + gv_am_io_depth(index->hints, index->rel);
		float	   *point = cache->entry_points + (Size) lane * layout->padded_dim;
		Buffer		buf;
		GvHnswNode	node;

		cache->entry_biases[lane] = get_float4_nan();
		if (before != NULL && before->inverse_unit == cache->inverse_unit &&
			lane < before->n_entry_blocks * GV_FASTSCAN_LANES &&
			entry_node(layout, before, lane) == id)
		{
			memcpy(point, before->entry_points + (Size) lane * layout->padded_dim,
				   sizeof(float) * layout->padded_dim);
			cache->entry_biases[lane] = before->entry_biases[lane];
			continue;
		}
		if (id == GV_HNSW_INVALID_ID ||
			!gv_am_has_block(index->hints, index->rel, gv_hnsw_id_block(layout, id)))
			continue;
		CHECK_FOR_INTERRUPTS();
		if (ahead > lane && ahead < n_lanes)
			gv_am_ask_for_block(index->hints, index->rel,
								gv_hnsw_id_block(layout, entry_node(layout, cache, ahead)));
		buf = gv_am_read_buffer(index->hints, index->rel, gv_hnsw_id_block(layout, id));
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		node = gv_hnsw_page_node(index, BufferGetPage(buf), gv_hnsw_id_slot(layout, id));
		if (node != NULL)
		{
			gv_hnsw_node_get_own(layout, node, point);
			cache->entry_biases[lane] = node->u.key_bias;
		}
		UnlockReleaseBuffer(buf);
	}
}

/*
 * gv_hnsw_cache
 *		Return what this backend keeps of an index, read anew if it changed.
 *
 * Valid until the catalogs are looked at.  Without codes there is no rotation
 * and no center.
 */
GvHnswCache *
gv_hnsw_cache(GvHnswIndex *index)
{
	const GvHnswLayout *layout = &index->layout;
	const GvHnswMetaPageData *meta = &index->meta;
	GvHnswCache *cache = (GvHnswCache *) index->rel->rd_amcache;
	GvHnswCache *kept;
	Size		size;
	int			n_blocks;

	if (cache != NULL && cache->entry_generation == meta->entry_generation &&
		cache->inverse_unit == meta->inverse_unit)
		return cache;

	/* what is read may end in an error, so it is kept when it is complete */
	n_blocks = (meta->n_entries + GV_FASTSCAN_LANES - 1) / GV_FASTSCAN_LANES;
	size = place_cache(layout, n_blocks, NULL);
	cache = palloc0(size);
	place_cache(layout, n_blocks, cache);
	cache->entry_generation = meta->entry_generation;
	cache->inverse_unit = meta->inverse_unit;
	gv_rotation_init(cache->rotation, layout->padded_dim, meta->seed);
	if (meta->center_blkno != InvalidBlockNumber)
		read_chain(index, meta->center_blkno, GV_HNSW_PAGE_CENTER,
				   (char *) cache->center, sizeof(float) * layout->padded_dim);
	if (meta->entry_blkno != InvalidBlockNumber)
		read_chain(index, meta->entry_blkno, GV_HNSW_PAGE_ENTRY,
				   cache->entry_blocks, (Size) n_blocks * layout->entry_block_size);
	if (cache->entry_points != NULL)
		read_entry_points(index, cache);

	kept = MemoryContextAlloc(index->rel->rd_indexcxt, size);
	memcpy(kept, cache, size);
	place_cache(layout, n_blocks, kept);
	pfree(cache);
	if (index->rel->rd_amcache != NULL)
		pfree(index->rel->rd_amcache);
	index->rel->rd_amcache = kept;
	return kept;
}

/*
 * gv_hnsw_init_page
 *		Initialize a page of any kind but a page of nodes.
 */
void
gv_hnsw_init_page(Page page, GvHnswPageKind kind)
{
	GvAmPageSpecial special;

	PageInit(page, BLCKSZ, sizeof(GvAmPageSpecialData));
	special = gv_am_page_special(page);
	special->kind = kind;
	special->n_free = 0;
	special->reserved = 0;
	special->page_id = GV_AM_HNSW_PAGE_ID;
}

/*
 * gv_hnsw_fill_meta
 *		Fill in the metapage's content for a new, empty index of a column.
 *
 * Raises an error if the options do not allow an index.
 */
void
gv_hnsw_fill_meta(GvHnswMetaPageData *meta, const GvAmOpclass *opclass, int dim,
				  const GvAmFilterColumns *filters, const GvHnswOptions *options)
{
	GvHnswLayout layout;

	memset(meta, 0, sizeof(*meta));
	meta->magic = GV_HNSW_MAGIC;
	meta->version = GV_HNSW_VERSION;
	meta->metric = opclass->metric;
	meta->element = opclass->element;
	meta->dim = dim;
	meta->m = gv_hnsw_options_m(options);
	meta->ef_construction = gv_hnsw_options_ef_construction(options);
	meta->seed = gv_hnsw_options_seed(options);
	if (meta->ef_construction < 2 * meta->m)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ef_construction must be greater than or equal to 2 * m"),
				 errdetail("\"ef_construction\" is %d and \"m\" is %d.",
						   meta->ef_construction, meta->m)));
	gv_hnsw_layout_choose(&layout, opclass, dim, meta->m,
						  gv_hnsw_options_storage(options) == GV_HNSW_STORAGE_COMPACT, filters);
	gv_hnsw_layout_to_meta(&layout, meta);
	for (int i = 0; i < filters->n; i++)
		meta->filter_kind[i] = filters->column[i].kind;
	meta->center_blkno = InvalidBlockNumber;
	meta->entry_blkno = InvalidBlockNumber;
	meta->tid_blkno = InvalidBlockNumber;
	meta->null_norm_chunk = GV_HNSW_INVALID_ID;
}

/*
 * gv_hnsw_init_meta
 *		Fill in the metapage's content for a new, empty index.
 *
 * Raises an error if the column or the options do not allow an index.
 */
void
gv_hnsw_init_meta(GvHnswMetaPageData *meta, Relation rel)
{
	const GvAmOpclass *opclass;
	GvAmFilterColumns filters;
	int			dim = gv_am_describe_columns(rel, &opclass, &filters);

	gv_hnsw_fill_meta(meta, opclass, dim, &filters, (GvHnswOptions *) rel->rd_options);
}

/*
 * gv_hnsw_write_meta
 *		Make a page the metapage.
 */
void
gv_hnsw_write_meta(Page page, const GvHnswMetaPageData *meta)
{
	gv_hnsw_init_page(page, GV_HNSW_PAGE_META);
	memcpy(gv_hnsw_page_meta(page), meta, sizeof(*meta));
	((PageHeader) page)->pd_lower =
		(char *) (gv_hnsw_page_meta(page) + 1) - (char *) page;
}

/*
 * gv_hnsw_page_node
 *		Return a node of a page, or NULL if the page has no such node.
 *
 * The caller holds a lock on the page's buffer.  Stale references may lead to
 * a page of another kind or to an empty slot; a node that is not NULL has a
 * valid number of neighbors and lies within the page.
 */
GvHnswNode
gv_hnsw_page_node(const GvHnswIndex *index, Page page, int slot)
{
	const GvHnswLayout *layout = &index->layout;
	GvHnswNode	node;

	if (gv_hnsw_layout_has_codes(layout))
	{
		if (!gv_hnsw_page_is(page, GV_HNSW_PAGE_NODES))
			return NULL;
		node = gv_hnsw_slot_node(layout, page, slot);
	}
	else
	{
		ItemId		item;

		if (!gv_hnsw_page_is(page, GV_HNSW_PAGE_ITEMS) ||
			slot >= PageGetMaxOffsetNumber(page))
			return NULL;
		item = PageGetItemId(page, slot + 1);
		if (!ItemIdIsUsed(item) || ItemIdGetLength(item) < layout->value_offset ||
			ItemIdGetOffset(item) + ItemIdGetLength(item) > BLCKSZ ||
			ItemIdGetOffset(item) % MAXIMUM_ALIGNOF != 0)
			return NULL;
		node = (GvHnswNode) PageGetItem(page, item);
	}

	return gv_hnsw_node_is_valid(layout, node) ? node : NULL;
}
