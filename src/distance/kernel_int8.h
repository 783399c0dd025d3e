/*-------------------------------------------------------------------------
 *
 * kernel_int8.h
 *		Template of the kernels for many products of int8, for kernel files
 *		without forms of their own.
 *
 * No include guard: a kernel file includes it once.
 *
 *-------------------------------------------------------------------------
 */

static void
inner_products_i8(const int8_t *a, const int8_t *const *b, int n_b, int n, int32_t *products)
{
	for (int j = 0; j < n_b; j++)
		products[j] = inner_product_i8(a, b[j], n);
}

static void
cross_products_i8(const int8_t *const *a, int n_a, const int8_t *const *b, int n_b, int n,
				  int32_t *products)
{
	for (int i = 0; i < n_a; i++)
		inner_products_i8(a[i], b, n_b, n, products + i * n_b);
}
