/*-------------------------------------------------------------------------
 *
 * squeeze.h
 *		Making a list shorter where it lies.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_SQUEEZE_H
#define GV_IVF_SQUEEZE_H

#include "postgres.h"

#include "ivf/list.h"

extern uint32 gv_ivf_squeeze_list(GvIvfIndex *index, uint32 list, BufferAccessStrategy strategy,
								  uint32 *n_dead);

#endif							/* GV_IVF_SQUEEZE_H */
