/*-------------------------------------------------------------------------
 *
 * attempt.c
 *		Work that may fail without the statement that does it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "am/attempt.h"

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

/*
 * gv_am_attempt
 *		Do work of which an error, if it is to be forgiven, is a warning; returns
 *		false then.
 *
 * work: in a memory context of its own; holds no lock that it did not take itself
 * failure: what the warning says
 *
 * It is done in a subtransaction.  Processes of a parallel operation cannot have
 * any: there each error is one.
 */
bool
gv_am_attempt(void (*work) (void *arg), void *arg, GvAmForgives forgives, const char *failure)
{
	MemoryContext old_context = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(old_context, "gigavec attempt",
												  ALLOCSET_DEFAULT_SIZES);
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool result = true;

	if (IsInParallelMode())
	{
		MemoryContextSwitchTo(context);
		work(arg);
		MemoryContextSwitchTo(old_context);
		MemoryContextDelete(context);
		return true;
	}
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		work(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (!forgives(error))
			ReThrowError(error);
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg_internal("%s", failure),
				 errdetail_internal("%s", error->message)));
		result = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old_context);
	CurrentResourceOwner = owner;
	MemoryContextDelete(context);
	return result;
}
