/*-------------------------------------------------------------------------
 *
 * xlog.c
 *		Records of the write-ahead log.
 *
 * They are generic records, which PostgreSQL itself replays: for each page the
 * runs of bytes that have changed, each behind its offset and its length as
 * OffsetNumber; then the hole between pd_lower and pd_upper is zeroed.
 * GenericXLogFinish finds the runs byte by byte, which was an eighth of the
 * time of an insert into an hnsw index; hence they are found here, by words.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/rmgr.h"
#include "access/xloginsert.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/rel.h"

#include "am/xlog.h"

/* Before each run of bytes: where it starts, and how many they are */
#define RUN_HEADER (2 * sizeof(OffsetNumber))

/*
 * Room for the runs of a page: all its bytes at most, since a run is left only
 * for more equal bytes than the next one's header, and a header at each end of
 * what is compared.
 */
#define CHANGES_ROOM (BLCKSZ + 4 * RUN_HEADER)

/* A page that a record changes */
typedef struct ChangedPage
{
	Buffer		buf;
	bool		is_new;			/* what was there does not matter */
	uint32		n_bytes;		/* of changes */
	PGAlignedBlock image;		/* the page to be */
	char		changes[CHANGES_ROOM];
} ChangedPage;

struct GvXlog
{
	bool		is_logged;
	int			n_pages;
	ChangedPage page[MAX_GENERIC_XLOG_PAGES];
};

/*
 * gv_xlog_begin
 *		Begin a record for pages of an index.
 */
GvXlog *
gv_xlog_begin(Relation rel)
{
	GvXlog	   *xlog = palloc(sizeof(GvXlog));

	xlog->is_logged = RelationNeedsWAL(rel);
	xlog->n_pages = 0;
	return xlog;
}

static Page
add_page(GvXlog *xlog, Buffer buf, bool is_new)
{
	ChangedPage *page;

	for (int i = 0; i < xlog->n_pages; i++)
	{
		if (xlog->page[i].buf == buf)
			return xlog->page[i].image.data;
	}
	if (xlog->n_pages == MAX_GENERIC_XLOG_PAGES)
		elog(ERROR, "one record cannot change more than %d pages", MAX_GENERIC_XLOG_PAGES);
	page = &xlog->page[xlog->n_pages++];
	page->buf = buf;
	page->is_new = is_new;
	memcpy(page->image.data, BufferGetPage(buf), BLCKSZ);
	return page->image.data;
}

/*
 * gv_xlog_page
 *		Return the copy of a page to change; for a page that the record has
 *		already, the copy it has.
 */
Page
gv_xlog_page(GvXlog *xlog, Buffer buf)
{
	return add_page(xlog, buf, false);
}

/*
 * gv_xlog_new_page
 *		The same for a page whose present content does not matter.
 */
Page
gv_xlog_new_page(GvXlog *xlog, Buffer buf)
{
	return add_page(xlog, buf, true);
}

/* The first byte from i on in which two pages differ, or end */
static inline int
skip_equal(const char *was, const char *is, int i, int end)
{
	for (; i + (int) sizeof(uint64) <= end; i += sizeof(uint64))
	{
		uint64		x;
		uint64		y;

		memcpy(&x, was + i, sizeof(x));
		memcpy(&y, is + i, sizeof(y));
		if (x != y)
		{
#ifdef WORDS_BIGENDIAN
			return i + 7 - pg_leftmost_one_pos64(x ^ y) / 8;
#else
			return i + pg_rightmost_one_pos64(x ^ y) / 8;
#endif
		}
	}
	while (i < end && was[i] == is[i])
		i++;
	return i;
}

/* The end of a run that starts at i: before more equal bytes than a header has, or end */
static inline int
find_run_end(const char *was, const char *is, int i, int end)
{
	int			last = i;

	for (i++; i < end && i - last <= (int) RUN_HEADER + 1; i++)
	{
		if (was[i] != is[i])
			last = i;
	}
	return last + 1;
}

static void
add_run(ChangedPage *page, int start, int end)
{
	OffsetNumber header[2] = {start, end - start};
	char	   *to = page->changes + page->n_bytes;

	if (start >= end)
		return;
	Assert(page->n_bytes + RUN_HEADER + (end - start) <= CHANGES_ROOM);
	memcpy(to, header, RUN_HEADER);
	memcpy(to + RUN_HEADER, page->image.data + start, end - start);
	page->n_bytes += RUN_HEADER + (end - start);
}

/* Note the runs of changed bytes from start to before end */
static void
add_changes(ChangedPage *page, const char *was, int start, int end)
{
	const char *is = page->image.data;
	int			i = skip_equal(was, is, start, end);

	while (i < end)
	{
		int			run_end = find_run_end(was, is, i, end);

		add_run(page, i, run_end);
		i = skip_equal(was, is, run_end, end);
	}
}

#ifdef USE_ASSERT_CHECKING
/* Do the changes make of a page what it is to be, as replay takes them? */
static void
check_changes(const ChangedPage *page)
{
	PGAlignedBlock replayed;
	PageHeader	header = (PageHeader) replayed.data;
	PageHeader	target = (PageHeader) page->image.data;

	memcpy(replayed.data, BufferGetPage(page->buf), BLCKSZ);
	for (uint32 i = 0; i < page->n_bytes;)
	{
		OffsetNumber run[2];

		memcpy(run, page->changes + i, RUN_HEADER);
		memcpy(replayed.data + run[0], page->changes + i + RUN_HEADER, run[1]);
		i += RUN_HEADER + run[1];
	}
	Assert(header->pd_lower == target->pd_lower && header->pd_upper == target->pd_upper);
	Assert(memcmp(header, target, target->pd_lower) == 0);
	Assert(memcmp(replayed.data + target->pd_upper, page->image.data + target->pd_upper,
				  BLCKSZ - target->pd_upper) == 0);
}
#endif

/* Find what changes a page; what lay in its hole is not known to replay */
static void
find_changes(ChangedPage *page)
{
	const char *was = BufferGetPage(page->buf);
	int			was_lower = ((PageHeader) was)->pd_lower;
	int			was_upper = ((PageHeader) was)->pd_upper;
	int			lower = ((PageHeader) page->image.data)->pd_lower;
	int			upper = ((PageHeader) page->image.data)->pd_upper;

	page->n_bytes = 0;
	add_changes(page, was, 0, Min(was_lower, lower));
	add_run(page, Min(was_lower, lower), lower);
	add_run(page, upper, Max(was_upper, upper));
	add_changes(page, was, Max(was_upper, upper), BLCKSZ);
#ifdef USE_ASSERT_CHECKING
	check_changes(page);
#endif
}

/* Make a page what it is to be */
static void
write_page(const ChangedPage *page)
{
	Page		to = BufferGetPage(page->buf);
	const char *image = page->image.data;
	int			lower = ((PageHeader) image)->pd_lower;
	int			upper = ((PageHeader) image)->pd_upper;

	memcpy(to, image, lower);
	memset(to + lower, 0, upper - lower);
	memcpy(to + upper, image + upper, BLCKSZ - upper);
	MarkBufferDirty(page->buf);
}

/*
 * gv_xlog_finish
 *		Write the record, and change its pages.
 */
void
(gv_xlog_finish) (GvXlog *xlog)
{
	for (int i = 0; i < xlog->n_pages && xlog->is_logged; i++)
	{
		if (!xlog->page[i].is_new)
			find_changes(&xlog->page[i]);
	}
	if (xlog->is_logged)
		XLogBeginInsert();

	START_CRIT_SECTION();
	for (int i = 0; i < xlog->n_pages; i++)
	{
		ChangedPage *page = &xlog->page[i];

		write_page(page);
		if (!xlog->is_logged)
			continue;
		XLogRegisterBuffer(i, page->buf,
						   REGBUF_STANDARD | (page->is_new ? REGBUF_FORCE_IMAGE : 0));
		if (!page->is_new)
			XLogRegisterBufData(i, page->changes, page->n_bytes);
	}
	if (xlog->is_logged)
	{
		XLogRecPtr	lsn = XLogInsert(RM_GENERIC_ID, 0);

		for (int i = 0; i < xlog->n_pages; i++)
			PageSetLSN(BufferGetPage(xlog->page[i].buf), lsn);
	}
	END_CRIT_SECTION();
	pfree(xlog);
}

/*
 * gv_xlog_cancel
 *		Forget the changes.
 */
void
gv_xlog_cancel(GvXlog *xlog)
{
	pfree(xlog);
}
