/*-------------------------------------------------------------------------
 *
 * point.c
 *		Points and boxes: from values, on pages, one within the other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "kdtree/index.h"
#include "type/dense.h"

/*
 * gv_kdtree_set_place
 *		Compute where boxes have a point from its elements.
 */
void
gv_kdtree_set_place(const GvKdtreeIndex *ix, GvKdtreePoint *point)
{
	double		factor = 1;

	if (ix->opclass->metric != GV_AM_METRIC_COSINE)
	{
		memcpy(point->place, point->x, sizeof(float) * ix->dim);
		return;
	}
	factor = sqrt(gv_type_sum_squares(point->x, ix->dim));
	for (int i = 0; i < ix->dim; i++)
		point->place[i] = factor > 0 ? (float) (point->x[i] / factor) : 0;
}

/*
 * gv_kdtree_set_point
 *		Take elements and place from a value of the index's dimensions.
 *
 * value: detoasted
 */
void
gv_kdtree_set_point(const GvKdtreeIndex *ix, Datum value, GvKdtreePoint *point)
{
	gv_am_check_dim(ix->opclass, value, ix->dim);
	gv_am_value_to_floats(ix->opclass, value, point->x);
	gv_kdtree_set_place(ix, point);
}

/*
 * gv_kdtree_set_row
 *		Take a point from the values of an index's columns.
 *
 * values: the first is not null
 */
void
gv_kdtree_set_row(const GvKdtreeIndex *ix, const Datum *values, const bool *nulls,
				  ItemPointer tid, GvKdtreePoint *point)
{
	struct varlena *value = PG_DETOAST_DATUM(values[0]);

	gv_kdtree_set_point(ix, PointerGetDatum(value), point);
	if (PointerGetDatum(value) != values[0])
		pfree(value);
	gv_am_filter_row(&ix->filters, values + 1, nulls + 1, &point->filters);
	point->tid = *tid;
}

/*
 * gv_kdtree_put_point, gv_kdtree_get_point
 *		Write and read a point of a leaf.
 *
 * i: number of the point on the page, below the leaf's capacity
 */
void
gv_kdtree_put_point(const GvKdtreeIndex *ix, Page page, int i, const GvKdtreePoint *point)
{
	Assert(i >= 0 && i < ix->leaf_capacity);
	if (ix->element_size == sizeof(float))
	{
		float	   *x = (float *) gv_kdtree_leaf_elements(page);

		for (int j = 0; j < ix->dim; j++)
			x[j * ix->leaf_capacity + i] = point->x[j];
	}
	else
	{
		GvHalf	   *x = (GvHalf *) gv_kdtree_leaf_elements(page);
		GvHalf		halves[GV_KDTREE_MAX_DIM];

		gv_kernels->f32_to_f16(point->x, halves, ix->dim);	/* exact */
		for (int j = 0; j < ix->dim; j++)
			x[j * ix->leaf_capacity + i] = halves[j];
	}
	gv_kdtree_leaf_tids(ix, page)[i] = point->tid;
	for (int f = 0; f < ix->filters.n; f++)
	{
		int			width = ix->filters.column[f].width;
		uint64	   *nulls = &gv_kdtree_leaf_nulls(ix, page, f)[i / 64];
		uint64		bit = UINT64CONST(1) << (i % 64);

		*nulls = (point->filters.nulls >> f) & 1 ? *nulls | bit : *nulls & ~bit;
		gv_am_filter_put_word(gv_kdtree_leaf_words(ix, page, f) + i * width, width,
							  point->filters.word[f]);
	}
}

void
gv_kdtree_get_point(const GvKdtreeIndex *ix, Page page, int i, GvKdtreePoint *point)
{
	Assert(i >= 0 && i < ix->leaf_capacity);
	if (ix->element_size == sizeof(float))
	{
		const float *x = (const float *) gv_kdtree_leaf_elements(page);

		for (int j = 0; j < ix->dim; j++)
			point->x[j] = x[j * ix->leaf_capacity + i];
	}
	else
	{
		const GvHalf *x = (const GvHalf *) gv_kdtree_leaf_elements(page);
		GvHalf		halves[GV_KDTREE_MAX_DIM];

		for (int j = 0; j < ix->dim; j++)
			halves[j] = x[j * ix->leaf_capacity + i];
		gv_kernels->f16_to_f32(halves, point->x, ix->dim);
	}
	point->tid = gv_kdtree_leaf_tids(ix, page)[i];
	point->filters.nulls = 0;
	for (int f = 0; f < ix->filters.n; f++)
	{
		int			width = ix->filters.column[f].width;
		uint64		nulls = gv_kdtree_leaf_nulls(ix, page, f)[i / 64];

		point->filters.nulls |= ((nulls >> (i % 64)) & 1) << f;
		point->filters.word[f] =
			gv_am_filter_get_word(gv_kdtree_leaf_words(ix, page, f) + i * width, width);
	}
	gv_kdtree_set_place(ix, point);
}

/*
 * gv_kdtree_put_child
 *		Write a child of an inner page and its box.
 */
void
gv_kdtree_put_child(const GvKdtreeIndex *ix, Page page, int i, const GvKdtreeBox *box,
					BlockNumber child)
{
	float	   *low = gv_kdtree_inner_low(page);
	float	   *high = gv_kdtree_inner_high(ix, page);

	Assert(i >= 0 && i < ix->inner_capacity);
	for (int j = 0; j < ix->dim; j++)
	{
		low[j * ix->inner_capacity + i] = box->low[j];
		high[j * ix->inner_capacity + i] = box->high[j];
	}
	gv_kdtree_inner_children(ix, page)[i] = child;
}

/*
 * gv_kdtree_get_box
 *		Read the box of a child of an inner page.
 */
void
gv_kdtree_get_box(const GvKdtreeIndex *ix, Page page, int i, GvKdtreeBox *box)
{
	const float *low = gv_kdtree_inner_low(page);
	const float *high = gv_kdtree_inner_high(ix, page);

	for (int j = 0; j < ix->dim; j++)
	{
		box->low[j] = low[j * ix->inner_capacity + i];
		box->high[j] = high[j * ix->inner_capacity + i];
	}
}

/*
 * gv_kdtree_box_init
 *		Make a box empty.
 */
void
gv_kdtree_box_init(GvKdtreeBox *box, int dim)
{
	for (int j = 0; j < dim; j++)
	{
		box->low[j] = INFINITY;
		box->high[j] = -INFINITY;
	}
}

/*
 * gv_kdtree_box_add_point, gv_kdtree_box_add_box
 *		Enlarge a box to hold a point or a box.
 */
void
gv_kdtree_box_add_point(GvKdtreeBox *box, const float *place, int dim)
{
	for (int j = 0; j < dim; j++)
	{
		box->low[j] = Min(box->low[j], place[j]);
		box->high[j] = Max(box->high[j], place[j]);
	}
}

void
gv_kdtree_box_add_box(GvKdtreeBox *box, const GvKdtreeBox *other, int dim)
{
	for (int j = 0; j < dim; j++)
	{
		box->low[j] = Min(box->low[j], other->low[j]);
		box->high[j] = Max(box->high[j], other->high[j]);
	}
}

/*
 * gv_kdtree_box_has_point, gv_kdtree_box_has_box
 *		Does a box hold a point, or another box?
 */
bool
gv_kdtree_box_has_point(const GvKdtreeBox *box, const float *place, int dim)
{
	for (int j = 0; j < dim; j++)
	{
		if (!(box->low[j] <= place[j] && place[j] <= box->high[j]))
			return false;
	}
	return true;
}

bool
gv_kdtree_box_has_box(const GvKdtreeBox *box, const GvKdtreeBox *other, int dim)
{
	for (int j = 0; j < dim; j++)
	{
		if (other->low[j] <= other->high[j] &&
			!(box->low[j] <= other->low[j] && other->high[j] <= box->high[j]))
			return false;
	}
	return true;
}

/*
 * gv_kdtree_box_widest
 *		The dimension where a box is widest.
 */
int
gv_kdtree_box_widest(const GvKdtreeBox *box, int dim)
{
	int			widest = 0;
	double		most = -1;

	for (int j = 0; j < dim; j++)
	{
		double		width = (double) box->high[j] - box->low[j];

		if (width > most)
		{
			most = width;
			widest = j;
		}
	}
	return widest;
}

/*
 * gv_kdtree_page_box
 *		The least box of what is on a page; empty if nothing is.
 */
void
gv_kdtree_page_box(const GvKdtreeIndex *ix, Page page, GvKdtreeBox *box)
{
	int			n = gv_kdtree_page_head(page)->n;

	gv_kdtree_box_init(box, ix->dim);
	for (int i = 0; i < n; i++)
	{
		if (gv_kdtree_page_head(page)->level == 0)
		{
			GvKdtreePoint point;

			gv_kdtree_get_point(ix, page, i, &point);
			gv_kdtree_box_add_point(box, point.place, ix->dim);
		}
		else
		{
			GvKdtreeBox child;

			gv_kdtree_get_box(ix, page, i, &child);
			gv_kdtree_box_add_box(box, &child, ix->dim);
		}
	}
}
