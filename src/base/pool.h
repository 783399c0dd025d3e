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

/* What is written to pools at once by pool_insert_new of distance/distance.h */
#define GV_POOL_STEP 8

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

	/* without branches, which would be mispredicted half of the time; ?: becomes one */
	for (int n = pool->n; n > 0;)
	{
		int			half = (n + 1) / 2;

		low += half & -(int) (pool->element[low + half - 1] < element);
		n -= half;
	}
	return low;
}

/* Put an element at its place; see gv_pool_insert */
static inline bool
gv_pool_put(GvPool *pool, uint64_t element, int place, uint64_t *rejected)
{
	bool		has_rejected = false;

	if (pool->n == pool->capacity)
	{
		if (place >= pool->n)
		{
			*rejected = element;
			return true;
		}
		pool->n--;
		*rejected = pool->element[pool->n];
		has_rejected = (*rejected & GV_POOL_EXPANDED) == 0;
	}
	memmove(&pool->element[place + 1], &pool->element[place],
			(pool->n - place) * sizeof(uint64_t));
	pool->element[place] = element;
	pool->n++;
	if (place < pool->cursor)
		pool->cursor = place;
	return has_rejected;
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

	return gv_pool_put(pool, element, gv_pool_find(pool, element), rejected);
}

/*
 * gv_pool_insert_new
 *		Offer a candidate unless it is in the pool, expanded or not.
 *
 * Returns its place if it was inserted, or -1.
 */
static inline int
gv_pool_insert_new(GvPool *pool, float key, uint32_t id)
{
	uint64_t	element = gv_pool_element(key, id);
	uint64_t	rejected;
	int			place = gv_pool_find(pool, element >> 33 << 33);

	/* those of the same key are in any order, since one expanded stays in place */
	for (int i = place; i < pool->n && (pool->element[i] >> 33) == (element >> 33); i++)
	{
		if (((pool->element[i] ^ element) & ~GV_POOL_EXPANDED) == 0)
			return -1;
		if (pool->element[place] < element)
			place++;
	}
	if (place == pool->capacity)
		return -1;
	gv_pool_put(pool, element, place, &rejected);
	return place;
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
