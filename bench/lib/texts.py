#
# texts.py
#     Text collections of the shared data folder, for benchmarks of searching.
#

import json
import lzma
import os
import statistics

import paths


def folder(name):
    """Return the folder of a collection, or None if it is absent."""
    path = os.path.join(paths.data_folder(), "text", name)
    return path if os.path.isdir(path) else None


def queries(name):
    """Return the queries of a collection as (id, text)."""
    with open(os.path.join(folder(name), "queries.jsonl"), encoding="utf-8") as f:
        return [(q["_id"], q["text"]) for q in map(json.loads, f)]


def passages(name):
    """Return the path of a collection's documents, unpacked: id, title, text."""
    plain = os.path.join(folder(name), "corpus.tsv")
    if os.path.exists(plain):
        return plain
    made = os.path.join(paths.cache_folder("texts"), name + ".tsv")
    if not os.path.exists(made):
        with lzma.open(os.path.join(folder(name), "passages.tsv.xz")) as f, open(made + ".new", "wb") as g:
            while block := f.read(1 << 20):
                g.write(block)
        os.rename(made + ".new", made)
    return made


def quote(text):
    """Return an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def percentile(values, part):
    """Return the value below which that part of the values is."""
    return statistics.quantiles(values, n=100, method="inclusive")[int(part * 100) - 1]


def copy_in(cluster, database, table, path, options=""):
    """Load a file that the client can read."""
    cluster.sql(database, "\\copy %s FROM '%s' %s" % (table, path, options))
