/*-------------------------------------------------------------------------
 *
 * query_parse.c
 *		The query language, before words become lexemes.
 *
 * Queries are typed, or pasted, by people who do not know the language.  So
 * whatever is not an operator in the right place is text, unless the caller
 * wants to hear of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "base/compat.h"
#include "bm25/query_parse.h"

/* Characters of a number in a query */
#define MAX_NUMBER 12

typedef struct Parser
{
	const char *text;
	Size		length;
	const GvBm25Fields *fields;
	bool		strict;
	Size		at;				/* byte that is read next */
	int			field;			/* of the group that is being read */
	int			depth;			/* of groups around it */

	/* of each byte that opens a group or phrase, the byte that closes it; else 0 */
	uint32	   *closed_by;
	bool	   *closes;			/* of each byte: does it close a group? */
} Parser;

static GvBm25Clause *parse_group(Parser *parser, Size end);

/* Raise a syntax error at a byte, if the caller wants to hear of it */
static void
complain(Parser *parser, Size at, const char *detail)
{
	if (!parser->strict)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("syntax error in bm25query: \"%.*s\"",
					pg_mbcliplen(parser->text, (int) parser->length, 200), parser->text),
			 errdetail("At character %d: %s.",
					   pg_mbstrlen_with_len(parser->text, (int) at) + 1, detail)));
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

/* Does a byte begin a clause, but for a sign before it? */
static bool
begins_unnamed_clause(const Parser *parser, Size at)
{
	const char *text = parser->text;

	if (at > 0 && (text[at - 1] == '+' || text[at - 1] == '-'))
		at--;
	return at == 0 || is_blank(text[at - 1]) || text[at - 1] == '(';
}

/* The field, from 1, whose name and colon are the bytes from one to another; 0: none */
static int
find_field(const Parser *parser, Size start, Size end)
{
	for (uint32 i = 0; i < parser->fields->n; i++)
	{
		Size		len = strlen(parser->fields->name[i]);

		if (end - start == len + 1 && parser->text[end - 1] == ':' &&
			memcmp(parser->text + start, parser->fields->name[i], len) == 0)
			return i + 1;
	}
	return 0;
}

/* The same of those that end before a byte */
static Size
find_field_before(const Parser *parser, Size at)
{
	for (uint32 i = 0; i < parser->fields->n; i++)
	{
		Size		size = strlen(parser->fields->name[i]) + 1;

		if (at >= size && find_field(parser, at - size, at) > 0 &&
			begins_unnamed_clause(parser, at - size))
			return size;
	}
	return 0;
}

/* Does a byte begin a clause, but for a sign and the name of a field before it? */
static bool
begins_clause(const Parser *parser, Size at)
{
	return begins_unnamed_clause(parser, at - find_field_before(parser, at));
}

/*
 * Find out which bytes open and close phrases and groups.
 *
 * A parenthesis within a word, as in f(x), does not open a group, but takes the
 * closing one that belongs to it.
 */
static void
match_brackets(Parser *parser)
{
	Size	   *open = palloc(sizeof(Size) * GV_BM25_MAX_DEPTH);
	bool	   *is_group = palloc(sizeof(bool) * GV_BM25_MAX_DEPTH);
	Size		n_open = 0;
	Size		n_beyond = 0;	/* too deep to be kept */

	for (Size i = 0; i < parser->length; i++)
	{
		char		c = parser->text[i];

		if (c == '"' && begins_clause(parser, i))
		{
			const char *end = memchr(parser->text + i + 1, '"', parser->length - i - 1);

			if (end == NULL)
			{
				complain(parser, i, "the phrase is not closed");
				continue;
			}
			parser->closed_by[i] = end - parser->text;
			i = end - parser->text;
		}
		else if (c == '"')
			complain(parser, i, "a quotation mark within a word");
		else if (c == '(' && n_open == GV_BM25_MAX_DEPTH)
		{
			complain(parser, i, "groups are nested too deeply");
			n_beyond++;
		}
		else if (c == '(')
		{
			open[n_open] = i;
			is_group[n_open++] = begins_clause(parser, i);
		}
		else if (c == ')' && n_beyond > 0)
			n_beyond--;
		else if (c == ')' && n_open == 0)
			complain(parser, i, "nothing is open that the parenthesis could close");
		else if (c == ')' && is_group[--n_open])
		{
			parser->closed_by[open[n_open]] = i;
			parser->closes[i] = true;
		}
	}
	while (n_open > 0)
		complain(parser, open[--n_open], "the parenthesis is not closed");
	pfree(open);
	pfree(is_group);
}

/* Read digits, and decimals if allowed; false if none are there or too many */
static bool
read_number(const char *text, Size length, bool decimals, double *number, Size *n_read)
{
	char		copy[MAX_NUMBER + 1];
	Size		n = 0;
	bool		digits = false;
	bool		point = false;

	while (n < length && n < MAX_NUMBER &&
		   ((text[n] >= '0' && text[n] <= '9') || (decimals && !point && text[n] == '.')))
	{
		digits |= text[n] != '.';
		point |= text[n] == '.';
		copy[n] = text[n];
		n++;
	}
	if (!digits)
		return false;
	copy[n] = '\0';
	*number = strtod(copy, NULL);
	*n_read = n;
	return true;
}

/* Does a clause end before this byte? */
static bool
ends_clause(const Parser *parser, Size at)
{
	return at >= parser->length || is_blank(parser->text[at]) || parser->closes[at];
}

/*
 * Read what may follow a clause: ~number and ^boost, in this order.  Returns
 * the bytes read, 0 if what is there does not end the clause.
 *
 * default_number: for ~ without one, or 0 if it needs one
 */
static Size
read_suffix(Parser *parser, Size start, int default_number, int max_number,
			GvBm25Clause *clause)
{
	Size		at = start;
	double		number;
	Size		n;

	if (at < parser->length && parser->text[at] == '~' && max_number > 0)
	{
		at++;
		if (read_number(parser->text + at, parser->length - at, false, &number, &n))
		{
			if (number > max_number)
				return 0;
			clause->number = (int) number;
			at += n;
		}
		else if (default_number > 0)
			clause->number = default_number;
		else
			return 0;
	}
	if (at < parser->length && parser->text[at] == '^')
	{
		at++;
		if (!read_number(parser->text + at, parser->length - at, true, &number, &n) ||
			number < 1 / GV_BM25_MAX_BOOST || number > GV_BM25_MAX_BOOST)
			return 0;
		clause->boost = (float) number;
		at += n;
	}
	return ends_clause(parser, at) ? at - start : 0;
}

static GvBm25Clause *
make_clause(GvBm25ClauseKind kind)
{
	GvBm25Clause *clause = palloc0(sizeof(GvBm25Clause));

	clause->kind = kind;
	clause->boost = 1;
	return clause;
}

/* Take a suffix after a phrase or group that is closed */
static void
take_suffix(Parser *parser, int max_number, GvBm25Clause *clause)
{
	Size		n;

	if (ends_clause(parser, parser->at))
		return;
	n = read_suffix(parser, parser->at, 0, max_number, clause);
	if (n == 0)
	{
		complain(parser, parser->at, "expected a blank, ~number or ^boost");
		clause->number = 0;
		clause->boost = 1;
	}
	parser->at += n;
}

/* Read a word; what is no operator in it is text */
static GvBm25Clause *
parse_word(Parser *parser)
{
	GvBm25Clause *clause = make_clause(GV_BM25_CLAUSE_TEXT);
	Size		start = parser->at;
	Size		end = start;

	/* parentheses that open nothing */
	while (end < parser->length && parser->text[end] == '(' && parser->closed_by[end] == 0)
		end++;
	start = end;
	while (!ends_clause(parser, end) && parser->closed_by[end] == 0)
		end++;
	parser->at = end;
	clause->text = parser->text + start;
	clause->len = end - start;
	/* the first operator whose numbers reach to the end of the word */
	for (Size i = start + 1; i < end; i++)
	{
		char		c = parser->text[i];

		if (c == '*' && (i + 1 == end || parser->text[i + 1] == '^'))
		{
			if (i + 1 < end && read_suffix(parser, i + 1, 0, 0, clause) == 0)
				continue;
			clause->kind = GV_BM25_CLAUSE_PREFIX;
		}
		else if (c == '~')
		{
			if (read_suffix(parser, i, GV_BM25_MAX_EDITS, GV_BM25_MAX_EDITS, clause) == 0)
				continue;
			if (clause->number > 0)
				clause->kind = GV_BM25_CLAUSE_FUZZY;
		}
		else if (c == '^')
		{
			if (read_suffix(parser, i, 0, 0, clause) == 0)
				continue;
		}
		else
			continue;
		clause->len = i - start;
		return clause;
	}
	clause->boost = 1;
	clause->number = 0;
	for (Size i = start; i < end; i++)
	{
		if (parser->text[i] == '*' || parser->text[i] == '~' || parser->text[i] == '^')
			complain(parser, i, "*, ~edits (at most 2) and ^boost stand at the end of a word");
	}
	return clause;
}

/* Read + or -, if it is an operator here */
static GvBm25Occur
parse_occur(Parser *parser, Size end)
{
	char		c = parser->text[parser->at];
	Size		next = parser->at + 1;

	if ((c != '+' && c != '-') || !begins_clause(parser, parser->at))
		return GV_BM25_OPTIONAL;
	/* the sign of a number */
	if (next < end && parser->text[next] >= '0' && parser->text[next] <= '9')
		return GV_BM25_OPTIONAL;
	if (next >= end || is_blank(parser->text[next]) || parser->closes[next] ||
		parser->text[next] == '+' || parser->text[next] == '-')
	{
		complain(parser, parser->at, "nothing follows the operator");
		return GV_BM25_OPTIONAL;
	}
	parser->at++;
	return c == '+' ? GV_BM25_REQUIRED : GV_BM25_EXCLUDED;
}

/* Read the name of a field and a colon, if a word, phrase or group follows */
static int
parse_field(Parser *parser, Size end)
{
	const char *colon = memchr(parser->text + parser->at, ':',
							   Min(end - parser->at, GV_BM25_FIELD_NAME_SIZE));
	Size		next;
	int			field;

	if (colon == NULL || !begins_unnamed_clause(parser, parser->at))
		return parser->field;
	next = colon + 1 - parser->text;
	field = find_field(parser, parser->at, next);
	if (field == 0)
		return parser->field;
	if (next >= end || is_blank(parser->text[next]) || parser->closes[next])
	{
		complain(parser, parser->at, "nothing follows the name of the field");
		return parser->field;
	}
	parser->at = next;
	return field;
}

/* Read a phrase, a group or a word */
static GvBm25Clause *
parse_clause(Parser *parser, Size end)
{
	GvBm25Occur occur = parse_occur(parser, end);
	Size		name = parser->at;
	int			field = parse_field(parser, end);
	Size		start = parser->at;
	Size		closed_by = parser->closed_by[start];
	GvBm25Clause *clause;

	if (closed_by > 0 && parser->text[start] == '"')
	{
		clause = make_clause(GV_BM25_CLAUSE_PHRASE);
		clause->text = parser->text + start + 1;
		clause->len = closed_by - start - 1;
		parser->at = closed_by + 1;
		take_suffix(parser, GV_BM25_MAX_SLOP, clause);
	}
	else if (closed_by > 0)
	{
		int			outer = parser->field;

		parser->at = start + 1;
		parser->field = field;
		clause = parse_group(parser, closed_by);
		parser->field = outer;
		parser->at = closed_by + 1;
		take_suffix(parser, GV_BM25_MAX_MIN_MATCH, clause);
	}
	else
		clause = parse_word(parser);
	clause->occur = occur;
	clause->field = field;
	clause->is_named = start > name;
	return clause;
}

/* Is a clause text without any operator? */
static bool
is_plain(const GvBm25Clause *clause)
{
	return clause->kind == GV_BM25_CLAUSE_TEXT && clause->occur == GV_BM25_OPTIONAL &&
		clause->boost == 1;
}

/* Read clauses up to a byte */
static GvBm25Clause *
parse_group(Parser *parser, Size end)
{
	GvBm25Clause *group = make_clause(GV_BM25_CLAUSE_GROUP);
	GvBm25Clause *last = NULL;

	while (parser->at < end)
	{
		GvBm25Clause *clause;

		CHECK_FOR_INTERRUPTS();
		if (is_blank(parser->text[parser->at]) || parser->closes[parser->at])
		{
			parser->at++;
			continue;
		}
		clause = parse_clause(parser, end);
		/* words go to the dictionaries together: some know several at once */
		if (last && is_plain(last) && is_plain(clause) && !clause->is_named &&
			last->field == clause->field)
		{
			last->len = clause->text + clause->len - last->text;
			continue;
		}
		group->clauses = lappend(group->clauses, clause);
		last = clause;
	}
	return group;
}

/*
 * gv_bm25_query_parse
 *		Read a query; returns its clauses as a group.
 *
 * fields: that can be named in it
 * strict: raise a syntax error for what looks like an operator and is none.
 * Clauses point into the text.
 */
GvBm25Clause *
gv_bm25_query_parse(const char *text, Size length, const GvBm25Fields *fields, bool strict)
{
	Parser		parser = {0};
	GvBm25Clause *group;

	parser.text = text;
	parser.length = length;
	parser.fields = fields;
	parser.strict = strict;
	parser.closed_by = palloc0(sizeof(uint32) * (length + 1));
	parser.closes = palloc0(sizeof(bool) * (length + 1));
	match_brackets(&parser);
	group = parse_group(&parser, length);
	pfree(parser.closed_by);
	pfree(parser.closes);
	return group;
}
