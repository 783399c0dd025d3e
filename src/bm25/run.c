/*-------------------------------------------------------------------------
 *
 * run.c
 *		Sorted lexemes and postings in a temporary file, when a build does not fit
 *		into memory.
 *
 * Documents come first, each with its row, length and packed words.  Then, for each
 * lexeme: uint32 length, df and bytes of its first block of postings, the
 * lexeme, the block, and the other blocks, each after uint32 its bytes; at the end
 * three zeros.  A posting: varint document less the one before, varint tf, positions
 * if there are any.  A file for another process begins with the fields of the source.
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
	uint32		n_bytes;		/* of the first block */
} RunHead;

typedef struct Run
{
	GvBm25Source source;		/* must be first */
	BufFile    *file;
	uint32		n_bytes;		/* of the first block of the lexeme */
	uint32		doc;			/* of the posting read last */
	char		lexeme[GV_BM25_MAX_LEXEME];
	uint8	   *bytes;			/* of a block */
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

/* Make room for a block */
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
read_block(GvBm25Source *source, GvBm25Posting *postings, uint32 n, GvBm25Bytes *positions)
{
	Run		   *run = (Run *) source;
	uint32		n_bytes = run->n_bytes;
	const uint8 *in;
	const uint8 *end;

	if (source->n_read > 0)
	{
		CHECK_FOR_INTERRUPTS();
		read_file(run, &n_bytes, sizeof(n_bytes));
	}
	make_room(run, n_bytes);
	read_file(run, run->bytes, n_bytes);
	in = run->bytes;
	end = in + n_bytes;
	for (uint32 i = 0; i < n; i++)
	{
		const uint8 *first;
		uint32		step;

		in = gv_bm25_get_varint(in, end, &step);
		if (in != NULL)
			in = gv_bm25_get_varint(in, end, &postings[i].tf);
		first = in;
		if (in != NULL && source->has_positions)
			in = gv_bm25_skip_varints(in, end, postings[i].tf);
		if (in == NULL)
			elog(ERROR, "postings in a temporary file end too early");
		run->doc += step;
		postings[i].doc = run->doc;
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
	run->doc = 0;
	return true;
}

/* Write a lexeme and its postings, block by block */
static void
write_lexeme(Run *run, GvBm25Source *from, GvBm25Bytes *positions)
{
	GvBm25Posting postings[GV_BM25_BLOCK];
	RunHead		head = {from->len, from->df, 0};
	uint32		doc = 0;
	uint32		n;

	while ((n = gv_bm25_source_read(from, postings, positions)) > 0)
	{
		uint8	   *out;

		make_room(run, (Size) n * 2 * GV_BM25_MAX_VARINT + positions->n);
		out = run->bytes;
		for (uint32 i = 0; i < n; i++)
		{
			out = gv_bm25_put_varint(out, postings[i].doc - doc);
			out = gv_bm25_put_varint(out, postings[i].tf);
			doc = postings[i].doc;
			if (from->has_positions)
			{
				Size		end = i + 1 < n ? postings[i + 1].positions : positions->n;
				Size		n_bytes = end - postings[i].positions;

				memcpy(out, positions->bytes + postings[i].positions, n_bytes);
				out += n_bytes;
			}
		}
		if (out - run->bytes > PG_UINT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("rows have too many words for a bm25 index with positions")));
		head.n_bytes = out - run->bytes;
		if (from->n_read == n)
		{
			BufFileWrite(run->file, &head, sizeof(head));
			BufFileWrite(run->file, (void *) from->lexeme, from->len);
		}
		else
			BufFileWrite(run->file, &head.n_bytes, sizeof(head.n_bytes));
		BufFileWrite(run->file, run->bytes, head.n_bytes);
		CHECK_FOR_INTERRUPTS();
	}
}

/* Write the lexemes of documents in memory, and an end */
static void
write_lexemes(Run *run, GvBm25Source *from)
{
	GvBm25Bytes positions = {0};
	RunHead		end = {0};

	while (gv_bm25_source_next(from))
		write_lexeme(run, from, &positions);
	BufFileWrite(run->file, &end, sizeof(end));
	if (positions.bytes != NULL)
		pfree(positions.bytes);
}

/* read_documents of GvBm25Source */
static void
read_documents(GvBm25Source *source, uint32 first, uint32 n, GvBm25DocumentBlock *block)
{
	Run		   *run = (Run *) source;

	for (uint32 i = 0; i < n; i++)
	{
		read_file(run, &block->tids[i], sizeof(ItemPointerData));
		read_file(run, &block->lengths[i], sizeof(uint32));
		if (source->filters_size > 0)
			read_file(run, block->filters + (Size) i * source->filters_size,
					  source->filters_size);
	}
}

/* Write all documents of a source */
static void
write_documents(Run *run, GvBm25Source *from)
{
	GvBm25DocumentBlock block;

	block.filters = palloc(GV_BM25_DOCUMENTS_AT_ONCE * from->filters_size + 1);
	for (uint32 first = 0; first < from->n_docs; first += GV_BM25_DOCUMENTS_AT_ONCE)
	{
		uint32		n = Min(GV_BM25_DOCUMENTS_AT_ONCE, from->n_docs - first);

		from->read_documents(from, first, n, &block);
		for (uint32 i = 0; i < n; i++)
		{
			BufFileWrite(run->file, &block.tids[i], sizeof(ItemPointerData));
			BufFileWrite(run->file, &block.lengths[i], sizeof(uint32));
			if (from->filters_size > 0)
				BufFileWrite(run->file, block.filters + (Size) i * from->filters_size,
							 from->filters_size);
		}
		CHECK_FOR_INTERRUPTS();
	}
	pfree(block.filters);
}

/* Begin to read, or write, a file */
static Run *
begin_run(BufFile *file)
{
	Run		   *run = palloc0(sizeof(Run));

	run->source.read_documents = read_documents;
	run->source.next = next_lexeme;
	run->source.read = read_block;
	run->file = file;
	return run;
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

	run->source.has_positions = from->has_positions;
	run->source.n_docs = from->n_docs;
	run->source.total_length = from->total_length;
	run->source.filters_size = from->filters_size;
	write_documents(run, from);
	write_lexemes(run, from);
	if (BufFileSeek(run->file, 0, 0L, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not rewind a temporary file of an index build")));
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

	BufFileWrite(run->file, &from->n_docs, sizeof(from->n_docs));
	BufFileWrite(run->file, &from->total_length, sizeof(from->total_length));
	BufFileWrite(run->file, &from->filters_size, sizeof(from->filters_size));
	BufFileWrite(run->file, &from->has_positions, sizeof(from->has_positions));
	write_documents(run, from);
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

	read_file(run, &run->source.n_docs, sizeof(run->source.n_docs));
	read_file(run, &run->source.total_length, sizeof(run->source.total_length));
	read_file(run, &run->source.filters_size, sizeof(run->source.filters_size));
	read_file(run, &run->source.has_positions, sizeof(run->source.has_positions));
	return &run->source;
}
