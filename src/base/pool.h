/*-------------------------------------------------------------------------
 *
 * pool.h
 *		The pool of a best-first search: the best candidates, in order.
 *
 * A sorted array of 64-bit elements: the key in order-preserving bits, its
 * lowest bit set once the candidate is expanded, then the id.  Keys lose
 * their lowest bit.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BASE_POOL_H
#define GV_BASE_POOL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define GV_POOL_EXPANDED (UINT64_C(1) << 32)

typedef struct GvPool
{
	uint64_t   *element;		/* uint64[capacity + 1] */
	int			n;
	int			capacity;
	int			cursor;			/* all before are expanded */
} GvPool;

static inline uint64_t
gv_pool_element(float key, uint32_t id)
{
	uint32_t	bits;

	memcpy(&bits, &key, sizeof(bits));
	bits = (bits & 0x80000000u) ? ~bits : (bits | 0x80000000u);
	return ((uint64_t) (bits & ~1u) << 32) | id;
}

static inline float
gv_pool_element_key(uint64_t element)
{
	uint32_t	bits = (uint32_t) (element >> 32) & ~1u;
	float		key;

	bits = (bits & 0x80000000u) ? (bits & 0x7FFFFFFFu) : ~(bits | 1u);
	memcpy(&key, &bits, sizeof(key));
	return key;
}

/* The key from which on nothing enters the pool */
static inline float
gv_pool_bound(const GvPool *pool)
{
	return pool->n < pool->capacity ? __builtin_inff() :
		gv_pool_element_key(pool->element[pool->n - 1]);
}

/* The place of the first element that is not less than one */
static inline int
gv_pool_find(const GvPool *pool, uint64_t element)
{
	int			low = 0;

	/* without branches, which would be mispredicted half of the time */
	for (int n = pool->n; n > 0;)
	{
		int			half = (n + 1) / 2;

		low += pool->element[low + half - 1] < element ? half : 0;
		n -= half;
	}
	return low;
}

/*
 * gv_pool_contains
 *		Is a candidate in the pool, expanded or not?
 */
static inline bool
gv_pool_contains(const GvPool *pool, float key, uint32_t id)
{
	uint64_t	element = gv_pool_element(key, id);

	/* those of the same key are in any order, since one expanded stays in place */
	for (int i = gv_pool_find(pool, element >> 33 << 33); i < pool->n; i++)
	{
		if (((pool->element[i] ^ element) & ~GV_POOL_EXPANDED) == 0)
			return true;
		if ((pool->element[i] >> 33) != (element >> 33))
			break;
	}
	return false;
}

/*
 * gv_pool_insert
 *		Offer a candidate; the one that has no place is the result.
 *
 * rejected: written if the result is true: a candidate that is not expanded
 * and not, or no longer, in the pool
 */
static inline bool
gv_pool_insert(GvPool *pool, float key, uint32_t id, uint64_t *rejected)
{
	uint64_t	element = gv_pool_element(key, id);
	bool		has_rejected = false;
	int			low = gv_pool_find(pool, element);

	if (pool->n == pool->capacity)
	{
		if (low >= pool->n)
		{
			*rejected = element;
			return true;
		}
		pool->n--;
		*rejected = pool->element[pool->n];
		has_rejected = (*rejected & GV_POOL_EXPANDED) == 0;
	}
	memmove(&pool->element[low + 1], &pool->element[low],
			(pool->n - low) * sizeof(uint64_t));
	pool->element[low] = element;
	pool->n++;
	if (low < pool->cursor)
		pool->cursor = low;
	return has_rejected;
}

/* Take the element at the cursor out, which makes room for another */
static inline void
gv_pool_remove(GvPool *pool)
{
	pool->n--;
	memmove(&pool->element[pool->cursor], &pool->element[pool->cursor + 1],
			(pool->n - pool->cursor) * sizeof(uint64_t));
}

/* Move the cursor to the best candidate not expanded; false if there is none */
static inline bool
gv_pool_advance(GvPool *pool)
{
	while (pool->cursor < pool->n &&
		   (pool->element[pool->cursor] & GV_POOL_EXPANDED))
		pool->cursor++;
	return pool->cursor < pool->n;
}

#endif							/* GV_BASE_POOL_H */
