/*-------------------------------------------------------------------------
 *
 * failing_malloc.c
 *		A malloc that fails when it is told to, for LD_PRELOAD.
 *
 * The file that GIGAVEC_MALLOC names is shared with the test: it says in which
 * process the next call but so many fails, and how many calls after it.  All
 * other calls go on to the C library.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* What the test writes, and reads back */
typedef struct Order
{
	int32_t		pid;			/* process concerned, 0: none */
	int32_t		wait;			/* calls that succeed before */
	int32_t		failures;		/* calls that fail then */
	int32_t		failed;			/* calls that have failed: counted here */
} Order;

static volatile Order *order;
static void *(*next_malloc) (size_t);
static void *(*next_calloc) (size_t, size_t);
static void *(*next_realloc) (void *, size_t);

extern void *malloc(size_t size);
extern void *calloc(size_t n, size_t size);
extern void *realloc(void *p, size_t size);

__attribute__((constructor))
static void
open_order(void)
{
	const char *path = getenv("GIGAVEC_MALLOC");
	int			fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void	   *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(Order), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		order = map;
}

/* Is it this call's turn to fail? */
static int
must_fail(void)
{
	if (order == NULL || order->pid == 0 || order->pid != getpid())
		return 0;
	if (order->wait > 0)
	{
		order->wait--;
		return 0;
	}
	if (order->failures <= 0)
		return 0;
	order->failures--;
	order->failed++;
	errno = ENOMEM;
	return 1;
}

void *
malloc(size_t size)
{
	if (next_malloc == NULL)
		next_malloc = (void *(*) (size_t)) dlsym(RTLD_NEXT, "malloc");
	return must_fail() ? NULL : next_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	if (next_calloc == NULL)
		next_calloc = (void *(*) (size_t, size_t)) dlsym(RTLD_NEXT, "calloc");
	return must_fail() ? NULL : next_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	if (next_realloc == NULL)
		next_realloc = (void *(*) (void *, size_t)) dlsym(RTLD_NEXT, "realloc");
	return must_fail() ? NULL : next_realloc(p, size);
}
