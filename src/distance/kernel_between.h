/*-------------------------------------------------------------------------
 *
 * kernel_between.h
 *		Template of the kernels that choose among numbers.
 *
 * The numbers are not negative, so they order as their bits do, as integers
 * with a sign; and what is negative or NaN is below or above all of them.
 * Included after kernel_dense.h.  A kernel file provides:
 *
 *	vec_set_bits(x)			all lanes the bits x
 *	vec_above(x, y)			a bit for each lane where x > y, by their bits
 *	vec_least_above(x, y, z) lane by lane the lesser of x and z where x > y, else z
 *
 * No include guard: a kernel file includes it once.
 *
 *-------------------------------------------------------------------------
 */

static void
store_bits(int32_t *p, Vec x)
{
	memcpy(p, &x, sizeof(x));
}

static void
leasts_f32(const float *x, int n, int32_t after, int32_t *leasts)
{
	Vec			least[16 / VEC_LANES];
	Vec			bound = vec_set_bits(after);

	for (int v = 0; v < 16 / VEC_LANES; v++)
		least[v] = vec_set_bits(INT32_MAX);
	for (int i = 0; i < n; i += 16)
	{
		for (int v = 0; v < 16 / VEC_LANES; v++)
			least[v] = vec_least_above(load_f32(x + i + v * VEC_LANES), bound, least[v]);
	}
	for (int v = 0; v < 16 / VEC_LANES; v++)
		store_bits(leasts + v * VEC_LANES, least[v]);
}

static int
between_f32(const float *x, int n, int32_t after, int32_t limit, uint16_t *places, int32_t *rest)
{
	Vec			low = vec_set_bits(after);
	Vec			high = vec_set_bits(limit);
	Vec			least = vec_set_bits(INT32_MAX);
	int32_t		leasts[VEC_LANES];
	int			n_found = 0;

	for (int i = 0; i < n; i += VEC_LANES)
	{
		Vec			v = load_f32(x + i);
		uint32_t	found = vec_above(v, low) & ~vec_above(v, high);

		least = vec_least_above(v, high, least);
		while (found != 0)
		{
			places[n_found++] = (uint16_t) (i + __builtin_ctz(found));
			found &= found - 1;
		}
	}
	store_bits(leasts, least);
	*rest = leasts[0];
	for (int j = 1; j < VEC_LANES; j++)
		*rest = leasts[j] < *rest ? leasts[j] : *rest;
	return n_found;
}
