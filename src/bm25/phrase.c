/*-------------------------------------------------------------------------
 *
 * phrase.c
 *		Words in order, and words with typing errors.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "am/sort.h"
#include "bm25/weigh.h"

static int
compare_occurrences(const void *a, const void *b)
{
	const GvBm25Occurrence *x = a;
	const GvBm25Occurrence *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->place - y->place;
}

/* Does a lexeme stand at a place of a phrase? */
static bool
is_term(const GvBm25PhraseTerm *wanted, const GvBm25Term *term)
{
	if (wanted->partial)
		return term->len >= wanted->len && memcmp(term->lexeme, wanted->lexeme, wanted->len) == 0;
	return term->hash == wanted->hash && term->len == wanted->len &&
		memcmp(term->lexeme, wanted->lexeme, wanted->len) == 0;
}

/*
 * gv_bm25_occurrences_add
 *		Add the occurrences of a lexeme at a place of a phrase, in the current memory
 *		context.
 *
 * offset: of the place
 */
void
gv_bm25_occurrences_add(GvBm25Occurrences *all, const uint32 *positions, uint32 n, uint32 offset,
						int place)
{
	if (n > all->size - all->n)
	{
		all->size = Max(Max(64, all->size * 2), all->n + n);
		all->occurrence = all->occurrence == NULL ?
			MemoryContextAllocHuge(CurrentMemoryContext, all->size * sizeof(GvBm25Occurrence)) :
			repalloc_huge(all->occurrence, all->size * sizeof(GvBm25Occurrence));
	}
	for (uint32 i = 0; i < n; i++)
		all->occurrence[all->n++] = (GvBm25Occurrence) {
			(int64) positions[i] - offset, positions[i], place
		};
}

/* Do two places of the phrase use the same word of the document? */
static bool
shares_word(const GvBm25Occurrence *const *last, int n_places)
{
	for (int i = 0; i < n_places; i++)
	{
		for (int j = i + 1; j < n_places; j++)
		{
			if (last[i]->position == last[j]->position)
				return true;
		}
	}
	return false;
}

/* Count matches among occurrences in the order of their starts */
static float
count_matches(const GvBm25Occurrences *all, int n_places, int slop)
{
	const GvBm25Occurrence **last = palloc0(n_places * sizeof(GvBm25Occurrence *));
	float		result = 0;

	for (Size i = 0; i < all->n; i++)
	{
		const GvBm25Occurrence *now = &all->occurrence[i];
		int64		first = now->start;
		bool		complete = true;

		last[now->place] = now;
		for (int j = 0; j < n_places && complete; j++)
		{
			complete = last[j] != NULL && now->start - last[j]->start <= slop;
			if (complete)
				first = Min(first, last[j]->start);
		}
		if (!complete || (slop > 0 && shares_word(last, n_places)))
			continue;
		result += 1.0f / (1.0f + (float) (now->start - first));
		/* the next match is another one */
		memset(last, 0, n_places * sizeof(GvBm25Occurrence *));
	}
	pfree(last);
	return result;
}

/*
 * gv_bm25_occurrences_count
 *		How often does a phrase stand in a document whose occurrences these are?
 *
 * n_places: of the phrase, each with an occurrence
 *
 * With slop a match counts 1 / (1 + moves), as Lucene counts it.
 */
float
gv_bm25_occurrences_count(GvBm25Occurrences *all, int n_places, int slop)
{
	if (all->n < 2)
		return (float) all->n;
	gv_am_sort(all->occurrence, all->n, sizeof(GvBm25Occurrence), compare_occurrences);
	return count_matches(all, n_places, slop);
}

/*
 * gv_bm25_phrase_frequency
 *		How often does a phrase stand in a document?
 *
 * document: with positions; lexemes of a tsvector may have none
 */
float
gv_bm25_phrase_frequency(const GvBm25Node *node, const GvBm25Document *document)
{
	GvBm25Occurrences all = {0};
	int			n_places = 0;
	bool		is_complete = node->n_terms > 0;
	float		result;

	for (int i = 0; i < node->n_terms && is_complete; n_places++)
	{
		uint32		offset = node->terms[i].offset;
		int			end = i;
		Size		n_before = all.n;

		while (end < node->n_terms && node->terms[end].offset == offset)
			end++;
		for (int j = 0; j < document->n_terms; j++)
		{
			const GvBm25Term *term = &document->terms[j];
			bool		found = false;

			for (int k = i; k < end && !found; k++)
				found = is_term(&node->terms[k], term);
			if (found && term->positions != NULL)
				gv_bm25_occurrences_add(&all, term->positions, term->tf, offset, n_places);
		}
		is_complete = all.n > n_before;
		i = end;
	}
	result = is_complete ? gv_bm25_occurrences_count(&all, n_places, node->slop) : 0;
	if (all.occurrence != NULL)
		pfree(all.occurrence);
	return result;
}

/* The characters of a text; returns how many */
static int
decode_characters(const char *text, uint32 len, pg_wchar *out)
{
	return pg_mb2wchar_with_len(text, out, (int) len);
}

/*
 * gv_bm25_fuzzy_match
 *		Is a lexeme so few edits away from a fuzzy word?
 *
 * A word of a field begins with its number, as lexemes there do.  An exchange of
 * neighbors is one edit; only the band of the matrix where the
 * distance can be small enough is computed.
 */
bool
gv_bm25_fuzzy_match(const GvBm25Node *node, const char *lexeme, uint32 len)
{
	pg_wchar	a[GV_BM25_MAX_LEXEME + 1];
	pg_wchar	b[GV_BM25_MAX_LEXEME + 1];
	int			row[3][GV_BM25_MAX_LEXEME + 2];
	int			limit = node->edits;
	int			n_a;
	int			n_b;
	int			max_bytes = limit * pg_database_encoding_max_length();

	if (node->field > 0 ? len == 0 || lexeme[0] != (char) node->field :
		gv_bm25_is_of_field(lexeme, len))
		return false;
	if (len > node->len + max_bytes || node->len > len + max_bytes ||
		node->len > GV_BM25_MAX_LEXEME)
		return false;
	n_a = decode_characters(node->lexeme, node->len, a);
	n_b = decode_characters(lexeme, len, b);
	if (n_a - n_b > limit || n_b - n_a > limit)
		return false;

	for (int j = 0; j <= Min(n_b, limit + 1); j++)
		row[0][j] = j;
	for (int i = 1; i <= n_a; i++)
	{
		int		   *now = row[i % 3];
		const int  *before = row[(i - 1) % 3];
		const int  *before_that = row[(i + 1) % 3];
		int			first = Max(1, i - limit);
		int			last = Min(n_b, i + limit);
		int			smallest = limit + 1;

		now[first - 1] = first == 1 ? i : limit + 1;
		if (first == 1)
			smallest = Min(smallest, i);
		for (int j = first; j <= last; j++)
		{
			int			cost = before[j - 1] + (a[i - 1] != b[j - 1]);

			if (j < i + limit)
				cost = Min(cost, before[j] + 1);
			cost = Min(cost, now[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				cost = Min(cost, before_that[j - 2] + 1);
			now[j] = cost;
			smallest = Min(smallest, cost);
		}
		if (smallest > limit)
			return false;
	}
	return row[n_a % 3][n_b] <= limit;
}
