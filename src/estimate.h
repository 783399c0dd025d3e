/*-------------------------------------------------------------------------
 *
 * estimate.h
 *		What gigavec.estimate and gigavec.advise share: the column that is asked
 *		about, and what an index on it would take.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_ESTIMATE_H
#define GV_ESTIMATE_H

#include "postgres.h"

#include "utils/rel.h"

#include "am/inspect.h"
#include "am/opclass.h"
#include "base/compat.h"

typedef struct GvEstimateColumn
{
	const char *name;
	int			dim;
	double		n_rows;			/* that are not NULL */
	double		value_bytes;	/* on average */
} GvEstimateColumn;

extern AttrNumber gv_estimate_open_table(Oid heap_oid, const char *column, bool with_partitions,
										 Relation *heap);
extern const GvAmOpclass *gv_estimate_find_opclass(Oid am_oid, Oid type, const char *name,
												   Oid *found);
pg_noreturn extern void gv_estimate_refuse_opclass(Oid am_oid, const char *name,
												   const char *column, Oid type);
extern void gv_estimate_check_dim(const GvAmOpclass *opclass, const char *method,
								  const char *column, int dim);
extern bool gv_estimate_is_method(const char *method);
extern void gv_estimate_method(const char *method, const GvAmOpclass *opclass,
							   const GvEstimateColumn *column, Datum options,
							   GvAmEstimate *estimate);

#endif							/* GV_ESTIMATE_H */
