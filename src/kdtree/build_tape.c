/*-------------------------------------------------------------------------
 *
 * build_tape.c
 *		Rows that do not fit into memory, in temporary files.
 *
 * A tape is written once, read once and then gone.  It begins with a head, so
 * that another process finds the number of rows and their box.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/random.h"
#include "kdtree/build.h"

/* Rows that tell where the wanted one is about */
#define SAMPLE_ROWS 2048

/* Standard deviations of a sample's rank that are allowed for */
#define SAMPLE_MARGIN 4

/* The head of a tape */
typedef struct Head
{
	uint64		n;
	GvKdtreeBox box;
} Head;

static void
set_name(const GvKdtreeTape *tape, char *name)
{
	snprintf(name, MAXPGPATH, "kdtree%u", tape->number);
}

static void
read_bytes(GvKdtreeTape *tape, void *bytes, Size n_bytes)
{
	if (BufFileRead(tape->file, bytes, n_bytes) != n_bytes)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from a temporary file of an index build: %m")));
}

static void
seek(GvKdtreeTape *tape, off_t offset)
{
	if (BufFileSeek(tape->file, 0, offset, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in a temporary file of an index build: %m")));
}

static void
write_head(GvKdtreeTape *tape)
{
	Head		head = {.n = tape->n,.box = tape->box};

	BufFileWrite(tape->file, &head, sizeof(head));
}

/*
 * gv_kdtree_tape_create
 *		Begin to write a tape.
 *
 * fileset: where other processes find it by its number; NULL: nowhere
 */
void
gv_kdtree_tape_create(GvKdtreeTape *tape, const GvKdtreeRows *rows, FileSet *fileset,
					  uint32 number)
{
	char		name[MAXPGPATH];

	memset(tape, 0, sizeof(*tape));
	tape->rows = rows;
	tape->fileset = fileset;
	tape->number = number;
	gv_kdtree_box_init(&tape->box, rows->dim);
	set_name(tape, name);
	tape->file = fileset ? BufFileCreateFileSet(fileset, name) : BufFileCreateTemp(false);
	write_head(tape);
}

/*
 * gv_kdtree_tape_write
 *		Add a row.
 */
void
gv_kdtree_tape_write(GvKdtreeTape *tape, const float *row)
{
	const GvKdtreeRows *rows = tape->rows;

	gv_kdtree_box_add_point(&tape->box, row + rows->place_offset, rows->dim);
	BufFileWrite(tape->file, unconstify(float *, row), sizeof(float) * rows->record_size);
	tape->n++;
}

/*
 * gv_kdtree_tape_finish
 *		End writing.  One that is shared is closed, another ready to be read.
 */
void
gv_kdtree_tape_finish(GvKdtreeTape *tape)
{
	if (tape->fileset == NULL)
	{
		seek(tape, sizeof(Head));
		return;
	}
	seek(tape, 0);
	write_head(tape);
	BufFileExportFileSet(tape->file);
	BufFileClose(tape->file);
	tape->file = NULL;
}

/*
 * gv_kdtree_tape_open
 *		Begin to read a tape that is shared.
 */
void
gv_kdtree_tape_open(GvKdtreeTape *tape, const GvKdtreeRows *rows, FileSet *fileset,
					uint32 number)
{
	char		name[MAXPGPATH];
	Head		head;

	tape->rows = rows;
	tape->fileset = fileset;
	tape->number = number;
	set_name(tape, name);
	tape->file = BufFileOpenFileSet(fileset, name, O_RDONLY, false);
	read_bytes(tape, &head, sizeof(head));
	tape->n = head.n;
	tape->box = head.box;
}

/*
 * gv_kdtree_tape_read
 *		Read the next row; there must be one.
 */
void
gv_kdtree_tape_read(GvKdtreeTape *tape, float *row)
{
	read_bytes(tape, row, sizeof(float) * tape->rows->record_size);
}

/*
 * gv_kdtree_tape_close
 *		Close a tape that is open, and remove its file.
 */
void
gv_kdtree_tape_close(GvKdtreeTape *tape)
{
	char		name[MAXPGPATH];

	BufFileClose(tape->file);
	tape->file = NULL;
	if (tape->fileset == NULL)
		return;
	set_name(tape, name);
	BufFileDeleteFileSet(tape->fileset, name, false);
}

/* --- division -------------------------------------------------------------- */

/* Rows of some tapes, to be divided by a column */
typedef struct Division
{
	const GvKdtreeRows *rows;
	GvKdtreeTape *tapes;
	int			n_tapes;
	uint64		n;
	int			column;
	GvKdtreePivot low;			/* rows before it go left */
	GvKdtreePivot high;			/* rows after it go right */
	uint64		n_low;
	uint64		n_middle;
} Division;

static int
compare_pivots(const void *a, const void *b)
{
	const GvKdtreePivot *x = a;
	const GvKdtreePivot *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->tid < y->tid ? -1 : (x->tid > y->tid ? 1 : 0);
}

/* Read some rows at random, to find two between which the n_left-th is for sure, nearly */
static void
choose_pivots(Division *division, uint64 n_left, GvRandom *random, double margin)
{
	const GvKdtreeRows *rows = division->rows;
	Size		row_bytes = sizeof(float) * rows->record_size;
	GvKdtreePivot *sample = palloc(sizeof(GvKdtreePivot) * SAMPLE_ROWS);
	float	   *row = palloc(row_bytes);
	double		rank = (double) n_left / division->n * SAMPLE_ROWS;
	double		width = margin * sqrt(SAMPLE_ROWS) / 2;

	for (int i = 0; i < SAMPLE_ROWS; i++)
	{
		uint64		at = gv_random_next(random) % division->n;
		GvKdtreeTape *tape = division->tapes;

		CHECK_FOR_INTERRUPTS();
		while (at >= tape->n)
			at -= (tape++)->n;
		seek(tape, sizeof(Head) + at * row_bytes);
		gv_kdtree_tape_read(tape, row);
		sample[i].key = row[division->column];
		sample[i].tid = gv_kdtree_row_tid(rows, row);
	}
	qsort(sample, SAMPLE_ROWS, sizeof(GvKdtreePivot), compare_pivots);
	division->low.key = -INFINITY;
	division->low.tid = 0;
	division->high.key = INFINITY;
	division->high.tid = PG_UINT64_MAX;
	if (rank - width >= 0)
		division->low = sample[(int) (rank - width)];
	if (rank + width <= SAMPLE_ROWS - 1)
		division->high = sample[(int) (rank + width)];
	pfree(sample);
	pfree(row);
}

/* Go through all rows: count, or give them away if left is not NULL */
static void
pass_rows(Division *division, GvKdtreeTape *left, GvKdtreeTape *right, GvKdtreeRows *memory,
		  GvKdtreeTape *middle)
{
	const GvKdtreeRows *rows = division->rows;
	Size		row_bytes = sizeof(float) * rows->record_size;
	float	   *row = palloc(row_bytes);

	division->n_low = division->n_middle = 0;
	for (int t = 0; t < division->n_tapes; t++)
	{
		GvKdtreeTape *tape = &division->tapes[t];

		seek(tape, sizeof(Head));
		for (uint64 i = 0; i < tape->n; i++)
		{
			if (i % GV_KDTREE_ROWS_PER_INTERRUPT == 0)
				CHECK_FOR_INTERRUPTS();
			gv_kdtree_tape_read(tape, row);
			if (gv_kdtree_row_is_before(rows, division->column, row, &division->low))
			{
				division->n_low++;
				if (left != NULL)
					gv_kdtree_tape_write(left, row);
			}
			else if (gv_kdtree_row_is_after(rows, division->column, row, &division->high))
			{
				if (right != NULL)
					gv_kdtree_tape_write(right, row);
			}
			else
			{
				division->n_middle++;
				if (memory != NULL)
					memcpy(gv_kdtree_row(memory, memory->n++), row, row_bytes);
				else if (middle != NULL)
					gv_kdtree_tape_write(middle, row);
			}
		}
	}
	pfree(row);
}

/* Divide by a column; left and right may have rows already, and get more */
static void
divide_by_column(GvKdtreeTape *tapes, int n_tapes, int column, uint64 n_left, uint64 max_rows,
				 GvKdtreeTape *left, GvKdtreeTape *right)
{
	Division	division = {.rows = tapes->rows,.tapes = tapes,.n_tapes = n_tapes};
	GvRandom	random = {n_left};
	uint64		n_of_middle;

	check_stack_depth();
	division.column = column;
	for (int t = 0; t < n_tapes; t++)
		division.n += tapes[t].n;

	/* which rows go left does not depend on the sample, only how long it takes */
	for (double margin = SAMPLE_MARGIN;; margin *= 2)
	{
		choose_pivots(&division, n_left, &random, margin);
		pass_rows(&division, NULL, NULL, NULL, NULL);
		if (division.n_low <= n_left && n_left <= division.n_low + division.n_middle)
			break;
	}
	n_of_middle = n_left - division.n_low;
	if (division.n_middle <= max_rows)
	{
		GvKdtreeRows memory = *tapes->rows;

		memory.n = 0;
		memory.data = MemoryContextAllocHuge(CurrentMemoryContext,
											 (division.n_middle + 1) * sizeof(float) *
											 memory.record_size);
		pass_rows(&division, left, right, &memory, NULL);
		gv_kdtree_rows_select(&memory, column, 0, memory.n, n_of_middle);
		for (uint64 i = 0; i < memory.n; i++)
			gv_kdtree_tape_write(i < n_of_middle ? left : right, gv_kdtree_row(&memory, i));
		pfree(memory.data);
	}
	else
	{
		GvKdtreeTape middle;

		gv_kdtree_tape_create(&middle, tapes->rows, NULL, 0);
		pass_rows(&division, left, right, NULL, &middle);
		gv_kdtree_tape_finish(&middle);
		divide_by_column(&middle, 1, column, n_of_middle, max_rows, left, right);
		gv_kdtree_tape_close(&middle);
	}
}

/*
 * gv_kdtree_tapes_divide
 *		Divide the rows of tapes as gv_kdtree_rows_divide does those in memory.
 *
 * tapes: open, to be read; stay so
 * max_rows: that may be in memory
 * left, right: created, empty; still to be finished
 */
void
gv_kdtree_tapes_divide(GvKdtreeTape *tapes, int n_tapes, uint64 n_left, uint64 max_rows,
					   GvKdtreeTape *left, GvKdtreeTape *right)
{
	const GvKdtreeRows *rows = tapes->rows;
	GvKdtreeBox box = tapes[0].box;

	for (int t = 1; t < n_tapes; t++)
		gv_kdtree_box_add_box(&box, &tapes[t].box, rows->dim);
	divide_by_column(tapes, n_tapes, rows->place_offset + gv_kdtree_box_widest(&box, rows->dim),
					 n_left, max_rows, left, right);
}
