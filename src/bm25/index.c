/*-------------------------------------------------------------------------
 *
 * index.c
 *		An open index: its metapage, its pages by owner, its configuration.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/builtins.h"

#include "bm25/index.h"
#include "bm25/options.h"

/*
 * gv_bm25_report_corruption
 *		Raise the error for a page that does not hold what it must.
 */
void
gv_bm25_report_corruption(Relation rel, BlockNumber blkno, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INDEX_CORRUPTED),
			 errmsg("index \"%s\" contains a damaged page at block %u",
					RelationGetRelationName(rel), blkno),
			 errdetail("%s", detail),
			 errhint("Rebuild the index with REINDEX.")));
}

/* A hash of the name of the text search configuration, flags, filter columns, boosts, fields */
static uint32
hash_config(const GvBm25MetaPageData *meta)
{
	return hash_bytes_uint32(meta->flags) ^
		hash_bytes((const unsigned char *) meta->config,
				   GV_BM25_CONFIG_BYTES + sizeof(meta->filter_kind) + sizeof(meta->boost) +
				   sizeof(meta->fields));
}

/* Raise an error unless a metapage makes sense */
static void
check_meta(Relation rel, const GvBm25Index *index, const GvBm25MetaPageData *meta)
{
	const GvAmFilterColumns *filters = &index->filters;

	if (meta->magic != GV_BM25_MAGIC)
		gv_bm25_report_corruption(rel, GV_BM25_META_BLKNO, "It is not a metapage.");
	if (meta->version != GV_BM25_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" has version %u, this library reads version %d",
						RelationGetRelationName(rel), meta->version, GV_BM25_VERSION),
				 errhint("Rebuild the index with REINDEX.")));
	if (meta->n_segments > GV_BM25_MAX_SEGMENTS || meta->n_sealed > GV_BM25_MAX_SEALED)
		gv_bm25_report_corruption(rel, GV_BM25_META_BLKNO, "It names too many segments.");
	for (int i = 0; i < meta->n_sealed + GV_BM25_LANES; i++)
	{
		const GvBm25LaneData *lane = i < meta->n_sealed ? &meta->sealed[i] :
			&meta->lane[i - meta->n_sealed];

		/* who locks a lane's first page may have locked these already */
		if (lane->head <= GV_BM25_FREE_BLKNO)
			gv_bm25_report_corruption(rel, GV_BM25_META_BLKNO,
									  "The first page of a lane is not valid.");
	}
	if (memchr(meta->config, '\0', GV_BM25_CONFIG_BYTES) == NULL ||
		meta->config_hash != hash_config(meta))
		gv_bm25_report_corruption(rel, GV_BM25_META_BLKNO,
								  "The name of the text search configuration is not valid.");
	for (int i = 0; i < INDEX_MAX_KEYS; i++)
	{
		if (meta->filter_kind[i] !=
			(i < index->n_filters ? filters->column[i].kind : GV_AM_FILTER_NONE))
			gv_bm25_report_corruption(rel, GV_BM25_META_BLKNO,
									  "The metapage is of other filter columns.");
	}
}

/*
 * gv_bm25_read_meta
 *		Read the metapage of an open index anew.
 */
void
gv_bm25_read_meta(GvBm25Index *index)
{
	Buffer		buf = gv_am_read_buffer(index->hints, index->rel, GV_BM25_META_BLKNO);
	Page		page = BufferGetPage(buf);

	LockBuffer(buf, BUFFER_LOCK_SHARE);
	if (!gv_bm25_page_is(page, GV_BM25_PAGE_META))
		gv_bm25_report_corruption(index->rel, GV_BM25_META_BLKNO, "It is not a metapage.");
	memcpy(&index->meta, gv_am_page_content(page), sizeof(index->meta));
	UnlockReleaseBuffer(buf);
	check_meta(index->rel, index, &index->meta);
}

/* Describe the filter columns of an index */
static void
describe_filters(GvBm25Index *index)
{
	gv_am_filter_columns(&index->filters, index->rel);
	index->n_filters = index->filters.n;
}

/* Describe the lengths of fields, as columns after the filter columns */
static void
describe_fields(GvBm25Index *index)
{
	GvAmFilterColumns *columns = &index->filters;

	for (uint32 i = 0; i < index->meta.fields.n; i++)
	{
		GvAmFilterColumn *column = &columns->column[columns->n++];

		if (columns->packed_size == 0)
			columns->packed_size = sizeof(uint32);
		column->kind = GV_AM_FILTER_INT4;
		column->type = INT4OID;
		column->collation = InvalidOid;
		column->width = gv_am_filter_width(GV_AM_FILTER_INT4);
		column->offset = columns->packed_size;
		columns->packed_size += column->width;
	}
}

/*
 * gv_bm25_open
 *		Read the metapage of an index.
 *
 * index: all fields written; the caller keeps rel open
 */
void
gv_bm25_open(GvBm25Index *index, Relation rel)
{
	index->rel = rel;
	index->hints = gv_am_hints(rel);
	describe_filters(index);
	index->overtaken = NULL;
	gv_bm25_read_meta(index);
	describe_fields(index);
}

/*
 * gv_bm25_lock_page
 *		Return a page of an owner, pinned and locked for reading.
 *
 * If the page is another's, a merge has freed it since the metapage was read:
 * the reader begins anew, at index->overtaken, with that metapage.  If there was
 * no merge, or there can be none, the page is damaged.
 */
Buffer
gv_bm25_lock_page(GvBm25Index *index, BlockNumber blkno, GvBm25PageKind kind, uint32 owner,
				  uint32 place)
{
	Buffer		buf = gv_am_read_buffer(index->hints, index->rel, blkno);
	Page		page = BufferGetPage(buf);
	uint64		generation = index->meta.generation;

	LockBuffer(buf, BUFFER_LOCK_SHARE);
	if (likely(gv_bm25_page_is(page, kind) && gv_bm25_page(page)->owner == owner &&
			   gv_bm25_page(page)->place == place))
		return buf;
	UnlockReleaseBuffer(buf);

	if (index->overtaken != NULL)
	{
		gv_bm25_read_meta(index);
		if (index->meta.generation != generation)
			siglongjmp(*index->overtaken, 1);
	}
	gv_bm25_report_corruption(index->rel, blkno, "It is not the page that others lead to.");
}

/*
 * gv_bm25_config_of
 *		Return the text search configuration of an index.
 */
Oid
gv_bm25_config_of(const GvBm25Index *index)
{
	Oid			config = gv_bm25_config_from_name(index->meta.config, true);

	if (!OidIsValid(config))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("text search configuration \"%s\" of index \"%s\" does not exist",
						index->meta.config, RelationGetRelationName(index->rel)),
				 errhint("Create it again, or set \"text_config\" and use REINDEX.")));
	return config;
}

/*
 * gv_bm25_tokenizer_of
 *		Make a tokenizer for documents and queries of an index.
 *
 * flags: GV_BM25_TOKENS_POSITIONS, or 0
 */
GvBm25Tokenizer *
gv_bm25_tokenizer_of(const GvBm25Index *index, MemoryContext context, int flags)
{
	GvBm25Tokenizer *tokenizer;

	if (index->meta.flags & GV_BM25_FLAG_CJK_BIGRAM)
		flags |= GV_BM25_TOKENS_CJK_BIGRAM;
	tokenizer = gv_bm25_tokenizer_create(context, gv_bm25_config_of(index), flags);
	gv_bm25_tokenizer_set_boosts(tokenizer, index->meta.boost, GV_BM25_MAX_BOOSTS);
	gv_bm25_tokenizer_set_fields(tokenizer, &index->meta.fields);
	return tokenizer;
}

/*
 * gv_bm25_tokenize_value
 *		Make a document of a value of an indexed column, which is not null.
 *
 * type: text, an array of it, or tsvector
 *
 * The document is valid until the tokenizer begins another, and the current memory
 * context is reset.
 */
const GvBm25Document *
gv_bm25_tokenize_value(GvBm25Tokenizer *tokenizer, Oid type, Datum value)
{
	if (type == TSVECTOROID)
		return gv_bm25_document_of_tsvector(value, gv_bm25_tokenizer_flags(tokenizer) &
											GV_BM25_TOKENS_POSITIONS);
	gv_bm25_tokenizer_begin(tokenizer);
	if (type == TEXTARRAYOID)
		gv_bm25_tokenizer_add_array(tokenizer, DatumGetArrayTypeP(value));
	else
	{
		text	   *string = DatumGetTextPP(value);

		gv_bm25_tokenizer_add(tokenizer, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string));
	}
	return gv_bm25_tokenizer_finish(tokenizer);
}

/*
 * gv_bm25_init_page
 *		Initialize a page of any kind.
 *
 * owner, place: zero for the metapage and the list of free pages
 */
void
gv_bm25_init_page(Page page, GvBm25PageKind kind, uint32 owner, uint32 place)
{
	GvAmPageSpecial special;

	PageInit(page, BLCKSZ, sizeof(GvAmPageSpecialData));
	special = gv_am_page_special(page);
	special->kind = kind;
	special->n_free = 0;
	special->reserved = 0;
	special->page_id = GV_AM_BM25_PAGE_ID;
	if (kind != GV_BM25_PAGE_META && kind != GV_BM25_PAGE_FREE)
	{
		gv_bm25_page(page)->owner = owner;
		gv_bm25_page(page)->place = place;
		((PageHeader) page)->pd_lower = gv_bm25_page_bytes(page) - (char *) page;
	}
}

/* Raise an error unless the first column is a text and the others are filters */
static void
check_columns(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);

	if (gv_am_is_filter(rel, 1))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("first column of bm25 index \"%s\" is not a text",
						RelationGetRelationName(rel)),
				 errdetail("Column \"%s\" can only be a filter column.",
						   NameStr(TupleDescAttr(desc, 0)->attname)),
				 errhint("Name the text first and filter columns after it.")));
	for (int i = 1; i < desc->natts; i++)
	{
		Oid			type = rel->rd_opcintype[i];

		if (!gv_am_is_filter(rel, i + 1))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("bm25 index \"%s\" cannot have more than one column to be searched",
							RelationGetRelationName(rel)),
					 errdetail("Column \"%s\" has an operator class of texts.",
							   NameStr(TupleDescAttr(desc, i)->attname)),
					 type == TSVECTOROID ? 0 :
					 errhint("Use the operator class %s for a filter column.",
							 type == TEXTARRAYOID ? "array_ops" : "text_filter_ops")));
	}
}

/* Raise an error for an option about elements, unless the column is an array */
static void
check_array(Relation rel, const char *option)
{
	if (rel->rd_opcintype[0] != TEXTARRAYOID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" needs a column of type text[]", option),
				 errdetail("Column \"%s\" has type %s.",
						   NameStr(TupleDescAttr(RelationGetDescr(rel), 0)->attname),
						   format_type_be(TupleDescAttr(RelationGetDescr(rel), 0)->atttypid)),
				 errhint("Index ARRAY[title, body] for several columns.")));
}

/*
 * gv_bm25_init_meta
 *		Begin with a new, empty index: fill in what its metapage is to hold.
 *
 * index: rel, filters and meta are written
 */
void
gv_bm25_init_meta(GvBm25Index *index, Relation rel)
{
	GvBm25MetaPageData *meta = &index->meta;
	const GvBm25Options *options = (GvBm25Options *) rel->rd_options;
	const char *name = gv_bm25_options_text_config(options);
	Oid			config = name ? gv_bm25_config_from_name(name, false) : gv_bm25_config_default();
	int			flags = 0;
	char	   *full_name = gv_bm25_config_name(config);
	uint8		boosts[GV_BM25_MAX_BOOSTS];
	GvBm25Fields fields;

	check_columns(rel);
	gv_bm25_options_boosts(options, boosts);
	gv_bm25_options_fields(options, &fields);
	if (boosts[0] != 0)
		check_array(rel, "boosts");
	if (fields.n > 0)
		check_array(rel, "fields");
	if (gv_bm25_options_cjk_bigram(options) && rel->rd_opcintype[0] == TSVECTOROID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"cjk\" needs a column of texts"),
				 errdetail("Words of a column of type tsvector have been made already.")));
	index->rel = rel;
	describe_filters(index);
	if (index->n_filters + fields.n > GV_AM_MAX_FILTERS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("bm25 index \"%s\" has too many fields and filter columns",
						RelationGetRelationName(rel)),
				 errdetail("It has %u fields and %d filter columns, the limit is %d together.",
						   fields.n, index->n_filters, GV_AM_MAX_FILTERS)));
	memset(meta, 0, sizeof(*meta));
	meta->magic = GV_BM25_MAGIC;
	meta->version = GV_BM25_VERSION;
	if (gv_bm25_options_exact_length(options))
		meta->flags |= GV_BM25_FLAG_EXACT_LENGTH;
	if (gv_bm25_options_positions(options))
		meta->flags |= GV_BM25_FLAG_POSITIONS;
	if (gv_bm25_options_cjk_bigram(options))
	{
		meta->flags |= GV_BM25_FLAG_CJK_BIGRAM;
		flags |= GV_BM25_TOKENS_CJK_BIGRAM;
	}
	gv_bm25_check_tokenizer(config, flags);
	if (strlen(full_name) >= GV_BM25_CONFIG_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("name of text search configuration is too long for a bm25 index"),
				 errdetail("\"%s\" has %zu bytes, the limit is %d.", full_name,
						   strlen(full_name), GV_BM25_CONFIG_BYTES - 1)));
	strlcpy(meta->config, full_name, GV_BM25_CONFIG_BYTES);
	for (int i = 0; i < index->n_filters; i++)
		meta->filter_kind[i] = index->filters.column[i].kind;
	memcpy(meta->boost, boosts, sizeof(meta->boost));
	meta->fields = fields;
	describe_fields(index);
	meta->fingerprint = gv_bm25_config_fingerprint(config);
	meta->config_hash = hash_config(meta);
	meta->next_id = 1;
	for (int i = 0; i < GV_BM25_LANES; i++)
		meta->lane[i].head = InvalidBlockNumber;
}

/*
 * gv_bm25_write_meta
 *		Make a page the metapage.
 */
void
gv_bm25_write_meta(Page page, const GvBm25MetaPageData *meta)
{
	gv_bm25_init_page(page, GV_BM25_PAGE_META, 0, 0);
	memcpy(gv_am_page_content(page), meta, sizeof(*meta));
	((PageHeader) page)->pd_lower = gv_am_page_content(page) + sizeof(*meta) - (char *) page;
}

/*
 * gv_bm25_write_free
 *		Make a page the list of free pages.
 *
 * n: at most GV_BM25_MAX_FREE_EXTENTS
 */
void
gv_bm25_write_free(Page page, const GvBm25ExtentData *extents, uint32 n)
{
	GvBm25FreePage list;

	Assert(n <= GV_BM25_MAX_FREE_EXTENTS);
	gv_bm25_init_page(page, GV_BM25_PAGE_FREE, 0, 0);
	list = (GvBm25FreePage) gv_am_page_content(page);
	list->n_extents = n;
	list->reserved = 0;
	if (n > 0)
		memcpy(list->extent, extents, n * sizeof(GvBm25ExtentData));
	((PageHeader) page)->pd_lower = (char *) (list->extent + n) - (char *) page;
}
