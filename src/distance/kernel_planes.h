/*-------------------------------------------------------------------------
 *
 * kernel_planes.h
 *		Template of the kernel for integers in planes of bits.
 *
 * Included after kernel_dense.h.  A kernel file provides:
 *
 *	VecBits					VEC_LANES integers of 32 bits
 *	bits_zero()
 *	bits_add(x, word, value)	x with "value" added to the lanes whose bit in
 *							word is set, lowest bit first; the lanes have not
 *							had it
 *	bits_to_vec(x)			as float32
 *
 * No include guard: a kernel file includes it once.
 *
 *-------------------------------------------------------------------------
 */

/* Elements added up before the sums are emptied; see kernel_dense.h */
#define PLANES_BLOCK (16 * VEC_LANES)

GV_DISTANCE_INLINE float
planes_fold(const float *a, const uint8_t *planes, const int n_planes, int n)
{
	int			stride = n / 8;
	Vec			total = vec_zero();

	for (int i = 0; i < n;)
	{
		int			end = n - i > PLANES_BLOCK ? i + PLANES_BLOCK : n;
		Vec			sum = vec_zero();

		for (; i < end; i += 16)
		{
			uint32_t	words[8];

			for (int p = 0; p < n_planes; p++)
			{
				const uint8_t *bytes = planes + (size_t) p * stride + i / 8;

				words[p] = bytes[0] | (uint32_t) bytes[1] << 8;
			}
			for (int v = 0; v < 16; v += VEC_LANES)
			{
				VecBits		x = bits_zero();

				for (int p = 0; p < n_planes; p++)
					x = bits_add(x, words[p] >> v, 1u << p);
				sum = vec_fma(load_f32(a + i + v), bits_to_vec(x), sum);
			}
		}
		total = vec_add(total, sum);
	}
	return vec_sum(total);
}

static float
inner_product_f32_planes(const float *a, const uint8_t *planes, int n_planes, int n)
{
	switch (n_planes)
	{
		case 1:
			return planes_fold(a, planes, 1, n);
		case 2:
			return planes_fold(a, planes, 2, n);
		case 3:
			return planes_fold(a, planes, 3, n);
		case 4:
			return planes_fold(a, planes, 4, n);
		case 5:
			return planes_fold(a, planes, 5, n);
		case 6:
			return planes_fold(a, planes, 6, n);
		case 7:
			return planes_fold(a, planes, 7, n);
		case 8:
			return planes_fold(a, planes, 8, n);
		default:
			return 0;
	}
}
