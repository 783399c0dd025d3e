/*-------------------------------------------------------------------------
 *
 * kernels_int12.c
 *		The kernel of 12-bit integers against sums in long double.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "distance/distance.h"
#include "kernels.h"
#include "unit.h"

#define MAX_N 16000

/* Kinds of data */
typedef enum Data
{
	NORMAL,						/* values of the whole range, a near scale * b */
	EXTREME,					/* least and largest values, and where nibbles carry */
	CONSTANT,					/* all rounding errors have one sign */
	FIRST_8,					/* all but the first few vanish in their rounding */
	FIRST_16,
	FIRST_32,
	N_DATA
} Data;

static const char *const data_names[N_DATA] = {
	"normal", "extreme", "constant", "first 8 large", "first 16 large", "first 32 large"
};

/*
 * Write values of -2048 to 2047 as the kernel takes them, by division rather
 * than by shifts.
 *
 * unused: the nibbles that belong to no element, 0..15
 */
static void
pack(const int *values, uint8_t *b, int n, int unused)
{
	int			i;

	memset(b + n, 17 * unused, GV_INT12_BYTES(n) - n);
	for (i = 0; i < n; i++)
	{
		uint8_t    *byte = b + n + i / 32 * 16 + i % 16;
		int			low = (values[i] + 2048) % 16;
		int			high = (values[i] - low) / 16;

		b[i] = (uint8_t) (high < 0 ? high + 256 : high);
		if (i % 32 < 16)
			*byte = (uint8_t) (*byte / 16 * 16 + low);
		else
			*byte = (uint8_t) (*byte % 16 + 16 * low);
	}
}

static void
fill(Data data, float *a, int *values, float scale, int n)
{
	static const int extremes[] = {-2048, -2047, -17, -16, -15, -1, 0, 1, 15, 16, 17, 2046, 2047};
	const int	n_extremes = (int) (sizeof(extremes) / sizeof(extremes[0]));
	int			i;

	for (i = 0; i < n; i++)
	{
		switch (data)
		{
			case NORMAL:
				values[i] = (int) (gv_unit_random() % 4096) - 2048;
				a[i] = (float) (scale * (values[i] + 300 * gv_unit_normal()));
				break;
			case EXTREME:
				values[i] = extremes[gv_unit_random() % n_extremes];
				a[i] = (float) (20 * gv_unit_normal());
				break;
			case CONSTANT:
				values[i] = 3;
				a[i] = 0.7f;
				break;
			default:
				/* terms just below half a unit of the first ones' last place */
				values[i] = 0;
				a[i] = i < 8 << (data - FIRST_8) ? 1.0f : 0x1p-12f * 0.99f;
				break;
		}
	}
}

/*
 * The result in long double, and in *bound how far a kernel may be off.
 */
static long double
compute_reference(const float *a, const int *values, float scale, int n, long double *bound)
{
	long double sum = 0;
	long double terms = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		long double product = (long double) scale * values[i];
		long double d = a[i] - product;
		long double t = fabsl((long double) a[i]) + fabsl(product);

		sum += d * d;
		terms += t * t;
	}
	*bound = 1e-6L * (1 + n / 1000.0L) * terms + n * 0x1p-149L;
	return sum;
}

/*
 * Both planes widened: each element is a product of float32, bit for bit.
 */
static void
check_widening(const GvKernels *kernels, const uint8_t *b, const int *values, float scale, int n)
{
	float	   *out = gv_unit_at_end(2, n * sizeof(float));
	const int8_t *high = (const int8_t *) b;
	int			i;

	kernels->i12_to_f32(high, b + n, scale, out, n);
	for (i = 0; i < n; i++)
	{
		float		expected = scale * (float) values[i];

		if (memcmp(&expected, &out[i], sizeof(float)) != 0)
			gv_unit_fail("n = %d: element %d widened to %.9g, not %.9g", n, i, out[i], expected);
	}

	/* any bytes will do as the low ones */
	kernels->i16_to_f32(high, b, scale, out, n);
	for (i = 0; i < n; i++)
	{
		float		expected = scale * (float) (256 * high[i] + b[i]);

		if (memcmp(&expected, &out[i], sizeof(float)) != 0)
			gv_unit_fail("n = %d: bytes %d, %d widened to %.9g, not %.9g", n, high[i], b[i],
						 out[i], expected);
	}
}

/*
 * One length, every kind of data, before a guard page and after one.
 */
static void
check_length(const GvKernels *kernels, int n)
{
	static int	values[MAX_N];
	const GvKernels *scalar = gv_distance_kernels(GV_SIMD_SCALAR);
	const float scale = 0.01f;
	size_t		size_a = n * sizeof(float);
	size_t		size_b = GV_INT12_BYTES(n);
	int			data;
	int			offset;

	for (data = 0; data < N_DATA; data++)
	{
		float	   *a = gv_unit_at_end(0, size_a);
		uint8_t    *b = gv_unit_at_end(1, size_b);
		uint8_t    *filled = gv_unit_at_end(4, size_b);
		long double bound;
		long double expected;
		float		result;

		fill((Data) data, a, values, scale, n);
		pack(values, b, n, 0);
		expected = compute_reference(a, values, scale, n, &bound);
		result = kernels->l2_squared_f32_i12(a, b, scale, n);
		if (!(fabsl(result - expected) <= bound))
			gv_unit_fail("n = %d, %s: %.9g, not %.9Lg (error %.3Lg, bound %.3Lg)", n,
						 data_names[data], result, expected, fabsl(result - expected), bound);
		if (!(fabsl(result - scalar->l2_squared_f32_i12(a, b, scale, n)) <= 2 * bound))
			gv_unit_fail("n = %d, %s: %.9g, not as the scalar level", n,
						 data_names[data], result);

		pack(values, filled, n, 15);
		if (kernels->l2_squared_f32_i12(a, filled, scale, n) != result)
			gv_unit_fail("n = %d, %s: nibbles of no element count", n, data_names[data]);
		check_widening(kernels, b, values, scale, n);
		check_widening(kernels, filled, values, scale, n);

		for (offset = 0; offset < 4; offset++)
		{
			float	   *a2 = gv_unit_at_start(2, size_a, offset * sizeof(float));
			uint8_t    *b2 = gv_unit_at_start(3, size_b, 5 * offset + 1);

			memcpy(a2, a, size_a);
			memcpy(b2, b, size_b);
			if (kernels->l2_squared_f32_i12(a2, b2, scale, n) != result)
				gv_unit_fail("n = %d, %s: another result at another place", n,
							 data_names[data]);
		}
	}
}

/*
 * All 4096 values, at each of the 32 places of a block, where no sum rounds.
 */
static void
check_values(const GvKernels *kernels)
{
	static int	values[4096];
	float	   *a = gv_unit_at_end(0, sizeof(float) * 4096);
	uint8_t    *b = gv_unit_at_end(1, GV_INT12_BYTES(4096));
	int			shift;
	int			i;

	for (shift = 0; shift < 32; shift++)
	{
		double		expected = 0;
		float		result;

		for (i = 0; i < 4096; i++)
		{
			int			d = (int) (gv_unit_random() % 7) - 3;

			values[i] = (i + shift) % 4096 - 2048;
			a[i] = (float) (values[i] + d);
			expected += d * d;
		}
		pack(values, b, 4096, 0);
		result = kernels->l2_squared_f32_i12(a, b, 1.0f, 4096);
		if (result != expected)
			gv_unit_fail("shift %d: %.9g, not %.9g", shift, result, expected);
		check_widening(kernels, b, values, 0.3f, 4096);
	}
}

static void
check_special_value(const GvKernels *kernels, float value)
{
	static const float scales[] = {1.0f, -0.25f, 0.0f};
	static int	values[112];
	int			n;
	int			at;
	int			s;

	for (n = 16; n <= 112; n += 16)
	{
		float	   *a = gv_unit_at_end(0, n * sizeof(float));
		uint8_t    *b = gv_unit_at_end(1, GV_INT12_BYTES(n));

		fill(EXTREME, a, values, 1.0f, n);
		pack(values, b, n, 0);
		for (at = 0; at < n; at++)
		{
			float		saved = a[at];

			a[at] = value;
			for (s = 0; s < 3; s++)
			{
				float		result = kernels->l2_squared_f32_i12(a, b, scales[s], n);

				if (isnan(value) ? !isnan(result) : result != INFINITY)
					gv_unit_fail("n = %d, %g at %d: %g", n, value, at, result);
			}
			a[at] = saved;
		}
	}
}

/*
 * gv_unit_test_int12
 *		Within the bound; exact where nothing rounds; NaN, infinity, overflow.
 */
void
gv_unit_test_int12(const GvKernels *kernels)
{
	static const int long_lengths[] = {256, 512, 528, 768, 784, 1024, 1536, 4096, 8208, MAX_N};
	static int	values[208];
	int			n;
	int			i;

	gv_unit_seed(8);
	gv_unit_begin("%s l2_squared_f32_i12: within the bound, n = 0 to 208, unaligned, "
				  "before a guard page", kernels->name);
	for (n = 0; n <= 208; n += 16)
		check_length(kernels, n);
	gv_unit_end();

	gv_unit_begin("%s l2_squared_f32_i12: within the bound, n = 256 to %d", kernels->name, MAX_N);
	for (i = 0; i < (int) (sizeof(long_lengths) / sizeof(long_lengths[0])); i++)
		check_length(kernels, long_lengths[i]);
	gv_unit_end();

	gv_unit_begin("%s l2_squared_f32_i12: every value at every place", kernels->name);
	check_values(kernels);
	gv_unit_end();

	gv_unit_begin("%s l2_squared_f32_i12: NaN, infinity, overflow", kernels->name);
	check_special_value(kernels, NAN);
	check_special_value(kernels, -NAN);
	check_special_value(kernels, INFINITY);
	check_special_value(kernels, -INFINITY);
	check_special_value(kernels, 3e38f);
	gv_unit_end();

	gv_unit_begin("%s l2_squared_f32_i12: zero and equal vectors", kernels->name);
	for (n = 16; n <= 208; n += 16)
	{
		float	   *a = gv_unit_at_end(0, n * sizeof(float));
		uint8_t    *b = gv_unit_at_end(1, GV_INT12_BYTES(n));

		fill(EXTREME, a, values, 1.0f, n);
		pack(values, b, n, 9);
		for (i = 0; i < n; i++)
			a[i] = 0.125f * (float) values[i];
		if (kernels->l2_squared_f32_i12(a, b, 0.125f, n) != 0.0f)
			gv_unit_fail("n = %d: equal vectors are apart", n);
		memset(a, 0, n * sizeof(float));
		if (kernels->l2_squared_f32_i12(a, b, 0.0f, n) != 0.0f)
			gv_unit_fail("n = %d: zero vectors are apart", n);
	}
	gv_unit_end();
}
