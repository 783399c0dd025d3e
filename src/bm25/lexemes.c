/*-------------------------------------------------------------------------
 *
 * lexemes.c
 *		The lexemes of a query, and which of them rows of lanes have.
 *
 * A row of a lane has the hashes of its lexemes in order, then the lexemes, which
 * can be read one after another only.  So all lexemes of the query are looked for
 * together: what the row costs does not grow with the query, and little with the
 * row if it has none of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "bm25/index.h"
#include "bm25/lexemes.h"

/* Bits of a lookup for each lexeme, at least, and at most of all */
#define BITS_PER_LEXEME 64
#define MAX_BITS (1 << 18)

/* A row has so many times the lexemes of a query that these are searched for there */
#define MANY_TIMES 8

/*
 * gv_bm25_lexemes_init
 *		Begin with none, in the current memory context.
 */
void
gv_bm25_lexemes_init(GvBm25Lexemes *lexemes)
{
	lexemes->context = CurrentMemoryContext;
	lexemes->n = 0;
	lexemes->size = 16;
	lexemes->lexeme = palloc(lexemes->size * sizeof(GvBm25Lexeme));
	lexemes->table = palloc(2 * lexemes->size * sizeof(int));
	memset(lexemes->table, 0xFF, 2 * lexemes->size * sizeof(int));
}

/* Where a lexeme is in the table, or would be */
static int *
find_place(const GvBm25Lexemes *lexemes, const char *lexeme, uint32 len, uint32 hash)
{
	uint32		mask = 2 * lexemes->size - 1;
	uint32		i = hash & mask;

	while (lexemes->table[i] >= 0)
	{
		const GvBm25Lexeme *there = &lexemes->lexeme[lexemes->table[i]];

		if (there->hash == hash && there->len == len && memcmp(there->lexeme, lexeme, len) == 0)
			break;
		i = (i + 1) & mask;
	}
	return &lexemes->table[i];
}

/*
 * gv_bm25_lexemes_add
 *		Return the number of a lexeme, which is added unless it is there.
 */
int
gv_bm25_lexemes_add(GvBm25Lexemes *lexemes, const char *lexeme, uint32 len)
{
	uint32		hash = (uint32) gv_bm25_hash_lexeme(lexeme, len);
	int		   *place = find_place(lexemes, lexeme, len, hash);
	MemoryContext old;
	char	   *copy;

	if (*place >= 0)
		return *place;
	old = MemoryContextSwitchTo(lexemes->context);
	if (lexemes->n == lexemes->size)
	{
		lexemes->size *= 2;
		lexemes->lexeme = repalloc_huge(lexemes->lexeme,
										(Size) lexemes->size * sizeof(GvBm25Lexeme));
		lexemes->table = repalloc_huge(lexemes->table, (Size) 2 * lexemes->size * sizeof(int));
		memset(lexemes->table, 0xFF, (Size) 2 * lexemes->size * sizeof(int));
		for (int i = 0; i < lexemes->n; i++)
		{
			const GvBm25Lexeme *one = &lexemes->lexeme[i];

			*find_place(lexemes, one->lexeme, one->len, one->hash) = i;
		}
		place = find_place(lexemes, lexeme, len, hash);
	}
	copy = palloc(Max(len, 1));
	memcpy(copy, lexeme, len);
	lexemes->lexeme[lexemes->n] = (GvBm25Lexeme) {copy, len, hash, 0};
	MemoryContextSwitchTo(old);
	*place = lexemes->n;
	return lexemes->n++;
}

/* Can a lexeme of the query have a hash? */
static inline bool
may_have(const GvBm25Lookup *lookup, uint32 hash)
{
	return lookup->bits[(hash & lookup->mask) / 64] >> (hash % 64) & 1;
}

/* Has one of them it? */
static bool
has_hash(const GvBm25Lexemes *lexemes, uint32 hash)
{
	uint32		mask = 2 * lexemes->size - 1;

	for (uint32 i = hash & mask; lexemes->table[i] >= 0; i = (i + 1) & mask)
	{
		if (lexemes->lexeme[lexemes->table[i]].hash == hash)
			return true;
	}
	return false;
}

/*
 * gv_bm25_lookup_begin
 *		Begin to look for lexemes, in the current memory context.
 *
 * lexemes: live as long, and stay as they are
 */
void
gv_bm25_lookup_begin(GvBm25Lookup *lookup, const GvBm25Lexemes *lexemes)
{
	uint32		n_bits = BITS_PER_LEXEME;

	while (n_bits < MAX_BITS && n_bits / BITS_PER_LEXEME < (uint32) lexemes->n)
		n_bits *= 2;
	lookup->lexemes = lexemes;
	lookup->mask = n_bits - 1;
	lookup->bits = palloc0(n_bits / 8);
	lookup->n_found = 0;
	lookup->found = MemoryContextAllocHuge(CurrentMemoryContext,
										   Max(lexemes->n, 1) * sizeof(int));
	lookup->term = MemoryContextAllocHuge(CurrentMemoryContext,
										  Max(lexemes->n, 1) * sizeof(GvBm25RowTerm));
	for (int i = 0; i < lexemes->n; i++)
	{
		uint32		hash = lexemes->lexeme[i].hash;

		lookup->bits[(hash & lookup->mask) / 64] |= UINT64CONST(1) << hash % 64;
		lookup->term[i].tf = 0;
	}
}

/* How many lexemes of the row there are up to the last that the query may have */
static uint32
count_wanted(const GvBm25Lookup *lookup, const GvBm25DeltaScan *scan)
{
	const uint32 *hashes = scan->hashes;
	uint32		n = scan->row->n_terms;
	uint32		last = 0;

	if ((uint64) lookup->lexemes->n * MANY_TIMES >= n)
	{
		while (n > 0 && !(may_have(lookup, hashes[n - 1]) &&
						  has_hash(lookup->lexemes, hashes[n - 1])))
			n--;
		return n;
	}
	for (int i = 0; i < lookup->lexemes->n; i++)
	{
		uint32		hash = lookup->lexemes->lexeme[i].hash;
		uint32		low = 0;
		uint32		high = n;

		/* past the last that is not larger */
		while (low < high)
		{
			uint32		middle = (low + high) / 2;

			if (hashes[middle] <= hash)
				low = middle + 1;
			else
				high = middle;
		}
		if (low > last && hashes[low - 1] == hash)
			last = low;
	}
	return last;
}

/* Go past a lexeme of the row; most are short, and occur a few times */
static inline const uint8 *
skip_term(const GvBm25DeltaScan *scan, const uint8 *in, bool has_positions)
{
	GvBm25RowTerm term;

	if (!has_positions && scan->end - in > 2 && in[0] > 0 && in[0] < 0x80 &&
		in[1] > 0 && in[1] < 0x80 && in[1] <= scan->end - in - 2)
		return in + 2 + in[1];
	return gv_bm25_delta_term(scan, in, &term);
}

/*
 * gv_bm25_lookup_row
 *		Look for the lexemes in the row where a scan stands.
 *
 * Returns how many there are; found and term tell which.
 */
int
gv_bm25_lookup_row(GvBm25Lookup *lookup, const GvBm25DeltaScan *scan)
{
	bool		has_positions = gv_bm25_has_positions(scan->index);
	const uint8 *in = scan->terms;
	uint32		n;

	for (int i = 0; i < lookup->n_found; i++)
		lookup->term[lookup->found[i]].tf = 0;
	lookup->n_found = 0;
	n = count_wanted(lookup, scan);
	for (uint32 i = 0; i < n; i++)
	{
		uint32		hash = scan->hashes[i];
		GvBm25RowTerm term;
		int			number;

		if (!may_have(lookup, hash))
		{
			in = skip_term(scan, in, has_positions);
			continue;
		}
		in = gv_bm25_delta_term(scan, in, &term);
		number = *find_place(lookup->lexemes, term.lexeme, term.len, hash);
		if (number < 0 || lookup->term[number].tf > 0)
			continue;
		lookup->term[number] = term;
		lookup->found[lookup->n_found++] = number;
	}
	return lookup->n_found;
}
