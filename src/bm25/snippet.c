/*-------------------------------------------------------------------------
 *
 * snippet.c
 *		gigavec.snippet: the parts of a text that show why it was found.
 *
 * Words are found as the index finds them: both become lexemes by one
 * configuration, and those are compared.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "bm25/corpus.h"
#include "bm25/index.h"
#include "bm25/query.h"
#include "bm25/reader.h"

GV_FUNCTION(gv_bm25_show_snippet);

/* Arguments by number */
enum
{
	ARG_DOCUMENT,
	ARG_QUERY,
	ARG_CONFIG,
	ARG_START,
	ARG_STOP,
	ARG_MAX_WORDS,
	ARG_MAX_FRAGMENTS,
	ARG_DELIMITER,
	ARG_ESCAPE
};

/* Bytes of a text that are looked at */
#define MAX_TEXT (4 * 1024 * 1024)

/* Bytes at either end of a text that may hold nothing but words without lexemes */
#define MAX_END 32

/* Limits of the arguments */
#define MAX_MAX_WORDS 10000
#define MAX_MAX_FRAGMENTS 100

/* What a window is worth: a word that no other shows, one that another does, each more */
#define NEW_WORD 1.0
#define KNOWN_WORD 0.1
#define REPEATED_WORD 0.01

/* A word that is looked for */
typedef struct Wanted
{
	GvBm25Node	node;			/* a term, prefix or fuzzy word */
	bool		shown;			/* in a fragment chosen before */
	int			count;			/* in the window */
} Wanted;

/* A word of the text */
typedef struct Word
{
	Size		start;
	Size		end;
	uint32		position;
	int			wanted;			/* which it is, or -1 */
	int			fragment;		/* which it is in, or -1 */
} Word;

typedef struct Snippet
{
	const char *text;
	Size		length;
	Wanted	   *wanted;			/* Wanted[n_wanted]: terms by hash, then the others */
	int			n_wanted;
	int			n_terms;
	Word	   *words;
	int			n_words;
	int			max_words;		/* allocated */
} Snippet;

/* A part of the text, by words */
typedef struct Fragment
{
	int			first;
	int			last;
} Fragment;

static void
add_wanted(Snippet *snippet, GvBm25NodeKind kind, const char *lexeme, uint32 len, uint64 hash,
		   int edits)
{
	GvBm25Node *node;

	/* doubled whenever it is a power of two */
	if (snippet->n_wanted == 0)
		snippet->wanted = palloc(sizeof(Wanted));
	else if ((snippet->n_wanted & (snippet->n_wanted - 1)) == 0)
		snippet->wanted = repalloc_huge(snippet->wanted, sizeof(Wanted) * 2 * snippet->n_wanted);
	memset(&snippet->wanted[snippet->n_wanted], 0, sizeof(Wanted));
	node = &snippet->wanted[snippet->n_wanted++].node;
	node->kind = kind;
	node->lexeme = lexeme;
	node->len = len;
	node->hash = hash;
	node->edits = edits;
}

/* The same with a word of a field, which may stand anywhere in the text */
static void
add_word(Snippet *snippet, int field, GvBm25NodeKind kind, const char *lexeme, uint32 len,
		 uint64 hash, int edits)
{
	if (field > 0)
	{
		lexeme++;
		len--;
		hash = gv_bm25_hash_lexeme(lexeme, len);
	}
	add_wanted(snippet, kind, lexeme, len, hash, edits);
}

/* Collect the words of a query but for the excluded ones */
static void
collect_wanted(Snippet *snippet, const GvBm25Node *node)
{
	check_stack_depth();
	if (node->occur == GV_BM25_EXCLUDED)
		return;
	for (int i = 0; i < node->n_children; i++)
		collect_wanted(snippet, node->children[i]);
	if (node->kind == GV_BM25_TERM || node->kind == GV_BM25_PREFIX || node->kind == GV_BM25_FUZZY)
		add_word(snippet, node->field, node->kind, node->lexeme, node->len, node->hash,
				 node->edits);
	for (int i = 0; node->kind == GV_BM25_PHRASE && i < node->n_terms; i++)
		add_word(snippet, node->field, node->terms[i].partial ? GV_BM25_PREFIX : GV_BM25_TERM,
				 node->terms[i].lexeme, node->terms[i].len, node->terms[i].hash, 0);
}

/* Order of what is wanted: terms by hash, then the others */
static int
compare_wanted(const void *a, const void *b)
{
	const GvBm25Node *x = &((const Wanted *) a)->node;
	const GvBm25Node *y = &((const Wanted *) b)->node;

	if ((x->kind == GV_BM25_TERM) != (y->kind == GV_BM25_TERM))
		return x->kind == GV_BM25_TERM ? -1 : 1;
	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

/* Put what is wanted in order */
static void
sort_wanted(Snippet *snippet)
{
	qsort(snippet->wanted, snippet->n_wanted, sizeof(Wanted), compare_wanted);
	while (snippet->n_terms < snippet->n_wanted &&
		   snippet->wanted[snippet->n_terms].node.kind == GV_BM25_TERM)
		snippet->n_terms++;
}

/* The first term that has a hash, or where it would be */
static int
find_hash(const Snippet *snippet, uint64 hash)
{
	int			low = 0;
	int			high = snippet->n_terms;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (snippet->wanted[middle].node.hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Is a lexeme the one wanted? */
static bool
is_wanted(const GvBm25Node *node, const GvBm25Token *token)
{
	switch (node->kind)
	{
		case GV_BM25_PREFIX:
			return token->len >= node->len && memcmp(token->lexeme, node->lexeme, node->len) == 0;
		case GV_BM25_FUZZY:
			return gv_bm25_fuzzy_match(node, token->lexeme, token->len);
		default:
			return token->hash == node->hash && token->len == node->len &&
				memcmp(token->lexeme, node->lexeme, node->len) == 0;
	}
}

/* Note a word of the text; synonyms at one place are one word */
static void
take_token(void *arg, const GvBm25Token *token)
{
	Snippet    *snippet = arg;
	Word	   *word = snippet->n_words > 0 ? &snippet->words[snippet->n_words - 1] : NULL;

	if (word == NULL || word->start != token->start || word->end != token->start + token->size)
	{
		if (snippet->n_words == snippet->max_words)
		{
			snippet->max_words = Max(256, snippet->max_words * 2);
			snippet->words = snippet->words ?
				repalloc_huge(snippet->words, sizeof(Word) * snippet->max_words) :
				palloc(sizeof(Word) * snippet->max_words);
		}
		word = &snippet->words[snippet->n_words++];
		word->start = token->start;
		word->end = token->start + token->size;
		word->position = token->position;
		word->wanted = -1;
		word->fragment = -1;
	}
	for (int i = find_hash(snippet, token->hash);
		 word->wanted < 0 && i < snippet->n_terms && snippet->wanted[i].node.hash == token->hash;
		 i++)
	{
		if (is_wanted(&snippet->wanted[i].node, token))
			word->wanted = i;
	}
	for (int i = snippet->n_terms; word->wanted < 0 && i < snippet->n_wanted; i++)
	{
		if (is_wanted(&snippet->wanted[i].node, token))
			word->wanted = i;
	}
}

/* What another occurrence of a wanted word adds to a window, or takes from it */
static double
worth(const Wanted *wanted, int count)
{
	if (count > 1)
		return REPEATED_WORD;
	return wanted->shown ? KNOWN_WORD : NEW_WORD;
}

/*
 * Find the words from the first to the last wanted one of the best window that
 * is in no other fragment; false if no wanted word is left.
 */
static bool
find_window(Snippet *snippet, uint32 max_words, Fragment *best)
{
	double		best_worth = 0;
	double		total = 0;
	int			left = 0;

	for (int i = 0; i < snippet->n_wanted; i++)
		snippet->wanted[i].count = 0;
	for (int right = 0; right < snippet->n_words; right++)
	{
		Word	   *word = &snippet->words[right];

		/* begin after another fragment */
		while (left <= right && (word->fragment >= 0 || word->position -
								 snippet->words[left].position >= max_words))
		{
			int			which = snippet->words[left].wanted;

			if (left < right && which >= 0)
			{
				total -= worth(&snippet->wanted[which], snippet->wanted[which].count);
				snippet->wanted[which].count--;
			}
			left++;
		}
		if (word->wanted < 0 || word->fragment >= 0)
			continue;
		snippet->wanted[word->wanted].count++;
		total += worth(&snippet->wanted[word->wanted], snippet->wanted[word->wanted].count);
		if (total > best_worth + REPEATED_WORD / 2)
		{
			best_worth = total;
			best->first = left;
			best->last = right;
		}
	}
	if (best_worth == 0)
		return false;
	while (snippet->words[best->first].wanted < 0)
		best->first++;
	return true;
}

/* May a word join a fragment? */
static bool
can_join(const Snippet *snippet, int i, uint32 from, uint32 to, uint32 max_words)
{
	if (i < 0 || i >= snippet->n_words || snippet->words[i].fragment >= 0)
		return false;
	return to - from < max_words;
}

/* Add the words around to a fragment: half of the room before it, the rest after */
static void
widen(const Snippet *snippet, uint32 max_words, Fragment *fragment)
{
	const Word *words = snippet->words;
	uint32		length = words[fragment->last].position - words[fragment->first].position + 1;
	uint32		before = length + (max_words - Min(length, max_words)) / 2;

	while (can_join(snippet, fragment->first - 1, words[Max(fragment->first - 1, 0)].position,
					words[fragment->last].position, before))
		fragment->first--;
	while (can_join(snippet, fragment->last + 1, words[fragment->first].position,
					words[Min(fragment->last + 1, snippet->n_words - 1)].position, max_words))
		fragment->last++;
	while (can_join(snippet, fragment->first - 1, words[Max(fragment->first - 1, 0)].position,
					words[fragment->last].position, max_words))
		fragment->first--;
}

static int
compare_fragments(const void *a, const void *b)
{
	return ((const Fragment *) a)->first - ((const Fragment *) b)->first;
}

/* Choose fragments; returns how many, in the order of the text */
static int
choose_fragments(Snippet *snippet, int max_words, int max_fragments, Fragment *fragments)
{
	int			n = 0;

	while (n < max_fragments && find_window(snippet, max_words, &fragments[n]))
	{
		widen(snippet, max_words, &fragments[n]);
		for (int i = fragments[n].first; i <= fragments[n].last; i++)
		{
			Word	   *word = &snippet->words[i];

			word->fragment = n;
			if (word->wanted >= 0)
				snippet->wanted[word->wanted].shown = true;
		}
		n++;
		CHECK_FOR_INTERRUPTS();
	}
	/* the beginning of a text where nothing is found */
	if (n == 0 && snippet->n_words > 0)
	{
		fragments[n].first = fragments[n].last = 0;
		widen(snippet, max_words, &fragments[n++]);
	}
	qsort(fragments, n, sizeof(Fragment), compare_fragments);
	return n;
}

/* Append bytes of the text */
static void
append_text(StringInfo buf, const char *text, Size length, bool escape)
{
	for (Size i = 0; i < length; i++)
	{
		char		c = text[i];

		if (!escape)
			appendStringInfoChar(buf, c);
		else if (c == '&')
			appendStringInfoString(buf, "&amp;");
		else if (c == '<')
			appendStringInfoString(buf, "&lt;");
		else if (c == '>')
			appendStringInfoString(buf, "&gt;");
		else if (c == '"')
			appendStringInfoString(buf, "&quot;");
		else if (c == '\'')
			appendStringInfoString(buf, "&#39;");
		else
			appendStringInfoChar(buf, c);
	}
}

/* Is a byte a mark that belongs to the word beside it? */
static bool
is_mark(char c)
{
	return (unsigned char) c < 128 && ispunct((unsigned char) c);
}

/* Append a fragment with its wanted words marked */
static void
append_fragment(StringInfo buf, const Snippet *snippet, const Fragment *fragment,
				const char *start, const char *stop, bool escape)
{
	Size		from = snippet->words[fragment->first].start;
	Size		to = 0;
	Size		limit = fragment->last + 1 < snippet->n_words ?
		snippet->words[fragment->last + 1].start : snippet->length;
	int			i = fragment->first;

	for (int j = fragment->first; j <= fragment->last; j++)
	{
		from = Min(from, snippet->words[j].start);
		to = Max(to, snippet->words[j].end);
	}
	while (from > 0 && is_mark(snippet->text[from - 1]))
		from--;
	while (to < limit && is_mark(snippet->text[to]))
		to++;
	if (fragment->first == 0 && from <= MAX_END)
		from = 0;
	if (fragment->last == snippet->n_words - 1 && snippet->length - to <= MAX_END)
		to = snippet->length;
	while (i <= fragment->last)
	{
		const Word *word = &snippet->words[i++];
		Size		end = word->end;

		if (word->wanted < 0 || word->start < from)
			continue;
		/* wanted words that overlap, such as the parts of foo-bar, are marked once */
		while (i <= fragment->last &&
			   (snippet->words[i].wanted < 0 || snippet->words[i].start < end))
		{
			if (snippet->words[i].wanted >= 0)
				end = Max(end, snippet->words[i].end);
			i++;
		}
		append_text(buf, snippet->text + from, word->start - from, escape);
		appendStringInfoString(buf, start);
		append_text(buf, snippet->text + word->start, end - word->start, escape);
		appendStringInfoString(buf, stop);
		from = end;
	}
	if (to > from)
		append_text(buf, snippet->text + from, to - from, escape);
}

/* The tokenizer of the index that a query names, or of a configuration */
static GvBm25Tokenizer *
make_tokenizer(GvBm25Query query, Oid config)
{
	GvBm25Tokenizer *tokenizer;
	GvBm25Corpus *corpus;

	if (!OidIsValid(query->index))
		return gv_bm25_tokenizer_create(CurrentMemoryContext, config, 0);
	corpus = gv_bm25_corpus_open(query->index);
	tokenizer = gv_bm25_tokenizer_of(&corpus->readers[0]->index, CurrentMemoryContext, 0);
	gv_bm25_corpus_close(corpus);
	return tokenizer;
}

/* A number argument, from 1 to max */
static int
get_number(FunctionCallInfo fcinfo, int arg, const char *name, int max)
{
	int			value = PG_GETARG_INT32(arg);

	if (value < 1 || value > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" must be between 1 and %d", name, max),
				 errdetail("\"%s\" is %d.", name, value)));
	return value;
}

/*
 * gv_bm25_show_snippet
 *		gigavec.snippet(document, query, config, ...)
 */
Datum
gv_bm25_show_snippet(PG_FUNCTION_ARGS)
{
	text	   *document = PG_GETARG_TEXT_PP(ARG_DOCUMENT);
	GvBm25Query query = PG_GETARG_BM25QUERY(ARG_QUERY);
	int			max_words = get_number(fcinfo, ARG_MAX_WORDS, "max_words", MAX_MAX_WORDS);
	int			max_fragments = get_number(fcinfo, ARG_MAX_FRAGMENTS, "max_fragments",
										   MAX_MAX_FRAGMENTS);
	char	   *start = text_to_cstring(PG_GETARG_TEXT_PP(ARG_START));
	char	   *stop = text_to_cstring(PG_GETARG_TEXT_PP(ARG_STOP));
	char	   *delimiter = text_to_cstring(PG_GETARG_TEXT_PP(ARG_DELIMITER));
	bool		escape = PG_GETARG_BOOL(ARG_ESCAPE);
	GvBm25Tokenizer *tokenizer = make_tokenizer(query, PG_GETARG_OID(ARG_CONFIG));
	Fragment	fragments[MAX_MAX_FRAGMENTS];
	Snippet		snippet = {0};
	StringInfoData buf;
	int			n;

	snippet.text = VARDATA_ANY(document);
	snippet.length = VARSIZE_ANY_EXHDR(document);
	if (snippet.length > MAX_TEXT)
		snippet.length = pg_mbcliplen(snippet.text, MAX_TEXT + MAX_MULTIBYTE_CHAR_LEN, MAX_TEXT);
	collect_wanted(&snippet, gv_bm25_query_resolve(query, tokenizer)->root);
	sort_wanted(&snippet);
	gv_bm25_tokenizer_scan(tokenizer, snippet.text, snippet.length, take_token, &snippet);
	n = choose_fragments(&snippet, max_words, max_fragments, fragments);
	initStringInfo(&buf);
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoString(&buf, delimiter);
		append_fragment(&buf, &snippet, &fragments[i], start, stop, escape);
	}
	gv_bm25_tokenizer_free(tokenizer);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(buf.data, buf.len));
}
