/*-------------------------------------------------------------------------
 *
 * base_pool.c
 *		The pool of a best-first search against an unsorted list.
 *
 *-------------------------------------------------------------------------
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base.h"
#include "base/pool.h"
#include "unit.h"

#define MAX_CAPACITY 100

/* Candidates offered at once */
#define MAX_OFFERED 32

/* A candidate of the list */
typedef struct Candidate
{
	float		key;			/* as the pool keeps it */
	uint32_t	id;
	bool		expanded;
} Candidate;

typedef struct List
{
	Candidate	candidates[MAX_CAPACITY + MAX_OFFERED + 1];
	int			n;
	int			capacity;
} List;

/* A key without the lowest bit of its representation */
static float
clear_lowest_bit(float key)
{
	uint32_t	bits;

	memcpy(&bits, &key, sizeof(bits));
	bits -= bits % 2;
	memcpy(&key, &bits, sizeof(key));
	return key;
}

static bool
same_bits(float x, float y)
{
	return memcmp(&x, &y, sizeof(float)) == 0;
}

static float
random_float(void)
{
	uint32_t	bits;
	float		x;

	do
	{
		bits = (uint32_t) gv_unit_random();
		memcpy(&x, &bits, sizeof(x));
	} while (isnan(x));
	return x;
}

/* n_keys: number of different keys, or 0 for any float */
static float
random_key(int n_keys)
{
	return n_keys == 0 ? random_float() :
		(float) ((int) (gv_unit_random() % n_keys) - n_keys / 3);
}

/*
 * Elements have the order of their keys, then of their ids, and give both back.
 */
static void
test_elements(void)
{
	static const float special[] = {
		-INFINITY, -FLT_MAX, -3, -1, -FLT_MIN, -0x1p-148f, -0.0f,
		0.0f, 0x1p-148f, FLT_MIN, 1, 3, FLT_MAX, INFINITY
	};
	const int	n_special = (int) (sizeof(special) / sizeof(special[0]));
	int			i;

	gv_unit_begin("pool: elements give keys and ids back, in order");
	for (i = 0; i < 200000; i++)
	{
		float		x = i < n_special ? special[i] : random_float();
		float		y = i + 1 < n_special ? special[i + 1] : random_float();
		uint32_t	id = (uint32_t) gv_unit_random();
		uint64_t	a = gv_pool_element(x, id);
		uint64_t	b = gv_pool_element(y, (uint32_t) gv_unit_random());

		if (!same_bits(gv_pool_element_key(a), clear_lowest_bit(x)) || (uint32_t) a != id)
			gv_unit_fail("key %a, id %u become %a, %u", x, id, gv_pool_element_key(a),
						 (uint32_t) a);
		if (a & GV_POOL_EXPANDED)
			gv_unit_fail("key %a is expanded at once", x);
		if (!same_bits(gv_pool_element_key(a | GV_POOL_EXPANDED), gv_pool_element_key(a)))
			gv_unit_fail("key %a changes when it is expanded", x);
		x = clear_lowest_bit(x);
		y = clear_lowest_bit(y);
		if ((x < y && a >= b) || (x > y && a <= b))
			gv_unit_fail("keys %a and %a are in the wrong order", x, y);
		if (id < UINT32_MAX && gv_pool_element(x, id) >= gv_pool_element(x, id + 1))
			gv_unit_fail("ids %u and %u of one key are in the wrong order", id, id + 1);
	}
	gv_unit_end();
}

/* The candidate of the list with that key, id and state, or -1 */
static int
find(const List *list, float key, uint32_t id, bool expanded)
{
	int			i;

	for (i = 0; i < list->n; i++)
	{
		const Candidate *c = &list->candidates[i];

		if (same_bits(c->key, key) && c->id == id && c->expanded == expanded)
			return i;
	}
	return -1;
}

static void
take_out(List *list, int i)
{
	list->candidates[i] = list->candidates[--list->n];
}

static int
find_element(const List *list, uint64_t element)
{
	return find(list, gv_pool_element_key(element), (uint32_t) element,
				(element & GV_POOL_EXPANDED) != 0);
}

/*
 * The pool holds the candidates of the list, sorted by key.
 */
static void
compare(const GvPool *pool, const List *list)
{
	List		rest = *list;
	GvPool		known = *pool;
	float		bound = INFINITY;
	int			i;

	if (pool->n != list->n)
	{
		gv_unit_fail("the pool has %d candidates, not %d", pool->n, list->n);
		return;
	}
	for (i = 0; i < pool->n; i++)
	{
		int			at = find_element(&rest, pool->element[i]);

		if (at < 0)
			gv_unit_fail("candidate %d does not belong in the pool", i);
		else
			take_out(&rest, at);
		if (gv_pool_insert_new(&known, gv_pool_element_key(pool->element[i]),
							   (uint32_t) pool->element[i]) >= 0)
			gv_unit_fail("candidate %d is inserted again", i);
		if (i > 0 && gv_pool_element_key(pool->element[i - 1]) >
			gv_pool_element_key(pool->element[i]))
			gv_unit_fail("candidates %d and %d are in the wrong order", i - 1, i);
		if (i < pool->cursor && !(pool->element[i] & GV_POOL_EXPANDED))
			gv_unit_fail("candidate %d before the cursor is not expanded", i);
	}
	if (list->n == list->capacity)
	{
		bound = -INFINITY;
		for (i = 0; i < list->n; i++)
			bound = fmaxf(bound, list->candidates[i].key);
	}
	/* as numbers: a bound of either zero is the same */
	if (gv_pool_bound(pool) != bound)
		gv_unit_fail("bound %a, not %a", gv_pool_bound(pool), bound);
}

/*
 * Offer a candidate to both: the list drops the worst once it is over its
 * capacity, any of them if several are worst.
 */
static void
insert(GvPool *pool, List *list, float key, uint32_t id)
{
	uint64_t	before[MAX_CAPACITY + 1];
	int			n_before = pool->n;
	uint64_t	rejected = 0;
	bool		has_rejected;
	bool		known;
	float		worst;
	int			at;
	int			i;

	memcpy(before, pool->element, n_before * sizeof(uint64_t));
	known = find(list, clear_lowest_bit(key), id, false) >= 0 ||
		find(list, clear_lowest_bit(key), id, true) >= 0;
	if (gv_unit_random() % 2)
	{
		int			place = gv_pool_insert_new(pool, key, id);

		if (known)
		{
			if (place >= 0)
				gv_unit_fail("a candidate is inserted again");
			return;
		}
		if (place >= 0 && ((uint32_t) pool->element[place] != id ||
						   (pool->element[place] & GV_POOL_EXPANDED)))
			gv_unit_fail("a new candidate is not where it should be");
		has_rejected = place < 0 || (n_before == pool->capacity &&
									 !(before[n_before - 1] & GV_POOL_EXPANDED));
		if (has_rejected)
			rejected = place < 0 ? gv_pool_element(key, id) : before[n_before - 1];
	}
	else
		has_rejected = gv_pool_insert(pool, key, id, &rejected);

	list->candidates[list->n].key = clear_lowest_bit(key);
	list->candidates[list->n].id = id;
	list->candidates[list->n++].expanded = false;
	if (list->n <= list->capacity)
	{
		if (has_rejected)
			gv_unit_fail("rejected by a pool with room");
		return;
	}

	worst = -INFINITY;
	for (i = 0; i < list->n; i++)
		worst = fmaxf(worst, list->candidates[i].key);
	/* what is not rejected is the expanded one that was last */
	at = find_element(list, has_rejected ? rejected : before[n_before - 1]);
	if (at < 0)
	{
		gv_unit_fail("what was rejected had not been there");
		list->n--;
	}
	else
	{
		if (list->candidates[at].key != worst)
			gv_unit_fail("key %a was dropped, not %a", list->candidates[at].key, worst);
		if (list->candidates[at].expanded == has_rejected)
			gv_unit_fail("an expanded candidate is rejected, or another lost");
		take_out(list, at);
	}
}

/*
 * Offer several candidates: the keys are the same as one by one, and every
 * candidate is in the pool or rejected or expanded and worse than those of the pool.
 */
static void
insert_all(GvPool *pool, List *list, int n_keys)
{
	uint64_t	elements[MAX_OFFERED];
	uint64_t	rejected[MAX_OFFERED];
	uint64_t	one[MAX_CAPACITY + 1];
	GvPool		other = {one, pool->n, pool->capacity, pool->cursor};
	List		rest = *list;
	int			n = (int) (gv_unit_random() % (MAX_OFFERED + 1));
	int			n_rejected;
	int			i;

	memcpy(one, pool->element, pool->n * sizeof(uint64_t));
	for (i = 0; i < n; i++)
	{
		Candidate  *c = &rest.candidates[rest.n++];
		float		key = random_key(n_keys);
		uint64_t	unused;

		c->id = (uint32_t) (gv_unit_random() % 1000);
		c->key = clear_lowest_bit(key);
		c->expanded = false;
		elements[i] = gv_pool_element(key, c->id);
		gv_pool_insert(&other, key, c->id, &unused);
	}
	n_rejected = gv_pool_insert_all(pool, elements, n, rejected);

	list->n = 0;
	for (i = 0; i < pool->n + n_rejected; i++)
	{
		uint64_t	element = i < pool->n ? pool->element[i] : rejected[i - pool->n];
		int			at = find_element(&rest, element);

		if (at < 0)
		{
			gv_unit_fail("a candidate comes from nowhere");
			continue;
		}
		if (i >= pool->n && rest.candidates[at].expanded)
			gv_unit_fail("an expanded candidate is rejected");
		if (i < pool->n)
			list->candidates[list->n++] = rest.candidates[at];
		take_out(&rest, at);
	}
	for (i = 0; i < rest.n; i++)
	{
		if (!rest.candidates[i].expanded || rest.candidates[i].key < gv_pool_bound(pool))
			gv_unit_fail("a candidate is lost");
	}
	if (pool->n != other.n)
		gv_unit_fail("%d candidates in the pool, one by one %d", pool->n, other.n);
	for (i = 0; i < pool->n; i++)
	{
		if (!same_bits(gv_pool_element_key(pool->element[i]), gv_pool_element_key(one[i])))
			gv_unit_fail("another key at place %d than one by one", i);
	}
}

/*
 * Move to the best candidate not expanded; returns its place in the list, or -1.
 */
static int
advance(GvPool *pool, const List *list)
{
	bool		any = gv_pool_advance(pool);
	int			best = -1;
	int			at;
	int			i;

	for (i = 0; i < list->n; i++)
	{
		const Candidate *c = &list->candidates[i];

		if (!c->expanded && (best < 0 || c->key < list->candidates[best].key))
			best = i;
	}
	if (any != (best >= 0))
		gv_unit_fail("candidates are left, or not, against what advance says");
	if (!any || best < 0)
		return -1;
	at = find_element(list, pool->element[pool->cursor]);
	if (at < 0 || list->candidates[at].expanded ||
		list->candidates[at].key != list->candidates[best].key)
		gv_unit_fail("the cursor is not at the best candidate");
	return at;
}

/*
 * Random insertions, expansions and removals.
 */
static void
run_pool(int capacity, int n_keys)
{
	GvPool		pool = {gv_unit_at_end(0, (capacity + 1) * sizeof(uint64_t)), 0, capacity, 0};
	List		list = {.capacity = capacity};
	int			op;

	for (op = 0; op < 3000; op++)
	{
		/* phases that fill the pool, and phases that empty it */
		bool		fills = op / 500 % 2 == 0;
		int			at;

		if (gv_unit_random() % 4 < (fills ? 3 : 1))
		{
			if (gv_unit_random() % 4)
				insert(&pool, &list, random_key(n_keys),
					   (uint32_t) (gv_unit_random() % 1000));
			else
				insert_all(&pool, &list, n_keys);
		}
		else if ((at = advance(&pool, &list)) >= 0)
		{
			if (gv_unit_random() % 2)
			{
				pool.element[pool.cursor] |= GV_POOL_EXPANDED;
				list.candidates[at].expanded = true;
			}
			else
			{
				gv_pool_remove(&pool);
				take_out(&list, at);
			}
		}
		compare(&pool, &list);
	}
}

/*
 * gv_unit_test_pool
 *		Elements, then pools of several sizes.
 */
void
gv_unit_test_pool(void)
{
	static const int capacities[] = {1, 2, 3, 10, 40, MAX_CAPACITY};
	static const int n_keys[] = {0, 1, 3, 20, 1000};
	int			i;
	int			j;

	gv_unit_seed(12);
	test_elements();
	for (i = 0; i < (int) (sizeof(capacities) / sizeof(capacities[0])); i++)
	{
		gv_unit_begin("pool: insert, advance and remove, capacity %d", capacities[i]);
		for (j = 0; j < (int) (sizeof(n_keys) / sizeof(n_keys[0])); j++)
			run_pool(capacities[i], n_keys[j]);
		gv_unit_end();
	}
}
