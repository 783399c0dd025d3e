/*-------------------------------------------------------------------------
 *
 * estimate.c
 *		What a build would take: memory, time, size.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "optimizer/optimizer.h"

#include "ivf/build.h"
#include "ivf/ivf.h"
#include "quant/opq.h"

/*
 * Lengths of lists lie between these, in multiples of the mean, most of them in
 * the middle: training sees to it
 */
#define SHORTEST_LIST 0.4
#define LONGEST_LIST 1.6

/* Lengths that are looked at */
#define N_LENGTHS 64

/* What a row takes in a sort beside its image, and its place in the table and list */
#define SORT_ROW_OVERHEAD 72

/*
 * Seconds of a row by itself and for each dimension; of a list and dimension that
 * its nearest is looked for among; and of the training, for each row of the sample
 * and dimension, by the root of the number of lists.  Fitted to the processor time
 * of builds of 100,000 and a million rows of 128 dimensions on an AMD Zen 5.
 */
#define SECONDS_OF_ROW 1.5e-6
#define SECONDS_OF_ELEMENT 50e-9
#define SECONDS_OF_LIST_ELEMENT 50e-12
#define SECONDS_OF_SAMPLE_ELEMENT 5e-9

/*
 * Of a product quantizer, for each row of its sample and dimension: in all, for each
 * entry of a codebook, and of a rotation for each dimension; and of its rounds, for
 * each element of a matrix and dimension.
 */
#define SECONDS_OF_CODEBOOK_ELEMENT 250e-9
#define SECONDS_OF_ENTRY_ELEMENT 1.5e-9
#define SECONDS_OF_TURNED_ELEMENT 2e-9
#define SECONDS_OF_MATRIX_PRODUCT 50e-9

/*
 * Part of the rows that are in two lists where lists spill: the fewer dimensions,
 * the fewer lists are about as near as the nearest.  By the logarithm of their
 * number rows in lists are within .15 of those of all sets that were looked at, see
 * MEASUREMENTS.md.
 */
#define SPILLED_PART 0.15
#define SPILLED_BY_LOG_DIM 0.101

/* Pages of a list of so many rows, of which so many fit a page */
static double
count_list_pages(double n_rows, int per_page)
{
	return Max(ceil(n_rows / per_page), 1);
}

/* Length of the i-th list of N_LENGTHS, in multiples of the mean; between a box and a triangle */
static double
relative_length(int i)
{
	double		part = (i + 0.5) / N_LENGTHS;
	double		place = part < 0.5 ? sqrt(part / 2) : 1 - sqrt((1 - part) / 2);

	return SHORTEST_LIST + (LONGEST_LIST - SHORTEST_LIST) * (part + place) / 2;
}

/* Pages of all lists with centroids */
static double
count_pages(const GvIvfLayout *layout, double n_rows, double n_lists)
{
	double		pages = 0;

	for (int i = 0; i < N_LENGTHS; i++)
	{
		double		rows = n_rows / n_lists * (n_lists > 1 ? relative_length(i) : 1);

		pages += count_list_pages(rows, layout->rows_per_page);
		if (layout->values_per_page > 0)
			pages += count_list_pages(rows, layout->values_per_page);
	}
	pages *= n_lists / N_LENGTHS;
	if (layout->value_bytes > 0 && layout->values_per_page == 0)
		pages += n_rows * ceil((double) layout->value_bytes / GV_IVF_ROWS_ROOM);
	return pages;
}

/* Add what training a product quantizer takes, with a sample of so many rows */
static void
add_codebook(const GvIvfLayout *layout, double sample, GvAmEstimate *estimate)
{
	double		dim = layout->pq.dim;
	double		trained = Min(sample, GV_PQ_SAMPLE_ROWS(layout->pq.bits));
	double		memory = (double) gv_ivf_codebook_bytes(layout) +
		(double) gv_ivf_codebook_room(layout);

	memory += gv_pq_train_scratch_size(&layout->pq, (uint32) trained);
	if (layout->has_opq)
		memory += gv_opq_scratch_size(&layout->pq, (uint32) trained) +
			gv_opq_shared_size(&layout->pq, gv_ivf_count_rotation_slices(layout));
	estimate->memory = Max(estimate->memory, sample * gv_ivf_sample_bytes(layout) + memory);
	estimate->seconds += trained * dim *
		(SECONDS_OF_CODEBOOK_ELEMENT + SECONDS_OF_ENTRY_ELEMENT * (1 << layout->pq.bits));
	if (layout->has_opq)
		estimate->seconds += dim * dim *
			(SECONDS_OF_TURNED_ELEMENT * trained + SECONDS_OF_MATRIX_PRODUCT * dim);
	estimate->bytes += ceil((double) gv_ivf_codebook_bytes(layout) / GV_IVF_CHAIN_ROOM) * BLCKSZ;
}

/*
 * gv_ivf_estimate_build
 *		Foretell what building an index takes.
 *
 * is_flat: of ivfflat, else of ivfpq
 * options: storage parameters as the catalog has them, or 0
 */
void
gv_ivf_estimate_build(const GvAmOpclass *opclass, bool is_flat, int dim, double n_rows,
					  Datum options, GvAmEstimate *estimate)
{
	GvIvfIndex	ix = {0};
	const GvIvfLayout *layout = &ix.layout;
	const GvIvfOptions *parsed = (const GvIvfOptions *)
		(is_flat ? gv_ivfflat_reloptions(options, true) : gv_ivfpq_reloptions(options, true));
	double		n_lists;
	double		sample;
	double		sort;
	double		centroid_bytes;
	double		n_kept;

	gv_ivf_fill_meta(&ix.meta, opclass, dim, &ix.filters, is_flat, parsed);
	(void) gv_ivf_layout_set(&ix.layout, &ix.meta);
	n_lists = (double) Max(gv_ivf_choose_lists(layout, parsed, n_rows), 1);
	sample = Min(n_rows, (double) gv_ivf_sample_rows(layout, (int64) n_lists));
	n_kept = n_rows;
	if (ix.meta.spills && n_lists > 1)
		n_kept *= 1 + Min(SPILLED_PART + SPILLED_BY_LOG_DIM * log(dim), 1);
	sort = n_kept * (SORT_ROW_OVERHEAD + gv_ivf_sort_image_bytes(&ix));

	estimate->rows = n_rows;
	estimate->memory = Max(GV_IVF_SAMPLE_FRACTION * sample * gv_ivf_sample_bytes(layout), sort);
	estimate->parts = (int) Min(Max(ceil(sort / (maintenance_work_mem * 1024.0)), 1), INT_MAX);

	/* metapage, list of rows without direction, center, directory, centroids, lists */
	centroid_bytes = (double) gv_ivf_centroid_bytes(layout);
	estimate->bytes = 2 + ceil(layout->padded_dim * sizeof(float) / (double) GV_IVF_CHAIN_ROOM) +
		ceil((n_lists + GV_IVF_FIRST_LIST) / GV_IVF_LISTS_PER_PAGE);
	if (n_lists > 1)
		estimate->bytes += layout->centroids_per_page > 0 ?
			ceil(n_lists / layout->centroids_per_page) :
			n_lists * ceil(centroid_bytes / GV_AM_PAGE_ROOM);
	estimate->bytes += count_pages(layout, n_kept, n_lists);
	estimate->bytes *= BLCKSZ;

	estimate->seconds = n_rows * (SECONDS_OF_ROW + layout->padded_dim *
								  (SECONDS_OF_ELEMENT + SECONDS_OF_LIST_ELEMENT * n_lists));
	if (n_lists > 1)
		estimate->seconds += SECONDS_OF_SAMPLE_ELEMENT * sample * layout->padded_dim *
			sqrt(n_lists);
	if (gv_ivf_has_product(layout) && n_lists > 1)
		add_codebook(layout, sample, estimate);
	estimate->seconds /= 1 + Min(max_parallel_maintenance_workers, max_parallel_workers);
}
