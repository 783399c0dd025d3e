/*-------------------------------------------------------------------------
 *
 * tokens.h
 *		From text to lexemes by a text search configuration.
 *
 * A tokenizer is made once for a command and takes one document after another:
 *
 *		tokenizer = gv_bm25_tokenizer_create(context, config, flags);
 *		for each row:
 *			gv_bm25_tokenizer_begin(tokenizer);
 *			for each text column, or element of an array:
 *				gv_bm25_tokenizer_add(tokenizer, text, length);
 *			document = gv_bm25_tokenizer_finish(tokenizer);
 *			... it is valid until the next begin or free ...
 *		gv_bm25_tokenizer_free(tokenizer);
 *
 * Adding may run any dictionary's code and takes interrupts: hold no buffer
 * lock.  After an error in between, begin anew.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_TOKENS_H
#define GV_BM25_TOKENS_H

#include "postgres.h"

#include "common/hashfn.h"
#include "nodes/pg_list.h"
#include "utils/array.h"

/*
 * The longest lexeme, in bytes.  Longer tokens are left out, as to_tsvector
 * leaves them out, and count neither as words nor as positions.
 */
#define GV_BM25_MAX_LEXEME 2046

/* Positions between two texts of a document, so that no phrase spans both */
#define GV_BM25_TEXT_GAP 100

/*
 * Elements of an array that have names, so that a query can ask for a word there
 * only.  Their lexemes are there twice: as of all elements, and after a byte that
 * is the number of the field, from 1.
 */
#define GV_BM25_MAX_FIELDS 16
#define GV_BM25_FIELD_NAME_SIZE 64

typedef struct GvBm25Fields
{
	uint32		n;
	char		name[GV_BM25_MAX_FIELDS][GV_BM25_FIELD_NAME_SIZE];	/* zeros after it */
} GvBm25Fields;

/* Flags of a tokenizer */
#define GV_BM25_TOKENS_POSITIONS 0x01	/* tell the positions of each lexeme */
#define GV_BM25_TOKENS_CJK_BIGRAM 0x02	/* pairs of characters of unspaced scripts */

/* Longest name of a configuration with its schema, with the final zero */
#define GV_BM25_CONFIG_NAME_SIZE (2 * NAMEDATALEN)

/* A lexeme of a document */
typedef struct GvBm25Term
{
	const char *lexeme;			/* not zero-terminated, no zero byte in it */
	uint32		len;			/* bytes, 1..GV_BM25_MAX_LEXEME */
	uint32		tf;				/* number of positions where it stands, > 0 */
	uint64		hash;			/* gv_bm25_hash_lexeme */
	const uint32 *positions;	/* uint32[tf], ascending, from 1; or NULL, also where a
								 * tsvector has none */
} GvBm25Term;

/* What became of a document */
typedef struct GvBm25Document
{
	int			n_terms;		/* different lexemes */
	uint32		length;			/* positions that hold a lexeme; 0: no lexeme */
	GvBm25Term *terms;			/* GvBm25Term[n_terms], by first position; of a tsvector
								 * in its order */
	uint32		field_length[GV_BM25_MAX_FIELDS];	/* as length; without boosts */
} GvBm25Document;

/* A lexeme where it stands in a text; for queries and snippets */
typedef struct GvBm25Token
{
	const char *lexeme;
	uint32		len;			/* bytes of the lexeme */
	uint32		position;		/* from 1; synonyms share one */
	uint64		hash;
	Size		start;			/* bytes of the text before the word */
	Size		size;			/* bytes of the word in the text */
	bool		partial;		/* stands for lexemes that begin so (some dictionaries) */
} GvBm25Token;

/* Called with each lexeme in the order of positions; the token is the caller's for the call */
typedef void (*GvBm25TokenCallback) (void *arg, const GvBm25Token *token);

typedef struct GvBm25Tokenizer GvBm25Tokenizer;

/* Is the first byte of a lexeme the number of a field? */
static inline bool
gv_bm25_is_of_field(const char *lexeme, uint32 len)
{
	return len > 0 && (uint8) lexeme[0] <= GV_BM25_MAX_FIELDS;
}

/*
 * gv_bm25_hash_lexeme
 *		Hash of a lexeme; the same on every machine of one byte order.
 *
 * Two lexemes may share one: compare the bytes as well.
 */
static inline uint64
gv_bm25_hash_lexeme(const char *lexeme, uint32 len)
{
	return hash_bytes_extended((const unsigned char *) lexeme, (int) len, 0);
}

extern GvBm25Tokenizer *gv_bm25_tokenizer_create(MemoryContext context, Oid config, int flags);
extern void gv_bm25_tokenizer_set_boosts(GvBm25Tokenizer *tokenizer, const uint8 *boosts, int n);
extern void gv_bm25_tokenizer_set_fields(GvBm25Tokenizer *tokenizer, const GvBm25Fields *fields);
extern const GvBm25Fields *gv_bm25_tokenizer_fields(const GvBm25Tokenizer *tokenizer);
extern int	gv_bm25_tokenizer_flags(const GvBm25Tokenizer *tokenizer);
extern void gv_bm25_tokenizer_begin(GvBm25Tokenizer *tokenizer);
extern void gv_bm25_tokenizer_add(GvBm25Tokenizer *tokenizer, const char *text, Size length);
extern void gv_bm25_tokenizer_add_array(GvBm25Tokenizer *tokenizer, ArrayType *array);
extern const GvBm25Document *gv_bm25_tokenizer_finish(GvBm25Tokenizer *tokenizer);
extern void gv_bm25_tokenizer_scan(GvBm25Tokenizer *tokenizer, const char *text, Size length,
								   GvBm25TokenCallback callback, void *arg);
extern void gv_bm25_tokenizer_free(GvBm25Tokenizer *tokenizer);
extern void gv_bm25_check_tokenizer(Oid config, int flags);

extern const GvBm25Document *gv_bm25_document_of_tsvector(Datum value, bool with_positions);

extern Oid	gv_bm25_config_default(void);
extern Oid	gv_bm25_config_from_name(const char *name, bool missing_ok);
extern char *gv_bm25_config_name(Oid config);
extern uint64 gv_bm25_config_fingerprint(Oid config);

#endif							/* GV_BM25_TOKENS_H */
