/*-------------------------------------------------------------------------
 *
 * list.h
 *		Pages of lists: adding rows, reading their vectors.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_LIST_H
#define GV_IVF_LIST_H

#include "postgres.h"

#include "storage/lmgr.h"

#include "am/xlog.h"
#include "ivf/code.h"
#include "ivf/index.h"

/* A row as lists keep it */
typedef struct GvIvfRow
{
	ItemPointerData tid;		/* as blocks have it, with GV_IVF_SECOND */
	GvIvfFactors factors;
	uint8	   *code;			/* uint8[row_code_bytes] */
	const char *value;			/* char[value_bytes]: vector or fine code; or NULL */
	const GvAmFilterRow *filters;
} GvIvfRow;

/* Where a row's vector or fine code is */
typedef struct GvIvfPlace
{
	BlockNumber blkno;
	uint8		slot;
} GvIvfPlace;

/* Pages that are changed together */
typedef struct GvIvfEdit
{
	Relation	rel;
	GvXlog	   *xlog;			/* NULL: the index is being built, nothing is logged */
	int			n;
	Buffer		buf[MAX_GENERIC_XLOG_PAGES];
} GvIvfEdit;

/*
 * An insert holds a share lock of the list from before it reads where the list
 * ends until its row is in.  Who writes a list anew holds it exclusively.
 */
static inline void
gv_ivf_lock_list(Relation rel, uint32 list, LOCKMODE mode)
{
	LockPage(rel, list, mode);
}

static inline void
gv_ivf_unlock_list(Relation rel, uint32 list, LOCKMODE mode)
{
	UnlockPage(rel, list, mode);
}

/*
 * An insert holds a share lock of the set of lists from before it reads the
 * metapage until its row is in; who puts another set in place does so with an
 * exclusive one.  The numbers of both locks are beyond those of lists.
 */
#define GV_IVF_SET_LOCK MaxBlockNumber

/* Who trains the lists holds this exclusively, who reads all of them shares it */
#define GV_IVF_TRAIN_LOCK (MaxBlockNumber - 1)

extern void gv_ivf_edit_begin(GvIvfEdit *edit, Relation rel, bool logged);
extern Page gv_ivf_edit_page(GvIvfEdit *edit, Buffer buf, bool is_new);
extern void gv_ivf_edit_finish(GvIvfEdit *edit);
extern void gv_ivf_edit_cancel(GvIvfEdit *edit);
extern Buffer gv_ivf_new_buffer(GvIvfIndex *index, uint32 list, uint32 generation,
								bool look_for_free);
extern void gv_ivf_init_rows_page(Page page, GvIvfPageKind kind, uint32 list, uint32 generation);
extern void gv_ivf_init_taken_page(Page page, uint32 list, uint32 generation);
extern BlockNumber gv_ivf_write_long_value(GvIvfIndex *index, const char *value, uint32 list,
										   uint32 generation, bool is_logged);
extern int	gv_ivf_put_value(const GvIvfLayout *layout, Page page, const char *value);
extern void gv_ivf_put_row(const GvIvfIndex *index, Page page, const GvIvfRow *row,
						   GvIvfPlace place);
extern void gv_ivf_get_row(const GvIvfLayout *layout, char *block, int lane, GvIvfRow *row,
						   GvIvfPlace *place);
extern void gv_ivf_block_rows(const GvIvfLayout *layout, char *block, int n, uint8 *codes);
extern void gv_ivf_append(GvIvfIndex *index, GvIvfListData *entry, uint32 list,
						  BlockNumber directory, const GvIvfRow *row);
extern bool gv_ivf_read_value(GvIvfIndex *index, uint32 list, uint32 generation,
							  BlockNumber blkno, int slot, char *out);

#endif							/* GV_IVF_LIST_H */
