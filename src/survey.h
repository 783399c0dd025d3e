/*-------------------------------------------------------------------------
 *
 * survey.h
 *		What a column holds, found by looking at some of its rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_SURVEY_H
#define GV_SURVEY_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/rel.h"

#include "am/opclass.h"

/* A table without partitions, of those that the column is in */
typedef struct GvSurveyLeaf
{
	Oid			oid;
	BlockNumber n_pages;
	double		n_rows;			/* below 0: PostgreSQL has not counted them */
} GvSurveyLeaf;

typedef struct GvSurvey
{
	List	   *leaves;			/* GvSurveyLeaf */
	double		n_rows;			/* not NULL */
	double		value_bytes;	/* of a value, on average; 0: no row was seen */
	bool		is_apart;		/* most values are stored out of line */
	int			n_sampled;		/* values looked at */
	int			n_distinct;		/* of these */
	double		dimension;		/* in effect; 0: not measured */
	double		n_searches;		/* scans of the table since statistics began */
	double		n_changes;		/* index entries made beside those of the rows that are there */
} GvSurvey;

extern void gv_survey_column(Relation heap, AttrNumber attnum, const GvAmOpclass *opclass,
							 bool with_dimension, GvSurvey *survey);

#endif							/* GV_SURVEY_H */
