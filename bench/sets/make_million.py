#!/usr/bin/env python3
#
# make_million.py
#     Make a data set of a million vectors (or --rows) from a smaller real one.
#
# The real vectors stay as they are; each gets others beside it, on the way to
# one of its ten nearest among some of the set: a quarter to three quarters of
# the way, rounded where the real ones are whole numbers.  Where more are to be
# made than it has such neighbors, the way leads to a point between two of them.
# So the new ones lie where real ones are dense, and the density grows.  Queries
# are the real ones of the set.  The same seed gives the same set.
#

import argparse
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "lib"))

import needs  # noqa: E402,F401
import numpy as np  # noqa: E402

import dataset  # noqa: E402
import paths  # noqa: E402

SEED = 20261121
NEAR = 10
# neighbors are sought among a tenth of the set, or among so many where it is small
SOUGHT = 20000
PART = 2048


def neighbors(base, some):
    """Yield (first, rows): the NEAR nearest rows of some for each of a part of base"""
    half = np.einsum("ij,ij->i", some, some) / 2
    for first in range(0, len(base), PART):
        score = half - base[first:first + PART] @ some.T
        yield first, np.argpartition(score, NEAR, axis=1)[:, :NEAR + 1]


def pick_neighbor(chance, part, some, rows):
    """One of the nearest of each row; a row may be its own nearest: then another is taken."""
    pick = chance.integers(0, NEAR, len(part))
    other = some[rows[np.arange(len(part)), pick]]
    same = (other == part).all(axis=1)
    other[same] = some[rows[same, NEAR]]
    return other


def make(base, wanted):
    chance = np.random.default_rng(SEED)
    real = base.astype(np.float32)
    sought = min(len(base), max(len(base) // 10, SOUGHT))
    some = real[chance.choice(len(base), sought, replace=False)]
    copies = -(-wanted // len(base)) - 1
    made = [base]
    for first, rows in neighbors(real, some):
        part = real[first:first + PART]
        for _ in range(copies):
            other = pick_neighbor(chance, part, some, rows)
            if copies > NEAR:
                share = chance.uniform(0, 1, (len(part), 1)).astype(np.float32)
                other += share * (pick_neighbor(chance, part, some, rows) - other)
            way = chance.uniform(.25, .75, (len(part), 1)).astype(np.float32)
            one = part + way * (other - part)
            if np.issubdtype(base.dtype, np.integer):
                one = np.rint(one)
            made.append(one.astype(base.dtype))
        print("%d of %d" % (first + len(part), len(real)), end="\r", flush=True)
    whole = np.concatenate(made)
    return whole[chance.permutation(len(whole))[:wanted]]


def main():
    parser = argparse.ArgumentParser(description="make a data set of a million vectors from a smaller real one")
    parser.add_argument("set", nargs="?", default="sift-bsds-200k", help="set of the shared data folder")
    parser.add_argument("--rows", type=int, default=1000000)
    args = parser.parse_args()
    source = dataset.find(args.set)
    if source is None:
        sys.exit("%s is not in the shared data folder (GIGAVEC_DATA)" % args.set)
    base = np.load(os.path.join(source, "base.npy"))
    with open(os.path.join(source, "meta.json")) as f:
        metric = json.load(f)["metric"]
    size = "1m" if args.rows == 1000000 else "%dk" % (args.rows // 1000)
    folder = paths.cache_folder("%s-made-%s" % (args.set.split("-")[0], size))
    np.save(os.path.join(folder, "query.npy"), np.load(os.path.join(source, "query.npy")))
    with open(os.path.join(folder, "meta.json"), "w") as f:
        json.dump({"metric": metric, "made_from": args.set, "seed": SEED}, f)
    whole = make(base, args.rows)
    np.save(os.path.join(folder, "base.tmp.npy"), whole)
    os.rename(os.path.join(folder, "base.tmp.npy"), os.path.join(folder, "base.npy"))
    print("%s: %d x %d" % (folder, *whole.shape))


if __name__ == "__main__":
    main()
