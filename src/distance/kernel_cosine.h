/*-------------------------------------------------------------------------
 *
 * kernel_cosine.h
 *		Template of the three sums of the cosine distance.
 *
 * Included once for each element type by kernel_dense.h.  Parameters,
 * undefined at the end:
 *
 *	COSINE_NAME(verb)	name of the functions made
 *	COSINE_ELEM			element type
 *	COSINE_LOAD(p), COSINE_LOAD_TAIL(p, n)		as in kernel_fold.h
 *
 * The three sums are made by the same operations in the same order, so equal
 * vectors give three equal sums, to the last bit.
 *
 * No include guard: this file is meant to be included more than once.
 *
 *-------------------------------------------------------------------------
 */

GV_DISTANCE_INLINE void
COSINE_NAME(cosine_step) (VecCosine *s, Vec x, Vec y)
{
	x = vec_keep(x);
	y = vec_keep(y);
	s->ab = vec_fma(x, y, s->ab);
	s->aa = vec_fma(x, x, s->aa);
	s->bb = vec_fma(y, y, s->bb);
}

/*
 * The sums of at most VEC_BLOCK / 2 elements.  Two accumulators a sum: with
 * three sums, more would not fit the sixteen registers of AVX2.
 */
GV_DISTANCE_INLINE VecCosine
COSINE_NAME(cosine_block) (const COSINE_ELEM *a, const COSINE_ELEM *b, int n)
{
	VecCosine	s0 = {vec_zero(), vec_zero(), vec_zero()};
	VecCosine	s1 = {vec_zero(), vec_zero(), vec_zero()};
	int			i = 0;

	for (; i + 2 * VEC_LANES <= n; i += 2 * VEC_LANES)
	{
		const COSINE_ELEM *pa = a + i + VEC_LANES;
		const COSINE_ELEM *pb = b + i + VEC_LANES;

		COSINE_NAME(cosine_step) (&s0, COSINE_LOAD(a + i), COSINE_LOAD(b + i));
		COSINE_NAME(cosine_step) (&s1, COSINE_LOAD(pa), COSINE_LOAD(pb));
	}
	if (i + VEC_LANES <= n)
	{
		COSINE_NAME(cosine_step) (&s0, COSINE_LOAD(a + i), COSINE_LOAD(b + i));
		i += VEC_LANES;
	}
	if (i < n)
		COSINE_NAME(cosine_step) (&s1, COSINE_LOAD_TAIL(a + i, n - i),
								  COSINE_LOAD_TAIL(b + i, n - i));

	return add_cosine(s0, s1);
}

GV_DISTANCE_RARE void
COSINE_NAME(cosine_long) (const COSINE_ELEM *a, const COSINE_ELEM *b, int n, float *sums)
{
	const int	block = opaque(VEC_BLOCK / 2);
	VecCosine	total = {vec_zero(), vec_zero(), vec_zero()};

	for (; n > 0; n -= block)
	{
		total = add_cosine(total, COSINE_NAME(cosine_block) (a, b, n < block ? n : block));
		a += block;
		b += block;
	}
	store_cosine(total, sums);
}

static void
COSINE_NAME(cosine) (const COSINE_ELEM *a, const COSINE_ELEM *b, int n, float *sums)
{
	if (n > VEC_BLOCK / 2)
		COSINE_NAME(cosine_long) (a, b, n, sums);
	else
		store_cosine(COSINE_NAME(cosine_block) (a, b, opaque(n)), sums);
}

#undef COSINE_NAME
#undef COSINE_ELEM
#undef COSINE_LOAD
#undef COSINE_LOAD_TAIL
