/*-------------------------------------------------------------------------
 *
 * input.h
 *		Hostile input: values in text and binary form, and damage to them.
 *
 * Everything here depends on nothing but the state of the random numbers, so
 * that a case can be repeated from its number.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_FUZZ_INPUT_H
#define GV_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes, always followed by a zero that is not counted */
typedef struct Input
{
	char	   *data;
	size_t		len;
	size_t		room;			/* bytes allocated */
} Input;

/* Types of values */
typedef enum InputType
{
	INPUT_VECTOR,
	INPUT_HALFVEC,
	INPUT_SPARSEVEC,
	INPUT_BIT,
	INPUT_VARBIT,
	INPUT_ARRAY,				/* of numbers */
	INPUT_INTEGER,
	INPUT_BOOLEAN,
	INPUT_RELATION,
	INPUT_QUERY,				/* of texts: made by searches.c */
	INPUT_WORD					/* anything else */
} InputType;

/* Random numbers */
extern void random_seed(uint64_t seed, uint64_t number);
extern uint64_t random_bits(void);
extern uint32_t random_below(uint32_t n);
extern bool random_chance(uint32_t percent);

/* Bytes */
extern void input_clear(Input *in);
extern void input_add(Input *in, const void *data, size_t len);
extern void input_print(Input *in, const char *format,...)
			__attribute__((format(printf, 2, 3)));

/* Valid values, nearly always */
extern void input_text(Input *in, InputType type, int dim);
extern void input_binary(Input *in, InputType type, int dim);
extern void input_array_binary(Input *in, uint32_t element_type);

/* Damage */
extern void damage_text(Input *in);
extern void damage_binary(Input *in);

#endif							/* GV_FUZZ_INPUT_H */
