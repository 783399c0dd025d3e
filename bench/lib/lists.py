#
# lists.py
#     Measure inverted lists: ivfflat and ivfpq of gigavec, ivfflat of pgvector.
#
# Throughput is that of one backend: a statement runs all queries by LATERAL,
# so neither client nor protocol counts.  The engines take turns, round by
# round; figures are medians.
#

import argparse
import math
import time

import numpy as np

import dataset
import driver
import engines
import report
from cluster import Cluster
from measure import say

PROBES = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]
TARGETS = [0.90, 0.95, 0.99]


class Lists:
    """An index of an engine, on a table of its own."""

    def __init__(self, engine, method, options=""):
        self.engine = engine
        self.method = method
        self.options = options
        self.name = " ".join([engine.name, method, options]).rstrip()
        self.points = []

    def sql(self, data, *commands):
        return self.engine.sql(data, *commands)

    def build(self, data, n_lists, memory, workers):
        start = time.monotonic()
        self.sql(data, "SET maintenance_work_mem = '%s'" % memory,
                 "SET max_parallel_maintenance_workers = %d" % workers,
                 "DROP INDEX IF EXISTS items_embedding",
                 "CREATE INDEX items_embedding ON items USING %s (embedding %s)%s" % (
                     self.method, engines.OPERATORS[data.metric][1],
                     " WITH (lists = %d%s)" % (n_lists, self.options and ", " + self.options)
                     if self.method != "hnsw" else ""))
        self.seconds = time.monotonic() - start
        self.bytes = self.engine.index_size(data)

    def run(self, data, k, probes):
        """All queries; returns what they find, and queries a second."""
        operator = engines.OPERATORS[data.metric][0]
        query = ("SELECT q.id, x.id FROM (SELECT * FROM queries ORDER BY id) q, LATERAL (SELECT id "
                 "FROM items ORDER BY embedding %s q.embedding LIMIT %d) x" % (operator, k))
        rows = self.sql(data, "SET enable_seqscan = off", "SET enable_memoize = off",
                        "SET %s.probes = %d" % (self.method, probes),
                        "SELECT count(*) FROM (%s) y" % query,
                        "CREATE TEMP TABLE begun AS SELECT clock_timestamp() AS t",
                        "CREATE TEMP TABLE answers AS " + query.replace("x.id", "x.id AS row"),
                        "SELECT extract(epoch FROM clock_timestamp() - t) FROM begun",
                        "TABLE answers")
        ids = np.full((len(data.query), k), -1, dtype=np.int32)
        filled = np.zeros(len(data.query), dtype=int)
        for row in rows[2:]:
            question, answer = map(int, row.split("|"))
            ids[question, filled[question]] = answer
            filled[question] += 1
        return ids, len(data.query) / float(rows[1])


def table_blocks(index, data, k, probes):
    """Blocks of the table, in memory or not, that a query looks at."""
    def looked_at():
        return float(index.sql(data, "SELECT heap_blks_read + heap_blks_hit FROM "
                               "pg_statio_user_tables WHERE relname = 'items'")[-1])
    before = looked_at()
    index.run(data, k, probes)
    return (looked_at() - before) / len(data.query)


def load_queries(engine, data):
    engine.sql(data, "DROP TABLE IF EXISTS queries",
               "CREATE TABLE queries (id int, embedding vector(%d))" % data.dim)
    for first in range(0, len(data.query), 50):
        engine.sql(data, "INSERT INTO queries VALUES " + ", ".join(
            "(%d, '%s')" % (first + i, engines.vector_text(row))
            for i, row in enumerate(data.query[first:first + 50])))


def sweep(index, data, exact, args, n_lists):
    """Probes by what they find, until that is .995."""
    for probes in [p for p in PROBES if p < n_lists] + [n_lists]:
        ids, _ = index.run(data, args.k, probes)
        recall = dataset.recall(data, exact, ids)
        index.points.append({"probes": probes, "recall": recall, "qps": []})
        if recall >= 0.995:
            break


def insert(index, data, rows):
    """
    Means of two rows as new ones, a statement each; returns rows a second and
    bytes of log a row.
    """
    cluster = index.engine.cluster
    index.sql(data, "CHECKPOINT")
    size = index.sql(
        data, "CREATE TEMP TABLE begun AS SELECT clock_timestamp() AS t, pg_current_wal_insert_lsn() AS l",
        "DO $$DECLARE r record; p vector; BEGIN FOR r IN SELECT id, embedding FROM items LIMIT %d LOOP "
        "INSERT INTO items VALUES (r.id + 10000000, (r.embedding + coalesce(p, r.embedding)) "
        "* array_fill(0.5, ARRAY[%d])::vector); p := r.embedding; END LOOP; END$$" % (rows, data.dim),
        "SELECT extract(epoch FROM clock_timestamp() - t), pg_current_wal_insert_lsn() - l FROM begun")
    index.sql(data, "DELETE FROM items WHERE id >= 10000000", "VACUUM items")
    seconds, log = map(float, size[0].split("|"))
    return rows / seconds, log / rows


def run_set(name, players, args):
    data = dataset.load(name, args.queries)
    if data is None:
        print("%s is not here, skipped" % name)
        return
    n_lists = args.lists or int(round(math.sqrt(len(data.base))))
    exact = dataset.truth(data, 100)
    indexes = []
    for engine in players:
        engine.load(data, False)
        load_queries(engine, data)
        indexes.append(Lists(engine, "ivfflat"))
        if engine.name != "pgvector":
            indexes += [Lists(engine, "ivfpq", options) for options in args.codes]
    for index in indexes:
        say("%s: %s" % (name, index.name))
        index.build(data, n_lists, args.memory, args.workers)
        sweep(index, data, exact, args, n_lists)
        for _ in range(args.rounds):
            for point in index.points:
                point["qps"].append(index.run(data, args.k, point["probes"])[1])
        for point in index.points:
            point["qps"] = float(np.median(point["qps"]))
            point["blocks"] = table_blocks(index, data, args.k, point["probes"])
    print("\n## %s, %d x %d, %s, %d lists\n" % (name, len(data.base), data.dim, data.metric, n_lists))
    rows = [[i.name, "%.1f" % i.seconds, "%.0f" % (i.bytes / len(data.base))] +
            [report.at(i.points, t, lambda p: p["qps"])[1] for t in TARGETS] +
            [report.at(i.points, 0.95, lambda p: p["blocks"])[1]]
            for i in indexes]
    print(report.table(["index", "build s", "bytes a row"] +
                       ["QPS at %.2f" % t for t in TARGETS] + ["table blocks at 0.95"], rows))
    if args.inserts:
        alone = Lists(players[0], "no index")
        alone.sql(data, "DROP INDEX IF EXISTS items_embedding")
        rate, log = insert(alone, data, args.inserts)
        rows = [["no index", "%.0f" % rate, "%.0f" % log]]
        for index in [i for i in indexes if i.engine.name != "pgvector"] + \
                [Lists(e, "hnsw") for e in players if e.name == "pgvector"]:
            index.build(data, n_lists, args.memory, args.workers)
            rate, log = insert(index, data, args.inserts)
            rows.append([index.name, "%.0f" % rate, "%.0f" % log])
        print("\nInserted one by one after a checkpoint\n")
        print(report.table(["index", "rows a second", "bytes of log a row"], rows))


def main():
    parser = argparse.ArgumentParser(
        description="inverted lists of gigavec and pgvector: build, size, recall, throughput, inserts")
    parser.add_argument("--sets", nargs="+", default=["sift-bsds-200k", "imdb-lsa-768", "mnist-784"])
    parser.add_argument("--lists", type=int, help="number of lists (the root of the rows)")
    parser.add_argument("--codes", nargs="+", default=["", "bits = 4", "quantizer = sq8"],
                        help="options of ivfpq")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--inserts", type=int, default=2000, help="rows inserted; 0: none")
    parser.add_argument("--workers", type=int, default=0, help="parallel workers of a build")
    parser.add_argument("--memory", default="2GB", help="maintenance_work_mem")
    parser.add_argument("--cluster", help="folder of the server")
    parser.add_argument("--pg-config", default="pg_config")
    parser.add_argument("--extension", action="append", default=[],
                        help="NAME:EXTENSION, another extension in the place of a player")
    args = parser.parse_args()
    args.options, args.settings = [], []
    args.engines, args.phases = ["gigavec", "pgvector"], []
    cluster = Cluster(args.pg_config, args.cluster)
    players, _ = driver.make_engines(cluster, args)
    cluster.start()
    for engine in players:
        engine.prepare(False)
        print("%s %s" % (engine.name, engine.version))
    print("PostgreSQL %s, %s" % (cluster.version, driver.describe_machine()))
    for name in args.sets:
        run_set(name, players, args)
