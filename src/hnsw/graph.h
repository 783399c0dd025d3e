/*-------------------------------------------------------------------------
 *
 * graph.h
 *		The graph in memory, while an index is built.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_GRAPH_H
#define GV_HNSW_GRAPH_H

#include "postgres.h"

#include "storage/itemptr.h"

#include "am/opclass.h"
#include "am/panel.h"
#include "am/probe.h"
#include "base/pool.h"
#include "hnsw/points.h"
#include "hnsw/prune.h"

/*
 * The graph.  Rows are numbered from 0; all arrays are by row unless stated.
 * They may lie in shared memory; each process has a GvHnswGraph of its own
 * that points there.
 */
typedef struct GvHnswGraph
{
	const GvAmOpclass *opclass;
	int			dims;			/* elements of a point; 0: exact values */
	int			degree;
	int			ef_construction;

	/* the rows */
	ItemPointerData *tid;
	uint64	   *hash;			/* of the value */
	GvHnswPoints points;
	float	   *norm;			/* inner product: norm of the value */
	char	   *values;			/* exact: all values */
	uint64	   *value_offset;	/* exact: place of each in values */

	/* the links of rows */
	uint32	   *links;			/* uint32[n_rows][degree], see GV_HNSW_LINK_FILL */
	float	   *link_keys;		/* float32[n_rows][degree] */
	uint8	   *n_links;

	/* order of insertion: rows that are nodes, each vector once */
	uint32	   *order;
	uint32		n_order;

	/* links of a batch by target */
	uint32	   *incoming;		/* first edge to the row, or invalid */
} GvHnswGraph;

/* A link of a batch, to be answered by a link back */
typedef struct GvHnswEdge
{
	uint32		source;			/* as a link of the target */
	float		key;
	uint32		next;			/* next edge to the same target */
} GvHnswEdge;

/* So many rows that are near each other search together */
#define GV_HNSW_GROUP GV_PANEL_ROWS

/* What a process needs to work on the graph */
typedef struct GvHnswGraphWorker
{
	GvHnswGraph *graph;
	GvPool		pool;
	GvAmProbe	probe;			/* exact: of a row that is compared with many */
	uint16	   *seen;			/* rows looked at in this search, at their hash */
	int			seen_bits;
	/* of a group of rows, where rows are linked in groups */
	int			group_ef;
	int			group_expanded; /* of the best candidates of a row */
	GvPool		group_pool[GV_HNSW_GROUP];
	GvPanelI8	panel;			/* its points */
	GvAmPanel	exact_panel;	/* exact: its values */
	uint16	   *expanded;		/* rows that it has expanded, as in seen */
	float	   *keys;			/* of the rows looked at together */
	GvHnswCandidate *candidates;
	uint16	   *place;			/* of each candidate in the pool, at its hash, or NO_PLACE */
	int			place_bits;
	MemoryContext context;
} GvHnswGraphWorker;

#define GV_HNSW_NO_ROW PG_UINT32_MAX

/*
 * Set in a link that another, shorter link of the row makes superfluous; it
 * fills a place until a better one comes.
 */
#define GV_HNSW_LINK_FILL 0x80000000u

/*
 * Set in a link of the batch at work: so it is with the link back, where a link
 * from before the batch is shorter
 */
#define GV_HNSW_LINK_BACK_FILLS 0x40000000u
#define GV_HNSW_LINK_ROW(link) ((link) & ~(GV_HNSW_LINK_FILL | GV_HNSW_LINK_BACK_FILLS))

/* The most rows whose numbers leave room for that */
#define GV_HNSW_MAX_GRAPH_ROWS ((uint32) GV_HNSW_LINK_BACK_FILLS - 1)

static inline Datum
gv_hnsw_graph_value(const GvHnswGraph *graph, uint32 row)
{
	return PointerGetDatum(graph->values + graph->value_offset[row]);
}

extern bool gv_hnsw_graph_has_groups(const GvHnswGraph *graph);
extern void gv_hnsw_graph_worker_init(GvHnswGraphWorker *worker, GvHnswGraph *graph,
									  MemoryContext context);
extern void gv_hnsw_graph_keys(GvHnswGraphWorker *worker, uint32 row, const uint32 *others,
							   int n, float *keys);
extern double gv_hnsw_graph_mean_product(const GvHnswGraph *graph, uint32 row);
extern void gv_hnsw_graph_link_row(GvHnswGraphWorker *worker, uint32 row, uint32 n_linked);
extern void gv_hnsw_graph_link_group(GvHnswGraphWorker *worker, const uint32 *rows, int n_rows,
									 uint32 n_linked);
extern void gv_hnsw_graph_link_back(GvHnswGraphWorker *worker, const uint32 *targets,
									uint32 n, const GvHnswEdge *edges);

#endif							/* GV_HNSW_GRAPH_H */
