#
# driver.py
#     The command line shared by the benchmarks.
#

import argparse
import datetime
import json
import os
import platform
import sys

import needs  # noqa: F401

import dataset
import measure
import paths
import report
from client import Client
from cluster import Cluster
from engines import Extension, Hnswlib

SETS = ["sift-bsds-200k", "imdb-lsa-384", "imdb-lsa-768", "mnist-784",
        "minilm-sentences-384"]


def parse(description, phases, rounds, sets=SETS,
          engines="gigavec,pgvector,hnswlib"):
    def names(text):
        return [n for n in text.split(",") if n]

    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--sets", type=names, default=",".join(sets),
        help="names, folders with base and query (.npy, .fvecs), or HDF5 files")
    add("--metric", choices=("l2", "cosine", "ip"),
        help="metric of sets that do not say; overrides those that do")
    add("--engines", type=names, default=engines)
    add("--no-peer", action="store_true", help="the same as --engines gigavec")
    add("--phases", type=names, default=",".join(phases), help="of %s" % ",".join(phases))
    add("--queries", type=int, default=1000, help="queries of each set")
    add("--k", type=int, default=10, help="LIMIT of a query")
    add("--clients", type=lambda t: [int(x) for x in t.split(",")], default="1,2",
        help="numbers of connections")
    add("--rounds", type=int, default=rounds, help="repetitions; medians are shown")
    add("--seconds", type=float, default=1.0, help="time for one point in one round")
    add("--store", type=int, default=0, metavar="N",
        help="bench/recall: so many of the queries are stored in the index, the rest are measured")
    add("--explain", type=int, default=50, help="queries for the buffer counts")
    add("--quick", action="store_true", help="200 queries, one round, one client")
    add("--workers", type=int, default=1, help="max_parallel_maintenance_workers")
    add("--memory", default="2GB", help="maintenance_work_mem")
    add("--insert-rows", type=int, default=2000, help="query vectors inserted, at most")
    add("--churns", type=int, default=5, help="rounds of deleting and inserting")
    add("--batch", type=int, default=100, help="inserts in one transaction")
    add("--reuse", type=names, default="", metavar="ENGINES",
        help="keep tables and indexes of these engines from an earlier run")
    add("--with", dest="options", action="append", default=[], metavar="ENGINE:OPTIONS",
        help="index options, e.g. gigavec:m=32")
    add("--set", dest="settings", action="append", default=[],
        metavar="ENGINE:NAME=VALUE", help="a setting of every session that searches")
    add("--extension", action="append", default=[], metavar="ENGINE:NAME",
        help="extension that plays an engine, e.g. gigavec:vector to test this program")
    add("--let-move", action="store_true",
        help="do not put each client and its backend on one processor")
    add("--pg-config", default=os.environ.get("PG_CONFIG", "pg_config"))
    add("--cluster", help="folder of the private cluster [/var/tmp/gigavec-bench-...]")
    add("--fresh", action="store_true", help="make the cluster anew")
    add("--out", help="folder of the results [a new one in the cache]")
    add("--report", metavar="FOLDER", help="only make the report of a run again")
    args = parser.parse_args()
    if args.quick:
        args.queries, args.rounds, args.clients = min(args.queries, 200), 1, [1]
    if args.no_peer:
        args.engines = ["gigavec"]
    for name in args.engines + args.reuse:
        if name not in ("gigavec", "pgvector", "hnswlib"):
            parser.error("engine \"%s\" is not one of gigavec, pgvector, hnswlib" % name)
    for phase in args.phases:
        if phase not in phases:
            parser.error("phase \"%s\" is not one of %s" % (phase, ", ".join(phases)))
    return args


def split_options(values):
    """Return {engine: [rest, ...]} of values of the form engine:rest."""
    found = {}
    for value in values:
        engine, colon, rest = value.partition(":")
        if not colon:
            sys.exit("\"%s\" is not of the form ENGINE:VALUE" % value)
        found.setdefault(engine, []).append(rest)
    return found


def make_engines(cluster, args):
    """Return the engines that are installed, and hnswlib or None."""
    options = split_options(args.options)
    settings = split_options(args.settings)
    played = split_options(args.extension)
    hints = {"gigavec": "run \"make install PG_CONFIG=%s\"" % cluster.pg_config,
             "pgvector": "install postgresql-%s-pgvector" % cluster.major}
    engines = []
    for name, extension in (("gigavec", "gigavec"), ("pgvector", "vector")):
        if name not in args.engines:
            continue
        extension = played.get(name, [extension])[-1]
        if cluster.has_extension(extension):
            engines.append(Extension(
                cluster, name, extension, ", ".join(options.get(name, [])),
                ["SET %s" % s for s in settings.get(name, [])]))
        else:
            print("%s is not installed for PostgreSQL %s, goes without: %s" %
                  (name, cluster.major, hints[name]))
    hnswlib = None
    if "hnswlib" in args.engines and "search" in args.phases:
        try:
            hnswlib = Hnswlib()
        except ImportError:
            print("hnswlib is not installed, goes without: pip install hnswlib")
    if not engines:
        sys.exit("nothing to measure")
    return engines, hnswlib


def add_server_arguments(parser):
    """What benchmarks with a command line of their own have alike."""
    parser.add_argument("--k", type=int, default=10, help="LIMIT of a query")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1, help="parallel workers of a build")
    parser.add_argument("--memory", default="2GB", help="maintenance_work_mem")
    parser.add_argument("--cluster", help="folder of the server")
    parser.add_argument("--pg-config", default="pg_config")
    parser.add_argument("--extension", action="append", default=[],
                        help="NAME:EXTENSION, another extension in the place of a player")


def start_engines(args, reuse=False):
    """Start the cluster; return the engines of args.engines with their databases."""
    args.options, args.settings, args.phases = [], [], []
    cluster = Cluster(args.pg_config, args.cluster)
    players, _ = make_engines(cluster, args)
    cluster.start()
    for engine in players:
        engine.prepare(reuse)
        print("%s %s" % (engine.name, engine.version))
    print("PostgreSQL %s, %s" % (cluster.version, describe_machine()))
    return players


def describe_machine():
    cpu, memory = platform.machine(), ""
    try:
        with open("/proc/cpuinfo") as f:
            cpu = next(line.split(":")[1].strip() for line in f
                       if line.startswith("model name"))
        with open("/proc/meminfo") as f:
            memory = ", %d GB" % round(int(f.readline().split()[1]) / 1e6)
    except (OSError, StopIteration):
        pass
    return "%s, %d CPUs%s" % (cpu, len(os.sched_getaffinity(0)), memory)


def run_set(name, engines, hnswlib, client, args):
    """Measure one data set; return its entry, or None when it is not here."""
    data = dataset.load(name, args.queries, args.metric)
    if data is None:
        hint = ": make it with bench/embeddings/make_minilm.py" if "minilm-s" in name \
            else ""
        measure.say("%s: not found, skipped%s" % (name, hint))
        return None
    measure.say("%s: %d x %d, %s" % (data.name, len(data.base), data.dim, data.metric))
    entry = {"name": data.name, "n": len(data.base), "dim": data.dim,
             "metric": data.metric, "queries": len(data.query),
             "fingerprint": data.fingerprint}
    if "copy" in args.phases:
        entry["copy"] = measure.copy(engines, data, args)
    if "build" in args.phases or "search" in args.phases or "insert" in args.phases:
        entry["build"] = measure.build(engines, hnswlib, data, args)
    elif "exact" in args.phases:
        for engine in engines:
            engine.load(data, engine.name in args.reuse)
    if "exact" in args.phases:
        entry["exact"] = measure.exact_scan(engines, client, data, args)
    if "search" in args.phases:
        entry["search"] = measure.search(engines, client, hnswlib, data, args)
    if "memory" in args.phases:
        entry["memory"] = measure.memory(engines, client, data, args, entry["build"])
    if "churn" in args.phases:
        entry["churn"] = measure.churn(engines, client, data, args)
    if "insert" in args.phases:
        entry["insert"] = measure.insert(engines, client, data, args)
    return entry


def main(name, description, phases, rounds=3):
    args = parse(description, phases, rounds)
    if args.report:
        with open(os.path.join(args.report, "result.json")) as f:
            print(report.write(json.load(f), args.report))
        return
    cluster = Cluster(args.pg_config, args.cluster)
    engines, hnswlib = make_engines(cluster, args)
    client = Client(cluster, not args.let_move)
    cluster.start(args.fresh)
    for engine in engines:
        engine.prepare(engine.name in args.reuse)
    now = datetime.datetime.now()
    folder = args.out or paths.cache_folder(
        "results", "%s-%s" % (name, now.strftime("%Y%m%d-%H%M%S")))
    os.makedirs(folder, exist_ok=True)
    result = {"command": sys.argv[1:], "date": now.strftime("%Y-%m-%d"),
              "machine": describe_machine(), "postgresql": cluster.version,
              "versions": {e.name: e.version for e in
                           engines + ([hnswlib] if hnswlib else [])},
              "k": args.k, "clients": args.clients, "rounds": args.rounds,
              "seconds": args.seconds, "workers": args.workers, "memory": args.memory,
              "sets": []}
    text = ""
    for title in args.sets:
        entry = run_set(title, engines, hnswlib, client, args)
        if entry is None:
            continue
        result["sets"].append(entry)
        # after every set, so that an interrupted run leaves what it has
        with open(os.path.join(folder, "result.json.tmp"), "w") as f:
            json.dump(result, f, indent=1)
        os.rename(os.path.join(folder, "result.json.tmp"),
                  os.path.join(folder, "result.json"))
        text = report.write(result, folder)
    if not result["sets"]:
        sys.exit("no data set was found")
    print("\n" + text)
    print("Kept in %s" % folder)
