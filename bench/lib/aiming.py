#
# aiming.py
#     The benchmark of recall as the setting, on each data set.
#
# The best fixed ef is one that nobody knows beforehand: the least with which
# the set's own queries reach the target.
#

import copy
import datetime
import json
import os

import dataset
import driver
import measure
import paths
import report
from client import Client
from cluster import Cluster
from engines import vector_text

SETS = ["sift-bsds-200k", "imdb-lsa-384", "imdb-lsa-768", "mnist-784"]
EF_STEP = 1.12


def ef_grid():
    ef, last = 1.0, 4000
    while ef < last:
        yield int(ef)
        ef = max(ef + 1, ef * EF_STEP)
    yield last


def aimed(engine, target):
    """Return the engine with sessions that ask for a recall, whatever ef."""
    result = copy.copy(engine)
    result.session = lambda ef: ["SET gigavec.target_recall = %s" % target,
                                 "SET hnsw.ef_search = 0",
                                 "SET enable_seqscan = off"] + engine.settings
    return result


def find_fixed(engine, client, data, exact, args):
    """Return the recall of each ef, up to the last target."""
    points = []
    for ef in ef_grid():
        found = dataset.recall(data, exact, client.ids(engine, data, args.k, ef))
        points.append({"ef": ef, "recall": found})
        if found >= measure.TARGETS[-1]:
            break
    return points


def around(points, target):
    """Return the points below and above a target."""
    above = next((i for i, p in enumerate(points) if p["recall"] >= target), None)
    if above is None:
        return []
    return points[max(above - 1, 0):above + 1]


def of_rows(engine, data, k, target):
    """Return what gigavec.recall finds with rows as queries: recall, mean ef."""
    row = engine.sql(data, "SELECT round(recall::numeric, 4) || ' ' || round(ef) FROM "
                     "gigavec.recall('items_embedding', %d, 500, %s)" % (k, target))[0]
    return [float(x) for x in row.split()]


def store_queries(engine, data, queries, k):
    """Let the index measure itself by queries instead of its rows."""
    engine.sql(data, "DROP TABLE IF EXISTS asked", "CREATE TABLE asked (embedding vector(%d))" % data.dim)
    for row in queries:
        engine.sql(data, "INSERT INTO asked VALUES ('%s')" % vector_text(row))
    engine.sql(data, "SELECT recall FROM gigavec.recall('items_embedding', %d, "
               "ARRAY(SELECT embedding FROM asked), store => true)" % k)


def run_set(name, engine, client, args):
    data = dataset.load(name, args.queries, args.metric)
    if data is None:
        measure.say("%s: not found, skipped" % name)
        return None
    stored = data.query[:args.store]
    if args.store >= len(data.query):
        measure.say("%s: --store %d leaves none of %d queries to measure, skipped" %
                    (name, args.store, len(data.query)))
        return None
    if args.store:
        data = dataset.Dataset(data.name, data.base, data.query[args.store:], data.metric)
    measure.say("%s: %d x %d, %s" % (data.name, len(data.base), data.dim, data.metric))
    built = measure.build([engine], None, data, args)
    if args.store:
        store_queries(engine, data, stored, args.k)
    exact = dataset.truth(data, args.k)
    points = find_fixed(engine, client, data, exact, args)
    entry = {"name": data.name, "n": len(data.base), "dim": data.dim,
             "queries": len(data.query), "build": built, "fixed": points, "targets": []}
    for target in measure.TARGETS:
        asking = aimed(engine, target)
        found = dataset.recall(data, exact, client.ids(asking, data, args.k, 0))
        rows_recall, ef = of_rows(engine, data, args.k, target)
        point = {"target": target, "recall": found, "recall_of_rows": rows_recall, "ef": ef}
        fixed = around(points, target)
        for _ in range(args.rounds):
            for p, who in [(point, asking)] + [(p, engine) for p in fixed]:
                p.setdefault("runs", {}).setdefault("1", []).append(
                    client.measure(who, data, args.k, int(p["ef"]), 1, args.seconds))
        point["qps"] = measure.median_of(point, 1)
        point["fixed_qps"] = measure.interpolate(
            fixed, target, lambda p: measure.median_of(p, 1))[0]
        point["fixed_ef"] = measure.interpolate(fixed, target, lambda p: p["ef"])[0]
        measure.say("  asked for %.2f: found %.4f" % (target, found))
        entry["targets"].append(point)
    return entry


def write(result):
    head = ["set", "target", "recall@%d" % result["k"], "of rows as queries", "mean ef",
            "best fixed ef", "QPS", "QPS of best fixed ef", "cost"]
    rows = []
    for entry in result["sets"]:
        for p in entry["targets"]:
            rows.append([entry["name"], "%.2f" % p["target"], "%.4f" % p["recall"],
                         "%.4f" % p["recall_of_rows"], "%.0f" % p["ef"],
                         report.number(p["fixed_ef"]), report.number(p["qps"]),
                         report.number(p["fixed_qps"]),
                         report.ratio(p["fixed_qps"], p["qps"], "%.2fx")])
    return report.table(head, rows)


def main():
    args = driver.parse("recall as the setting: what queries find at each "
                        "gigavec.target_recall, and what that costs beside the best "
                        "fixed ef", ["build", "search"], 3, SETS, "gigavec")
    if args.report:
        with open(os.path.join(args.report, "result.json")) as f:
            print(write(json.load(f)))
        return
    cluster = Cluster(args.pg_config, args.cluster)
    args.engines = ["gigavec"]
    engine = driver.make_engines(cluster, args)[0][0]
    client = Client(cluster)
    cluster.start(args.fresh)
    engine.prepare("gigavec" in args.reuse)
    now = datetime.datetime.now()
    folder = args.out or paths.cache_folder(
        "results", "recall-%s" % now.strftime("%Y%m%d-%H%M%S"))
    os.makedirs(folder, exist_ok=True)
    result = {"date": now.strftime("%Y-%m-%d"), "machine": driver.describe_machine(),
              "postgresql": cluster.version, "k": args.k, "rounds": args.rounds,
              "seconds": args.seconds, "sets": []}
    for name in args.sets:
        entry = run_set(name, engine, client, args)
        if entry is not None:
            result["sets"].append(entry)
            with open(os.path.join(folder, "result.json"), "w") as f:
                json.dump(result, f, indent=1)
    if not result["sets"]:
        raise SystemExit("no data set was found")
    print("\n" + write(result))
    print("Kept in %s" % folder)
