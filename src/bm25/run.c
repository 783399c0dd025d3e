/*-------------------------------------------------------------------------
 *
 * run.c
 *		Sorted lexemes and postings in a temporary file, when a build does not fit
 *		into memory.
 *
 * For each lexeme: uint32 length, df and bytes of postings, the lexeme, the
 * postings: varint document less the one before, varint tf.  The documents
 * themselves stay in memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "bm25/build.h"

typedef struct RunHead
{
	uint32		len;
	uint32		df;
	uint32		n_bytes;
} RunHead;

typedef struct Run
{
	GvBm25Source source;		/* must be first */
	BufFile    *file;
	uint64		n_left;			/* lexemes */
	uint32		n_bytes;		/* of the postings of the lexeme */
	bool		is_read;		/* the postings were */
	char		lexeme[GV_BM25_MAX_LEXEME];
	uint8	   *bytes;
	Size		size;
} Run;

static void
read_file(Run *run, void *out, Size size)
{
	if (BufFileRead(run->file, out, size) != size)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from a temporary file of an index build")));
}

/* Make room for the postings of a lexeme */
static void
make_room(Run *run, Size size)
{
	if (size <= run->size)
		return;
	if (run->bytes != NULL)
		pfree(run->bytes);
	run->size = Max(size, run->size * 2);
	run->bytes = MemoryContextAllocHuge(GetMemoryChunkContext(run), run->size);
}

/* read of GvBm25Source */
static void
read_postings(GvBm25Source *source, GvBm25Posting *postings)
{
	Run		   *run = (Run *) source;
	const uint8 *in;
	const uint8 *end;
	uint32		doc = 0;

	make_room(run, run->n_bytes);
	read_file(run, run->bytes, run->n_bytes);
	run->is_read = true;
	in = run->bytes;
	end = in + run->n_bytes;
	for (uint32 i = 0; i < source->df; i++)
	{
		uint32		step;

		in = gv_bm25_get_varint(in, end, &step);
		if (in != NULL)
			in = gv_bm25_get_varint(in, end, &postings[i].tf);
		if (in == NULL)
			elog(ERROR, "postings in a temporary file end too early");
		doc += step;
		postings[i].doc = doc;
	}
}

/* next of GvBm25Source */
static bool
next_lexeme(GvBm25Source *source)
{
	Run		   *run = (Run *) source;
	RunHead		head;

	Assert(run->is_read);
	if (run->n_left == 0)
	{
		if (run->file != NULL)
			BufFileClose(run->file);
		run->file = NULL;
		return false;
	}
	run->n_left--;
	read_file(run, &head, sizeof(head));
	read_file(run, run->lexeme, head.len);
	source->lexeme = run->lexeme;
	source->len = head.len;
	source->df = head.df;
	run->n_bytes = head.n_bytes;
	run->is_read = false;
	return true;
}

/* Write a lexeme, and the postings after it */
static void
write_lexeme(Run *run, const GvBm25Source *from, const GvBm25Posting *postings)
{
	RunHead		head;
	uint8	   *out;
	uint32		doc = 0;

	make_room(run, (Size) from->df * 2 * GV_BM25_MAX_VARINT);
	out = run->bytes;
	for (uint32 i = 0; i < from->df; i++)
	{
		out = gv_bm25_put_varint(out, postings[i].doc - doc);
		out = gv_bm25_put_varint(out, postings[i].tf);
		doc = postings[i].doc;
	}
	head.len = from->len;
	head.df = from->df;
	head.n_bytes = out - run->bytes;
	BufFileWrite(run->file, &head, sizeof(head));
	BufFileWrite(run->file, (void *) from->lexeme, from->len);
	BufFileWrite(run->file, run->bytes, head.n_bytes);
	run->n_left++;
}

/*
 * gv_bm25_run_write
 *		Write documents to a temporary file; returns a source that reads it, in the
 *		current memory context.
 *
 * invert: the caller frees it
 */
GvBm25Source *
gv_bm25_run_write(GvBm25Invert *invert)
{
	GvBm25Source *from = gv_bm25_invert_source(invert);
	Run		   *run = palloc0(sizeof(Run));
	GvBm25Documents *documents = &run->source.documents;
	GvBm25Posting *postings = NULL;
	uint32		size = 0;
	uint32		n = from->documents.n;

	run->source.next = next_lexeme;
	run->source.read = read_postings;
	run->file = BufFileCreateTemp(false);
	run->is_read = true;
	while (from->next(from))
	{
		if (run->n_left % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (from->df > size)
		{
			if (postings != NULL)
				pfree(postings);
			size = Max(from->df, size * 2);
			postings = MemoryContextAllocHuge(CurrentMemoryContext,
											  (Size) size * sizeof(GvBm25Posting));
		}
		from->read(from, postings);
		write_lexeme(run, from, postings);
	}
	if (BufFileSeek(run->file, 0, 0L, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind a temporary file of an index build")));
	if (postings != NULL)
		pfree(postings);

	documents->n = n;
	documents->total_length = from->documents.total_length;
	documents->tids = MemoryContextAllocHuge(CurrentMemoryContext,
											 (Size) n * sizeof(ItemPointerData));
	documents->lengths = MemoryContextAllocHuge(CurrentMemoryContext, (Size) n * sizeof(uint32));
	memcpy(documents->tids, from->documents.tids, (Size) n * sizeof(ItemPointerData));
	memcpy(documents->lengths, from->documents.lengths, (Size) n * sizeof(uint32));
	return &run->source;
}
