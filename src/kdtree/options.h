/*-------------------------------------------------------------------------
 *
 * options.h
 *		Storage parameters of kdtree indexes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_KDTREE_OPTIONS_H
#define GV_KDTREE_OPTIONS_H

#include "postgres.h"

#include "utils/rel.h"

#define GV_KDTREE_DEFAULT_FILL_FACTOR 90
#define GV_KDTREE_MIN_FILL_FACTOR 10
#define GV_KDTREE_MAX_FILL_FACTOR 100

extern void gv_kdtree_define_settings(void);
extern bytea *gv_kdtree_reloptions(Datum reloptions, bool validate);
extern int	gv_kdtree_options_fill_factor(const bytea *options);

#endif							/* GV_KDTREE_OPTIONS_H */
