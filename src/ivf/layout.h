/*-------------------------------------------------------------------------
 *
 * layout.h
 *		Where things are in a block of rows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_IVF_LAYOUT_H
#define GV_IVF_LAYOUT_H

#include "postgres.h"

#include "am/filter.h"
#include "am/opclass.h"
#include "ivf/page.h"
#include "quant/pq.h"

/* Sizes and offsets, all in bytes and from the start of a block */
typedef struct GvIvfLayout
{
	GvIvfRowKind row_kind;
	int			padded_dim;
	int			code_dims;		/* of FastScan blocks, four a group; 0: there are none */
	int			extra_bits;		/* of fine codes in planes */
	GvPqShape	pq;				/* m 0: no product quantizer */
	bool		has_opq;
	int			lanes;			/* rows of a block: 32, or fewer of long bits */
	int			blocks_per_page;
	int			rows_per_page;
	int			block_size;
	int			row_code_bytes; /* of one row's code, row by row */
	int			add_offset;
	int			rescale_offset;
	int			error_offset;
	int			place_offset;
	int			slot_offset;
	int			code_offset;
	/* what is kept beside the row: its vector, or its fine code */
	int			value_bytes;	/* of a vector without its length word */
	int			values_per_page;	/* 0: a value takes pages of its own */
	int			centroids_per_page; /* 0: a centroid takes pages of its own */
	/* filter columns */
	int			n_filters;
	uint8		filter_width[GV_AM_MAX_FILTERS];	/* bytes of a word */
	int			null_offset[GV_AM_MAX_FILTERS];
	int			word_offset[GV_AM_MAX_FILTERS];
} GvIvfLayout;

static inline bool
gv_ivf_has_codes(const GvIvfLayout *layout)
{
	return layout->row_kind != GV_IVF_ROWS_BITS;
}

static inline bool
gv_ivf_keeps_vectors(const GvIvfLayout *layout)
{
	return layout->row_kind == GV_IVF_ROWS_VECTORS;
}

/* Are the codes of a product quantizer?  See product.h. */
static inline bool
gv_ivf_has_product(const GvIvfLayout *layout)
{
	return layout->row_kind == GV_IVF_ROWS_PRODUCT;
}

/* Are there finer codes beside the one-bit codes?  See fine.h. */
static inline bool
gv_ivf_has_fine_codes(const GvIvfLayout *layout)
{
	return layout->row_kind == GV_IVF_ROWS_PLANES || layout->row_kind == GV_IVF_ROWS_BYTES;
}

/* Is there something of each row on pages of vectors? */
static inline bool
gv_ivf_keeps_values(const GvIvfLayout *layout)
{
	return gv_ivf_keeps_vectors(layout) || gv_ivf_has_fine_codes(layout);
}

/* A block of a page of rows */
static inline char *
gv_ivf_block(const GvIvfLayout *layout, GvIvfRowsPage rows, int block)
{
	return (char *) (rows + 1) + block * layout->block_size;
}

static inline ItemPointerData *
gv_ivf_block_tids(char *block)
{
	return (ItemPointerData *) block;
}

/* Does a block have a row for the second time? */
static inline bool
gv_ivf_is_second(const ItemPointerData *tid)
{
	return (tid->ip_posid & GV_IVF_SECOND) != 0;
}

/* The tid of a row, however often there is one */
static inline ItemPointerData
gv_ivf_plain_tid(const ItemPointerData *tid)
{
	ItemPointerData result = *tid;

	result.ip_posid &= ~GV_IVF_SECOND;
	return result;
}

static inline GvHalf *
gv_ivf_block_add(const GvIvfLayout *layout, char *block)
{
	return (GvHalf *) (block + layout->add_offset);
}

static inline GvHalf *
gv_ivf_block_rescale(const GvIvfLayout *layout, char *block)
{
	return (GvHalf *) (block + layout->rescale_offset);
}

static inline GvHalf *
gv_ivf_block_error(const GvIvfLayout *layout, char *block)
{
	return (GvHalf *) (block + layout->error_offset);
}

static inline uint32 *
gv_ivf_block_places(const GvIvfLayout *layout, char *block)
{
	return (uint32 *) (block + layout->place_offset);
}

static inline uint8 *
gv_ivf_block_slots(const GvIvfLayout *layout, char *block)
{
	return (uint8 *) (block + layout->slot_offset);
}

static inline uint8 *
gv_ivf_block_codes(const GvIvfLayout *layout, char *block)
{
	return (uint8 *) (block + layout->code_offset);
}

/* Bytes of a centroid, float16 */
static inline Size
gv_ivf_centroid_bytes(const GvIvfLayout *layout)
{
	return (Size) layout->padded_dim * sizeof(GvHalf);
}

/* A slot of a page of vectors */
static inline char *
gv_ivf_value_slot(const GvIvfLayout *layout, GvIvfRowsPage rows, int slot)
{
	return (char *) (rows + 1) + slot * MAXALIGN(layout->value_bytes);
}

extern int	gv_ivf_padded_dim(const GvAmOpclass *opclass, int dim);
extern double gv_ivf_pages_of(const GvIvfLayout *layout, double n_rows, double n_lists);
extern bool gv_ivf_layout_set(GvIvfLayout *layout, const GvIvfMetaPageData *meta);
extern void gv_ivf_layout_choose(GvIvfMetaPageData *meta, GvIvfRowKind row_kind, int extra_bits);

#endif							/* GV_IVF_LAYOUT_H */
