#
# filtering.py
#     Measure nearest neighbors under filters: recall, rows, throughput, plans.
#
# gigavec has the filter columns in its index; pgvector has a plain index, of
# which iterative scans in strict order throw away what does not pass.  Both
# tables have a btree index on each column (GIN on arrays) besides.  The planner
# is free to choose; in a second measurement it is made to take the hnsw index.
# Other settings are the defaults.
#

import argparse
import datetime
import json
import os
import sys
import time

import numpy as np

import dataset
import driver
import filters
import paths
import report
from client import Client
from cluster import Cluster
from engines import OPERATORS, Extension, read_plans, vector_text

SETS = ["sift-bsds-200k", "mnist-784", "imdb-lsa-768"]
PHASES = ["load", "answers", "time"]
WAYS = {"free": [], "index": ["SET enable_seqscan = off", "SET enable_bitmapscan = off",
                              "SET enable_sort = off"]}
WAYS_TITLE = {"free": "the planner chooses", "index": "by the hnsw index"}
STRICT = "SET hnsw.iterative_scan = strict_order"
TYPES = {"created": "timestamptz", "tags": "int[]"}
INT4_OID = 23
EPOCH = 946684800                   # 2000-01-01, from which timestamps count


def commands(engine, way):
    strict = [STRICT] if engine.extension != "gigavec" else []
    return WAYS[way] + strict + engine.settings


def column_fields(name, values):
    """The fields of a column in a row of COPY (FORMAT binary), and what they hold."""
    if name == "tags":
        fields = [(name + "_length", ">i4", 20 + 8 * values.shape[1])]
        fields += [(name + "_ndim", ">i4", 1), (name + "_null", ">i4", 0),
                   (name + "_type", ">i4", INT4_OID), (name + "_n", ">i4", values.shape[1]),
                   (name + "_first", ">i4", 1)]
        for i in range(values.shape[1]):
            fields += [("%s_%d_length" % (name, i), ">i4", 4),
                       ("%s_%d" % (name, i), ">i4", values[:, i])]
        return fields
    if name == "created":
        return [(name + "_length", ">i4", 8), (name, ">i8", (values - EPOCH) * 1000000)]
    return [(name + "_length", ">i4", 4), (name, ">i4", values)]


def write_rows(path, data, columns):
    fields = [("n", ">i2", 2 + len(columns)), ("id_length", ">i4", 4),
              ("id", ">i4", np.arange(len(data.base))),
              ("length", ">i4", 4 + 4 * data.dim), ("dim", ">i2", data.dim),
              ("zero", ">i2", 0), ("v", ">f4", data.base)]
    for name, values in columns.items():
        fields += column_fields(name, values)
    rows = np.zeros(len(data.base), dtype=[
        (f, t, (data.dim,)) if f == "v" else (f, t) for f, t, _ in fields])
    for field, _, values in fields:
        rows[field] = values
    with open(path, "wb") as f:
        f.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        rows.tofile(f)
        f.write(b"\xff\xff")


def load(engine, data, columns, args):
    """Fill the table and index it; return seconds and bytes of the hnsw index."""
    more = "" if engine.extension != "gigavec" else "".join(", " + name for name in columns)
    key = data.name + ":filtered"
    form = [data.fingerprint, sorted(columns), more, args.memory]
    state = engine.get_state(key)
    if engine.name in args.reuse and state and state["form"] == form:
        return state
    engine.set_state(key, None)
    path = os.path.join(engine.cluster.files, data.name + ".filter.copy")
    write_rows(path, data, columns)
    engine.cluster.take_file(path)
    engine.sql(data, "CREATE SCHEMA IF NOT EXISTS \"%s\"" % data.name,
               "DROP TABLE IF EXISTS filtered",
               "CREATE TABLE filtered (id int NOT NULL, embedding vector(%d), %s)" %
               (data.dim, ", ".join("%s %s" % (name, TYPES.get(name, "int"))
                                    for name in columns)),
               "COPY filtered FROM '%s' (FORMAT binary)" % path)
    os.unlink(path)
    start = time.monotonic()
    engine.sql(data, "SET maintenance_work_mem = '%s'" % args.memory,
               "SET max_parallel_maintenance_workers = 1",
               "CREATE INDEX filtered_embedding ON filtered USING hnsw (embedding %s%s)" %
               (OPERATORS[data.metric][1], more))
    seconds = time.monotonic() - start
    for name in columns:
        engine.sql(data, "CREATE INDEX filtered_%s ON filtered USING %s (%s)" % (
            name, "gin" if name == "tags" else "btree", name))
    engine.sql(data, "VACUUM (ANALYZE) filtered")
    size = engine.sql(data, "SELECT pg_relation_size('filtered_embedding')")[0]
    state = {"seconds": seconds, "bytes": int(size), "form": form}
    engine.set_state(key, state)
    return state


def query(data, filter_, k):
    return "SELECT id FROM filtered WHERE %s ORDER BY embedding %s $1 LIMIT %d" % (
        filter_.where, OPERATORS[data.metric][0], filter_.k or k)


def scan_of(node):
    """A word for the scan at the bottom of a plan."""
    while "Plans" in node and "Index Name" not in node:
        node = node["Plans"][0]
    index = node.get("Index Name", "")
    if index == "filtered_embedding":
        return "hnsw" if "Filter" not in node else "hnsw + filter"
    if node["Node Type"] == "Seq Scan":
        return "table"
    return "GIN" if index == "filtered_tags" else "btree"


def explain(engine, way, data, filter_, args):
    """The scan that a prepared statement ends up with, and pages read a query (median)."""
    prepared = "vector, int, int" if "$3" in filter_.where else "vector, int"
    run = commands(engine, way) + ["PREPARE q(%s) AS %s" % (
        prepared, query(data, filter_, args.k))]
    for row, bounds in list(zip(data.query, filter_.bounds))[:args.explain]:
        values = ["'%s'" % vector_text(row)] + [str(x) for x in bounds]
        run.append("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE q(%s)" %
                   ", ".join(values[:prepared.count(",") + 1]))
    top, buffers = read_plans(engine.sql(data, *run))
    return {"plan": scan_of(top), "buffers": buffers}


def send(engine, way, client, data, filter_, args, **options):
    """Send the queries with their numbers."""
    bounds = os.path.join(client.folder, "bounds.%d" % os.getpid())
    filter_.bounds.tofile(bounds)
    try:
        return client.run("search", engine, data, query(data, filter_, args.k), data.query,
                          commands(engine, way), k=filter_.k or args.k, bounds=bounds,
                          **options)
    finally:
        os.unlink(bounds)


def answers(engine, way, client, data, filter_, args):
    """What the queries answer: recall, how many got too little, plan, pages."""
    ids = os.path.join(client.folder, "ids.%d" % os.getpid())
    k = filter_.k or args.k
    send(engine, way, client, data, filter_, args, ids=ids, seconds=0)
    found = np.fromfile(ids, np.int32).reshape(-1, k)
    os.unlink(ids)
    recall, short = filters.recall(data, filter_, filters.truth(data, filter_, k), found)
    return dict(explain(engine, way, data, filter_, args), recall=recall, short=short)


def earlier(result, name):
    """The entry of a data set in the results so far, made if there is none."""
    for entry in result["sets"]:
        if entry["name"] == name:
            return entry
    entry = {"name": name, "build": {}, "filters": {}}
    result["sets"].append(entry)
    return entry


def run_set(name, result, engines, client, args):
    data = dataset.load(name, args.queries)
    if data is None:
        print("%s: not found, skipped" % name)
        return
    print("%s: %d x %d, %s" % (data.name, len(data.base), data.dim, data.metric), flush=True)
    columns, found = filters.make(data, dataset.find(name))
    found = [f for f in found if not args.filters or any(p in f.name for p in args.filters)]
    entry = earlier(result, data.name)
    entry.update(n=len(data.base), dim=data.dim, queries=len(data.query))
    runs = [(f, way, engine, entry["filters"].setdefault(f.name, {}).setdefault(
        way, {}).setdefault(engine.name, {}))
        for f in found for way in args.ways for engine in engines]
    if "load" in args.phases:
        for engine in engines:
            entry["build"][engine.name] = load(engine, data, columns, args)
    if "answers" in args.phases:
        for f, way, engine, point in runs:
            point.update(answers(engine, way, client, data, f, args))
            print("  %s, %s, %s: %s" % (f.name, way, engine.name, " ".join(
                "%s %s" % (k, round(v, 3) if isinstance(v, float) else v)
                for k, v in point.items() if k != "qps")), flush=True)
    if "time" in args.phases:
        for f, way, engine, point in runs:
            point["qps"] = []
        for number in range(args.rounds):
            for f, way, engine, point in runs:
                point["qps"].append(send(engine, way, client, data, f, args,
                                         seconds=args.seconds, pin=client.pin)["qps"])
            print("  round %d of %d done" % (number + 1, args.rounds), flush=True)


def filter_table(entry, way):
    names = list(dict.fromkeys(n for f in entry["filters"].values() for n in f.get(way, {})))
    head = ["filter"]
    for name in names:
        head += ["%s QPS" % name, "recall", "short", "pages", "plan"]
    both = "gigavec" in names and "pgvector" in names
    head += ["gigavec / pgvector"] if both else []
    rows = []
    for title, found in entry["filters"].items():
        points = found.get(way)
        if not points:
            continue
        row = [title]
        qps = {n: float(np.median(p["qps"])) if p.get("qps") else None
               for n, p in points.items()}
        for name in names:
            p = points.get(name, {})
            row += [report.number(qps.get(name)), report.number(p.get("recall"), "%.3f"),
                    report.number(p.get("short")), report.number(p.get("buffers")),
                    p.get("plan", "")]
        row += [report.ratio(qps.get("gigavec"), qps.get("pgvector"))] if both else []
        rows.append(row)
    return report.table(head, rows)


def markdown(result):
    parts = ["PostgreSQL %s, %s; %s; %s. LIMIT %d, one client, medians of %d rounds of %g s." %
             (result["postgresql"], ", ".join("%s %s" % v for v in
                                              result["versions"].items()),
              result["machine"], result["date"], result["k"], result["rounds"],
              result["seconds"])]
    for entry in result["sets"]:
        parts.append("**%s** (%d x %d, %d queries). Index: %s." % (
            entry["name"], entry["n"], entry["dim"], entry["queries"], ", ".join(
                "%s %.1f s, %.1f MB" % (n, b["seconds"], b["bytes"] / 1e6)
                for n, b in entry["build"].items())))
        for way, title in WAYS_TITLE.items():
            if any(f.get(way) for f in entry["filters"].values()):
                parts += ["%s, %s:" % (entry["name"], title), filter_table(entry, way)]
    parts.append("short: queries with fewer rows than there are, or a row that does not pass. "
                 "pages: median of the pages a query read. plan: the scan it was.")
    return "\n\n".join(parts) + "\n"


def parse():
    def names(text):
        return [n for n in text.split(",") if n]

    parser = argparse.ArgumentParser(
        description="nearest neighbors under filters, gigavec and pgvector side by side",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--sets", type=names, default=",".join(SETS))
    add("--engines", type=names, default="gigavec,pgvector")
    add("--phases", type=names, default=",".join(PHASES), help="of %s" % ",".join(PHASES))
    add("--ways", type=names, default=",".join(WAYS),
        help="free: the planner chooses; index: the hnsw index is forced")
    add("--filters", type=names, default="", help="only those with such a name")
    add("--queries", type=int, default=200, help="queries of each set")
    add("--explain", type=int, default=20, help="queries for the plan and the pages")
    add("--k", type=int, default=10, help="LIMIT of a query")
    add("--rounds", type=int, default=3, help="repetitions; medians are shown")
    add("--seconds", type=float, default=0.5, help="time for one filter in one round")
    add("--memory", default="2GB", help="maintenance_work_mem")
    add("--set", dest="settings", action="append", default=[], metavar="ENGINE:NAME=VALUE",
        help="a setting of every session that searches")
    add("--reuse", type=names, default="", metavar="ENGINES",
        help="keep tables and indexes of these engines from an earlier run")
    add("--pg-config", default=os.environ.get("PG_CONFIG", "pg_config"))
    add("--cluster", help="folder of the private cluster [/var/tmp/gigavec-bench-...]")
    add("--out", help="folder of the results, added to if there are some [a new one]")
    args = parser.parse_args()
    for given, known in ((args.phases, PHASES), (args.ways, WAYS)):
        for name in given:
            if name not in known:
                parser.error("\"%s\" is not one of %s" % (name, ", ".join(known)))
    return args


def main():
    args = parse()
    cluster = Cluster(args.pg_config, args.cluster)
    settings = driver.split_options(args.settings)
    engines = []
    for name, extension in (("gigavec", "gigavec"), ("pgvector", "vector")):
        if name in args.engines and cluster.has_extension(extension):
            engines.append(Extension(cluster, name, extension, settings=[
                "SET %s" % s for s in settings.get(name, [])]))
        elif name in args.engines:
            print("%s is not installed for PostgreSQL %s, goes without" %
                  (name, cluster.major))
    if not engines:
        sys.exit("nothing to measure")
    client = Client(cluster)
    cluster.start()
    for engine in engines:
        engine.prepare(engine.name in args.reuse or "load" not in args.phases)
    now = datetime.datetime.now()
    folder = args.out or paths.cache_folder(
        "results", "filter-%s" % now.strftime("%Y%m%d-%H%M%S"))
    os.makedirs(folder, exist_ok=True)
    result = {"sets": []}
    if os.path.exists(os.path.join(folder, "result.json")):
        with open(os.path.join(folder, "result.json")) as f:
            result = json.load(f)
    result.update({"command": sys.argv[1:], "date": now.strftime("%Y-%m-%d"),
                   "machine": driver.describe_machine(), "postgresql": cluster.version,
                   "k": args.k, "rounds": args.rounds, "seconds": args.seconds})
    result.setdefault("versions", {}).update({e.name: e.version for e in engines})
    for name in args.sets:
        run_set(name, result, engines, client, args)
        with open(os.path.join(folder, "result.json.tmp"), "w") as f:
            json.dump(result, f, indent=1)
        os.rename(os.path.join(folder, "result.json.tmp"),
                  os.path.join(folder, "result.json"))
        with open(os.path.join(folder, "report.md"), "w") as f:
            f.write(markdown(result))
    if not result["sets"]:
        sys.exit("no data set was found")
    print("\n" + markdown(result))
    print("Kept in %s" % folder)
