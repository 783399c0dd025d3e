/*-------------------------------------------------------------------------
 *
 * query_tsquery.c
 *		A tsquery as a tree of lexemes.
 *
 * Its operands are lexemes already.  What an index cannot find, or would find
 * in another sense, is refused: weights, negation beside nothing that must be
 * there, and operators other than | within a phrase.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "tsearch/ts_type.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "bm25/query_tree.h"

/* Lexemes of a phrase in the making */
typedef struct Phrase
{
	GvBm25PhraseTerm *terms;
	int			n;
	int			max;
} Phrase;

static GvBm25Node *resolve_item(QueryItem *item, const char *operands);

pg_noreturn static void
refuse(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("tsquery cannot be searched for by a bm25 index"),
			 errdetail("%s", detail)));
}

/* The operands of an operator; a negation has only the right one */
static QueryItem *
left_of(QueryItem *item)
{
	return item + item->qoperator.left;
}

static QueryItem *
right_of(QueryItem *item)
{
	return item + 1;
}

static bool
is_operator(const QueryItem *item, int8 oper)
{
	return item->type == QI_OPR && item->qoperator.oper == oper;
}

/* Refuse an operand with weights */
static void
check_operand(const QueryItem *item)
{
	if (item->qoperand.weight != 0)
		refuse("Lexemes have no weights there.");
}

/* Add an operand of & to a group, what & joins within it too */
static void
add_operand(GvBm25Node *group, QueryItem *item, const char *operands)
{
	GvBm25Node *child;

	check_stack_depth();
	if (is_operator(item, OP_AND))
	{
		add_operand(group, left_of(item), operands);
		add_operand(group, right_of(item), operands);
		return;
	}
	if (is_operator(item, OP_NOT))
	{
		child = resolve_item(right_of(item), operands);
		child->occur = GV_BM25_EXCLUDED;
	}
	else
	{
		child = resolve_item(item, operands);
		child->occur = GV_BM25_REQUIRED;
	}
	gv_bm25_add_child(group, child);
}

/*
 * Add what stands at a place of a phrase; returns how many positions after its
 * first its last one is.
 */
static uint32
add_place(Phrase *phrase, QueryItem *item, const char *operands, uint32 offset)
{
	GvBm25PhraseTerm *term;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (item->type == QI_OPR)
	{
		uint32		left;
		uint32		right;

		if (item->qoperator.oper == OP_PHRASE)
		{
			if (item->qoperator.distance == 0)
				refuse("Two lexemes at one position cannot be asked for.");
			left = add_place(phrase, left_of(item), operands, offset) + item->qoperator.distance;
			return left + add_place(phrase, right_of(item), operands, offset + left);
		}
		if (item->qoperator.oper != OP_OR)
			refuse("Within a phrase there can be lexemes, and | between them.");
		left = add_place(phrase, left_of(item), operands, offset);
		right = add_place(phrase, right_of(item), operands, offset);
		if (left != 0 || right != 0)
			refuse("Within a phrase there can be lexemes, and | between them.");
		return 0;
	}
	check_operand(item);
	if (phrase->n == phrase->max)
	{
		phrase->max = Max(8, phrase->max * 2);
		phrase->terms = phrase->terms ?
			repalloc(phrase->terms, sizeof(GvBm25PhraseTerm) * phrase->max) :
			palloc(sizeof(GvBm25PhraseTerm) * phrase->max);
	}
	term = &phrase->terms[phrase->n++];
	memset(term, 0, sizeof(GvBm25PhraseTerm));
	term->lexeme = pnstrdup(operands + item->qoperand.distance, item->qoperand.length);
	term->len = item->qoperand.length;
	term->offset = offset;
	term->hash = gv_bm25_hash_lexeme(term->lexeme, term->len);
	term->partial = item->qoperand.prefix;
	return 0;
}

/* A phrase; its places were added from left to right, so offsets ascend */
static GvBm25Node *
resolve_phrase(QueryItem *item, const char *operands)
{
	GvBm25Node *node = gv_bm25_make_node(GV_BM25_PHRASE, GV_BM25_OPTIONAL, 1);
	Phrase		phrase = {0};

	(void) add_place(&phrase, item, operands, 0);
	node->terms = phrase.terms;
	node->n_terms = phrase.n;
	return node;
}

/* An operator or operand as a node */
static GvBm25Node *
resolve_item(QueryItem *item, const char *operands)
{
	GvBm25Node *group;

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (item->type == QI_VAL)
	{
		check_operand(item);
		return gv_bm25_make_leaf(item->qoperand.prefix ? GV_BM25_PREFIX : GV_BM25_TERM, 1,
								 operands + item->qoperand.distance, item->qoperand.length);
	}
	if (item->qoperator.oper == OP_PHRASE)
		return resolve_phrase(item, operands);
	group = gv_bm25_make_node(GV_BM25_GROUP, GV_BM25_OPTIONAL, 1);
	if (item->qoperator.oper == OP_NOT)
		add_operand(group, item, operands);
	else if (item->qoperator.oper == OP_AND)
		add_operand(group, item, operands);
	else
	{
		group->min_match = 1;
		gv_bm25_add_child(group, resolve_item(left_of(item), operands));
		gv_bm25_add_child(group, resolve_item(right_of(item), operands));
	}
	if (!gv_bm25_finish_group(group))
		refuse("A negation must stand beside something that is to be there, joined with &.");
	return group;
}

/*
 * gv_bm25_resolve_tsquery
 *		Make a tree of the text form of a tsquery; NULL if it is empty.
 *
 * has_fields: lexemes may not look like those of fields
 */
GvBm25Node *
gv_bm25_resolve_tsquery(const char *text, Size length, bool has_fields)
{
	char	   *copy = pnstrdup(text, length);
	TSQuery		query = DatumGetTSQuery(DirectFunctionCall1(tsqueryin, CStringGetDatum(copy)));

	if (query->size == 0)
		return NULL;
	for (int i = 0; has_fields && i < query->size; i++)
	{
		QueryItem  *item = GETQUERY(query) + i;

		if (item->type == QI_VAL &&
			gv_bm25_is_of_field(GETOPERAND(query) + item->qoperand.distance,
								item->qoperand.length))
			refuse("A lexeme begins with a control character.");
	}
	return resolve_item(GETQUERY(query), GETOPERAND(query));
}
