#!/usr/bin/env python3
#
# make_lsa.py
#     Make a data set of many dimensions from texts: latent semantic analysis
#     of the passages of win32docs, by default with 1,536 dimensions, as the
#     embeddings have that most people store.
#
# Rows are passages: words by tf-idf with logarithmic counts, the largest
# singular directions, length 1.  Queries are the collection's own, short
# sentences turned into vectors the same way (`--queries own`), or passages that
# are not among the rows (`--queries passages`).  The same seed gives the same set
# up to rounding.
#
#     pip install scikit-learn
#     bench/sets/make_lsa.py                        # win32docs-lsa-1536
#     bench/sets/make_lsa.py --dim 768 --rows 50000 --queries passages
#

import argparse
import json
import lzma
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "lib"))

import needs  # noqa: E402,F401
import numpy as np  # noqa: E402

import paths  # noqa: E402

SEED = 20261123
ROWS = 100000


def read_texts(folder):
    with lzma.open(os.path.join(folder, "passages.tsv.xz"), "rt", encoding="utf-8") as f:
        passages = [line.rstrip("\n").split("\t", 1)[1] for line in f]
    with open(os.path.join(folder, "queries.jsonl"), encoding="utf-8") as f:
        queries = [json.loads(line)["text"] for line in f]
    return passages, queries


def main():
    parser = argparse.ArgumentParser(description="make a data set of many dimensions from texts")
    parser.add_argument("--dim", type=int, default=1536)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--queries", choices=("own", "passages"), default="own")
    parser.add_argument("--query-rows", type=int, default=1000)
    args = parser.parse_args()

    folder = os.path.join(paths.data_folder(), "text", "win32docs")
    if not os.path.isdir(folder):
        sys.exit("win32docs is not in the shared data folder (GIGAVEC_DATA)")
    try:
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError:
        sys.exit("scikit-learn is missing: pip install scikit-learn")

    passages, queries = read_texts(folder)
    chance = np.random.default_rng(SEED)
    order = chance.permutation(len(passages))
    rows = min(args.rows, len(passages) - args.query_rows)
    base_texts = [passages[i] for i in order[:rows]]
    if args.queries == "passages":
        query_texts = [passages[i] for i in order[rows:rows + args.query_rows]]
    else:
        query_texts = [queries[i] for i in chance.permutation(len(queries))[:args.query_rows]]

    words = TfidfVectorizer(sublinear_tf=True, min_df=3, max_df=.5, dtype=np.float32)
    counts = words.fit_transform(base_texts)
    print("%d passages, %d words" % counts.shape, flush=True)
    directions = TruncatedSVD(args.dim, n_iter=2, random_state=SEED)

    def unit(x):
        length = np.linalg.norm(x, axis=1, keepdims=True)
        return (x / np.where(length > 0, length, 1)).astype(np.float32)

    base = unit(directions.fit_transform(counts))
    query = unit(directions.transform(words.transform(query_texts)))

    name = "win32docs-lsa-%d%s%s" % (args.dim, "" if args.queries == "own" else "-passages",
                                     "" if rows == ROWS else "-%d" % rows)
    out = paths.cache_folder(name)
    np.save(os.path.join(out, "query.npy"), query)
    with open(os.path.join(out, "meta.json"), "w") as f:
        json.dump({"metric": "cosine"}, f)
    # last, for a set with a base is taken for whole
    np.save(os.path.join(out, "base.tmp.npy"), base)
    os.rename(os.path.join(out, "base.tmp.npy"), os.path.join(out, "base.npy"))
    print("%s: %d rows, %d queries, %d dimensions" % (name, len(base), len(query), args.dim))


if __name__ == "__main__":
    main()
