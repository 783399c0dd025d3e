#
# filters.py
#     Filters for the queries of a data set, and the exact answers under them.
#
# A filter is an integer column and, for each query, the two bounds between
# which it must be.  Made ones have a column that orders the rows by chance
# ("independent") or by their place along the direction in which the data
# spread most ("correlated": the bounds lie around the query's own place;
# "anti-correlated": at the other end).  Real ones are columns of the data.
#

import os

import numpy as np

import dataset
import paths

SELECTIVITIES = (0.5, 0.1, 0.01, 0.001)
STEPS = 1000000                     # values of the made columns


class Filter:
    def __init__(self, name, column, bounds):
        self.name = name
        self.column = column        # name in the table
        self.bounds = np.ascontiguousarray(bounds, dtype=np.int32)


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


def columns(data):
    """Return {column: int32[rows]} of a data set, and the filters on them."""
    rng = np.random.default_rng(1)
    n, queries = len(data.base), len(data.query)
    place, of_query = places(data.base, data.query)
    found = {"chance": (rng.permutation(n) * STEPS // n).astype(np.int32), "place": place}
    filters = []
    for part in SELECTIVITIES:
        width = int(part * STEPS)
        low = rng.integers(0, STEPS - width + 1, queries)
        filters.append(Filter("independent %g %%" % (100 * part), "chance",
                              np.stack([low, low + width - 1], 1)))
    for name, sign in (("correlated", 1), ("anti-correlated", -1)):
        for part in SELECTIVITIES:
            width = int(part * STEPS)
            center = of_query if sign > 0 else STEPS - 1 - of_query
            low = np.clip(center - width // 2, 0, STEPS - width)
            filters.append(Filter("%s %g %%" % (name, 100 * part), "place",
                                  np.stack([low, low + width - 1], 1)))
    return found, filters


def real_columns(data, folder):
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
            filters.append(Filter("%s = ..." % title, title, np.stack([of_query, of_query], 1)))
    path = os.path.join(folder, "base_size.npy")
    if os.path.exists(path):
        values = np.load(path).astype(np.int32)
        found["size"] = values
        limit = int(np.quantile(values, 0.95))
        filters.append(Filter("size > 95 % quantile", "size", np.tile(
            [limit + 1, np.iinfo(np.int32).max], (len(data.query), 1))))
    return found, filters


def truth(data, values, bounds, k):
    """Return float64[queries][k], the distances of the k nearest that pass; inf beyond."""
    out = np.full((len(data.query), k), np.inf)
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    base = data.base
    if data.metric == "cosine":
        norm = np.linalg.norm(base, axis=1, keepdims=True)
        base = base / np.where(norm > 0, norm, 1)
    half = np.einsum("ij,ij->i", base, base) / 2 if data.metric == "l2" else \
        np.zeros(len(base), np.float32)
    for i, (low, high) in enumerate(bounds):
        rows = order[np.searchsorted(ordered, low):np.searchsorted(ordered, high, "right")]
        if len(rows) > 1000:
            score = half[rows] - base[rows] @ data.query[i]
            rows = rows[np.argpartition(score, k + 90)[:k + 90]]
        d = np.sort(dataset.distances(data.metric, data.query[i], data.base[rows]))[:k]
        out[i, :len(d)] = d
    return out


def recall(data, values, bounds, exact, ids):
    """
    Return the mean share of the rows asked for that came, and how many queries
    got fewer rows than there are or a row that does not pass.
    """
    shares, wrong = [], 0
    for i, answer in enumerate(ids):
        rows = np.unique(answer[answer >= 0])
        there = int(np.isfinite(exact[i]).sum())
        passing = (values[rows] >= bounds[i][0]) & (values[rows] <= bounds[i][1])
        wrong += len(rows) < there or not passing.all()
        if there == 0:
            continue
        d = dataset.distances(data.metric, data.query[i], data.base[rows[passing]])
        limit = exact[i][there - 1]
        shares.append((d <= limit + 1e-9 * max(1.0, abs(limit))).sum() / there)
    return float(np.mean(shares)), wrong
