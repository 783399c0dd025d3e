/*-------------------------------------------------------------------------
 *
 * insert.c
 *		Adding a row to an index.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/testpoint.h"
#include "ivf/build.h"
#include "ivf/ivf.h"

/* Choose the unit of an index that was built without rows, by its first row */
static void
set_unit(GvIvfIndex *index, Datum value)
{
	Buffer		buf;
	GvXlog	   *xlog;
	GvIvfMetaPage meta;
	float		unit = gv_ivf_has_codes(&index->layout) ? gv_am_unit_of(index->opclass, value) : 1;

	GV_TEST_POINT("ivf-insert-unit");
	buf = ReadBuffer(index->rel, GV_IVF_META_BLKNO);
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	xlog = gv_xlog_begin(index->rel);
	meta = gv_ivf_page_meta(gv_xlog_page(xlog, buf));
	if (meta->inverse_unit == 0)
	{
		meta->inverse_unit = unit;
		index->meta.inverse_unit = unit;
		gv_xlog_finish(xlog);
	}
	else
	{
		index->meta.inverse_unit = meta->inverse_unit;
		gv_xlog_cancel(xlog);
	}
	UnlockReleaseBuffer(buf);
}

/*
 * gv_ivf_insert
 *		aminsert
 */
bool
gv_ivf_insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
			  IndexUniqueCheck unique_check, bool index_unchanged, IndexInfo *index_info)
{
	MemoryContext context;
	MemoryContext old_context;
	GvIvfIndex	ix;
	GvIvfCache *cache;
	GvIvfLoader loader;
	GvIvfListData entry;
	GvAmFilterRow filters;
	Datum		value;
	uint32		list;

	if (isnull[0])
		return false;

	context = AllocSetContextCreate(CurrentMemoryContext, "ivf insert",
									ALLOCSET_DEFAULT_SIZES);
	old_context = MemoryContextSwitchTo(context);
	value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));
	LockPage(index, GV_IVF_SET_LOCK, ShareLock);
	gv_ivf_open(&ix, index);
	gv_am_check_dim(ix.opclass, value, ix.meta.dim);
	gv_am_filter_row(&ix.filters, values + 1, isnull + 1, &filters);
	if (ix.meta.inverse_unit == 0)
		set_unit(&ix, value);

	/* nothing looks at the catalogs from here on, so the cache stays */
	cache = gv_ivf_cache(&ix);
	gv_ivf_loader_init(&loader, &ix, cache->rotation, cache->origin, &cache->root);
	list = gv_ivf_loader_take(&loader, value, &filters, tid);
	GV_TEST_POINT("ivf-insert-chosen");
	do
	{
		gv_ivf_lock_list(index, list, ShareLock);
		gv_ivf_read_list(&ix, cache, list, &entry);
		GV_TEST_POINT("ivf-insert-locked");
		gv_ivf_append(&ix, &entry, list, cache->directory[list / GV_IVF_LISTS_PER_PAGE],
					  &loader.row);
		gv_ivf_unlock_list(index, list, ShareLock);
	} while (!gv_ivf_is_second(&loader.row.tid) && gv_ivf_loader_take_again(&loader, &list));
	UnlockPage(index, GV_IVF_SET_LOCK, ShareLock);

	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	return false;
}
