/*-------------------------------------------------------------------------
 *
 * kmeans.c
 *		Training of many balanced centroids from a sample.
 *
 * First some sqrt(k) coarse centroids make cells, and each cell is divided
 * into as many lists as its rows deserve.  Then come rounds over all: every
 * row goes to its nearest centroid, centroids move to the means of their
 * lists, and the longest lists are divided again, with centroids taken from
 * the shortest ones.  So balance comes from where centroids lie, and the plain
 * nearest centroid is the right list for rows that come later.
 *
 *-------------------------------------------------------------------------
 */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "quant/kmeans.h"
#include "quant/panels.h"

/* Up to this many centroids there is one cell */
#define MAX_FLAT 64

/* Rounds within cells, and over everything: at least, and until balanced */
#define CELL_ROUNDS 8
#define MIN_ROUNDS 3
#define MAX_ROUNDS 8

/* Rows that coarse centroids are made of, for each */
#define CELL_SAMPLE 256

/* Rows of a part of an assignment; parts of a movement of centroids */
#define PART_ROWS 2048
#define MOVE_PARTS 64

/*
 * In multiples of the mean: a list is divided when it is longer than LONG, into
 * pieces of PIECE; it gives up its centroid when shorter than SHORT, or, while
 * one is longer than BALANCED, shorter than MODEST; so long, training goes on.
 */
#define LONG 1.6
#define PIECE 1.2
#define SHORT 0.4
#define MODEST 0.7
#define BALANCED 2.0

/* What is known of a list */
typedef enum Mark
{
	MARK_PLAIN,
	MARK_WHOLE,					/* its rows are all equal: cannot be divided */
	MARK_UNUSED					/* the centroid is free */
} Mark;

/* What the parts of a step do */
typedef enum Step
{
	STEP_BEGIN,
	STEP_CELLS,					/* find the cell of each row */
	STEP_DIVIDE,				/* make the centroids of a cell */
	STEP_ASSIGN,				/* find the list of each row */
	STEP_MOVE,					/* move centroids, divide long lists */
	STEP_END
} Step;

static uint32_t
count_cells(const GvKmeansOptions *options)
{
	uint32_t	k = options->n_centroids;

	return k <= MAX_FLAT ? 1 : (uint32_t) (sqrt((double) k) + 0.5);
}

/* Most centroids made at once of a cell or list; the rest come by division */
static uint32_t
max_pieces(const GvKmeansOptions *options)
{
	uint32_t	k = options->n_centroids;
	uint32_t	most = 4 * count_cells(options);

	return count_cells(options) == 1 || most > k ? k : most;
}

static inline void *
part_of(const GvKmeans *kmeans, uint64_t offset)
{
	return (char *) kmeans->shared + offset;
}

static size_t
lay_out(GvKmeansShared *shared)
{
	const GvKmeansOptions *options = &shared->options;
	uint32_t	k = options->n_centroids;
	size_t		at = gv_panels_round_up(sizeof(GvKmeansShared));

	shared->centroids = at;
	at += gv_panels_round_up((size_t) k * options->dim * sizeof(float));
	shared->cells = at;
	at += gv_panels_round_up((size_t) count_cells(options) * options->dim * sizeof(float));
	shared->nearest = at;
	at += gv_panels_round_up(gv_nearest_size(options->dim, k));
	shared->assigned = at;
	at += gv_panels_round_up((size_t) shared->n_rows * sizeof(uint32_t));
	shared->distance = at;
	at += gv_panels_round_up((size_t) shared->n_rows * sizeof(float));
	shared->order = at;
	at += gv_panels_round_up((size_t) shared->n_rows * sizeof(uint32_t));
	shared->start = at;
	at += gv_panels_round_up((size_t) (k + 1) * sizeof(uint32_t));
	shared->first = at;
	at += gv_panels_round_up((size_t) (k + 1) * sizeof(uint32_t));
	shared->mark = at;
	at += gv_panels_round_up(k);
	shared->given = at;
	at += gv_panels_round_up(k);
	shared->slot = at;
	at += gv_panels_round_up((size_t) k * sizeof(uint32_t));
	return at;
}

/*
 * gv_kmeans_shared_size
 *		Bytes that the processes share, without the sample itself.
 *
 * About 2.6 times the centroids, and 12 bytes a row.
 */
size_t
gv_kmeans_shared_size(const GvKmeansOptions *options, uint32_t n_rows)
{
	GvKmeansShared shared;

	shared.options = *options;
	shared.n_rows = n_rows;
	return lay_out(&shared);
}

static size_t
largest(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* Pieces are made in room for one centroid more, so that none is too many */
static size_t
pieces_size(const GvKmeansOptions *options)
{
	return gv_panels_round_up(sizeof(float) * max_pieces(options) * options->dim);
}

/*
 * gv_kmeans_scratch_size
 *		Bytes that each process needs for itself, aligned to 64 bytes.
 */
size_t
gv_kmeans_scratch_size(const GvKmeansOptions *options)
{
	int			dim = options->dim;
	uint32_t	k = options->n_centroids;
	size_t		batch = gv_panels_round_up((size_t) gv_nearest_batch(dim) * dim * sizeof(float));
	size_t		cluster = pieces_size(options) +
		gv_cluster_scratch_size(dim, max_pieces(options)) +
		gv_panels_round_up(dim * sizeof(double));

	return largest(cluster, largest(gv_nearest_build_size(dim, k),
									batch + gv_nearest_scratch_size(dim, k)));
}

/*
 * gv_kmeans_begin
 *		Start a training.
 *
 * shared: gv_kmeans_shared_size(options, n_rows) bytes, aligned to 64 bytes
 * options: dim and n_centroids above zero
 * n_rows: rows of the sample, above zero; in random order they do best
 */
void
gv_kmeans_begin(GvKmeansShared *shared, const GvKmeansOptions *options, uint32_t n_rows)
{
	memset(shared, 0, sizeof(GvKmeansShared));
	shared->options = *options;
	shared->n_rows = n_rows;
	lay_out(shared);
	shared->step = STEP_BEGIN;
	memset((char *) shared + shared->mark, MARK_PLAIN, options->n_centroids);
}

/*
 * gv_kmeans_attach
 *		Join a training.
 *
 * rows: the sample, n_rows of it; must outlive kmeans
 * scratch: gv_kmeans_scratch_size(options) bytes, aligned to 64 bytes
 */
void
gv_kmeans_attach(GvKmeans *kmeans, GvKmeansShared *shared, const GvClusterRows *rows,
				 void *scratch)
{
	kmeans->shared = shared;
	kmeans->rows = rows;
	kmeans->scratch = scratch;
}

/* Prepare the cells or the centroids for finding */
static void
prepare(GvKmeans *kmeans, uint64_t centroids, uint32_t n)
{
	gv_nearest_build(part_of(kmeans, kmeans->shared->nearest), part_of(kmeans, centroids), n,
					 kmeans->shared->options.dim, kmeans->scratch);
}

/* Make the coarse centroids, of rows spread over the sample */
static void
make_cells(GvKmeans *kmeans)
{
	GvKmeansShared *shared = kmeans->shared;
	uint32_t	k = count_cells(&shared->options);
	uint64_t	most = (uint64_t) k * CELL_SAMPLE;
	uint32_t   *row = part_of(kmeans, shared->order);
	GvClusterTask task = {.rows = kmeans->rows, .row = row, .k = k, .n_rounds = CELL_ROUNDS};

	task.n = most < shared->n_rows ? (uint32_t) most : shared->n_rows;
	for (uint32_t i = 0; i < task.n; i++)
		row[i] = (uint32_t) ((uint64_t) i * shared->n_rows / task.n);
	task.is_spherical = shared->options.is_spherical;
	task.start_random = shared->options.start_random;
	task.seed = gv_random_mix(shared->options.seed);
	task.centroids = part_of(kmeans, shared->cells);
	task.assigned = part_of(kmeans, shared->assigned);
	task.distance = part_of(kmeans, shared->distance);
	shared->n_cells = gv_cluster_rows(&task, kmeans->scratch);
	prepare(kmeans, shared->cells, shared->n_cells);
}

/* Sort the rows by list, in each by number */
static void
sort_rows(GvKmeans *kmeans, uint32_t n_lists)
{
	GvKmeansShared *shared = kmeans->shared;
	const uint32_t *assigned = part_of(kmeans, shared->assigned);
	const float *distance = part_of(kmeans, shared->distance);
	uint32_t   *order = part_of(kmeans, shared->order);
	uint32_t   *start = part_of(kmeans, shared->start);
	double		total = 0;

	memset(start, 0, (n_lists + 1) * sizeof(uint32_t));
	for (uint32_t i = 0; i < shared->n_rows; i++)
	{
		start[assigned[i] + 1]++;
		total += distance[i];
	}
	shared->mean_square = total / shared->n_rows;
	for (uint32_t c = 0; c < n_lists; c++)
		start[c + 1] += start[c];
	for (uint32_t i = 0; i < shared->n_rows; i++)
		order[start[assigned[i]]++] = i;
	for (uint32_t c = n_lists; c > 0; c--)
		start[c] = start[c - 1];
	start[0] = 0;
}

/* Find the longest list and the mean, of those that can be divided */
static void
measure_lists(GvKmeans *kmeans)
{
	GvKmeansShared *shared = kmeans->shared;
	const uint32_t *start = part_of(kmeans, shared->start);
	const uint8_t *mark = part_of(kmeans, shared->mark);
	uint32_t	n_lists = shared->options.n_centroids;
	uint32_t	n_rows = shared->n_rows;

	shared->longest = 0;
	for (uint32_t c = 0; c < shared->n_centroids; c++)
	{
		uint32_t	rows = start[c + 1] - start[c];

		if (mark[c] == MARK_WHOLE)
		{
			n_lists--;
			n_rows -= rows;
		}
		else if (rows > shared->longest)
			shared->longest = rows;
	}
	shared->mean = n_lists > 0 ? (double) n_rows / n_lists : 0;
}

/*
 * Share the centroids out among the cells, by rows: those of cell j are
 * first[j] to first[j + 1].
 */
static void
share_out(GvKmeans *kmeans)
{
	GvKmeansShared *shared = kmeans->shared;
	const uint32_t *start = part_of(kmeans, shared->start);
	uint32_t   *first = part_of(kmeans, shared->first);
	uint32_t	most = max_pieces(&shared->options);
	uint32_t	left = shared->options.n_centroids;

	first[0] = 0;
	for (uint32_t j = 0; j < shared->n_cells; j++)
	{
		uint32_t	rows = start[j + 1] - start[j];
		uint32_t	rows_left = shared->n_rows - start[j];
		uint32_t	share = rows_left > 0 ?
			(uint32_t) ((double) left * rows / rows_left + 0.5) : 0;

		if (share > most)
			share = most;
		if (share > rows)
			share = rows;
		if (share == 0 && rows > 0 && left > 0)
			share = 1;
		first[j + 1] = first[j] + share;
		left -= share;
	}
}

/* Make the centroids of one cell; what is not needed is marked */
static void
divide_cell(GvKmeans *kmeans, int j)
{
	GvKmeansShared *shared = kmeans->shared;
	const uint32_t *start = part_of(kmeans, shared->start);
	uint32_t   *first = part_of(kmeans, shared->first);
	uint8_t    *mark = part_of(kmeans, shared->mark);
	uint32_t	made;
	GvClusterTask task = {.rows = kmeans->rows, .n_rounds = CELL_ROUNDS};

	task.row = (uint32_t *) part_of(kmeans, shared->order) + start[j];
	task.n = start[j + 1] - start[j];
	task.k = first[j + 1] - first[j];
	task.is_spherical = shared->options.is_spherical;
	task.start_random = shared->options.start_random;
	task.seed = gv_random_mix(shared->options.seed + 1 + (uint64_t) j);
	task.centroids = (float *) part_of(kmeans, shared->centroids) +
		(size_t) first[j] * shared->options.dim;
	task.assigned = (uint32_t *) part_of(kmeans, shared->assigned) + start[j];
	task.distance = (float *) part_of(kmeans, shared->distance) + start[j];
	made = gv_cluster_rows(&task, kmeans->scratch);
	memset(mark + first[j], MARK_PLAIN, made);
	memset(mark + first[j] + made, MARK_UNUSED, task.k - made);
}

/* Move the centroids that are in use together */
static void
close_gaps(GvKmeans *kmeans, uint32_t n)
{
	GvKmeansShared *shared = kmeans->shared;
	size_t		dim = (size_t) shared->options.dim;
	float	   *centroids = part_of(kmeans, shared->centroids);
	uint8_t    *mark = part_of(kmeans, shared->mark);
	uint32_t	n_used = 0;

	for (uint32_t c = 0; c < n; c++)
	{
		if (mark[c] == MARK_UNUSED)
			continue;
		if (n_used != c)
		{
			memcpy(centroids + n_used * dim, centroids + c * dim, dim * sizeof(float));
			mark[n_used] = mark[c];
		}
		n_used++;
	}
	memset(mark + n_used, MARK_UNUSED, shared->options.n_centroids - n_used);
	shared->n_centroids = n_used;
}

/* Drop the centroids that no row is nearest to */
static void
drop_empty(GvKmeans *kmeans)
{
	GvKmeansShared *shared = kmeans->shared;
	const uint32_t *start = part_of(kmeans, shared->start);
	uint8_t    *mark = part_of(kmeans, shared->mark);

	for (uint32_t c = 0; c < shared->n_centroids; c++)
	{
		if (start[c + 1] == start[c])
			mark[c] = MARK_UNUSED;
	}
	close_gaps(kmeans, shared->n_centroids);
}

/* Find the nearest centroid, or cell, of some rows */
static void
assign_part(GvKmeans *kmeans, int part)
{
	GvKmeansShared *shared = kmeans->shared;
	int			dim = shared->options.dim;
	int			batch = gv_nearest_batch(dim);
	float	   *rows = kmeans->scratch;
	void	   *scratch = (char *) rows + gv_panels_round_up((size_t) batch * dim * sizeof(float));
	uint32_t	i = (uint32_t) part * PART_ROWS;
	uint32_t	end = shared->n_rows - i > PART_ROWS ? i + PART_ROWS : shared->n_rows;
	GvNearestTask task = {.rows = rows};

	while (i < end)
	{
		task.n = end - i > (uint32_t) batch ? batch : (int) (end - i);
		task.first = (uint32_t *) part_of(kmeans, shared->assigned) + i;
		task.distance = (float *) part_of(kmeans, shared->distance) + i;
		for (int j = 0; j < task.n; j++)
			kmeans->rows->fetch(kmeans->rows->arg, i + (uint32_t) j, rows + (size_t) j * dim);
		gv_nearest_find(part_of(kmeans, shared->nearest), &task, scratch);
		i += (uint32_t) task.n;
		if (kmeans->rows->check)
			kmeans->rows->check(kmeans->rows->check_arg);
	}
}

/* The pieces a list should fall into */
static uint32_t
count_pieces(const GvKmeansShared *shared, uint32_t rows, Mark mark)
{
	uint32_t	most = max_pieces(&shared->options);
	uint32_t	pieces;

	if (mark != MARK_PLAIN || rows < 2 || !(rows > LONG * shared->mean))
		return 1;
	pieces = (uint32_t) ceil(rows / (PIECE * shared->mean));
	return pieces < most ? pieces : most;
}

/*
 * Choose centroids to give away: those not used, then those of lists shorter
 * than SHORT or MODEST, as far as they are needed.  Their number.
 */
static uint32_t
find_slots(GvKmeans *kmeans, uint32_t needed)
{
	GvKmeansShared *shared = kmeans->shared;
	const uint32_t *start = part_of(kmeans, shared->start);
	uint32_t   *slot = part_of(kmeans, shared->slot);
	uint32_t	n = shared->n_centroids;
	double		part = shared->longest > BALANCED * shared->mean ? MODEST : SHORT;
	uint32_t	n_slots = 0;

	for (uint32_t c = n; c < shared->options.n_centroids && n_slots < needed; c++)
		slot[n_slots++] = c;
	for (uint32_t rows = 0; rows < part * shared->mean && n_slots < needed; rows++)
	{
		for (uint32_t c = 0; c < n && n_slots < needed; c++)
		{
			if (start[c + 1] - start[c] == rows)
				slot[n_slots++] = c;
		}
	}
	return n_slots;
}

/*
 * Decide which lists to divide: list c gets the slots first[c] to
 * first[c + 1], each a centroid that is not used or given away.
 */
static void
plan_divisions(GvKmeans *kmeans)
{
	GvKmeansShared *shared = kmeans->shared;
	const uint32_t *start = part_of(kmeans, shared->start);
	uint32_t   *first = part_of(kmeans, shared->first);
	const uint32_t *slot = part_of(kmeans, shared->slot);
	const uint8_t *mark = part_of(kmeans, shared->mark);
	uint8_t    *given = part_of(kmeans, shared->given);
	uint32_t	n = shared->n_centroids;
	uint32_t	needed = 0;
	uint32_t	n_slots;
	uint32_t	left;

	for (uint32_t c = 0; c < n; c++)
		needed += count_pieces(shared, start[c + 1] - start[c], mark[c]) - 1;
	n_slots = find_slots(kmeans, needed);

	/* the longest lists come first */
	left = n_slots;
	memset(first, 0, (n + 1) * sizeof(uint32_t));
	for (int pass = 0; pass < 2; pass++)
	{
		for (uint32_t c = 0; c < n; c++)
		{
			uint32_t	rows = start[c + 1] - start[c];
			uint32_t	more = count_pieces(shared, rows, mark[c]) - 1;

			if ((rows > BALANCED * shared->mean) != (pass == 0))
				continue;
			first[c + 1] = more < left ? more : left;
			left -= first[c + 1];
		}
	}
	for (uint32_t c = 0; c < n; c++)
		first[c + 1] += first[c];

	memset(given, 0, shared->options.n_centroids);
	for (uint32_t s = 0; s < n_slots - left; s++)
		given[slot[s]] = 1;
}

/* Move a centroid to the mean of its rows */
static void
move_centroid(GvKmeans *kmeans, uint32_t c)
{
	GvKmeansShared *shared = kmeans->shared;
	int			dim = shared->options.dim;
	const uint32_t *start = part_of(kmeans, shared->start);
	const uint32_t *order = part_of(kmeans, shared->order);
	float	   *centroid = (float *) part_of(kmeans, shared->centroids) + (size_t) c * dim;
	double	   *sum = kmeans->scratch;
	float	   *x = (float *) (sum + dim);
	double		part = 1.0 / (start[c + 1] - start[c]);
	double		norm2 = 0;

	memset(sum, 0, dim * sizeof(double));
	for (uint32_t i = start[c]; i < start[c + 1]; i++)
	{
		kmeans->rows->fetch(kmeans->rows->arg, order[i], x);
		for (int d = 0; d < dim; d++)
			sum[d] += x[d];
	}
	for (int d = 0; d < dim; d++)
	{
		sum[d] *= part;
		norm2 += sum[d] * sum[d];
	}
	if (shared->options.is_spherical)
	{
		if (!(norm2 > 0))
			return;
		part = 1 / sqrt(norm2);
		for (int d = 0; d < dim; d++)
			sum[d] *= part;
	}
	for (int d = 0; d < dim; d++)
		centroid[d] = (float) sum[d];
}

/* Divide a list: its own centroid and its slots go to the pieces */
static void
divide_list(GvKmeans *kmeans, uint32_t c)
{
	GvKmeansShared *shared = kmeans->shared;
	size_t		dim = (size_t) shared->options.dim;
	const uint32_t *start = part_of(kmeans, shared->start);
	const uint32_t *first = part_of(kmeans, shared->first);
	const uint32_t *slot = part_of(kmeans, shared->slot);
	float	   *centroids = part_of(kmeans, shared->centroids);
	uint8_t    *mark = part_of(kmeans, shared->mark);
	float	   *pieces = kmeans->scratch;
	uint32_t	made;
	GvClusterTask task = {.rows = kmeans->rows, .n_rounds = CELL_ROUNDS};

	task.row = (uint32_t *) part_of(kmeans, shared->order) + start[c];
	task.n = start[c + 1] - start[c];
	task.k = first[c + 1] - first[c] + 1;
	task.is_spherical = shared->options.is_spherical;
	task.seed = gv_random_mix(shared->options.seed + ((uint64_t) shared->round << 32) + c);
	task.centroids = pieces;
	task.assigned = (uint32_t *) part_of(kmeans, shared->assigned) + start[c];
	task.distance = (float *) part_of(kmeans, shared->distance) + start[c];
	made = gv_cluster_rows(&task, (char *) pieces + pieces_size(&shared->options));
	for (uint32_t p = 0; p < task.k; p++)
	{
		uint32_t	to = p == 0 ? c : slot[first[c] + p - 1];

		if (p < made)
			memcpy(centroids + to * dim, pieces + p * dim, dim * sizeof(float));
		mark[to] = p >= made ? MARK_UNUSED : (made == 1 ? MARK_WHOLE : MARK_PLAIN);
	}
}

/* Move or divide the lists of one part */
static void
move_part(GvKmeans *kmeans, int part)
{
	GvKmeansShared *shared = kmeans->shared;
	const uint32_t *start = part_of(kmeans, shared->start);
	const uint32_t *first = part_of(kmeans, shared->first);
	const uint8_t *given = part_of(kmeans, shared->given);
	uint64_t	n = shared->n_centroids;

	for (uint32_t c = (uint32_t) ((uint64_t) part * n / MOVE_PARTS);
		 c < (uint32_t) (((uint64_t) part + 1) * n / MOVE_PARTS); c++)
	{
		if (kmeans->rows->check)
			kmeans->rows->check(kmeans->rows->check_arg);
		if (first[c + 1] > first[c])
			divide_list(kmeans, c);
		else if (start[c + 1] > start[c] && !given[c])
			move_centroid(kmeans, c);
	}
}

/* Take the next step, given that all parts of the last are done */
static Step
take_step(GvKmeans *kmeans)
{
	GvKmeansShared *shared = kmeans->shared;
	const uint32_t *first = part_of(kmeans, shared->first);

	switch ((Step) shared->step)
	{
		case STEP_BEGIN:
			make_cells(kmeans);
			return STEP_CELLS;
		case STEP_CELLS:
			sort_rows(kmeans, shared->n_cells);
			share_out(kmeans);
			return STEP_DIVIDE;
		case STEP_DIVIDE:
			close_gaps(kmeans, first[shared->n_cells]);
			prepare(kmeans, shared->centroids, shared->n_centroids);
			return STEP_ASSIGN;
		case STEP_ASSIGN:
			sort_rows(kmeans, shared->n_centroids);
			measure_lists(kmeans);
			if (shared->round >= MAX_ROUNDS ||
				(shared->round >= MIN_ROUNDS && shared->longest <= BALANCED * shared->mean))
			{
				drop_empty(kmeans);
				return STEP_END;
			}
			plan_divisions(kmeans);
			return STEP_MOVE;
		case STEP_MOVE:
			shared->round++;
			close_gaps(kmeans, shared->options.n_centroids);
			prepare(kmeans, shared->centroids, shared->n_centroids);
			return STEP_ASSIGN;
		case STEP_END:
			break;
	}
	return STEP_END;
}

/*
 * gv_kmeans_next
 *		Begin the next step of a training.
 *
 * Returns the number of its parts; 0 when the training has ended.  One process
 * calls it, when all parts of the step before are done.
 */
int
gv_kmeans_next(GvKmeans *kmeans)
{
	GvKmeansShared *shared = kmeans->shared;

	shared->step = take_step(kmeans);
	switch ((Step) shared->step)
	{
		case STEP_CELLS:
		case STEP_ASSIGN:
			shared->n_parts = (int32_t) ((shared->n_rows + PART_ROWS - 1) / PART_ROWS);
			break;
		case STEP_DIVIDE:
			shared->n_parts = (int32_t) shared->n_cells;
			break;
		case STEP_MOVE:
			shared->n_parts = MOVE_PARTS;
			break;
		case STEP_BEGIN:
		case STEP_END:
			shared->n_parts = 0;
			break;
	}
	return shared->n_parts;
}

/*
 * gv_kmeans_work
 *		Do one part of the step, 0 to the number of parts less one.
 *
 * Each part is to be done by one process, once.
 */
void
gv_kmeans_work(GvKmeans *kmeans, int part)
{
	switch ((Step) kmeans->shared->step)
	{
		case STEP_CELLS:
		case STEP_ASSIGN:
			assign_part(kmeans, part);
			break;
		case STEP_DIVIDE:
			divide_cell(kmeans, part);
			break;
		case STEP_MOVE:
			move_part(kmeans, part);
			break;
		case STEP_BEGIN:
		case STEP_END:
			break;
	}
}

/*
 * gv_kmeans_progress
 *		How much of a training is done before the step in hand, 0 to 1.
 *
 * Counts one round for the cells, two for their division, and as many as are
 * needed at least; it waits before the end while more are taken.
 */
double
gv_kmeans_progress(const GvKmeansShared *shared)
{
	const double total = 3 + MIN_ROUNDS + 1;
	int			round = shared->round < MIN_ROUNDS ? shared->round : MIN_ROUNDS;

	switch ((Step) shared->step)
	{
		case STEP_BEGIN:
		case STEP_CELLS:
			return 0;
		case STEP_DIVIDE:
			return 1 / total;
		case STEP_ASSIGN:
			return (3 + round) / total;
		case STEP_MOVE:
			return (round < MIN_ROUNDS ? 3.5 + round : 3 + round) / total;
		case STEP_END:
			break;
	}
	return 1;
}
