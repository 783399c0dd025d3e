/*-------------------------------------------------------------------------
 *
 * extension.h
 *		Our own row of pg_extension.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_EXTENSION_H
#define GV_AM_EXTENSION_H

#include "postgres.h"

extern bool gv_am_find_extension(Oid *schema, char **version);

#endif							/* GV_AM_EXTENSION_H */
