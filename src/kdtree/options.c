/*-------------------------------------------------------------------------
 *
 * options.c
 *		Storage parameters of kdtree indexes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/reloptions.h"

#include "kdtree/options.h"

typedef struct GvKdtreeOptions
{
	int32		vl_len_;		/* varlena header */
	int			fill_factor;
} GvKdtreeOptions;

static relopt_kind relation_options;

/*
 * gv_kdtree_define_settings
 *		Define the storage parameters; called once.
 */
void
gv_kdtree_define_settings(void)
{
	relation_options = add_reloption_kind();
	add_int_reloption(relation_options, "fillfactor",
					  "How full a build leaves pages, in percent",
					  GV_KDTREE_DEFAULT_FILL_FACTOR, GV_KDTREE_MIN_FILL_FACTOR,
					  GV_KDTREE_MAX_FILL_FACTOR, ShareUpdateExclusiveLock);
}

/*
 * gv_kdtree_reloptions
 *		Parse the storage parameters of an index.
 */
bytea *
gv_kdtree_reloptions(Datum reloptions, bool validate)
{
	static const relopt_parse_elt elements[] = {
		{"fillfactor", RELOPT_TYPE_INT, offsetof(GvKdtreeOptions, fill_factor)},
	};

	return (bytea *) build_reloptions(reloptions, validate, relation_options,
									  sizeof(GvKdtreeOptions), elements, lengthof(elements));
}

/*
 * gv_kdtree_options_fill_factor
 *		How full a build leaves pages, in percent.
 *
 * options: parsed, or NULL
 */
int
gv_kdtree_options_fill_factor(const bytea *options)
{
	return options ? ((const GvKdtreeOptions *) options)->fill_factor :
		GV_KDTREE_DEFAULT_FILL_FACTOR;
}
