/*-------------------------------------------------------------------------
 *
 * kernels.h
 *		What the files of the kernel test share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_UNIT_KERNELS_H
#define GV_UNIT_KERNELS_H

#include "distance/distance.h"

extern void gv_unit_test_dispatch(const char *expected);
extern void gv_unit_test_dense(const GvKernels *kernels);
extern void gv_unit_test_special(const GvKernels *kernels);
extern void gv_unit_test_integer(const GvKernels *kernels);
extern void gv_unit_test_columns(const GvKernels *kernels);
extern void gv_unit_test_int12(const GvKernels *kernels);
extern void gv_unit_test_convert(const GvKernels *kernels);
extern void gv_unit_test_fastscan(const GvKernels *kernels);
extern void gv_unit_test_products(const GvKernels *kernels);
extern void gv_unit_test_planes(const GvKernels *kernels);
extern void gv_unit_test_hadamard(const GvKernels *kernels);
extern void gv_unit_test_pool_kernel(const GvKernels *kernels);

extern double gv_unit_half_value(GvHalf h);
extern GvHalf gv_unit_half_nearest(double x);

#endif							/* GV_UNIT_KERNELS_H */
