/*-------------------------------------------------------------------------
 *
 * page.h
 *		On-disk format of an hnsw index.
 *
 * Block 0 is the metapage.  Every other block is of one of the kinds below;
 * an all-zero block is free.  A node is named by a 32-bit id, block number
 * times nodes per page plus slot number, so that its place is computed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_HNSW_PAGE_H
#define GV_HNSW_PAGE_H

#include "postgres.h"

#include "pg_config_manual.h"
#include "storage/itemptr.h"

#include "am/page.h"
#include "distance/distance.h"

#define GV_HNSW_MAGIC 0x31574E48	/* "HNW1" */
#define GV_HNSW_VERSION 4

#define GV_HNSW_META_BLKNO 0

/* No node, no tid chunk */
#define GV_HNSW_INVALID_ID PG_UINT32_MAX

/* Kinds of pages */
typedef enum GvHnswPageKind
{
	GV_HNSW_PAGE_META = 1,
	GV_HNSW_PAGE_NODES,			/* fixed slots of nodes with codes */
	GV_HNSW_PAGE_ITEMS,			/* nodes with exact vectors, by line pointer */
	GV_HNSW_PAGE_ENTRY,			/* blocks of entry codes */
	GV_HNSW_PAGE_CENTER,		/* float32 elements of the center */
	GV_HNSW_PAGE_TIDS,			/* chunks of heap tids */
	GV_HNSW_PAGE_VECTOR,		/* part of a vector too long for its node */
	GV_HNSW_PAGE_FREE,			/* for reuse as any kind */
	GV_HNSW_PAGE_FILTERS		/* words of the nodes' filter columns */
} GvHnswPageKind;

#define GV_HNSW_PAGE_LAST GV_HNSW_PAGE_FILTERS

/* How a node carries its own vector */
typedef enum GvHnswOwnKind
{
	GV_HNSW_OWN_HALF = 1,		/* float16[own_dims], rotated */
	GV_HNSW_OWN_INT12,			/* 12-bit integers, rotated, see distance.h */
	GV_HNSW_OWN_INT8,			/* int8[own_dims], rotated */
	GV_HNSW_OWN_EXACT			/* the value as the table has it */
} GvHnswOwnKind;

/* States of a node */
typedef enum GvHnswNodeState
{
	GV_HNSW_NODE_FREE = 0,		/* the slot is empty */
	GV_HNSW_NODE_LIVE,
	GV_HNSW_NODE_DEAD			/* no heap tid: a bridge until its neighbors are repaired */
} GvHnswNodeState;

/* What a calibration was measured with */
typedef enum GvHnswCalibrationSource
{
	GV_HNSW_CALIBRATION_NONE = 0,
	GV_HNSW_CALIBRATION_ROWS,	/* rows of the index */
	GV_HNSW_CALIBRATION_QUERIES /* a user's own query vectors */
} GvHnswCalibrationSource;

/*
 * The metapage's content.  All but the entry table's and the calibration's
 * group is frozen at build.
 */
typedef struct GvHnswMetaPageData
{
	uint32		magic;
	uint16		version;
	uint16		reserved;		/* zero */

	/* what was indexed */
	uint16		metric;			/* GvAmMetric */
	uint16		element;		/* GvAmElement */
	uint32		dim;			/* dimensions of the column */

	/* options */
	uint16		m;
	uint16		ef_construction;
	uint32		reserved_option;	/* zero */
	uint64		seed;

	/* layout of nodes, see layout.h */
	uint16		own_kind;		/* GvHnswOwnKind */
	uint16		degree;			/* neighbors of a node, at most */
	uint32		padded_dim;		/* dimensions after rotation; 0 if not rotated */
	uint32		own_dims;		/* of those, in a node's own vector */
	uint32		code_dims;		/* of those, in a neighbor's code */
	uint32		node_size;		/* bytes of a node slot */
	uint16		nodes_per_page;
	uint16		blocks_per_node;	/* FastScan blocks */

	/* geometry: z = rotation(x) * inverse_unit - center */
	float4		inverse_unit;	/* a power of two; 0 until the first insert */
	float4		max_norm;		/* of the rows at build, inner product only */
	uint32		center_blkno;	/* first of the center's pages, or invalid: zero */

	/* entry table, and what changes */
	uint32		entry_blkno;	/* first page of the entry table, or invalid */
	uint32		tid_blkno;		/* page of tid chunks to fill next, or invalid */
	uint32		n_entries;		/* lanes in use, the first of the table */
	uint32		entry_generation;	/* raised by every change of the table */
	uint32		null_norm_chunk;	/* tids of vectors without direction (cosine) */
	uint64		n_rows_at_build;

	/* filter columns, frozen at build */
	uint8		filter_kind[INDEX_MAX_KEYS];	/* GvAmFilterKind; 0 after the last */

	/* calibration */
	uint16		calibration_source; /* GvHnswCalibrationSource */
	uint16		calibrated_places;	/* for nodes, a row, then; in 1/256; 0: not known */
	uint32		calibration_hash;	/* of all that follows; 0 if there is none */
	uint64		calibrated_rows;	/* rows of the index then */
	uint64		calibrated_table_rows;	/* rows of the table then */
	GvAmRecallTable calibration;
} GvHnswMetaPageData;

typedef GvHnswMetaPageData *GvHnswMetaPage;

/* Tells a node from other content */
#define GV_HNSW_NODE_MARK 0x4E56

/*
 * Head of a node.  After it follow, for nodes with codes:
 *		own vector				own_dims elements, padded to 8 bytes
 *		uint32 neighbor[]		degree ids; the first n_neighbors count
 *		GvHalf add[]			degree factors, in units of edge_scale
 *		GvHalf rescale[]		degree factors, in units of edge_scale; the lowest
 *								bit is a mark, see gv_hnsw_node_lane_fills
 *		uint8 codes[][]			blocks_per_node FastScan blocks
 * and for nodes with exact vectors:
 *		uint32 neighbor[]		degree ids
 *		the value, or its first part (vector_blkno tells)
 */
typedef struct GvHnswNodeData
{
	ItemPointerData tid;		/* a heap tid; invalid if there is none */
	uint8		state;			/* GvHnswNodeState */
	uint8		n_neighbors;	/* 0..degree */
	uint16		version;		/* raised whenever the slot is freed */
	uint16		mark;			/* GV_HNSW_NODE_MARK, unless the slot is free */
	uint32		tid_chunk;		/* more heap tids of the same vector, or invalid */
	uint64		value_hash;		/* tells equal vectors from equal codes */
	float4		own_scale;		/* unit of the own vector's elements */
	float4		own_error;		/* bound of |z - own vector| */
	float4		edge_scale;		/* unit of the factors */
	float4		center_weight;	/* codes are centred on this times the own vector, 0..1 */
	float4		own_norm2;		/* squared norm of the own vector */
	union
	{
		float4		key_bias;	/* codes: added to squared distances (inner product) */
		uint32		vector_blkno;	/* exact: rest of the value, or invalid */
	}			u;
} GvHnswNodeData;

typedef GvHnswNodeData *GvHnswNode;

/*
 * A chunk of heap tids: rows whose vectors have the same node.  Chunks of a
 * node form a chain; new tids go to the first.  A chunk stays in its chain,
 * even empty, until the node dies, so that a scan never loses the rest.
 */
#define GV_HNSW_CHUNK_TIDS 12

typedef struct GvHnswTidChunkData
{
	uint32		next;			/* next chunk of the chain, or invalid */
	uint32		owner;			/* id of the node; invalid: the chunk is free */
	uint16		n_tids;
	uint16		reserved;		/* zero */
	ItemPointerData tids[GV_HNSW_CHUNK_TIDS];
} GvHnswTidChunkData;

/* Owner of the chunks of vectors without direction */
#define GV_HNSW_NULL_NORM_OWNER (GV_HNSW_INVALID_ID - 1)

typedef GvHnswTidChunkData *GvHnswTidChunk;

/*
 * An entry block: 32 nodes with codes centred on zero.  Followed by one
 * FastScan block of codes.  Size is a multiple of 8.
 */
typedef struct GvHnswEntryBlockData
{
	float4		edge_scale;		/* unit of the factors */
	uint32		reserved;		/* zero */
	uint32		node[GV_FASTSCAN_LANES];	/* invalid: an empty lane */
	GvHalf		add[GV_FASTSCAN_LANES];
	GvHalf		rescale[GV_FASTSCAN_LANES];
} GvHnswEntryBlockData;

typedef GvHnswEntryBlockData *GvHnswEntryBlock;

/*
 * Head of the content of a page in a chain: center (float4 elements), entry
 * blocks, the rest of a long value.
 */
typedef struct GvHnswChainPageData
{
	uint32		next;			/* next page of the chain, or invalid */
	uint32		n_bytes;		/* bytes that follow this head */
} GvHnswChainPageData;

typedef GvHnswChainPageData *GvHnswChainPage;

/* Bytes of content that a page of a chain takes */
#define GV_HNSW_CHAIN_ROOM (GV_AM_PAGE_ROOM - sizeof(GvHnswChainPageData))

/*
 * A page of filters holds the words of the filter columns of all nodes on the
 * blocks that follow it, filter_blocks of them; then comes the next such page.
 * The first is block 1.  See layout.h for what lies where:
 *		uint64 used[]			a bit for each slot: it holds a node
 *		uint64 mixed[]			a bit for each slot: the node's rows differ
 * and for each column:
 *		uint64 null[]			a bit for each slot
 *		intN word[]				of all slots, N as the column's kind has it
 * The words are those of the row that made the node.  A page of zeros holds
 * no node.
 */
#define GV_HNSW_FIRST_FILTER_BLKNO (GV_HNSW_META_BLKNO + 1)

/* Number of tid chunks on a page */
#define GV_HNSW_CHUNKS_PER_PAGE (GV_AM_PAGE_ROOM / sizeof(GvHnswTidChunkData))

#endif							/* GV_HNSW_PAGE_H */
