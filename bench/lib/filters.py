#
# filters.py
#     Filters for the queries of a data set, and the exact answers under them.
#
# A filter is a condition on columns of the table with two integers, $2 and $3,
# that belong to each query.  Some columns are made so that conditions have
# nothing to do with the vectors ("independent"), or rather rows near the query
# pass ("correlated"), or rather rows far from it ("anti-correlated"): "chance"
# orders the rows by chance, "place" by their place along the direction in which
# the data spread most, "cell" is the nearest of a hundred rows.  Others are of
# the kinds that applications have, and some columns come with the data.
#

import os

import numpy as np

import dataset
import paths

SELECTIVITIES = (0.5, 0.1, 0.01, 0.001)
STEPS = 1000000                     # values of the columns chance and place
CELLS = 100
TENANTS, TAGS, TAGS_OF_ROW = 1000, 100, 3
DAY = 86400                         # the rows were created in a thousand days


class Filter:
    """
    A condition on the rows of a data set, with two numbers for each query.

    where: SQL with $2 and $3
    passes: function of the two numbers to the numbers of the rows that pass
    k: the LIMIT, if it is not that of the run
    """

    def __init__(self, name, kind, where, bounds, passes, k=None):
        self.name, self.kind, self.where, self.passes = name, kind, where, passes
        self.bounds = np.ascontiguousarray(bounds, dtype=np.int32)
        self.k = k


class Range:
    """The rows whose value lies between two bounds, quickly."""

    def __init__(self, values):
        self.order = np.argsort(values, kind="stable")
        self.ordered = values[self.order]

    def __call__(self, low, high):
        return self.order[np.searchsorted(self.ordered, low):
                          np.searchsorted(self.ordered, high, "right")]


def between(name, kind, column, values, bounds):
    return Filter(name, kind, "%s BETWEEN $2 AND $3" % column, bounds, Range(values))


def places(base, query):
    """Places of rows and queries along the direction of largest spread, 0 .. STEPS - 1."""
    sample = base[::max(1, len(base) // 20000)].astype(np.float64)
    mean = sample.mean(axis=0)
    direction = np.linalg.eigh(np.cov((sample - mean).T))[1][:, -1].astype(np.float32)
    along = base @ direction
    order = np.argsort(along, kind="stable")
    rank = np.empty(len(base), np.int64)
    rank[order] = np.arange(len(base))
    of_query = np.searchsorted(along[order], query @ direction)
    return (rank * STEPS // len(base)).astype(np.int32), of_query * STEPS // len(base)


def by_place(data):
    """The column of places; filters around the query's own and at the other end."""
    place, of_query = places(data.base, data.query)
    found = []
    for kind, sign in (("correlated", 1), ("anti-correlated", -1)):
        for part in SELECTIVITIES:
            width = int(part * STEPS)
            center = of_query if sign > 0 else STEPS - 1 - of_query
            low = np.clip(center - width // 2, 0, STEPS - width)
            found.append(between("%s %g %%" % (kind, 100 * part), kind, "place", place,
                                 np.stack([low, low + width - 1], 1)))
    return {"place": place}, found


def by_chance(data):
    rng = np.random.default_rng(1)
    n, queries = len(data.base), len(data.query)
    chance = (rng.permutation(n) * STEPS // n).astype(np.int32)
    found = []
    for part in SELECTIVITIES:
        width = int(part * STEPS)
        low = rng.integers(0, STEPS - width + 1, queries)
        found.append(between("independent %g %%" % (100 * part), "independent", "chance",
                             chance, np.stack([low, low + width - 1], 1)))
    return {"chance": chance}, found


def by_cell(data):
    """The cell of each row; the query's own, and the one farthest from it."""
    rng = np.random.default_rng(4)
    centers = data.base[rng.choice(len(data.base), CELLS, replace=False)]

    def distances(rows):
        return np.stack([dataset.distances(data.metric, c, rows) for c in centers], 1)

    cell = np.concatenate([distances(part).argmin(axis=1) for part in
                           np.array_split(data.base, len(data.base) // 10000 + 1)])
    of_query = distances(data.query)
    return {"cell": cell.astype(np.int32)}, [
        between(name, kind, "cell", cell, np.stack([asked, asked], 1))
        for name, kind, asked in (
            ("own cell of 100", "correlated", of_query.argmin(axis=1)),
            ("farthest cell of 100", "anti-correlated", of_query.argmax(axis=1)))]


def by_use(data, chance):
    """Conditions of the kinds that applications have."""
    rng = np.random.default_rng(3)
    n, queries = len(data.base), len(data.query)
    tenant = rng.integers(0, TENANTS, n).astype(np.int32)
    created = rng.integers(0, 1000 * DAY, n).astype(np.int64)
    tags = rng.integers(0, TAGS, (n, TAGS_OF_ROW)).astype(np.int32)
    of_tenant, of_chance = Range(tenant), Range(chance)
    asked = rng.integers(0, TENANTS, (queries, 2))
    day = rng.integers(0, 970, queries)
    two_tags = rng.integers(0, TAGS, (queries, 2))
    tenth = rng.integers(0, STEPS - STEPS // 10 + 1, queries)
    tenth = np.stack([tenth, tenth + STEPS // 10 - 1], 1)

    def rows(mask):
        return np.flatnonzero(mask)

    def since(low, high):
        return rows((created >= low * DAY) & (created < high * DAY))

    def either_tenant(low, high):
        return rows((tenant == low) | (tenant == high))

    def of_tags(low, high):
        return rows(((tags == low) | (tags == high)).any(axis=1))

    def even(low, high):
        found = of_chance(low, high)
        return found[found % 2 == 0]

    month = np.stack([day, day + 30], 1)
    use = [
        Filter("one tenant of 1,000", "use", "tenant = $2", asked,
               lambda low, high: of_tenant(low, low)),
        Filter("two tenants, IN", "use", "tenant IN ($2, $3)", asked, either_tenant),
        Filter("two tenants, OR", "use", "(tenant = $2 OR tenant = $3)", asked,
               either_tenant),
        Filter("30 days of 1,000", "use",
               "created >= 'epoch'::timestamptz + $2::int * interval '1 day' AND "
               "created < 'epoch'::timestamptz + $3::int * interval '1 day'", month, since),
        Filter("tags && two of 100", "use", "tags && ARRAY[$2::int, $3::int]", two_tags, of_tags),
        Filter("10 % and tags @>", "use",
               "chance BETWEEN $2 AND $3 AND tags @> ARRAY[$2 % 100]", tenth,
               lambda low, high: np.intersect1d(of_chance(low, high),
                                                of_tags(low % TAGS, low % TAGS))),
        Filter("10 %, half by WHERE", "use", "chance BETWEEN $2 AND $3 AND id % 2 = 0",
               tenth, even),
        Filter("10 %, LIMIT 100", "use", "chance BETWEEN $2 AND $3", tenth, of_chance, 100),
    ]
    return {"tenant": tenant, "created": created, "tags": tags}, use


def by_data(data, folder):
    """The columns that come with the data: image, keypoint size, rating, film, digit."""
    found, filters = {}, []
    rng = np.random.default_rng(2)
    for column, title in (("labels", "label"), ("movie", "film")):
        path = os.path.join(folder, "base_%s.npy" % column)
        if os.path.exists(path):
            values = np.load(path).astype(np.int64)
            values = np.unique(values, return_inverse=True)[1].astype(np.int32)
            found[title] = values
            # as often as it occurs
            of_query = values[rng.integers(0, len(values), len(data.query))]
            filters.append(between("%s = ..." % title, "data", title, values,
                                   np.stack([of_query, of_query], 1)))
    path = os.path.join(folder, "base_size.npy")
    if os.path.exists(path):
        values = np.load(path).astype(np.int32)
        found["size"] = values
        limit = int(np.quantile(values, 0.95))
        bounds = np.tile([limit + 1, np.iinfo(np.int32).max], (len(data.query), 1))
        filters.append(between("size > 95 % quantile", "data", "size", values, bounds))
    return found, filters


def make(data, folder):
    """Return {column: values of the rows} of a data set, and the filters on them."""
    columns, found = by_chance(data)
    more = [by_place(data), by_cell(data), by_use(data, columns["chance"]), by_data(data, folder)]
    for some_columns, some_filters in more:
        columns.update(some_columns)
        found += some_filters
    return columns, found


def compute_truth(data, filter_, k):
    out = np.full((len(data.query), k), np.inf)
    base = data.base
    if data.metric == "cosine":
        norm = np.linalg.norm(base, axis=1, keepdims=True)
        base = base / np.where(norm > 0, norm, 1)
    half = np.einsum("ij,ij->i", base, base) / 2 if data.metric == "l2" else \
        np.zeros(len(base), np.float32)
    for i, (low, high) in enumerate(filter_.bounds):
        rows = filter_.passes(low, high)
        if len(rows) > 10 * (k + 90):
            # in float32 first, of all rows if most pass
            if len(rows) > len(base) // 4:
                score = (half - base @ data.query[i])[rows]
            else:
                score = half[rows] - base[rows] @ data.query[i]
            rows = rows[np.argpartition(score, k + 90)[:k + 90]]
        d = np.sort(dataset.distances(data.metric, data.query[i], data.base[rows]))[:k]
        out[i, :len(d)] = d
    return out


def truth(data, filter_, k):
    """Return float64[queries][k], the distances of the k nearest that pass; inf beyond."""
    name = "".join(c if c.isalnum() else "_" for c in filter_.name)
    path = os.path.join(paths.cache_folder("truth"), "%s-%s-%s-%d-%d.npy" % (
        data.name, data.fingerprint, name, int(filter_.bounds.sum(dtype=np.int64)), k))
    if os.path.exists(path):
        return np.load(path)
    out = compute_truth(data, filter_, k)
    temporary = path + ".tmp.npy"
    np.save(temporary, out)
    os.rename(temporary, path)
    return out


def recall(data, filter_, exact, ids):
    """
    Return the mean share of the rows asked for that came, and how many queries
    got fewer rows than there are or a row that does not pass.
    """
    shares, wrong = [], 0
    for i, answer in enumerate(ids):
        rows = np.unique(answer[answer >= 0])
        there = int(np.isfinite(exact[i]).sum())
        passing = np.isin(rows, filter_.passes(*filter_.bounds[i]))
        wrong += len(rows) < there or not passing.all()
        if there == 0:
            continue
        d = dataset.distances(data.metric, data.query[i], data.base[rows[passing]])
        limit = exact[i][there - 1]
        shares.append((d <= limit + 1e-9 * max(1.0, abs(limit))).sum() / there)
    return float(np.mean(shares)), wrong
