/*-------------------------------------------------------------------------
 *
 * options.h
 *		Settings and storage parameters of bm25 indexes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef GV_BM25_OPTIONS_H
#define GV_BM25_OPTIONS_H

#include "postgres.h"

#include "utils/rel.h"

#include "bm25/tokens.h"

#define GV_BM25_DEFAULT_K1 1.2
#define GV_BM25_DEFAULT_B 0.75

/* Storage parameters of an index; NULL stands for the defaults */
typedef struct GvBm25Options GvBm25Options;

extern bool gv_bm25_pruning;

extern void gv_bm25_define_settings(void);
extern bytea *gv_bm25_reloptions(Datum reloptions, bool validate);
extern const char *gv_bm25_options_text_config(const GvBm25Options *options);
extern void gv_bm25_options_boosts(const GvBm25Options *options, uint8 *boosts);
extern void gv_bm25_options_fields(const GvBm25Options *options, GvBm25Fields *fields);
extern double gv_bm25_options_k1(const GvBm25Options *options);
extern double gv_bm25_options_b(const GvBm25Options *options);
extern bool gv_bm25_options_exact_length(const GvBm25Options *options);
extern bool gv_bm25_options_cjk_bigram(const GvBm25Options *options);
extern bool gv_bm25_options_positions(const GvBm25Options *options);

#endif							/* GV_BM25_OPTIONS_H */
