/*-------------------------------------------------------------------------
 *
 * index.c
 *		An open index: metapage, layout, chains of pages.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>

#include "miscadmin.h"

#include "am/testpoint.h"
#include "ivf/index.h"
#include "ivf/ivf.h"
#include "ivf/options.h"
#include "quant/extra.h"
#include "quant/rotation.h"

/*
 * gv_ivf_report_corruption
 *		Raise the error for a page that is not what it must be.
 */
void
gv_ivf_report_corruption(Relation rel, BlockNumber blkno, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" contains a damaged page at block %u",
					RelationGetRelationName(rel), blkno),
			 errdetail_internal("%s", what),
			 errhint("Rebuild the index with REINDEX.")));
}

/*
 * gv_ivf_is_replaced
 *		Has another set of lists taken the place of the one that was opened?
 */
bool
gv_ivf_is_replaced(const GvIvfIndex *index)
{
	Buffer		buf = ReadBuffer(index->rel, GV_IVF_META_BLKNO);
	bool		is_replaced;

	LockBuffer(buf, BUFFER_LOCK_SHARE);
	is_replaced = gv_ivf_page_is(BufferGetPage(buf), GV_IVF_PAGE_META) &&
		gv_ivf_page_meta(BufferGetPage(buf))->generation != index->meta.generation;
	UnlockReleaseBuffer(buf);
	return is_replaced;
}

/*
 * gv_ivf_report_lost
 *		Raise the error for a page that is not what an open index leads to.
 *
 * On a standby, the lists may have been trained anew and the pages of those
 * before be in use again, since the primary need not know of its queries.
 */
void
gv_ivf_report_lost(const GvIvfIndex *index, BlockNumber blkno, const char *what)
{
	if (gv_ivf_is_replaced(index))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("lists of index \"%s\" that a query was reading are gone",
						RelationGetRelationName(index->rel)),
				 errdetail("The index was trained anew."),
				 errhint("Repeat the query.  With \"hot_standby_feedback\" the lists stay as long as a standby reads them.")));
	gv_ivf_report_corruption(index->rel, blkno, what);
}

/* Can the product quantizer of a metapage be? */
static bool
product_is_valid(const GvIvfMetaPageData *meta)
{
	if (meta->row_kind != GV_IVF_ROWS_PRODUCT)
		return meta->pq_parts == 0 && meta->pq_bits == 0 && meta->has_opq == 0;
	return (meta->pq_bits == 4 || meta->pq_bits == 8) && meta->has_opq <= 1 &&
		meta->pq_parts >= 1 && meta->pq_parts <=
		meta->dim + (meta->metric == GV_AM_METRIC_INNER_PRODUCT ? 1 : 0);
}

/*
 * gv_ivf_check_meta
 *		Raise an error if this version cannot use the index.
 */
void
gv_ivf_check_meta(Relation rel, const GvIvfMetaPageData *meta)
{
	GvIvfLayout layout;
	const GvAmOpclass *opclass = gv_am_opclass(rel);

	if (meta->magic != GV_IVF_MAGIC)
		gv_ivf_report_corruption(rel, GV_IVF_META_BLKNO,
								 "The metapage lacks the mark of an index of lists.");
	if (meta->version != GV_IVF_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" has version %u, this library reads version %u",
						RelationGetRelationName(rel), meta->version, GV_IVF_VERSION),
				 errhint("Rebuild the index with REINDEX.")));

	if (meta->metric != opclass->metric || meta->element != opclass->element)
		gv_ivf_report_corruption(rel, GV_IVF_META_BLKNO,
								 "The metapage is of another operator class.");

	/* An expression or a column that lost its dimensions has none to compare */
	if (TupleDescAttr(rel->rd_att, 0)->atttypmod > 0 &&
		meta->dim != TupleDescAttr(rel->rd_att, 0)->atttypmod)
		gv_ivf_report_corruption(rel, GV_IVF_META_BLKNO,
								 "The metapage is of a column with other dimensions.");
	for (int i = 0; i < INDEX_MAX_KEYS; i++)
	{
		if (meta->filter_kind[i] > GV_AM_FILTER_LAST)
			gv_ivf_report_corruption(rel, GV_IVF_META_BLKNO,
									 "A filter column is of no known kind.");
	}
	if (meta->row_kind < GV_IVF_ROWS_CODES || meta->row_kind > GV_IVF_ROWS_LAST ||
		(meta->row_kind == GV_IVF_ROWS_BITS) != (opclass->element == GV_AM_ELEMENT_BIT) ||
		meta->dim < 1 || meta->dim > gv_am_max_dim(opclass) ||
		meta->padded_dim != gv_ivf_padded_dim(opclass, meta->dim) ||
		meta->code_dims > meta->padded_dim || meta->code_dims % GV_RABITQ_ALIGN != 0 ||
		(meta->code_dims == 0) != (meta->row_kind == GV_IVF_ROWS_BITS ||
								   meta->row_kind == GV_IVF_ROWS_PRODUCT) ||
		!product_is_valid(meta) ||
		meta->extra_bits > GV_EXTRA_MAX_BITS ||
		(meta->extra_bits != 0) != (meta->row_kind == GV_IVF_ROWS_PLANES) ||
		!gv_ivf_layout_set(&layout, meta))
		gv_ivf_report_corruption(rel, GV_IVF_META_BLKNO, "The layout is not valid.");
	if (meta->n_lists <= GV_IVF_FIRST_LIST ||
		meta->n_lists > 2 * GV_IVF_MAX_LISTS + GV_IVF_FIRST_LIST)
		gv_ivf_report_corruption(rel, GV_IVF_META_BLKNO, "The number of lists is not valid.");
	if (meta->retired_lists > 2 * GV_IVF_MAX_LISTS + GV_IVF_FIRST_LIST)
		gv_ivf_report_corruption(rel, GV_IVF_META_BLKNO, "The number of lists is not valid.");
	if (!(meta->inverse_unit >= 0 && meta->inverse_unit <= FLT_MAX) || !(meta->max_norm >= 0))
		gv_ivf_report_corruption(rel, GV_IVF_META_BLKNO, "The geometry is not valid.");
	if (meta->calibration.n_buckets > 1)
		gv_ivf_report_corruption(rel, GV_IVF_META_BLKNO, "The calibration is not valid.");
}

/*
 * gv_ivf_open
 *		Read the metapage of an index.
 *
 * index: all fields written; the caller keeps rel open
 */
void
gv_ivf_open(GvIvfIndex *index, Relation rel)
{
	Buffer		buf;
	Page		page;

	index->rel = rel;
	index->opclass = gv_am_opclass(rel);
	gv_am_filter_columns(&index->filters, rel);
	index->hints = gv_am_hints(rel);

	buf = gv_am_read_buffer(index->hints, rel, GV_IVF_META_BLKNO);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buf);
	if (!gv_ivf_page_is(page, GV_IVF_PAGE_META))
		gv_ivf_report_corruption(rel, GV_IVF_META_BLKNO, "It is not a metapage.");
	memcpy(&index->meta, gv_ivf_page_meta(page), sizeof(GvIvfMetaPageData));
	UnlockReleaseBuffer(buf);

	gv_ivf_check_meta(rel, &index->meta);
	if (!gv_am_filter_kinds_are(&index->filters, index->meta.filter_kind))
		gv_ivf_report_corruption(rel, GV_IVF_META_BLKNO,
								 "The metapage is of other filter columns.");
	(void) gv_ivf_layout_set(&index->layout, &index->meta);
}

/*
 * gv_ivf_peek_meta
 *		Copy the metapage; false, without an error, if it is damaged.
 */
bool
gv_ivf_peek_meta(Relation rel, GvIvfMetaPageData *meta)
{
	Buffer		buf = ReadBuffer(rel, GV_IVF_META_BLKNO);
	Page		page = BufferGetPage(buf);
	bool		is_sound;

	LockBuffer(buf, BUFFER_LOCK_SHARE);
	is_sound = gv_ivf_page_is(page, GV_IVF_PAGE_META);
	if (is_sound)
		memcpy(meta, gv_ivf_page_meta(page), sizeof(GvIvfMetaPageData));
	UnlockReleaseBuffer(buf);
	return is_sound && meta->magic == GV_IVF_MAGIC && meta->version == GV_IVF_VERSION &&
		meta->n_lists > GV_IVF_FIRST_LIST && meta->calibration.n_buckets <= 1;
}

/*
 * gv_ivf_read_chain
 *		Copy a chain of pages into memory.
 *
 * kind: of all its pages
 * out: up to max_bytes are written
 *
 * Returns the number of bytes of the chain.
 */
Size
gv_ivf_read_chain(GvIvfIndex *index, BlockNumber blkno, GvIvfPageKind kind, void *out,
				  Size max_bytes)
{
	BlockNumber n_blocks = RelationGetNumberOfBlocks(index->rel);
	BlockNumber n_read = 0;
	Size		total = 0;

	while (blkno != InvalidBlockNumber)
	{
		Buffer		buf;
		Page		page;
		GvIvfChainPage chain;

		CHECK_FOR_INTERRUPTS();
		if (blkno >= n_blocks || n_read++ >= n_blocks)
			gv_ivf_report_lost(index, blkno, "A chain of pages leads nowhere.");

		buf = gv_am_read_buffer(index->hints, index->rel, blkno);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buf);
		chain = gv_ivf_page_chain(page);
		if (!gv_ivf_page_is(page, kind) || chain->n_bytes > GV_IVF_CHAIN_ROOM ||
			chain->set != (uint16) index->meta.generation)
		{
			UnlockReleaseBuffer(buf);
			gv_ivf_report_lost(index, blkno, "A page of a chain is not of its kind.");
		}
		if (total < max_bytes)
			memcpy((char *) out + total, chain + 1, Min(chain->n_bytes, max_bytes - total));
		total += chain->n_bytes;
		blkno = chain->next;
		UnlockReleaseBuffer(buf);
	}
	return total;
}

/*
 * gv_ivf_init_page
 *		Initialize a page of any kind.
 */
void
gv_ivf_init_page(Page page, GvIvfPageKind kind)
{
	GvAmPageSpecial special;

	PageInit(page, BLCKSZ, sizeof(GvAmPageSpecialData));
	special = gv_am_page_special(page);
	special->kind = kind;
	special->n_free = 0;
	special->reserved = 0;
	special->page_id = GV_AM_IVF_PAGE_ID;
}

/*
 * gv_ivf_fill_chain_page
 *		Write the content of a page of a chain of a set of lists, which is initialized.
 */
void
gv_ivf_fill_chain_page(Page page, BlockNumber next, uint32 set, const void *data,
					   Size n_bytes)
{
	GvIvfChainPage chain = gv_ivf_page_chain(page);

	Assert(n_bytes <= GV_IVF_CHAIN_ROOM);
	chain->next = next;
	chain->n_bytes = n_bytes;
	chain->set = (uint16) set;
	memcpy(chain + 1, data, n_bytes);
	((PageHeader) page)->pd_lower = (char *) (chain + 1) + n_bytes - (char *) page;
}

/*
 * gv_ivf_fill_meta
 *		Fill in the metapage's content for a new, empty index.
 *
 * is_flat: of ivfflat, else of ivfpq
 * options: NULL for the defaults
 *
 * Raises an error if the options or the filter columns do not allow an index.
 */
void
gv_ivf_fill_meta(GvIvfMetaPageData *meta, const GvAmOpclass *opclass, int dim,
				 const GvAmFilterColumns *filters, bool is_flat, const GvIvfOptions *options)
{
	GvIvfRowKind row_kind;
	int			extra_bits = 0;

	memset(meta, 0, sizeof(*meta));
	meta->magic = GV_IVF_MAGIC;
	meta->version = GV_IVF_VERSION;
	meta->metric = opclass->metric;
	meta->element = opclass->element;
	meta->dim = dim;
	meta->seed = gv_ivf_options_seed(options);
	meta->spills = gv_ivf_options_spill(options);
	for (int i = 0; i < filters->n; i++)
		meta->filter_kind[i] = filters->column[i].kind;
	if (opclass->element == GV_AM_ELEMENT_BIT)
		row_kind = GV_IVF_ROWS_BITS;
	else if (is_flat)
		row_kind = GV_IVF_ROWS_VECTORS;
	else
	{
		switch (gv_ivf_options_quantizer(options))
		{
			case GV_IVF_QUANTIZER_SQ8:
				row_kind = GV_IVF_ROWS_BYTES;
				break;
			case GV_IVF_QUANTIZER_PQ:
				row_kind = GV_IVF_ROWS_PRODUCT;
				meta->pq_parts = gv_ivf_options_parts(options);
				meta->pq_bits = gv_ivf_options_bits(options);
				meta->has_opq = gv_ivf_options_opq(options) ? 1 : 0;
				if (meta->has_opq && dim > GV_IVF_MAX_OPQ_DIM)
					ereport(ERROR,
							(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							 errmsg("storage parameter \"opq\" is for %d dimensions at most",
									GV_IVF_MAX_OPQ_DIM),
							 errdetail("The column has %d dimensions.", dim)));
				break;
			default:
				extra_bits = gv_ivf_options_bits(options) - 1;
				row_kind = extra_bits > 0 ? GV_IVF_ROWS_PLANES : GV_IVF_ROWS_CODES;
		}
	}
	gv_ivf_layout_choose(meta, row_kind, extra_bits);
	meta->center_blkno = InvalidBlockNumber;
	meta->directory_blkno = InvalidBlockNumber;
	meta->codebook_blkno = InvalidBlockNumber;
}

/*
 * gv_ivf_init_meta
 *		Fill in the metapage's content for a relation that is to be an index.
 *
 * Raises an error if the column or the options do not allow an index.
 */
void
gv_ivf_init_meta(GvIvfMetaPageData *meta, Relation rel)
{
	const GvAmOpclass *opclass;
	GvAmFilterColumns filters;
	int			dim = gv_am_describe_columns(rel, &opclass, &filters);

	gv_ivf_fill_meta(meta, opclass, dim, &filters, gv_ivf_is_flat(rel),
					 (const GvIvfOptions *) rel->rd_options);
}

/*
 * gv_ivf_write_meta
 *		Make a page the metapage.
 */
void
gv_ivf_write_meta(Page page, const GvIvfMetaPageData *meta)
{
	gv_ivf_init_page(page, GV_IVF_PAGE_META);
	memcpy(gv_ivf_page_meta(page), meta, sizeof(*meta));
	((PageHeader) page)->pd_lower = (char *) (gv_ivf_page_meta(page) + 1) - (char *) page;
}
