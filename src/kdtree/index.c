/*-------------------------------------------------------------------------
 *
 * index.c
 *		An open kdtree index: metapage, layout of its pages.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "kdtree/index.h"
#include "kdtree/options.h"

/*
 * gv_kdtree_report_corruption
 *		Raise the error for a page that is not what it must be.
 */
void
gv_kdtree_report_corruption(Relation rel, BlockNumber blkno, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" contains a damaged page at block %u",
					RelationGetRelationName(rel), blkno),
			 errdetail_internal("%s", what),
			 errhint("Rebuild the index with REINDEX.")));
}

/* Place the columns of a leaf of so many points; returns their bytes */
static int
place_columns(GvKdtreeIndex *ix, int capacity)
{
	int			next = (ix->element_size * ix->dim + sizeof(ItemPointerData)) * capacity;

	for (int i = 0; i < ix->filters.n; i++)
	{
		ix->null_offset[i] = MAXALIGN(next);
		ix->word_offset[i] = ix->null_offset[i] + (capacity + 63) / 64 * sizeof(uint64);
		next = ix->word_offset[i] + ix->filters.column[i].width * capacity;
	}
	return next;
}

/*
 * gv_kdtree_set_layout
 *		Compute how pages of points of a type and dimensions are laid out.
 *
 * ix: filters set; opclass, dim and the fields after it written
 */
void
gv_kdtree_set_layout(GvKdtreeIndex *ix, const GvAmOpclass *opclass, int dim)
{
	ix->opclass = opclass;
	ix->dim = dim;
	ix->element_size = opclass->element == GV_AM_ELEMENT_HALF ? sizeof(GvHalf) : sizeof(float);
	ix->leaf_capacity = GV_KDTREE_ROOM / (ix->element_size * dim + sizeof(ItemPointerData));
	while (place_columns(ix, ix->leaf_capacity) > GV_KDTREE_ROOM)
		ix->leaf_capacity--;
	ix->inner_capacity = GV_KDTREE_ROOM / (2 * sizeof(float) * dim + sizeof(uint32));
}

/*
 * gv_kdtree_check_dim
 *		Raise an error if a column has too many dimensions.
 */
void
gv_kdtree_check_dim(const char *column, int dim)
{
	if (dim > GV_KDTREE_MAX_DIM)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("column cannot have more than %d dimensions for kdtree index",
						GV_KDTREE_MAX_DIM),
				 errdetail("Column \"%s\" has %d dimensions.", column, dim),
				 errhint("Create an hnsw index instead.")));
}

/*
 * gv_kdtree_init_meta
 *		Prepare the metapage of a new index.
 *
 * ix: all fields written
 *
 * Raises an error if the column cannot be indexed; see also options.c.
 */
void
gv_kdtree_init_meta(GvKdtreeIndex *ix, Relation rel)
{
	int			dim;

	gv_am_filter_check_columns(rel);
	dim = gv_am_column_dim(rel);
	gv_kdtree_check_dim(NameStr(TupleDescAttr(rel->rd_att, 0)->attname), dim);
	memset(ix, 0, sizeof(*ix));
	ix->rel = rel;
	gv_am_filter_columns(&ix->filters, rel);
	gv_kdtree_set_layout(ix, gv_am_opclass(rel), dim);
	ix->hints = gv_am_hints(rel);
	ix->meta.magic = GV_KDTREE_MAGIC;
	ix->meta.version = GV_KDTREE_VERSION;
	ix->meta.metric = ix->opclass->metric;
	ix->meta.element = ix->opclass->element;
	ix->meta.dim = dim;
	ix->meta.fill_factor = gv_kdtree_options_fill_factor(rel->rd_options);
	ix->meta.leaf_capacity = ix->leaf_capacity;
	ix->meta.inner_capacity = ix->inner_capacity;
	for (int i = 0; i < ix->filters.n; i++)
		ix->meta.filter_kind[i] = ix->filters.column[i].kind;
}

/*
 * gv_kdtree_write_meta
 *		Initialize the metapage.
 */
void
gv_kdtree_write_meta(Page page, const GvKdtreeMetaPageData *meta)
{
	PageInit(page, BLCKSZ, sizeof(GvAmPageSpecialData));
	gv_am_page_special(page)->kind = GV_KDTREE_PAGE_META;
	gv_am_page_special(page)->page_id = GV_AM_KDTREE_PAGE_ID;
	memcpy(gv_kdtree_page_meta(page), meta, sizeof(*meta));
	((PageHeader) page)->pd_lower = gv_am_page_content(page) + sizeof(*meta) - (char *) page;
}

/* Raise an error if this version cannot use the index */
static void
check_meta(const GvKdtreeIndex *ix)
{
	const GvKdtreeMetaPageData *meta = &ix->meta;
	int32		typmod = TupleDescAttr(ix->rel->rd_att, 0)->atttypmod;

	if (meta->magic != GV_KDTREE_MAGIC)
		gv_kdtree_report_corruption(ix->rel, GV_KDTREE_META_BLKNO,
									"The metapage lacks the mark of a kdtree index.");
	if (meta->version != GV_KDTREE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" has version %u, this library reads version %u",
						RelationGetRelationName(ix->rel), meta->version, GV_KDTREE_VERSION),
				 errhint("Rebuild the index with REINDEX.")));
	if (meta->metric != ix->opclass->metric || meta->element != ix->opclass->element)
		gv_kdtree_report_corruption(ix->rel, GV_KDTREE_META_BLKNO,
									"The metapage is of another operator class.");
	if (meta->dim < 1 || meta->dim > GV_KDTREE_MAX_DIM || (typmod > 0 && meta->dim != typmod))
		gv_kdtree_report_corruption(ix->rel, GV_KDTREE_META_BLKNO,
									"The metapage is of a column with other dimensions.");
	if (!gv_am_filter_kinds_are(&ix->filters, meta->filter_kind))
		gv_kdtree_report_corruption(ix->rel, GV_KDTREE_META_BLKNO,
									"The metapage is of other filter columns.");
}

/*
 * gv_kdtree_open
 *		Read the metapage of an index.
 *
 * ix: all fields written; the caller keeps rel open
 */
void
gv_kdtree_open(GvKdtreeIndex *ix, Relation rel)
{
	Buffer		buf;
	Page		page;

	ix->rel = rel;
	ix->may_reuse = false;
	ix->opclass = gv_am_opclass(rel);
	ix->hints = gv_am_hints(rel);
	gv_am_filter_columns(&ix->filters, rel);
	buf = gv_am_read_buffer(ix->hints, rel, GV_KDTREE_META_BLKNO);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buf);
	if (!gv_kdtree_page_is(page, GV_KDTREE_PAGE_META))
		gv_kdtree_report_corruption(rel, GV_KDTREE_META_BLKNO, "It is not a metapage.");
	memcpy(&ix->meta, gv_kdtree_page_meta(page), sizeof(ix->meta));
	UnlockReleaseBuffer(buf);

	check_meta(ix);
	gv_kdtree_set_layout(ix, ix->opclass, ix->meta.dim);
	if (ix->meta.leaf_capacity != ix->leaf_capacity ||
		ix->meta.inner_capacity != ix->inner_capacity)
		gv_kdtree_report_corruption(rel, GV_KDTREE_META_BLKNO,
									"The layout of pages is not valid.");
}

/*
 * gv_kdtree_init_page
 *		Initialize an empty page of the tree.
 */
void
gv_kdtree_init_page(Page page, int level)
{
	PageInit(page, BLCKSZ, sizeof(GvAmPageSpecialData));
	gv_am_page_special(page)->kind = level == 0 ? GV_KDTREE_PAGE_LEAF : GV_KDTREE_PAGE_INNER;
	gv_am_page_special(page)->page_id = GV_AM_KDTREE_PAGE_ID;
	/* columns fill the page, so it has no hole */
	((PageHeader) page)->pd_lower = ((PageHeader) page)->pd_upper;
	gv_kdtree_page_head(page)->right = InvalidBlockNumber;
	gv_kdtree_page_head(page)->level = level;
}

/*
 * gv_kdtree_page_fault
 *		What keeps a page from being read as one of the tree; NULL if nothing.
 */
const char *
gv_kdtree_page_fault(const GvKdtreeIndex *ix, Page page)
{
	GvKdtreeHead head = gv_kdtree_page_head(page);

	if (gv_kdtree_page_is(page, GV_KDTREE_PAGE_LEAF))
	{
		if (head->level != 0)
			return "A leaf has a level.";
		if (head->n > ix->leaf_capacity)
			return "A leaf has too many points.";
		return NULL;
	}
	if (gv_kdtree_page_is(page, GV_KDTREE_PAGE_FREE))
		return head->level != 0 || head->n != 0 ? "A free page has a level or points." : NULL;
	if (!gv_kdtree_page_is(page, GV_KDTREE_PAGE_INNER))
		return "It is not a page of the tree.";
	if (head->level < 1 || head->level > GV_KDTREE_MAX_LEVEL)
		return "An inner page has no valid level.";
	if (head->n < 1 || head->n > ix->inner_capacity)
		return "An inner page has no valid number of children.";
	return NULL;
}

/*
 * gv_kdtree_read_page
 *		Read and lock a page of the tree, or one that has been until it was freed:
 *		that is like an empty leaf.
 *
 * Raises an error if there is no such block or it is none of the tree.
 */
Buffer
gv_kdtree_read_page(GvKdtreeIndex *ix, BlockNumber blkno, int lock)
{
	Buffer		buf = gv_am_read_buffer(ix->hints, ix->rel, blkno);
	const char *fault;

	LockBuffer(buf, lock);
	fault = gv_kdtree_page_fault(ix, BufferGetPage(buf));
	if (unlikely(fault != NULL))
		gv_kdtree_report_corruption(ix->rel, blkno, fault);
	return buf;
}
