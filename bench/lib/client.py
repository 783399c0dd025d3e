#
# client.py
#     Compile and run the libpq client that measures queries and inserts.
#

import json
import os
import subprocess
import sys

import numpy as np

import paths

SOURCE = os.path.join(paths.ROOT, "bench", "client", "client.c")


class Client:
    def __init__(self, cluster, pin=True):
        self.cluster = cluster
        self.pin = int(pin)
        self.folder = paths.cache_folder("client")
        self.binary = os.path.join(self.folder, "gvbench-client-pg" + cluster.major)
        if (not os.path.exists(self.binary)
                or os.path.getmtime(self.binary) < os.path.getmtime(SOURCE)):
            self.compile()

    def compile(self):
        command = [os.environ.get("CC", "cc"), "-O2", "-o", self.binary + ".tmp", SOURCE,
                   "-I" + self.cluster.ask_config("--includedir"),
                   "-L" + self.cluster.ask_config("--libdir"), "-lpq", "-lpthread"]
        result = subprocess.run(command, text=True, capture_output=True)
        if result.returncode != 0:
            sys.exit("could not compile %s (is libpq-dev installed?):\n%s" %
                     (SOURCE, result.stderr))
        os.rename(self.binary + ".tmp", self.binary)

    def run(self, mode, engine, data, sql, vectors, commands=(), evict=(),
            **options):
        path = os.path.join(self.folder, "vectors.%d" % os.getpid())
        np.ascontiguousarray(vectors, np.float32).tofile(path)
        try:
            args = [self.binary, mode, self.cluster.connect(engine.name, data.name), sql,
                    path, "dim=%d" % data.dim]
            args += ["%s=%s" % item for item in options.items()]
            args += ["evict=" + path for path in evict]
            args += ["command=" + command for command in commands]
            result = subprocess.run(args, text=True, capture_output=True)
        finally:
            os.unlink(path)
        if result.returncode != 0:
            raise RuntimeError(result.stderr.strip())
        return json.loads(result.stdout)

    def ids(self, engine, data, k, ef):
        """Return int32[queries][k], the answer to every query."""
        path = os.path.join(self.folder, "ids.%d" % os.getpid())
        self.run("search", engine, data, engine.query(data, k), data.query,
                 engine.session(ef), k=k, ids=path, seconds=0)
        ids = np.fromfile(path, np.int32).reshape(-1, k)
        os.unlink(path)
        return ids

    def measure(self, engine, data, k, ef, clients, seconds):
        return self.run("search", engine, data, engine.query(data, k), data.query,
                        engine.session(ef), k=k, clients=clients, seconds=seconds, pin=self.pin)

    def cold(self, engine, data, k, ef, seconds):
        """Measure queries before each of which the system forgets the files."""
        return self.run("search", engine, data, engine.query(data, k), data.query,
                        engine.session(ef), engine.files(data), k=k,
                        seconds=seconds, warmup=0.2, pin=self.pin)

    def exact(self, engine, data, k, seconds):
        """Measure the sequential scan."""
        commands = ["SET enable_indexscan = off", "SET enable_bitmapscan = off"]
        return self.run("search", engine, data, engine.query(data, k), data.query,
                        commands + engine.settings, k=k, seconds=seconds, pin=self.pin)

    def insert(self, engine, data, rows, first_id, batch):
        sql = "INSERT INTO items (id, embedding) VALUES ($1, $2)"
        return self.run("insert", engine, data, sql, rows, engine.settings,
                        first_id=first_id, batch=batch)
