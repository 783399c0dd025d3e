/*-------------------------------------------------------------------------
 *
 * query_tree.h
 *		How trees of lexemes are made.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_QUERY_TREE_H
#define GV_BM25_QUERY_TREE_H

#include "postgres.h"

#include "bm25/query.h"

extern GvBm25Node *gv_bm25_make_node(GvBm25NodeKind kind, GvBm25Occur occur, float weight);
extern GvBm25Node *gv_bm25_make_leaf(GvBm25NodeKind kind, float weight, const char *lexeme,
									 uint32 len);
extern void gv_bm25_add_child(GvBm25Node *group, GvBm25Node *child);
extern bool gv_bm25_finish_group(GvBm25Node *group);
extern GvBm25Node *gv_bm25_resolve_tsquery(const char *text, Size length, bool has_fields);

#endif							/* GV_BM25_QUERY_TREE_H */
