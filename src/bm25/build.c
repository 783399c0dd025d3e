/*-------------------------------------------------------------------------
 *
 * build.c
 *		CREATE INDEX.
 *
 * Documents are collected in memory, and written to sorted temporary files when
 * maintenance_work_mem is full; all of it becomes one segment, the same whatever
 * the memory and the number of processes.  Its pages are logged at the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "am/parallel.h"
#include "am/progress.h"
#include "am/testpoint.h"
#include "base/compat.h"
#include "bm25/bm25.h"
#include "bm25/build.h"
#include "bm25/filter.h"
#include "bm25/positions.h"

/* Part of maintenance_work_mem that documents may take, the rest is for merging */
#define MEMORY_PART 0.75

/*
 * What a process should have of it, in kB: documents take memory in pieces of 256 kB,
 * and each file of them some kB until the end of the build
 */
#define MIN_PROCESS_MEMORY 1024

/* Begin collecting in memory anew */
static void
begin_documents(GvBm25Build *build)
{
	MemoryContext old = MemoryContextSwitchTo(build->context);

	build->invert = gv_bm25_invert_create(build->index);
	MemoryContextSwitchTo(old);
}

/*
 * gv_bm25_build_write_run
 *		Write what is in memory to a file.
 */
void
gv_bm25_build_write_run(GvBm25Build *build)
{
	MemoryContext old = MemoryContextSwitchTo(build->context);

	if (build->files != NULL)
	{
		char		name[MAXPGPATH];

		gv_bm25_run_name(name, build->number, build->n_files++);
		gv_bm25_run_export(build->invert, build->files, name);
	}
	else
		build->runs = lappend(build->runs, gv_bm25_run_write(build->invert));
	gv_bm25_invert_free(build->invert);
	MemoryContextSwitchTo(old);
	begin_documents(build);
}

/* Take a row of the table */
static void
add_row(Relation rel, ItemPointer tid, Datum *values, bool *isnull, bool is_alive, void *arg)
{
	GvBm25Build *build = arg;
	const GvBm25Document *document;
	GvBm25Bytes positions = {0};	/* of a lexeme */
	MemoryContext old;

	if (isnull[0])
		return;
	old = MemoryContextSwitchTo(build->row_context);
	document = gv_bm25_tokenize_value(build->tokenizer, build->type, values[0]);
	if (document->length > 0)
	{
		gv_bm25_invert_document(build->invert, tid, document->length,
								gv_bm25_pack_filters(build->index, document, values, isnull));
		for (int i = 0; i < document->n_terms; i++)
		{
			const GvBm25Term *term = &document->terms[i];

			positions.n = 0;
			if (gv_bm25_has_positions(build->index))
				gv_bm25_append_positions(&positions, term);
			gv_bm25_invert_term(build->invert, term->lexeme, term->len, (uint32) term->hash,
								term->tf, positions.bytes);
		}
		build->n_rows++;
	}
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row_context);
	if (gv_bm25_invert_memory(build->invert) > build->limit)
		gv_bm25_build_write_run(build);
}

/* Add an empty page to the relation, and write it */
static void
write_new_page(Relation index, ForkNumber fork, BlockNumber blkno, const char *content)
{
	Buffer		buf = gv_am_new_buffer(index, fork);

	if (BufferGetBlockNumber(buf) != blkno)
		elog(ERROR, "index \"%s\" is not empty", RelationGetRelationName(index));
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buf), content, BLCKSZ);
	MarkBufferDirty(buf);
	if (fork == INIT_FORKNUM)
		log_newpage_buffer(buf, true);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buf);
}

/* Write the metapage and the list of free pages of an empty index */
static void
write_empty(Relation index, ForkNumber fork, const GvBm25MetaPageData *meta)
{
	PGAlignedBlock page;

	gv_bm25_write_meta((Page) page.data, meta);
	write_new_page(index, fork, GV_BM25_META_BLKNO, page.data);
	gv_bm25_write_free((Page) page.data, NULL, 0);
	write_new_page(index, fork, GV_BM25_FREE_BLKNO, page.data);
}

/* Let a page have another content; the build logs it later */
static void
write_page(Relation index, BlockNumber blkno, const char *content)
{
	Buffer		buf = ReadBuffer(index, blkno);

	LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
	START_CRIT_SECTION();
	memcpy(BufferGetPage(buf), content, BLCKSZ);
	MarkBufferDirty(buf);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buf);
}

/* Change the metapage and the list of free pages to what was built */
static void
write_result(GvBm25Index *index, const GvBm25Space *space, const GvBm25SegmentData *entry)
{
	PGAlignedBlock page;

	index->meta.segment[0] = *entry;
	index->meta.n_segments = 1;
	gv_bm25_write_meta((Page) page.data, &index->meta);
	write_page(index->rel, GV_BM25_META_BLKNO, page.data);
	gv_bm25_write_free((Page) page.data, space->free.extent,
					   Min(space->free.n, GV_BM25_MAX_FREE_EXTENTS));
	write_page(index->rel, GV_BM25_FREE_BLKNO, page.data);
}

/*
 * gv_bm25_build_write_segment
 *		Write the segment of all documents, in files and in memory.
 */
void
gv_bm25_build_write_segment(GvBm25Build *build)
{
	MemoryContext old = MemoryContextSwitchTo(build->context);
	int			n_sources = 0;
	GvBm25Source **sources;
	GvBm25Space space;
	GvBm25SegmentData entry;
	ListCell   *cell;

	gv_am_report_phase(GV_BM25_PHASE_MERGE);
	if (build->runs != NIL)
		gv_bm25_build_write_run(build);
	sources = palloc((list_length(build->runs) + 1) * sizeof(GvBm25Source *));
	foreach(cell, build->runs)
		sources[n_sources++] = lfirst(cell);
	if (n_sources == 0)
		sources[n_sources++] = gv_bm25_invert_source(build->invert);
	else
		gv_bm25_invert_free(build->invert);
	gv_bm25_space_begin(&space, build->index, false);
	if (gv_bm25_merge_sources(build->index, sources, n_sources, &space, &entry))
		write_result(build->index, &space, &entry);
	MemoryContextSwitchTo(old);
}

/*
 * gv_bm25_build_begin
 *		Begin a process's part of a build.
 *
 * n_processes: that share maintenance_work_mem
 */
void
gv_bm25_build_begin(GvBm25Build *build, GvBm25Index *index, int n_processes)
{
	build->index = index;
	build->type = index->rel->rd_opcintype[0];
	build->context = AllocSetContextCreate(CurrentMemoryContext, "bm25 build",
										   ALLOCSET_DEFAULT_SIZES);
	build->row_context = AllocSetContextCreate(build->context, "bm25 row",
											   ALLOCSET_DEFAULT_SIZES);
	build->tokenizer = gv_bm25_tokenizer_of(index, build->context,
											gv_bm25_document_flags(index));
	build->limit = (Size) (maintenance_work_mem * MEMORY_PART * 1024) / n_processes;
	begin_documents(build);
}

/*
 * gv_bm25_build_load
 *		Collect the rows of a table, or of a process's share of it.
 *
 * scan: of the share; NULL: all of it
 *
 * Returns how many rows the table has, as far as was seen.
 */
double
gv_bm25_build_load(GvBm25Build *build, Relation heap, IndexInfo *index_info,
				   TableScanDesc scan, bool progress)
{
	return table_index_build_scan(heap, build->index->rel, index_info, scan == NULL, progress,
								  add_row, build, scan);
}

/* End a process's part of a build */
void
gv_bm25_build_end(GvBm25Build *build)
{
	gv_bm25_tokenizer_free(build->tokenizer);
	MemoryContextDelete(build->context);
}

/*
 * gv_bm25_build
 *		ambuild
 */
IndexBuildResult *
gv_bm25_build(Relation heap, Relation index_rel, IndexInfo *index_info)
{
	IndexBuildResult *result = palloc(sizeof(IndexBuildResult));
	GvBm25Index index = {0};
	GvBm25Build build = {0};
	int			n_workers;
	int			max_processes = (int) (maintenance_work_mem * MEMORY_PART) / MIN_PROCESS_MEMORY;

	if (RelationGetNumberOfBlocks(index_rel) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index_rel));
	gv_bm25_init_meta(&index, index_rel);
	write_empty(index_rel, MAIN_FORKNUM, &index.meta);
	index.hints = gv_am_hints(index_rel);
	GV_TEST_POINT("bm25-build-begun");

	gv_am_report_phase(GV_BM25_PHASE_SCAN);
	n_workers = Min(gv_am_parallel_workers(heap, index_rel), Max(max_processes, 1) - 1);
	build.index = &index;
	if (n_workers == 0 ||
		!gv_bm25_build_in_parallel(&build, heap, index_info, n_workers, result))
	{
		gv_bm25_build_begin(&build, &index, 1);
		result->heap_tuples = gv_bm25_build_load(&build, heap, index_info, NULL, true);
		result->index_tuples = build.n_rows;
		gv_bm25_build_write_segment(&build);
		gv_bm25_build_end(&build);
	}

	if (RelationNeedsWAL(index_rel))
		log_newpage_range(index_rel, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index_rel), true);
	return result;
}

/*
 * gv_bm25_build_empty
 *		ambuildempty: what an unlogged index is after a crash
 */
void
gv_bm25_build_empty(Relation index)
{
	GvBm25Index empty = {0};

	gv_bm25_init_meta(&empty, index);
	write_empty(index, INIT_FORKNUM, &empty.meta);
}
