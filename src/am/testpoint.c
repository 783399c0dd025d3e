/*-------------------------------------------------------------------------
 *
 * testpoint.c
 *		Places where a test can stop a process, fail it or kill it.
 *
 * The setting gigavec.test_point is a list of NAME:ACTION or
 * NAME:ACTION:COUNT, separated by commas.  The action is taken when the
 * process comes to the point for the COUNT-th time after the setting was made,
 * by default the first; the name "*" is every point.
 *
 *		log		write the point's name to the server's log, each time
 *		error	raise an error
 *		crash	end the process at once, when the log is written up to here
 *		wait	wait as long as another session holds the advisory lock
 *				hashtext(NAME)
 *		cancel	as if somebody had cancelled the statement here; how many blocks
 *				are read until that is noticed is told at the end of the
 *				transaction
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#ifdef USE_ASSERT_CHECKING

#include <signal.h>
#include <unistd.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "common/hashfn.h"
#include "common/string.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/guc.h"

#include "am/testpoint.h"
#include "base/compat.h"

#define MAX_POINTS 8
#define MAX_POINT_NAME 64

typedef enum PointAction
{
	ACTION_LOG,
	ACTION_ERROR,
	ACTION_CRASH,
	ACTION_WAIT,
	ACTION_CANCEL
} PointAction;

static const char *const action_names[] = {"log", "error", "crash", "wait", "cancel"};

/* What to do at a point */
typedef struct PointOrder
{
	char		name[MAX_POINT_NAME];
	PointAction action;
	int			count;			/* act when so many hits are left: the last */
} PointOrder;

typedef struct PointOrders
{
	int			n;
	PointOrder	order[MAX_POINTS];
} PointOrders;

static char *setting = NULL;
static PointOrders *orders = NULL;	/* belongs to the setting */

/* Blocks that had been read when the transaction was cancelled; -1: it was not */
static int64 n_before_cancel = -1;

/* Read one NAME:ACTION or NAME:ACTION:COUNT; names may have colons */
static bool
parse_order(char *text, PointOrder *order)
{
	char	   *colon;
	char	   *end;

	while (*text == ' ')
		text++;
	order->count = 1;
	colon = strrchr(text, ':');
	if (colon == NULL)
		return false;
	if (colon[1] >= '0' && colon[1] <= '9')
	{
		order->count = strtoint(colon + 1, &end, 10);
		if (*end != '\0' || order->count < 1)
			return false;
		*colon = '\0';
		colon = strrchr(text, ':');
		if (colon == NULL)
			return false;
	}
	*colon = '\0';
	if (*text == '\0' || strlcpy(order->name, text, MAX_POINT_NAME) >= MAX_POINT_NAME)
		return false;
	for (int i = 0; i < lengthof(action_names); i++)
	{
		if (strcmp(colon + 1, action_names[i]) == 0)
		{
			order->action = (PointAction) i;
			return true;
		}
	}
	return false;
}

static bool
check_setting(char **newval, void **extra, GucSource source)
{
	PointOrders *parsed;
	char	   *copy;
	char	   *next;
	bool		is_valid = true;

	if (**newval == '\0')
		return true;
	parsed = gv_base_guc_malloc(sizeof(PointOrders));
	copy = pstrdup(*newval);
	if (parsed == NULL)
		return false;
	parsed->n = 0;
	for (char *text = copy; text != NULL && is_valid; text = next)
	{
		next = strchr(text, ',');
		if (next != NULL)
			*next++ = '\0';
		is_valid = parsed->n < MAX_POINTS && parse_order(text, &parsed->order[parsed->n++]);
	}
	pfree(copy);
	if (!is_valid)
		GUC_check_errdetail("It is a list of up to %d times NAME:ACTION or NAME:ACTION:COUNT, separated by commas.",
							MAX_POINTS);
	*extra = parsed;
	return is_valid;
}

static void
assign_setting(const char *newval, void *extra)
{
	orders = extra;
}

/*
 * gv_am_testpoint_init
 *		Define the setting.
 */
void
gv_am_testpoint_init(void)
{
	DefineCustomStringVariable("gigavec.test_point",
							   "Sets what happens at places in the code that tests know.",
							   "A list of NAME:ACTION:COUNT; the actions are log, error, crash, wait and cancel.",
							   &setting, "", PGC_SUSET, GUC_NOT_IN_SAMPLE,
							   check_setting, assign_setting, NULL);
}

/* Wait for whoever holds the point's advisory lock */
static void
wait_at_point(const char *name)
{
	LOCKTAG		tag;
	int64		key = (int32) DatumGetUInt32(hash_any((const unsigned char *) name,
													  (int) strlen(name)));

	/* as pg_advisory_lock(bigint) does */
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (key >> 32), (uint32) key, 1);
	(void) LockAcquire(&tag, ShareLock, false, false);
	LockRelease(&tag, ShareLock, false);
}

/* Die without any of what a process does at its end */
pg_noreturn static void
crash_at_point(void)
{
	/* so that recovery has all the records up to the point */
	if (!XLogRecPtrIsInvalid(XactLastRecEnd))
		XLogFlush(XactLastRecEnd);
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* Blocks that this process has read */
static int64
count_blocks(void)
{
	return pgBufferUsage.shared_blks_hit + pgBufferUsage.shared_blks_read;
}

/* At the end of a transaction tell how long it went on after it was cancelled */
static void
tell_blocks(XactEvent event, void *arg)
{
	if (n_before_cancel < 0 || (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT))
		return;
	ereport(NOTICE,
			(errmsg("read %lld blocks after a cancel",
					(long long) (count_blocks() - n_before_cancel))));
	n_before_cancel = -1;
}

/* Do what the signal for it does */
static void
cancel_at_point(void)
{
	static bool is_registered = false;

	if (!is_registered)
		RegisterXactCallback(tell_blocks, NULL);
	is_registered = true;
	n_before_cancel = count_blocks();
	QueryCancelPending = true;
	InterruptPending = true;
}

/*
 * gv_am_reach_point
 *		Do what the setting says of a point.
 */
void
gv_am_reach_point(const char *name)
{
	for (int i = 0; orders != NULL && i < orders->n; i++)
	{
		PointOrder *order = &orders->order[i];

		if (strcmp(order->name, name) != 0 && strcmp(order->name, "*") != 0)
			continue;
		if (order->action != ACTION_LOG && (order->count == 0 || --order->count > 0))
			continue;
		switch (order->action)
		{
			case ACTION_LOG:
				ereport(LOG,
						(errmsg("reached test point \"%s\"", name)));
				break;
			case ACTION_ERROR:
				ereport(ERROR,
						(errcode(ERRCODE_RAISE_EXCEPTION),
						 errmsg("stopped at test point \"%s\"", name)));
				break;
			case ACTION_CRASH:
				crash_at_point();
				break;
			case ACTION_WAIT:
				wait_at_point(name);
				break;
			case ACTION_CANCEL:
				cancel_at_point();
				break;
		}
	}
}

/*
 * gv_am_reach_record
 *		Do the same at a place where a record is written to the log.
 *
 * when: "before" or "after"
 *
 * The point is called, for example, "after hnsw/insert.c:285".
 */
void
gv_am_reach_record(const char *when, const char *file, int line)
{
	char		name[MAX_POINT_NAME];
	const char *start;

	if (orders == NULL)
		return;

	/* of the path, the file and its folder */
	start = file + strlen(file);
	for (int n_slashes = 0; start > file; start--)
	{
		if (start[-1] == '/' && ++n_slashes == 2)
			break;
	}
	snprintf(name, sizeof(name), "%s %s:%d", when, start, line);
	gv_am_reach_point(name);
}

#endif							/* USE_ASSERT_CHECKING */
