/*
 * shim.c
 *		What of the server the code under test needs, in a program without one.
 *
 * Every piece of memory is one of malloc's, so that the address sanitizer sees
 * each byte too many; it is freed when an input is done.  An error ends the try
 * around it.  One without a class of its own (XX000) is a finding, as it is what
 * a user must never see, and so are pages that stay locked.
 *
 * What else an input should lead to is missing: it is called at address 0.
 */
#include "postgres.h"

#include <setjmp.h>
#include <stdarg.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/palloc.h"

#include "base/compat.h"
#include "am/buffer.h"
#include "distance/distance.h"
#include "distance/kernel.h"
#include "shim.h"

/* Memory that an input may take before the server would have refused long ago */
#define MAX_MEMORY ((Size) 1 << 30)

volatile sig_atomic_t InterruptPending = false;
static struct MemoryContextData context;
MemoryContext CurrentMemoryContext = &context;
MemoryContext TopMemoryContext = &context;
static Block blocks[GV_FUZZ_MAX_PAGES];
Block	   *LocalBufferBlockPointers = blocks;
char	   *BufferBlocks = NULL;
int			NBuffers = 0;
int			NLocBuffer = GV_FUZZ_MAX_PAGES;

/* Without dispatch: the kernels of each processor have tests of their own */
const GvKernels *gv_kernels = &gv_distance_table_scalar;

static void **pieces;
static size_t n_pieces;
static size_t max_pieces;

static sigjmp_buf *handler;
static int	level;
static int	code;
static int	n_locked;
static int	n_pages;

/*
 * gv_fuzz_fail
 *		Tell what was found, and end.
 */
void
gv_fuzz_fail(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	fputs("FOUND: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

/*
 * gv_fuzz_try
 *		Do some work; false if it ended with an error.
 */
bool
gv_fuzz_try(void (*work) (void *), void *arg)
{
	sigjmp_buf	here;
	bool		done = false;

	n_locked = 0;
	if (sigsetjmp(here, 0) == 0)
	{
		handler = &here;
		work(arg);
		done = true;
		if (n_locked != 0)
			gv_fuzz_fail("%d pages stay locked", n_locked);
	}
	handler = NULL;
	return done;
}

/*
 * gv_fuzz_finish
 *		Free all that an input has taken.
 */
void
gv_fuzz_finish(void)
{
	for (size_t i = 0; i < n_pieces; i++)
		free(pieces[i]);
	n_pieces = 0;
	for (int i = 0; i < n_pages; i++)
		free(blocks[i]);
	n_pages = 0;
}

/*
 * gv_fuzz_call
 *		Call a function of SQL.
 */
Datum
gv_fuzz_call(PGFunction function, Datum a, Datum b, Datum c)
{
	LOCAL_FCINFO(fcinfo, 3);

	InitFunctionCallInfoData(*fcinfo, NULL, 3, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = a;
	fcinfo->args[1].value = b;
	fcinfo->args[2].value = c;
	for (int i = 0; i < 3; i++)
		fcinfo->args[i].isnull = false;
	return function(fcinfo);
}

/* Pages */

/*
 * gv_fuzz_page
 *		A page of the relation, zeros when it is asked for first.
 */
Page
gv_fuzz_page(int n)
{
	while (n_pages <= n)
		blocks[n_pages++] = calloc(1, BLCKSZ);
	return (Page) blocks[n];
}

Buffer
gv_am_read_buffer(GvAmHints *hints, Relation rel, BlockNumber blkno)
{
	if (blkno >= n_pages)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED), errmsg("no block %u", blkno)));
	return -(Buffer) blkno - 1;
}

Buffer
ReadBuffer(Relation rel, BlockNumber blkno)
{
	return gv_am_read_buffer(NULL, rel, blkno);
}

Buffer
ReadBufferExtended(Relation rel, ForkNumber fork, BlockNumber blkno, ReadBufferMode mode,
				   BufferAccessStrategy strategy)
{
	return gv_am_read_buffer(NULL, rel, blkno);
}

BufferAccessStrategy
GetAccessStrategy(BufferAccessStrategyType type)
{
	return NULL;
}

void
FreeAccessStrategy(BufferAccessStrategy strategy)
{
}

GvAmHints *
gv_am_hints(Relation rel)
{
	return NULL;
}

bool
gv_am_has_block(GvAmHints *hints, Relation rel, BlockNumber blkno)
{
	return blkno < n_pages;
}

void
gv_am_check_block(Relation rel, BlockNumber blkno)
{
	(void) gv_am_read_buffer(NULL, rel, blkno);
}

void
gv_am_prefetch(GvAmHints *hints, BlockNumber blkno, int offset, int n_bytes)
{
}

void
PageInit(Page page, Size size, Size special)
{
	memset(page, 0, size);
	((PageHeader) page)->pd_lower = SizeOfPageHeaderData;
	((PageHeader) page)->pd_upper = size - MAXALIGN(special);
	((PageHeader) page)->pd_special = size - MAXALIGN(special);
	PageSetPageSizeAndVersion(page, size, PG_PAGE_LAYOUT_VERSION);
}

void
LockBuffer(Buffer buf, int mode)
{
	n_locked += mode == BUFFER_LOCK_UNLOCK ? -1 : 1;
}

void
UnlockReleaseBuffer(Buffer buf)
{
	n_locked--;
}

BlockNumber
RelationGetNumberOfBlocksInFork(Relation rel, ForkNumber fork)
{
	return n_pages;
}

/* Taking inputs apart */

/*
 * gv_fuzz_take
 *		A number of so many bytes; what is missing is zero.
 */
uint32
gv_fuzz_take(GvFuzzBytes *bytes, int size)
{
	uint32		result = 0;

	for (int i = 0; i < size && bytes->at < bytes->end; i++)
		result |= (uint32) *bytes->at++ << (8 * i);
	return result;
}

/*
 * gv_fuzz_take_bytes
 *		As many bytes as the two before say; they come first or last in the room.
 */
void
gv_fuzz_take_bytes(GvFuzzBytes *bytes, void *to, size_t room, bool at_end)
{
	size_t		n = gv_fuzz_take(bytes, 2);

	n = Min(Min(n, room), (size_t) (bytes->end - bytes->at));
	if (n == 0)
		return;
	memcpy((char *) to + (at_end ? room - n : 0), bytes->at, n);
	bytes->at += n;
}

/*
 * gv_fuzz_take_text
 *		The rest as a text that the server would let pass: UTF-8 without zeros.
 */
char *
gv_fuzz_take_text(GvFuzzBytes *bytes)
{
	size_t		n = bytes->end - bytes->at;
	unsigned char *text = palloc(n + 1);

	if (n > 0)
		memcpy(text, bytes->at, n);
	text[n] = '\0';
	for (size_t i = 0; i < n;)
	{
		size_t		len = pg_utf_mblen(text + i);

		if (text[i] == '\0' || len > n - i || !pg_utf8_islegal(text + i, (int) len))
		{
			text[i] = '?';
			len = 1;
		}
		i += len;
	}
	bytes->at = bytes->end;
	return (char *) text;
}

/* Errors */

bool
errstart(int elevel, const char *domain)
{
	level = elevel;
	code = ERRCODE_INTERNAL_ERROR;
	return true;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return errstart(elevel, domain);
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	if (level < ERROR)
		return;
	if (code == ERRCODE_INTERNAL_ERROR)
		gv_fuzz_fail("an internal error at %s:%d", filename, lineno);
	if (handler == NULL)
		gv_fuzz_fail("an error that nobody expects at %s:%d", filename, lineno);
	siglongjmp(*handler, 1);
}

int
errcode(int sqlerrcode)
{
	code = sqlerrcode;
	return 0;
}

/* The message is made, for its arguments may be at fault */
#define DEFINE_MESSAGE(name) \
int \
name(const char *format,...) \
{ \
	va_list		args; \
	char		text[4096]; \
	va_start(args, format); \
	vsnprintf(text, sizeof(text), format, args); \
	va_end(args); \
	return 0; \
}

DEFINE_MESSAGE(errmsg)
DEFINE_MESSAGE(errmsg_internal)
DEFINE_MESSAGE(errdetail)
DEFINE_MESSAGE(errdetail_internal)
DEFINE_MESSAGE(errhint)

void
ProcessInterrupts(void)
{
}

void
check_stack_depth(void)
{
}

/* Memory */

static void *
remember(void *piece, size_t i)
{
	if (piece == NULL)
		abort();
	if (i == n_pieces)
	{
		if (n_pieces == max_pieces)
		{
			max_pieces = Max(2 * max_pieces, 1024);
			pieces = realloc(pieces, max_pieces * sizeof(void *));
		}
		n_pieces++;
	}
	pieces[i] = piece;
	return piece;
}

static size_t
find_piece(void *piece)
{
	size_t		i = n_pieces;

	while (i > 0 && pieces[i - 1] != piece)
		i--;
	if (i == 0)
		gv_fuzz_fail("memory is freed that was not taken");
	return i - 1;
}

static void
check_size(Size size)
{
	if (size > MAX_MEMORY)
		gv_fuzz_fail("%zu bytes are wanted", size);
}

void *
palloc(Size size)
{
	check_size(size);
	return remember(malloc(size), n_pieces);
}

void *
palloc0(Size size)
{
	check_size(size);
	return remember(calloc(1, size), n_pieces);
}

void
pfree(void *pointer)
{
	pieces[find_piece(pointer)] = NULL;
	free(pointer);
}

void *
repalloc(void *pointer, Size size)
{
	size_t		i = find_piece(pointer);

	check_size(size);
	return remember(realloc(pointer, size), i);
}

void *
repalloc_huge(void *pointer, Size size)
{
	return repalloc(pointer, size);
}

void *
MemoryContextAlloc(MemoryContext memory, Size size)
{
	return palloc(size);
}

void *
MemoryContextAllocHuge(MemoryContext memory, Size size)
{
	return palloc(size);
}

void *
MemoryContextAllocZero(MemoryContext memory, Size size)
{
	return palloc0(size);
}

void *
MemoryContextAllocExtended(MemoryContext memory, Size size, int flags)
{
	return flags & MCXT_ALLOC_ZERO ? palloc0(size) : palloc(size);
}

/* One context is as good as another: all is freed when an input is done */
MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name, Size least, Size first,
							  Size most)
{
	return &context;
}

void
MemoryContextReset(MemoryContext memory)
{
}

void
MemoryContextDelete(MemoryContext memory)
{
}

char *
pnstrdup(const char *in, Size len)
{
	char	   *result = palloc(strnlen(in, len) + 1);

	memcpy(result, in, strnlen(in, len));
	result[strnlen(in, len)] = '\0';
	return result;
}

/* Lists grow by one */
List *
lappend(List *list, void *datum)
{
	List	   *result = palloc0(sizeof(List));

	result->type = T_List;
	result->length = (list ? list->length : 0) + 1;
	result->max_length = result->length;
	result->elements = palloc(sizeof(ListCell) * result->length);
	for (int i = 0; i + 1 < result->length; i++)
		result->elements[i] = list->elements[i];
	result->elements[result->length - 1].ptr_value = datum;
	return result;
}

/* Values */

struct varlena *
pg_detoast_datum_packed(struct varlena *datum)
{
	return datum;
}

struct varlena *
pg_detoast_datum(struct varlena *datum)
{
	return datum;
}

int
pg_ltoa(int32 value, char *text)
{
	return sprintf(text, "%d", value);
}

Datum
DirectFunctionCall1Coll(PGFunction function, Oid collation, Datum a)
{
	return gv_fuzz_call(function, a, (Datum) 0, (Datum) 0);
}

Datum
FunctionCall1Coll(FmgrInfo *function, Oid collation, Datum a)
{
	return gv_fuzz_call(function->fn_addr, a, (Datum) 0, (Datum) 0);
}

Datum
FunctionCall2Coll(FmgrInfo *function, Oid collation, Datum a, Datum b)
{
	return gv_fuzz_call(function->fn_addr, a, b, (Datum) 0);
}

Datum
FunctionCall3Coll(FmgrInfo *function, Oid collation, Datum a, Datum b, Datum c)
{
	return gv_fuzz_call(function->fn_addr, a, b, c);
}

int
pg_mbcliplen(const char *text, int len, int limit)
{
	int			n = 0;

	while (n < len && n + pg_utf_mblen((const unsigned char *) text + n) <= Min(len, limit))
		n += pg_utf_mblen((const unsigned char *) text + n);
	return n;
}

int
pg_mbstrlen_with_len(const char *text, int len)
{
	int			n = 0;

	for (int i = 0; i < len; i += pg_utf_mblen((const unsigned char *) text + i))
		n++;
	return n;
}

/* The server's messages */

const char *
pq_getmsgbytes(StringInfo msg, int n)
{
	const char *result = msg->data + msg->cursor;

	if (n < 0 || n > msg->len - msg->cursor)
		ereport(ERROR, (errcode(ERRCODE_PROTOCOL_VIOLATION), errmsg("insufficient data")));
	msg->cursor += n;
	return result;
}

unsigned int
pq_getmsgint(StringInfo msg, int n)
{
	const unsigned char *in = (const unsigned char *) pq_getmsgbytes(msg, n);
	unsigned int result = 0;

	for (int i = 0; i < n; i++)
		result = result << 8 | in[i];
	return result;
}

int
pq_getmsgbyte(StringInfo msg)
{
	return pq_getmsgint(msg, 1);
}

float4
pq_getmsgfloat4(StringInfo msg)
{
	uint32		bits = pq_getmsgint(msg, 4);
	float4		result;

	memcpy(&result, &bits, sizeof(result));
	return result;
}

char *
pq_getmsgtext(StringInfo msg, int n, int *n_bytes)
{
	GvFuzzBytes bytes;

	bytes.at = (const uint8 *) pq_getmsgbytes(msg, n);
	bytes.end = bytes.at + n;
	*n_bytes = n;
	return gv_fuzz_take_text(&bytes);
}

void
pq_begintypsend(StringInfo buf)
{
	initStringInfo(buf);
	appendStringInfoSpaces(buf, VARHDRSZ);
}

bytea *
pq_endtypsend(StringInfo buf)
{
	SET_VARSIZE(buf->data, buf->len);
	return (bytea *) buf->data;
}

void
pq_sendfloat4(StringInfo buf, float4 value)
{
	uint32		bits;

	memcpy(&bits, &value, sizeof(bits));
	pq_sendint32(buf, bits);
}

void
pq_sendtext(StringInfo buf, const char *text, int n)
{
	appendBinaryStringInfo(buf, text, n);
}
