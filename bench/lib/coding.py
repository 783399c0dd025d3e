#
# coding.py
#     What codes and centroids lose, and how long they take, beside faiss.
#
# src/quant, built as a library by bench/codes, and faiss get the same rows.
# One thread each.
#

import argparse
import ctypes
import hashlib
import os
import subprocess
import sys
import time

import numpy as np

import dataset
import paths

SETS = ["sift-bsds-200k", "imdb-lsa-768", "mnist-784", "gowalla-als-64-ip"]

# rows that train, and rows whose codes are measured
N_TRAIN = 65536
N_MEASURED = 20000
# rows and queries whose distances are estimated
N_ESTIMATED = 2000
N_QUERIES = 100

# queries of lists, and rows of them by codes that may be looked at
N_SEARCHES = 500
N_FOUND = 100

ROUNDS = 25                     # of faiss's k-means: its own default for a product quantizer


def build_library():
    folder = os.path.join(paths.ROOT, "bench", "codes")
    # of each checkout its own: make goes by the time of files
    build = paths.cache_folder("codes", hashlib.sha256(paths.ROOT.encode()).hexdigest()[:8])
    subprocess.run(["make", "-s", "-C", folder, "BUILD=" + build], check=True)
    library = ctypes.CDLL(os.path.join(build, "libcodes.so"))
    library.bench_begin()
    return library


def load_faiss():
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        import faiss
    except ImportError:
        print("faiss is missing (pip install faiss-cpu): its columns are left out")
        return None
    faiss.omp_set_num_threads(1)
    return faiss


def pointer(array):
    assert array.flags.c_contiguous
    return array.ctypes.data_as(ctypes.c_void_p)


def timed(function):
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def square_error(x, y):
    return float(((x - y).astype(np.float64) ** 2).sum(axis=1).mean())


def normalized(x):
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    return np.ascontiguousarray(x / np.where(norm > 0, norm, 1), dtype=np.float32)


def show(label, ours, theirs, unit="", ours_s=None, theirs_s=None):
    line = "  %-42s %12.5g" % (label, ours)
    line += " %12.5g %8.4f" % (theirs, ours / theirs) if theirs is not None else " %12s %8s" % ("", "")
    if ours_s is not None:
        line += "  %8.2f" % ours_s
        line += " %8.2f" % theirs_s if theirs_s is not None else ""
    print(line + unit, flush=True)


class Codes:
    """Calls of the library on whole arrays."""

    def __init__(self, library):
        self.native = library

    def kmeans(self, x, k, spherical):
        n, dim = x.shape
        centroids = np.zeros((k, dim), dtype=np.float32)
        longest = ctypes.c_int()
        k = self.native.bench_kmeans(pointer(x), n, dim, k, int(spherical), pointer(centroids),
                                      ctypes.byref(longest))
        return centroids[:k]

    def nearest(self, x, centroids, n_probes):
        first = np.zeros(len(x), dtype=np.uint32)
        self.native.bench_nearest(pointer(x), len(x), x.shape[1], pointer(centroids),
                                   len(centroids), n_probes, pointer(first))
        return first

    def pq_train(self, x, m, bits):
        codebook = np.zeros((1 << bits) * x.shape[1], dtype=np.float32)
        self.native.bench_pq_train(pointer(x), len(x), x.shape[1], m, bits, pointer(codebook))
        return codebook

    def opq_train(self, x, m, bits):
        dim = x.shape[1]
        rotation = np.zeros((dim, dim), dtype=np.float32)
        self.native.bench_opq_train(pointer(x), len(x), dim, m, bits, pointer(rotation))
        return rotation

    def pq_decode(self, x, m, bits, codebook):
        y = np.empty_like(x)
        self.native.bench_pq_decode(pointer(x), len(x), x.shape[1], m, bits, pointer(codebook),
                                     pointer(y))
        return y

    def pq_search(self, x, m, bits, codebook, centroids, lists, q, probes, with_factors):
        found = np.zeros((len(q), N_FOUND), dtype=np.uint32)
        self.native.bench_pq_search(
            pointer(x), len(x), x.shape[1], m, bits, pointer(codebook), pointer(centroids),
            len(centroids), pointer(lists), pointer(q), len(q), pointer(probes), probes.shape[1],
            int(with_factors), N_FOUND, pointer(found))
        return found

    def sq8_decode(self, x, center):
        y = np.empty_like(x)
        self.native.bench_sq8_decode(pointer(x), len(x), x.shape[1], pointer(center), pointer(y))
        return y

    def estimate(self, x, center, bits, q):
        estimates = np.empty((len(q), len(x)), dtype=np.float32)
        self.native.bench_extra_estimate(pointer(x), len(x), x.shape[1], pointer(center), bits,
                                          pointer(q), len(q), pointer(estimates))
        return estimates


def measure_kmeans(codes, faiss, train, base, spherical):
    k = int(4 * len(base) ** 0.5)
    sample = train[:64 * k]
    ours, seconds = timed(lambda: codes.kmeans(sample, k, spherical))
    first = codes.nearest(base, ours, 64)
    length = np.bincount(first, minlength=k).max() * k / len(base)
    error = square_error(base, ours[first])
    theirs = their_seconds = their_length = None
    if faiss:
        def run():
            km = faiss.Kmeans(base.shape[1], k, niter=10, spherical=spherical, seed=1,
                              min_points_per_centroid=1)
            km.train(sample)
            return km
        km, their_seconds = timed(run)
        _, theirs_first = km.index.search(base, 1)
        theirs = square_error(base, km.centroids[theirs_first[:, 0]])
        their_length = np.bincount(theirs_first[:, 0], minlength=k).max() * k / len(base)
    show("k-means, %d lists: square" % len(ours), error, theirs, "", seconds, their_seconds)
    show("    longest list, of the mean", length, their_length)


def measure_pq(codes, faiss, train, test, variance, m, bits, with_opq):
    dim = train.shape[1]
    codebook, seconds = timed(lambda: codes.pq_train(train, m, bits))
    error = square_error(test, codes.pq_decode(test, m, bits, codebook)) / variance
    theirs = their_seconds = None
    if faiss and dim % m == 0:
        pq = faiss.ProductQuantizer(dim, m, bits)
        pq.cp.niter = ROUNDS
        _, their_seconds = timed(lambda: pq.train(train))
        theirs = square_error(test, pq.decode(pq.compute_codes(test))) / variance
    show("pq %d x %d bits: square / variance" % (m, bits), error, theirs, "", seconds, their_seconds)
    if not with_opq:
        return

    rotation, seconds = timed(lambda: codes.opq_train(train, m, bits))
    rotated = np.ascontiguousarray(train @ rotation.T)
    codebook = codes.pq_train(rotated, m, bits)
    rotated = np.ascontiguousarray(test @ rotation.T)
    error = square_error(rotated, codes.pq_decode(rotated, m, bits, codebook)) / variance
    theirs = their_seconds = None
    if faiss and with_opq == "both" and dim % m == 0:
        opq = faiss.OPQMatrix(dim, m)
        opq.pq = faiss.ProductQuantizer(dim, m, bits)
        _, their_seconds = timed(lambda: opq.train(train))
        pq.train(opq.apply(train))
        rotated = opq.apply(test)
        theirs = square_error(rotated, pq.decode(pq.compute_codes(rotated))) / variance
    show("opq %d x %d bits: square / variance" % (m, bits), error, theirs, "", seconds, their_seconds)


def recall_of(found, truth):
    return np.mean([len(np.intersect1d(a, b)) / truth.shape[1] for a, b in zip(found, truth)])


def measure_lists(codes, faiss, train, base, query, m, bits, n_probes, with_opq):
    """Rows found by codes alone, in the lists that faiss has found, its probes of them."""
    if not faiss or base.shape[1] % m != 0:
        return
    dim = base.shape[1]
    k = int(2 * len(base) ** 0.5)
    q = np.ascontiguousarray(query[:N_SEARCHES], dtype=np.float32)
    flat = faiss.IndexFlatL2(dim)
    flat.add(base)
    truth = flat.search(q, 10)[1]
    index = faiss.IndexIVFPQ(faiss.IndexFlatL2(dim), dim, k, m, bits)
    index.pq.cp.niter = ROUNDS
    index.nprobe = n_probes
    index.train(train)
    index.add(base)
    theirs = index.search(q, N_FOUND)[1]
    centroids = index.quantizer.reconstruct_n(0, k)
    lists = lambda x, n: np.ascontiguousarray(index.quantizer.search(x, n)[1].astype(np.uint32))
    of_base = lists(base, 1)[:, 0].copy()
    probes = lists(q, n_probes)
    residuals = np.ascontiguousarray(train - centroids[lists(train, 1)[:, 0]])

    def run(label, turn, theirs):
        codebook = codes.pq_train(turn(residuals), m, bits)
        for factors in (False, True):
            ours = codes.pq_search(turn(base), m, bits, codebook, turn(centroids), of_base,
                                   turn(q), probes, factors)
            for n in (10, N_FOUND):
                show("%s%s: 10 in first %d" % (label, ", factors" if factors else "", n),
                     recall_of(ours[:, :n], truth),
                     recall_of(theirs[:, :n], truth) if theirs is not None else None)

    label = "ivfpq %d x %d bits" % (m, bits)
    run(label, lambda x: x, theirs)
    if with_opq:
        rotation = codes.opq_train(residuals, m, bits)
        run(label + ", opq", lambda x: np.ascontiguousarray(x @ rotation.T), None)


def measure_sq8(codes, faiss, train, test, variance, rng):
    dim = train.shape[1]
    center = train.mean(axis=0)
    rotation, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
    rotation = rotation.astype(np.float32)
    rotated = np.ascontiguousarray(test @ rotation)
    ours = square_error(rotated, codes.sq8_decode(rotated, np.ascontiguousarray(center @ rotation)))
    theirs = None
    if faiss:
        sq = faiss.ScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit)
        sq.train(train)
        theirs = square_error(test, sq.decode(sq.compute_codes(test))) / variance
    show("sq8, rotated: square / variance", ours / variance, theirs)


def measure_rabitq(codes, faiss, train, test, query, rng):
    dim = train.shape[1] // 16 * 16
    center = train.mean(axis=0)
    rotation, _ = np.linalg.qr(rng.standard_normal((train.shape[1], train.shape[1])))
    rotation = rotation.astype(np.float32)
    turn = lambda x: np.ascontiguousarray(((x - center) @ rotation)[:, :dim])
    x = turn(test[:N_ESTIMATED])
    q = turn(query[:N_QUERIES])
    zero = np.zeros(dim, dtype=np.float32)
    exact = ((q.astype(np.float64)[:, None, :] - x[None]) ** 2).sum(axis=2)
    scale = np.sqrt((exact ** 2).mean())
    for bits in (1, 2, 4, 8):
        ours = np.sqrt(((codes.estimate(x, zero, bits - 1, q) - exact) ** 2).mean()) / scale
        theirs = None
        if faiss:
            index = faiss.IndexRaBitQ(dim, faiss.METRIC_L2, bits)
            index.qb = 8
            index.train(x)
            index.add(x)
            distances, numbers = index.search(q, len(x))
            estimates = np.empty_like(distances)
            np.put_along_axis(estimates, numbers, distances, axis=1)
            theirs = np.sqrt(((estimates - exact) ** 2).mean()) / scale
        show("rabitq, %d bits: error of distances" % bits, ours, theirs)


def measure(codes, faiss, name, n_rows, with_opq):
    data = dataset.load(name)
    if data is None:
        raise FileNotFoundError("not found")
    rng = np.random.default_rng(1)
    base = data.base if data.metric != "cosine" else normalized(data.base)
    base = np.ascontiguousarray(base[rng.permutation(len(base))[:n_rows]])
    query = data.query if data.metric != "cosine" else normalized(data.query)
    train = base[:N_TRAIN]
    test = base[-N_MEASURED:]
    variance = square_error(test, test.mean(axis=0))
    dim = base.shape[1]

    print("%s: %d x %d" % (name, *base.shape))
    print("  %-42s %12s %12s %8s  %8s %8s" % ("", "gigavec", "faiss", "ratio", "s", "faiss s"))
    measure_kmeans(codes, faiss, train, base, data.metric == "cosine")
    measure_pq(codes, faiss, train, test, variance, dim // 8, 8, False)
    measure_pq(codes, faiss, train, test, variance, dim // 4, 4, with_opq)
    measure_lists(codes, faiss, train, base, query, dim // 8, 8, 16, with_opq)
    measure_lists(codes, faiss, train, base, query, dim // 4, 4, 16, with_opq)
    measure_sq8(codes, faiss, train, test, variance, rng)
    measure_rabitq(codes, faiss, train, test, query, rng)


def main():
    parser = argparse.ArgumentParser(
        prog="bench/quant",
        description="what codes and centroids lose, and how long they take, beside faiss")
    parser.add_argument("--sets", nargs="+", default=SETS, help="data sets (default: %(default)s)")
    parser.add_argument("--opq", choices=("none", "ours", "both"), default="both",
                        help="whether to train rotations, which takes faiss minutes")
    parser.add_argument("--rows", type=int, help="of each set so many (default: all)")
    options = parser.parse_args()

    faiss = load_faiss()
    codes = Codes(build_library())
    for name in options.sets:
        try:
            measure(codes, faiss, name, options.rows, None if options.opq == "none" else options.opq)
        except FileNotFoundError as error:
            print("%s: skipped, %s" % (name, error), file=sys.stderr)


if __name__ == "__main__":
    main()
