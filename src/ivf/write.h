/*-------------------------------------------------------------------------
 *
 * write.h
 *		Writing lists whole, and what leads to them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_WRITE_H
#define GV_IVF_WRITE_H

#include "postgres.h"

#include "utils/tuplesort.h"

#include "ivf/list.h"

/* What training has found */
typedef struct GvIvfTraining
{
	float	   *center;			/* float[padded_dim] */
	uint32		n_lists;		/* with list 0 */
	char	   *codebook;		/* gv_ivf_codebook_bytes(layout), as its pages have it; or NULL */
	GvHalf	   *centroids;		/* float16[n_lists][padded_dim] */
	bool		is_trained;		/* else there is one list, and its centroid is zero */
	bool		is_build;		/* CREATE INDEX, which shows its progress */
	const Datum *given;			/* vectors that are to be the centroids, or NULL */
	uint32		n_given;
} GvIvfTraining;

/* A list that is written whole: its pages are in memory until they are full */
typedef struct GvIvfWriter
{
	GvIvfIndex *index;
	bool		is_logged;		/* else the index is being built, and logged at the end */
	uint32		list;
	uint32		generation;
	uint32		n_rows;
	BlockNumber head;
	BlockNumber rows_blkno;
	PGAlignedBlock rows;
	BlockNumber vectors_blkno;	/* invalid: none yet */
	PGAlignedBlock vectors;
	PGAlignedBlock full;
} GvIvfWriter;

/* Rows to be sorted by their lists, and there by their places in the table */
typedef struct GvIvfSort
{
	GvIvfIndex *index;
	Tuplesortstate *state;
	TupleDesc	desc;
	TupleTableSlot *in;
	TupleTableSlot *out;
	bytea	   *image;			/* of a row */
	GvAmFilterRow filters;
} GvIvfSort;

/* write.c */
extern void gv_ivf_writer_init(GvIvfWriter *writer, GvIvfIndex *index, bool is_logged);
extern void gv_ivf_writer_begin(GvIvfWriter *writer, uint32 list, uint32 generation);
extern void gv_ivf_writer_put(GvIvfWriter *writer, const GvIvfRow *row);
extern void gv_ivf_writer_end(GvIvfWriter *writer, GvIvfListData *entry);

/* write_set.c */
extern BlockNumber gv_ivf_write_chain(GvIvfIndex *index, GvIvfPageKind kind, uint32 set,
									  const void *data, Size n_bytes, bool is_logged,
									  BlockNumber *pages);
extern Size gv_ivf_training_bytes(const GvIvfLayout *layout, uint32 n_lists);
extern void gv_ivf_training_place(GvIvfTraining *training, const GvIvfLayout *layout, char *area);
extern BlockNumber gv_ivf_write_codebook(GvIvfIndex *index, const GvIvfTraining *training,
										 bool is_logged);
extern void gv_ivf_clear_centroids(GvIvfListData *lists, uint32 n_lists);
extern void gv_ivf_write_centroids(GvIvfIndex *index, const GvHalf *centroids, uint32 n_lists,
								   GvIvfListData *lists, bool is_logged);
extern void gv_ivf_make_root(const GvIvfIndex *index, const GvIvfTraining *training,
							 GvIvfRoot *root);

/* sort.c */
extern Size gv_ivf_sort_image_bytes(const GvIvfIndex *index);
extern void gv_ivf_sort_begin(GvIvfSort *sort, GvIvfIndex *index, int work_kilobytes,
							  SortCoordinate coordinate);
extern void gv_ivf_sort_put(GvIvfSort *sort, uint32 list, const GvIvfRow *row);
extern void gv_ivf_sort_perform(GvIvfSort *sort);
extern void gv_ivf_sort_write(GvIvfSort *sort, GvIvfWriter *writer, uint32 n_lists,
							  const uint32 *number, uint32 generation, GvIvfListData *lists);
extern void gv_ivf_sort_end(GvIvfSort *sort);

#endif							/* GV_IVF_WRITE_H */
