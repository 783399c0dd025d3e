#
# measure.py
#     The phases of a benchmark on one data set.
#
# Peers are measured in turn, point by point and round by round, so that a
# change of the machine's speed meets all of them alike; the median of the
# rounds is reported.
#

import os

import numpy as np

import dataset
from engines import write_copy_file

TARGETS = (0.90, 0.95, 0.99)
ENOUGH = 0.995
INDEX_SCAN = "Index Scan using items_embedding"


def say(text):
    print(text, flush=True)


def interpolate(points, target, value):
    """
    Return (value at that recall, exact) of a sweep, or (None, False).

    Between two points log(value) is linear in log(1 - recall).  When already
    the smallest ef has more recall than asked, its own value is returned and
    `exact` is False.
    """
    points = [p for p in points if value(p) is not None]
    if points and points[0]["recall"] >= target:
        return value(points[0]), points[0]["recall"] == target
    for low, high in zip(points, points[1:]):
        if low["recall"] < target <= high["recall"]:
            x = [-np.log(max(1 - r, 1e-6)) for r in
                 (low["recall"], target, high["recall"])]
            t = (x[1] - x[0]) / (x[2] - x[0])
            y = np.log(value(low)) * (1 - t) + np.log(value(high)) * t
            return float(np.exp(y)), True
    return None, False


def choose_points(points):
    """Keep the points around the targets and a few for the plot."""
    keep = {0, len(points) - 1}
    for target in TARGETS:
        for i in range(len(points) - 1):
            if points[i]["recall"] < target <= points[i + 1]["recall"]:
                keep |= {i, i + 1}
    below = [i for i, p in enumerate(points) if p["recall"] < TARGETS[0]]
    if below:
        keep = {i for i in keep if i >= below[-1]}
    return [points[i] for i in sorted(keep)]


def sweep_recall(runner, engine, data, exact, k, enough=ENOUGH):
    """Find the recall of every ef until it is enough."""
    points = []
    for ef in engine.grid:
        if ef < k and getattr(engine, "extension", None) != "gigavec":
            continue
        ids = runner.ids(data, k, ef) if runner is engine else \
            runner.ids(engine, data, k, ef)
        points.append({"ef": ef, "recall": dataset.recall(data, exact, ids)})
        if points[-1]["recall"] >= enough:
            break
    return points


def search(engines, client, hnswlib, data, args):
    """Return {engine: [points]} with recall, buffers and throughput."""
    exact = dataset.truth(data, args.k)
    result = {}
    for engine in engines:
        points = sweep_recall(client, engine, data, exact, args.k)
        points = choose_points(points)
        for point in points:
            node, buffers = engine.explain(data, args.k, point["ef"], args.explain)
            point["plan"] = engine.explain(data, args.k, point["ef"], 1, free=True)[0]
            if node != INDEX_SCAN:
                raise RuntimeError("%s does not use its index on %s: %s" %
                                   (engine.name, data.name, node))
            point["buffers"] = buffers
        say("  %s: recall %s" % (engine.name, ", ".join(
            "%.3f @ ef %d" % (p["recall"], p["ef"]) for p in points)))
        result[engine.name] = points
    if hnswlib:
        points = sweep_recall(hnswlib, hnswlib, data, exact, args.k)
        result[hnswlib.name] = choose_points(points)

    for number in range(args.rounds):
        for clients in args.clients:
            for i in range(max(map(len, result.values()))):
                for runner in engines + ([hnswlib] if hnswlib else []):
                    points = result[runner.name]
                    if i >= len(points):
                        continue
                    how = (data, args.k, points[i]["ef"], clients, args.seconds)
                    measured = runner.measure(*how) if runner is hnswlib else \
                        client.measure(runner, *how)
                    points[i].setdefault("runs", {}).setdefault(
                        str(clients), []).append(measured)
        say("  throughput: round %d of %d done" % (number + 1, args.rounds))
    return result


def median_of(point, clients, what="qps"):
    """Return the median over the rounds of a figure of a point."""
    runs = [r[what] for r in point.get("runs", {}).get(str(clients), []) if what in r]
    return float(np.median(runs)) if runs else None


def insert(engines, client, data, args):
    """
    Insert the query vectors as new rows; return {engine: rate and WAL a row}.

    The first half goes in right after a checkpoint with full_page_writes on,
    so every page touched is logged whole once; the second half without, which
    is what remains between checkpoints far apart.  The engines take turns.
    """
    rows = data.query[:args.insert_rows]
    half = len(rows) // 2
    cluster = engines[0].cluster
    result = {engine.name: {"batch": args.batch} for engine in engines}
    for engine in engines:
        engine.spoil(data)
    for mode, first, part in (("on", 0, rows[:half]), ("off", half, rows[half:])):
        cluster.reload("full_page_writes", mode)
        cluster.sql("postgres", "CHECKPOINT")
        total = {engine.name: [0.0, 0] for engine in engines}
        for chunk in np.array_split(np.arange(len(part)), max(1, len(part) // 200)):
            for engine in engines:
                start = cluster.sql("postgres", "SELECT pg_current_wal_insert_lsn()")[0]
                run = client.insert(engine, data, part[chunk],
                                    len(data.base) + first + int(chunk[0]), args.batch)
                size = cluster.sql("postgres", "SELECT pg_current_wal_insert_lsn() - "
                                   "'%s'" % start)[0]
                total[engine.name][0] += run["seconds"]
                total[engine.name][1] += int(size)
        for name, (seconds, size) in total.items():
            result[name]["full_page_writes_" + mode] = {
                "rows": len(part), "rows_per_second": len(part) / seconds,
                "wal_bytes_per_row": size / len(part)}
    cluster.reload("full_page_writes", "on")
    return result


def exact_scan(engines, client, data, args):
    """Return {engine: median milliseconds of an exact query}."""
    times = {engine.name: [] for engine in engines}
    for _ in range(args.rounds):
        for engine in engines:
            run = client.exact(engine, data, args.k, args.seconds)
            times[engine.name].append(run["p50_us"] / 1000)
    return {name: {"p50_ms": float(np.median(t)), "rounds": t}
            for name, t in times.items()}


def memory(engines, client, data, args, built):
    """
    Return {engine: [points]}: time of a query whose blocks are on disk.

    shared_buffers is a quarter of the largest index, and the system's cache
    forgets the files before each query.
    """
    exact = dataset.truth(data, args.k)
    result = {}
    for engine in engines:
        points = sweep_recall(client, engine, data, exact, args.k)
        chosen = []
        for target in TARGETS[1:]:
            enough = [p for p in points if p["recall"] >= target]
            chosen.append(dict(enough[0] if enough else points[-1], target=target))
        result[engine.name] = chosen
    quarter = max(built[engine.name]["index_bytes"] for engine in engines) // 4
    cluster = engines[0].cluster
    cluster.restart(shared_buffers="%dkB" % max(128, quarter // 1024))
    for number in range(args.rounds):
        for i in range(len(TARGETS) - 1):
            for engine in engines:
                point = result[engine.name][i]
                point.setdefault("runs", []).append(
                    client.cold(engine, data, args.k, point["ef"], args.seconds))
        say("  on disk: round %d of %d done" % (number + 1, args.rounds))
    cluster.restart()
    return result


def cluster_of(base, query, size):
    """Return the rows of base nearest to a query: a cluster of that size."""
    distances = ((base - query) ** 2).sum(axis=1)
    return np.argpartition(distances, size)[:size]


def churn(engines, client, data, args):
    """
    Return {engine: rounds}: what deleting and inserting does to an index.

    In each round half of the rows, chosen at random, are deleted, VACUUM runs,
    and they are inserted again; then the same with a whole cluster, a tenth of
    the rows.  So the table holds the data set again after each round, and the
    recall can be compared at an ef that is never changed.
    """
    exact = dataset.truth(data, args.k)
    random = np.random.default_rng(20260301)
    n = len(data.base)
    result = {}
    for engine in engines:
        points = sweep_recall(client, engine, data, exact, args.k, enough=TARGETS[1])
        result[engine.name] = {"ef": points[-1]["ef"], "rounds": [
            {"recall": points[-1]["recall"], "index_bytes": engine.index_size(data)}]}
        engine.spoil(data)
    for number in range(args.churns):
        gone = [random.permutation(n)[:n // 2],
                cluster_of(data.base, data.base[random.integers(n)], n // 10)]
        for engine in engines:
            row = {"vacuum_seconds": 0.0, "insert_seconds": 0.0}
            for ids in gone:
                vacuum, insert = engine.replace_rows(data, ids)
                row["vacuum_seconds"] += vacuum
                row["insert_seconds"] += insert
            ids = client.ids(engine, data, args.k, result[engine.name]["ef"])
            row["recall"] = dataset.recall(data, exact, ids)
            row["index_bytes"] = engine.index_size(data)
            row["rows"] = sum(map(len, gone))
            result[engine.name]["rounds"].append(row)
            say("  churn %d of %d, %s: recall %.3f, index %.1f MB" % (
                number + 1, args.churns, engine.name, row["recall"],
                row["index_bytes"] / 1e6))
    for engine in engines:
        engine.sql(data, "SET maintenance_work_mem = '%s'" % args.memory,
                   "REINDEX INDEX items_embedding")
        ids = client.ids(engine, data, args.k, result[engine.name]["ef"])
        result[engine.name]["rebuilt"] = {"recall": dataset.recall(data, exact, ids),
                                          "index_bytes": engine.index_size(data)}
    return result


def copy(engines, data, args):
    """Return {engine: {format: rows per second}} of COPY without an index."""
    files = {"binary": write_copy_file(engines[0].cluster, data)}
    files["text"] = files["binary"][:-len(".copy")] + ".txt"
    rates = {engine.name: {form: [] for form in files} for engine in engines}
    for number in range(args.rounds):
        for form, path in files.items():
            for engine in engines:
                engine.create_table(data, "copied")
                if form == "text" and not os.path.exists(path):
                    engine.copy(data, files["binary"], "binary", "copied")
                    engine.sql(data, "COPY copied TO '%s'" % path, "TRUNCATE copied")
                engine.sql(data, "CHECKPOINT")
                rates[engine.name][form].append(
                    engine.copy(data, path, form, "copied"))
                engine.sql(data, "DROP TABLE copied")
    return {name: {form: {"rows_per_second": float(np.median(r)), "rounds": r}
                   for form, r in forms.items()} for name, forms in rates.items()}


def build(engines, hnswlib, data, args):
    """Load and index the data set in every engine; return what it took."""
    result = {}
    for engine in engines:
        reuse = engine.name in args.reuse
        engine.load(data, reuse)
        result[engine.name] = engine.build(data, reuse, args.memory, args.workers)
        say("  %s: built in %.1f s%s, index %.1f MB" % (
            engine.name, result[engine.name]["seconds"],
            " (earlier)" if result[engine.name].get("reused") else "",
            result[engine.name]["index_bytes"] / 1e6))
    if hnswlib:
        result[hnswlib.name] = hnswlib.open(data, args.workers + 1)
        say("  hnswlib: built in %.1f s%s" % (
            result[hnswlib.name]["seconds"],
            " (earlier)" if result[hnswlib.name].get("reused") else ""))
    return result
