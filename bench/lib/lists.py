#
# lists.py
#     Measure inverted lists: ivfflat and ivfpq of gigavec, ivfflat of pgvector,
#     beside the graph indexes of both and the lists of faiss.
#
# Throughput is that of one backend: a statement runs all queries by LATERAL,
# so neither client nor protocol counts.  All indexes of an engine are on one
# table, and those that are not measured are hidden from planner and executor;
# so they take turns, round by round, and the figures are medians.
#

import argparse
import math
import os
import time

import numpy as np

import dataset
import driver
import engines
import report
from coding import load_faiss
from measure import choose_points, cluster_of, say

PROBES = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]
TARGETS = [0.90, 0.95, 0.99]
CHURN_SEED = 20261122
# the setting that is swept, where it is not probes
EFFORT = {"hnsw": "hnsw.ef_search"}


class Lists:
    """An index of an engine."""

    def __init__(self, engine, method, options=""):
        self.engine = engine
        self.method = method
        self.options = options
        self.name = " ".join([engine.name, method, options]).rstrip()
        self.index = "by_" + "".join(c if c.isalnum() else "_" for c in method + options)
        self.seconds = {}       # of a build, by the number of workers
        self.points = []

    def sql(self, data, *commands):
        return self.engine.sql(data, *commands)

    def is_graph(self):
        return self.method == "hnsw"

    def grid(self, probes, n_lists):
        if self.is_graph():
            return self.engine.grid
        return [p for p in probes if p < n_lists] + ([n_lists] if probes is PROBES else [])

    def is_built(self, data):
        return self.sql(data, "SELECT 1 FROM pg_class WHERE oid = to_regclass('%s')" %
                        self.index) != []

    def find_size(self, data):
        self.bytes = int(self.sql(data, "SELECT pg_relation_size('%s')" % self.index)[0])

    def build(self, data, n_lists, memory, workers):
        options = [self.options] if self.options else []
        if not self.is_graph():
            options.insert(0, "lists = %d" % n_lists)
        self.sql(data, "DROP INDEX IF EXISTS %s" % self.index, "CHECKPOINT")
        start = time.monotonic()
        self.sql(data, "SET maintenance_work_mem = '%s'" % memory,
                 "SET max_parallel_maintenance_workers = %d" % workers,
                 "SET min_parallel_table_scan_size = 0",
                 "CREATE INDEX %s ON items USING %s (embedding %s)%s" % (
                     self.index, self.method, engines.OPERATORS[data.metric][1],
                     " WITH (%s)" % ", ".join(options) if options else ""))
        self.seconds[workers] = time.monotonic() - start
        self.find_size(data)

    def show(self, data, indexes):
        """Let this be the only index that is searched and written to."""
        for index in indexes:
            if index.engine is self.engine:
                flag = "true" if index is self else "false"
                self.sql(data, "UPDATE pg_index SET indisvalid = %s, indisready = %s "
                         "WHERE indexrelid = to_regclass('%s')" % (flag, flag, index.index))

    def run(self, data, k, effort):
        """All queries; returns what they find, and queries a second."""
        operator = engines.OPERATORS[data.metric][0]
        query = ("SELECT q.id, x.id FROM (SELECT * FROM queries ORDER BY id) q, LATERAL (SELECT id "
                 "FROM items ORDER BY embedding %s q.embedding LIMIT %d) x" % (operator, k))
        rows = self.sql(data, "SET enable_seqscan = off", "SET enable_memoize = off",
                        "SET %s = %d" % (EFFORT.get(self.method, self.method + ".probes"), effort),
                        "SELECT count(*) FROM (%s) y" % query,
                        "CREATE TEMP TABLE begun AS SELECT clock_timestamp() AS t",
                        "CREATE TEMP TABLE answers AS " + query.replace("x.id", "x.id AS row"),
                        "SELECT extract(epoch FROM clock_timestamp() - t) FROM begun",
                        "TABLE answers",
                        # table_blocks asks for them right after this session
                        "DO $$BEGIN PERFORM pg_stat_force_next_flush(); END$$")
        ids = np.full((len(data.query), k), -1, dtype=np.int32)
        filled = np.zeros(len(data.query), dtype=int)
        for row in rows[2:]:
            question, answer = map(int, row.split("|"))
            ids[question, filled[question]] = answer
            filled[question] += 1
        return ids, len(data.query) / float(rows[1])

    def table_blocks(self, data, k, effort):
        """Blocks of the table, in memory or not, that a query looks at."""
        def looked_at():
            return float(self.sql(data, "SELECT heap_blks_read + heap_blks_hit FROM "
                                  "pg_statio_user_tables WHERE relid = 'items'::regclass")[-1])
        before = looked_at()
        self.run(data, k, effort)
        # the other run is the one that warms up
        return (looked_at() - before) / len(data.query) / 2


class Faiss:
    """An index of faiss, in this process: no SQL, no pages, no transactions."""

    engine = None

    def __init__(self, faiss, what):
        self.faiss = faiss
        self.what = what        # as index_factory has it; %d: the number of lists
        self.name = "faiss " + what.replace("%d", "")
        self.seconds = {}
        self.points = []

    def is_graph(self):
        return False

    def grid(self, probes, n_lists):
        return [p for p in probes if p < n_lists] + ([n_lists] if probes is PROBES else [])

    def is_built(self, data):
        return False

    def build(self, data, n_lists, memory, workers):
        # by cosine: inner products of vectors of length 1
        metric = self.faiss.METRIC_L2 if data.metric == "l2" else self.faiss.METRIC_INNER_PRODUCT
        self.base, self.query = data.base, data.query
        if data.metric == "cosine":
            self.base, self.query = data.base.copy(), data.query.copy()
            self.faiss.normalize_L2(self.base)
            self.faiss.normalize_L2(self.query)
        self.faiss.omp_set_num_threads(1 + workers)
        start = time.monotonic()
        self.index = self.faiss.index_factory(data.dim, self.what % n_lists, metric)
        self.index.train(self.base)
        self.index.add(self.base)
        self.seconds[workers] = time.monotonic() - start
        self.faiss.omp_set_num_threads(1)
        self.bytes = self.faiss.serialize_index(self.index).nbytes

    def show(self, data, indexes):
        pass

    def run(self, data, k, effort):
        self.index.nprobe = effort
        start = time.monotonic()
        # one by one, as a server gets them
        ids = np.concatenate([self.index.search(row[None], k)[1] for row in self.query])
        return ids.astype(np.int32), len(self.query) / (time.monotonic() - start)

    def table_blocks(self, data, k, effort):
        return None


def load_queries(engine, data):
    path = os.path.join(engine.cluster.files, "queries.txt")
    with open(path, "w") as f:
        f.writelines("%d\t%s\n" % (i, engines.vector_text(row)) for i, row in enumerate(data.query))
    engine.cluster.take_file(path)
    engine.sql(data, "DROP TABLE IF EXISTS queries",
               "CREATE TABLE queries (id int, embedding vector(%d))" % data.dim,
               "COPY queries FROM '%s'" % path)
    os.unlink(path)


def sweep(index, data, exact, args, n_lists):
    """Probes or ef by what they find, until that is .995."""
    points, k = [], args.k
    for effort in index.grid(args.probes, n_lists):
        if index.is_graph() and effort < k:
            continue
        ids, _ = index.run(data, k, effort)
        points.append({"effort": effort, "recall": dataset.recall(data, exact, ids), "runs": []})
        if points[-1]["recall"] >= 0.995:
            break
    index.points = choose_points(points)


def search(indexes, data, exact, args, n_lists):
    for index in indexes:
        index.show(data, indexes)
        sweep(index, data, exact, args, n_lists)
        say("%s: %s: recall %s" % (data.name, index.name, ", ".join(
            "%.3f @ %d" % (p["recall"], p["effort"]) for p in index.points)))
    for _ in range(args.rounds):
        for index in indexes:
            index.show(data, indexes)
            for point in index.points:
                point["runs"].append(index.run(data, args.k, point["effort"])[1])
    for index in indexes:
        index.show(data, indexes)
        for point in index.points:
            point["qps"] = float(np.median(point["runs"]))
            point["blocks"] = index.table_blocks(data, args.k, point["effort"])


def insert(engine, data, rows, table="items"):
    """
    Means of two rows as new ones, a statement each; returns rows a second and
    bytes of log a row.
    """
    engine.sql(data, "CHECKPOINT")
    size = engine.sql(
        data, "CREATE TEMP TABLE begun AS SELECT clock_timestamp() AS t, pg_current_wal_insert_lsn() AS l",
        "DO $$DECLARE r record; p vector; BEGIN FOR r IN SELECT id, embedding FROM items LIMIT %d LOOP "
        "INSERT INTO %s VALUES (r.id + 10000000, (r.embedding + coalesce(p, r.embedding)) "
        "* array_fill(0.5, ARRAY[%d])::vector); p := r.embedding; END LOOP; END$$" % (
            rows, table, data.dim),
        "SELECT extract(epoch FROM clock_timestamp() - t), pg_current_wal_insert_lsn() - l FROM begun")
    engine.sql(data, "DELETE FROM %s WHERE id >= 10000000" % table, "VACUUM %s" % table)
    seconds, log = map(float, size[0].split("|"))
    return rows / seconds, log / rows


def measure_inserts(indexes, data, args):
    """Rows and bytes of log by index, the bytes also without those of the table itself."""
    engine = next(i.engine for i in indexes if i.engine)
    # VACUUM of a table without an index that is ready would have it forget those it has
    engine.sql(data, "CREATE TABLE bare (LIKE items)",
               "INSERT INTO bare SELECT * FROM items LIMIT 1")
    rates = {"no index": insert(engine, data, args.inserts, "bare")}
    engine.sql(data, "DROP TABLE bare")
    for index in [i for i in indexes if i.engine]:
        index.show(data, indexes)
        rates[index.name] = insert(index.engine, data, args.inserts)
    rows = []
    for name, (rate, log) in rates.items():
        rows.append([name, "%.0f" % rate, "%.0f" % log, "%.0f" % (log - rates["no index"][1])])
    print("\nInserted one by one after a checkpoint\n")
    print(report.table(["index", "rows a second", "bytes of log a row", "of these the index's, bytes"],
                       rows), flush=True)


def measure_churn(indexes, data, exact, args):
    """Half of the rows, then a cluster of a tenth, exchanged for themselves: recall at fixed probes."""
    kept = [i for i in indexes if i.engine and not i.is_graph()]
    random = np.random.default_rng(CHURN_SEED)
    n = len(data.base)
    gone = [random.permutation(n)[:n // 2],
            cluster_of(data.base, data.base[random.integers(n)], n // 10)]
    for engine in {i.engine.name: i.engine for i in kept}.values():
        engine.sql(data, *["DROP INDEX IF EXISTS %s" % i.index for i in indexes if i.is_graph()],
                   "UPDATE pg_index SET indisvalid = true, indisready = true "
                   "WHERE indrelid = 'items'::regclass")
        for ids in gone:
            engine.replace_rows(data, ids)
        engine.sql(data, "VACUUM items")
    rows = []
    for index in kept:
        point = next((p for p in index.points if p["recall"] >= TARGETS[1]), index.points[-1])
        index.show(data, indexes)
        recall = dataset.recall(data, exact, index.run(data, args.k, point["effort"])[0])
        longest = ""
        if index.engine.name == "gigavec":
            longest = "%.1f" % float(index.sql(
                data, "SELECT max(value) FILTER (WHERE name = 'longest_list') / "
                "max(value) FILTER (WHERE name = 'mean_list') FROM gigavec.stats('%s')" %
                index.index)[0])
        rows.append([index.name, "%d" % point["effort"], "%.3f" % point["recall"],
                     "%.3f" % recall, "%.3f" % (point["recall"] - recall), longest])
    print("\nHalf of the rows, then a cluster of a tenth, deleted, vacuumed and inserted again\n")
    print(report.table(["index", "probes", "recall before", "recall after", "recall lost",
                        "longest list, of the mean"], rows), flush=True)


def run_set(name, players, faiss, args):
    data = dataset.load(name, args.queries)
    if data is None:
        print("%s is not here, skipped" % name)
        return
    n_lists = args.lists or int(round(math.sqrt(len(data.base))))
    exact = dataset.truth(data, 100)
    indexes = []
    for engine in players:
        if not args.reuse:
            engine.load(data, False)
        load_queries(engine, data)
        for method in args.methods:
            if method != "ivfpq":
                indexes.append(Lists(engine, method))
            elif engine.name == "gigavec":
                indexes += [Lists(engine, method, options) for options in args.codes]
    if faiss:
        indexes += [Faiss(faiss, what) for what in args.faiss]
    for index in indexes:
        if args.reuse and index.is_built(data):
            index.find_size(data)
            continue
        for workers in sorted(set([args.workers, 0]), reverse=True) if not args.alone else [0]:
            index.build(data, n_lists, args.memory, workers)
            say("%s: %s: built in %.1f s with %d worker%s" % (
                name, index.name, index.seconds[workers], workers, "" if workers == 1 else "s"))
    search(indexes, data, exact, args, n_lists)
    print("\n## %s, %d x %d, %s, %d lists\n" % (
        name, len(data.base), data.dim, data.metric, n_lists))
    head, numbers = ["index", "build alone, s"], [0]
    if not args.alone and args.workers:
        head.append("build with %d worker%s, s" % (args.workers, "" if args.workers == 1 else "s"))
        numbers.append(args.workers)
    rows = []
    for index in indexes:
        rows.append([index.name] +
                    ["%.1f" % index.seconds[w] if w in index.seconds else "" for w in numbers] +
                    ["%.0f" % (index.bytes / len(data.base))] +
                    [report.at(index.points, t, lambda p: p["qps"])[1] for t in TARGETS] +
                    [report.at(index.points, 0.95, lambda p: p["blocks"])[1]
                     if index.engine else ""])
    print(report.table(head + ["bytes a row"] + ["QPS at %.2f" % t for t in TARGETS] +
                       ["table blocks at 0.95"], rows), flush=True)
    if args.inserts:
        measure_inserts(indexes, data, args)
    if args.churn:
        measure_churn(indexes, data, exact, args)


def main():
    parser = argparse.ArgumentParser(
        description="inverted lists of gigavec, pgvector and faiss beside the graphs of the first two: "
        "build, size, recall, throughput, inserts, churn")
    parser.add_argument("--sets", nargs="+", default=["sift-bsds-200k", "imdb-lsa-768", "mnist-784"])
    parser.add_argument("--engines", nargs="+", default=["gigavec", "pgvector", "faiss"],
                        choices=["gigavec", "pgvector", "faiss"])
    parser.add_argument("--methods", nargs="+", default=["ivfflat", "ivfpq", "hnsw"],
                        choices=["ivfflat", "ivfpq", "hnsw"])
    parser.add_argument("--lists", type=int, help="number of lists (the root of the rows)")
    parser.add_argument("--codes", nargs="+", default=["", "bits = 4", "quantizer = sq8"],
                        help="options of ivfpq")
    parser.add_argument("--faiss", nargs="+", default=["IVF%d,Flat"],
                        help="indexes of faiss, %%d: the number of lists")
    parser.add_argument("--probes", nargs="+", type=int, default=PROBES, help="numbers of probes to try")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--inserts", type=int, default=2000, help="rows inserted; 0: none")
    parser.add_argument("--no-churn", dest="churn", action="store_false",
                        help="without rows deleted and inserted again")
    parser.add_argument("--alone", action="store_true", help="build without workers only")
    parser.add_argument("--reuse", action="store_true", help="keep the tables and indexes of an earlier run")
    driver.add_server_arguments(parser)
    args = parser.parse_args()
    faiss = load_faiss() if "faiss" in args.engines else None
    players = driver.start_engines(args, args.reuse)
    if faiss:
        print("faiss %s" % faiss.__version__)
    for name in args.sets:
        run_set(name, players, faiss, args)
