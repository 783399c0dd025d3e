/*-------------------------------------------------------------------------
 *
 * kernel_fold.h
 *		Template of the loops that fold two arrays into sums.
 *
 * Included once for each pair of element types by kernel_dense.h, which says
 * what the kernel file provides.  Parameters, undefined at the end:
 *
 *	FOLD_NAME(verb)		name of the functions made
 *	FOLD_A, FOLD_B		element types
 *	FOLD_LOAD_A(p), FOLD_LOAD_B(p)				read VEC_LANES elements
 *	FOLD_LOAD_TAIL_A(p, n), FOLD_LOAD_TAIL_B(p, n)	read n < VEC_LANES, zero the rest
 *
 * No include guard: this file is meant to be included more than once.
 *
 *-------------------------------------------------------------------------
 */

/*
 * Fold at most VEC_BLOCK elements with four independent accumulators, which
 * hide the latency of the addition.  A padding lane meets the step with zeros.
 */
GV_DISTANCE_INLINE Vec
FOLD_NAME(block) (const FOLD_A *a, const FOLD_B *b, int n, Vec scale,
				  VecStep step, VecMerge merge)
{
	Vec			s0 = vec_zero();
	Vec			s1 = vec_zero();
	Vec			s2 = vec_zero();
	Vec			s3 = vec_zero();
	int			i = 0;

	for (; i + 4 * VEC_LANES <= n; i += 4 * VEC_LANES)
	{
		const FOLD_A *pa = a + i;
		const FOLD_B *pb = b + i;

		s0 = step(s0, FOLD_LOAD_A(pa), FOLD_LOAD_B(pb), scale);
		s1 = step(s1, FOLD_LOAD_A(pa + VEC_LANES), FOLD_LOAD_B(pb + VEC_LANES), scale);
		s2 = step(s2, FOLD_LOAD_A(pa + 2 * VEC_LANES), FOLD_LOAD_B(pb + 2 * VEC_LANES), scale);
		s3 = step(s3, FOLD_LOAD_A(pa + 3 * VEC_LANES), FOLD_LOAD_B(pb + 3 * VEC_LANES), scale);
	}
	if (i + 2 * VEC_LANES <= n)
	{
		s0 = step(s0, FOLD_LOAD_A(a + i), FOLD_LOAD_B(b + i), scale);
		s1 = step(s1, FOLD_LOAD_A(a + i + VEC_LANES), FOLD_LOAD_B(b + i + VEC_LANES), scale);
		i += 2 * VEC_LANES;
	}
	if (i + VEC_LANES <= n)
	{
		s2 = step(s2, FOLD_LOAD_A(a + i), FOLD_LOAD_B(b + i), scale);
		i += VEC_LANES;
	}
	if (i < n)
		s3 = step(s3, FOLD_LOAD_TAIL_A(a + i, n - i), FOLD_LOAD_TAIL_B(b + i, n - i), scale);

	return merge(merge(s0, s1), merge(s2, s3));
}

/*
 * Fold n elements, block by block, so that no accumulator takes so many
 * additions that their rounding breaks the bound in distance.h.
 */
GV_DISTANCE_INLINE Vec
FOLD_NAME(fold) (const FOLD_A *a, const FOLD_B *b, int n, Vec scale,
				 VecStep step, VecMerge merge)
{
	const int	block = opaque(VEC_BLOCK);
	Vec			total = vec_zero();

	for (; n > 0; n -= block)
	{
		total = merge(total, FOLD_NAME(block) (a, b, n < block ? n : block, scale, step, merge));
		a += block;
		b += block;
	}
	return total;
}

#undef FOLD_NAME
#undef FOLD_A
#undef FOLD_B
#undef FOLD_LOAD_A
#undef FOLD_LOAD_B
#undef FOLD_LOAD_TAIL_A
#undef FOLD_LOAD_TAIL_B
