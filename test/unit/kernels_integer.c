/*-------------------------------------------------------------------------
 *
 * kernels_integer.c
 *		The kernels of int8 and of bits, which are exact.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "distance/distance.h"
#include "kernels.h"
#include "unit.h"

static void
check_i8(const GvKernels *kernels, const int8_t *a, const int8_t *b, int n, bool squared)
{
	int64_t		expected = 0;
	int64_t		result;
	int			i;

	for (i = 0; i < n; i++)
		expected += squared ? (a[i] - b[i]) * (a[i] - b[i]) : a[i] * b[i];
	result = squared ? kernels->l2_squared_i8(a, b, n) : kernels->inner_product_i8(a, b, n);
	if (result != expected)
		gv_unit_fail("n = %d: %lld, not %lld", n, (long long) result, (long long) expected);
}

static void
test_i8(const GvKernels *kernels, bool squared)
{
	static const int8_t extremes[] = {-128, -127, -1, 0, 1, 126, 127};
	const char *name = squared ? "l2_squared_i8" : "inner_product_i8";
	const int	max_n = squared ? 33025 : 131071;
	int			n;
	int			i;
	int			j;
	int			k;

	gv_unit_seed(3);
	gv_unit_begin("%s %s: exact, n = 0 to 200 and more, unaligned, before a guard page",
				  kernels->name, name);
	for (n = 0; n <= 1100; n = n < 200 ? n + 1 : n + 113)
	{
		int8_t	   *a = gv_unit_at_end(0, n);
		int8_t	   *b = gv_unit_at_end(1, n);

		for (i = 0; i < n; i++)
		{
			a[i] = (int8_t) gv_unit_random();
			b[i] = (int8_t) gv_unit_random();
		}
		check_i8(kernels, a, b, n, squared);
		for (k = 0; k < 4; k++)
		{
			int8_t	   *a2 = gv_unit_at_start(2, n, k);
			int8_t	   *b2 = gv_unit_at_start(3, n, 3 - k);

			memcpy(a2, a, n);
			memcpy(b2, b, n);
			check_i8(kernels, a2, b2, n, squared);
		}
	}
	gv_unit_end();

	gv_unit_begin("%s %s: exact with extreme values, n to %d", kernels->name, name, max_n);
	for (i = 0; i < (int) sizeof(extremes); i++)
	{
		for (j = 0; j < (int) sizeof(extremes); j++)
		{
			for (n = 1; n <= max_n; n = n == max_n ? n + 1 : n * 4 > max_n ? max_n : n * 4 - 1)
			{
				int8_t	   *a = gv_unit_at_end(0, n);
				int8_t	   *b = gv_unit_at_end(1, n);

				memset(a, extremes[i], n);
				memset(b, extremes[j], n);
				check_i8(kernels, a, b, n, squared);
			}
		}
	}
	gv_unit_end();
}

/* Products of one with several, some of them the same */
static void
test_i8_many(const GvKernels *kernels)
{
	enum
	{
		MOST = 9
	};
	const int8_t *b[MOST];
	int32_t		products[MOST + 1];
	int			n;
	int			n_b;
	int			i;
	int			j;

	gv_unit_seed(5);
	gv_unit_begin("%s inner_products_i8: exact, n = 0 to 200 and more, 0 to %d at once, "
				  "before a guard page", kernels->name, MOST);
	for (n = 0; n <= 1100; n = n < 200 ? n + 1 : n + 113)
	{
		int8_t	   *a = gv_unit_at_end(0, n);
		int8_t	   *others = gv_unit_at_end(1, 4 * n);

		for (i = 0; i < n; i++)
			a[i] = (int8_t) gv_unit_random();
		for (i = 0; i < 4 * n; i++)
			others[i] = (int8_t) (n % 3 == 0 ? -128 : (int) gv_unit_random());
		for (n_b = 0; n_b <= MOST; n_b++)
		{
			for (j = 0; j < n_b; j++)
				b[j] = others + (3 - j % 4) * n;
			products[n_b] = -1;
			kernels->inner_products_i8(a, b, n_b, n, products);
			for (j = 0; j < n_b; j++)
			{
				int64_t		expected = 0;

				for (i = 0; i < n; i++)
					expected += a[i] * b[j][i];
				if (products[j] != expected)
					gv_unit_fail("n = %d, %d of %d: %d, not %lld", n, j, n_b, products[j],
								 (long long) expected);
			}
			if (products[n_b] != -1)
				gv_unit_fail("n = %d: more than %d products written", n, n_b);
		}
	}
	gv_unit_end();
}

/*
 * Keys of the points of a panel with others: small factors show the products to the
 * last bit, and bounds who is near
 */
static void
test_i8_panel(const GvKernels *kernels)
{
	enum
	{
		MOST = 19
	};
	GvPanelI8	panel;
	GvPanelOther others[MOST];
	float		keys[(MOST + 1) * GV_PANEL_ROWS];
	uint16_t	near[MOST + 1];
	int			n;
	int			n_others;
	int			i;
	int			j;
	int			r;

	gv_unit_seed(6);
	gv_unit_begin("%s panel_keys_i8: exact, n = 0 to 200 and more, 0 to %d others, "
				  "before a guard page", kernels->name, MOST);
	for (n = 0; n <= 1100; n = n < 200 ? n + 1 : n + 113)
	{
		int			size = (n + 3) / 4 * 4 * GV_PANEL_ROWS;
		int8_t	   *elements = gv_unit_at_end(1, 4 * n);

		panel.bytes = gv_unit_at_end(0, size);
		for (i = 0; i < size; i++)
			panel.bytes[i] = (uint8_t) (n % 5 == 0 ? 0 : gv_unit_random());
		for (i = 0; i < 4 * n; i++)
			elements[i] = (int8_t) (n % 3 == 0 ? -128 : (int) gv_unit_random());
		/* powers of two and whole numbers: nothing is rounded */
		for (r = 0; r < GV_PANEL_ROWS; r++)
		{
			panel.norm2[r] = (float) (r * 1000);
			panel.bias[r] = (float) (5 - r);
			panel.factor[r] = r % 2 == 0 ? 0.5f : 1.0f;
			panel.bound[r] = (float) (gv_unit_random() % 5000);
		}
		for (j = 0; j < MOST; j++)
		{
			others[j].element = elements + (3 - j % 4) * n;
			others[j].sum = 0;
			for (i = 0; i < n; i++)
				others[j].sum += others[j].element[i];
			others[j].unit = j % 3 == 0 ? 0.25f : -1.0f;
			others[j].norm2 = (float) (j * 100);
			others[j].bias = (float) (j - 3);
		}
		for (n_others = 0; n_others <= MOST; n_others++)
		{
			keys[n_others * GV_PANEL_ROWS] = -1;
			near[n_others] = 0x1234;
			kernels->panel_keys_i8(&panel, others, n_others, n, keys, near);
			for (j = 0; j < n_others; j++)
			{
				for (r = 0; r < GV_PANEL_ROWS; r++)
				{
					const GvPanelOther *other = &others[j];
					float		key = keys[j * GV_PANEL_ROWS + r];
					int			product = 0;
					double		expected;

					for (i = 0; i < n; i++)
						product += (panel.bytes[(i / 4 * GV_PANEL_ROWS + r) * 4 + i % 4] - 128) *
							other->element[i];
					expected = panel.norm2[r] + other->norm2 - panel.factor[r] * other->unit *
						(product + panel.bias[r] + other->bias);
					expected = expected > 0 ? expected : 0;
					if (key != expected)
						gv_unit_fail("n = %d, row %d, %d of %d: %g, not %g", n, r, j, n_others,
									 key, expected);
					if ((near[j] >> r & 1) != (key < panel.bound[r]))
						gv_unit_fail("n = %d, row %d, %d of %d: %g and %g, near %x", n, r, j,
									 n_others, key, panel.bound[r], near[j]);
				}
			}
			if (keys[n_others * GV_PANEL_ROWS] != -1 || near[n_others] != 0x1234)
				gv_unit_fail("n = %d: more than %d others' keys written", n, n_others);
		}
	}
	gv_unit_end();
}

static int
bit_at(const uint8_t *p, int i)
{
	return p[i / 8] >> (i % 8) & 1;
}

static void
check_bits(const GvKernels *kernels, const uint8_t *a, const uint8_t *b, int n)
{
	uint64_t	differ = 0;
	uint64_t	both = 0;
	uint64_t	in_a = 0;
	uint64_t	in_b = 0;
	uint64_t	result = kernels->hamming(a, b, n);
	uint64_t	counts[3];
	int			i;

	kernels->jaccard(a, b, n, counts);
	for (i = 0; i < 8 * n; i++)
	{
		differ += bit_at(a, i) != bit_at(b, i);
		both += bit_at(a, i) & bit_at(b, i);
		in_a += bit_at(a, i);
		in_b += bit_at(b, i);
	}
	if (result != differ)
		gv_unit_fail("n = %d: hamming gives %llu, not %llu", n,
					 (unsigned long long) result, (unsigned long long) differ);
	if (counts[0] != both || counts[1] != in_a || counts[2] != in_b)
		gv_unit_fail("n = %d: jaccard gives %llu, %llu, %llu, not %llu, %llu, %llu", n,
					 (unsigned long long) counts[0], (unsigned long long) counts[1],
					 (unsigned long long) counts[2], (unsigned long long) both,
					 (unsigned long long) in_a, (unsigned long long) in_b);
}

static void
test_bits(const GvKernels *kernels)
{
	int			n;
	int			i;
	int			k;

	gv_unit_seed(4);
	gv_unit_begin("%s hamming, jaccard: exact, n = 0 to 200 and more, unaligned, "
				  "before a guard page", kernels->name);
	for (n = 0; n <= 8000; n = n < 200 ? n + 1 : n + 975)
	{
		uint8_t    *a = gv_unit_at_end(0, n);
		uint8_t    *b = gv_unit_at_end(1, n);

		for (i = 0; i < n; i++)
		{
			a[i] = (uint8_t) (gv_unit_random() & gv_unit_random());
			b[i] = (uint8_t) (gv_unit_random() | gv_unit_random());
		}
		check_bits(kernels, a, b, n);
		for (k = 0; k < 4; k++)
		{
			uint8_t    *a2 = gv_unit_at_start(2, n, k);
			uint8_t    *b2 = gv_unit_at_start(3, n, 3 - k);

			memcpy(a2, a, n);
			memcpy(b2, b, n);
			check_bits(kernels, a2, b2, n);
		}
		memset(a, 0xff, n);
		memset(b, 0x00, n);
		check_bits(kernels, a, b, n);
		check_bits(kernels, b, a, n);
		check_bits(kernels, a, a, n);
		check_bits(kernels, b, b, n);
	}
	gv_unit_end();
}

/* Bits of some others beside a panel, and which of its numbers are below bounds */
static void
test_bit_panel(const GvKernels *kernels)
{
	enum
	{
		MOST = 9
	};
	float		counts[(MOST + 1) * GV_PANEL_ROWS];
	float		bounds[GV_PANEL_ROWS];
	uint16_t	below[MOST + 1];
	int			n;
	int			n_others;
	int			i;
	int			j;
	int			r;

	gv_unit_seed(7);
	gv_unit_begin("%s panel_hamming, panel_below_f32: exact, n = 0 to 100 and more, "
				  "0 to %d others, before a guard page", kernels->name, MOST);
	for (n = 0; n <= 9000; n = n < 100 ? n + 1 : n + 2971)
	{
		int			size = (n + 3) / 4 * 4 * GV_PANEL_ROWS;
		uint8_t    *panel = gv_unit_at_end(0, size);
		uint8_t    *bytes = gv_unit_at_end(1, 4 * n);
		const uint8_t *others[MOST];

		for (i = 0; i < size; i++)
			panel[i] = (uint8_t) (i / (4 * GV_PANEL_ROWS) * 4 + i % 4 < n ? gv_unit_random() : 0);
		for (i = 0; i < 4 * n; i++)
			bytes[i] = (uint8_t) (n % 3 == 0 ? 0xff : gv_unit_random());
		for (j = 0; j < MOST; j++)
			others[j] = bytes + (3 - j % 4) * n;
		for (r = 0; r < GV_PANEL_ROWS; r++)
			bounds[r] = r == 3 ? 0 : (float) (4 * n + r - 8);
		for (n_others = 0; n_others <= MOST; n_others++)
		{
			counts[n_others * GV_PANEL_ROWS] = -1;
			below[n_others] = 0x1234;
			kernels->panel_hamming(panel, others, n_others, n, counts);
			kernels->panel_below_f32(counts, bounds, n_others, below);
			for (j = 0; j < n_others; j++)
			{
				for (r = 0; r < GV_PANEL_ROWS; r++)
				{
					float		count = counts[j * GV_PANEL_ROWS + r];
					int			expected = 0;

					for (i = 0; i < n; i++)
						expected += __builtin_popcount(panel[(i / 4 * GV_PANEL_ROWS + r) * 4 +
															 i % 4] ^ others[j][i]);
					if (count != (float) expected)
						gv_unit_fail("n = %d, row %d, %d of %d: %g, not %d", n, r, j, n_others,
									 count, expected);
					if ((below[j] >> r & 1) != (count < bounds[r]))
						gv_unit_fail("n = %d, row %d, %d of %d: %g and %g, below %x", n, r, j,
									 n_others, count, bounds[r], below[j]);
				}
			}
			if (counts[n_others * GV_PANEL_ROWS] != -1 || below[n_others] != 0x1234)
				gv_unit_fail("n = %d: more than %d others' counts written", n, n_others);
		}
	}
	gv_unit_end();
}

/* Weighted sums of rows, to the last bit as one by one */
static void
test_panel_sums(const GvKernels *kernels)
{
	int			n;
	int			i;
	int			r;

	gv_unit_seed(8);
	gv_unit_begin("%s panel_sums_f32: to the last bit, n = 0 to 70, before a guard page",
				  kernels->name);
	for (n = 0; n <= 70; n++)
	{
		float	   *values = gv_unit_at_end(0, sizeof(float) * GV_PANEL_ROWS * n);
		float	   *weights = gv_unit_at_end(1, sizeof(float) * n);
		const float *rows[70];
		double		sums[GV_PANEL_ROWS];
		double		expected[GV_PANEL_ROWS];

		for (i = 0; i < GV_PANEL_ROWS * n; i++)
			values[i] = (float) (gv_unit_normal() * (n % 7 == 0 ? 1e38 : 1));
		for (i = 0; i < n; i++)
		{
			weights[i] = (float) (gv_unit_normal() * (n % 7 == 0 ? 1e38 : 1));
			rows[i] = values + (size_t) (n - 1 - i) * GV_PANEL_ROWS;
		}
		for (r = 0; r < GV_PANEL_ROWS; r++)
			sums[r] = expected[r] = r - 5.5;
		for (i = 0; i < n; i++)
		{
			for (r = 0; r < GV_PANEL_ROWS; r++)
				expected[r] += (double) rows[i][r] * (double) weights[i];
		}
		kernels->panel_sums_f32(rows, weights, n, sums);
		for (r = 0; r < GV_PANEL_ROWS; r++)
		{
			if (sums[r] != expected[r])
				gv_unit_fail("n = %d, row %d: %.17g, not %.17g", n, r, sums[r], expected[r]);
		}
	}
	gv_unit_end();
}

/*
 * gv_unit_test_integer
 *		The kernels of int8 and of bits.
 */
void
gv_unit_test_integer(const GvKernels *kernels)
{
	test_i8(kernels, false);
	test_i8(kernels, true);
	test_i8_many(kernels);
	test_i8_panel(kernels);
	test_bits(kernels);
	test_bit_panel(kernels);
	test_panel_sums(kernels);
}
