/*-------------------------------------------------------------------------
 *
 * legs.h
 *		The two searches of a hybrid search as SQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HYBRID_LEGS_H
#define GV_HYBRID_LEGS_H

#include "postgres.h"

#include "storage/itemptr.h"
#include "utils/array.h"

#include "hybrid/fusion.h"

/* The legs by number, also of arrays of weights */
enum
{
	GV_HYBRID_TEXT,
	GV_HYBRID_VECTOR,
	GV_HYBRID_N_LEGS
};

/* How to make a similarity of a distance, for linear fusion */
typedef enum GvHybridDistance
{
	GV_HYBRID_SCORE,			/* it is the negative of a score, which is returned */
	GV_HYBRID_INNER_PRODUCT,	/* the negative of an inner product */
	GV_HYBRID_COSINE,			/* 1 minus a similarity */
	GV_HYBRID_METRIC			/* from 0 to infinity */
} GvHybridDistance;

/* What is to be searched, and how */
typedef struct GvHybridTarget
{
	Oid			relation;
	Oid			schema;			/* of the extension */
	Oid			indexes[GV_HYBRID_N_LEGS];	/* InvalidOid if there is none */
	char	   *expressions[GV_HYBRID_N_LEGS];	/* SQL of what is ordered; or NULL */
	Oid			types[GV_HYBRID_N_LEGS];	/* what it is compared with */
	Oid			operators[GV_HYBRID_N_LEGS];
	GvHybridDistance distance;	/* of the vectors */
	char	   *predicates[GV_HYBRID_N_LEGS];	/* of partial indexes, or NULL */
	bool		names_text_index;	/* must the query of the text? */
	char	   *filter;			/* or NULL */
	int			n_values;		/* of the filter */
	char	  **values;			/* char *[n_values], NULL for NULL */
	int			candidates;
} GvHybridTarget;

/* A row that a leg found, before rows are numbered */
typedef struct GvHybridFound
{
	Oid			relation;		/* the partition */
	ItemPointerData tid;
	double		raw;			/* score, or distance; finite */
	char	   *key;			/* if it was asked for */
} GvHybridFound;

extern void gv_hybrid_find_target(GvHybridTarget *target, Oid text_index, Oid vector_index,
								  const char *vector_column, const char *metric,
								  const bool *wanted);
extern void gv_hybrid_set_filter(GvHybridTarget *target, const char *filter, ArrayType *values);
extern char *gv_hybrid_leg_sql(const GvHybridTarget *target, int leg, const char *key,
							   bool with_distance);
extern void gv_hybrid_run_leg(const GvHybridTarget *target, const char *sql, Datum query,
							  Oid query_type, bool read_only);
extern int	gv_hybrid_search_leg(const GvHybridTarget *target, int leg, const char *key,
								 Datum query, Oid query_type, GvHybridFound **found);
extern double gv_hybrid_goodness(const GvHybridTarget *target, int leg, double raw,
								 GvHybridMethod method);

#endif							/* GV_HYBRID_LEGS_H */
