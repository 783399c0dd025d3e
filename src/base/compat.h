/*-------------------------------------------------------------------------
 *
 * compat.h
 *		What differs between the supported versions of PostgreSQL.
 *
 * The only file that mentions PG_VERSION_NUM.  Include it after postgres.h and
 * before anything that uses what it defines; the supported versions are 15 and
 * newer.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BASE_COMPAT_H
#define GV_BASE_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000
#error "gigavec needs PostgreSQL 15 or newer"
#endif

/*
 * Before 16, PGDLLEXPORT is empty on platforms other than Windows, which would
 * hide everything when compiling with -fvisibility=hidden.
 */
#if PG_VERSION_NUM < 160000 && !defined(WIN32)
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#endif

#include "access/amapi.h"
#include "access/genam.h"
#include "access/gist_private.h"
#include "access/relscan.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/vacuum.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "nodes/pathnodes.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/regproc.h"
#include "utils/rel.h"

/* Headers that only some versions have, or under another name */
#if PG_VERSION_NUM >= 170000
#include "storage/procarray.h"
#else
#include "storage/sinvaladt.h"
#endif
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#include "storage/relfilelocator.h"
#include "varatt.h"
#else
#include "storage/relfilenode.h"
#endif

/*
 * GV_FUNCTION
 *		Declare a version-1 function callable from SQL, exported from the
 *		library.  Before 16, PG_FUNCTION_INFO_V1 exports only the information
 *		about the function.
 */
#if PG_VERSION_NUM < 160000
#define GV_FUNCTION(name) \
	extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS); \
	PG_FUNCTION_INFO_V1(name)
#else
#define GV_FUNCTION(name) PG_FUNCTION_INFO_V1(name)
#endif

/*
 * Soft errors came with 16: ereturn() hands an error over to a caller that
 * asked for it (COPY ... ON_ERROR, pg_input_is_valid), else raises it.
 */
#if PG_VERSION_NUM < 160000
#define ereturn(context, dummy_value, ...) \
	do { \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
		return dummy_value; \
	} while (0)
#endif

/* 18 put the mark of functions that do not return before the declaration */
#if PG_VERSION_NUM < 180000
#define pg_noreturn __attribute__((noreturn))
#endif

/*
 * gv_base_vacuum_delay
 *		Wait as the cost-based vacuum delay asks for, and take interrupts.
 *
 * Hold no buffer lock.  vacuum_delay_point has its parameter since 18.
 */
static inline void
gv_base_vacuum_delay(void)
{
#if PG_VERSION_NUM >= 180000
	vacuum_delay_point(false);
#else
	vacuum_delay_point();
#endif
}

/* Relation file locators got their name in 16 */
#if PG_VERSION_NUM >= 160000
typedef RelFileLocator GvRelFileLocator;
#define GvRelFileLocatorEquals(a, b) RelFileLocatorEquals(a, b)
static inline GvRelFileLocator
gv_rel_locator(Relation rel)
{
	return rel->rd_locator;
}
#else
typedef RelFileNode GvRelFileLocator;
#define GvRelFileLocatorEquals(a, b) RelFileNodeEquals(a, b)
static inline GvRelFileLocator
gv_rel_locator(Relation rel)
{
	return rel->rd_node;
}
#endif

/* Access methods say since 17 that they build in parallel */
static inline void
gv_am_set_can_build_parallel(IndexAmRoutine *am)
{
#if PG_VERSION_NUM >= 170000
	am->amcanbuildparallel = true;
#else
	(void) am;
#endif
}

/*
 * gv_disabled_cost
 *		Cost of a path that cannot be used.
 *
 * Since 18 paths are disabled by a count instead of a high cost.
 */
#define GV_DISABLED_NODES 2
static inline double
gv_disabled_cost(IndexPath *path)
{
#if PG_VERSION_NUM >= 180000
	path->path.disabled_nodes = GV_DISABLED_NODES;
#else
	(void) path;
#endif
	/* finite, for differences of infinite costs are no numbers */
	return 1e300;
}

/*
 * gv_base_count_search
 *		Count a search of an index, for EXPLAIN ANALYZE, which shows their number
 *		since 18.
 */
static inline void
gv_base_count_search(IndexScanDesc scan)
{
#if PG_VERSION_NUM >= 180000
	if (scan->instrument != NULL)
		scan->instrument->nsearches++;
#else
	(void) scan;
#endif
}

/*
 * gv_base_restrict_search_path
 *		Search pg_catalog and pg_temp only, until the GUC nest level ends.
 *
 * Since 17 that is how the functions of an index run in maintenance; before,
 * they may depend on the path of whoever maintains it.
 */
static inline void
gv_base_restrict_search_path(void)
{
#if PG_VERSION_NUM >= 170000
	RestrictSearchPath();
#endif
}

/*
 * gv_base_guc_malloc
 *		Allocate what a check hook of a setting hands to its assign hook; NULL if
 *		out of memory.  Since 16 such memory has a context of its own.
 */
static inline void *
gv_base_guc_malloc(Size size)
{
#if PG_VERSION_NUM >= 160000
	return guc_malloc(LOG, size);
#else
	return malloc(size);
#endif
}

/*
 * gv_base_index_beginscan
 *		Begin a scan of an index that nobody watches.  Since 18 a watcher can be
 *		named.
 */
static inline IndexScanDesc
gv_base_index_beginscan(Relation heap, Relation index, Snapshot snapshot, int n_keys,
						int n_order_bys)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(heap, index, snapshot, NULL, n_keys, n_order_bys);
#else
	return index_beginscan(heap, index, snapshot, n_keys, n_order_bys);
#endif
}

/*
 * gv_base_owns_relation
 *		Does a role own a relation?  16 has one function for all kinds of objects.
 */
static inline bool
gv_base_owns_relation(Oid relation, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relation, role);
#else
	return pg_class_ownercheck(relation, role);
#endif
}

/*
 * gv_base_name_to_list
 *		Take a name apart that may have a schema and double quotes.
 *
 * Since 16 errors may be handed to a caller that asks for them.
 */
static inline List *
gv_base_name_to_list(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return stringToQualifiedNameList(name, NULL);
#else
	return stringToQualifiedNameList(name);
#endif
}

/*
 * gv_base_forget_joins
 *		Let a column be as it is below the outer joins that may make it null.
 *
 * Before 16 such a column is not marked.
 */
static inline void
gv_base_forget_joins(Var *var)
{
#if PG_VERSION_NUM >= 160000
	var->varnullingrels = NULL;
#endif
}

/*
 * gv_base_group_expr
 *		What a column of the groups of a query stands for; NULL if an entry is not that
 *		of groups, which version 18 has made.
 */
static inline Node *
gv_base_group_expr(const RangeTblEntry *entry, AttrNumber column)
{
#if PG_VERSION_NUM >= 180000
	if (entry->rtekind == RTE_GROUP && column <= list_length(entry->groupexprs))
		return list_nth(entry->groupexprs, column - 1);
#endif
	return NULL;
}

/*
 * gv_base_extend
 *		Extend the main fork of a relation by n_blocks of zeros, or fewer.
 *
 * Since 16 by many at once, which a file system allots without writing them.
 * Returns by how many.
 */
#define GV_BASE_EXTEND_AT_ONCE 64
static inline uint32
gv_base_extend(Relation rel, uint32 n_blocks)
{
	uint32		n_extended = 1;
	Buffer		bufs[GV_BASE_EXTEND_AT_ONCE];

#if PG_VERSION_NUM >= 160000
	(void) ExtendBufferedRelBy(BMR_REL(rel), MAIN_FORKNUM, NULL, 0,
							   Min(n_blocks, GV_BASE_EXTEND_AT_ONCE), bufs, &n_extended);
#else
	LockRelationForExtension(rel, ExclusiveLock);
	bufs[0] = ReadBufferExtended(rel, MAIN_FORKNUM, P_NEW, RBM_NORMAL, NULL);
	UnlockRelationForExtension(rel, ExclusiveLock);
#endif
	for (uint32 i = 0; i < n_extended; i++)
		ReleaseBuffer(bufs[i]);
	return n_extended;
}

/*
 * gv_base_allows_subtransaction
 *		May an internal subtransaction begin?
 *
 * In a parallel operation since 17, if it takes no transaction id.
 */
static inline bool
gv_base_allows_subtransaction(void)
{
#if PG_VERSION_NUM >= 170000
	return true;
#else
	return !IsInParallelMode();
#endif
}

/*
 * gv_base_abort_buffer_io
 *		End the reads and writes of buffers that an error has cut off.  Since 16 their
 *		resource owner does.
 */
static inline void
gv_base_abort_buffer_io(void)
{
#if PG_VERSION_NUM < 160000
	AbortBufferIO();
#endif
}

/* Which conditions beside an order were not planned before 18: see am/paths.c */
#define GV_BASE_LACKS_ORDERED_PATHS (PG_VERSION_NUM < 180000)

/* A bitmap scan of an index scan that is disabled is not, since 18: see am/paths.c */
#define GV_BASE_LOSES_DISABLED_PATHS (PG_VERSION_NUM >= 180000)

/* Extensions add to EXPLAIN since 18: see am/explain.c */
#define GV_BASE_HAS_EXPLAIN_HOOK (PG_VERSION_NUM >= 180000)

/*
 * gv_base_log_page_reuse
 *		Tell standbys that a page of an index is used again, by the record that
 *		GiST has for that: queries as old as xid end there.
 */
static inline void
gv_base_log_page_reuse(Relation rel, BlockNumber blkno, FullTransactionId xid)
{
#if PG_VERSION_NUM >= 160000
	/* asks no more of the table than whether it is a catalog */
	gistXLogPageReuse(rel, rel, blkno, xid);
#else
	gistXLogPageReuse(rel, blkno, xid);
#endif
}

/*
 * gv_base_proc_of
 *		Return the process of a virtual transaction, NULL if it is gone.  17 has
 *		another name for what counts processes.
 */
static inline struct PGPROC *
gv_base_proc_of(VirtualTransactionId xid)
{
#if PG_VERSION_NUM >= 170000
	return ProcNumberGetProc(xid.procNumber);
#else
	return BackendIdGetProc(xid.backendId);
#endif
}

#endif							/* GV_BASE_COMPAT_H */
