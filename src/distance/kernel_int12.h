/*-------------------------------------------------------------------------
 *
 * kernel_int12.h
 *		Template of the kernel for 12-bit integers, for kernel files without a
 *		form of their own: four sums, which compilers turn into vectors.
 *
 * Rounding: each sum takes eight terms before it is emptied, which keeps every
 * input within the bound in distance.h; see kernel_dense.h.
 *
 * No include guard: a kernel file includes it once.
 *
 *-------------------------------------------------------------------------
 */

/* Most elements folded before the sums are emptied */
#define INT12_BLOCK 64

static float
l2_squared_f32_i12(const float *a, const uint8_t *b, float scale, int n)
{
	const int8_t *high = (const int8_t *) b;
	const uint8_t *low = b + n;
	float		sums[8] = {0, 0, 0, 0, 0, 0, 0, 0};
	float		totals[8] = {0, 0, 0, 0, 0, 0, 0, 0};

	for (int base = 0; base < n; base += 16)
	{
		const uint8_t *nibbles = low + base / 32 * 16;
		int			shift = (base & 16) ? 4 : 0;

		for (int j = 0; j < 16; j += 8)
		{
			for (int k = 0; k < 8; k++)
			{
				int			value = high[base + j + k] * 16 + ((nibbles[j + k] >> shift) & 15);
				float		d = a[base + j + k] - scale * (float) value;

				sums[k] += d * d;
			}
		}
		if ((base + 16) % INT12_BLOCK == 0)
		{
			for (int k = 0; k < 8; k++)
			{
				totals[k] += sums[k];
				sums[k] = 0;
			}
		}
	}
	for (int k = 0; k < 8; k++)
		totals[k] += sums[k];
	return ((totals[0] + totals[4]) + (totals[1] + totals[5])) +
		((totals[2] + totals[6]) + (totals[3] + totals[7]));
}
