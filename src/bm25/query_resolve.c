/*-------------------------------------------------------------------------
 *
 * query_resolve.c
 *		From a query's words to a tree of lexemes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

#include "base/compat.h"
#include "bm25/bigram.h"
#include "bm25/query_parse.h"
#include "bm25/query_tree.h"

/* The lexemes of a piece of text */
typedef struct Lexemes
{
	GvBm25Token *tokens;
	int			n;
	int			max;
} Lexemes;

/* A child with its place, to find equal ones */
typedef struct Placed
{
	GvBm25Node *node;
	int			place;
} Placed;

/*
 * gv_bm25_make_node
 *		Make a node that has no lexeme and no child yet.
 */
GvBm25Node *
gv_bm25_make_node(GvBm25NodeKind kind, GvBm25Occur occur, float weight)
{
	GvBm25Node *node = palloc0(sizeof(GvBm25Node));

	node->kind = kind;
	node->occur = occur;
	node->weight = weight;
	return node;
}

/*
 * gv_bm25_make_leaf
 *		Make a node of a lexeme, which is copied.
 */
GvBm25Node *
gv_bm25_make_leaf(GvBm25NodeKind kind, float weight, const char *lexeme, uint32 len)
{
	GvBm25Node *node = gv_bm25_make_node(kind, GV_BM25_OPTIONAL, weight);

	node->lexeme = pnstrdup(lexeme, len);
	node->len = len;
	node->hash = gv_bm25_hash_lexeme(lexeme, len);
	return node;
}

/*
 * gv_bm25_add_child
 *		Add a child to a group.
 */
void
gv_bm25_add_child(GvBm25Node *group, GvBm25Node *child)
{
	/* doubled whenever it is a power of two */
	if (group->n_children == 0)
		group->children = palloc(sizeof(GvBm25Node *));
	else if ((group->n_children & (group->n_children - 1)) == 0)
		group->children = repalloc_huge(group->children,
										sizeof(GvBm25Node *) * 2 * group->n_children);
	group->children[group->n_children++] = child;
}

static void
collect_token(void *arg, const GvBm25Token *token)
{
	Lexemes    *lexemes = arg;

	if (lexemes->n == lexemes->max)
	{
		lexemes->max = Max(16, lexemes->max * 2);
		lexemes->tokens = lexemes->tokens ?
			repalloc_huge(lexemes->tokens, sizeof(GvBm25Token) * lexemes->max) :
			palloc(sizeof(GvBm25Token) * lexemes->max);
	}
	lexemes->tokens[lexemes->n] = *token;
	lexemes->tokens[lexemes->n].lexeme = pnstrdup(token->lexeme, token->len);
	lexemes->n++;
}

/*
 * Does a lexeme stand for all that begin so?  A character of an unspaced script
 * that stands alone does, where documents have pairs of them.
 */
static bool
is_partial(GvBm25Tokenizer *tokenizer, const GvBm25Token *token)
{
	const unsigned char *s = (const unsigned char *) token->lexeme;

	if (token->partial)
		return true;
	return (gv_bm25_tokenizer_flags(tokenizer) & GV_BM25_TOKENS_CJK_BIGRAM) &&
		pg_utf_mblen(s) == (int) token->len && gv_bm25_is_unspaced(utf8_to_unicode(s));
}

/* Make lexemes those of a field; leave out what is too long for that */
static void
mark_lexemes(Lexemes *lexemes, int field)
{
	int			n = 0;

	for (int i = 0; i < lexemes->n; i++)
	{
		GvBm25Token token = lexemes->tokens[i];
		char	   *marked = palloc(token.len + 1);

		if (token.len >= GV_BM25_MAX_LEXEME)
			continue;
		marked[0] = (char) field;
		memcpy(marked + 1, token.lexeme, token.len);
		token.lexeme = marked;
		token.len++;
		token.hash = gv_bm25_hash_lexeme(token.lexeme, token.len);
		lexemes->tokens[n++] = token;
	}
	lexemes->n = n;
}

/* The lexemes of a clause's text; partial: whether they stand for all that begin so */
static void
get_lexemes(GvBm25Tokenizer *tokenizer, const GvBm25Clause *clause, Lexemes *lexemes)
{
	memset(lexemes, 0, sizeof(Lexemes));
	gv_bm25_tokenizer_scan(tokenizer, clause->text, clause->len, collect_token, lexemes);
	for (int i = 0; i < lexemes->n; i++)
		lexemes->tokens[i].partial = is_partial(tokenizer, &lexemes->tokens[i]);
	if (clause->field > 0)
		mark_lexemes(lexemes, clause->field);
}

static GvBm25Node *
make_term(const GvBm25Token *token, int field, float weight)
{
	GvBm25Node *leaf = gv_bm25_make_leaf(token->partial ? GV_BM25_PREFIX : GV_BM25_TERM, weight,
										 token->lexeme, token->len);

	leaf->field = field;
	return leaf;
}

/* Words that are optional: each of their lexemes is */
static void
add_words(GvBm25Tokenizer *tokenizer, const GvBm25Clause *clause, float weight, GvBm25Node *group)
{
	Lexemes		lexemes;

	get_lexemes(tokenizer, clause, &lexemes);
	for (int i = 0; i < lexemes.n; i++)
		gv_bm25_add_child(group, make_term(&lexemes.tokens[i], clause->field, weight));
}

/*
 * A word of which all must be there: each position of its lexemes, by any of
 * the lexemes there.  NULL if it has none.
 *
 * kind: TERM, or what each of the lexemes is instead
 */
static GvBm25Node *
resolve_word(GvBm25Tokenizer *tokenizer, const GvBm25Clause *clause, GvBm25NodeKind kind,
			 float weight)
{
	GvBm25Node *all = gv_bm25_make_node(GV_BM25_GROUP, GV_BM25_OPTIONAL, weight);
	Lexemes		lexemes;
	int			next;

	get_lexemes(tokenizer, clause, &lexemes);
	for (int i = 0; i < lexemes.n; i = next)
	{
		GvBm25Node *any = gv_bm25_make_node(GV_BM25_GROUP, GV_BM25_REQUIRED, weight);

		any->min_match = 1;
		for (next = i; next < lexemes.n; next++)
		{
			GvBm25Node *leaf;

			if (lexemes.tokens[next].position != lexemes.tokens[i].position)
				break;
			leaf = make_term(&lexemes.tokens[next], clause->field, weight);
			if (leaf->kind == GV_BM25_TERM)
				leaf->kind = kind;
			leaf->edits = kind == GV_BM25_FUZZY ? clause->number : 0;
			gv_bm25_add_child(any, leaf);
		}
		if (any->n_children == 1)
		{
			any = any->children[0];
			any->occur = GV_BM25_REQUIRED;
		}
		gv_bm25_add_child(all, any);
	}
	if (all->n_children == 0)
		return NULL;
	if (all->n_children > 1)
		return all;
	all->children[0]->occur = GV_BM25_OPTIONAL;
	return all->children[0];
}

/* A word with * that no dictionary knows, such as a stop word: take it as it is */
static GvBm25Node *
resolve_raw_prefix(GvBm25Tokenizer *tokenizer, const GvBm25Clause *clause, float weight)
{
	char	   *lower = str_tolower(clause->text, clause->len, DEFAULT_COLLATION_OID);
	GvBm25Token token = {lower, strlen(lower)};
	Lexemes		lexemes = {&token, 1, 1};

	if (token.len == 0 || token.len > GV_BM25_MAX_LEXEME ||
		(gv_bm25_tokenizer_fields(tokenizer)->n > 0 && gv_bm25_is_of_field(lower, token.len)))
		return NULL;
	token.partial = true;
	if (clause->field > 0)
		mark_lexemes(&lexemes, clause->field);
	return lexemes.n > 0 ? make_term(&token, clause->field, weight) : NULL;
}

/* A phrase; NULL if it has no lexemes, a term if it has one position */
static GvBm25Node *
resolve_phrase(GvBm25Tokenizer *tokenizer, const GvBm25Clause *clause, float weight)
{
	Lexemes		lexemes;
	GvBm25Node *node;

	get_lexemes(tokenizer, clause, &lexemes);
	if (lexemes.n == 0)
		return NULL;
	if (lexemes.tokens[0].position == lexemes.tokens[lexemes.n - 1].position)
		return resolve_word(tokenizer, clause, GV_BM25_TERM, weight);
	node = gv_bm25_make_node(GV_BM25_PHRASE, GV_BM25_OPTIONAL, weight);
	node->field = clause->field;
	node->slop = clause->number;
	node->n_terms = lexemes.n;
	node->terms = palloc0(sizeof(GvBm25PhraseTerm) * lexemes.n);
	for (int i = 0; i < lexemes.n; i++)
	{
		GvBm25Token *token = &lexemes.tokens[i];

		node->terms[i].lexeme = token->lexeme;
		node->terms[i].len = token->len;
		node->terms[i].hash = token->hash;
		node->terms[i].offset = token->position - lexemes.tokens[0].position;
		node->terms[i].partial = token->partial;
	}
	return node;
}

static GvBm25Node *resolve_group(GvBm25Tokenizer *tokenizer, const GvBm25Clause *clause,
								 float weight);

/* A clause as one node; NULL if no lexeme is left of it */
static GvBm25Node *
resolve_clause(GvBm25Tokenizer *tokenizer, const GvBm25Clause *clause, float weight)
{
	GvBm25Node *node = NULL;

	switch (clause->kind)
	{
		case GV_BM25_CLAUSE_TEXT:
			node = resolve_word(tokenizer, clause, GV_BM25_TERM, weight);
			break;
		case GV_BM25_CLAUSE_PREFIX:
			node = resolve_word(tokenizer, clause, GV_BM25_PREFIX, weight);
			if (node == NULL)
				node = resolve_raw_prefix(tokenizer, clause, weight);
			break;
		case GV_BM25_CLAUSE_FUZZY:
			node = resolve_word(tokenizer, clause, GV_BM25_FUZZY, weight);
			break;
		case GV_BM25_CLAUSE_PHRASE:
			node = resolve_phrase(tokenizer, clause, weight);
			break;
		case GV_BM25_CLAUSE_GROUP:
			node = resolve_group(tokenizer, clause, weight);
			break;
	}
	return node;
}

/* Order of equal leaves: by lexeme, then by place */
static int
compare_placed(const void *a, const void *b)
{
	const Placed *x = a;
	const Placed *y = b;
	int			order;

	if (x->node->kind != y->node->kind)
		return x->node->kind < y->node->kind ? -1 : 1;
	if (x->node->hash != y->node->hash)
		return x->node->hash < y->node->hash ? -1 : 1;
	if (x->node->len != y->node->len)
		return x->node->len < y->node->len ? -1 : 1;
	order = memcmp(x->node->lexeme, y->node->lexeme, x->node->len);
	return order != 0 ? order : x->place - y->place;
}

static bool
same_leaf(const GvBm25Node *a, const GvBm25Node *b)
{
	return a->kind == b->kind && a->hash == b->hash && a->len == b->len &&
		memcmp(a->lexeme, b->lexeme, a->len) == 0;
}

/*
 * Make one of equal terms or prefixes that are optional: a word that is there
 * twice counts twice.
 */
static void
merge_leaves(GvBm25Node *group)
{
	Placed	   *leaves = palloc_extended(sizeof(Placed) * Max(group->n_children, 1),
										 MCXT_ALLOC_HUGE);
	int			n = 0;
	int			n_left = 0;

	for (int i = 0; i < group->n_children; i++)
	{
		GvBm25Node *child = group->children[i];

		if (child->occur != GV_BM25_OPTIONAL ||
			(child->kind != GV_BM25_TERM && child->kind != GV_BM25_PREFIX))
			continue;
		leaves[n].node = child;
		leaves[n++].place = i;
	}
	qsort(leaves, n, sizeof(Placed), compare_placed);
	for (int first = 0, i = 1; i < n; i++)
	{
		if (!same_leaf(leaves[first].node, leaves[i].node))
		{
			first = i;
			continue;
		}
		leaves[first].node->weight += leaves[i].node->weight;
		group->children[leaves[i].place] = NULL;
	}
	for (int i = 0; i < group->n_children; i++)
	{
		if (group->children[i] != NULL)
			group->children[n_left++] = group->children[i];
	}
	group->n_children = n_left;
	pfree(leaves);
}

/*
 * gv_bm25_finish_group
 *		Put a group in order: groups within it that say no more than it does
 *		itself are dissolved, equal leaves become one, min_match is what can be.
 *
 * Returns false if nothing can match it: it has only excluded children, or none.
 */
bool
gv_bm25_finish_group(GvBm25Node *group)
{
	GvBm25Node **children = group->children;
	int			n_children = group->n_children;
	int			n_required = 0;
	int			n_optional = 0;

	if (group->min_match <= 1)
	{
		group->children = NULL;
		group->n_children = 0;
		for (int i = 0; i < n_children; i++)
		{
			GvBm25Node *child = children[i];
			bool		dissolve = child->kind == GV_BM25_GROUP &&
				child->occur == GV_BM25_OPTIONAL && child->min_match == 1;

			for (int j = 0; dissolve && j < child->n_children; j++)
				dissolve = child->children[j]->occur == GV_BM25_OPTIONAL;
			if (!dissolve)
				gv_bm25_add_child(group, child);
			for (int j = 0; dissolve && j < child->n_children; j++)
				gv_bm25_add_child(group, child->children[j]);
		}
	}
	merge_leaves(group);
	for (int i = 0; i < group->n_children; i++)
	{
		n_required += group->children[i]->occur == GV_BM25_REQUIRED;
		n_optional += group->children[i]->occur == GV_BM25_OPTIONAL;
	}
	if (group->min_match == 0 && n_required == 0)
		group->min_match = 1;
	group->min_match = Min(group->min_match, n_optional);
	return n_required + n_optional > 0;
}

/* A group; NULL if nothing can match it */
static GvBm25Node *
resolve_group(GvBm25Tokenizer *tokenizer, const GvBm25Clause *clause, float weight)
{
	GvBm25Node *group = gv_bm25_make_node(GV_BM25_GROUP, GV_BM25_OPTIONAL, weight);
	ListCell   *cell;

	check_stack_depth();
	foreach(cell, clause->clauses)
	{
		GvBm25Clause *part = lfirst(cell);
		float		part_weight = weight * part->boost;
		GvBm25Node *node;

		CHECK_FOR_INTERRUPTS();
		if (part->kind == GV_BM25_CLAUSE_TEXT && part->occur == GV_BM25_OPTIONAL)
		{
			add_words(tokenizer, part, part_weight, group);
			continue;
		}
		node = resolve_clause(tokenizer, part, part_weight);
		if (node == NULL)
			continue;
		node->occur = part->occur;
		gv_bm25_add_child(group, node);
	}
	group->min_match = clause->number;
	return gv_bm25_finish_group(group) ? group : NULL;
}

/* Does a tree have a phrase? */
static bool
has_phrase(const GvBm25Node *node)
{
	check_stack_depth();
	if (node->kind == GV_BM25_PHRASE)
		return true;
	for (int i = 0; i < node->n_children; i++)
	{
		if (has_phrase(node->children[i]))
			return true;
	}
	return false;
}

/*
 * gv_bm25_query_resolve
 *		Make a tree of a query's words, by the tokenizer's configuration, in the
 *		current memory context.
 *
 * Raises an error for a tsquery that cannot be searched for.
 */
GvBm25QueryTree *
gv_bm25_query_resolve(GvBm25Query query, GvBm25Tokenizer *tokenizer)
{
	GvBm25QueryTree *tree = palloc0(sizeof(GvBm25QueryTree));
	const GvBm25Fields *fields = gv_bm25_tokenizer_fields(tokenizer);
	const char *text = query->text;
	Size		length = VARSIZE(query) - offsetof(GvBm25QueryData, text);
	GvBm25Node *root;

	switch ((GvBm25QuerySyntax) query->syntax)
	{
		case GV_BM25_SYNTAX_TSQUERY:
			root = gv_bm25_resolve_tsquery(text, length, fields->n > 0);
			break;
		case GV_BM25_SYNTAX_PLAIN:
			{
				GvBm25Clause clause = {GV_BM25_CLAUSE_TEXT, GV_BM25_OPTIONAL, 1, .text = text,
				.len = length};

				root = gv_bm25_make_node(GV_BM25_GROUP, GV_BM25_OPTIONAL, 1);
				add_words(tokenizer, &clause, 1, root);
				if (!gv_bm25_finish_group(root))
					root = NULL;
				break;
			}
		default:
			root = resolve_group(tokenizer,
								 gv_bm25_query_parse(text, length, fields, false), 1);
			break;
	}
	if (root == NULL || root->kind != GV_BM25_GROUP)
	{
		tree->root = gv_bm25_make_node(GV_BM25_GROUP, GV_BM25_OPTIONAL, 1);
		if (root)
		{
			gv_bm25_add_child(tree->root, root);
			tree->root->min_match = 1;
		}
	}
	else
		tree->root = root;
	tree->is_flat = tree->root->min_match == 1;
	tree->field = tree->root->n_children > 0 ? tree->root->children[0]->field : 0;
	for (int i = 0; i < tree->root->n_children; i++)
		tree->is_flat &= tree->root->children[i]->kind == GV_BM25_TERM &&
			tree->root->children[i]->field == tree->field &&
			tree->root->children[i]->occur == GV_BM25_OPTIONAL;
	tree->needs_positions = has_phrase(tree->root);
	return tree;
}
