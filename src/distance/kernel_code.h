/*-------------------------------------------------------------------------
 *
 * kernel_code.h
 *		Template of the kernel for one-bit codes, for kernel files without a form
 *		of their own: four sums, which compilers turn into vectors.
 *
 * No include guard: a kernel file includes it once.
 *
 *-------------------------------------------------------------------------
 */

static void
sign_code(const float *x, const float *p, float weight, int dims, int code_dims,
		  uint8_t *code, float *sums)
{
	float		n2[4] = {0, 0, 0, 0};
	float		l1[4] = {0, 0, 0, 0};
	float		signed_sum[4] = {0, 0, 0, 0};

	for (int i = 0; i < code_dims; i += 4)
	{
		unsigned	bits = 0;

		for (int j = 0; j < 4; j++)
		{
			float		c = weight * p[i + j];
			float		e = x[i + j] - c;
			unsigned	positive = e > 0;

			bits |= positive << j;
			n2[j] += e * e;
			l1[j] += positive ? e : -e;
			signed_sum[j] += positive ? c : -c;
		}
		if (i % 8 == 0)
			code[i / 8] = (uint8_t) bits;
		else
			code[i / 8] = (uint8_t) (code[i / 8] | bits << 4);
	}
	for (int i = code_dims; i < dims; i += 4)
	{
		for (int j = 0; j < 4; j++)
		{
			float		e = x[i + j] - weight * p[i + j];

			n2[j] += e * e;
		}
	}
	sums[0] = (n2[0] + n2[1]) + (n2[2] + n2[3]);
	sums[1] = (l1[0] + l1[1]) + (l1[2] + l1[3]);
	sums[2] = (signed_sum[0] + signed_sum[1]) + (signed_sum[2] + signed_sum[3]);
}
