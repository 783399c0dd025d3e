"""asyncpg, which speaks the binary format only."""
import unittest

import asyncpg
import numpy as np
from pgvector import HalfVector, SparseVector, Vector
from pgvector.asyncpg import register_vector

from shared import DIM, OPERATORS, POINTS, QUERY, bits, nearest, to_array


class Asyncpg(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.conn = await asyncpg.connect()
        await register_vector(self.conn)
        await self.conn.execute(f'CREATE TEMP TABLE by_asyncpg (id int PRIMARY KEY, v vector({DIM}), h halfvec({DIM}),'
                                f' s sparsevec({DIM}), b bit({DIM}))')
        await self.conn.copy_records_to_table('by_asyncpg', records=[
            (i + 1, Vector(point), HalfVector(point), SparseVector(point), asyncpg.BitString(bits(point)))
            for i, point in enumerate(POINTS)])

    async def asyncTearDown(self):
        await self.conn.close()

    async def test_values_come_back(self):
        rows = await self.conn.fetch('SELECT v, h, s, b FROM by_asyncpg ORDER BY id')
        for row, point in zip(rows, POINTS):
            np.testing.assert_array_equal(to_array(row[0]), point)
            np.testing.assert_array_equal(to_array(row[1]), point.astype(np.float16))
            np.testing.assert_array_equal(row[2].to_numpy(), point)
            self.assertEqual(row[3].as_string().replace(' ', ''), bits(point))

    async def test_each_operator(self):
        for operator, name in OPERATORS.items():
            statement = await self.conn.prepare(f'SELECT id FROM by_asyncpg ORDER BY v {operator} $1 LIMIT 10')
            for _ in range(7):
                self.assertEqual([r[0] for r in await statement.fetch(QUERY)], nearest(name, 10))

    async def test_array(self):
        rows = await self.conn.fetch('SELECT id FROM by_asyncpg WHERE v = ANY($1::vector[]) ORDER BY id', [Vector(point) for point in POINTS[4:7]])
        self.assertEqual([r[0] for r in rows], [5, 6, 7])

    async def test_cursor(self):
        async with self.conn.transaction():
            cursor = await self.conn.cursor('SELECT id FROM by_asyncpg ORDER BY v <-> $1', QUERY)
            self.assertEqual([r[0] for r in await cursor.fetch(5)], nearest('l2', 5))
            self.assertEqual([r[0] for r in await cursor.fetch(5)], nearest('l2', 10)[5:])


if __name__ == '__main__':
    unittest.main()
