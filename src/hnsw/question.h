/*-------------------------------------------------------------------------
 *
 * question.h
 *		The query vectors of a calibration.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_QUESTION_H
#define GV_HNSW_QUESTION_H

#include "postgres.h"

#include "hnsw/index.h"

typedef struct GvHnswQuestion
{
	uint32		id;				/* of the node, 0 if it is none */
	bool		is_moved;		/* off the node */
	float	   *z;				/* point, with codes */
	Datum		value;			/* without */
} GvHnswQuestion;

extern int	gv_hnsw_choose_questions(GvHnswIndex *ix, MemoryContext context,
									 GvHnswQuestion *question, int n_wanted);
extern bool gv_hnsw_question_is_moved(const GvHnswMetaPageData *meta, int i);

#endif							/* GV_HNSW_QUESTION_H */
