/*-------------------------------------------------------------------------
 *
 * quant.h
 *		What the files of the test of src/quant share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_UNIT_QUANT_H
#define GV_UNIT_QUANT_H

extern void gv_unit_test_rotation(void);
extern void gv_unit_test_rabitq(void);
extern void gv_unit_test_rabitq_error(void);
extern void gv_unit_test_kmeans(void);
extern void gv_unit_test_extra(void);
extern void gv_unit_test_pq(void);

#endif							/* GV_UNIT_QUANT_H */
