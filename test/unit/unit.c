/*-------------------------------------------------------------------------
 *
 * unit.c
 *		A small harness for tests of plain C code.
 *
 *-------------------------------------------------------------------------
 */
#include "unit.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Failures of one case that are described; the rest are only counted */
#define SHOWN_FAILURES 5

/* Bytes of a slot, without its guard pages */
#define SLOT_SIZE ((size_t) 8 << 20)

const char *gv_unit_label = "";

static int	n_passed;
static int	n_failed;
static char case_name[200];
static int	case_failures;
static uint8_t *slots[GV_UNIT_SLOTS];
static uint64_t random_state;

/*
 * gv_unit_read_label
 *		Take the label from the arguments of a program that has no others.
 */
void
gv_unit_read_label(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--label") == 0)
		gv_unit_label = argv[2];
	else if (argc > 1)
	{
		fprintf(stderr, "usage: %s [--label TEXT]\n", argv[0]);
		exit(2);
	}
}

/*
 * gv_unit_begin
 *		Open a case.
 */
void
gv_unit_begin(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	vsnprintf(case_name, sizeof(case_name), format, args);
	va_end(args);
	case_failures = 0;
}

/*
 * gv_unit_fail
 *		Say what is wrong in the open case.
 */
void
gv_unit_fail(const char *format,...)
{
	va_list		args;

	if (case_failures++ >= SHOWN_FAILURES)
		return;
	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

/*
 * gv_unit_end
 *		Close the case and print its line.
 */
void
gv_unit_end(void)
{
	if (case_failures > SHOWN_FAILURES)
		printf("# and %d more\n", case_failures - SHOWN_FAILURES);
	if (case_failures > 0)
		n_failed++;
	else
		n_passed++;
	printf("%s - %s%s\n", case_failures > 0 ? "not ok" : "ok", gv_unit_label, case_name);
	fflush(stdout);
}

/*
 * gv_unit_finish
 *		Print the counts; returns the exit status of the program.
 */
int
gv_unit_finish(void)
{
	printf("%s%d passed, %d failed\n", gv_unit_label, n_passed, n_failed);
	return n_failed > 0 || n_passed == 0;
}

/*
 * Map a slot between two pages that cannot be touched.
 */
static uint8_t *
map_slot(int slot, size_t size)
{
	size_t		page = (size_t) sysconf(_SC_PAGESIZE);

	if (slot < 0 || slot >= GV_UNIT_SLOTS || size > SLOT_SIZE)
	{
		fprintf(stderr, "slot %d of %zu bytes is out of range\n", slot, size);
		exit(2);
	}
	if (slots[slot] == NULL)
	{
		uint8_t    *p = mmap(NULL, SLOT_SIZE + 2 * page, PROT_READ | PROT_WRITE,
							 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED || mprotect(p, page, PROT_NONE) != 0 ||
			mprotect(p + page + SLOT_SIZE, page, PROT_NONE) != 0)
		{
			perror("could not map memory");
			exit(2);
		}
		slots[slot] = p + page;
	}
	return slots[slot];
}

/*
 * gv_unit_at_end
 *		Memory of a size that ends where the next page cannot be touched.
 *
 * The slot's earlier memory is given up.
 */
void *
gv_unit_at_end(int slot, size_t size)
{
	return map_slot(slot, size) + SLOT_SIZE - size;
}

/*
 * gv_unit_at_start
 *		Memory that begins "offset" bytes after a page that cannot be touched.
 */
void *
gv_unit_at_start(int slot, size_t size, size_t offset)
{
	return map_slot(slot, size + offset) + offset;
}

/*
 * gv_unit_seed, gv_unit_random
 *		64 random bits, the same on every machine.
 *
 * Source: Steele, Lea, Flood, OOPSLA 2014 (splitmix64).
 */
void
gv_unit_seed(uint64_t seed)
{
	random_state = seed;
}

uint64_t
gv_unit_random(void)
{
	uint64_t	z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/*
 * gv_unit_uniform
 *		A random number of [0, 1).
 */
double
gv_unit_uniform(void)
{
	return (double) (gv_unit_random() >> 11) * 0x1p-53;
}

/*
 * gv_unit_normal
 *		A random number of mean 0 and variance 1, nearly normal.
 */
double
gv_unit_normal(void)
{
	double		sum = -2.0;
	int			i;

	for (i = 0; i < 4; i++)
		sum += gv_unit_uniform();
	return sum * 1.7320508075688772;	/* a uniform number has variance 1/12 */
}
