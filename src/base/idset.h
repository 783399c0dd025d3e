/*-------------------------------------------------------------------------
 *
 * idset.h
 *		A set of 32-bit ids: open addressing, at most half full.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BASE_IDSET_H
#define GV_BASE_IDSET_H

#include "postgres.h"

#include "utils/memutils.h"

/* The one number that cannot be in a set */
#define GV_IDSET_EMPTY PG_UINT32_MAX

typedef struct GvIdset
{
	uint32	   *place;			/* uint32[mask + 1] */
	uint32		mask;
	uint32		n;
	MemoryContext context;
} GvIdset;

/* size: a power of two */
static inline void
gv_idset_init(GvIdset *set, MemoryContext context, uint32 size)
{
	set->context = context;
	set->mask = size - 1;
	set->n = 0;
	set->place = MemoryContextAllocHuge(context, (Size) size * sizeof(uint32));
	memset(set->place, 0xFF, (Size) size * sizeof(uint32));
}

static inline void
gv_idset_clear(GvIdset *set)
{
	set->n = 0;
	memset(set->place, 0xFF, ((Size) set->mask + 1) * sizeof(uint32));
}

static inline uint32
gv_idset_find(const GvIdset *set, uint32 id)
{
	uint32		i = (id * 0x9E3779B1u) & set->mask;

	while (set->place[i] != GV_IDSET_EMPTY && set->place[i] != id)
		i = (i + 1) & set->mask;
	return i;
}

static inline bool
gv_idset_contains(const GvIdset *set, uint32 id)
{
	return set->place[gv_idset_find(set, id)] == id;
}

static inline void
gv_idset_grow(GvIdset *set)
{
	GvIdset		old = *set;

	gv_idset_init(set, old.context, (old.mask + 1) * 2);
	for (uint32 i = 0; i <= old.mask; i++)
	{
		if (old.place[i] != GV_IDSET_EMPTY)
			set->place[gv_idset_find(set, old.place[i])] = old.place[i];
	}
	set->n = old.n;
	pfree(old.place);
}

/* Add an id; false if it was there */
static inline bool
gv_idset_add(GvIdset *set, uint32 id)
{
	uint32		i = gv_idset_find(set, id);

	if (set->place[i] == id)
		return false;
	set->place[i] = id;
	if (unlikely(++set->n * 2 > set->mask))
		gv_idset_grow(set);
	return true;
}

#endif							/* GV_BASE_IDSET_H */
