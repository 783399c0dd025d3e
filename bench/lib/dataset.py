#
# dataset.py
#     Read vector data sets and compute their exact nearest neighbors.
#
# A data set is a folder with base and query as .npy or .fvecs, an HDF5 file
# of the ann-benchmarks form (train, test, attribute distance), or the name of
# a folder in the shared data or in the cache.
#

import hashlib
import json
import os

import numpy as np

import paths

# name -> (folder, number of leading columns or None)
ALIASES = {"imdb-lsa-384": ("imdb-lsa-768", 384)}
METRICS = {"euclidean": "l2", "angular": "cosine", "dot": "ip"}


class Dataset:
    def __init__(self, name, base, query, metric):
        self.name = name
        self.metric = metric
        self.base = np.ascontiguousarray(base, dtype=np.float32)
        self.query = np.ascontiguousarray(query, dtype=np.float32)
        self.dim = self.base.shape[1]
        if self.query.shape[1] != self.dim:
            raise ValueError("%s: base has %d dimensions, query %d" %
                             (name, self.dim, self.query.shape[1]))
        digest = hashlib.sha256(metric.encode())
        digest.update(repr(self.base.shape).encode())
        digest.update(self.base)
        digest.update(self.query)
        self.fingerprint = digest.hexdigest()[:16]


def read_fvecs(path):
    raw = np.fromfile(path, dtype=np.int32)
    return raw.reshape(-1, raw[0] + 1)[:, 1:].view(np.float32)


def read_part(folder, part):
    for extension, read in ((".npy", np.load), (".fvecs", read_fvecs)):
        path = os.path.join(folder, part + extension)
        if os.path.exists(path):
            return read(path)
    raise FileNotFoundError("no %s.npy or %s.fvecs in %s" % (part, part, folder))


def find(name):
    """Return the path of a data set, or None."""
    name = ALIASES.get(name, (name, None))[0]
    places = [name, os.path.join(paths.data_folder(), "vectors", name),
              os.path.join(paths.cache_folder(), name)]
    for place in places:
        if os.path.isfile(place) or any(
                os.path.exists(os.path.join(place, "base" + e))
                for e in (".npy", ".fvecs")):
            return place
    return None


def load(name, queries=None, metric=None):
    """Return the Dataset called `name`, or None when it is not here."""
    columns = ALIASES.get(name, (name, None))[1]
    path = find(name)
    if path is None:
        return None
    if os.path.isfile(path):
        import h5py

        with h5py.File(path, "r") as f:
            base, query = f["train"][:], f["test"][:]
            metric = metric or METRICS.get(f.attrs.get("distance"), "l2")
    else:
        base, query = read_part(path, "base"), read_part(path, "query")
        meta = os.path.join(path, "meta.json")
        if metric is None and os.path.exists(meta):
            with open(meta) as f:
                metric = json.load(f).get("metric")
    if columns:
        base, query = base[:, :columns], query[:, :columns]
    metric = metric or "l2"
    if metric not in ("l2", "cosine", "ip"):
        raise ValueError("%s: metric %s is not measured here" % (name, metric))
    title = os.path.splitext(os.path.basename(os.path.normpath(name)))[0]
    return Dataset(title, base, query[:queries], metric)


def distances(metric, query, rows):
    """float64 distances of one query to rows; smaller is nearer."""
    query, rows = query.astype(np.float64), rows.astype(np.float64)
    if metric == "l2":
        return np.sqrt(((rows - query) ** 2).sum(axis=1))
    dot = rows @ query
    if metric == "ip":
        return -dot
    norm = np.linalg.norm(rows, axis=1) * np.linalg.norm(query)
    return 1 - np.divide(dot, norm, out=np.full(len(rows), np.nan), where=norm > 0)


def truth(data, k):
    """
    Return float64[queries][k], the exact k smallest distances of each query.

    Candidates are found in float32 with room to spare, then measured again in
    float64.  The result is cached by the content of the data set.
    """
    path = os.path.join(paths.cache_folder("truth"),
                        "%s-%s-%d.npy" % (data.name, data.fingerprint, k))
    if os.path.exists(path):
        return np.load(path)
    out = np.empty((len(data.query), k))
    spare = min(len(data.base), k + 90)
    base, query = data.base, data.query
    if data.metric == "cosine":
        norm = np.linalg.norm(base, axis=1, keepdims=True)
        base = base / np.where(norm > 0, norm, 1)
        base[norm[:, 0] == 0] = np.nan
    half = np.einsum("ij,ij->i", base, base) / 2 if data.metric == "l2" else 0
    for first in range(0, len(query), 64):
        score = half - query[first:first + 64] @ base.T
        score[np.isnan(score)] = np.inf
        near = np.argpartition(score, spare - 1, axis=1)[:, :spare]
        for i, rows in enumerate(near):
            d = distances(data.metric, query[first + i], data.base[rows])
            out[first + i] = np.sort(d)[:k]
    temporary = path + ".tmp.npy"
    np.save(temporary, out)
    os.rename(temporary, path)
    return out


def recall(data, exact, ids):
    """
    Mean share of the k nearest that was found.

    ids: int32[queries][k], -1 where nothing came.  A row counts when it is no
    farther than the k-th nearest, so ties do not matter; a row given twice
    counts once.
    """
    k = ids.shape[1]
    found = 0
    for i, answer in enumerate(ids):
        rows = np.unique(answer[answer >= 0])
        d = distances(data.metric, data.query[i], data.base[rows])
        limit = exact[i][k - 1]
        found += int((d <= limit + 1e-9 * max(1.0, abs(limit))).sum())
    return found / (k * len(ids))
