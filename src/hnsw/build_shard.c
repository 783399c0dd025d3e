/*-------------------------------------------------------------------------
 *
 * build_shard.c
 *		Builds larger than memory, second step: the graph of one shard.
 *
 * The members of a shard come from its file into the arrays of a build and
 * are linked there.  What the shard says of each of them, its neighbors with
 * their codes, goes to a file, ordered by home and position: so that merging
 * reads each of these files once, from its start to its end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "hnsw/build_shard.h"
#include "hnsw/node.h"
#include "quant/rabitq.h"

/* The weight of a center as a byte; 0 is left for "not chosen" */
#define WEIGHT_STEPS 254

/*
 * gv_hnsw_build_plan_staging
 *		Fill in the sizes of what goes to the files of shards, and the place of
 *		the staging area, which is that of edges.
 *
 * The arrays need not be there.
 */
void
gv_hnsw_build_plan_staging(GvHnswBuild *build)
{
	GvHnswShards *shards = build->shards;
	const GvHnswGraph *graph = &build->graph;

	shards->point_size = graph->dims > 0 ? graph->dims + graph->points.rest_bytes : 0;
	shards->member_size = MAXALIGN(sizeof(GvHnswMember) + shards->point_size +
								   build->ix.filters.packed_size);
	shards->lane_size = MAXALIGN(sizeof(GvHnswShardLane) + build->ix.layout.code_dims / 8);
	shards->node_size = MAXALIGN(sizeof(GvHnswShardNode)) + shards->lane_size * graph->degree;
	shards->staging = (char *) build->edges;
	shards->n_staging = (uint32) (build->shared->max_batch * graph->degree *
								  sizeof(GvHnswEdge) / shards->node_size);
}

/* Further shards of a member as one number; MAX_SHARDS fits */
static uint32
pack_others(const GvHnswMember *member)
{
	uint32		packed = 0;

	for (int i = GV_HNSW_COPIES - 2; i >= 0; i--)
		packed = packed << 16 | (uint16) member->others[i];
	return packed;
}

static void
unpack_others(GvHnswMember *member, uint32 packed)
{
	for (int i = 0; i < GV_HNSW_COPIES - 1; i++)
	{
		member->others[i] = packed & 0xFFFF;
		packed >>= 16;
	}
}

/*
 * gv_hnsw_build_size_shard
 *		Let the arrays be of a shard's size; returns that in bytes.
 */
Size
gv_hnsw_build_size_shard(GvHnswBuild *build, uint32 s)
{
	const GvHnswShard *shard = &build->shards->shard[s];

	gv_hnsw_build_size_arrays(build, shard->n_members, shard->value_bytes);
	return gv_hnsw_build_place_arrays(build, NULL);
}

/*
 * gv_hnsw_build_enter_shard
 *		Place the arrays in this process as the leader has sized them.
 */
void
gv_hnsw_build_enter_shard(GvHnswBuild *build)
{
	char	   *area = build->area;
	Size		area_size = build->area_size;

	gv_hnsw_build_place_arrays(build, area);
	/* a worker may have begun when the leader had sized them for a smaller shard */
	Assert(build->area_size <= area_size || IsParallelWorker());
	build->area_size = Max(build->area_size, area_size);
	gv_hnsw_build_plan_staging(build);
	/* other values are in the same places now */
	gv_am_probe_forget(&build->worker.probe);
	build->shard = build->shared->shard;
}

/*
 * gv_hnsw_build_load_shard
 *		Read the members of a shard into the build's arrays.
 *
 * Arrays of rows that a shard needs no more serve for what it needs instead:
 * row_id is the number of the row's node, tid_chunk its home, same_next its lane
 * of the entry table; further shards are packed into node_row.
 */
void
gv_hnsw_build_load_shard(GvHnswBuild *build, uint32 s)
{
	GvHnswShards *shards = build->shards;
	GvHnswShard *shard = &shards->shard[s];
	GvHnswGraph *graph = &build->graph;
	GvHnswMember *member = gv_hnsw_alloc_member(shards);
	Size		used = 0;

	gv_hnsw_build_size_shard(build, s);
	build->shared->shard = s + 1;
	gv_hnsw_build_enter_shard(build);
	if (shard->members)
		gv_hnsw_shard_rewind(shard->members);
	for (uint32 row = 0; row < shard->n_members; row++)
	{
		const char *planes = (char *) (member + 1);

		CHECK_FOR_INTERRUPTS();
		gv_hnsw_read_member(shard->members, shards, member);
		graph->tid[row] = member->tid;
		graph->hash[row] = member->hash;
		if (graph->norm)
			graph->norm[row] = member->norm;
		if (graph->dims > 0)
		{
			*gv_hnsw_point_head(&graph->points, row) = member->head;
			memcpy(gv_hnsw_point_high(&graph->points, row), planes, graph->dims);
			memcpy(gv_hnsw_point_rest(&graph->points, row), planes + graph->dims,
				   graph->points.rest_bytes);
		}
		else
		{
			graph->value_offset[row] = used;
			memcpy(graph->values + used, gv_hnsw_member_value(shards, member),
				   member->value_size);
			used += member->value_size;
		}
		memcpy(gv_hnsw_build_filters(build, row), planes + shards->point_size,
			   build->ix.filters.packed_size);
		build->row_id[row] = shards->shard[member->home].first_node + member->position;
		build->node_row[row] = pack_others(member);
		build->tid_chunk[row] = member->home;
		build->same_next[row] = member->entry;
		graph->n_links[row] = 0;
	}
	if (shard->members)
		BufFileClose(shard->members);
	shard->members = NULL;
	gv_hnsw_build_choose_shard_order(build, shard->n_members);
	pfree(member);
}

/* Choose where the codes of a row's neighbors are centred; as a byte */
static uint8
choose_weight(GvHnswBuild *build, uint32 row)
{
	GvHnswGraph *graph = &build->graph;
	float		norm2 = gv_hnsw_point_head(&graph->points, row)->norm2;
	double		weight = graph->n_links[row] > 0 && norm2 > 0 ?
		gv_hnsw_graph_mean_product(graph, row) / norm2 : 0.5;

	return (uint8) (1.5 + WEIGHT_STEPS * Max(Min(weight, 1.0), 0.0));
}

/*
 * gv_hnsw_build_encode_row
 *		Write what a shard says of a node into the staging area.
 *
 * i: number of the row in the present order
 */
void
gv_hnsw_build_encode_row(GvHnswBuild *build, uint32 i)
{
	const GvHnswLayout *layout = &build->ix.layout;
	const GvHnswShards *shards = build->shards;
	GvHnswGraph *graph = &build->graph;
	uint32		row = graph->order[i];
	const uint32 *links = graph->links + (Size) row * graph->degree;
	GvHnswShardNode *out = (GvHnswShardNode *) (shards->staging +
												i % shards->n_staging * shards->node_size);
	char	   *lanes = (char *) out + MAXALIGN(sizeof(GvHnswShardNode));
	GvHnswNode	node = (GvHnswNode) build->node_image;
	float	   *p = build->point;
	float	   *x = build->decoded;

	CHECK_FOR_INTERRUPTS();
	memset(out, 0, shards->node_size);
	out->number = build->row_id[row];
	out->n_lanes = graph->n_links[row];
	for (uint32 l = 0; l < out->n_lanes; l++)
	{
		GvHnswShardLane *lane = (GvHnswShardLane *) (lanes + l * shards->lane_size);

		lane->link = build->row_id[GV_HNSW_LINK_ROW(links[l])] | (links[l] & GV_HNSW_LINK_FILL);
		lane->key = graph->link_keys[(Size) row * graph->degree + l];
	}
	if (graph->dims == 0)
		return;
	/* the leader has put the weight where edges were */
	out->center_weight = (graph->incoming[row] - 1) / (float) WEIGHT_STEPS;

	/* codes are made from the own vector as the node has it */
	gv_hnsw_point_decode(&graph->points, row, p);
	gv_hnsw_node_set_own(layout, node, p, graph->dims, 0);
	gv_hnsw_node_get_own(layout, node, p);
	for (uint32 l = 0; l < out->n_lanes; l++)
	{
		uint32		neighbor = GV_HNSW_LINK_ROW(links[l]);
		GvHnswShardLane *lane = (GvHnswShardLane *) (lanes + l * shards->lane_size);
		uint8	   *code = (uint8 *) (lane + 1);
		GvRabitqFactors factors;

		if (l + 1 < out->n_lanes)
			gv_hnsw_point_prefetch(&graph->points, GV_HNSW_LINK_ROW(links[l + 1]));
		gv_hnsw_point_decode(&graph->points, neighbor, x);
		factors = gv_rabitq_encode(x, p, out->center_weight, layout->own_dims,
								   layout->code_dims, code);
		lane->add = factors.add;
		if (graph->norm)
			lane->add += gv_hnsw_build_key_bias(build, graph->norm[neighbor]);
		lane->rescale = factors.rescale;
	}
}

/* Give a node without codes its place, now that those before it have theirs */
static void
place_node(GvHnswBuild *build, uint32 number, Size value_size)
{
	GvHnswShards *shards = build->shards;
	GvHnswItemPlace *place = &shards->place;
	Size		rest;

	if (number == 0)
		place->slot = -1;
	gv_hnsw_build_place_item(&build->ix.layout, place, value_size);
	gv_hnsw_build_item_size(&build->ix.layout, value_size, &rest);
	shards->n_rest_pages += (rest + GV_HNSW_CHAIN_ROOM - 1) / GV_HNSW_CHAIN_ROOM;
	if (place->slot > 0)
		return;
	if (shards->n_pages == shards->page_room)
	{
		shards->page_room = Max(2 * shards->page_room, 1024);
		shards->page_first = shards->page_first == NULL ?
			palloc(shards->page_room * sizeof(uint32)) :
			repalloc_huge(shards->page_first, shards->page_room * sizeof(uint32));
	}
	shards->page_first[shards->n_pages++] = number;
}

/* Write a row as its home has it */
static void
write_home_member(GvHnswBuild *build, BufFile *file, uint32 s, uint32 row)
{
	GvHnswShards *shards = build->shards;
	GvHnswGraph *graph = &build->graph;
	GvHnswMember *member = gv_hnsw_alloc_member(shards);
	char	   *planes = (char *) (member + 1);

	member->hash = graph->hash[row];
	member->norm = graph->norm ? graph->norm[row] : 0;
	member->home = s;
	member->position = build->row_id[row] - shards->shard[s].first_node;
	unpack_others(member, build->node_row[row]);
	member->entry = build->same_next[row];
	member->tid = graph->tid[row];
	if (graph->dims > 0)
	{
		member->head = *gv_hnsw_point_head(&graph->points, row);
		memcpy(planes, gv_hnsw_point_high(&graph->points, row), graph->dims);
		memcpy(planes + graph->dims, gv_hnsw_point_rest(&graph->points, row),
			   graph->points.rest_bytes);
	}
	else
	{
		char	   *value = DatumGetPointer(gv_hnsw_graph_value(graph, row));

		member->value_size = MAXALIGN(VARSIZE(value));
		memcpy(gv_hnsw_member_value(shards, member), value, member->value_size);
		place_node(build, build->row_id[row], VARSIZE(value));
	}
	memcpy(planes + shards->point_size, gv_hnsw_build_filters(build, row),
		   build->ix.filters.packed_size);
	gv_hnsw_write_member(file, shards, member);
	pfree(member);
}

/* Order the rows of a shard by home; those of one are in order of position */
static void
order_by_home(GvHnswBuild *build, uint32 n)
{
	GvHnswShards *shards = build->shards;
	uint32	   *place = palloc0(sizeof(uint32) * (shards->n_shards + 1));

	for (uint32 row = 0; row < n; row++)
		place[build->tid_chunk[row] + 1]++;
	for (int h = 1; h < shards->n_shards; h++)
		place[h] += place[h - 1];
	for (uint32 row = 0; row < n; row++)
		build->graph.order[place[build->tid_chunk[row]]++] = row;
	pfree(place);
}

/*
 * gv_hnsw_build_store_shard
 *		Write the graph of a shard to its file.
 */
void
gv_hnsw_build_store_shard(GvHnswBuild *build, uint32 s)
{
	GvHnswShards *shards = build->shards;
	GvHnswShard *shard = &shards->shard[s];
	GvHnswGraph *graph = &build->graph;
	uint32		n = shard->n_members;

	order_by_home(build, n);
	shard->nodes = BufFileCreateTemp(false);
	for (uint32 first = 0; first < n; first += shards->n_staging)
	{
		uint32		n_rows = Min(n - first, shards->n_staging);

		for (uint32 i = first; i < first + n_rows && graph->dims > 0; i++)
		{
			uint32		row = graph->order[i];
			uint8	   *weight = &shards->weight[build->row_id[row]];

			/* the first shard that has the node chooses */
			if (*weight == 0)
				*weight = choose_weight(build, row);
			graph->incoming[row] = *weight;
		}
		gv_hnsw_build_run_job(build, GV_HNSW_JOB_ENCODE, first, n_rows);
		for (uint32 i = first; i < first + n_rows; i++)
		{
			uint32		row = graph->order[i];

			CHECK_FOR_INTERRUPTS();
			gv_hnsw_shard_write(shard->nodes, shards->staging +
								i % shards->n_staging * shards->node_size, shards->node_size);
			if (build->tid_chunk[row] == s)
				write_home_member(build, shard->nodes, s, row);
		}
	}
}
