/*-------------------------------------------------------------------------
 *
 * outgrow.c
 *		Calibrating an index that inserts have made grow.
 *
 * An index that was made on an empty table knows nothing of its rows, and one
 * that has grown many times over knows too little.  VACUUM would find out; the
 * insert that takes the first place of some block does so before, one of them
 * at a time.  It waits for nobody and makes nobody wait, its cost is bounded,
 * and an error does not reach the insert.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "storage/lmgr.h"

#include "am/attempt.h"
#include "hnsw/aim.h"
#include "hnsw/calibrate.h"
#include "hnsw/write.h"

/* Blocks from one that is looked at to the next; so whoever fails is not followed at once */
#define BLOCKS_BETWEEN 32

/* So many places make a first calibration */
#define FIRST_PLACES 4096

/* Then it is made anew when the rows are so many times as many; ef has grown till then */
#define GROWN_FACTOR 8

/*
 * Bounds of the cost: bytes that are compared with query vectors, by all
 * together, blocks that are read for it, nodes that searches expand.  With rows
 * as they are that comes to .3 s at most, where blocks are in memory.
 */
#define MAX_COMPARED 4e9
#define MAX_BLOCKS 65536
#define MAX_EXPANDED 100000

/* Comparing a value costs as much as so many bytes of a code for each of its own */
#define VALUE_COST 4

/* Query vectors at most, and the fewest that are worth the pass over the blocks */
#define MAX_QUERIES 256
#define LEAST_QUERIES 32

/* The tag of the page lock that one has who calibrates */
#define CALIBRATING_TAG GV_HNSW_META_BLKNO

/* Has an index no calibration for its rows, nor one that can be trusted to grow with them? */
static bool
is_due(const GvHnswIndex *ix, BlockNumber n_blocks)
{
	const GvHnswMetaPageData *meta = &ix->meta;
	double		places = (double) n_blocks * ix->layout.nodes_per_page;

	if (meta->calibration_source == GV_HNSW_CALIBRATION_QUERIES)
		return false;
	if (meta->calibration.n_buckets == 0)
		return places >= FIRST_PLACES;
	return gv_hnsw_aim_rows_now(meta, ix->rel) >=
		GROWN_FACTOR * Max((double) meta->calibrated_rows, 1);
}

/* How many query vectors the bounds allow; 0 if they are too few */
static int
count_allowed(const GvHnswIndex *ix, BlockNumber n_blocks, Size value_bytes)
{
	const GvHnswLayout *layout = &ix->layout;
	double		node_bytes = gv_hnsw_layout_has_codes(layout) ? layout->own_dims :
		(double) value_bytes * VALUE_COST;
	double		n = MAX_COMPARED / (node_bytes * n_blocks * layout->nodes_per_page);

	if (n_blocks > MAX_BLOCKS || n < LEAST_QUERIES)
		return 0;
	return (int) Min(n, MAX_QUERIES);
}

/* What is to be calibrated, with how many query vectors */
typedef struct Task
{
	Relation	rel;
	int			max_queries;
} Task;

static void
calibrate(void *arg)
{
	Task	   *task = arg;

	gv_hnsw_calibrate_grown(task->rel, task->max_queries, MAX_EXPANDED);
}

/*
 * gv_hnsw_outgrow
 *		Calibrate an index if the rows that were inserted ask for it.
 *
 * blkno: block whose first place a node has taken now
 * value_bytes: of the row's value
 *
 * The caller holds no lock on anything of the index but the relation.  While
 * this goes on VACUUM may take nodes away, which makes ef larger; it calibrates
 * in its turn if it has removed many.
 */
void
gv_hnsw_outgrow(Relation rel, BlockNumber blkno, Size value_bytes)
{
	GvHnswIndex ix;
	BlockNumber n_blocks;
	int			n_queries;

	/* no subtransaction can begin in parallel mode */
	if (blkno % BLOCKS_BETWEEN != 0 || IsInParallelMode())
		return;
	gv_hnsw_open(&ix, rel);
	n_blocks = RelationGetNumberOfBlocks(rel);
	if (!is_due(&ix, n_blocks))
		return;
	n_queries = count_allowed(&ix, n_blocks, value_bytes);
	if (n_queries == 0 || !ConditionalLockPage(rel, CALIBRATING_TAG, ExclusiveLock))
		return;
	/* another may have done it between */
	gv_hnsw_open(&ix, rel);
	if (is_due(&ix, n_blocks))
	{
		Task		task = {rel, n_queries};

		(void) gv_am_attempt(calibrate, &task, gv_am_forgives_all,
							 psprintf("could not calibrate index \"%s\"",
									  RelationGetRelationName(rel)));
	}
	UnlockPage(rel, CALIBRATING_TAG, ExclusiveLock);
}
