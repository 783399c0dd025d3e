/*-------------------------------------------------------------------------
 *
 * tsvector.c
 *		Documents whose lexemes somebody else has made: values of type tsvector.
 *
 * Each row may have its own text search configuration so.  A lexeme counts once
 * for each of its positions, of which there are at most 255, and once if it has
 * none; weights do not count.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"
#include "tsearch/ts_type.h"

#include "bm25/tokens.h"

/* Bits of all positions that there can be */
#define POSITION_BYTES ((MAXENTRYPOS + 8) / 8)

/* Make a lexeme of the document; positions are noted in a bitmap */
static void
make_term(GvBm25Term *term, TSVector vector, WordEntry *entry, bool with_positions, uint8 *seen)
{
	WordEntryPos *places = POSDATAPTR(vector, entry);
	uint32	   *positions;

	term->lexeme = STRPTR(vector) + entry->pos;
	term->len = entry->len;
	term->hash = gv_bm25_hash_lexeme(term->lexeme, term->len);
	term->tf = POSDATALEN(vector, entry);
	term->positions = NULL;
	for (uint32 i = 0; i < term->tf; i++)
		seen[WEP_GETPOS(places[i]) / 8] |= 1 << WEP_GETPOS(places[i]) % 8;
	if (term->tf == 0)
	{
		term->tf = 1;
		return;
	}
	if (!with_positions)
		return;
	positions = palloc(term->tf * sizeof(uint32));
	for (uint32 i = 0; i < term->tf; i++)
		positions[i] = WEP_GETPOS(places[i]);
	term->positions = positions;
}

/*
 * gv_bm25_document_of_tsvector
 *		Make a document of a tsvector, in the current memory context.
 *
 * Its lexemes are in the value, which may have been detoasted there.  A lexeme
 * without positions has none in the document either: no phrase has it.
 */
const GvBm25Document *
gv_bm25_document_of_tsvector(Datum value, bool with_positions)
{
	TSVector	vector = DatumGetTSVector(value);
	WordEntry  *entries = ARRPTR(vector);
	GvBm25Document *document = palloc0(sizeof(GvBm25Document));
	uint8		seen[POSITION_BYTES] = {0};

	document->terms = palloc_extended(Max(vector->size, 1) * sizeof(GvBm25Term), MCXT_ALLOC_HUGE);
	for (int i = 0; i < vector->size; i++)
	{
		WordEntry  *entry = &entries[i];

		if (entry->len == 0 || entry->len > GV_BM25_MAX_LEXEME)
			continue;
		make_term(&document->terms[document->n_terms++], vector, entry, with_positions, seen);
		document->length += POSDATALEN(vector, entry) == 0;
	}
	document->length += (uint32) pg_popcount((const char *) seen, POSITION_BYTES);
	return document;
}
