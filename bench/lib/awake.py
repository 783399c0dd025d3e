#
# awake.py
#     Keep the processors awake while queries are measured.
#
# A client that waits for each answer leaves the processors idle in between,
# and on a virtual machine waking one can take longer than a query: what is
# measured then is the hypervisor.  One process per processor spins at the
# lowest scheduling class, which yields to everything else.
#

import contextlib
import multiprocessing
import os


def spin():
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    parent = os.getppid()
    while os.getppid() == parent:
        for _ in range(1000000):
            pass


@contextlib.contextmanager
def processors(enabled):
    """Keep all processors awake within the block, on Linux."""
    spinners = []
    if enabled and hasattr(os, "SCHED_IDLE"):
        spinners = [multiprocessing.Process(target=spin, daemon=True)
                    for _ in range(os.cpu_count() or 1)]
    for spinner in spinners:
        spinner.start()
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.terminate()
            spinner.join()
