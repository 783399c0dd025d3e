/*
 * shim.h
 *		What of the server the code under test needs, in a program without one.
 */
#ifndef GV_FUZZ_SHIM_H
#define GV_FUZZ_SHIM_H

#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "storage/bufpage.h"

/* Pages of the only relation, at most */
#define GV_FUZZ_MAX_PAGES 20

/* Bytes of an input that is being taken apart */
typedef struct GvFuzzBytes
{
	const uint8 *at;
	const uint8 *end;
} GvFuzzBytes;

extern bool gv_fuzz_try(void (*work) (void *), void *arg);
extern void gv_fuzz_finish(void);
pg_attribute_noreturn() extern void gv_fuzz_fail(const char *format,...) pg_attribute_printf(1, 2);
extern Datum gv_fuzz_call(PGFunction function, Datum a, Datum b, Datum c);
extern Page gv_fuzz_page(int n);

extern uint32 gv_fuzz_take(GvFuzzBytes *bytes, int size);
extern void gv_fuzz_take_bytes(GvFuzzBytes *bytes, void *to, size_t room, bool at_end);
extern char *gv_fuzz_take_text(GvFuzzBytes *bytes);

/* libFuzzer's */
extern int	LLVMFuzzerTestOneInput(const uint8 *data, size_t size);

#endif							/* GV_FUZZ_SHIM_H */
