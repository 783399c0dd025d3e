/*-------------------------------------------------------------------------
 *
 * plain.h
 *		Loops as one would write them, left to the compiler.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BENCH_PLAIN_H
#define GV_BENCH_PLAIN_H

extern float plain_l2_squared(const float *a, const float *b, int n);
extern float plain_inner_product(const float *a, const float *b, int n);
extern void plain_cosine(const float *a, const float *b, int n, float *sums);

#endif							/* GV_BENCH_PLAIN_H */
