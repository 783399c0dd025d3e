#
# report.py
#     Turn the results of a run into markdown tables and a plot.
#

import os

import numpy as np

from measure import INDEX_SCAN, TARGETS, interpolate, median_of

COLORS = {"gigavec": "tab:red", "pgvector": "tab:blue", "hnswlib": "tab:gray"}


def number(x, form="%.0f"):
    return "n/a" if x is None else form % x


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def at(points, target, value, form="%.0f"):
    """Return (number, text) of a figure at a recall; * marks a bound."""
    found, exact = interpolate(points, target, value)
    text = number(found, form)
    return found, text + ("" if exact or found is None else "*")


def ratio(a, b, form="%.1fx"):
    return number(a / b if a and b else None, form)


def names(result):
    """The engines of a result: ours, then the peers."""
    return [n for n in ("gigavec", "pgvector", "hnswlib")
            if any(n in s.get(phase, {}) for s in result["sets"]
                   for phase in ("search", "build", "exact", "memory", "churn", "copy"))]


def has_peers(result):
    found = names(result)
    return "gigavec" in found and "pgvector" in found


def throughput_table(result, clients):
    engines, peers = names(result), has_peers(result)
    head = ["set", "recall@%d" % result["k"]] + [n + " QPS" for n in engines]
    head += ["gigavec / pgvector"] if peers else []
    head += ["buffers " + n for n in engines if n != "hnswlib"]
    head += ["pgvector / gigavec"] if peers else []
    rows = []
    for entry in result["sets"]:
        highest = max([p["recall"] for p in entry["search"].get("pgvector", [])],
                      default=1)
        targets = [(t, "%.2f" % t) for t in TARGETS]
        if peers and highest < TARGETS[-1]:
            targets.append((highest, "%.3f, pgvector's highest" % highest))
        for target, label in targets:
            row, qps, buffers = [entry["name"], label], {}, {}
            for name in engines:
                points = entry["search"].get(name, [])
                qps[name], text = at(points, target, lambda p: median_of(p, clients))
                row.append(text)
            if peers:
                row.append(ratio(qps["gigavec"], qps["pgvector"]))
            for name in engines:
                if name != "hnswlib":
                    points = entry["search"].get(name, [])
                    buffers[name], text = at(points, target, lambda p: p.get("buffers"))
                    row.append(text)
            if peers:
                row.append(ratio(buffers["pgvector"], buffers["gigavec"]))
            rows.append(row)
    return table(head, rows)


def forced_plans(result):
    """Return a remark for each engine that needed enable_seqscan = off."""
    remarks = []
    for entry in result["sets"]:
        for name, points in entry.get("search", {}).items():
            forced = [p["ef"] for p in points if p.get("plan", INDEX_SCAN) != INDEX_SCAN]
            if forced:
                remarks.append("%s, %s: by itself the planner reads the table from "
                               "ef %d on." % (entry["name"], name, min(forced)))
    return remarks


def build_table(result):
    rows = []
    for entry in result["sets"]:
        for name in names(result):
            build = entry.get("build", {}).get(name)
            if not build:
                continue
            inserted = entry.get("insert", {}).get(name, {})
            on = inserted.get("full_page_writes_on", {})
            off = inserted.get("full_page_writes_off", {})
            size = build["index_bytes"]
            base = entry["build"].get("pgvector", {}).get("index_bytes")
            rows.append([
                entry["name"], name, "%.1f" % build["seconds"], "%.1f" % (size / 1e6),
                ratio(size, base, "%.2fx") if name != "hnswlib" else "",
                number(on.get("rows_per_second")) if inserted else "",
                number((on.get("wal_bytes_per_row") or 0) / 1000, "%.1f")
                if inserted else "",
                number((off.get("wal_bytes_per_row") or 0) / 1000, "%.1f")
                if inserted else ""])
    return table(["set", "engine", "build s", "index MB", "size / pgvector", "inserts/s",
                  "WAL kB/insert", "WAL kB/insert, no full pages"], rows)


def exact_table(result):
    rows, both = [], has_peers(result)
    for entry in result["sets"]:
        times = {n: t["p50_ms"] for n, t in entry["exact"].items()}
        rows.append([entry["name"]] + ["%.2f (%.2f)" % (t["p50_ms"], min(t["rounds"]))
                                       for t in entry["exact"].values()] +
                    ([ratio(times["pgvector"], times["gigavec"], "%.2fx")]
                     if both else []))
    engines = list(result["sets"][0]["exact"])
    return table(["set"] + [n + " ms" for n in engines] +
                 (["pgvector / gigavec"] if both else []), rows)


def memory_table(result):
    rows, both = [], has_peers(result)
    engines = list(result["sets"][0]["memory"])
    for entry in result["sets"]:
        for points in zip(*entry["memory"].values()):
            means = [float(np.median([r["mean_us"] for r in p["runs"]])) / 1000
                     for p in points]
            rows.append(
                [entry["name"], "%.2f" % points[0]["target"]] +
                ["%.2f (%.3f @ ef %d)" % (m, p["recall"], p["ef"])
                 for m, p in zip(means, points)] +
                ([ratio(means[engines.index("pgvector")],
                        means[engines.index("gigavec")])] if both else []))
    return table(["set", "recall@%d" % result["k"]] +
                 [n + " ms (recall)" for n in engines] +
                 (["pgvector / gigavec"] if both else []), rows)


def churn_table(result):
    rows = []
    for entry in result["sets"]:
        for name, run in entry["churn"].items():
            first, rebuilt = run["rounds"][0], run["rebuilt"]
            later = run["rounds"][1:]
            seconds = sum(r["insert_seconds"] for r in later)
            rows.append([
                entry["name"], name, "%d" % run["ef"],
                " ".join("%.3f" % r["recall"] for r in run["rounds"]),
                "%.3f" % rebuilt["recall"],
                "%.1f, %.1f" % (first["index_bytes"] / 1e6,
                                later[-1]["index_bytes"] / 1e6),
                "%+.1f %%" % (100 * (later[-1]["index_bytes"] /
                                     rebuilt["index_bytes"] - 1)),
                "%.1f" % sum(r["vacuum_seconds"] for r in later),
                number(sum(r["rows"] for r in later) / seconds if seconds else None)])
    return table(["set", "engine", "ef", "recall@%d: fresh, after each round" % result["k"],
                  "rebuilt", "index MB: fresh, at the end", "against rebuilt",
                  "VACUUM s", "inserts/s"], rows)


def copy_table(result):
    rows, both = [], has_peers(result)
    engines = list(result["sets"][0]["copy"])
    for entry in result["sets"]:
        for form in ("binary", "text"):
            rates = {n: entry["copy"][n][form]["rows_per_second"] for n in engines}
            rows.append([entry["name"], form] + ["%.0f" % r for r in rates.values()] +
                        ([ratio(rates["gigavec"], rates["pgvector"], "%.2fx")]
                         if both else []))
    return table(["set", "format"] + [n + " rows/s" for n in engines] +
                 (["gigavec / pgvector"] if both else []), rows)


def markdown(result):
    """Return the report of a run as markdown."""
    r = result
    parts = ["PostgreSQL %s, %s; %s; %s." % (
        r["postgresql"], ", ".join("%s %s" % v for v in r["versions"].items()),
        r["machine"], r["date"])]
    sets = ", ".join("%s (%d x %d, %s, %d queries)" % (
        s["name"], s["n"], s["dim"], s["metric"], s["queries"]) for s in r["sets"])
    parts.append("Sets: %s. %d round%s of %g s a point, in turn; medians." % (
        sets, r["rounds"], "" if r["rounds"] == 1 else "s", r["seconds"]))
    if any("search" in s for s in r["sets"]):
        for clients in r["clients"]:
            parts.append("**Throughput, %d client%s**" %
                         (clients, "" if clients == 1 else "s"))
            parts.append(throughput_table(r, clients))
        parts.append("`*`: the smallest ef has more recall than that; its own figures. "
                     "n/a: the recall is not reached.")
        parts += forced_plans(r)
    if any("build" in s for s in r["sets"]):
        parts.append("**Build with %d worker%s, size, inserts**" %
                     (r["workers"], "" if r["workers"] == 1 else "s"))
        parts.append(build_table(r))
    if any("exact" in s for s in r["sets"]):
        parts.append("**Exact search (sequential scan), median of the rounds (best)**")
        parts.append(exact_table(r))
    if any("memory" in s for s in r["sets"]):
        parts.append("**Larger than memory: mean time of a query, shared_buffers a quarter "
                     "of the index, nothing in the system's cache**")
        parts.append(memory_table(r))
    if any("churn" in s for s in r["sets"]):
        parts.append("**Half of the rows, then a cluster of a tenth, deleted, vacuumed and "
                     "inserted again in each round**")
        parts.append(churn_table(r))
    if any("copy" in s for s in r["sets"]):
        parts.append("**COPY into a table without index**")
        parts.append(copy_table(r))
    return "\n\n".join(parts) + "\n"


def plot(result, path):
    """Draw recall against throughput, one panel a set."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    sets = [s for s in result["sets"] if "search" in s]
    columns = min(3, len(sets))
    rows = (len(sets) + columns - 1) // columns
    figure, axes = plt.subplots(rows, columns, squeeze=False,
                                figsize=(4.6 * columns, 3.8 * rows))
    for axis in axes.flat[len(sets):]:
        axis.set_axis_off()
    handles = {}
    for axis, entry in zip(axes.flat, sets):
        for name in names(result):
            for clients in result["clients"]:
                points = [(p["recall"], median_of(p, clients))
                          for p in entry["search"].get(name, [])]
                points = [p for p in points if p[1]]
                if not points:
                    continue
                label = "%s, %d client%s" % (name, clients, "" if clients == 1 else "s")
                line, = axis.plot(*zip(*points), marker="o", markersize=3,
                                  color=COLORS[name],
                                  linestyle="-" if clients == 1 else ":")
                handles[label] = line
        axis.set_yscale("log")
        axis.set_title("%s (%d x %d, %s)" % (entry["name"], entry["n"], entry["dim"],
                                             entry["metric"]), fontsize=9)
        axis.set_xlabel("recall@%d" % result["k"])
        axis.set_ylabel("queries per second")
        axis.grid(True, which="both", alpha=0.3)
    figure.legend(handles.values(), handles.keys(), loc="lower center",
                  ncol=min(2 * columns, len(handles)), fontsize=8)
    figure.tight_layout(rect=(0, 0.03 + 0.05 / rows, 1, 1))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def write(result, folder):
    """Write report.md and, when something was searched, plot.png."""
    text = markdown(result)
    with open(os.path.join(folder, "report.md"), "w") as f:
        f.write(text)
    if any("search" in s for s in result["sets"]):
        try:
            plot(result, os.path.join(folder, "plot.png"))
        except ImportError:
            print("no plot: install matplotlib (pip install matplotlib)")
    return text
