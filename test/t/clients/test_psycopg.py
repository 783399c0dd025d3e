"""psycopg 3: types, COPY in both formats, binary results, prepared statements."""
import unittest

import numpy as np
import psycopg
from pgvector import Bit, HalfVector, SparseVector, Vector
from pgvector.psycopg import register_vector, register_vector_async

from shared import DIM, OPERATORS, POINTS, QUERY, ROWS, bits, distances, hamming, nearest, to_array


class Psycopg(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.conn = psycopg.connect(autocommit=True)
        register_vector(cls.conn)
        cls.conn.execute(f'CREATE TABLE by_psycopg (id int PRIMARY KEY, v vector({DIM}), h halfvec({DIM}),'
                         f' s sparsevec({DIM}), b bit({DIM}))')
        with cls.conn.cursor().copy('COPY by_psycopg FROM STDIN WITH (FORMAT binary)') as copy:
            copy.set_types(['int4', 'vector', 'halfvec', 'sparsevec', 'bit'])
            for i, point in enumerate(POINTS):
                copy.write_row((i + 1, Vector(point), HalfVector(point), SparseVector(point), Bit(bits(point))))

    @classmethod
    def tearDownClass(cls):
        cls.conn.execute('DROP TABLE by_psycopg')
        cls.conn.close()

    def test_values_come_back(self):
        for binary in (False, True):
            rows = self.conn.cursor(binary=binary).execute(
                'SELECT v, h, s FROM by_psycopg ORDER BY id').fetchall()
            self.assertEqual(len(rows), ROWS)
            for (v, h, s), point in zip(rows, POINTS):
                np.testing.assert_array_equal(to_array(v), point)
                np.testing.assert_array_equal(to_array(h), point.astype(np.float16))
                np.testing.assert_array_equal(s.to_numpy(), point)

    def test_nulls_and_arrays(self):
        self.assertIsNone(self.conn.execute('SELECT %s::vector', (None,)).fetchone()[0])
        arrays = self.conn.execute('SELECT array_agg(v ORDER BY id) FROM by_psycopg WHERE id <= 3').fetchone()[0]
        self.assertEqual(len(arrays), 3)

    def test_copy_out_binary(self):
        with self.conn.cursor().copy('COPY (SELECT v FROM by_psycopg ORDER BY id) TO STDOUT WITH (FORMAT binary)') as copy:
            copy.set_types(['vector'])
            rows = list(copy.rows())
        self.assertEqual(len(rows), ROWS)

    def test_each_operator(self):
        classes = {'<->': 'vector_l2_ops', '<#>': 'vector_ip_ops', '<=>': 'vector_cosine_ops', '<+>': 'vector_l1_ops'}
        for method in (None, 'hnsw', 'ivfflat'):
            for operator, name in OPERATORS.items():
                if method == 'ivfflat' and operator == '<+>':
                    continue
                with self.subTest(method=method, operator=operator), self.conn.transaction(force_rollback=True):
                    if method:
                        self.conn.execute(f'CREATE INDEX ON by_psycopg USING {method} (v {classes[operator]})')
                        self.conn.execute('SET LOCAL enable_seqscan = off')
                        self.conn.execute('SET LOCAL ivfflat.probes = 100')
                    query = f'SELECT id, v {operator} %s FROM by_psycopg ORDER BY v {operator} %s LIMIT 10'
                    plan = ' '.join(r[0] for r in self.conn.execute('EXPLAIN ' + query, (QUERY, QUERY)).fetchall())
                    self.assertEqual('Index Scan' in plan, method is not None)
                    for _ in range(7):      # generic plans come with the sixth
                        rows = self.conn.execute(query, (QUERY, QUERY), prepare=True, binary=True).fetchall()
                        self.assertEqual([r[0] for r in rows], nearest(name, 10))
                        np.testing.assert_allclose([r[1] for r in rows], np.sort(distances(name))[:10], atol=2e-5)

    def test_bits(self):
        query = Bit('10110010')
        rows = self.conn.execute('SELECT b <~> %s, b FROM by_psycopg ORDER BY 1, id', (query,)).fetchall()
        self.assertEqual([r[0] for r in rows], sorted(hamming(bits(point), '10110010') for point in POINTS))

    def test_wrong_dimensions(self):
        with self.assertRaisesRegex(psycopg.errors.DataException, 'expected 8 dimensions, not 2'):
            self.conn.execute('INSERT INTO by_psycopg (id, v) VALUES (0, %s)', (np.array([1, 2]),))
        with self.assertRaisesRegex(psycopg.errors.DataException, 'different vector dimensions 8 and 2'):
            self.conn.execute('SELECT v <-> %s FROM by_psycopg', (np.array([1, 2]),))

    def test_pipeline_and_server_side_cursor(self):
        with self.conn.pipeline():
            results = [self.conn.execute('SELECT id FROM by_psycopg ORDER BY v <-> %s LIMIT 1', (point,))
                       for point in POINTS[:20]]
        self.assertEqual([r.fetchone()[0] for r in results], list(range(1, 21)))
        with self.conn.transaction(), self.conn.cursor('far') as cursor:
            cursor.itersize = 7
            cursor.execute('SELECT id FROM by_psycopg ORDER BY v <-> %s', (QUERY,))
            self.assertEqual([r[0] for r in cursor], nearest('l2', ROWS))


class PsycopgAsync(unittest.IsolatedAsyncioTestCase):
    async def test_types(self):
        async with await psycopg.AsyncConnection.connect() as conn:
            await register_vector_async(conn)
            row = await (await conn.execute('SELECT %s::vector, %s::vector', (QUERY, Vector([1, 2])))).fetchone()
            np.testing.assert_array_equal(to_array(row[0]), QUERY)


if __name__ == '__main__':
    unittest.main()
