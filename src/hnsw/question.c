/*-------------------------------------------------------------------------
 *
 * question.c
 *		The query vectors of a calibration: rows of the index.
 *
 * By inner product users ask with other vectors than rows, as those who look
 * for items do: some of the rows are moved.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/compat.h"
#include "base/idset.h"
#include "base/random.h"
#include "hnsw/node.h"
#include "hnsw/question.h"
#include "hnsw/search.h"
#include "hnsw/vectors.h"
#include "quant/rotation.h"

/* Slots looked at for each query vector, for they may be empty */
#define TRIES_PER_QUERY 64

/*
 * By inner product three of nine rows are moved, by so much of what rows are
 * apart in each dimension, by twice that and by four times that.  See MEASUREMENTS.md.
 */
#define MOVED_EVERY 3
#define MOVED_BY 0.375f

/*
 * gv_hnsw_question_is_moved
 *		Tell whether a query vector is moved off its row.
 */
bool
gv_hnsw_question_is_moved(const GvHnswMetaPageData *meta, int i)
{
	return meta->metric == GV_AM_METRIC_INNER_PRODUCT && meta->padded_dim > 0 &&
		i / MOVED_EVERY % MOVED_EVERY == 1;
}

/* About a standard normal random number */
static float
random_normal(GvRandom *random)
{
	float		sum = 0;

	for (int i = 0; i < 12; i++)
		sum += (float) gv_random_below(random, 1 << 24) / (1 << 24);
	return sum - 6;
}

/* The variance of points, summed over dimensions */
static double
measure_variance(const GvHnswQuestion *question, int n, int dims)
{
	double		sum = 0;

	for (int d = 0; d < dims; d++)
	{
		double		mean = 0;

		for (int i = 0; i < n; i++)
			mean += question[i].z[d] / n;
		for (int i = 0; i < n; i++)
			sum += (question[i].z[d] - mean) * (question[i].z[d] - mean) / n;
	}
	return sum;
}

/*
 * Turn rows' points into those of queries.  By inner product a row has one more
 * element, which a query has not, and another length.
 */
static void
make_query_points(GvHnswIndex *ix, GvHnswQuestion *question, int n)
{
	GvRandom	random = {gv_random_mix(ix->meta.seed)};
	int			dims = ix->layout.own_dims;
	int			padded_dim = ix->layout.padded_dim;
	GvHnswCache *cache;
	float	   *extra;
	float		move;

	if (ix->meta.metric != GV_AM_METRIC_INNER_PRODUCT || !gv_hnsw_layout_has_codes(&ix->layout))
		return;
	cache = gv_hnsw_cache(ix);
	extra = palloc0(sizeof(float) * padded_dim);
	extra[ix->meta.dim] = 1;
	gv_rotation_apply(cache->rotation, padded_dim, extra);
	for (int i = 0; i < n; i++)
	{
		float	   *z = question[i].z;
		double		product = 0;

		for (int d = 0; d < dims; d++)
		{
			z[d] += cache->center[d];
			product += (double) z[d] * extra[d];
		}
		for (int d = 0; d < dims; d++)
			z[d] -= (float) (product * extra[d]);
	}
	move = MOVED_BY * (float) sqrt(measure_variance(question, n, dims) *
								   padded_dim / dims / ix->meta.dim);
	for (int i = 0; i < n; i++)
	{
		float	   *z = question[i].z;
		double		norm2 = 0;

		question[i].is_moved = gv_hnsw_question_is_moved(&ix->meta, i);
		if (question[i].is_moved)
		{
			memset(extra, 0, sizeof(float) * padded_dim);
			for (int d = 0; d < ix->meta.dim; d++)
				extra[d] = move * (1 << (i % MOVED_EVERY)) * random_normal(&random);
			gv_rotation_apply(cache->rotation, padded_dim, extra);
			for (int d = 0; d < dims; d++)
				z[d] += extra[d];
		}
		for (int d = 0; d < dims; d++)
			norm2 += (double) z[d] * z[d];
		for (int d = 0; d < dims; d++)
			z[d] = (float) (norm2 > 0 ? z[d] / sqrt(norm2) : 0) - cache->center[d];
	}
	pfree(extra);
}

/*
 * gv_hnsw_choose_questions
 *		Choose live nodes at random as query vectors.
 *
 * context: of what is allocated
 * question: GvHnswQuestion[n_wanted], written; z: float[padded_dim], or NULL, then
 * it is allocated
 *
 * Returns how many there are.  Each time the same, as long as the index is.
 */
int
gv_hnsw_choose_questions(GvHnswIndex *ix, MemoryContext context, GvHnswQuestion *question,
						 int n_wanted)
{
	uint64		n_slots = (uint64) RelationGetNumberOfBlocks(ix->rel) *
		ix->layout.nodes_per_page;
	GvRandom	random = {ix->meta.seed};
	GvHnswSearch search = {0};
	GvIdset		known;
	int			n = 0;

	gv_hnsw_search_init(&search, ix, context, 1);
	gv_idset_init(&known, context, 1024);
	for (int i = 0; i < n_wanted * TRIES_PER_QUERY && n < n_wanted; i++)
	{
		uint32		id = gv_random_below(&random, (uint32) Min(n_slots, PG_UINT32_MAX));
		uint16		version;
		float		bias;
		float	   *vector;

		gv_base_vacuum_delay();
		if (gv_hnsw_id_block(&ix->layout, id) == GV_HNSW_META_BLKNO ||
			!gv_idset_add(&known, id))
			continue;
		vector = gv_hnsw_copy_vector(ix, &search, id, &bias, &version);
		if (vector == NULL)
			continue;
		if (gv_hnsw_layout_has_codes(&ix->layout))
		{
			if (question[n].z == NULL)
				question[n].z = palloc(sizeof(float) * ix->layout.padded_dim);
			memset(question[n].z, 0, sizeof(float) * ix->layout.padded_dim);
			memcpy(question[n].z, vector, sizeof(float) * ix->layout.own_dims);
			pfree(vector);
		}
		else
			question[n].value = PointerGetDatum(vector);
		question[n++].id = id;
	}
	make_query_points(ix, question, n);
	return n;
}
