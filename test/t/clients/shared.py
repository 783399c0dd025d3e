"""What the tests of the clients share: points whose order is known.

Each test file is a unittest of one driver or ORM with the package pgvector as
it comes from PyPI.  The server is that of PGHOST, PGPORT and PGUSER, the
database that of PGDATABASE, with the extension in it.
"""
import numpy as np

DIM = 8
ROWS = 200

# Row i lies i steps from the origin along a curve that bends, so that all
# distances differ and each has an order of its own
_step = np.arange(1, ROWS + 1, dtype=np.float64)[:, None]
POINTS = (np.hstack([np.cos(_step * (j + 1) / 97) * (1 + _step / ROWS) for j in range(DIM)])
          .astype(np.float32))
QUERY = POINTS[41] + np.linspace(-.03, .02, DIM, dtype=np.float32)


def distances(name):
    """Distance of each point from QUERY in double precision: float64[ROWS]"""
    points, query = POINTS.astype(np.float64), QUERY.astype(np.float64)
    difference = points - query
    if name == 'l2':
        return np.sqrt((difference ** 2).sum(1))
    if name == 'l1':
        return np.abs(difference).sum(1)
    if name == 'ip':
        return -points @ query
    if name == 'cosine':
        return 1 - points @ query / np.linalg.norm(points, axis=1) / np.linalg.norm(query)
    raise ValueError(name)


def nearest(name, k):
    """Numbers of the k nearest points, from 1"""
    return [int(i) + 1 for i in np.argsort(distances(name), kind='stable')[:k]]


OPERATORS = {'<->': 'l2', '<#>': 'ip', '<=>': 'cosine', '<+>': 'l1'}


def bits(point):
    """A text of zeros and ones: where a point is above zero"""
    return ''.join('1' if x > 0 else '0' for x in point)


def hamming(bits1, bits2):
    """Number of places where two texts differ"""
    return sum(x != y for x, y in zip(bits1, bits2))


def to_array(value):
    """What a driver gave for a vector, of whatever class, as a numpy array"""
    return value.to_numpy() if hasattr(value, 'to_numpy') else np.asarray(value, dtype=np.float32)
