/*-------------------------------------------------------------------------
 *
 * calibrate.h
 *		How many lists reach which recall.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_CALIBRATE_H
#define GV_IVF_CALIBRATE_H

#include "postgres.h"

#include "access/relscan.h"
#include "utils/rel.h"

#include "ivf/page.h"

extern void gv_ivf_calibrate(Relation index, Relation heap, double n_rows);
extern bool gv_ivf_calibration_is_stale(const GvIvfMetaPageData *meta, double n_rows);

/* scan.c */
extern void gv_ivf_scan_read_all(IndexScanDesc scan, int64 n_rows);
extern void gv_ivf_scan_expect(IndexScanDesc scan, int64 limit, ItemPointer left_out);
extern uint32 gv_ivf_scan_place(IndexScanDesc scan, double *key, double *own_key);

#endif							/* GV_IVF_CALIBRATE_H */
