/*-------------------------------------------------------------------------
 *
 * kernel_lowest.h
 *		Template of the kernel for the lowest of many differences.
 *
 * Included after kernel_dense.h.  A kernel file provides:
 *
 *	vec_lower(x, y)		lane by lane the lower; y if x is NaN
 *	vec_lowest(x)		the lowest lane, without NaN
 *	vec_find(x, y)		number of the first lane with x = y; -1 if none
 *
 * First the lowest, then where it is: that is quicker than to carry the place
 * along.
 *
 * No include guard: a kernel file includes it once.
 *
 *-------------------------------------------------------------------------
 */

static int
lowest_difference_f32(const float *a, const float *b, int n, float *lowest)
{
	Vec			low[16 / VEC_LANES];
	Vec			least;
	float		value;

	for (int v = 0; v < 16 / VEC_LANES; v++)
		low[v] = vec_set(3.402823466e+38f);
	for (int i = 0; i < n; i += 16)
	{
		for (int v = 0; v < 16 / VEC_LANES; v++)
			low[v] = vec_lower(vec_sub(load_f32(a + i + v * VEC_LANES),
									   load_f32(b + i + v * VEC_LANES)), low[v]);
	}
	for (int v = 1; v < 16 / VEC_LANES; v++)
		low[0] = vec_lower(low[v], low[0]);
	value = vec_lowest(low[0]);
	*lowest = value;
	least = vec_set(value);
	for (int i = 0; i < n; i += VEC_LANES)
	{
		int			lane = vec_find(vec_sub(load_f32(a + i), load_f32(b + i)), least);

		if (lane >= 0)
			return i + lane;
	}
	return 0;
}
