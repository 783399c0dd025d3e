/*-------------------------------------------------------------------------
 *
 * probe.h
 *		Keys of one value and many others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_PROBE_H
#define GV_AM_PROBE_H

#include "postgres.h"

#include "am/opclass.h"
#include "type/sparsevec_probe.h"

typedef struct GvAmProbe
{
	const GvAmOpclass *opclass;
	Datum		value;			/* 0: none yet */
	Datum		last;			/* the first of the pair compared last */
	GvSparseProbe sparse;
} GvAmProbe;

extern void gv_am_probe_init(GvAmProbe *probe, const GvAmOpclass *opclass,
							 MemoryContext context);
extern void gv_am_probe_forget(GvAmProbe *probe);
extern void gv_am_probe_set(GvAmProbe *probe, Datum value);
extern float gv_am_probe_key(const GvAmProbe *probe, Datum other);
extern float gv_am_probe_pair_key(GvAmProbe *probe, Datum a, Datum b);

#endif							/* GV_AM_PROBE_H */
