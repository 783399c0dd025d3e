/*-------------------------------------------------------------------------
 *
 * panel.h
 *		Keys of sixteen values and many others: bits by Hamming distance, and
 *		sparsevecs by all distances but L1.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_PANEL_H
#define GV_AM_PANEL_H

#include "postgres.h"

#include "am/opclass.h"
#include "type/sparsevec_panel.h"

/* Others whose keys are computed at once, at most */
#define GV_AM_PANEL_OTHERS 16

typedef struct GvAmPanel
{
	const GvAmOpclass *opclass;
	MemoryContext context;
	uint8	   *bits;			/* see panel_hamming */
	int			n_bytes;		/* of one value */
	double		norm2[GV_PANEL_ROWS];	/* sparsevec: squared norm of each */
	GvSparsePanel sparse;
} GvAmPanel;

extern bool gv_am_panel_pays(const GvAmOpclass *opclass);
extern void gv_am_panel_init(GvAmPanel *panel, const GvAmOpclass *opclass,
							 MemoryContext context);
extern bool gv_am_panel_fill(GvAmPanel *panel, const Datum *values, int n);
extern void gv_am_panel_keys(const GvAmPanel *panel, const Datum *others, int n, float *keys);

#endif							/* GV_AM_PANEL_H */
