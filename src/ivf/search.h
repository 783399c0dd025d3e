/*-------------------------------------------------------------------------
 *
 * search.h
 *		Searching lists: rows by bounds of their distances, nearest first.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_SEARCH_H
#define GV_IVF_SEARCH_H

#include "postgres.h"

#include "ivf/code.h"
#include "ivf/fine.h"
#include "ivf/index.h"
#include "ivf/product.h"

/* A row that was found */
typedef struct GvIvfFound
{
	double		key;			/* squared distance of points less key_offset, or a bound below */
	uint32		list;			/* number among those that the search has read */
	uint32		place;			/* of its vector or fine code, if there are */
	float		sign_product;	/* of the query and its one-bit code, for the fine one */
	ItemPointerData tid;
	uint8		slot;
	bool		is_exact:1;
	bool		is_fine:1;		/* the key is from the fine code */
	bool		is_known:1;		/* of rows in two lists, this is the one that is returned */
} GvIvfFound;

/* A list that a search reads */
typedef struct GvIvfProbe
{
	uint32		list;
	uint32		head;
	uint32		generation;		/* when it was read */
	float		distance2;		/* of the centroid, squared */
} GvIvfProbe;

typedef struct GvIvfSearch
{
	GvIvfIndex *index;
	MemoryContext context;
	Datum		value;			/* the query */
	GvIvfPoint	point;
	bool		has_direction;	/* of the query: else all distances are the same */
	float		norm;			/* of the point */
	double		key_factor;		/* from exact keys to squared distances of points */
	double		key_offset;
	GvRabitqQuery query;
	GvIvfFineQuery fine_query;
	GvIvfProductQuery product;
	const GvAmFilter *filter;	/* or NULL */

	/* lists */
	uint8	   *visited;		/* a bit for each list */
	uint32		n_visited_max;	/* lists that have one */
	GvIvfProbe *probe;			/* of all lists read so far */
	uint32		n_probes;
	uint32		max_probes;
	bool		loose_done;

	/* rows: a binary heap by key; and those that cannot be among the n_wanted nearest */
	GvIvfFound *ready;
	int64		n_ready;
	int64		max_ready;
	bool		is_heap;		/* else they are in no order */
	GvIvfFound *late;
	int64		n_late;
	int64		max_late;
	float		bound;			/* no key of late is less */
	int			n_wanted;
	float	   *best;			/* float[n_wanted], a heap of the least upper bounds */
	int			n_best;
	int64		n_rows;			/* rows looked at */

	Datum		scratch_value;	/* for vectors of the index */
	char	   *scratch_fine;
	uint8	   *scratch_codes;
} GvIvfSearch;

extern void gv_ivf_search_begin(GvIvfSearch *search, GvIvfIndex *index, Datum value,
								const GvAmFilter *filter, int n_wanted);
extern bool gv_ivf_search_lists(GvIvfSearch *search, uint32 n);
extern bool gv_ivf_search_loose(GvIvfSearch *search);
extern bool gv_ivf_search_next(GvIvfSearch *search, GvIvfFound *found);
extern void gv_ivf_search_put(GvIvfSearch *search, const GvIvfFound *found);
extern bool gv_ivf_search_refine(GvIvfSearch *search, GvIvfFound *found);
extern void gv_ivf_search_set_exact(const GvIvfSearch *search, GvIvfFound *found, double exact);
extern bool gv_ivf_search_exact(GvIvfSearch *search, GvIvfFound *found);

#endif							/* GV_IVF_SEARCH_H */
