/*-------------------------------------------------------------------------
 *
 * kernel_widen.h
 *		Template of the kernels that widen integers in two planes, the same for
 *		all kernel files: plain loops, which compilers turn into vectors.
 *
 * Each element is one product of an exact integer, hence bit-identical.
 *
 * No include guard: a kernel file includes it once.
 *
 *-------------------------------------------------------------------------
 */

static void
i12_to_f32(const int8_t *restrict high, const uint8_t *restrict low, float scale,
		   float *restrict out, int n)
{
	int			base;

	/* 16 elements share bytes with the next 16 */
	for (base = 0; base + 32 <= n; base += 32)
	{
		for (int j = 0; j < 16; j++)
			out[base + j] = scale * (float) (high[base + j] * 16 + (low[base / 2 + j] & 15));
		for (int j = 0; j < 16; j++)
			out[base + 16 + j] = scale * (float) (high[base + 16 + j] * 16 +
												  (low[base / 2 + j] >> 4));
	}
	for (int j = 0; base + j < n; j++)
		out[base + j] = scale * (float) (high[base + j] * 16 + (low[base / 2 + j] & 15));
}

static void
i16_to_f32(const int8_t *restrict high, const uint8_t *restrict low, float scale,
		   float *restrict out, int n)
{
	for (int i = 0; i < n; i++)
		out[i] = scale * (float) (high[i] * 256 + low[i]);
}
