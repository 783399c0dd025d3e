/*-------------------------------------------------------------------------
 *
 * tokens.c
 *		From text to lexemes by a text search configuration.
 *
 * PostgreSQL's parser and dictionaries are driven directly, for a tsvector
 * holds 1 MB of lexemes and 255 positions of each.  For whatever to_tsvector
 * takes the lexemes and positions are those of to_tsvector.
 *
 * Most words of a text have been seen before, so what a word became is kept, see
 * words.c.  A dictionary that looks at several words at once (a thesaurus) is
 * asked every time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tsearch/ts_cache.h"
#include "tsearch/ts_public.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "bm25/bigram.h"
#include "bm25/tokens.h"
#include "bm25/words.h"

/*
 * Bytes that the parser gets at once: it makes wide characters of them.  More
 * than to_tsvector takes, so that what it takes is never cut.
 */
#define PIECE_SIZE (1024 * 1024)

/* A lexeme of the document in the making */
typedef struct OpenTerm
{
	GvBm25Term	term;
	uint32		last_position;
} OpenTerm;

typedef struct Occurrence
{
	uint32		term;
	uint32		position;
} Occurrence;

struct GvBm25Tokenizer
{
	Oid			config;
	int			flags;
	MemoryContext context;		/* of the struct; parent of the others */
	uint8	   *boosts;			/* uint8[n_boosts]: times that elements of an array count */
	int			n_boosts;
	GvBm25Fields fields;

	GvBm25Words words;			/* seen before */

	/* the piece of text at hand */
	MemoryContext piece_context;	/* the parser's */
	MemoryContext word_context; /* the dictionaries' */
	TSConfigCacheEntry *map;
	TSParserCacheEntry *parser;
	void	   *parser_state;
	bool		at_end;
	GvBm25RawToken *ahead;		/* tokens that have been read, not yet used */
	int			n_ahead;
	int			max_ahead;

	/* the document */
	MemoryContext document_context;
	uint32		position;		/* the last one given away */
	int			field;			/* that is being read, from 1; 0: none */
	OpenTerm   *terms;
	int			n_terms;
	int			max_terms;
	uint32	   *slots;			/* number of term + 1, or 0; by hash */
	int			n_slots;
	Occurrence *occurrences;
	Size		n_occurrences;
	Size		max_occurrences;
	uint32		last_length_position;
	GvBm25Document document;

	/* a scan instead of a document */
	GvBm25TokenCallback callback;
	void	   *arg;
	const char *base;			/* the scanned text */
	Size		base_size;
};

/*
 * gv_bm25_check_tokenizer
 *		Raise an error unless a tokenizer can be made so.
 */
void
gv_bm25_check_tokenizer(Oid config, int flags)
{
	if (!SearchSysCacheExists1(TSCONFIGOID, ObjectIdGetDatum(config)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("text search configuration with OID %u does not exist", config)));
	if ((flags & GV_BM25_TOKENS_CJK_BIGRAM) && GetDatabaseEncoding() != PG_UTF8)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("pairs of characters cannot be indexed in this database"),
				 errdetail("The option \"cjk\" needs the encoding UTF8, the database has %s.",
						   GetDatabaseEncodingName())));
}

/*
 * gv_bm25_tokenizer_create
 *		Make a tokenizer in a context of its own below the given one.
 *
 * flags: of GV_BM25_TOKENS_*.  Raises an error if there is no such
 * configuration, or the encoding does not allow bigrams.
 */
GvBm25Tokenizer *
gv_bm25_tokenizer_create(MemoryContext context, Oid config, int flags)
{
	MemoryContext own;
	GvBm25Tokenizer *tokenizer;

	gv_bm25_check_tokenizer(config, flags);
	own = AllocSetContextCreate(context, "bm25 tokenizer", ALLOCSET_SMALL_SIZES);
	tokenizer = MemoryContextAllocZero(own, sizeof(GvBm25Tokenizer));
	tokenizer->config = config;
	tokenizer->flags = flags;
	tokenizer->context = own;
	gv_bm25_words_init(&tokenizer->words, own);
	tokenizer->piece_context = AllocSetContextCreate(own, "bm25 parser", ALLOCSET_DEFAULT_SIZES);
	tokenizer->word_context = AllocSetContextCreate(own, "bm25 dictionaries",
													ALLOCSET_DEFAULT_SIZES);
	tokenizer->document_context = AllocSetContextCreate(own, "bm25 document",
														ALLOCSET_DEFAULT_SIZES);
	return tokenizer;
}

/*
 * gv_bm25_tokenizer_free
 *		Free a tokenizer and the document that it made last.
 */
void
gv_bm25_tokenizer_free(GvBm25Tokenizer *tokenizer)
{
	MemoryContextDelete(tokenizer->context);
}

/*
 * gv_bm25_tokenizer_set_boosts
 *		Let elements of arrays count so many times; 0 is once, as all further ones.
 */
void
gv_bm25_tokenizer_set_boosts(GvBm25Tokenizer *tokenizer, const uint8 *boosts, int n)
{
	tokenizer->boosts = MemoryContextAlloc(tokenizer->context, Max(n, 1));
	memcpy(tokenizer->boosts, boosts, n);
	tokenizer->n_boosts = n;
}

/*
 * gv_bm25_tokenizer_set_fields
 *		Let documents have lexemes of fields, and queries ask for them.
 */
void
gv_bm25_tokenizer_set_fields(GvBm25Tokenizer *tokenizer, const GvBm25Fields *fields)
{
	tokenizer->fields = *fields;
}

/*
 * gv_bm25_tokenizer_fields
 *		The fields; there may be none.
 */
const GvBm25Fields *
gv_bm25_tokenizer_fields(const GvBm25Tokenizer *tokenizer)
{
	return &tokenizer->fields;
}

/*
 * gv_bm25_tokenizer_flags
 *		The flags that a tokenizer was made with.
 */
int
gv_bm25_tokenizer_flags(const GvBm25Tokenizer *tokenizer)
{
	return tokenizer->flags;
}

/* Double the slots of the document's terms */
static void
grow_slots(GvBm25Tokenizer *tokenizer)
{
	uint32		mask;

	tokenizer->n_slots = tokenizer->n_slots == 0 ? 256 : tokenizer->n_slots * 2;
	if (tokenizer->slots)
		pfree(tokenizer->slots);
	tokenizer->slots = MemoryContextAllocExtended(tokenizer->document_context,
												  sizeof(uint32) * tokenizer->n_slots,
												  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	mask = tokenizer->n_slots - 1;
	for (int i = 0; i < tokenizer->n_terms; i++)
	{
		uint32		slot = (uint32) tokenizer->terms[i].term.hash & mask;

		while (tokenizer->slots[slot] != 0)
			slot = (slot + 1) & mask;
		tokenizer->slots[slot] = i + 1;
	}
}

/* Find a lexeme among the document's, or add it; returns its number */
static int
find_term(GvBm25Tokenizer *tokenizer, const GvBm25WordLexeme *lexeme)
{
	uint32		mask = tokenizer->n_slots - 1;
	uint32		slot;
	OpenTerm   *term;
	char	   *copy;

	for (slot = (uint32) lexeme->hash & mask; tokenizer->slots[slot] != 0; slot = (slot + 1) & mask)
	{
		term = &tokenizer->terms[tokenizer->slots[slot] - 1];
		if (term->term.hash == lexeme->hash && term->term.len == lexeme->len &&
			memcmp(term->term.lexeme, lexeme->lexeme, lexeme->len) == 0)
			return tokenizer->slots[slot] - 1;
	}
	if (tokenizer->n_terms == tokenizer->max_terms)
	{
		tokenizer->max_terms *= 2;
		tokenizer->terms = repalloc_huge(tokenizer->terms,
										 sizeof(OpenTerm) * tokenizer->max_terms);
	}
	copy = MemoryContextAlloc(tokenizer->document_context, lexeme->len);
	memcpy(copy, lexeme->lexeme, lexeme->len);
	term = &tokenizer->terms[tokenizer->n_terms];
	memset(term, 0, sizeof(OpenTerm));
	term->term.lexeme = copy;
	term->term.len = lexeme->len;
	term->term.hash = lexeme->hash;
	tokenizer->slots[slot] = ++tokenizer->n_terms;
	if (tokenizer->n_terms > tokenizer->n_slots / 2)
		grow_slots(tokenizer);
	return tokenizer->n_terms - 1;
}

/* Note that a lexeme stands at a position of the document */
static void
add_occurrence(GvBm25Tokenizer *tokenizer, const GvBm25WordLexeme *lexeme, uint32 position)
{
	int			number = find_term(tokenizer, lexeme);
	OpenTerm   *term = &tokenizer->terms[number];

	/* variants of a word may have a part in common */
	if (term->last_position == position)
		return;
	term->last_position = position;
	term->term.tf++;
	if (!(tokenizer->flags & GV_BM25_TOKENS_POSITIONS))
		return;
	if (tokenizer->n_occurrences == tokenizer->max_occurrences)
	{
		tokenizer->max_occurrences *= 2;
		tokenizer->occurrences = repalloc_huge(tokenizer->occurrences,
											   sizeof(Occurrence) * tokenizer->max_occurrences);
	}
	tokenizer->occurrences[tokenizer->n_occurrences].term = number;
	tokenizer->occurrences[tokenizer->n_occurrences].position = position;
	tokenizer->n_occurrences++;
}

/* Add a lexeme at a position to the document */
static void
add_lexeme(GvBm25Tokenizer *tokenizer, const GvBm25WordLexeme *lexeme, uint32 position)
{
	bool		is_new = tokenizer->last_length_position != position;
	int			field = tokenizer->field;
	char		marked[GV_BM25_MAX_LEXEME];
	GvBm25WordLexeme of_field;

	/* PostgreSQL's parser makes none; it would be taken for a field's */
	if (tokenizer->fields.n > 0 && gv_bm25_is_of_field(lexeme->lexeme, lexeme->len))
		return;
	tokenizer->last_length_position = position;
	tokenizer->document.length += is_new;
	add_occurrence(tokenizer, lexeme, position);
	if (field == 0)
		return;
	tokenizer->document.field_length[field - 1] += is_new;
	if (lexeme->len >= GV_BM25_MAX_LEXEME)
		return;
	marked[0] = (char) field;
	memcpy(marked + 1, lexeme->lexeme, lexeme->len);
	of_field.lexeme = marked;
	of_field.len = lexeme->len + 1;
	of_field.hash = gv_bm25_hash_lexeme(marked, of_field.len);
	add_occurrence(tokenizer, &of_field, position);
}

/* Take what a word became; the word is where it stands in the text */
static void
take_word(GvBm25Tokenizer *tokenizer, const GvBm25Word *word, const char *text, Size size)
{
	uint32		position = tokenizer->position;

	for (int i = 0; i < word->n_lexemes; i++)
	{
		const GvBm25WordLexeme *lexeme = &word->lexemes[i];

		position += lexeme->advance;
		if (tokenizer->callback)
		{
			GvBm25Token token = {0};

			token.lexeme = lexeme->lexeme;
			token.len = lexeme->len;
			token.hash = lexeme->hash;
			token.partial = lexeme->partial;
			token.position = position;
			/* a parser may tell of words that do not stand in the text */
			if (text >= tokenizer->base && text + size <= tokenizer->base + tokenizer->base_size)
			{
				token.start = text - tokenizer->base;
				token.size = size;
			}
			tokenizer->callback(tokenizer->arg, &token);
		}
		else
			add_lexeme(tokenizer, lexeme, position);
	}
	tokenizer->position += word->advance;
}

/*
 * Make a word of a dictionary's answer.
 *
 * Each answer takes a position, even one without lexemes: so stop words keep
 * the words around them apart.  A lexeme may ask for a position more.
 */
static void
make_word(const TSLexeme *answer, GvBm25Word *word)
{
	uint32		pending = 1;
	int			n = 0;

	while (answer[n].lexeme != NULL)
		n++;
	memset(word, 0, offsetof(GvBm25Word, word));
	word->lexemes = palloc(sizeof(GvBm25WordLexeme) * Max(n, 1));
	word->advance = 1;
	for (int i = 0; i < n; i++)
	{
		GvBm25WordLexeme *lexeme = &word->lexemes[word->n_lexemes];
		Size		len = strlen(answer[i].lexeme);

		if (answer[i].flags & TSL_ADDPOS)
		{
			pending++;
			word->advance++;
		}
		if (len == 0 || len > GV_BM25_MAX_LEXEME)
			continue;
		lexeme->lexeme = answer[i].lexeme;
		lexeme->len = len;
		lexeme->partial = (answer[i].flags & TSL_PREFIX) != 0;
		lexeme->hash = gv_bm25_hash_lexeme(lexeme->lexeme, lexeme->len);
		lexeme->advance = pending;
		pending = 0;
		word->n_lexemes++;
	}
}

/* The dictionaries of a type of token; NULL if it has none */
static ListDictionary *
get_dictionaries(GvBm25Tokenizer *tokenizer, int type)
{
	if (type <= 0 || type >= tokenizer->map->lenmap || tokenizer->map->map[type].len == 0)
		return NULL;
	return &tokenizer->map->map[type];
}

/*
 * The i-th token from here on that has dictionaries, read if need be; NULL
 * after the last.
 */
static GvBm25RawToken *
peek_token(GvBm25Tokenizer *tokenizer, int i)
{
	while (i >= tokenizer->n_ahead)
	{
		GvBm25RawToken *token;
		MemoryContext old;

		if (tokenizer->at_end)
			return NULL;
		CHECK_FOR_INTERRUPTS();
		if (tokenizer->n_ahead == tokenizer->max_ahead)
		{
			tokenizer->max_ahead = Max(16, tokenizer->max_ahead * 2);
			tokenizer->ahead = tokenizer->ahead ?
				repalloc_huge(tokenizer->ahead, sizeof(*tokenizer->ahead) * tokenizer->max_ahead) :
				MemoryContextAlloc(tokenizer->context,
								   sizeof(*tokenizer->ahead) * tokenizer->max_ahead);
		}
		token = &tokenizer->ahead[tokenizer->n_ahead];
		token->word = NULL;
		token->len = 0;
		old = MemoryContextSwitchTo(tokenizer->piece_context);
		token->type = DatumGetInt32(FunctionCall3(&tokenizer->parser->prstoken,
												  PointerGetDatum(tokenizer->parser_state),
												  PointerGetDatum(&token->word),
												  PointerGetDatum(&token->len)));
		MemoryContextSwitchTo(old);
		if (token->type <= 0)
			tokenizer->at_end = true;
		else if (token->len > 0 && token->len <= GV_BM25_MAX_LEXEME &&
				 get_dictionaries(tokenizer, token->type) != NULL)
			tokenizer->n_ahead++;
	}
	return &tokenizer->ahead[i];
}

/* Forget the first n tokens */
static void
consume_tokens(GvBm25Tokenizer *tokenizer, int n)
{
	tokenizer->n_ahead -= n;
	if (tokenizer->n_ahead > 0)
		memmove(tokenizer->ahead, tokenizer->ahead + n,
				sizeof(*tokenizer->ahead) * tokenizer->n_ahead);
}

/* Is a dictionary one of those of a type of token? */
static bool
takes_type(GvBm25Tokenizer *tokenizer, Oid dictionary, int type)
{
	ListDictionary *dictionaries = get_dictionaries(tokenizer, type);

	for (int i = 0; dictionaries && i < dictionaries->len; i++)
	{
		if (dictionaries->dictIds[i] == dictionary)
			return true;
	}
	return false;
}

/* Ask a dictionary about a word; NULL if it does not know it */
static TSLexeme *
ask_dictionary(Oid dictionary, char *word, int len, DictSubState *state)
{
	TSDictionaryCacheEntry *entry = lookup_ts_dictionary_cache(dictionary);

	return (TSLexeme *) DatumGetPointer(FunctionCall4(&entry->lexize,
													  PointerGetDatum(entry->dictData),
													  PointerGetDatum(word), Int32GetDatum(len),
													  PointerGetDatum(state)));
}

/*
 * Ask a dictionary that wants more words about the tokens after the first.
 * Returns the answer for the most words, and in *n_used their number; best is
 * that for the first word.
 */
static TSLexeme *
ask_for_several(GvBm25Tokenizer *tokenizer, Oid dictionary, TSLexeme *best, DictSubState *state,
				int *n_used)
{
	*n_used = 1;
	for (int i = 1; state->getnext; i++)
	{
		GvBm25RawToken *next = peek_token(tokenizer, i);
		TSLexeme   *answer;

		if (next != NULL && !takes_type(tokenizer, dictionary, next->type))
			break;
		state->getnext = false;
		state->isend = next == NULL;
		answer = ask_dictionary(dictionary, next ? next->word : NULL, next ? next->len : 0, state);
		if (answer != NULL)
		{
			best = answer;
			*n_used = next ? i + 1 : i;
		}
		if (next == NULL)
			break;
	}
	return best;
}

/*
 * Ask the dictionaries about the first token, until one knows it.  Returns how
 * many tokens were used; *alone is whether nothing but the first one counted.
 */
static int
ask_dictionaries(GvBm25Tokenizer *tokenizer, GvBm25Word *word, bool *alone)
{
	GvBm25RawToken *first = peek_token(tokenizer, 0);
	ListDictionary *dictionaries = get_dictionaries(tokenizer, first->type);
	char	   *text = first->word;
	int			len = first->len;

	*alone = true;
	memset(word, 0, offsetof(GvBm25Word, word));
	for (int i = 0; i < dictionaries->len; i++)
	{
		DictSubState state = {false, false, NULL};
		TSLexeme   *answer = ask_dictionary(dictionaries->dictIds[i], text, len, &state);
		int			n_used = 1;

		if (state.getnext)
		{
			*alone = false;
			answer = ask_for_several(tokenizer, dictionaries->dictIds[i], answer, &state, &n_used);
		}
		if (answer == NULL)
			continue;
		/* a filter hands a changed word on to the dictionaries after it */
		if (answer->lexeme != NULL && (answer->flags & TSL_FILTER))
		{
			text = answer->lexeme;
			len = strlen(text);
			continue;
		}
		make_word(answer, word);
		return n_used;
	}
	return 1;
}

/* Take the first token, and maybe some after it */
static void
take_token(GvBm25Tokenizer *tokenizer, GvBm25RawToken *token)
{
	GvBm25RawToken first = *token;
	uint32		hash = 0;
	bool		short_enough = first.len <= GV_BM25_MAX_KEPT_WORD;
	MemoryContext old;
	GvBm25Word	word;
	bool		alone;
	int			n_used;
	Size		size = first.len;

	if (short_enough)
	{
		GvBm25Word *known;

		hash = hash_bytes((const unsigned char *) first.word, first.len) + (uint32) first.type;
		known = *gv_bm25_words_find(&tokenizer->words, &first, hash);
		if (known)
		{
			take_word(tokenizer, known, first.word, size);
			consume_tokens(tokenizer, 1);
			return;
		}
	}
	old = MemoryContextSwitchTo(tokenizer->word_context);
	n_used = ask_dictionaries(tokenizer, &word, &alone);
	MemoryContextSwitchTo(old);
	if (n_used > 1)
	{
		GvBm25RawToken *last = &tokenizer->ahead[n_used - 1];

		size = last->word + last->len - first.word;
	}
	take_word(tokenizer, &word, first.word, size);
	if (alone && short_enough)
		gv_bm25_words_keep(&tokenizer->words, &first, &word, hash);
	consume_tokens(tokenizer, n_used);
	MemoryContextReset(tokenizer->word_context);
}

/* Let the configuration's parser read a piece of text */
static void
parse_piece(GvBm25Tokenizer *tokenizer, const char *text, int length)
{
	MemoryContext old = MemoryContextSwitchTo(tokenizer->piece_context);
	GvBm25RawToken *token;

	tokenizer->parser_state = DatumGetPointer(FunctionCall2(&tokenizer->parser->prsstart,
															PointerGetDatum(text),
															Int32GetDatum(length)));
	MemoryContextSwitchTo(old);
	tokenizer->at_end = false;
	tokenizer->n_ahead = 0;
	while ((token = peek_token(tokenizer, 0)) != NULL)
		take_token(tokenizer, token);
	FunctionCall1(&tokenizer->parser->prsend, PointerGetDatum(tokenizer->parser_state));
	MemoryContextReset(tokenizer->piece_context);
}

/* Where to cut a text that is longer than a piece: after a blank, or a character */
static Size
cut_piece(const char *text, Size length)
{
	Size		n;

	if (length <= PIECE_SIZE)
		return length;
	for (n = PIECE_SIZE; n > PIECE_SIZE / 2; n--)
	{
		if (text[n - 1] == ' ' || text[n - 1] == '\n' || text[n - 1] == '\t' || text[n - 1] == '\r')
			return n;
	}
	return pg_mbcliplen(text, (int) Min(length, (Size) PIECE_SIZE + MAX_MULTIBYTE_CHAR_LEN),
						PIECE_SIZE);
}

/* Read a text by the configuration's parser alone */
static void
parse_text(GvBm25Tokenizer *tokenizer, const char *text, Size length)
{
	while (length > 0)
	{
		Size		n = cut_piece(text, length);

		parse_piece(tokenizer, text, (int) n);
		text += n;
		length -= n;
	}
}

/* Take one or two characters of an unspaced script as a word */
static void
take_characters(GvBm25Tokenizer *tokenizer, const char *text, Size size)
{
	GvBm25Word	word;
	GvBm25WordLexeme lexeme;

	memset(&word, 0, offsetof(GvBm25Word, word));
	lexeme.lexeme = text;
	lexeme.len = size;
	lexeme.partial = false;
	lexeme.advance = 1;
	lexeme.hash = gv_bm25_hash_lexeme(text, lexeme.len);
	word.n_lexemes = 1;
	word.advance = 1;
	word.lexemes = &lexeme;
	take_word(tokenizer, &word, text, size);
}

/* Take a run of characters of unspaced scripts: each two neighbors are a word */
static void
take_run(GvBm25Tokenizer *tokenizer, const char *text, Size length)
{
	Size		first = 0;
	Size		second = pg_utf_mblen((const unsigned char *) text);

	if (second >= length)
		take_characters(tokenizer, text, length);
	while (second < length)
	{
		Size		end = second + pg_utf_mblen((const unsigned char *) text + second);

		CHECK_FOR_INTERRUPTS();
		take_characters(tokenizer, text + first, end - first);
		first = second;
		second = end;
	}
}

/* Read a text */
static void
read_text(GvBm25Tokenizer *tokenizer, const char *text, Size length)
{
	/* entries may have been rebuilt since the last text */
	tokenizer->map = lookup_ts_config_cache(tokenizer->config);
	tokenizer->parser = lookup_ts_parser_cache(tokenizer->map->prsId);
	MemoryContextReset(tokenizer->piece_context);
	MemoryContextReset(tokenizer->word_context);
	gv_bm25_words_begin(&tokenizer->words);
	if (!(tokenizer->flags & GV_BM25_TOKENS_CJK_BIGRAM))
	{
		parse_text(tokenizer, text, length);
		return;
	}
	while (length > 0)
	{
		GvBm25RunKind kind;
		Size		n = gv_bm25_find_run(text, length, &kind);

		if (kind == GV_BM25_RUN_UNSPACED)
			take_run(tokenizer, text, n);
		else if (kind == GV_BM25_RUN_SPACED)
			parse_text(tokenizer, text, n);
		text += n;
		length -= n;
	}
}

/*
 * gv_bm25_tokenizer_begin
 *		Begin a document; the one before is no longer valid.
 */
void
gv_bm25_tokenizer_begin(GvBm25Tokenizer *tokenizer)
{
	MemoryContextReset(tokenizer->document_context);
	tokenizer->callback = NULL;
	tokenizer->position = 0;
	tokenizer->field = 0;
	tokenizer->last_length_position = 0;
	memset(&tokenizer->document, 0, sizeof(GvBm25Document));
	tokenizer->n_terms = 0;
	tokenizer->max_terms = 64;
	tokenizer->terms = MemoryContextAlloc(tokenizer->document_context,
										  sizeof(OpenTerm) * tokenizer->max_terms);
	tokenizer->slots = NULL;
	tokenizer->n_slots = 0;
	grow_slots(tokenizer);
	tokenizer->n_occurrences = 0;
	if (tokenizer->flags & GV_BM25_TOKENS_POSITIONS)
	{
		tokenizer->max_occurrences = 128;
		tokenizer->occurrences =
			MemoryContextAlloc(tokenizer->document_context,
							   sizeof(Occurrence) * tokenizer->max_occurrences);
	}
}

/*
 * gv_bm25_tokenizer_add
 *		Add a text to the document, of any length, in the database's encoding.
 */
void
gv_bm25_tokenizer_add(GvBm25Tokenizer *tokenizer, const char *text, Size length)
{
	/* positions do not run out before the memory does */
	if (tokenizer->position > 0)
		tokenizer->position += tokenizer->position < PG_UINT32_MAX / 2 ? GV_BM25_TEXT_GAP : 0;
	read_text(tokenizer, text, length);
}

/*
 * gv_bm25_tokenizer_add_array
 *		Add the elements of a text[] that are not NULL, each as a text, and as
 *		often as it counts; the first time also as the field that it is.
 */
void
gv_bm25_tokenizer_add_array(GvBm25Tokenizer *tokenizer, ArrayType *array)
{
	ArrayIterator iterator = array_create_iterator(array, 0, NULL);
	Datum		value;
	bool		isnull;
	int			number = -1;

	Assert(ARR_ELEMTYPE(array) == TEXTOID || ARR_ELEMTYPE(array) == VARCHAROID);
	while (array_iterate(iterator, &value, &isnull))
	{
		text	   *element;
		int			times = 1;

		number++;
		if (isnull)
			continue;
		if (number < tokenizer->n_boosts)
			times = Max(tokenizer->boosts[number], 1);
		element = DatumGetTextPP(value);
		tokenizer->field = number < (int) tokenizer->fields.n ? number + 1 : 0;
		for (int i = 0; i < times; i++)
		{
			gv_bm25_tokenizer_add(tokenizer, VARDATA_ANY(element), VARSIZE_ANY_EXHDR(element));
			tokenizer->field = 0;
		}
		if ((Pointer) element != DatumGetPointer(value))
			pfree(element);
	}
	array_free_iterator(iterator);
}

/*
 * gv_bm25_tokenizer_finish
 *		Return the document, which is valid until the next one begins.
 */
const GvBm25Document *
gv_bm25_tokenizer_finish(GvBm25Tokenizer *tokenizer)
{
	GvBm25Document *document = &tokenizer->document;
	uint32	   *positions = NULL;
	uint32	  **next = NULL;

	document->n_terms = tokenizer->n_terms;
	document->terms = MemoryContextAllocHuge(tokenizer->document_context,
											 sizeof(GvBm25Term) * Max(tokenizer->n_terms, 1));
	if (tokenizer->flags & GV_BM25_TOKENS_POSITIONS)
	{
		positions = MemoryContextAllocHuge(tokenizer->document_context,
										   sizeof(uint32) * Max(tokenizer->n_occurrences, 1));
		next = MemoryContextAllocHuge(tokenizer->document_context,
									  sizeof(uint32 *) * Max(tokenizer->n_terms, 1));
	}
	for (int i = 0; i < tokenizer->n_terms; i++)
	{
		document->terms[i] = tokenizer->terms[i].term;
		if (positions)
		{
			document->terms[i].positions = next[i] = positions;
			positions += document->terms[i].tf;
		}
	}
	for (Size i = 0; next && i < tokenizer->n_occurrences; i++)
		*next[tokenizer->occurrences[i].term]++ = tokenizer->occurrences[i].position;
	return document;
}

/*
 * gv_bm25_tokenizer_scan
 *		Call back with each lexeme of a text; no document is made of it.
 *
 * Ends the document at hand, if any.  The callback may raise an error.
 */
void
gv_bm25_tokenizer_scan(GvBm25Tokenizer *tokenizer, const char *text, Size length,
					   GvBm25TokenCallback callback, void *arg)
{
	tokenizer->position = 0;
	tokenizer->callback = callback;
	tokenizer->arg = arg;
	tokenizer->base = text;
	tokenizer->base_size = length;
	read_text(tokenizer, text, length);
	tokenizer->callback = NULL;
}
