/*-------------------------------------------------------------------------
 *
 * upkeep.c
 *		Locking a table for work on one of its indexes beside its users.
 *
 * Such work takes the lock that VACUUM takes.  CREATE INDEX CONCURRENTLY and
 * REINDEX CONCURRENTLY hold it as well, and wait for the transactions that run,
 * ours among them: if we waited for them, one would have to end, and PostgreSQL
 * ends who has begun to wait last, the REINDEX.  So only those are waited for who
 * do not wait for us.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "am/inspect.h"
#include "am/upkeep.h"
#include "base/compat.h"

/* How often the lock is tried while somebody has it who may wait for us, in milliseconds */
#define TRY_EVERY 10

/*
 * Wait for the transactions of VACUUM, or of an autovacuum worker, that hold a
 * lock.  Returns false if there are none.
 */
static bool
wait_for_vacuum(const LOCKTAG *tag)
{
	int			n;
	VirtualTransactionId *holders = GetLockConflicts(tag, ShareUpdateExclusiveLock, &n);
	bool		has_waited = false;

	for (int i = 0; i < n; i++)
	{
		PGPROC	   *proc = gv_base_proc_of(holders[i]);

		if (proc == NULL || (proc->statusFlags & (PROC_IN_VACUUM | PROC_IS_AUTOVACUUM)) == 0)
			continue;
		VirtualXactLock(holders[i], true);
		has_waited = true;
	}
	pfree(holders);
	return has_waited;
}

/* How long to wait for others: until PostgreSQL would look for a deadlock */
static int
patience(void)
{
	return LockTimeout > 0 ? Min(LockTimeout, DeadlockTimeout) : DeadlockTimeout;
}

/*
 * gv_am_upkeep_lock
 *		Lock a table as VACUUM does, until the transaction ends.
 *
 * function: that is called, for messages
 *
 * Waits for VACUUM, and for work of this kind by others.  For anybody else it
 * waits no longer than deadlock_timeout, then it raises an error.  The caller
 * holds no lock of the table.
 */
void
gv_am_upkeep_lock(Oid heap_oid, const char *function)
{
	TimestampTz start = 0;
	LOCKTAG		tag;

	/* of all who come here one at a time; nobody else takes this lock */
	LockDatabaseObject(RelationRelationId, heap_oid, 0, ShareUpdateExclusiveLock);
	SET_LOCKTAG_RELATION(tag, MyDatabaseId, heap_oid);
	while (!ConditionalLockRelationOid(heap_oid, ShareUpdateExclusiveLock))
	{
		if (wait_for_vacuum(&tag))
			start = 0;
		else if (start == 0)
			start = GetCurrentTimestamp();
		else if (TimestampDifferenceExceeds(start, GetCurrentTimestamp(), patience()))
			ereport(ERROR,
					(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
					 errmsg("could not obtain lock on relation \"%s\"",
							gv_am_inspect_name(heap_oid)),
					 errdetail("%s does not wait for CREATE INDEX CONCURRENTLY, REINDEX CONCURRENTLY, or whoever else may wait for its transaction.",
							   function),
					 errhint("Try again when that has ended.")));
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, TRY_EVERY,
						 PG_WAIT_LOCK);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}
