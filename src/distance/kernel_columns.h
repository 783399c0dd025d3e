/*-------------------------------------------------------------------------
 *
 * kernel_columns.h
 *		Distances of many points, kept column by column, from one query; and of
 *		boxes.
 *
 * VEC_LANES points at a time, one in each lane.  What the lanes of a register
 * are to the kernel of two arrays are registers here, and they are added in
 * the same order: so the results are those of that kernel, to the last bit.
 *
 * Included once by each kernel file, after kernel_dense.h.  A file whose
 * vec_sum adds neighboring lanes first defines VEC_SUM_NEIGHBORS; the others
 * add the upper half to the lower.
 *
 *-------------------------------------------------------------------------
 */

/* Accumulators of the kernels of two arrays, see kernel_fold.h and kernel_cosine.h */
#define FOLD_ACCUMULATORS 4
#define COSINE_ACCUMULATORS 2

/* Which lane of which accumulator takes each element of an array */
typedef struct ColumnPlan
{
	int			slot[GV_COLUMNS_MAX_DIM];	/* accumulator * VEC_LANES + lane */
	int			n_lanes;		/* that are used */
	bool		is_single;		/* at most one element for each lane */
} ColumnPlan;

GV_DISTANCE_INLINE void
plan_columns(ColumnPlan *plan, int dim, int n_accumulators)
{
	int			i = 0;

	plan->n_lanes = dim < VEC_LANES ? dim : VEC_LANES;
	plan->is_single = dim <= VEC_LANES;
	for (; i + n_accumulators * VEC_LANES <= dim; i += n_accumulators * VEC_LANES)
		for (int j = 0; j < n_accumulators * VEC_LANES; j++)
			plan->slot[i + j] = j;
	if (n_accumulators == FOLD_ACCUMULATORS && i + 2 * VEC_LANES <= dim)
	{
		for (int j = 0; j < 2 * VEC_LANES; j++)
			plan->slot[i + j] = j;
		i += 2 * VEC_LANES;
	}
	if (i + VEC_LANES <= dim)
	{
		for (int j = 0; j < VEC_LANES; j++)
			plan->slot[i + j] = (n_accumulators == FOLD_ACCUMULATORS ? 2 : 0) * VEC_LANES + j;
		i += VEC_LANES;
	}
	for (int j = 0; i + j < dim; j++)
		plan->slot[i + j] = (n_accumulators - 1) * VEC_LANES + j;
}

/* What the kernel of two arrays does with the lanes of its last register */
GV_DISTANCE_INLINE Vec
merge_lanes(Vec *lane, int n_lanes, VecMerge merge)
{
#ifdef VEC_SUM_NEIGHBORS
	for (int width = 1; width < VEC_LANES; width *= 2)
		for (int j = 0; j + width < n_lanes; j += 2 * width)
			lane[j] = merge(lane[j], lane[j + width]);
#else
	for (int width = VEC_LANES / 2; width > 0; width /= 2)
	{
		for (int j = 0; j < width && j + width < n_lanes; j++)
			lane[j] = merge(lane[j], lane[j + width]);
		if (n_lanes > width)
			n_lanes = width;
	}
#endif
	return lane[0];
}

GV_DISTANCE_INLINE Vec
load_column(const float *p, int n)
{
	return n >= VEC_LANES ? load_f32(p) : load_tail_f32(p, n);
}

GV_DISTANCE_INLINE void
store_column(float *p, Vec x, int n)
{
	if (n >= VEC_LANES)
		vec_store(p, x);
	else
	{
		float		lanes[VEC_LANES];

		vec_store(lanes, x);
		memcpy((void *) p, lanes, n * sizeof(float));
	}
}

/* Gap between a coordinate and the interval from low to high: one side at most is not 0 */
GV_DISTANCE_INLINE Vec
gap_to_box(Vec q, Vec low, Vec high)
{
	return vec_add(vec_positive(vec_sub(low, q)), vec_positive(vec_sub(q, high)));
}

/*
 * Fold the columns of all points, or the gaps to boxes if there is a high.
 */
GV_DISTANCE_INLINE void
fold_columns(const float *low, const float *high, int stride, const float *query,
			 int dim, int n, float *out, VecStep step, VecMerge merge)
{
	ColumnPlan	plan;

	plan_columns(&plan, dim, FOLD_ACCUMULATORS);
	for (int p = 0; p < n; p += VEC_LANES)
	{
		Vec			acc[FOLD_ACCUMULATORS * VEC_LANES];

		/* where each has one summand they are not read: compilers see that for few dimensions */
		for (int j = 0; j < FOLD_ACCUMULATORS * VEC_LANES; j++)
			acc[j] = vec_zero();
		for (int i = 0; i < dim; i++)
		{
			Vec			x = load_column(low + (long) i * stride + p, n - p);
			Vec			q = vec_set(query[i]);
			int			slot = plan.is_single ? i : plan.slot[i];

			if (high)
			{
				x = gap_to_box(q, x, load_column(high + (long) i * stride + p, n - p));
				q = vec_zero();
			}
			acc[slot] = step(plan.is_single ? vec_zero() : acc[slot], x, q, q);
		}
		if (!plan.is_single)
			for (int j = 0; j < plan.n_lanes; j++)
				acc[j] = merge(merge(acc[j], acc[VEC_LANES + j]),
							   merge(acc[2 * VEC_LANES + j], acc[3 * VEC_LANES + j]));
		store_column(out + p, merge_lanes(acc, plan.n_lanes, merge), n - p);
	}
}

/* A number of dimensions that the compiler knows keeps all sums in registers */
static void
columns_l2_squared(const float *columns, int stride, const float *query, int dim, int n,
				   float *out)
{
	switch (dim)
	{
		case 2:
			fold_columns(columns, NULL, stride, query, 2, n, out, step_l2, vec_add);
			break;
		case 3:
			fold_columns(columns, NULL, stride, query, 3, n, out, step_l2, vec_add);
			break;
		case 4:
			fold_columns(columns, NULL, stride, query, 4, n, out, step_l2, vec_add);
			break;
		case 5:
			fold_columns(columns, NULL, stride, query, 5, n, out, step_l2, vec_add);
			break;
		case 6:
			fold_columns(columns, NULL, stride, query, 6, n, out, step_l2, vec_add);
			break;
		case 7:
			fold_columns(columns, NULL, stride, query, 7, n, out, step_l2, vec_add);
			break;
		case 8:
			fold_columns(columns, NULL, stride, query, 8, n, out, step_l2, vec_add);
			break;
		default:
			fold_columns(columns, NULL, stride, query, dim, n, out, step_l2, vec_add);
	}
}

static void
columns_l1(const float *columns, int stride, const float *query, int dim, int n, float *out)
{
	fold_columns(columns, NULL, stride, query, dim, n, out, step_l1, vec_add);
}

static void
columns_linf(const float *columns, int stride, const float *query, int dim, int n, float *out)
{
	fold_columns(columns, NULL, stride, query, dim, n, out, step_linf, vec_max);
}

static void
boxes_l2_squared(const float *low, const float *high, int stride, const float *query,
				 int dim, int n, float *out)
{
	fold_columns(low, high, stride, query, dim, n, out, step_l2, vec_add);
}

static void
boxes_l1(const float *low, const float *high, int stride, const float *query, int dim,
		 int n, float *out)
{
	fold_columns(low, high, stride, query, dim, n, out, step_l1, vec_add);
}

static void
boxes_linf(const float *low, const float *high, int stride, const float *query, int dim,
		   int n, float *out)
{
	fold_columns(low, high, stride, query, dim, n, out, step_linf, vec_max);
}

static void
columns_cosine(const float *columns, int stride, const float *query, int dim, int n,
			   float *ab, float *bb)
{
	ColumnPlan	plan;

	plan_columns(&plan, dim, COSINE_ACCUMULATORS);
	for (int p = 0; p < n; p += VEC_LANES)
	{
		Vec			acc_ab[COSINE_ACCUMULATORS * VEC_LANES];
		Vec			acc_bb[COSINE_ACCUMULATORS * VEC_LANES];

		for (int j = 0; j < COSINE_ACCUMULATORS * VEC_LANES; j++)
			acc_ab[j] = acc_bb[j] = vec_zero();
		for (int i = 0; i < dim; i++)
		{
			Vec			x = load_column(columns + (long) i * stride + p, n - p);
			int			slot = plan.slot[i];

			acc_ab[slot] = vec_fma(vec_set(query[i]), x, acc_ab[slot]);
			acc_bb[slot] = vec_fma(x, x, acc_bb[slot]);
		}
		for (int j = 0; j < plan.n_lanes; j++)
		{
			acc_ab[j] = vec_add(acc_ab[j], acc_ab[VEC_LANES + j]);
			acc_bb[j] = vec_add(acc_bb[j], acc_bb[VEC_LANES + j]);
		}
		store_column(ab + p, merge_lanes(acc_ab, plan.n_lanes, vec_add), n - p);
		store_column(bb + p, merge_lanes(acc_bb, plan.n_lanes, vec_add), n - p);
	}
}
