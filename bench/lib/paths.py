#
# paths.py
#     Where the benchmarks find data and keep what they make.
#
# GIGAVEC_DATA    the shared data folder (default ../shared/data beside the
#                 checkout)
# GIGAVEC_CACHE   made data sets, ground truths, results (default
#                 ~/.cache/gigavec)
#

import os

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), os.pardir, os.pardir))


def data_folder():
    return os.environ.get("GIGAVEC_DATA") or os.path.abspath(
        os.path.join(ROOT, os.pardir, "shared", "data"))


def cache_folder(*names):
    """Return the path of a folder in the cache, making it when absent."""
    base = os.environ.get("GIGAVEC_CACHE") or os.path.expanduser("~/.cache/gigavec")
    path = os.path.join(base, *names)
    os.makedirs(path, exist_ok=True)
    return path
