/*
 * tokens.c
 *		From texts to lexemes and positions of a document.
 *
 * The parser cuts at blanks, and two dictionaries do to a word whatever their
 * kind may do, by its first letter.  A document keeps what tokens.h promises, is
 * the same when its words have been seen before, and has the lexemes of a scan.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "tsearch/ts_cache.h"
#include "tsearch/ts_public.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "bm25/tokens.h"
#include "shim.h"

#define MAX_TEXTS 4

/* Types of tokens, by their first byte; the last has no dictionary */
#define N_TYPES 3

typedef struct Text
{
	const char *text;
	Size		len;
} Text;

typedef struct Input
{
	GvBm25Tokenizer *tokenizer;
	int			n_texts;
	Text		text[MAX_TEXTS];
	bool		as_array;
	const GvBm25Document *document;
	uint32		last_position;
	Size		n_scanned;
	Size		len;			/* of the text that is scanned */
} Input;

static Input *current;

/* --- PostgreSQL's part ------------------------------------------------------- */

int
GetDatabaseEncoding(void)
{
	return PG_UTF8;
}

bool
SearchSysCacheExists(int cache, Datum a, Datum b, Datum c, Datum d)
{
	return true;
}

void
CacheRegisterSyscacheCallback(int cache, SyscacheCallbackFunction function, Datum arg)
{
}

/* An iterator is the number of the next text */
ArrayIterator
array_create_iterator(ArrayType *array, int slice_ndim, ArrayMetaState *state)
{
	return palloc0(sizeof(int));
}

bool
array_iterate(ArrayIterator iterator, Datum *value, bool *isnull)
{
	int		   *next = (int *) iterator;
	Text	   *text = &current->text[*next];
	char	   *datum;

	if (*next >= current->n_texts)
		return false;
	(*next)++;
	*isnull = text->len == 1;
	datum = palloc(VARHDRSZ + text->len);
	SET_VARSIZE(datum, VARHDRSZ + text->len);
	memcpy(VARDATA(datum), text->text, text->len);
	*value = PointerGetDatum(datum);
	return true;
}

void
array_free_iterator(ArrayIterator iterator)
{
	pfree(iterator);
}

static Datum
start_parser(PG_FUNCTION_ARGS)
{
	Text	   *state = palloc(sizeof(Text));

	state->text = (const char *) PG_GETARG_POINTER(0);
	state->len = PG_GETARG_INT32(1);
	PG_RETURN_POINTER(state);
}

static Datum
next_token(PG_FUNCTION_ARGS)
{
	Text	   *state = (Text *) PG_GETARG_POINTER(0);
	Size		n = 0;

	while (state->len > 0 && *state->text == ' ')
	{
		state->text++;
		state->len--;
	}
	if (state->len == 0)
		PG_RETURN_INT32(0);
	while (n < state->len && state->text[n] != ' ')
		n++;
	*(const char **) PG_GETARG_POINTER(1) = state->text;
	*(int *) PG_GETARG_POINTER(2) = (int) n;
	state->text += n;
	state->len -= n;
	PG_RETURN_INT32(1 + (uint8) state->text[-(int) n] % N_TYPES);
}

static Datum
end_parser(PG_FUNCTION_ARGS)
{
	pfree(PG_GETARG_POINTER(0));
	PG_RETURN_VOID();
}

/* What a dictionary may answer, by the first letter */
static Datum
lexize(PG_FUNCTION_ARGS)
{
	bool		is_second = PG_GETARG_POINTER(0) != NULL;
	const char *word = (const char *) PG_GETARG_POINTER(1);
	int			len = PG_GETARG_INT32(2);
	DictSubState *state = (DictSubState *) PG_GETARG_POINTER(3);
	TSLexeme   *answer = palloc0(sizeof(TSLexeme) * 4);
	char		first = len > 0 ? word[0] : '\0';

	/* a phrase of up to three words */
	if (state->private_state != NULL || (first == 'g' && !is_second))
	{
		int			n = state->private_state ? *(int *) state->private_state : 0;

		if (state->isend || n >= 3 || (n > 0 && first != 'g' && first != 'h'))
			PG_RETURN_POINTER(NULL);
		if (n == 0)
			state->private_state = palloc(sizeof(int));
		*(int *) state->private_state = n + 1;
		state->getnext = true;
		if (first == 'h' || n == 0)
			PG_RETURN_POINTER(NULL);
	}
	answer[0].lexeme = pnstrdup(word, len);
	switch (first)
	{
		case 'n':				/* not known here */
			PG_RETURN_POINTER(is_second ? answer : NULL);
		case 's':				/* no word */
			answer[0].lexeme = NULL;
			break;
		case 'f':				/* another word for the next dictionary */
			answer[0].lexeme[0] = 'n';
			answer[0].flags = is_second ? 0 : TSL_FILTER;
			break;
		case 'p':
			answer[0].flags = TSL_PREFIX;
			break;
		case 'v':				/* three variants, of which two are in common */
			answer[1].lexeme = pnstrdup(word, len / 2);
			answer[2].lexeme = pnstrdup(word, len / 2);
			break;
		case 'w':				/* a word of several */
			answer[1].lexeme = pnstrdup(word, 1);
			answer[1].flags = TSL_ADDPOS;
			answer[2].lexeme = pnstrdup("", 0);
			answer[2].flags = TSL_ADDPOS;
			break;
	}
	PG_RETURN_POINTER(answer);
}

Datum
FunctionCall4Coll(FmgrInfo *function, Oid collation, Datum a, Datum b, Datum c, Datum d)
{
	LOCAL_FCINFO(fcinfo, 4);

	InitFunctionCallInfoData(*fcinfo, function, 4, collation, NULL, NULL);
	fcinfo->args[0].value = a;
	fcinfo->args[1].value = b;
	fcinfo->args[2].value = c;
	fcinfo->args[3].value = d;
	return function->fn_addr(fcinfo);
}

TSConfigCacheEntry *
lookup_ts_config_cache(Oid config)
{
	static Oid	both[] = {1, 2};
	static ListDictionary map[N_TYPES + 1] = {{0, NULL}, {2, both}, {1, both + 1}, {0, NULL}};
	static TSConfigCacheEntry entry = {.isvalid = true,.lenmap = lengthof(map),.map = map};

	return &entry;
}

TSParserCacheEntry *
lookup_ts_parser_cache(Oid parser)
{
	static TSParserCacheEntry entry = {.isvalid = true,.prsstart.fn_addr = start_parser,
	.prstoken.fn_addr = next_token,.prsend.fn_addr = end_parser};

	return &entry;
}

TSDictionaryCacheEntry *
lookup_ts_dictionary_cache(Oid dictionary)
{
	static TSDictionaryCacheEntry entries[] = {
		{.isvalid = true,.lexize.fn_addr = lexize},
		{.isvalid = true,.lexize.fn_addr = lexize,.dictData = &entries}
	};

	return &entries[dictionary - 1];
}

/* --- what is promised -------------------------------------------------------- */

static const GvBm25Document *
make_document(Input *input)
{
	ArrayType	array = {.elemtype = TEXTOID};

	gv_bm25_tokenizer_begin(input->tokenizer);
	if (input->as_array)
		gv_bm25_tokenizer_add_array(input->tokenizer, &array);
	for (int i = 0; i < input->n_texts && !input->as_array; i++)
		gv_bm25_tokenizer_add(input->tokenizer, input->text[i].text, input->text[i].len);
	return gv_bm25_tokenizer_finish(input->tokenizer);
}

static void
check_document(const GvBm25Document *document, bool with_positions)
{
	uint32		most = 0;

	for (int i = 0; i < document->n_terms; i++)
	{
		const GvBm25Term *term = &document->terms[i];

		if (term->len < 1 || term->len > GV_BM25_MAX_LEXEME || term->tf < 1 ||
			term->hash != gv_bm25_hash_lexeme(term->lexeme, term->len) ||
			memchr(term->lexeme, 0, term->len) != NULL ||
			(term->positions != NULL) != with_positions)
			gv_fuzz_fail("lexeme %d is none", i);
		most = Max(most, term->tf);
		for (uint32 j = 0; with_positions && j < term->tf; j++)
		{
			if (term->positions[j] <= (j > 0 ? term->positions[j - 1] : 0))
				gv_fuzz_fail("positions of lexeme %d do not rise", i);
		}
	}
	if (document->length < most || (document->length == 0) != (document->n_terms == 0))
		gv_fuzz_fail("the length of a document is %u", document->length);
	for (int i = 0; i < GV_BM25_MAX_FIELDS; i++)
	{
		if (document->field_length[i] > document->length)
			gv_fuzz_fail("a field is longer than its document");
	}
}

/* Remember a document, for the next one takes its place */
static GvBm25Document *
copy_document(const GvBm25Document *document)
{
	GvBm25Document *copy = palloc(sizeof(GvBm25Document));

	*copy = *document;
	copy->terms = palloc(sizeof(GvBm25Term) * Max(document->n_terms, 1));
	memcpy(copy->terms, document->terms, sizeof(GvBm25Term) * document->n_terms);
	return copy;
}

static void
compare_documents(const GvBm25Document *a, const GvBm25Document *b)
{
	if (a->n_terms != b->n_terms || a->length != b->length ||
		memcmp(a->field_length, b->field_length, sizeof(a->field_length)) != 0)
		gv_fuzz_fail("the document is another when its words are known");
	for (int i = 0; i < a->n_terms; i++)
	{
		if (a->terms[i].hash != b->terms[i].hash || a->terms[i].tf != b->terms[i].tf)
			gv_fuzz_fail("lexeme %d is another when its words are known", i);
	}
}

static void
take_scanned(void *arg, const GvBm25Token *token)
{
	Input	   *input = arg;

	if (token->position < input->last_position || token->position == 0 || token->len == 0 ||
		token->start > input->len || token->size > input->len - token->start)
		gv_fuzz_fail("a token is not in its text");
	input->last_position = token->position;
	input->n_scanned++;
}

static void
read_texts(void *arg)
{
	Input	   *input = arg;
	bool		with_positions = gv_bm25_tokenizer_flags(input->tokenizer) &
		GV_BM25_TOKENS_POSITIONS;
	const GvBm25Document *document = make_document(input);
	GvBm25Document *copy;

	check_document(document, with_positions);
	copy = copy_document(document);
	document = make_document(input);
	check_document(document, with_positions);
	compare_documents(copy, document);
	for (int i = 0; i < input->n_texts; i++)
	{
		input->last_position = 0;
		input->n_scanned = 0;
		input->len = input->text[i].len;
		gv_bm25_tokenizer_scan(input->tokenizer, input->text[i].text, input->text[i].len,
							   take_scanned, input);
		if (input->n_scanned < copy->terms[0].tf && copy->n_terms == 1 && input->n_texts == 1 &&
			!input->as_array)
			gv_fuzz_fail("a scan has fewer lexemes than the document");
	}
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	GvFuzzBytes bytes = {data, data + size};
	GvBm25Fields fields = {.n = 2,.name = {"a", "b"}};
	static const uint8 boosts[] = {2, 1, 3};
	Input		input = {0};
	uint32		flags = gv_fuzz_take(&bytes, 1);
	const char *text = gv_fuzz_take_text(&bytes);
	Size		len = strlen(text);

	current = &input;
	input.tokenizer = gv_bm25_tokenizer_create(CurrentMemoryContext, 1, flags & 3);
	input.as_array = flags & 4;
	if (flags & 8)
		gv_bm25_tokenizer_set_fields(input.tokenizer, &fields);
	if (flags & 16)
		gv_bm25_tokenizer_set_boosts(input.tokenizer, boosts, lengthof(boosts));
	/* texts of their own memory, cut at a character */
	while (input.n_texts < MAX_TEXTS)
	{
		const char *end = memchr(text, '|', len);
		Size		n = end && input.n_texts + 1 < MAX_TEXTS ? end - text : len;
		char	   *copy = palloc(Max(n, 1));

		memcpy(copy, text, n);
		input.text[input.n_texts].text = copy;
		input.text[input.n_texts++].len = n;
		if (n == len)
			break;
		text += n + 1;
		len -= n + 1;
	}
	gv_fuzz_try(read_texts, &input);
	gv_fuzz_finish();
	return 0;
}
