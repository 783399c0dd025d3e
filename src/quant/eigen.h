/*-------------------------------------------------------------------------
 *
 * eigen.h
 *		Eigenvectors of a symmetric matrix.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_QUANT_EIGEN_H
#define GV_QUANT_EIGEN_H

#include <stdbool.h>

extern bool gv_eigen_symmetric(double *a, int n, double *values, double *vectors,
							   double *scratch, void (*check) (void *arg), void *check_arg);

#endif							/* GV_QUANT_EIGEN_H */
