/*-------------------------------------------------------------------------
 *
 * attempt.c
 *		Work that may fail without the statement that does it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xloginsert.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "am/attempt.h"
#include "base/compat.h"

/*
 * gv_am_forgives_all
 *		All errors but that the user wants to end.
 */
bool
gv_am_forgives_all(const ErrorData *error)
{
	return error->sqlerrcode != ERRCODE_QUERY_CANCELED;
}

/*
 * gv_am_forgives_shortage
 *		Errors that say that there is no room, on disk or in memory.
 *
 * PostgreSQL has no code for a quota, or for files that may not grow further.
 */
bool
gv_am_forgives_shortage(const ErrorData *error)
{
	if (error->sqlerrcode == ERRCODE_INTERNAL_ERROR)
		return error->saved_errno == EFBIG || error->saved_errno == EDQUOT;
	return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES;
}

/* What a process has before an attempt, and gets back after it */
typedef struct Before
{
	MemoryContext context;
	ResourceOwner owner;
	bool		is_subtransaction;	/* the rest is of those that are none */
	Snapshot	snapshot;		/* the active one, or NULL */
	Oid			user;
	int			sec_context;
	int			guc_level;
} Before;

/*
 * Begin an attempt: a subtransaction or, where PostgreSQL has none, an owner of its
 * own of all that may be taken: buffers, locks, files, relations.
 */
static void
begin_attempt(Before *before)
{
	before->context = CurrentMemoryContext;
	before->owner = CurrentResourceOwner;
	before->is_subtransaction = gv_base_allows_subtransaction();
	if (before->is_subtransaction)
	{
		BeginInternalSubTransaction(NULL);
		return;
	}
	before->snapshot = ActiveSnapshotSet() ? GetActiveSnapshot() : NULL;
	GetUserIdAndSecContext(&before->user, &before->sec_context);
	before->guc_level = NewGUCNestLevel();
	CurrentResourceOwner = ResourceOwnerCreate(before->owner, "gigavec attempt");
}

/* Release an owner; locks go to the one above it if is_done */
static void
release_owner(ResourceOwner owner, bool is_done)
{
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, is_done, false);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_LOCKS, is_done, false);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_AFTER_LOCKS, is_done, false);
}

/* The work is done */
static void
finish_attempt(const Before *before)
{
	ResourceOwner owner = CurrentResourceOwner;

	if (before->is_subtransaction)
	{
		ReleaseCurrentSubTransaction();
		CurrentResourceOwner = before->owner;
		return;
	}
	release_owner(owner, true);
	AtEOXact_GUC(true, before->guc_level);
	CurrentResourceOwner = before->owner;
	ResourceOwnerDelete(owner);
}

/*
 * The work has failed: release what it holds.
 *
 * Without a subtransaction it is what AbortSubTransaction does, as far as that can
 * be needed in a parallel operation, by functions in an index's expressions, too.
 * Only VACUUM makes attempts there, which no function can call: all that is on the
 * stack of SPI is from the work.
 */
static void
abandon_attempt(const Before *before, ResourceOwner owner)
{
	if (before->is_subtransaction)
	{
		RollbackAndReleaseCurrentSubTransaction();
		CurrentResourceOwner = before->owner;
		return;
	}
	HOLD_INTERRUPTS();
	LWLockReleaseAll();
	pgstat_report_wait_end();
	gv_base_abort_buffer_io();
	UnlockBuffers();
	XLogResetInsertion();
	ConditionVariableCancelSleep();
	LockErrorCleanup();
	SetUserIdAndSecContext(before->user, before->sec_context);
	release_owner(owner, false);
	AtEOXact_GUC(false, before->guc_level);
	AtEOXact_SPI(false);
	while (ActiveSnapshotSet() && GetActiveSnapshot() != before->snapshot)
		PopActiveSnapshot();
	CurrentResourceOwner = before->owner;
	ResourceOwnerDelete(owner);
	RESUME_INTERRUPTS();
}

/*
 * gv_am_attempt
 *		Do work of which an error, if it is to be forgiven, is a warning; returns
 *		false then.
 *
 * work: in a memory context of its own; holds no lock that it did not take itself
 * failure: what the warning says
 *
 * It is done in a subtransaction, or what stands for one in a parallel operation.
 */
bool
gv_am_attempt(void (*work) (void *arg), void *arg, GvAmForgives forgives, const char *failure)
{
	Before		before;
	ResourceOwner owner;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "gigavec attempt",
												  ALLOCSET_DEFAULT_SIZES);
	volatile bool result = true;

	begin_attempt(&before);
	owner = CurrentResourceOwner;
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		work(arg);
		finish_attempt(&before);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		abandon_attempt(&before, owner);
		MemoryContextSwitchTo(context);
		if (!forgives(error))
			ReThrowError(error);
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg_internal("%s", failure),
				 errdetail_internal("%s", error->message)));
		result = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(before.context);
	MemoryContextDelete(context);
	return result;
}
