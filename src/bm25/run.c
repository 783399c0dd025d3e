/*-------------------------------------------------------------------------
 *
 * run.c
 *		Sorted lexemes and postings in a temporary file, when a build does not fit
 *		into memory.
 *
 * For each lexeme: uint32 length, df and bytes of postings, the lexeme, the
 * postings: varint document less the one before, varint tf, positions if there are
 * any; at the end three zeros.  The documents themselves stay in memory; in a file
 * for another process they come first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "bm25/build.h"
#include "bm25/positions.h"

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
	uint32		n_bytes;		/* of the postings of the lexeme */
	bool		is_read;		/* the postings were */
	char		lexeme[GV_BM25_MAX_LEXEME];
	uint8	   *bytes;
	Size		size;
	GvBm25Bytes positions;		/* of the lexeme being written */
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
read_postings(GvBm25Source *source, GvBm25Posting *postings, GvBm25Bytes *positions)
{
	Run		   *run = (Run *) source;
	const uint8 *in;
	const uint8 *first;
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
		first = in;
		if (in != NULL && source->has_positions)
			in = gv_bm25_skip_varints(in, end, postings[i].tf);
		if (in == NULL)
			elog(ERROR, "postings in a temporary file end too early");
		doc += step;
		postings[i].doc = doc;
		postings[i].positions = source->has_positions ? positions->n : 0;
		if (in > first)
			gv_bm25_append_bytes(positions, first, in - first);
	}
}

/* next of GvBm25Source */
static bool
next_lexeme(GvBm25Source *source)
{
	Run		   *run = (Run *) source;
	RunHead		head;

	Assert(run->is_read);
	read_file(run, &head, sizeof(head));
	if (head.df == 0)
	{
		BufFileClose(run->file);
		run->file = NULL;
		return false;
	}
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

	make_room(run, (Size) from->df * 2 * GV_BM25_MAX_VARINT + run->positions.n);
	out = run->bytes;
	for (uint32 i = 0; i < from->df; i++)
	{
		out = gv_bm25_put_varint(out, postings[i].doc - doc);
		out = gv_bm25_put_varint(out, postings[i].tf);
		doc = postings[i].doc;
		if (from->has_positions)
		{
			/* those of the postings follow each other */
			Size		end = i + 1 < from->df ? postings[i + 1].positions : run->positions.n;
			Size		n = end - postings[i].positions;

			memcpy(out, run->positions.bytes + postings[i].positions, n);
			out += n;
		}
	}
	head.len = from->len;
	head.df = from->df;
	head.n_bytes = out - run->bytes;
	BufFileWrite(run->file, &head, sizeof(head));
	BufFileWrite(run->file, (void *) from->lexeme, from->len);
	BufFileWrite(run->file, run->bytes, head.n_bytes);
}

/* Write the lexemes of documents in memory, and an end */
static void
write_lexemes(Run *run, GvBm25Source *from)
{
	GvBm25Posting *postings = NULL;
	uint32		size = 0;
	RunHead		end = {0};

	while (from->next(from))
	{
		if (from->df > size)
		{
			if (postings != NULL)
				pfree(postings);
			size = Max(from->df, size * 2);
			postings = MemoryContextAllocHuge(CurrentMemoryContext,
											  (Size) size * sizeof(GvBm25Posting));
		}
		CHECK_FOR_INTERRUPTS();
		run->positions.n = 0;
		from->read(from, postings, &run->positions);
		write_lexeme(run, from, postings);
	}
	BufFileWrite(run->file, &end, sizeof(end));
	if (postings != NULL)
		pfree(postings);
	if (run->positions.bytes != NULL)
		pfree(run->positions.bytes);
	memset(&run->positions, 0, sizeof(run->positions));
}

/* Begin to read, or write, a file */
static Run *
begin_run(BufFile *file)
{
	Run		   *run = palloc0(sizeof(Run));

	run->source.next = next_lexeme;
	run->source.read = read_postings;
	run->file = file;
	run->is_read = true;
	return run;
}

/* Make room for documents */
static void
allocate_documents(GvBm25Documents *documents, uint32 n, uint32 filters_size)
{
	documents->n = n;
	documents->filters_size = filters_size;
	documents->filters = MemoryContextAllocHuge(CurrentMemoryContext,
												(Size) n * filters_size + 1);
	documents->tids = MemoryContextAllocHuge(CurrentMemoryContext,
											 (Size) n * sizeof(ItemPointerData));
	documents->lengths = MemoryContextAllocHuge(CurrentMemoryContext, (Size) n * sizeof(uint32));
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
	Run		   *run = begin_run(BufFileCreateTemp(false));
	GvBm25Documents *documents = &run->source.documents;
	uint32		n = from->documents.n;

	write_lexemes(run, from);
	if (BufFileSeek(run->file, 0, 0L, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind a temporary file of an index build")));
	run->source.has_positions = from->has_positions;
	documents->total_length = from->documents.total_length;
	allocate_documents(documents, n, from->documents.filters_size);
	memcpy(documents->tids, from->documents.tids, (Size) n * sizeof(ItemPointerData));
	memcpy(documents->lengths, from->documents.lengths, (Size) n * sizeof(uint32));
	if (documents->filters_size > 0 && n > 0)
		memcpy(documents->filters, from->documents.filters, (Size) n * documents->filters_size);
	return &run->source;
}

/*
 * gv_bm25_run_export
 *		Write documents to a temporary file that another process opens.
 *
 * invert: the caller frees it
 */
void
gv_bm25_run_export(GvBm25Invert *invert, FileSet *files, const char *name)
{
	GvBm25Source *from = gv_bm25_invert_source(invert);
	Run		   *run = begin_run(BufFileCreateFileSet(files, name));
	GvBm25Documents *documents = &from->documents;

	BufFileWrite(run->file, &documents->n, sizeof(documents->n));
	BufFileWrite(run->file, &documents->total_length, sizeof(documents->total_length));
	BufFileWrite(run->file, &documents->filters_size, sizeof(documents->filters_size));
	BufFileWrite(run->file, &from->has_positions, sizeof(from->has_positions));
	BufFileWrite(run->file, documents->tids, (Size) documents->n * sizeof(ItemPointerData));
	BufFileWrite(run->file, documents->lengths, (Size) documents->n * sizeof(uint32));
	BufFileWrite(run->file, documents->filters, (Size) documents->n * documents->filters_size);
	write_lexemes(run, from);
	BufFileExportFileSet(run->file);
	BufFileClose(run->file);
	if (run->bytes != NULL)
		pfree(run->bytes);
	pfree(run);
}

/*
 * gv_bm25_run_open
 *		Open the file that another process has written, as a source, in the current
 *		memory context.
 */
GvBm25Source *
gv_bm25_run_open(FileSet *files, const char *name)
{
	Run		   *run = begin_run(BufFileOpenFileSet(files, name, O_RDONLY, false));
	GvBm25Documents *documents = &run->source.documents;
	uint32		n;
	uint32		filters_size;

	read_file(run, &n, sizeof(n));
	read_file(run, &documents->total_length, sizeof(documents->total_length));
	read_file(run, &filters_size, sizeof(filters_size));
	read_file(run, &run->source.has_positions, sizeof(run->source.has_positions));
	allocate_documents(documents, n, filters_size);
	read_file(run, documents->tids, (Size) n * sizeof(ItemPointerData));
	read_file(run, documents->lengths, (Size) n * sizeof(uint32));
	read_file(run, documents->filters, (Size) n * filters_size);
	return &run->source;
}
