/*-------------------------------------------------------------------------
 *
 * balance.c
 *		Which lists of an index are to be split and merged.
 *
 * A list of more than twice the rows that it should have is split in two by
 * k-means of its own rows, and so are its parts; one of less than a quarter is
 * dissolved.  Written anew with them are the lists that take rows of those
 * dissolved, and the neighbors of those split that have rows to which a new
 * centroid is nearer than theirs, as their codes tell.  All others stay as
 * they are, on their pages.
 * Source of the two conditions: Xu and others, SOSP 2023 (SPFresh).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/index.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"

#include "am/routine.h"
#include "base/compare.h"
#include "base/compat.h"
#include "base/random.h"
#include "ivf/build.h"
#include "ivf/code.h"
#include "ivf/product.h"
#include "ivf/renew.h"
#include "ivf/source.h"
#include "quant/cluster.h"
#include "quant/rotation.h"

/* A list that is so many times as long as it should be is split; shorter by that, dissolved */
#define LONG_LIST 2.0
#define SHORT_LIST 4.0

/* Rows that a list which is split must have */
#define MIN_SPLIT_ROWS 16

/* Parts of a list that is split, at most */
#define MAX_PARTS 32

/* Rows of a list that k-means looks at, for each part there should be; and its rounds */
#define SAMPLE_ROWS 256
#define ROUNDS 12

/* Lists near one that is split which may have rows for its parts */
#define NEIGHBORS 64

/* One is written anew when this part of its rows would move */
#define MOVERS 50

/* When so large a part of the rows is in lists to be written, the others are left for later */
#define MOST_ROWS 0.5

/* k-means wants what it works on to begin at multiples of this */
#define ALIGNMENT 64

/* What becomes of a list */
typedef enum Fate
{
	FATE_STAYS,
	FATE_WRITTEN,				/* with its centroid */
	FATE_SPLIT,
	FATE_DISSOLVED
} Fate;

/* A list that is written */
typedef struct Written
{
	uint32		number;			/* that it had, or is preferred */
	const GvHalf *centroid;
	BlockNumber centroid_blkno; /* invalid: the centroid is new */
	uint16		centroid_slot;
} Written;

typedef struct Balance
{
	GvIvfIndex *index;
	GvIvfPlan  *plan;
	GvIvfSource source;
	uint32		n_lists;
	GvIvfListData *lists;
	uint32	   *n_rows;			/* uint32[n_lists] */
	Fate	   *fate;			/* Fate[n_lists] */
	uint32	   *chosen;			/* uint32[n_chosen]: to be split or dissolved */
	uint32		n_chosen;
	uint32		n_done;			/* of those */
	double		wanted;			/* rows of a list */
	float	   *rotation;
	float	   *origin;			/* as in the cache */
	GvIvfTraining all;			/* the centroids in use */
	GvIvfRoot	root;
	GvIvfNearest nearest;
	GvIvfPoint	point;
	Written    *items;
	uint32		n_items;

	/* a list that is read, and a new centroid */
	const float *near;
	const float *far;
	uint32		n_movers;

	/* the list that is split */
	GvRandom	random;
	float	   *sample;			/* float[max_sample][padded_dim] */
	uint32		max_sample;
	uint32		n_sample;
	uint32		n_seen;
	double		rows_per_sample;
	float	   *parts;			/* float[MAX_PARTS][padded_dim]: centroids */
	uint32		n_parts;
	uint32		n_planned;		/* with those that are to come */
	float		radius;			/* length of the points, or 0 */
} Balance;

/* Copy a page of a list */
static void
copy_page(const Balance *balance, uint32 list, BlockNumber blkno, PGAlignedBlock *copy)
{
	Relation	rel = balance->index->rel;
	GvIvfRowsPage rows = gv_ivf_page_rows((Page) copy->data);
	Buffer		buf;

	gv_base_vacuum_delay();
	gv_am_check_block(rel, blkno);
	buf = ReadBuffer(rel, blkno);
	LockBuffer(buf, BUFFER_LOCK_SHARE);
	memcpy(copy, BufferGetPage(buf), BLCKSZ);
	UnlockReleaseBuffer(buf);
	if (!gv_ivf_page_is((Page) copy->data, GV_IVF_PAGE_ROWS) || rows->list != list ||
		rows->generation != balance->lists[list].generation ||
		rows->n_rows > balance->index->layout.rows_per_page || rows->n_dead > rows->n_rows)
		gv_ivf_report_corruption(rel, blkno, "It is not a page of its list.");
}

/* Read the directory and the centroids, and count the rows; returns those of all lists */
static double
read_lists(Balance *balance)
{
	GvIvfIndex *index = balance->index;
	const GvIvfLayout *layout = &index->layout;
	GvIvfCache *cache = gv_ivf_cache(index);
	Size		dims = layout->padded_dim;
	uint32		n_lists = balance->n_lists = index->meta.n_lists;
	BlockNumber n_blocks = RelationGetNumberOfBlocks(index->rel);
	BlockNumber n_read = 0;
	double		sum = 0;

	balance->lists = palloc_extended(sizeof(GvIvfListData) * n_lists, MCXT_ALLOC_HUGE);
	balance->n_rows = palloc0(sizeof(uint32) * n_lists);
	balance->fate = palloc0(sizeof(Fate) * n_lists);
	balance->rotation = palloc(sizeof(float) * gv_rotation_table_size(layout->padded_dim));
	memcpy(balance->rotation, cache->rotation,
		   sizeof(float) * gv_rotation_table_size(layout->padded_dim));
	balance->all.center = palloc(sizeof(float) * dims);
	memcpy(balance->all.center, cache->center, sizeof(float) * dims);
	balance->origin = palloc(sizeof(float) * dims);
	memcpy(balance->origin, cache->origin, sizeof(float) * dims);
	for (uint32 list = 0; list < n_lists; list++)
		gv_ivf_read_list(index, cache, list, &balance->lists[list]);
	for (uint32 list = 0; list < n_lists; list++)
	{
		PGAlignedBlock copy;
		GvIvfRowsPage rows = gv_ivf_page_rows((Page) copy.data);

		for (BlockNumber blkno = balance->lists[list].head; blkno != InvalidBlockNumber;
			 blkno = rows->next)
		{
			if (n_read++ > n_blocks)
				n_blocks = RelationGetNumberOfBlocks(index->rel);
			if (n_read > n_blocks)
				gv_ivf_report_corruption(index->rel, blkno, "A list leads nowhere.");
			copy_page(balance, list, blkno, &copy);
			balance->n_rows[list] += rows->n_rows - rows->n_dead;
		}
		sum += balance->n_rows[list];
	}
	return sum;
}

/* Prepare to find lists and points */
static void
read_centroids(Balance *balance)
{
	GvIvfIndex *index = balance->index;
	const GvIvfLayout *layout = &index->layout;

	balance->all.n_lists = balance->n_lists;
	balance->all.is_trained = true;
	balance->all.centroids = palloc_extended(gv_ivf_centroid_bytes(layout) * balance->n_lists,
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (uint32 list = GV_IVF_FIRST_LIST; list < balance->n_lists; list++)
	{
		CHECK_FOR_INTERRUPTS();
		gv_ivf_read_centroid(index, balance->lists[list].centroid_blkno,
							 balance->lists[list].centroid_slot,
							 balance->all.centroids + (Size) list * layout->padded_dim);
	}
	balance->all.codebook = gv_ivf_codebook_copy(index);
	gv_ivf_make_root(index, &balance->all, &balance->root);
	gv_ivf_nearest_init(&balance->nearest, index, &balance->root);
	balance->point.z = palloc(sizeof(float) * layout->padded_dim);
	balance->radius = gv_ivf_point_length(&index->meta);
}

/* qsort_arg comparator: lists to be split, the longest first, then those to be dissolved */
static int
compare_chosen(const void *a, const void *b, void *arg)
{
	const Balance *balance = arg;
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	if (balance->fate[x] != balance->fate[y])
		return balance->fate[x] == FATE_SPLIT ? -1 : 1;
	if (balance->n_rows[x] != balance->n_rows[y])
		return (balance->n_rows[x] > balance->n_rows[y]) ==
			(balance->fate[x] == FATE_SPLIT) ? -1 : 1;
	return x < y ? -1 : 1;
}

/* Choose the lists to be split and dissolved */
static void
choose_lists(Balance *balance)
{
	uint32		n_left = balance->n_lists - GV_IVF_FIRST_LIST;

	balance->chosen = palloc(sizeof(uint32) * balance->n_lists);
	for (uint32 list = GV_IVF_FIRST_LIST; list < balance->n_lists; list++)
	{
		uint32		n = balance->n_rows[list];

		if (n > LONG_LIST * balance->wanted && n >= MIN_SPLIT_ROWS)
			balance->fate[list] = FATE_SPLIT;
		else if (n < balance->wanted / SHORT_LIST && n_left > 1)
		{
			balance->fate[list] = FATE_DISSOLVED;
			n_left--;
		}
		else
			continue;
		balance->chosen[balance->n_chosen++] = list;
	}
	qsort_arg(balance->chosen, balance->n_chosen, sizeof(uint32), compare_chosen, balance);
}

/* May no more lists be split or dissolved this time? */
static bool
is_enough(const Balance *balance)
{
	double		n_written = 0;
	double		n_all = 0;

	for (uint32 list = GV_IVF_FIRST_LIST; list < balance->n_lists; list++)
	{
		n_all += balance->n_rows[list];
		if (balance->fate[list] == FATE_WRITTEN)
			n_written += balance->n_rows[list];
	}
	for (uint32 i = 0; i < balance->n_done; i++)
		n_written += balance->n_rows[balance->chosen[i]];
	return n_written > MOST_ROWS * n_all ||
		balance->n_lists + balance->n_items + MAX_PARTS > GV_IVF_MAX_LISTS;
}

/* Read the rows of a list */
static void
read_list(Balance *balance, uint32 list, GvIvfTakeRow take)
{
	BlockNumber n_read = 0;
	int			n_rows;

	for (BlockNumber blkno = balance->lists[list].head; blkno != InvalidBlockNumber;)
	{
		if (n_read++ > RelationGetNumberOfBlocks(balance->index->rel))
			gv_ivf_report_corruption(balance->index->rel, blkno, "A list leads nowhere.");
		blkno = gv_ivf_source_page(&balance->source, list, balance->lists[list].generation,
								   blkno, 0, &n_rows, take, balance);
	}
}

/* --- splitting ------------------------------------------------------------- */

/* Take a row of a list that is split into the sample, if chance has it; GvIvfTakeRow */
static void
sample_row(void *arg, uint32 list, const GvIvfRow *row, Datum value)
{
	Balance    *balance = arg;
	int			dims = balance->index->layout.padded_dim;
	uint32		place = balance->n_seen++;
	float	   *z;

	if (place >= balance->max_sample)
	{
		place = gv_random_below(&balance->random, balance->n_seen);
		if (place >= balance->max_sample)
			return;
	}
	gv_ivf_make_point(balance->index, balance->rotation, balance->origin, value, false,
					  &balance->point);
	z = balance->sample + (Size) place * dims;
	memcpy(z, balance->point.z, sizeof(float) * dims);
	balance->n_sample = Max(balance->n_sample, place + 1);
	/* k-means of directions wants them from the origin */
	for (int d = 0; balance->radius > 0 && d < dims; d++)
		z[d] = (z[d] + balance->all.center[d]) / balance->radius;
}

static void
check_interrupts(void *arg)
{
	CHECK_FOR_INTERRUPTS();
}

/*
 * Divide rows of the sample in two, and those parts which are still too long.
 * Returns false if all are equal.
 *
 * row: uint32[n], which they are; their order changes
 */
static bool
bisect(Balance *balance, uint32 *row, uint32 n)
{
	int			dims = balance->index->layout.padded_dim;
	GvClusterFloats floats = {balance->sample, dims};
	GvClusterRows rows = {.dim = dims, .n = balance->n_sample, .fetch = gv_cluster_fetch_floats,
	.arg = &floats, .check = check_interrupts};
	GvClusterTask task = {.rows = &rows, .row = row, .n = n, .k = 2, .n_rounds = ROUNDS,
	.is_spherical = balance->radius > 0, .seed = balance->index->meta.seed};
	char	   *scratch = palloc_extended(gv_cluster_scratch_size(dims, 2) + ALIGNMENT,
										  MCXT_ALLOC_HUGE);
	uint32	   *ordered = palloc(sizeof(uint32) * n);
	uint32		n_part[2] = {0, 0};
	uint32		k;

	task.centroids = palloc(sizeof(float) * dims * 2);
	task.assigned = palloc(sizeof(uint32) * n);
	task.distance = palloc(sizeof(float) * n);
	k = gv_cluster_rows(&task, (void *) TYPEALIGN(ALIGNMENT, scratch));
	for (uint32 part = 0; part < 2; part++)
	{
		for (uint32 i = 0; i < n; i++)
		{
			if (task.assigned[i] == part)
				ordered[n_part[0] + n_part[1]++] = row[i];
		}
		if (part == 0)
		{
			n_part[0] = n_part[1];
			n_part[1] = 0;
		}
	}
	if (k == 2 && n_part[0] > 0 && n_part[1] > 0)
	{
		memcpy(row, ordered, sizeof(uint32) * n);
		for (uint32 part = 0; part < 2; part++)
		{
			if (n_part[part] * balance->rows_per_sample > LONG_LIST * balance->wanted &&
				n_part[part] >= MIN_SPLIT_ROWS && balance->n_planned < MAX_PARTS)
			{
				balance->n_planned++;
				if (bisect(balance, row + part * n_part[0], n_part[part]))
					continue;
				balance->n_planned--;
			}
			memcpy(balance->parts + (Size) balance->n_parts++ * dims,
				   task.centroids + part * dims, sizeof(float) * dims);
		}
	}
	else
		k = 1;
	pfree(task.distance);
	pfree(task.assigned);
	pfree(task.centroids);
	pfree(ordered);
	pfree(scratch);
	return k == 2;
}

static void
add_item(Balance *balance, uint32 number, const GvHalf *centroid, BlockNumber blkno,
		 uint16 slot)
{
	Written    *item;

	if (balance->items == NULL)
		balance->items = palloc(sizeof(Written) * 64);
	else if (balance->n_items >= 64 && (balance->n_items & (balance->n_items - 1)) == 0)
		balance->items = repalloc_huge(balance->items, sizeof(Written) * 2 * balance->n_items);
	item = &balance->items[balance->n_items++];
	item->number = number;
	item->centroid = centroid;
	item->centroid_blkno = blkno;
	item->centroid_slot = slot;
}

/* A list's centroid as floats */
static void
get_centroid(const Balance *balance, uint32 list, float *out)
{
	int			dims = balance->index->layout.padded_dim;

	gv_kernels->f16_to_f32(balance->all.centroids + (Size) list * dims, out, dims);
}

/*
 * Centroids of directions get the length that those of the index have, see
 * find_centroids in train.c.
 */
static void
give_length(const Balance *balance, uint32 list, float *centroids, uint32 k)
{
	int			dims = balance->index->layout.padded_dim;
	float	   *old = palloc(sizeof(float) * dims);
	float		length;

	get_centroid(balance, list, old);
	for (int d = 0; d < dims; d++)
		old[d] += balance->all.center[d];
	length = sqrtf(gv_kernels->inner_product_f32(old, old, dims));
	for (uint32 i = 0; i < k; i++)
	{
		for (int d = 0; d < dims; d++)
			centroids[(Size) i * dims + d] = length * centroids[(Size) i * dims + d] -
				balance->all.center[d];
	}
	pfree(old);
}

/*
 * Would rows of a list move to a new centroid?  Its codes tell: with x - p of a
 * row in them and n the new centroid, |n - x|^2 - |p - x|^2 is
 * |n - p|^2 - 2 <n - p, x - p>, which is what they estimate for n - p, but
 * for |x - p|^2.
 */
static uint32
count_movers(Balance *balance, uint32 list, const float *centroid)
{
	const GvIvfLayout *layout = &balance->index->layout;
	int			dims = layout->padded_dim;
	float	   *step = palloc(sizeof(float) * dims);
	GvHalf		zero[GV_FASTSCAN_LANES] = {0};
	uint8	   *scratch = palloc(gv_rabitq_block_bytes(layout->code_dims));
	GvRabitqQuery query;
	GvIvfProductQuery product = {NULL};
	PGAlignedBlock copy;
	GvIvfRowsPage rows = gv_ivf_page_rows((Page) copy.data);
	uint32		n_movers = 0;
	float		norm2;

	get_centroid(balance, list, step);
	for (int d = 0; d < dims; d++)
		step[d] = centroid[d] - step[d];
	norm2 = gv_kernels->inner_product_f32(step, step, dims);
	if (gv_ivf_has_product(layout))
		gv_ivf_product_prepare(&product, &query, &balance->root.codebook, layout,
							   balance->rotation, step);
	else
	{
		query.table = palloc(layout->code_dims / GV_RABITQ_GROUP_DIMS *
							 GV_FASTSCAN_GROUP_BYTES);
		gv_rabitq_prepare_query(&query, step, layout->code_dims);
	}
	for (BlockNumber blkno = balance->lists[list].head; blkno != InvalidBlockNumber;
		 blkno = rows->next)
	{
		copy_page(balance, list, blkno, &copy);
		for (int first = 0; first < rows->n_rows; first += layout->lanes)
		{
			char	   *block = gv_ivf_block(layout, rows, first / layout->lanes);
			uint8	   *codes = gv_ivf_block_codes(layout, block);
			int			n = Min(rows->n_rows - first, layout->lanes);
			GvIvfEstimates estimates;

			if (n < layout->lanes && layout->code_dims > 0)
			{
				gv_rabitq_put_lanes(scratch, codes, n, layout->code_dims);
				codes = scratch;
			}
			if (gv_ivf_has_product(layout))
				gv_ivf_product_estimate(layout, &product, &query, codes, n, zero,
										gv_ivf_block_rescale(layout, block),
										gv_ivf_block_error(layout, block), norm2, &estimates);
			else
				gv_ivf_estimate(&query, codes, zero, gv_ivf_block_rescale(layout, block),
								gv_ivf_block_error(layout, block), norm2, 0, &estimates);
			for (int i = 0; i < n; i++)
				n_movers += ItemPointerIsValid(&gv_ivf_block_tids(block)[i]) &&
					estimates.estimate[i] < 0;
		}
	}
	if (product.table)
		pfree(product.table);
	pfree(query.table);
	pfree(scratch);
	pfree(step);
	return n_movers;
}

/* Count a row of bits if it would move to a new centroid; GvIvfTakeRow */
static void
count_mover(void *arg, uint32 list, const GvIvfRow *row, Datum value)
{
	Balance    *balance = arg;
	int			dims = balance->index->layout.padded_dim;
	const float *z = balance->point.z;

	gv_ivf_make_point(balance->index, balance->rotation, balance->origin, value, false,
					  &balance->point);
	balance->n_movers += gv_kernels->l2_squared_f32(z, balance->far, dims) <
		gv_kernels->l2_squared_f32(z, balance->near, dims);
}

/* The same for a list without codes, whose rows tell */
static uint32
count_movers_of_bits(Balance *balance, uint32 list, const float *centroid)
{
	float	   *own = palloc(sizeof(float) * balance->index->layout.padded_dim);

	get_centroid(balance, list, own);
	balance->near = own;
	balance->far = centroid;
	balance->n_movers = 0;
	read_list(balance, list, count_mover);
	pfree(own);
	return balance->n_movers;
}

/* Have the neighbors of a list that is split written whose rows would move to its parts */
static void
choose_neighbors(Balance *balance, uint32 list, const float *centroids, uint32 k)
{
	const GvIvfLayout *layout = &balance->index->layout;
	float	   *z = palloc(sizeof(float) * layout->padded_dim);
	uint32		neighbor;
	float		distance2;

	get_centroid(balance, list, z);
	gv_ivf_nearest_begin(&balance->nearest, z, balance->n_lists);
	for (int i = 0; i < NEIGHBORS &&
		 gv_ivf_nearest_next(&balance->nearest, &neighbor, &distance2); i++)
	{
		uint32		n_movers = 0;

		CHECK_FOR_INTERRUPTS();
		if (balance->fate[neighbor] != FATE_STAYS)
			continue;
		for (uint32 j = 0; j < k; j++)
		{
			const float *centroid = centroids + (Size) j * layout->padded_dim;

			n_movers += gv_ivf_has_codes(layout) ? count_movers(balance, neighbor, centroid) :
				count_movers_of_bits(balance, neighbor, centroid);
		}
		if (n_movers > balance->n_rows[neighbor] / MOVERS)
			balance->fate[neighbor] = FATE_WRITTEN;
	}
	pfree(z);
}

/* Split a list; one of equal rows stays */
static void
split_list(Balance *balance, uint32 list)
{
	int			dims = balance->index->layout.padded_dim;
	double		n_expected = balance->n_rows[list] / balance->wanted;
	Size		room = (Size) gv_am_maintenance_memory() * 1024 / GV_IVF_SAMPLE_FRACTION;
	float	   *centroids = palloc(sizeof(float) * dims * MAX_PARTS);
	GvHalf	   *halves;
	uint32	   *row;
	bool		is_split;
	uint32		k;

	balance->max_sample = (uint32) Max(Min(Min(n_expected, MAX_PARTS) * SAMPLE_ROWS,
										   room / (sizeof(float) * dims)), MIN_SPLIT_ROWS);
	balance->max_sample = Min(balance->max_sample, balance->n_rows[list] + MIN_SPLIT_ROWS);
	balance->sample = palloc_extended(sizeof(float) * dims * balance->max_sample,
									  MCXT_ALLOC_HUGE);
	balance->n_sample = balance->n_seen = 0;
	balance->random.state = balance->index->meta.seed + list;
	read_list(balance, list, sample_row);
	row = palloc(sizeof(uint32) * Max(balance->n_sample, 1));
	for (uint32 i = 0; i < balance->n_sample; i++)
		row[i] = i;
	balance->rows_per_sample = (double) balance->n_seen / Max(balance->n_sample, 1);
	balance->parts = centroids;
	balance->n_parts = 0;
	balance->n_planned = 2;
	is_split = bisect(balance, row, balance->n_sample);
	k = balance->n_parts;
	pfree(row);
	pfree(balance->sample);
	if (!is_split)
	{
		balance->fate[list] = FATE_STAYS;
		return;
	}
	if (balance->radius > 0)
		give_length(balance, list, centroids, k);
	halves = palloc_extended(gv_ivf_centroid_bytes(&balance->index->layout) * k,
							 MCXT_ALLOC_HUGE);
	gv_kernels->f32_to_f16(centroids, halves, k * dims);
	for (uint32 i = 0; i < k; i++)
		add_item(balance, i == 0 ? list : InvalidBlockNumber, halves + (Size) i * dims,
				 InvalidBlockNumber, 0);
	choose_neighbors(balance, list, centroids, k);
	pfree(centroids);
}

/* --- dissolving ------------------------------------------------------------ */

/* Have the list written that is nearest to a point */
static void
choose_nearest(Balance *balance, const float *z)
{
	uint32		list;
	float		distance2;

	gv_ivf_nearest_begin(&balance->nearest, z, balance->n_lists);
	while (gv_ivf_nearest_next(&balance->nearest, &list, &distance2))
	{
		if (balance->fate[list] == FATE_DISSOLVED)
			continue;
		if (balance->fate[list] == FATE_STAYS)
			balance->fate[list] = FATE_WRITTEN;
		break;
	}
}

/* Have the list written that a row of a dissolved list goes to; GvIvfTakeRow */
static void
place_row(void *arg, uint32 list, const GvIvfRow *row, Datum value)
{
	Balance    *balance = arg;

	gv_ivf_make_point(balance->index, balance->rotation, balance->origin, value, false,
					  &balance->point);
	choose_nearest(balance, balance->point.z);
}

/* Dissolve a list */
static void
dissolve_list(Balance *balance, uint32 list)
{
	float	   *z = palloc(sizeof(float) * balance->index->layout.padded_dim);

	/* there may be rows by the time */
	get_centroid(balance, list, z);
	choose_nearest(balance, z);
	pfree(z);
	read_list(balance, list, place_row);
}

/* --- the plan -------------------------------------------------------------- */

/* Number the lists that are written, beside those that stay */
static void
number_lists(Balance *balance)
{
	GvIvfPlan  *plan = balance->plan;
	Size		dims = balance->index->layout.padded_dim;
	Written	  **item_of;
	uint32		n_stay = 0;
	uint32		next = GV_IVF_FIRST_LIST;

	/* generations go on to rise, whatever lists there are, if list 0 always has the highest */
	balance->fate[GV_IVF_LOOSE_LIST] = FATE_WRITTEN;
	for (uint32 list = 0; list < balance->n_lists; list++)
	{
		if (balance->fate[list] == FATE_WRITTEN)
			add_item(balance, list, balance->all.centroids + list * dims,
					 balance->lists[list].centroid_blkno, balance->lists[list].centroid_slot);
		n_stay += balance->fate[list] == FATE_STAYS;
	}
	/* numbers are without gaps: the last lists may have to take those that are free */
	plan->n_lists = n_stay + balance->n_items;
	for (uint32 list = plan->n_lists; list < balance->n_lists; list++)
	{
		if (balance->fate[list] != FATE_STAYS)
			continue;
		balance->fate[list] = FATE_WRITTEN;
		add_item(balance, list, balance->all.centroids + list * dims,
				 balance->lists[list].centroid_blkno, balance->lists[list].centroid_slot);
	}

	item_of = palloc0(sizeof(Written *) * plan->n_lists);
	for (uint32 i = 0; i < balance->n_items; i++)
	{
		if (balance->items[i].number < plan->n_lists)
			item_of[balance->items[i].number] = &balance->items[i];
	}
	for (uint32 i = 0; i < balance->n_items; i++)
	{
		if (balance->items[i].number < plan->n_lists)
			continue;
		while (item_of[next] != NULL ||
			   (next < balance->n_lists && balance->fate[next] == FATE_STAYS))
			next++;
		item_of[next] = &balance->items[i];
	}

	plan->lists = palloc_extended(sizeof(GvIvfListData) * plan->n_lists,
								  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	plan->centroids = palloc_extended(sizeof(GvHalf) * dims * plan->n_lists, MCXT_ALLOC_HUGE);
	plan->number = palloc(sizeof(uint32) * balance->n_items);
	plan->nearest = &balance->nearest;
	plan->training.center = balance->all.center;
	plan->training.codebook = balance->all.codebook;
	plan->training.is_trained = true;
	plan->training.centroids = palloc_extended(sizeof(GvHalf) * dims * balance->n_items,
											   MCXT_ALLOC_HUGE);
	for (uint32 list = 0; list < plan->n_lists; list++)
	{
		const Written *item = item_of[list];
		const GvHalf *centroid = item ? item->centroid : balance->all.centroids + list * dims;

		memcpy(plan->centroids + list * dims, centroid, sizeof(GvHalf) * dims);
		if (item == NULL)
		{
			plan->lists[list] = balance->lists[list];
			continue;
		}
		plan->lists[list].centroid_blkno = item->centroid_blkno;
		plan->lists[list].centroid_slot = item->centroid_slot;
		memcpy(plan->training.centroids + plan->training.n_lists * dims, centroid,
			   sizeof(GvHalf) * dims);
		plan->number[plan->training.n_lists++] = list;
	}
	plan->is_brought = palloc(sizeof(bool) * balance->n_lists);
	for (uint32 list = 0; list < balance->n_lists; list++)
	{
		plan->is_brought[list] = balance->fate[list] != FATE_STAYS;
		if (plan->is_brought[list])
			plan->n_rows += balance->n_rows[list];
	}
}

/* Have all centroids written together where they have come to lie far apart */
static void
pack_centroids(Balance *balance)
{
	GvIvfPlan  *plan = balance->plan;
	uint32		per_page = balance->index->layout.centroids_per_page;
	BlockNumber *blocks = palloc(sizeof(BlockNumber) * plan->n_lists);
	uint32		n = 0;
	uint32		n_pages = 0;

	for (uint32 list = GV_IVF_FIRST_LIST; list < plan->n_lists; list++)
	{
		if (plan->lists[list].centroid_blkno != InvalidBlockNumber)
			blocks[n++] = plan->lists[list].centroid_blkno;
	}
	qsort(blocks, n, sizeof(BlockNumber), gv_base_compare_uint32);
	for (uint32 i = 0; i < n; i++)
		n_pages += i == 0 || blocks[i] != blocks[i - 1];
	pfree(blocks);
	if (per_page == 0 || n_pages <= 2 * (plan->n_lists / per_page + 1))
		return;
	for (uint32 list = GV_IVF_FIRST_LIST; list < plan->n_lists; list++)
		plan->lists[list].centroid_blkno = InvalidBlockNumber;
}

/* Do what was chosen; returns false if it comes to nothing */
static bool
make_plan(Balance *balance)
{
	for (balance->n_done = 0; balance->n_done < balance->n_chosen && !is_enough(balance);
		 balance->n_done++)
	{
		uint32		list = balance->chosen[balance->n_done];

		if (balance->fate[list] == FATE_SPLIT)
			split_list(balance, list);
		else
			dissolve_list(balance, list);
	}
	for (uint32 i = balance->n_done; i < balance->n_chosen; i++)
		balance->fate[balance->chosen[i]] = FATE_STAYS;
	number_lists(balance);
	/* nothing but list 0: those chosen cannot be split */
	if (balance->n_items <= 1 && balance->plan->n_lists == balance->n_lists)
		return false;
	pack_centroids(balance);
	return true;
}

/*
 * gv_ivf_plan_balance
 *		Find out which lists are to be split and merged.
 *
 * plan: written, in the current memory context
 * n_rows: of the index
 *
 * Returns false if there are none.  The caller keeps others away who write lists
 * anew.
 */
bool
gv_ivf_plan_balance(GvIvfPlan *plan, GvIvfIndex *index, Relation heap, double n_rows)
{
	Balance    *balance = palloc0(sizeof(Balance));
	const GvIvfOptions *options = (GvIvfOptions *) index->rel->rd_options;
	IndexInfo  *index_info;
	bool		result;

	memset(plan, 0, sizeof(*plan));
	if (index->meta.is_given || index->meta.n_lists <= GV_IVF_FIRST_LIST + 1)
		return false;
	balance->index = index;
	balance->plan = plan;
	balance->wanted = Max(read_lists(balance) /
						   gv_ivf_choose_lists(&index->layout, options, n_rows), 1);
	choose_lists(balance);
	if (balance->n_chosen == 0)
		return false;
	read_centroids(balance);
	index_info = BuildIndexInfo(index->rel);
	gv_ivf_source_begin(&balance->source, index, heap, index_info);
	result = make_plan(balance);
	gv_ivf_source_end(&balance->source);
	return result;
}
