#
# cluster.py
#     A private PostgreSQL cluster for a benchmark.
#
# The cluster lives in a folder of its own, is reached only through a Unix
# socket in that folder (mode 0700, no TCP), and is stopped when the benchmark
# ends.  It never touches another cluster.  PostgreSQL refuses to run as root,
# so for root everything of the server runs as the user `postgres`.
#

import atexit
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys

# Same for all engines.  Everything fits in shared_buffers, so that a run
# measures the access method and not the disk; autovacuum would disturb.
SETTINGS = {
    "listen_addresses": "''",
    "port": "5432",    # PGPORT would be taken
    "max_connections": "40",
    "jit": "off",
    "autovacuum": "off",
    "max_wal_size": "20GB",
    "checkpoint_timeout": "1h",
    "wal_level": "replica",
    "full_page_writes": "on",
    "max_parallel_workers_per_gather": "0",
    "log_min_messages": "warning",
}


class Cluster:
    def __init__(self, pg_config, folder=None):
        self.pg_config = pg_config
        self.bindir = self.ask_config("--bindir")
        self.sharedir = self.ask_config("--sharedir")
        self.pkglibdir = self.ask_config("--pkglibdir")
        self.version = self.ask_config("--version").split()[1]
        self.major = self.version.split(".")[0].split("beta")[0].split("devel")[0]
        if os.geteuid() == 0:
            try:
                self.owner = pwd.getpwnam("postgres")
            except KeyError:
                sys.exit("A server cannot run as root and there is no user \"postgres\".\n"
                         "Run this command as an ordinary user.")
            self.prefix = ["runuser", "-u", "postgres", "--"]
        else:
            self.owner = pwd.getpwuid(os.geteuid())
            self.prefix = []
        self.folder = folder or "/var/tmp/gigavec-bench-%s-pg%s" % (
            self.owner.pw_name, self.major)
        self.data = os.path.join(self.folder, "data")
        self.files = os.path.join(self.folder, "files")
        self.settings = dict(SETTINGS, unix_socket_directories="'%s'" % self.folder)
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        self.settings["shared_buffers"] = "%dMB" % min(4096, memory // 4 >> 20)
        self.conninfo = "host=%s port=5432 user=postgres" % self.folder
        self.is_changing = False    # the server starts or stops
        self.must_end = False

    def ask_config(self, what):
        try:
            return subprocess.run([self.pg_config, what], check=True, text=True,
                                  capture_output=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            sys.exit("could not run \"%s\": install postgresql-server-dev-NN or use "
                     "--pg-config" % self.pg_config)

    def has_extension(self, name):
        return os.path.exists(os.path.join(self.sharedir, "extension",
                                           name + ".control"))

    def run_as_owner(self, *command, check=True):
        return subprocess.run(self.prefix + list(command), check=check, text=True,
                              cwd="/", stdin=subprocess.DEVNULL, capture_output=True)

    def terminated(self, *_):
        """SIGTERM: end, and so stop the server; not while pg_ctl is about to."""
        self.must_end = True
        if not self.is_changing:
            sys.exit(143)

    def pg_ctl(self, *args, check=True):
        self.is_changing = True
        result = self.run_as_owner(os.path.join(self.bindir, "pg_ctl"), "-D", self.data,
                                   "-s", *args, check=False)
        self.is_changing = False
        if self.must_end and args[0] != "stop" and args[0] != "status":
            sys.exit(143)
        if check and result.returncode != 0:
            sys.exit("pg_ctl %s failed: %s%s\nSee %s." % (
                " ".join(args), result.stdout, result.stderr,
                os.path.join(self.folder, "log")))
        return result.returncode

    def make_folder(self):
        if not os.path.lexists(self.folder):
            os.mkdir(self.folder, 0o700)
            os.chown(self.folder, self.owner.pw_uid, self.owner.pw_gid)
        info = os.lstat(self.folder)
        if info.st_uid != self.owner.pw_uid or info.st_mode & 0o077:
            sys.exit("%s must belong to %s and be closed to others" %
                     (self.folder, self.owner.pw_name))
        self.lock = open(os.path.join(self.folder, "lock"), "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit("another benchmark is using %s" % self.folder)

    def start(self, fresh=False):
        """Start the cluster, making it first when absent or `fresh`."""
        self.make_folder()
        if self.pg_ctl("status", check=False) == 0:
            self.pg_ctl("stop", "-m", "fast")
        if fresh and os.path.exists(self.data):
            shutil.rmtree(self.data)
        if not os.path.exists(os.path.join(self.data, "PG_VERSION")):
            self.run_as_owner(os.path.join(self.bindir, "initdb"), "-D", self.data,
                              "-U", "postgres", "-A", "trust", "-E", "UTF8",
                              "--locale=C.UTF-8")
        if not os.path.exists(self.files):
            os.mkdir(self.files, 0o700)
            os.chown(self.files, self.owner.pw_uid, self.owner.pw_gid)
        # in files, not on the command line, which ALTER SYSTEM cannot override
        with open(os.path.join(self.data, "postgresql.conf"), "w") as f:
            for item in self.settings.items():
                f.write("%s = %s\n" % item)
        open(os.path.join(self.data, "postgresql.auto.conf"), "w").close()
        atexit.register(self.stop)
        signal.signal(signal.SIGTERM, self.terminated)
        self.pg_ctl("start", "-w", "-t", "120", "-l", os.path.join(self.folder, "log"))

    def stop(self):
        if self.pg_ctl("status", check=False) == 0:
            self.pg_ctl("stop", "-m", "fast", "-t", "600")

    def restart(self, **settings):
        """Start the server again with other settings; without any, its own."""
        self.sql("postgres", "ALTER SYSTEM RESET ALL", "CHECKPOINT",
                 *["ALTER SYSTEM SET %s = '%s'" % item for item in settings.items()])
        self.pg_ctl("restart", "-w", "-m", "fast", "-t", "120", "-l",
                    os.path.join(self.folder, "log"))

    def reload(self, name, value):
        """Change a setting of the running server."""
        self.sql("postgres", "ALTER SYSTEM SET %s = '%s'" % (name, value),
                 "SELECT pg_reload_conf()")

    def sql(self, database, *commands, path="public"):
        """Run SQL commands, one after the other; return the output's lines."""
        args = [os.path.join(self.bindir, "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1",
                "-d", self.connect(database, path)]
        for command in commands:
            args += ["-c", command]
        result = subprocess.run(args, text=True, capture_output=True)
        if result.returncode != 0:
            raise RuntimeError("%s\nin: %s" % (result.stderr.strip(), commands[-1][:500]))
        return result.stdout.splitlines()

    def connect(self, database, path="public"):
        """Return a conninfo string with that search_path."""
        return "%s dbname=%s options='-csearch_path=\"%s\",public'" % (
            self.conninfo, database, path)

    def take_file(self, path):
        """Give a file in the cluster's folder to the server's user."""
        os.chown(path, self.owner.pw_uid, self.owner.pw_gid)
