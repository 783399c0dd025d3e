/*-------------------------------------------------------------------------
 *
 * spill.c
 *		Arrays of which a part is in memory and the rest in a temporary file.
 *
 * What a merge has to know of each document and each block of postings.  The arrays
 * of a merge share a number of pages in memory.  When these are all taken, one of
 * them, chosen by chance, goes to the file: whoever goes through an array again and
 * again, as merging lexemes does, then finds a part of it in memory, where the page
 * used longest ago would always be the one that is needed next.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/memutils.h"

#include "bm25/spill.h"

/* Pages in memory, at least: some for each array, or it would be slow */
#define MIN_FRAMES 32

#define NO_SLOT PG_UINT32_MAX

/* A page in memory */
typedef struct Frame
{
	GvBm25Spill *spill;
	uint32		number;			/* of the page in the array */
	uint32		place;			/* in the pool's list */
	bool		is_changed;		/* since it was read or written */
	/* char[BLCKSZ], of elements of any kind */
	char		bytes[FLEXIBLE_ARRAY_MEMBER] pg_attribute_aligned(MAXIMUM_ALIGNOF);
} Frame;

#define FRAME_OF(page) ((Frame *) ((page) - offsetof(Frame, bytes)))

struct GvBm25Pool
{
	MemoryContext context;
	uint32		max_frames;
	uint32		n_frames;
	uint32		frames_size;
	Frame	  **frames;			/* Frame *[n_frames] */
	BufFile    *file;			/* NULL: nothing was written yet */
	uint32		n_slots;		/* pages of the file */
	uint32		random;
};

/*
 * gv_bm25_pool_create
 *		Begin to keep arrays in so many bytes, in the current memory context.
 */
GvBm25Pool *
gv_bm25_pool_create(Size memory)
{
	GvBm25Pool *pool = palloc0(sizeof(GvBm25Pool));

	pool->context = CurrentMemoryContext;
	pool->max_frames = (uint32) Min(Max(memory / (BLCKSZ + sizeof(Frame)), MIN_FRAMES),
									PG_INT32_MAX);
	pool->random = 1;
	return pool;
}

/*
 * gv_bm25_pool_free
 *		Remove the file; memory goes with its context.
 */
void
gv_bm25_pool_free(GvBm25Pool *pool)
{
	if (pool->file != NULL)
		BufFileClose(pool->file);
	pool->file = NULL;
}

/* Make room for so many pages */
static void
make_room(GvBm25Spill *spill, uint32 n_pages)
{
	MemoryContext context = spill->pool->context;

	if (spill->page == NULL)
	{
		spill->page = MemoryContextAlloc(context, n_pages * sizeof(char *));
		spill->slot = MemoryContextAlloc(context, n_pages * sizeof(uint32));
	}
	else
	{
		spill->page = repalloc_huge(spill->page, (Size) n_pages * sizeof(char *));
		spill->slot = repalloc_huge(spill->slot, (Size) n_pages * sizeof(uint32));
	}
	spill->pages_size = n_pages;
}

/* Let a frame have a page of an array */
static void
set_frame(Frame *frame, GvBm25Spill *spill, uint32 number)
{
	frame->spill = spill;
	frame->number = number;
	frame->is_changed = false;
	spill->page[number] = frame->bytes;
}

/*
 * gv_bm25_spill_create
 *		Make an empty array of elements of so many bytes.
 *
 * n: elements at most, or more; those that are known to be less than a page stay in
 * memory, and take no more than they need
 */
GvBm25Spill *
gv_bm25_spill_create(GvBm25Pool *pool, uint32 size, uint32 n)
{
	GvBm25Spill *spill = MemoryContextAllocZero(pool->context, sizeof(GvBm25Spill));

	Assert(size > 0 && size <= BLCKSZ);
	spill->pool = pool;
	spill->size = size;
	spill->shift = gv_bm25_spill_shift(size);
	if (n <= (1U << spill->shift) / 2)
	{
		Frame	   *frame = MemoryContextAlloc(pool->context,
											   offsetof(Frame, bytes) + (Size) Max(n, 1) * size);

		make_room(spill, 1);
		spill->n_pages = 1;
		set_frame(frame, spill, 0);
	}
	return spill;
}

/* Go to a page of the file */
static void
seek_slot(GvBm25Pool *pool, uint32 slot)
{
	if (BufFileSeekBlock(pool->file, slot) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in a temporary file of a merge of an index")));
}

/* Write a page to the file, if need be, and take it from the array */
static void
evict_page(GvBm25Pool *pool, Frame *frame)
{
	GvBm25Spill *spill = frame->spill;
	uint32	   *slot = &spill->slot[frame->number];

	if (frame->is_changed)
	{
		if (pool->file == NULL)
		{
			MemoryContext old = MemoryContextSwitchTo(pool->context);

			pool->file = BufFileCreateTemp(false);
			MemoryContextSwitchTo(old);
		}
		if (*slot == NO_SLOT)
			*slot = pool->n_slots++;
		seek_slot(pool, *slot);
		BufFileWrite(pool->file, frame->bytes, BLCKSZ);
	}
	spill->page[frame->number] = NULL;
}

/* Memory for a page: further memory, or that of a page which goes to the file */
static Frame *
take_frame(GvBm25Pool *pool)
{
	Frame	   *frame;

	CHECK_FOR_INTERRUPTS();
	if (pool->n_frames < pool->max_frames)
	{
		if (pool->n_frames == pool->frames_size)
		{
			pool->frames_size = Max(MIN_FRAMES, pool->frames_size * 2);
			pool->frames = pool->frames == NULL ?
				MemoryContextAlloc(pool->context, pool->frames_size * sizeof(Frame *)) :
				repalloc_huge(pool->frames, (Size) pool->frames_size * sizeof(Frame *));
		}
		frame = MemoryContextAlloc(pool->context, offsetof(Frame, bytes) + BLCKSZ);
		frame->place = pool->n_frames;
		pool->frames[pool->n_frames++] = frame;
		return frame;
	}
	/* Marsaglia, Xorshift RNGs, Journal of Statistical Software 8(14), 2003 */
	pool->random ^= pool->random << 13;
	pool->random ^= pool->random >> 17;
	pool->random ^= pool->random << 5;
	frame = pool->frames[pool->random % pool->n_frames];
	if (frame->spill != NULL)
		evict_page(pool, frame);
	return frame;
}

/*
 * gv_bm25_spill_load
 *		Read a page that is not in memory.
 */
char *
gv_bm25_spill_load(GvBm25Spill *spill, uint32 number)
{
	GvBm25Pool *pool = spill->pool;
	Frame	   *frame = take_frame(pool);

	/* it belongs to nobody if this fails */
	frame->spill = NULL;
	Assert(spill->page[number] == NULL && spill->slot[number] != NO_SLOT);
	seek_slot(pool, spill->slot[number]);
	if (BufFileRead(pool->file, frame->bytes, BLCKSZ) != BLCKSZ)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from a temporary file of a merge of an index")));
	set_frame(frame, spill, number);
	return frame->bytes;
}

/* Add a page to an array that has as many as it has elements for */
static void
add_page(GvBm25Spill *spill)
{
	uint32		number = spill->n >> spill->shift;

	if (number == spill->pages_size)
		make_room(spill, Max(16, spill->pages_size * 2));
	if (number == spill->n_pages)
	{
		spill->page[number] = NULL;
		spill->slot[number] = NO_SLOT;
		spill->n_pages++;
	}
	/* or it is of an array that was emptied, and what was there counts no more */
	if (spill->page[number] == NULL)
		set_frame(take_frame(spill->pool), spill, number);
}

/*
 * gv_bm25_spill_append
 *		Append an element.
 */
void
gv_bm25_spill_append(GvBm25Spill *spill, const void *element)
{
	uint32		offset = spill->n & ((1U << spill->shift) - 1);
	char	   *page;

	if (offset == 0)
		add_page(spill);
	page = spill->page[spill->n >> spill->shift];
	if (unlikely(page == NULL))
		page = gv_bm25_spill_load(spill, spill->n >> spill->shift);
	memcpy(page + (Size) offset * spill->size, element, spill->size);
	FRAME_OF(page)->is_changed = true;
	spill->n++;
}

/*
 * gv_bm25_spill_move
 *		Append all elements of an array to another one, and empty it.
 */
void
gv_bm25_spill_move(GvBm25Spill *to, GvBm25Spill *from)
{
	char	   *element = palloc(from->size);

	Assert(to->size == from->size);
	for (uint32 i = 0; i < from->n; i++)
	{
		/* a page of the one may have to go for one of the other */
		memcpy(element, gv_bm25_spill_read(from, i), from->size);
		gv_bm25_spill_append(to, element);
	}
	pfree(element);
	from->n = 0;
}

/*
 * gv_bm25_spill_copy
 *		Copy elements out of an array.
 *
 * out: char[n][size], written
 */
void
gv_bm25_spill_copy(GvBm25Spill *spill, uint32 first, uint32 n, void *out)
{
	char	   *to = out;

	while (n > 0)
	{
		uint32		left = (1U << spill->shift) - (first & ((1U << spill->shift) - 1));
		uint32		part = Min(n, left);

		memcpy(to, gv_bm25_spill_read(spill, first), (Size) part * spill->size);
		to += (Size) part * spill->size;
		first += part;
		n -= part;
	}
}

/*
 * gv_bm25_spill_empty
 *		Forget all elements.
 */
void
gv_bm25_spill_empty(GvBm25Spill *spill)
{
	spill->n = 0;
}
