/*-------------------------------------------------------------------------
 *
 * search.c
 *		Searching lists: rows by bounds of their distances, nearest first.
 *
 * A list is read at once, from its first page to its last.  Whoever writes a
 * list anew raises its generation; a search that comes upon a page of another
 * forgets what it has of the list and begins with it anew.  So pages can be
 * used again at once, on standbys, too.  The same serves where a list has lost a
 * page, see squeeze.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "access/relscan.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"
#include "utils/varbit.h"

#include "am/testpoint.h"
#include "ivf/list.h"
#include "ivf/nearest.h"
#include "ivf/search.h"
#include "type/halfvec.h"
#include "type/vector.h"

/* Of the query's length, for the rounding of its table */
#define TABLE_ROUNDING 0.01f

/* How often a list that is written anew again and again is begun with */
#define MAX_ATTEMPTS 1000

/* Of so many rows an index with one list has the nearest for sure, if it has vectors */
#define SURE_ROWS 1024

/* What makes errors of bounds so rare that it is for sure: so many times the deviations */
#define SURE_FACTOR 2.0f

/* For more rows than this all are in order from the start */
#define MAX_WANTED 1000

/*
 * gv_ivf_search_begin
 *		Prepare a search, in the current memory context.
 *
 * value: the query, detoasted, of the index's dimensions
 * filter: conditions on filter columns, or NULL
 * n_wanted: rows that will be asked for, as far as is known
 */
void
gv_ivf_search_begin(GvIvfSearch *search, GvIvfIndex *index, Datum value,
					const GvAmFilter *filter, int n_wanted)
{
	const GvIvfLayout *layout = &index->layout;
	GvIvfCache *cache = gv_ivf_cache(index);

	memset(search, 0, sizeof(*search));
	search->index = index;
	search->context = CurrentMemoryContext;
	search->value = value;
	search->filter = filter;
	search->point.z = palloc(sizeof(float) * layout->padded_dim);
	gv_ivf_make_point(index, cache->rotation, cache->origin, value, true, &search->point);
	search->has_direction = search->point.rotated.has_direction;
	search->norm = sqrtf(gv_kernels->inner_product_f32(search->point.z, search->point.z,
													   layout->padded_dim));
	search->key_factor = 1;
	if (gv_ivf_has_codes(layout))
	{
		double		unit = index->meta.inverse_unit != 0 ? index->meta.inverse_unit : 1;

		if (gv_ivf_has_product(layout))
			gv_ivf_product_prepare(&search->product, &search->query, &cache->root.codebook,
								   layout, cache->rotation, search->point.z);
		else
		{
			search->query.table = palloc(layout->code_dims / GV_RABITQ_GROUP_DIMS *
										 GV_FASTSCAN_GROUP_BYTES);
			gv_rabitq_prepare_query(&search->query, search->point.z, layout->code_dims);
		}
		search->scratch_codes = palloc(gv_rabitq_block_bytes(layout->code_dims));
		if (gv_ivf_has_fine_codes(layout))
		{
			gv_ivf_fine_prepare(&search->fine_query, layout, search->point.z, &search->query);
			search->scratch_fine = palloc(layout->value_bytes);
		}

		/* how exact keys translate into squared distances of points */
		if (index->meta.metric == GV_AM_METRIC_L2)
			search->key_factor = unit * unit;
		else if (index->meta.metric == GV_AM_METRIC_COSINE)
			search->key_factor = 2;
		else
		{
			/* beyond float32, which keys of pairs are made in */
			double		norm2 = search->point.rotated.norm2;
			double		scale = search->point.rotated.scale;

			/* the query was multiplied by a scale */
			search->key_factor = 2 * unit * unit * scale;
			search->key_offset = unit * unit *
				(scale * scale * norm2 + (double) index->meta.max_norm * index->meta.max_norm);
		}
	}
	if (!gv_ivf_has_codes(layout) || gv_ivf_keeps_vectors(layout))
		search->scratch_value = gv_am_zero_value(index->opclass, index->meta.dim);

	search->n_visited_max = index->meta.n_lists;
	search->visited = palloc0(search->n_visited_max / 8 + 1);
	/* a row that is found twice has two bounds */
	if (index->meta.spills)
		n_wanted = Min(n_wanted, MAX_WANTED + 1) * 2;
	search->n_wanted = n_wanted <= MAX_WANTED ? Max(n_wanted, 1) : 0;
	search->best = palloc(sizeof(float) * Max(search->n_wanted, 1));
	search->bound = INFINITY;
	search->is_heap = true;
}

/* --- the heap of rows ------------------------------------------------------ */

static inline void
sift_down(GvIvfFound *heap, int64 n, int64 i)
{
	GvIvfFound	item = heap[i];

	for (;;)
	{
		int64		child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && heap[child + 1].key < heap[child].key)
			child++;
		if (heap[child].key >= item.key)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = item;
}

static void
make_heap(GvIvfSearch *search)
{
	for (int64 i = search->n_ready / 2; i > 0; i--)
		sift_down(search->ready, search->n_ready, i - 1);
	search->is_heap = true;
}

/* Make room for rows */
static void
reserve(MemoryContext context, GvIvfFound **found, int64 *max, int64 n)
{
	if (n <= *max)
		return;
	*max = Max(Max(n, *max * 2), 256);
	if (*found == NULL)
		*found = MemoryContextAllocHuge(context, *max * sizeof(GvIvfFound));
	else
		*found = repalloc_huge(*found, *max * sizeof(GvIvfFound));
}

/* Put the rows in order that were thought not to be wanted, and all from now on */
static void
merge_late(GvIvfSearch *search)
{
	reserve(search->context, &search->ready, &search->max_ready,
			search->n_ready + search->n_late + 1);
	if (search->n_late > 0)
		memcpy(search->ready + search->n_ready, search->late,
			   search->n_late * sizeof(GvIvfFound));
	search->n_ready += search->n_late;
	search->n_late = 0;
	search->n_wanted = search->n_best = 0;
	search->bound = INFINITY;
	search->is_heap = false;
}

/* Note an upper bound of a row; at most n_wanted rows can be nearer than bound */
static inline void
note_upper(GvIvfSearch *search, float upper)
{
	float	   *best = search->best;
	int			n = search->n_best;
	int			i;

	if (n < search->n_wanted)
	{
		for (i = search->n_best++; i > 0 && best[(i - 1) / 2] < upper; i = (i - 1) / 2)
			best[i] = best[(i - 1) / 2];
		best[i] = upper;
		if (search->n_best == search->n_wanted)
			search->bound = best[0];
		return;
	}
	if (n == 0 || upper >= best[0])
		return;
	for (i = 0;;)
	{
		int			child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && best[child + 1] > best[child])
			child++;
		if (best[child] <= upper)
			break;
		best[i] = best[child];
		i = child;
	}
	best[i] = upper;
	search->bound = best[0];
}

/* --- reading a list -------------------------------------------------------- */

/* Which lanes of a block are rows that pass the filter? */
static uint32
passing_lanes(const GvIvfSearch *search, char *block, int n)
{
	const GvIvfLayout *layout = &search->index->layout;
	const ItemPointerData *tids = gv_ivf_block_tids(block);
	uint64		passing = n < GV_FASTSCAN_LANES ? (UINT64CONST(1) << n) - 1 : PG_UINT32_MAX;

	for (int i = 0; i < n; i++)
	{
		if (!ItemPointerIsValid(&tids[i]))
			passing &= ~(UINT64CONST(1) << i);
	}
	if (search->filter)
	{
		if (search->filter->never)
			return 0;
		for (int k = 0; k < search->filter->n_keys && passing != 0; k++)
		{
			const GvAmFilterKey *key = &search->filter->key[k];

			gv_am_filter_test_words(key, layout->filter_width[key->column],
									block + layout->word_offset[key->column],
									(uint64 *) (block + layout->null_offset[key->column]),
									layout->lanes, &passing);
		}
	}
	return (uint32) passing;
}

/* Add a row of a block; returns it */
static inline GvIvfFound *
add_row(GvIvfSearch *search, char *block, int lane, float lower, float upper, bool is_exact)
{
	const GvIvfLayout *layout = &search->index->layout;
	GvIvfFound *found;

	if (!(lower > search->bound))
	{
		found = &search->ready[search->n_ready++];
		note_upper(search, isnan(upper) ? INFINITY : upper);
	}
	else
		found = &search->late[search->n_late++];
	found->key = isnan(lower) ? -INFINITY : lower - search->key_offset;
	found->list = search->n_probes;
	found->tid = gv_ivf_plain_tid(&gv_ivf_block_tids(block)[lane]);
	found->is_exact = is_exact;
	found->is_fine = false;
	found->is_known = false;
	if (gv_ivf_keeps_values(layout))
	{
		found->place = gv_ivf_block_places(layout, block)[lane];
		found->slot = gv_ivf_block_slots(layout, block)[lane];
	}
	return found;
}

/*
 * The inner products of the query and the one-bit codes of a block, from its
 * estimates.  Not a number where factors are beyond float16.
 */
static void
find_products(const GvIvfLayout *layout, char *block, const GvIvfEstimates *estimates,
			  float base, float *products)
{
	float		add[GV_FASTSCAN_LANES];
	float		rescale[GV_FASTSCAN_LANES];

	gv_kernels->f16_to_f32(gv_ivf_block_add(layout, block), add, GV_FASTSCAN_LANES);
	gv_kernels->f16_to_f32(gv_ivf_block_rescale(layout, block), rescale, GV_FASTSCAN_LANES);
	for (int i = 0; i < GV_FASTSCAN_LANES; i++)
		products[i] = (estimates->estimate[i] - base - add[i]) / rescale[i];
}

/* Add the rows of a block of codes */
static void
read_codes(GvIvfSearch *search, const GvIvfProbe *probe, char *block, int n, uint32 passing)
{
	const GvIvfLayout *layout = &search->index->layout;
	uint8	   *codes = gv_ivf_block_codes(layout, block);
	GvIvfEstimates estimates;
	float		products[GV_FASTSCAN_LANES] = {0};
	/* few rows, whose vectors cost next to nothing */
	bool		is_sure = gv_ivf_keeps_vectors(layout) && search->n_rows < SURE_ROWS &&
		search->index->meta.n_lists <= GV_IVF_FIRST_LIST + 1;

	if (n < layout->lanes && layout->code_dims > 0)
	{
		gv_rabitq_put_lanes(search->scratch_codes, codes, n, layout->code_dims);
		codes = search->scratch_codes;
	}
	if (gv_ivf_has_product(layout))
		gv_ivf_product_estimate(layout, &search->product, &search->query, codes, n,
								gv_ivf_block_add(layout, block),
								gv_ivf_block_rescale(layout, block),
								gv_ivf_block_error(layout, block), probe->distance2,
								&estimates);
	else
		gv_ivf_estimate(&search->query, codes, gv_ivf_block_add(layout, block),
						gv_ivf_block_rescale(layout, block), gv_ivf_block_error(layout, block),
						probe->distance2,
						sqrtf(probe->distance2) + TABLE_ROUNDING * search->norm + 1e-20f,
						&estimates);
	if (layout->row_kind == GV_IVF_ROWS_PLANES)
		find_products(layout, block, &estimates, probe->distance2, products);
	for (; passing != 0; passing &= passing - 1)
	{
		int			lane = pg_rightmost_one_pos32(passing);
		float		estimate = estimates.estimate[lane];
		float		lower = estimates.lower[lane];

		if (is_sure)
			lower -= (SURE_FACTOR - 1) * (estimate - lower);
		add_row(search, block, lane, lower, 2 * estimate - lower,
				false)->sign_product = products[lane];
	}
}

/* Add the rows of a block of bits */
static void
read_bits(GvIvfSearch *search, char *block, uint32 passing)
{
	const GvIvfLayout *layout = &search->index->layout;
	const uint8 *codes = gv_ivf_block_codes(layout, block);
	const uint8 *query = VARBITS(DatumGetPointer(search->value));

	for (; passing != 0; passing &= passing - 1)
	{
		int			lane = pg_rightmost_one_pos32(passing);
		float		key = (float) gv_kernels->hamming(query, codes + lane * layout->row_code_bytes,
													  layout->row_code_bytes);

		add_row(search, block, lane, key, key, true);
	}
}

/* Add the rows of a page, which is locked */
static void
read_page(GvIvfSearch *search, const GvIvfProbe *probe, GvIvfRowsPage rows)
{
	const GvIvfLayout *layout = &search->index->layout;

	reserve(search->context, &search->ready, &search->max_ready,
			search->n_ready + rows->n_rows);
	reserve(search->context, &search->late, &search->max_late, search->n_late + rows->n_rows);
	for (int first = 0; first < rows->n_rows; first += layout->lanes)
	{
		int			n = Min(rows->n_rows - first, layout->lanes);
		char	   *block = gv_ivf_block(layout, rows, first / layout->lanes);
		uint32		passing = passing_lanes(search, block, n);

		if (passing == 0)
			continue;
		if (probe->list == GV_IVF_LOOSE_LIST)
		{
			for (; passing != 0; passing &= passing - 1)
				add_row(search, block, pg_rightmost_one_pos32(passing), INFINITY, INFINITY, true);
		}
		else if (gv_ivf_has_codes(layout))
			read_codes(search, probe, block, n, passing);
		else
			read_bits(search, block, passing);
	}
	search->n_rows += rows->n_rows;
}

/*
 * Read a list.  Returns false if it was written anew meanwhile, or lost a page;
 * then the caller forgets what it has added.
 *
 * lost: the page that is not the list's any more, written on false
 */
static bool
read_list(GvIvfSearch *search, const GvIvfProbe *probe, BlockNumber *lost)
{
	GvIvfIndex *index = search->index;
	BlockNumber n_read = 0;

	for (BlockNumber blkno = probe->head; blkno != InvalidBlockNumber;)
	{
		Buffer		buf;
		Page		page;
		GvIvfRowsPage rows;

		CHECK_FOR_INTERRUPTS();
		GV_TEST_POINT("ivf-search-page");
		if (!gv_am_has_block(index->hints, index->rel, blkno))
			gv_ivf_report_corruption(index->rel, blkno, "A list leads nowhere.");
		buf = gv_am_read_buffer(index->hints, index->rel, blkno);
		LockBuffer(buf, BUFFER_LOCK_SHARE);
		page = BufferGetPage(buf);
		rows = gv_ivf_page_rows(page);
		if (!gv_ivf_page_is(page, GV_IVF_PAGE_ROWS) || rows->list != probe->list ||
			rows->generation != probe->generation)
		{
			*lost = blkno;
			UnlockReleaseBuffer(buf);
			return false;
		}
		if (rows->n_rows > index->layout.rows_per_page ||
			n_read++ > RelationGetNumberOfBlocks(index->rel))
			gv_ivf_report_corruption(index->rel, blkno, "A list of rows is damaged.");
		blkno = rows->next;
		if (blkno != InvalidBlockNumber)
			gv_am_prefetch(index->hints, blkno, 0, 1024);
		read_page(search, probe, rows);
		UnlockReleaseBuffer(buf);
	}
	return true;
}

/* Read a list, as often as it takes */
static void
visit_list(GvIvfSearch *search, GvIvfProbe *probe)
{
	GvIvfIndex *index = search->index;
	BlockNumber lost = InvalidBlockNumber;

	for (int attempt = 0;; attempt++)
	{
		int64		n_ready = search->n_ready;
		int64		n_late = search->n_late;
		BlockNumber lost_before = lost;
		GvIvfListData entry;

		if (read_list(search, probe, &lost))
			break;
		search->n_ready = n_ready;
		search->n_late = n_late;
		/* bounds of rows that were forgotten say nothing */
		merge_late(search);
		if (attempt >= MAX_ATTEMPTS)
			gv_ivf_report_lost(index, lost, "It is not a page of its list.");
		gv_ivf_read_list(index, gv_ivf_cache(index), probe->list, &entry);
		/* a page that was taken from the list is not come upon again */
		if (lost == lost_before && entry.generation == probe->generation &&
			entry.head == probe->head)
			gv_ivf_report_lost(index, lost, "It is not a page of its list.");
		probe->head = entry.head;
		probe->generation = entry.generation;
	}
	search->probe[search->n_probes++] = *probe;
	search->is_heap = false;
}

static void
reserve_probes(GvIvfSearch *search, uint32 n)
{
	if (search->n_probes + n <= search->max_probes)
		return;
	search->max_probes = Max(search->n_probes + n, search->max_probes * 2);
	if (search->probe == NULL)
		search->probe = MemoryContextAlloc(search->context,
										   search->max_probes * sizeof(GvIvfProbe));
	else
		search->probe = repalloc_huge(search->probe, search->max_probes * sizeof(GvIvfProbe));
}

/*
 * gv_ivf_search_lists
 *		Read the next nearest lists, n of them at most.
 *
 * Returns false if there are no more.
 */
bool
gv_ivf_search_lists(GvIvfSearch *search, uint32 n)
{
	MemoryContext old_context = MemoryContextSwitchTo(search->context);
	GvIvfIndex *index = search->index;
	GvIvfCache *cache = gv_ivf_cache(index);
	GvIvfNearest nearest;
	GvIvfProbe *next = palloc(sizeof(GvIvfProbe) * Max(n, 1));
	uint32		n_next = 0;
	uint32		list;
	float		distance2;

	/* what is cached may vanish with an interrupt, so all is looked up before */
	gv_ivf_nearest_init(&nearest, index, &cache->root);
	gv_ivf_nearest_begin(&nearest, search->point.z, cache->root.n_lists);
	while (n_next < n && gv_ivf_nearest_next(&nearest, &list, &distance2))
	{
		GvIvfListData entry;

		if (list >= search->n_visited_max ||
			(search->visited[list / 8] & (1 << (list % 8))) != 0)
			continue;
		search->visited[list / 8] |= 1 << (list % 8);
		gv_ivf_read_list(index, cache, list, &entry);
		next[n_next].list = list;
		next[n_next].head = entry.head;
		next[n_next].generation = entry.generation;
		next[n_next].distance2 = distance2;
		n_next++;
	}
	reserve_probes(search, n_next);
	for (uint32 i = 0; i < n_next; i++)
	{
		if (i + 1 < n_next)
			gv_am_prefetch(index->hints, next[i + 1].head, 0, 1024);
		visit_list(search, &next[i]);
	}
	pfree(next);
	gv_ivf_nearest_end(&nearest);
	MemoryContextSwitchTo(old_context);
	return n_next > 0;
}

/*
 * gv_ivf_search_loose
 *		Read the rows without direction, which come last; false if that was done.
 */
bool
gv_ivf_search_loose(GvIvfSearch *search)
{
	GvIvfIndex *index = search->index;
	GvIvfProbe	probe = {GV_IVF_LOOSE_LIST, 0, 0, 0};
	GvIvfListData entry;

	if (search->loose_done)
		return false;
	search->loose_done = true;
	gv_ivf_read_list(index, gv_ivf_cache(index), GV_IVF_LOOSE_LIST, &entry);
	probe.head = entry.head;
	probe.generation = entry.generation;
	reserve_probes(search, 1);
	visit_list(search, &probe);
	return true;
}

/*
 * gv_ivf_search_next
 *		Take the row of the least key; false if the lists read have no more.
 */
bool
gv_ivf_search_next(GvIvfSearch *search, GvIvfFound *found)
{
	if (!search->is_heap)
		make_heap(search);
	if (search->n_late > 0 &&
		(search->n_ready == 0 ||
		 search->ready[0].key + search->key_offset > search->bound))
	{
		merge_late(search);
		make_heap(search);
	}
	if (search->n_ready == 0)
		return false;
	*found = search->ready[0];
	search->ready[0] = search->ready[--search->n_ready];
	sift_down(search->ready, search->n_ready, 0);
	return true;
}

/*
 * gv_ivf_search_put
 *		Put a row back, with another key.
 */
void
gv_ivf_search_put(GvIvfSearch *search, const GvIvfFound *found)
{
	int64		i;

	reserve(search->context, &search->ready, &search->max_ready, search->n_ready + 1);
	for (i = search->n_ready++; i > 0 && search->ready[(i - 1) / 2].key > found->key;
		 i = (i - 1) / 2)
		search->ready[i] = search->ready[(i - 1) / 2];
	search->ready[i] = *found;
}

/*
 * gv_ivf_search_refine
 *		Raise the key of a row to what its fine code tells.
 *
 * Returns false if there is none, or it was looked at, or is not there any more.
 */
bool
gv_ivf_search_refine(GvIvfSearch *search, GvIvfFound *found)
{
	GvIvfIndex *index = search->index;
	const GvIvfProbe *probe = &search->probe[found->list];
	float		lower;

	if (found->is_fine || !gv_ivf_has_fine_codes(&index->layout) ||
		!gv_ivf_read_value(index, probe->list, probe->generation, found->place, found->slot,
						   search->scratch_fine))
		return false;
	lower = gv_ivf_fine_lower(&index->layout, &search->fine_query, search->scratch_fine,
							  probe->distance2, found->sign_product);
	found->key = Max(found->key, lower - search->key_offset);
	found->is_fine = true;
	return true;
}

/*
 * gv_ivf_search_set_exact
 *		Set the key of a row from an exact key of its vector.
 *
 * What has overflowed leaves last, as values of the operator do in an order:
 * infinity, then what is not a number.
 */
void
gv_ivf_search_set_exact(const GvIvfSearch *search, GvIvfFound *found, double exact)
{
	double		key = search->key_factor * exact;

	found->key = isnan(key) ? INFINITY : Min(key, DBL_MAX);
	found->is_exact = true;
}

/*
 * gv_ivf_search_exact
 *		Compute the exact key of a row from the vector that the index keeps.
 *
 * Returns false if there is none, or not any more.
 */
bool
gv_ivf_search_exact(GvIvfSearch *search, GvIvfFound *found)
{
	GvIvfIndex *index = search->index;
	const GvIvfProbe *probe = &search->probe[found->list];
	void	   *value = DatumGetPointer(search->scratch_value);
	char	   *elements;

	if (!gv_ivf_keeps_vectors(&index->layout))
		return false;
	elements = index->opclass->element == GV_AM_ELEMENT_FLOAT ?
		(char *) ((GvVector *) value)->x : (char *) ((GvHalfvec *) value)->x;
	if (!gv_ivf_read_value(index, probe->list, probe->generation, found->place, found->slot,
						   elements))
		return false;
	gv_ivf_search_set_exact(search, found,
							gv_am_exact_key(index->opclass, search->value,
											search->scratch_value));
	return true;
}
