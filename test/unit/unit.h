/*-------------------------------------------------------------------------
 *
 * unit.h
 *		A small harness for tests of plain C code.
 *
 * A program opens cases one after the other, reports what is wrong in them,
 * and ends with gv_unit_finish().  Each case prints one line "ok" or "not ok".
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_UNIT_H
#define GV_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names a run in every line it prints, such as "nehalem: "; empty at first */
extern const char *gv_unit_label;

extern void gv_unit_read_label(int argc, char **argv);
extern void gv_unit_begin(const char *format,...) __attribute__((format(printf, 1, 2)));
extern void gv_unit_fail(const char *format,...) __attribute__((format(printf, 1, 2)));
extern void gv_unit_end(void);
extern int	gv_unit_finish(void);

/* The places of gv_unit_at_end and gv_unit_at_start */
#define GV_UNIT_SLOTS 8

extern void *gv_unit_at_end(int slot, size_t size);
extern void *gv_unit_at_start(int slot, size_t size, size_t offset);

extern void gv_unit_seed(uint64_t seed);
extern uint64_t gv_unit_random(void);
extern double gv_unit_uniform(void);
extern double gv_unit_normal(void);

#endif							/* GV_UNIT_H */
