#
# needs.py
#     Say what to install where numpy is missing; to be imported first.
#

import sys

try:
    import numpy  # noqa: F401
except ImportError:
    sys.exit("numpy is needed: pip install numpy matplotlib h5py hnswlib")
