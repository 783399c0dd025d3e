/*-------------------------------------------------------------------------
 *
 * base.h
 *		What the files of the test of src/base share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_UNIT_BASE_H
#define GV_UNIT_BASE_H

extern void gv_unit_test_pool(void);

#endif							/* GV_UNIT_BASE_H */
