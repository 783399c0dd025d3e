/*-------------------------------------------------------------------------
 *
 * words.c
 *		What words of texts became, kept for the next time they come.
 *
 * Most words of a text have been seen before.  What they became is kept in
 * bounded memory until a text search object changes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "bm25/words.h"

/* What became of words is forgotten beyond so many words, or bytes */
#define MAX_WORDS (64 * 1024)
#define MAX_BYTES (8 * 1024 * 1024)

/* Slots of a tokenizer that has seen nothing: most of them read one query */
#define MIN_SLOTS 64

/* Counts the changes of text search objects in this session */
static uint64 objects_generation = 1;

static void
objects_changed(Datum arg, int cache_id, uint32 hash_value)
{
	objects_generation++;
}

/* Watch the text search objects; once a session */
static void
watch_objects(void)
{
	static bool watching = false;

	if (watching)
		return;
	CacheRegisterSyscacheCallback(TSPARSEROID, objects_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(TSTEMPLATEOID, objects_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(TSDICTOID, objects_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(TSCONFIGOID, objects_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(TSCONFIGMAP, objects_changed, (Datum) 0);
	watching = true;
}

/*
 * gv_bm25_words_init
 *		Begin with no word, in a context of its own below the given one.
 */
void
gv_bm25_words_init(GvBm25Words *words, MemoryContext parent)
{
	watch_objects();
	memset(words, 0, sizeof(*words));
	words->context = AllocSetContextCreate(parent, "bm25 words", ALLOCSET_DEFAULT_SIZES);
}

/* Forget the words */
static void
forget(GvBm25Words *words)
{
	MemoryContextReset(words->context);
	words->slot = NULL;
	words->n_slots = 0;
	words->n_words = 0;
	words->n_bytes = 0;
	words->generation = objects_generation;
}

/* Double the slots */
static void
grow(GvBm25Words *words)
{
	GvBm25Word **old = words->slot;
	uint32		n_old = words->n_slots;
	uint32		mask;

	words->n_slots = old ? n_old * 2 : MIN_SLOTS;
	mask = words->n_slots - 1;
	words->slot = MemoryContextAllocZero(words->context, sizeof(GvBm25Word *) * words->n_slots);
	for (uint32 i = 0; i < n_old; i++)
	{
		uint32		slot;

		if (old[i] == NULL)
			continue;
		slot = old[i]->hash & mask;
		while (words->slot[slot] != NULL)
			slot = (slot + 1) & mask;
		words->slot[slot] = old[i];
	}
	if (old)
		pfree(old);
}

/*
 * gv_bm25_words_begin
 *		Forget the words if a text search object has changed.
 */
void
gv_bm25_words_begin(GvBm25Words *words)
{
	if (words->generation != objects_generation)
		forget(words);
}

/*
 * gv_bm25_words_find
 *		Return the slot of a word: what it became, or NULL where it should be put.
 */
GvBm25Word **
gv_bm25_words_find(GvBm25Words *words, const GvBm25RawToken *token, uint32 hash)
{
	uint32		mask;

	if (2 * words->n_words >= words->n_slots)
		grow(words);
	mask = words->n_slots - 1;
	for (uint32 i = hash & mask;; i = (i + 1) & mask)
	{
		GvBm25Word *word = words->slot[i];

		if (word == NULL ||
			(word->hash == hash && word->type == token->type && word->len == (uint32) token->len &&
			 memcmp(word->word, token->word, token->len) == 0))
			return &words->slot[i];
	}
}

/*
 * gv_bm25_words_keep
 *		Keep what a token became; word is in memory of the dictionaries.
 */
void
gv_bm25_words_keep(GvBm25Words *words, const GvBm25RawToken *token, const GvBm25Word *word,
				   uint32 hash)
{
	Size		size = MAXALIGN(offsetof(GvBm25Word, word) + token->len);
	Size		total = size + MAXALIGN(sizeof(GvBm25WordLexeme) * word->n_lexemes);
	char	   *memory;
	GvBm25Word *kept;
	GvBm25Word **slot;

	for (int i = 0; i < word->n_lexemes; i++)
		total += word->lexemes[i].len;
	if (total > MAX_BYTES / 16)
		return;
	if (words->n_words >= MAX_WORDS || words->n_bytes + total > MAX_BYTES)
		forget(words);
	slot = gv_bm25_words_find(words, token, hash);
	memory = MemoryContextAlloc(words->context, total);
	kept = (GvBm25Word *) memory;
	*kept = *word;
	kept->hash = hash;
	kept->type = token->type;
	kept->len = token->len;
	memcpy(kept->word, token->word, token->len);
	memory += size;
	kept->lexemes = (GvBm25WordLexeme *) memory;
	memory += MAXALIGN(sizeof(GvBm25WordLexeme) * word->n_lexemes);
	for (int i = 0; i < word->n_lexemes; i++)
	{
		kept->lexemes[i] = word->lexemes[i];
		kept->lexemes[i].lexeme = memory;
		memcpy(memory, word->lexemes[i].lexeme, word->lexemes[i].len);
		memory += word->lexemes[i].len;
	}
	*slot = kept;
	words->n_words++;
	words->n_bytes += total;
}
