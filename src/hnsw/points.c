/*-------------------------------------------------------------------------
 *
 * points.c
 *		Points in memory while an index is built: fixed-point numbers in two
 *		planes.
 *
 * With h the high bytes of a point, m the mean of the rest as a part of a high
 * byte's unit u, and n dimensions, a point is near u (h + m).  Hence
 *
 *		<a, b> ~ ua ub (<ha, hb> + bias_a + bias_b)
 *		bias = m sum(h) + m^2 n / 2
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "hnsw/points.h"

/* Points smaller than this are taken for zero; their error says so */
#define SMALLEST_ELEMENT 1e-30f

/* Keys of a point that are computed together */
#define KEYS_AT_ONCE 32

/* Elements of a point that are rounded together, a multiple of 32 */
#define ELEMENTS_AT_ONCE 64

/* Sums and the like have so many lanes, which compilers turn into vectors */
#define LANES 8

/*
 * 1.5 * 2^23: added to a number below 2^22 it leaves the nearest integer, which
 * compilers turn into vectors, unlike lrintf
 */
#define TO_INTEGER 12582912.0f

/*
 * gv_hnsw_points_init
 *		Choose planes that lose nothing of what nodes of a layout keep.
 *
 * The arrays are the caller's to place.
 */
void
gv_hnsw_points_init(GvHnswPoints *points, const GvHnswLayout *layout)
{
	memset(points, 0, sizeof(*points));
	points->dims = layout->padded_dim;
	switch (layout->own_kind)
	{
		case GV_HNSW_OWN_HALF:
			points->rest_bits = 8;
			points->rest_bytes = points->dims;
			break;
		case GV_HNSW_OWN_INT12:
			points->rest_bits = 4;
			points->rest_bytes = (points->dims + 31) / 32 * 16;
			break;
		case GV_HNSW_OWN_INT8:
		case GV_HNSW_OWN_EXACT:
			break;
	}
}

/*
 * gv_hnsw_points_place
 *		Lay out heads and high planes of n points in an area of
 *		GV_HNSW_POINTS_SIZE(n, dims) bytes.
 */
void
gv_hnsw_points_place(GvHnswPoints *points, char *area, Size n)
{
	points->head = (GvHnswPointHead *) area;
	points->high = (int8 *) TYPEALIGN(GV_HNSW_POINT_ALIGN, points->head + n);
}

/*
 * gv_hnsw_points_keys
 *		The squared distances of a point and n others, by their high planes.
 *
 * keys: float[n], written
 */
void
gv_hnsw_points_keys(const GvHnswPoints *points, uint32 a, const uint32 *b, int n, float *keys)
{
	const int8 *high[KEYS_AT_ONCE];
	int32		products[KEYS_AT_ONCE];
	float		unit[KEYS_AT_ONCE];
	float		norm2[KEYS_AT_ONCE];
	float		bias[KEYS_AT_ONCE];
	const GvHnswPointHead *head = gv_hnsw_point_head(points, a);
	float		factor = gv_hnsw_point_unit(points, a) * (float) (1 << points->rest_bits) * 2;

	for (int done = 0; done < n; done += KEYS_AT_ONCE)
	{
		int			now = Min(n - done, KEYS_AT_ONCE);

		for (int i = 0; i < now; i++)
			high[i] = gv_hnsw_point_high(points, b[done + i]);
		gv_kernels->inner_products_i8(gv_hnsw_point_high(points, a), high, now, points->dims,
									  products);
		for (int i = 0; i < now; i++)
		{
			const GvHnswPointHead *other = gv_hnsw_point_head(points, b[done + i]);

			unit[i] = other->scale;
			norm2[i] = other->norm2;
			bias[i] = other->bias;
		}
		/* in float: what rounding takes is far less than what the rest would add */
		for (int i = 0; i < now; i++)
		{
			float		key = (head->norm2 + norm2[i]) -
				factor * unit[i] * ((float) products[i] + (head->bias + bias[i]));

			keys[done + i] = key > 0 ? key : 0;
		}
	}
}

/*
 * gv_hnsw_points_fill_panel
 *		Lay points side by side, so that their keys with others are computed at once.
 *
 * n: GV_PANEL_ROWS at most; of fewer the last is there again
 * panel: bytes has room; bounds are the caller's
 */
void
gv_hnsw_points_fill_panel(const GvHnswPoints *points, const uint32 *rows, int n,
						  GvPanelI8 *panel)
{
	int			dims = points->dims;

	for (int r = 0; r < GV_PANEL_ROWS; r++)
	{
		uint32		row = rows[Min(r, n - 1)];
		const GvHnswPointHead *head = gv_hnsw_point_head(points, row);
		const int8 *high = gv_hnsw_point_high(points, row);

		for (int d = 0; d < dims; d += 4)
		{
			uint8	   *four = panel->bytes + (Size) d * GV_PANEL_ROWS + 4 * r;

			for (int i = 0; i < 4; i++)
				four[i] = d + i < dims ? (uint8) (high[d + i] + 128) : 0;
		}
		panel->norm2[r] = head->norm2;
		panel->bias[r] = head->bias;
		panel->factor[r] = gv_hnsw_point_unit(points, row) * (float) (1 << points->rest_bits) * 2;
	}
}

/* The mean of the rest, as a part of a high byte's unit */
static inline double
mean_rest(const GvHnswPoints *points)
{
	int			mask = (1 << points->rest_bits) - 1;

	return 0.5 * mask / (mask + 1);
}

static int32
add_up(const int8 *high, int dims)
{
	int32		sum = 0;

	for (int d = 0; d < dims; d++)
		sum += high[d];
	return sum;
}

/* The sum of a point's high bytes: its bias tells, which is rounded by far less than one of them */
static inline int32
find_sum(const GvHnswPoints *points, uint32 i)
{
	double		mean = mean_rest(points);
	double		least = mean * mean * points->dims / 2;
	int32		sum;

	if (points->rest_bits == 0)
		return add_up(gv_hnsw_point_high(points, i), points->dims);
	sum = (int32) lrint((gv_hnsw_point_head(points, i)->bias - least) / mean);
	Assert(sum == add_up(gv_hnsw_point_high(points, i), points->dims));
	return sum;
}

/*
 * gv_hnsw_points_panel_keys
 *		The same keys of each point of a panel and n others; see panel_keys_i8.
 *
 * n: GV_HNSW_PANEL_OTHERS at most
 */
void
gv_hnsw_points_panel_keys(const GvHnswPoints *points, const GvPanelI8 *panel,
						  const uint32 *others, int n, float *keys, uint16 *near)
{
	GvPanelOther other[GV_HNSW_PANEL_OTHERS];

	for (int i = 0; i < n; i++)
	{
		const GvHnswPointHead *head = gv_hnsw_point_head(points, others[i]);

		other[i].element = gv_hnsw_point_high(points, others[i]);
		other[i].sum = find_sum(points, others[i]);
		other[i].unit = head->scale;
		other[i].norm2 = head->norm2;
		other[i].bias = head->bias;
	}
	gv_kernels->panel_keys_i8(panel, other, n, points->dims, keys, near);
}

/*
 * gv_hnsw_point_largest
 *		The size of the largest element.
 */
float
gv_hnsw_point_largest(const float *z, int dims)
{
	float		lanes[LANES] = {0};
	float		largest = 0;
	int			d = 0;

	for (; d + LANES <= dims; d += LANES)
	{
		for (int lane = 0; lane < LANES; lane++)
		{
			float		size = fabsf(z[d + lane]);

			lanes[lane] = lanes[lane] < size ? size : lanes[lane];
		}
	}
	for (; d < dims; d++)
		largest = Max(largest, fabsf(z[d]));
	for (int lane = 0; lane < LANES; lane++)
		largest = Max(largest, lanes[lane]);
	return largest;
}

/*
 * gv_hnsw_point_encode
 *		Write a point.
 *
 * z: float[dims]
 *
 * head.error becomes the norm of what rounding took from z.
 */
void
gv_hnsw_point_encode(const GvHnswPoints *points, uint32 i, const float *z)
{
	GvHnswPointHead *head = gv_hnsw_point_head(points, i);
	int8	   *high = gv_hnsw_point_high(points, i);
	uint8	   *rest = gv_hnsw_point_rest(points, i);
	int			dims = points->dims;
	int			max = (1 << (points->rest_bits + 7)) - 1;
	int			mask = (1 << points->rest_bits) - 1;
	double		mean = mean_rest(points);
	float		largest = gv_hnsw_point_largest(z, dims);
	float		inverse;
	double		errors[LANES] = {0};
	int32		sums[LANES] = {0};
	double		error = 0;
	double		unit;
	int64		sum = 0;
	double		sum2;

	head->scale = largest > SMALLEST_ELEMENT ? largest / max : 1.0f;
	inverse = 1.0f / head->scale;
	if (points->rest_bits == 4)
		memset(rest, 0, points->rest_bytes);
	for (int first = 0; first < dims; first += ELEMENTS_AT_ONCE)
	{
		int			n = Min(dims - first, ELEMENTS_AT_ONCE);
		int			value[ELEMENTS_AT_ONCE];
		double		lacks[ELEMENTS_AT_ONCE];

		/* the last lanes may have less */
		for (int d = n; d % LANES != 0; d++)
		{
			value[d] = 0;
			lacks[d] = 0;
		}

		for (int d = 0; d < n; d++)
		{
			float		scaled = Max(Min(z[first + d] * inverse, (float) max), (float) -max);

			value[d] = (int) ((scaled + TO_INTEGER) - TO_INTEGER);
			lacks[d] = (double) z[first + d] - (double) value[d] * head->scale;
			high[first + d] = (int8) (value[d] >> points->rest_bits);
		}
		for (int d = 0; d < n; d += LANES)
		{
			for (int lane = 0; lane < LANES; lane++)
			{
				errors[lane] += lacks[d + lane] * lacks[d + lane];
				sums[lane] += value[d + lane] >> points->rest_bits;
			}
		}
		if (points->rest_bits == 8)
		{
			for (int d = 0; d < n; d++)
				rest[first + d] = (uint8) (value[d] & mask);
		}
		else if (points->rest_bits == 4)
		{
			for (int d = 0; d < n; d++)
				rest[first / 2 + d / 32 * 16 + d % 16] |=
					(uint8) ((value[d] & mask) << ((d & 16) ? 4 : 0));
		}
	}
	for (int lane = 0; lane < LANES; lane++)
	{
		error += errors[lane];
		sum += sums[lane];
	}
	head->error = (float) sqrt(error);
	unit = (double) head->scale * (mask + 1);
	head->bias = (float) (mean * sum + mean * mean * dims / 2);
	sum2 = gv_kernels->inner_product_i8(high, high, dims) + 2 * mean * sum + mean * mean * dims;
	head->norm2 = (float) (unit * unit * sum2);
}

/*
 * gv_hnsw_point_decode
 *		Widen a point.
 *
 * z: float[dims], written
 */
void
gv_hnsw_point_decode(const GvHnswPoints *points, uint32 i, float *z)
{
	float		scale = gv_hnsw_point_head(points, i)->scale;
	const int8 *high = gv_hnsw_point_high(points, i);
	const uint8 *rest = gv_hnsw_point_rest(points, i);
	int			dims = points->dims;

	if (points->rest_bits == 8)
		gv_kernels->i16_to_f32(high, rest, scale, z, dims);
	else if (points->rest_bits == 4)
		gv_kernels->i12_to_f32(high, rest, scale, z, dims);
	else
	{
		for (int d = 0; d < dims; d++)
			z[d] = scale * (float) high[d];
	}
}

/*
 * gv_hnsw_points_equal
 *		Are two points the same?
 */
bool
gv_hnsw_points_equal(const GvHnswPoints *points, uint32 a, uint32 b)
{
	return gv_hnsw_point_head(points, a)->scale == gv_hnsw_point_head(points, b)->scale &&
		memcmp(gv_hnsw_point_high(points, a), gv_hnsw_point_high(points, b),
			   points->dims) == 0 &&
		memcmp(gv_hnsw_point_rest(points, a), gv_hnsw_point_rest(points, b),
			   points->rest_bytes) == 0;
}
