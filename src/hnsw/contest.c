/*-------------------------------------------------------------------------
 *
 * contest.c
 *		Links to a node from its neighbors, who may have to give one up.
 *
 * With codes, links are marked that only fill a place, since a shorter one leads
 * to their nodes.  The new link is judged as in a build: against the others
 * only, and a full node gives up the longest that fills.  Without codes there
 * are no marks, so all neighbors and the new node compete as in a robust prune,
 * and the farthest of those passed over has to go.
 *
 * Links are judged by the nodes' own vectors.  To go by the codes on the node's
 * page, which spares reading its neighbors, costs recall where rows come and go,
 * see MEASUREMENTS.md; they only tell which link that fills is the longest, and
 * which neighbors are so far from the new one that neither leads to the other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "am/xlog.h"
#include "base/compat.h"
#include "hnsw/contest.h"

/* Turns in which a node's links are looked at, see judge_by_marks */
#define N_TURNS 3

/* By how much the estimate of a neighbor that is not read is beyond what matters */
#define CLEAR_RATIO 1.15f

/* What becomes of a node's links when another is offered */
typedef struct Verdict
{
	bool		takes;			/* it takes the new one */
	bool		fills;			/* which only fills a place */
	uint32		given_up;		/* for it; invalid: nothing */
	uint32		filling[PG_UINT8_MAX];	/* that only fill from now on */
	int			n_filling;
} Verdict;

/*
 * Judge a link by those that do not only fill, as a build does.
 *
 * to_key: key of the node and the new one
 *
 * One shorter link that leads there settles it: the others need not be read then,
 * but for dead nodes, whose places are free.  So those come first whose vectors are
 * there, next those that seem shorter, and those clearly too far from the new one
 * not at all.
 */
static void
judge_by_marks(GvHnswVectors *vectors, const GvHnswVector *own, GvHnswLinks *links,
			   int degree, const GvHnswVector *to, float to_key, Verdict *verdict)
{
	uint8		turn[PG_UINT8_MAX];
	int			longest = -1;
	int			longest_fill = -1;

	for (int i = 0; i < links->n; i++)
	{
		if (links->fills[i] ||
			(links->has_to_keys &&
			 links->to_key[i] > CLEAR_RATIO * Max(links->key[i], to_key)))
			turn[i] = N_TURNS;
		else if (gv_hnsw_vectors_has(vectors, links->id[i]))
			turn[i] = 0;
		else
			turn[i] = links->key[i] <= to_key ? 1 : 2;
	}
	for (int now = 0; now < N_TURNS && (!verdict->fills || vectors->expects_dead); now++)
	{
		for (int i = 0; i < links->n && now > 0; i++)
		{
			if (turn[i] == now)
				gv_hnsw_vectors_fetch_ahead(vectors, links->id[i]);
		}
		for (int i = 0; i < links->n && (!verdict->fills || vectors->expects_dead); i++)
		{
			const GvHnswVector *other;

			if (turn[i] != now)
				continue;
			other = gv_hnsw_vectors_read(vectors, links->id[i]);
			if (other == NULL)
			{
				/* it has died: its place is free */
				*verdict = (Verdict) {.takes = true, .given_up = links->id[i]};
				return;
			}
			links->key[i] = gv_hnsw_vectors_key(vectors, own, other);
			if (gv_hnsw_vectors_key(vectors, other, to) > Max(links->key[i], to_key))
				continue;
			if (links->key[i] <= to_key)
				verdict->fills = true;
			else
				verdict->filling[verdict->n_filling++] = i;
		}
	}
	if (verdict->fills)
		verdict->n_filling = 0;
	for (int i = 0; i < verdict->n_filling; i++)
	{
		links->fills[verdict->filling[i]] = true;
		verdict->filling[i] = links->id[verdict->filling[i]];
	}

	verdict->takes = true;
	if (links->n < degree)
		return;
	for (int i = 0; i < links->n; i++)
	{
		if (longest < 0 || links->key[i] > links->key[longest])
			longest = i;
		if (links->fills[i] && (longest_fill < 0 || links->key[i] > links->key[longest_fill]))
			longest_fill = i;
	}
	/* a link that does not fill is worth more than any that does */
	if (verdict->fills)
		verdict->takes = longest_fill >= 0 && links->key[longest_fill] > to_key;
	else if (longest_fill < 0)
		verdict->takes = links->key[longest] > to_key;
	verdict->given_up = links->id[longest_fill >= 0 ? longest_fill : longest];
}

/* A neighbor of a full node, or the new node */
typedef struct Rival
{
	const GvHnswVector *vector;
	float		edge;			/* to the node */
	uint32		id;
	bool		passed_over;
} Rival;

static void
sort_rivals(Rival *rivals, int n)
{
	for (int i = 1; i < n; i++)
	{
		Rival		rival = rivals[i];
		int			j = i;

		for (; j > 0 && rivals[j - 1].edge > rival.edge; j--)
			rivals[j] = rivals[j - 1];
		rivals[j] = rival;
	}
}

/* The same where there are no marks: all are judged */
static void
judge_all(GvHnswVectors *vectors, const GvHnswVector *own, const GvHnswLinks *links,
		  int degree, const GvHnswVector *to, float to_key, Verdict *verdict)
{
	Rival		rivals[PG_UINT8_MAX + 1];
	int			n = links->n;
	int			loser = n;

	verdict->takes = true;
	if (n < degree)
		return;
	gv_hnsw_vectors_ask(vectors, links->id, n);
	for (int i = 0; i < n; i++)
	{
		rivals[i] = (Rival) {.id = links->id[i]};
		rivals[i].vector = gv_hnsw_vectors_read(vectors, links->id[i]);
		if (rivals[i].vector == NULL)
		{
			verdict->given_up = links->id[i];
			return;
		}
		rivals[i].edge = gv_hnsw_vectors_key(vectors, own, rivals[i].vector);
	}
	rivals[n++] = (Rival) {.vector = to, .edge = to_key, .id = to->id};
	sort_rivals(rivals, n);
	for (int i = 1; i < n; i++)
	{
		for (int j = 0; j < i && !rivals[i].passed_over; j++)
			rivals[i].passed_over = !rivals[j].passed_over &&
				gv_hnsw_vectors_key(vectors, rivals[i].vector, rivals[j].vector) <= rivals[i].edge;
		if (rivals[i].passed_over)
			loser = i;
	}
	verdict->given_up = rivals[Min(loser, n - 1)].id;
	verdict->takes = verdict->given_up != to->id;
}

/*
 * Which of a node's neighbors can it do without?
 *
 * The one that another, nearer neighbor leads to best, as compared with the
 * direct link.
 */
static int
most_redundant_neighbor(GvHnswVectors *vectors, const GvHnswVector *own,
						const uint32 *neighbors, int n)
{
	/* these keys can be negative, so they have no ratio */
	bool		by_ratio = gv_hnsw_layout_has_codes(&vectors->ix->layout) ||
		vectors->ix->opclass->metric != GV_AM_METRIC_INNER_PRODUCT;
	GvHnswVector *other[PG_UINT8_MAX];
	float		edge[PG_UINT8_MAX];
	float		least = INFINITY;
	int			result = 0;

	for (int i = 0; i < n; i++)
	{
		other[i] = gv_hnsw_vectors_read(vectors, neighbors[i]);
		if (other[i] == NULL)
			return i;
		edge[i] = gv_hnsw_vectors_key(vectors, own, other[i]);
	}
	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < n; j++)
		{
			float		detour;

			if (j == i || edge[j] > edge[i])
				continue;
			detour = gv_hnsw_vectors_key(vectors, other[i], other[j]);
			detour = by_ratio && edge[i] > 0 ? detour / edge[i] : detour - edge[i];
			if (detour < least)
			{
				least = detour;
				result = i;
			}
		}
	}
	return result;
}

/*
 * Make a node link to another.
 *
 * may_fill: also if that only fills a place, where there are marks
 *
 * What it gives up is decided before its page is locked, since that reads
 * other pages.
 */
static bool
link_node(GvHnswVectors *vectors, uint32 from, GvHnswVector *to, bool may_fill, bool force)
{
	GvHnswIndex *ix = vectors->ix;
	const GvHnswLayout *layout = &ix->layout;
	int			degree = Min(layout->degree, 2 * ix->meta.m);
	const GvHnswPoint point = {to->z, to->key_bias};
	GvHnswLinks links;
	Verdict		verdict = {.given_up = GV_HNSW_INVALID_ID};
	const GvHnswVector *own;
	float		to_key;
	bool		done = false;
	Buffer		buf;
	GvHnswNode	node;

	CHECK_FOR_INTERRUPTS();
	own = gv_hnsw_vectors_read(vectors, from);
	if (own == NULL)
		return false;
	to_key = gv_hnsw_vectors_key(vectors, own, to);
	/* dead neighbors are found by reading them */
	gv_hnsw_vectors_read_links(vectors, own, force || vectors->expects_dead ? NULL : to,
							   to_key, &links);
	if (force)
	{
		if (links.n >= degree)
			verdict.given_up = links.id[most_redundant_neighbor(vectors, own, links.id, links.n)];
	}
	else
	{
		if (links.has_marks)
			judge_by_marks(vectors, own, &links, degree, to, to_key, &verdict);
		else
			judge_all(vectors, own, &links, degree, to, to_key, &verdict);
		if (!verdict.takes || (verdict.fills && !may_fill))
			return false;
	}
	GV_TEST_POINT("hnsw-link");

	buf = gv_am_read_buffer(ix->hints, ix->rel, gv_hnsw_id_block(layout, from));
	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	node = gv_hnsw_page_node(ix, BufferGetPage(buf), gv_hnsw_id_slot(layout, from));
	if (node != NULL && node->state == GV_HNSW_NODE_LIVE && node->version == own->version)
	{
		int			lane = -1;
		bool		has_link = gv_hnsw_node_find_lane(layout, node, to->id) >= 0;

		if (node->n_neighbors < degree)
			lane = node->n_neighbors;
		else if (verdict.given_up != GV_HNSW_INVALID_ID)
			lane = gv_hnsw_node_find_lane(layout, node, verdict.given_up);
		if (has_link)
			done = force;
		else if (lane >= 0)
		{
			GvXlog	   *xlog = gv_xlog_begin(ix->rel);

			node = gv_hnsw_page_node(ix, gv_xlog_page(xlog, buf),
									 gv_hnsw_id_slot(layout, from));
			gv_hnsw_node_set_lane(layout, node, lane, to->id, own->z, &point);
			gv_hnsw_node_mark_lane(layout, node, lane, verdict.fills);
			for (int i = 0; i < verdict.n_filling; i++)
			{
				int			filling = gv_hnsw_node_find_lane(layout, node, verdict.filling[i]);

				if (filling >= 0)
					gv_hnsw_node_mark_lane(layout, node, filling, true);
			}
			gv_xlog_finish(xlog);
			done = true;
		}
	}
	UnlockReleaseBuffer(buf);
	return done;
}

/*
 * gv_hnsw_offer_link
 *		Let a node link to another if it prefers that to a link it has.
 *
 * may_fill: also if a shorter link leads there as well; without codes always so
 *
 * Returns whether it does now and did not before.
 */
bool
gv_hnsw_offer_link(GvHnswVectors *vectors, uint32 from, GvHnswVector *to, bool may_fill)
{
	return link_node(vectors, from, to, may_fill, false);
}

/*
 * gv_hnsw_force_link
 *		The same whatever links it has; also true if it links to the other already.
 */
bool
gv_hnsw_force_link(GvHnswVectors *vectors, uint32 from, GvHnswVector *to)
{
	return link_node(vectors, from, to, true, true);
}
