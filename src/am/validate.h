/*-------------------------------------------------------------------------
 *
 * validate.h
 *		Check the definition of operator classes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_AM_VALIDATE_H
#define GV_AM_VALIDATE_H

#include "postgres.h"

extern bool gv_am_validate(Oid opclass_oid);

#endif							/* GV_AM_VALIDATE_H */
