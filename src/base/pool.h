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

/* Candidates offered at once, at most */
#define GV_POOL_MAX_OFFERED 32

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

/* Sort a few different elements without branches that depend on them */
static inline void
gv_pool_sort_few(const uint64_t *elements, int n, uint64_t *sorted)
{
	int			n_before[GV_POOL_MAX_OFFERED];

	for (int i = 0; i < n; i++)
	{
		int			n_less = 0;

		for (int j = 0; j < i; j++)
		{
			int			is_less = elements[j] <= elements[i];

			n_less += is_less;
			n_before[j] += 1 - is_less;
		}
		n_before[i] = n_less;
	}
	for (int i = 0; i < n; i++)
		sorted[n_before[i]] = elements[i];
}

/*
 * gv_pool_insert_all
 *		Offer several candidates; the result is how many have no place.
 *
 * elements: n of them, GV_POOL_MAX_OFFERED at most
 * rejected: uint64[n]: candidates that are not expanded and not, or no longer, in
 * the pool
 *
 * The same as gv_pool_insert of one after the other, but that searches for places
 * do not wait for each other, and what is in the pool is moved once.
 */
static inline int
gv_pool_insert_all(GvPool *pool, const uint64_t *elements, int n, uint64_t *rejected)
{
	uint64_t	sorted[GV_POOL_MAX_OFFERED];
	int			places[GV_POOL_MAX_OFFERED];
	int			n_rejected = 0;
	int			end = pool->n;

	gv_pool_sort_few(elements, n, sorted);
	for (int i = 0; i < n; i++)
		places[i] = 0;
	/* step by step for all of them, each as in gv_pool_find */
	for (int left = pool->n; left > 0;)
	{
		int			half = (left + 1) / 2;

		for (int i = 0; i < n; i++)
			places[i] += half & -(int) (pool->element[places[i] + half - 1] < sorted[i]);
		left -= half;
	}

	/* the last of both together have no place */
	while (end + n > pool->capacity)
	{
		uint64_t	last;

		if (n > 0 && places[n - 1] >= end)
			last = sorted[--n];
		else
			last = pool->element[--end];
		if ((last & GV_POOL_EXPANDED) == 0)
			rejected[n_rejected++] = last;
	}
	pool->n = end + n;
	if (n > 0 && places[0] < pool->cursor)
		pool->cursor = places[0];
	while (n > 0)
	{
		int			place = places[--n];

		memmove(&pool->element[place + n + 1], &pool->element[place],
				(end - place) * sizeof(uint64_t));
		pool->element[place + n] = sorted[n];
		end = place;
	}
	return n_rejected;
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
