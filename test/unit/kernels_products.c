/*-------------------------------------------------------------------------
 *
 * kernels_products.c
 *		Products of many vectors with panels of many others; the lowest of many
 *		differences.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "distance/distance.h"
#include "kernels.h"
#include "unit.h"

#define MAX_ROWS 40

/* Rows and panels, each against a page that cannot be touched */
typedef struct Products
{
	int			n_a;
	int			n_panels;
	int			n;
	const float *a[MAX_ROWS];
	float	   *b;
	float	   *out;
} Products;

static size_t
count_out(const Products *products)
{
	return (size_t) products->n_a * products->n_panels * GV_PRODUCTS_PANEL;
}

static void
make_products(Products *products, int n_a, int n_panels, int n, double spread)
{
	size_t		n_b = (size_t) n_panels * n * GV_PRODUCTS_PANEL;
	float	   *rows = gv_unit_at_end(0, (size_t) n_a * n * sizeof(float));

	products->n_a = n_a;
	products->n_panels = n_panels;
	products->n = n;
	for (size_t i = 0; i < (size_t) n_a * n; i++)
		rows[i] = (float) (gv_unit_normal() * exp2(spread * gv_unit_normal()));
	for (int r = 0; r < n_a; r++)
		products->a[r] = rows + (size_t) (n_a - 1 - r) * n;
	products->b = gv_unit_at_end(1, n_b * sizeof(float));
	for (size_t i = 0; i < n_b; i++)
		products->b[i] = (float) (gv_unit_normal() * exp2(spread * gv_unit_normal()));
	products->out = gv_unit_at_end(2, count_out(products) * sizeof(float));
	memset(products->out, 0xee, count_out(products) * sizeof(float));
}

static void
check_products(const GvKernels *kernels, Products *products)
{
	int			n = products->n;
	int			width = products->n_panels * GV_PRODUCTS_PANEL;

	kernels->products_f32(products->a, products->n_a, products->b, products->n_panels, n,
						  products->out);
	for (int r = 0; r < products->n_a; r++)
	{
		for (int v = 0; v < width; v++)
		{
			const float *b = products->b + v % GV_PRODUCTS_PANEL +
				(size_t) (v / GV_PRODUCTS_PANEL) * n * GV_PRODUCTS_PANEL;
			long double sum = 0;
			long double terms = 0;
			float		found = products->out[(size_t) r * width + v];

			for (int i = 0; i < n; i++)
			{
				long double term = (long double) products->a[r][i] *
					b[(size_t) i * GV_PRODUCTS_PANEL];

				sum += term;
				terms += fabsl(term);
			}
			if (!(fabsl(found - sum) <= 1e-6L * (4 + n / 1000.0L) * terms))
				gv_unit_fail("%d rows, %d panels, n = %d: product %d, %d is %.9g, not %.9Lg",
							 products->n_a, products->n_panels, n, r, v, found, sum);
		}
	}
}

/* The same products one by one, and by another level that fuses */
static void
check_bits(const GvKernels *kernels, const Products *products)
{
	int			width = products->n_panels * GV_PRODUCTS_PANEL;
	float	   *again = gv_unit_at_end(3, count_out(products) * sizeof(float));

	for (int r = 0; r < products->n_a; r++)
	{
		for (int p = 0; p < products->n_panels; p++)
			kernels->products_f32(products->a + r, 1,
								  products->b + (size_t) p * products->n * GV_PRODUCTS_PANEL, 1,
								  products->n, again + r * width + p * GV_PRODUCTS_PANEL);
	}
	if (memcmp(again, products->out, count_out(products) * sizeof(float)) != 0)
		gv_unit_fail("%d rows, %d panels, n = %d: other bits one by one", products->n_a,
					 products->n_panels, products->n);
	for (int level = GV_SIMD_AVX2; level <= GV_SIMD_NEON; level++)
	{
		const GvKernels *other = gv_distance_kernels((GvSimdLevel) level);

		if (other == NULL || kernels->level == GV_SIMD_SCALAR)
			continue;
		other->products_f32(products->a, products->n_a, products->b, products->n_panels,
							products->n, again);
		if (memcmp(again, products->out, count_out(products) * sizeof(float)) != 0)
			gv_unit_fail("%d rows, %d panels, n = %d: other bits than %s", products->n_a,
						 products->n_panels, products->n, other->name);
	}
}

/* The lowest of differences against a loop, with what is passed over */
static void
check_lowest(const GvKernels *kernels, int n, int kind)
{
	float	   *a = gv_unit_at_end(0, n * sizeof(float));
	float	   *b = gv_unit_at_end(1, n * sizeof(float));
	float		expected = FLT_MAX;
	float		found;
	int			place = 0;
	int			got;

	for (int i = 0; i < n; i++)
	{
		/* few different values make equal differences */
		a[i] = (float) (gv_unit_random() % (kind == 0 ? 1000000 : 8));
		b[i] = (float) (gv_unit_random() % 8);
		if (kind == 2 && gv_unit_random() % 3 == 0)
			a[i] = i % 2 ? NAN : INFINITY;
		if (kind == 3)
			a[i] = i % 2 ? NAN : INFINITY;
		if (kind == 4)
			a[i] = -FLT_MAX;
	}
	for (int i = n - 1; i >= 0; i--)
	{
		if (a[i] - b[i] <= expected)
		{
			expected = a[i] - b[i];
			place = i;
		}
	}
	got = kernels->lowest_difference_f32(a, b, n, &found);
	if (got != place || found != expected)
		gv_unit_fail("n = %d, kind %d: %g at %d, not %g at %d", n, kind, found, got, expected,
					 place);
}

/*
 * gv_unit_test_products
 *		Within the bound, the same bits for any number of rows, panels and levels.
 */
void
gv_unit_test_products(const GvKernels *kernels)
{
	static const int dims[] = {1, 2, 3, 16, 63, 64, 65, 100, 128, 129, 200, 768};
	Products	products;

	gv_unit_seed(8);
	gv_unit_begin("%s products_f32: 0 to %d rows, 1 to 7 panels", kernels->name, MAX_ROWS);
	for (int n_a = 0; n_a <= MAX_ROWS; n_a++)
	{
		make_products(&products, n_a, 1 + n_a % 7, 1 + (int) (gv_unit_random() % 150), 0);
		check_products(kernels, &products);
		check_bits(kernels, &products);
	}
	gv_unit_end();

	gv_unit_begin("%s products_f32: n = 0 to 16000", kernels->name);
	for (int d = 0; d < (int) (sizeof(dims) / sizeof(dims[0])); d++)
	{
		make_products(&products, 11, 5, dims[d], 4);
		check_products(kernels, &products);
		check_bits(kernels, &products);
	}
	make_products(&products, 3, 2, 0, 0);
	check_products(kernels, &products);
	make_products(&products, 9, 3, 16000, 0);
	check_products(kernels, &products);
	check_bits(kernels, &products);
	gv_unit_end();

	gv_unit_begin("%s lowest_difference_f32: as a loop, n = 16 to 1024", kernels->name);
	for (int n = 16; n <= 1024; n += 16)
	{
		for (int i = 0; i < 20; i++)
			check_lowest(kernels, n, i % 5);
	}
	gv_unit_end();

	gv_unit_begin("%s products_f32: NaN and infinity stay in their product", kernels->name);
	make_products(&products, 10, 2, 70, 0);
	products.b[(size_t) 70 * GV_PRODUCTS_PANEL + 3] = NAN;
	products.b[5] = INFINITY;
	kernels->products_f32(products.a, 10, products.b, 2, 70, products.out);
	for (int i = 0; i < 10 * 2 * GV_PRODUCTS_PANEL; i++)
	{
		int			v = i % (2 * GV_PRODUCTS_PANEL);

		if (v == GV_PRODUCTS_PANEL + 3 ? !isnan(products.out[i]) :
			(v == 5 ? !isinf(products.out[i]) : !isfinite(products.out[i])))
			gv_unit_fail("product %d is %g", i, products.out[i]);
	}
	gv_unit_end();
}
