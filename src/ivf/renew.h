/*-------------------------------------------------------------------------
 *
 * renew.h
 *		Training the lists of an index that is in use.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_RENEW_H
#define GV_IVF_RENEW_H

#include "postgres.h"

#include "storage/bufmgr.h"
#include "utils/rel.h"

extern void gv_ivf_maintain(Relation rel, double n_rows, BufferAccessStrategy strategy);

#endif							/* GV_IVF_RENEW_H */
