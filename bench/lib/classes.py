#
# classes.py
#     Measure hnsw indexes of every type and distance: halfvec, bit, sparsevec,
#     taxicab distance, and bits of vectors with the vectors' own order.
#
# A statement runs all queries by LATERAL, so neither client nor protocol
# counts, and the engines take turns.  The exact answers come from the server,
# by a sequential scan: what is measured here is the index.
#

import argparse
import itertools
import os
import time

import numpy as np

import dataset
import driver
import report
from engines import EF_BELOW, EF_BEYOND, EF_GRID
from measure import choose_points, say

TARGETS = [0.90, 0.95, 0.99]


class Case:
    """A type and a distance, on a data set."""

    def __init__(self, name, set_name, type_name, operator, opclass, rows=None, bits=False):
        self.name = name
        self.set_name = set_name
        self.type_name = type_name
        self.operator = operator
        self.opclass = opclass
        self.rows = rows            # the first so many only
        self.bits = bits            # of a vector's signs, put in order by the vectors then


CASES = [
    Case("halfvec-l2", "sift-bsds-200k", "halfvec", "<->", "halfvec_l2_ops"),
    Case("halfvec-cosine", "imdb-lsa-384", "halfvec", "<=>", "halfvec_cosine_ops"),
    Case("halfvec-ip", "gowalla-als-64-ip", "halfvec", "<#>", "halfvec_ip_ops"),
    Case("vector-l1", "sift-bsds-200k", "vector", "<+>", "vector_l1_ops", rows=50000),
    Case("bit-hamming", "hiv-morgan-1024bit", "bit", "<~>", "bit_hamming_ops"),
    Case("bit-jaccard", "hiv-morgan-1024bit", "bit", "<%>", "bit_jaccard_ops"),
    Case("sparsevec-ip", "splade-v3-sparse", "sparsevec", "<#>", "sparsevec_ip_ops"),
    Case("sparsevec-cosine", "splade-v3-sparse", "sparsevec", "<=>", "sparsevec_cosine_ops"),
    Case("sparsevec-l2", "splade-v3-sparse", "sparsevec", "<->", "sparsevec_l2_ops"),
    Case("signs-cosine", "imdb-lsa-768", "vector", "<=>", "bit_hamming_ops", bits=True),
]


def bit_text(row):
    return "".join("01"[b] for b in np.unpackbits(row))


def dense_text(row):
    return "[" + ",".join("%.9g" % x for x in row) + "]"


def read_texts(case, n_queries):
    """Return (dimensions, texts of the base, texts of the queries), or None if the set is not here."""
    if case.type_name in ("vector", "halfvec"):
        data = dataset.load(case.set_name, n_queries)
        if data is None:
            return None
        return data.dim, map(dense_text, data.base[:case.rows]), map(dense_text, data.query)
    extension = ".npz" if case.type_name == "sparsevec" else ".npy"
    folder = os.path.join(dataset.paths.data_folder(), "vectors", case.set_name)
    if not os.path.exists(os.path.join(folder, "base" + extension)):
        return None
    base, query = (np.load(os.path.join(folder, part + extension)) for part in ("base", "query"))
    if case.type_name == "bit":
        return base.shape[1] * 8, map(bit_text, base[:case.rows]), map(bit_text, query[:n_queries])

    def texts(part):
        start = part["indptr"]
        for n in range(len(start) - 1):
            columns, values = (part[name][start[n]:start[n + 1]] for name in ("indices", "data"))
            order = np.argsort(columns)
            yield "{%s}/%d" % (",".join("%d:%g" % (columns[i] + 1, values[i]) for i in order),
                               part["shape"][1])

    return int(base["shape"][1]), texts(base), itertools.islice(texts(query), n_queries)


def write_rows(cluster, path, texts):
    """Write a file for COPY; return the number of rows."""
    n = 0
    with open(path, "w") as f:
        for text in texts:
            f.write("%d\t%s\n" % (n, text))
            n += 1
    cluster.take_file(path)
    return n


class Side:
    """An engine with the table and the index of a case."""

    def __init__(self, engine, case, args):
        self.engine = engine
        self.case = case
        self.args = args
        self.points = []

    def sql(self, *commands):
        return self.engine.cluster.sql(self.engine.name, *commands, path=self.case.name)

    def load(self, dim, path, queries_path):
        self.column = "%s(%d)" % (self.case.type_name, dim)
        self.key, self.asked = "embedding", "q.embedding"
        self.order = "%s %s %s" % (self.key, self.case.operator, self.asked)
        if self.case.bits:
            self.key = "(binary_quantize(embedding)::bit(%d))" % dim
            self.asked = "binary_quantize(q.embedding)"
        self.sql('DROP SCHEMA IF EXISTS "%s" CASCADE' % self.case.name,
                 'CREATE SCHEMA "%s"' % self.case.name,
                 "CREATE TABLE items (id int, embedding %s)" % self.column,
                 "CREATE TABLE queries (id int, embedding %s)" % self.column,
                 "COPY items FROM '%s'" % path, "COPY queries FROM '%s'" % queries_path,
                 "VACUUM (ANALYZE) items")

    def build(self):
        self.sql("CHECKPOINT")
        start = time.monotonic()
        self.sql("SET maintenance_work_mem = '%s'" % self.args.memory,
                 "SET max_parallel_maintenance_workers = %d" % self.args.workers,
                 "SET min_parallel_table_scan_size = 0",
                 "CREATE INDEX by_distance ON items USING hnsw (%s %s)" % (
                     self.key, self.case.opclass))
        self.seconds = time.monotonic() - start
        self.bytes = int(self.sql("SELECT pg_relation_size('by_distance')")[0])

    def truth(self):
        """The distance of the k-th nearest row of each query."""
        rows = self.sql("SET enable_indexscan = off",
                        "SELECT (SELECT d FROM (SELECT %s AS d FROM items ORDER BY d LIMIT %d) x "
                        "ORDER BY d DESC LIMIT 1) FROM queries q ORDER BY q.id" % (
                            self.order, self.args.k))
        return np.array([float(row) for row in rows])

    def run(self, ef):
        """All queries; returns what each finds (number, distance), and queries a second."""
        nearest = "SELECT id, %s AS d FROM items ORDER BY %s LIMIT %d" % (
            self.order, self.order, self.args.k)
        if self.case.bits:
            nearest = "SELECT id, d FROM (SELECT id, %s AS d FROM items ORDER BY %s <~> %s LIMIT %d) y " \
                "ORDER BY d LIMIT %d" % (self.order, self.key, self.asked, ef, self.args.k)
        query = "SELECT q.id, x.id AS item, x.d FROM (SELECT * FROM queries ORDER BY id) q, " \
            "LATERAL (%s) x" % nearest
        rows = self.sql("SET enable_seqscan = off", "SET enable_memoize = off",
                        "SET hnsw.ef_search = %d" % ef, "SELECT count(*) FROM (%s) z" % query,
                        "CREATE TEMP TABLE begun AS SELECT clock_timestamp() AS t",
                        "CREATE TEMP TABLE answers AS " + query,
                        "SELECT extract(epoch FROM clock_timestamp() - t) FROM begun",
                        "SELECT DISTINCT * FROM answers")
        found = [row.split("|") for row in rows[2:]]
        return [(int(row[0]), float(row[2])) for row in found], float(rows[1])

    def sweep(self, limits):
        points = []
        own = self.engine.extension == "gigavec"
        for ef in EF_BELOW + EF_GRID + EF_BEYOND if own else EF_GRID:
            if ef < self.args.k and (self.case.bits or not own):
                continue
            found, _ = self.run(ef)
            near = sum(d <= limits[n] + 1e-6 * max(1, abs(limits[n])) for n, d in found)
            points.append({"ef": ef, "recall": near / (self.args.k * len(limits)), "runs": []})
            if points[-1]["recall"] >= 0.995:
                break
        self.points = choose_points(points)
        say("  %s: recall %s" % (self.engine.name, ", ".join(
            "%.3f @ ef %d" % (p["recall"], p["ef"]) for p in self.points)))

    def insert(self):
        """The queries as rows, a statement each, after a checkpoint; rows a second, bytes of log a row."""
        rows = self.sql(
            "CHECKPOINT",
            "CREATE TEMP TABLE begun AS SELECT clock_timestamp() AS t, pg_current_wal_insert_lsn() AS l",
            "DO $$DECLARE r record; BEGIN FOR r IN SELECT * FROM queries LOOP "
            "INSERT INTO items VALUES (r.id + 10000000, r.embedding); END LOOP; END$$",
            "SELECT extract(epoch FROM clock_timestamp() - t), pg_current_wal_insert_lsn() - l, "
            "(SELECT count(*) FROM queries) FROM begun")
        seconds, log, n = map(float, rows[0].split("|"))
        return n / seconds, log / n


def run_case(case, players, args):
    """The rows of the tables of a case: search, building."""
    texts = read_texts(case, args.queries)
    if texts is None:
        say("%s: %s is not here, skipped" % (case.name, case.set_name))
        return None
    dim, base, queries = texts
    cluster = players[0].cluster
    path, queries_path = (os.path.join(cluster.files, name) for name in ("items.txt", "queries.txt"))
    n_rows = write_rows(cluster, path, base)
    write_rows(cluster, queries_path, queries)
    sides = [Side(engine, case, args) for engine in players]
    for side in sides:
        side.load(dim, path, queries_path)
        side.build()
    os.unlink(path)
    os.unlink(queries_path)
    say("%s: %s, %d rows, %d dimensions: %s" % (case.name, case.set_name, n_rows, dim, ", ".join(
        "%s built in %.1f s" % (s.engine.name, s.seconds) for s in sides)))
    limits = sides[0].truth()
    for side in sides:
        side.sweep(limits)
    for _ in range(args.rounds):
        for i in range(max(len(side.points) for side in sides)):
            for side in sides:
                if i < len(side.points):
                    point = side.points[i]
                    point["runs"].append(len(limits) / side.run(point["ef"])[1])
    for side in sides:
        for point in side.points:
            point["qps"] = float(np.median(point["runs"]))
    search = []
    for target in TARGETS:
        found = [report.at(side.points, target, lambda p: p["qps"]) for side in sides]
        search.append([case.name if target == TARGETS[0] else "", "%.2f" % target] +
                      [text for _, text in found] +
                      ([report.ratio(found[0][0], found[1][0])] if len(found) > 1 else []))
    inserts = [side.insert() for side in sides]
    building = [case.name, "%d x %d" % (n_rows, dim)]
    for values, form in (([s.seconds for s in sides], "%.1f"), ([s.bytes / n_rows for s in sides], "%.0f"),
                         ([rate for rate, _ in inserts], "%.0f"), ([log / 1000 for _, log in inserts], "%.1f")):
        building += [form % value for value in values]
    return search, building


def main():
    parser = argparse.ArgumentParser(
        description="hnsw by types and distances: recall against throughput, build, size, inserts")
    parser.add_argument("--cases", nargs="+", default=[c.name for c in CASES],
                        choices=[c.name for c in CASES])
    parser.add_argument("--engines", nargs="+", default=["gigavec", "pgvector"],
                        choices=["gigavec", "pgvector"])
    parser.add_argument("--queries", type=int, default=500)
    driver.add_server_arguments(parser)
    args = parser.parse_args()
    players = driver.start_engines(args)
    results = [run_case(case, players, args) for case in CASES if case.name in args.cases]
    results = [result for result in results if result]
    names = [engine.name for engine in players]
    both = ["gigavec / pgvector"] if len(names) > 1 else []
    print("\n## Queries a second, one backend, at equal recall@%d\n" % args.k)
    print(report.table(["class", "recall"] + names + both, [row for search, _ in results for row in search]))
    print("\n## Build, size, inserts one by one after a checkpoint\n")
    head = ["class", "rows"] + ["%s %s" % (name, what) for what in (
        "build, s", "bytes a row", "inserts/s", "log of an insert, kB") for name in names]
    print(report.table(head, [building for _, building in results]), flush=True)
