#
# engines.py
#     The peers of a benchmark and how each stores and indexes a data set.
#
# gigavec and pgvector have the same SQL surface, so both are an Extension
# with a database of its own in one cluster.  hnswlib runs in process and has
# no SQL at all.
#

import glob
import json
import os
import time

import numpy as np

import paths

OPERATORS = {"l2": ("<->", "vector_l2_ops"), "cosine": ("<=>", "vector_cosine_ops"),
             "ip": ("<#>", "vector_ip_ops")}
EF_GRID = [10, 12, 16, 20, 24, 32, 40, 50, 64, 80, 100, 128, 160, 200, 256, 320, 400,
           512, 640, 800, 1000]
# gigavec adds to an ef that is set, so that less than k finds k
EF_BELOW = list(range(1, 10))
EF_BEYOND = [1280, 1600, 2000, 2560, 3200, 4000]    # pgvector stops at 1000
HNSWLIB_M, HNSWLIB_EF_CONSTRUCTION = 16, 200


class Extension:
    """An extension of PostgreSQL with the types and operators of pgvector."""

    def __init__(self, cluster, name, extension, options="", settings=()):
        self.cluster = cluster
        self.name = name                    # also the name of the database
        self.extension = extension
        self.options = options              # e.g. "m = 16, ef_construction = 64"
        self.settings = list(settings)      # SET commands of every session
        self.version = None
        self.grid = EF_BELOW + EF_GRID + EF_BEYOND if extension == "gigavec" else EF_GRID

    def prepare(self, reuse):
        """
        Make the database with the extension anew, or keep it when `reuse`.
        """
        c = self.cluster
        if not reuse:
            c.sql("postgres", "DROP DATABASE IF EXISTS %s" % self.name)
        if not c.sql("postgres", "SELECT 1 FROM pg_database WHERE datname = '%s'" %
                     self.name):
            c.sql("postgres", "CREATE DATABASE %s" % self.name)
        c.sql(self.name, "CREATE EXTENSION IF NOT EXISTS %s" % self.extension,
              "CREATE TABLE IF NOT EXISTS public.bench_state "
              "(name text PRIMARY KEY, value text)")
        self.version = c.sql(self.name, "SELECT extversion FROM pg_extension "
                             "WHERE extname = '%s'" % self.extension)[0]

    def sql(self, data, *commands):
        return self.cluster.sql(self.name, *commands, path=data.name)

    def get_state(self, key):
        rows = self.cluster.sql(self.name, "SELECT value FROM public.bench_state "
                                "WHERE name = '%s'" % key)
        return json.loads(rows[0]) if rows else None

    def set_state(self, key, value):
        self.cluster.sql(self.name, "DELETE FROM public.bench_state WHERE name = '%s'" %
                         key)
        if value is not None:
            self.cluster.sql(self.name, "INSERT INTO public.bench_state VALUES "
                             "('%s', $j$%s$j$)" % (key, json.dumps(value)))

    def create_table(self, data, table="items"):
        self.sql(data, "CREATE SCHEMA IF NOT EXISTS \"%s\"" % data.name,
                 "DROP TABLE IF EXISTS %s" % table,
                 "CREATE TABLE %s (id int NOT NULL, embedding vector(%d))" %
                 (table, data.dim))

    def copy(self, data, path, form, table="items"):
        """COPY a file into an unindexed table; return rows per second."""
        start = time.monotonic()
        self.sql(data, "COPY %s FROM '%s' (FORMAT %s)" % (table, path, form))
        return len(data.base) / (time.monotonic() - start)

    def load(self, data, reuse):
        """Fill the table, unless it is there already and `reuse`."""
        key = data.name + ":table"
        if reuse and self.get_state(key) == data.fingerprint:
            return
        self.set_state(key, None)
        self.set_state(data.name + ":index", None)
        self.create_table(data)
        self.copy(data, write_copy_file(self.cluster, data), "binary")
        self.sql(data, "VACUUM (ANALYZE) items")
        self.set_state(key, data.fingerprint)

    def build(self, data, reuse, memory, workers):
        """Create the hnsw index; return what it took."""
        key = data.name + ":index"
        with_options = " WITH (%s)" % self.options if self.options else ""
        ddl = "CREATE INDEX items_embedding ON items USING hnsw (embedding %s)%s" % (
            OPERATORS[data.metric][1], with_options)
        if reuse:
            state = self.get_state(key)
            if state and state["ddl"] == ddl:
                return dict(state, reused=True)
        self.set_state(key, None)
        self.sql(data, "DROP INDEX IF EXISTS items_embedding", "CHECKPOINT")
        start = time.monotonic()
        self.sql(data, "SET maintenance_work_mem = '%s'" % memory,
                 "SET max_parallel_maintenance_workers = %d" % workers,
                 "SET min_parallel_table_scan_size = 0", ddl)
        seconds = time.monotonic() - start
        size, heap = self.sql(
            data, "SELECT pg_relation_size('items_embedding') UNION ALL "
            "SELECT pg_table_size('items')")
        state = {"ddl": ddl, "seconds": seconds, "index_bytes": int(size),
                 "table_bytes": int(heap), "workers": workers, "memory": memory}
        self.set_state(key, state)
        return state

    def files(self, data):
        """Return the paths of all files of the table and its index."""
        first = self.sql(
            data, "SELECT pg_relation_filepath(oid) FROM pg_class "
            "WHERE oid IN ('items'::regclass, 'items_embedding'::regclass, "
            "(SELECT reltoastrelid FROM pg_class WHERE oid = 'items'::regclass))")
        found = []
        for path in first:
            path = os.path.join(self.cluster.data, path)
            found += [path] + sorted(glob.glob(path + ".*"))
        return found

    def index_size(self, data):
        return int(self.sql(data, "SELECT pg_relation_size('items_embedding')")[0])

    def replace_rows(self, data, ids):
        """
        Delete rows, VACUUM, insert them again; return the seconds of VACUUM
        and of INSERT.
        """
        path = os.path.join(self.cluster.files, "gone.txt")
        with open(path, "w") as f:
            f.writelines("%d\n" % i for i in ids)
        self.cluster.take_file(path)
        self.sql(data, "DROP TABLE IF EXISTS gone, kept",
                 "CREATE TABLE gone (id int)", "COPY gone FROM '%s'" % path,
                 "CREATE TABLE kept AS SELECT * FROM items WHERE id IN (TABLE gone)",
                 "DELETE FROM items WHERE id IN (TABLE gone)")
        start = time.monotonic()
        self.sql(data, "VACUUM items")
        vacuumed = time.monotonic()
        self.sql(data, "INSERT INTO items TABLE kept")
        return vacuumed - start, time.monotonic() - vacuumed

    def spoil(self, data):
        """Note that the table no longer holds just the data set."""
        self.set_state(data.name + ":table", None)
        self.set_state(data.name + ":index", None)

    def query(self, data, k):
        return "SELECT id FROM items ORDER BY embedding %s $1 LIMIT %d" % (
            OPERATORS[data.metric][0], k)

    def session(self, ef):
        """
        Return the commands of a session that searches with this ef.

        The index is to be measured even where the planner, for a large ef on
        a small table, would rather read the table.
        """
        return ["SET hnsw.ef_search = %d" % ef,
                "SET enable_seqscan = off"] + self.settings

    def explain(self, data, k, ef, queries, free=False):
        """
        Return the scan node of EXPLAIN and the median of the buffers a query
        touches, planning not counted, over the first `queries` queries.
        With `free` the planner may read the table instead.
        """
        commands = self.session(ef)
        if free:
            commands.append("RESET enable_seqscan")
        commands.append("PREPARE q(vector) AS " + self.query(data, k))
        for row in data.query[:queries]:
            commands.append("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE q('%s')" %
                            vector_text(row))
        top, buffers = read_plans(self.sql(data, *commands))
        while "Plans" in top:
            top = top["Plans"][0]
        return "%s using %s" % (top["Node Type"], top.get("Index Name")), buffers


class Hnswlib:
    """hnswlib in this process: no SQL, no storage, no durability."""

    name = "hnswlib"
    grid = EF_GRID + EF_BEYOND

    def __init__(self):
        import hnswlib

        self.module = hnswlib
        self.version = getattr(hnswlib, "__version__", None)
        if self.version is None:
            from importlib.metadata import version

            self.version = version("hnswlib")

    def open(self, data, threads):
        """Build the graph or read it from the cache; return the build time."""
        path = os.path.join(paths.cache_folder("hnswlib"), "%s-%s-%d-%d" % (
            data.name, data.fingerprint, HNSWLIB_M, HNSWLIB_EF_CONSTRUCTION))
        self.index = self.module.Index(space=data.metric, dim=data.dim)
        if os.path.exists(path) and os.path.exists(path + ".json"):
            self.index.load_index(path, max_elements=len(data.base))
            with open(path + ".json") as f:
                return dict(json.load(f), reused=True)
        self.index.init_index(max_elements=len(data.base), M=HNSWLIB_M, random_seed=1,
                              ef_construction=HNSWLIB_EF_CONSTRUCTION)
        start = time.monotonic()
        self.index.add_items(data.base, num_threads=threads)
        state = {"seconds": time.monotonic() - start, "threads": threads}
        self.index.save_index(path)
        state["index_bytes"] = os.path.getsize(path)
        with open(path + ".json", "w") as f:
            json.dump(state, f)
        return state

    def ids(self, data, k, ef):
        self.index.set_ef(max(ef, k))
        labels, _ = self.index.knn_query(data.query, k=k, num_threads=1)
        return labels.astype(np.int32)

    def measure(self, data, k, ef, clients, seconds):
        """Search all queries in batches until the time is over; return QPS."""
        self.index.set_ef(max(ef, k))
        done, start, elapsed = 0, time.monotonic(), 0.0
        while elapsed < seconds:
            self.index.knn_query(data.query, k=k, num_threads=clients)
            done += len(data.query)
            elapsed = time.monotonic() - start
        return {"qps": done / elapsed, "queries": done}


def read_plans(lines):
    """
    Return the last plan of several EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON),
    and the median of the buffers they touch, planning not counted.
    """
    output = "\n".join(lines)
    decoder = json.JSONDecoder()
    buffers, at = [], 0
    while at < len(output):
        plan, at = decoder.raw_decode(output, at)
        at = len(output) - len(output[at:].lstrip())
        top = plan[0]["Plan"]
        buffers.append(top["Shared Hit Blocks"] + top["Shared Read Blocks"])
    return top, float(np.median(buffers))


def vector_text(row):
    return "[" + ",".join(repr(float(x)) for x in row) + "]"


def write_copy_file(cluster, data):
    """
    Write the base as a file for COPY (FORMAT binary); return its path.

    A row: int16 field count 2; int32 length 4, int32 id; int32 length, then
    int16 dimensions, int16 zero, float4[dim], all big-endian.
    Source: PostgreSQL documentation, COPY, "Binary Format".
    """
    path = os.path.join(cluster.files, "%s-%s.copy" % (data.name, data.fingerprint))
    if os.path.exists(path):
        return path
    row = np.dtype([("fields", ">i2"), ("idlen", ">i4"), ("id", ">i4"), ("len", ">i4"),
                    ("dim", ">i2"), ("zero", ">i2"), ("x", ">f4", (data.dim,))])
    with open(path + ".tmp", "wb") as f:
        f.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for first in range(0, len(data.base), 10000):
            part = data.base[first:first + 10000]
            rows = np.zeros(len(part), row)
            rows["fields"], rows["idlen"] = 2, 4
            rows["id"] = np.arange(first, first + len(part))
            rows["len"], rows["dim"] = 4 + 4 * data.dim, data.dim
            rows["x"] = part
            rows.tofile(f)
        f.write(b"\xff\xff")
    os.rename(path + ".tmp", path)
    cluster.take_file(path)
    return path
