/*-------------------------------------------------------------------------
 *
 * build_shard.h
 *		Builds larger than memory: shards of the rows and their files.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_BUILD_SHARD_H
#define GV_HNSW_BUILD_SHARD_H

#include "postgres.h"

#include "storage/buffile.h"

#include "hnsw/build.h"

/*
 * Shards that have a row.  Three instead of two cost half as much again: recall
 * at ef_search 80 and 160 .829 and .926 instead of .822 and .924 (half of
 * imdb-lsa-768, in memory .849 and .928).
 */
#define GV_HNSW_COPIES 2

/*
 * A row in files.  Its point's high plane and rest follow, then the packed words
 * of filter columns; without codes, after these, the value.
 */
typedef struct GvHnswMember
{
	uint64		hash;			/* of the value */
	GvHnswPointHead head;
	float		norm;			/* inner product: of the value */
	uint32		home;			/* the shard that counts the row's node as its own */
	uint32		position;		/* of the node among those of its home */
	uint32		others[GV_HNSW_COPIES - 1]; /* shards that have it, too; or none */
	uint32		entry;			/* lane of the entry table, or GV_HNSW_NO_ROW */
	uint32		value_size;		/* bytes of the value, aligned; 0 with codes */
	ItemPointerData tid;
} GvHnswMember;

/* What a shard says of a node; its lanes follow, then for its home the member */
typedef struct GvHnswShardNode
{
	uint32		number;			/* of the node, in the order of pages */
	uint32		n_lanes;
	float		center_weight;
} GvHnswShardNode;

/* A neighbor; its code follows */
typedef struct GvHnswShardLane
{
	uint32		link;			/* number of the node, see GV_HNSW_LINK_FILL */
	float		key;
	float		add;
	float		rescale;
} GvHnswShardLane;

/* A further row of a node's vector */
typedef struct GvHnswShardEqual
{
	uint32		position;
	ItemPointerData tid;
	uint16		differs;		/* from the first in its filter columns */
} GvHnswShardEqual;

typedef struct GvHnswShard
{
	BufFile    *members;
	BufFile    *equals;			/* NULL if there are none */
	BufFile    *nodes;			/* ordered by home and position */
	uint32		n_members;
	Size		value_bytes;	/* of their values, without codes */
	Size		used;			/* of the room for its members */
	uint32		n_nodes;		/* of which it is the home */
	uint32		first_node;		/* number of the first of these */
} GvHnswShard;

struct GvHnswShards
{
	int			n_shards;
	GvHnswShard *shard;
	Size		room;			/* bytes that the arrays of a shard may take */
	Size		row_size;		/* what a member takes of that, beside its value */
	Size		largest;		/* bytes of the largest value, without codes */
	uint32		n_nodes;
	uint64		n_members;		/* of all shards */
	uint64		n_linked;		/* members of the shards that are done */
	uint8	   *weight;			/* by node: center_weight in 254ths and 1; 0: not chosen */

	/* pages of nodes without codes, and of what does not fit into these */
	GvHnswItemPlace place;		/* of the last node */
	uint32	   *page_first;		/* number of the first node of each page */
	uint32		n_pages;
	uint32		page_room;		/* of page_first */
	uint32		n_rest_pages;

	BufFile    *null_tids;		/* rows without direction, or NULL */
	uint64		n_null_tids;
	Size		point_size;		/* of the planes that follow the head of a member */
	Size		member_size;	/* with the packed words, without the value */
	Size		lane_size;
	Size		node_size;		/* of GvHnswShardNode and its lanes */
	char	   *staging;		/* nodes on their way into a file, in shared memory */
	uint32		n_staging;
	uint64		n_tuples;		/* rows of the table that are indexed */
};

static inline void
gv_hnsw_shard_write(BufFile *file, const void *data, Size n_bytes)
{
	BufFileWrite(file, unconstify(void *, data), n_bytes);
}

/* Read from a file what must be there */
static inline void
gv_hnsw_shard_read(BufFile *file, void *data, Size n_bytes)
{
	if (BufFileRead(file, data, n_bytes) != n_bytes)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from a temporary file of an index build")));
}

static inline void
gv_hnsw_shard_rewind(BufFile *file)
{
	if (BufFileSeek(file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind a temporary file of an index build")));
}

/* The value of a member without codes */
static inline char *
gv_hnsw_member_value(const GvHnswShards *shards, const GvHnswMember *member)
{
	return (char *) member + shards->member_size;
}

/* Room for any member */
static inline GvHnswMember *
gv_hnsw_alloc_member(const GvHnswShards *shards)
{
	return palloc0(shards->member_size + shards->largest);
}

static inline void
gv_hnsw_write_member(BufFile *file, const GvHnswShards *shards, const GvHnswMember *member)
{
	gv_hnsw_shard_write(file, member, shards->member_size + member->value_size);
}

static inline void
gv_hnsw_read_member(BufFile *file, const GvHnswShards *shards, GvHnswMember *member)
{
	gv_hnsw_shard_read(file, member, shards->member_size);
	if (member->value_size > 0)
		gv_hnsw_shard_read(file, gv_hnsw_member_value(shards, member), member->value_size);
}

/* build_divide.c */
extern void gv_hnsw_build_divide(GvHnswBuild *build);

/* build_shard.c */
extern void gv_hnsw_build_plan_staging(GvHnswBuild *build);
extern void gv_hnsw_build_enter_shard(GvHnswBuild *build);
extern Size gv_hnsw_build_size_shard(GvHnswBuild *build, uint32 s);
extern void gv_hnsw_build_load_shard(GvHnswBuild *build, uint32 s);
extern void gv_hnsw_build_encode_row(GvHnswBuild *build, uint32 i);
extern void gv_hnsw_build_store_shard(GvHnswBuild *build, uint32 s);

/* build_merge.c */
extern void gv_hnsw_build_merge(GvHnswBuild *build);

#endif							/* GV_HNSW_BUILD_SHARD_H */
