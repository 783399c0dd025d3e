#!/usr/bin/env python3
#
# make_sift_1m.py
#     Make a data set of a million SIFT-like vectors from sift-bsds-200k.
#
# The 200,000 real vectors stay as they are; each gets four more beside it, on
# the way to one of its ten nearest among a random tenth of the set: a quarter
# to three quarters of the way, and rounded, as the real ones are whole numbers.
# So the new ones lie where real ones are dense, and the density grows fivefold.
# Queries are the real ones of the set, from other photographs.  It takes two
# minutes; the same seed gives the same set.
#

import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "lib"))
import dataset  # noqa: E402
import paths  # noqa: E402

SEED = 20261121
COPIES = 4
NEAR = 10
PART = 2048


def neighbors(base, some):
    """Yield (first, rows): the NEAR nearest rows of some for each of a part of base"""
    half = np.einsum("ij,ij->i", some, some) / 2
    for first in range(0, len(base), PART):
        score = half - base[first:first + PART] @ some.T
        yield first, np.argpartition(score, NEAR, axis=1)[:, :NEAR + 1]


def main():
    source = dataset.find("sift-bsds-200k")
    if source is None:
        sys.exit("sift-bsds-200k is not in the shared data folder (GIGAVEC_DATA)")
    base = np.load(os.path.join(source, "base.npy"))
    chance = np.random.default_rng(SEED)
    real = base.astype(np.float32)
    some = real[chance.choice(len(base), len(base) // 10, replace=False)]
    made = [base]
    for first, rows in neighbors(real, some):
        part = real[first:first + PART]
        for _ in range(COPIES):
            # a row of the tenth may be its own nearest: then another is taken
            pick = chance.integers(0, NEAR, len(part))
            other = some[rows[np.arange(len(part)), pick]]
            same = (other == part).all(axis=1)
            other[same] = some[rows[same, NEAR]]
            way = chance.uniform(.25, .75, (len(part), 1)).astype(np.float32)
            made.append(np.rint(part + way * (other - part)).astype(np.uint8))
        print("%d of %d" % (first + len(part), len(real)), end="\r", flush=True)
    whole = np.concatenate(made)
    whole = whole[chance.permutation(len(whole))]

    folder = paths.cache_folder("sift-made-1m")
    np.save(os.path.join(folder, "query.npy"), np.load(os.path.join(source, "query.npy")))
    with open(os.path.join(folder, "meta.json"), "w") as f:
        json.dump({"metric": "l2", "made_from": "sift-bsds-200k", "seed": SEED}, f)
    np.save(os.path.join(folder, "base.tmp.npy"), whole)
    os.rename(os.path.join(folder, "base.tmp.npy"), os.path.join(folder, "base.npy"))
    print("%s: %d x %d" % (folder, *whole.shape))


if __name__ == "__main__":
    main()
