"""psycopg2, pg8000, peewee and SQLModel: types, order by each operator, indexes, errors that are looked for."""
import os
import unittest

import numpy as np
import peewee
import pg8000.native
import psycopg2
from pgvector import Bit, HalfVector, SparseVector, Vector
from pgvector.peewee import FixedBitField, HalfVectorField, SparseVectorField, VectorField
from pgvector.pg8000 import register_vector as register_pg8000
from pgvector.psycopg2 import register_vector as register_psycopg2
from pgvector.sqlalchemy import HALFVEC, VECTOR
from sqlalchemy import Index, create_engine, text
from sqlmodel import Field, Session, SQLModel, select

from shared import DIM, OPERATORS, POINTS, QUERY, ROWS, bits, hamming, nearest, to_array

DATABASE = os.environ['PGDATABASE']
HOST, PORT, USER = (os.environ['PG' + name] for name in ('HOST', 'PORT', 'USER'))

# What programs look for in an error
MESSAGES = {
    '[]': 'vector must have at least 1 dimension',
    '[1,NaN]': 'NaN not allowed in vector',
    '[1,Infinity]': 'infinite value not allowed in vector',
    '[' + '1,' * 16000 + '1]': 'vector cannot have more than 16000 dimensions',
}


class Psycopg2(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.conn = psycopg2.connect('')
        cls.conn.autocommit = True
        cls.cursor = cls.conn.cursor()
        register_psycopg2(cls.cursor)
        cls.cursor.execute(f'CREATE TABLE by_psycopg2 (id int, v vector({DIM}), h halfvec({DIM}), s sparsevec({DIM}))')
        for i, point in enumerate(POINTS):
            cls.cursor.execute('INSERT INTO by_psycopg2 VALUES (%s, %s, %s, %s)',
                               (i + 1, Vector(point), HalfVector(point), SparseVector(point)))
        cls.cursor.execute('CREATE INDEX ON by_psycopg2 USING hnsw (v vector_l2_ops)')

    @classmethod
    def tearDownClass(cls):
        cls.cursor.execute('DROP TABLE by_psycopg2')
        cls.conn.close()

    def test_values_come_back(self):
        self.cursor.execute('SELECT v, h, s FROM by_psycopg2 ORDER BY id')
        for (v, h, s), point in zip(self.cursor.fetchall(), POINTS):
            np.testing.assert_array_equal(to_array(v), point)
            np.testing.assert_array_equal(to_array(h), point.astype(np.float16))
            np.testing.assert_array_equal(s.to_numpy(), point)

    def test_each_operator(self):
        for operator, name in OPERATORS.items():
            self.cursor.execute(f'SELECT id FROM by_psycopg2 ORDER BY v {operator} %s LIMIT 10', (Vector(QUERY),))
            self.assertEqual([r[0] for r in self.cursor.fetchall()], nearest(name, 10))

    def test_messages(self):
        for value, message in MESSAGES.items():
            with self.assertRaises(psycopg2.Error) as raised:
                self.cursor.execute('SELECT %s::vector', (value,))
            self.assertEqual(raised.exception.diag.message_primary, message)


class Pg8000(unittest.TestCase):
    def test_types_and_order(self):
        socket = f'{HOST}/.s.PGSQL.{PORT}' if HOST.startswith('/') else None
        conn = pg8000.native.Connection(USER, database=DATABASE, unix_sock=socket,
                                        **({} if socket else {'host': HOST, 'port': int(PORT)}))
        try:
            register_pg8000(conn)
            conn.run(f'CREATE TEMP TABLE by_pg8000 (id int, v vector({DIM}), h halfvec({DIM}))')
            for i, point in enumerate(POINTS):
                conn.run('INSERT INTO by_pg8000 VALUES (:id, :v, :h)', id=i + 1, v=Vector(point), h=HalfVector(point))
            rows = conn.run('SELECT id, v FROM by_pg8000 ORDER BY v <=> :q LIMIT 10', q=Vector(QUERY))
            self.assertEqual([r[0] for r in rows], nearest('cosine', 10))
            np.testing.assert_array_equal(to_array(rows[0][1]), POINTS[rows[0][0] - 1])
        finally:
            conn.close()


class Peewee(unittest.TestCase):
    def test_types_order_and_index(self):
        db = peewee.PostgresqlDatabase(DATABASE)

        class ByPeewee(peewee.Model):
            v = VectorField(dimensions=DIM)
            h = HalfVectorField(dimensions=DIM)
            b = FixedBitField(max_length=DIM)
            s = SparseVectorField(dimensions=DIM)

            class Meta:
                database = db

        ByPeewee.add_index('v vector_l2_ops', using='hnsw')
        with db:
            db.create_tables([ByPeewee])
            try:
                for point in POINTS:
                    ByPeewee.create(v=Vector(point), h=HalfVector(point), b=Bit(bits(point)).to_text(),
                                    s=SparseVector(point))
                self.assertEqual([row.id for row in ByPeewee.select().order_by(ByPeewee.v.l2_distance(QUERY)).limit(10)],
                                 nearest('l2', 10))
                query = '10110010'
                found = [hamming(row.b, query) for row in ByPeewee.select().order_by(ByPeewee.b.hamming_distance(query))]
                self.assertEqual(found, sorted(hamming(bits(point), query) for point in POINTS))
            finally:
                db.drop_tables([ByPeewee])


class ByModel(SQLModel, table=True):
    id: int = Field(primary_key=True)
    v: object = Field(sa_type=VECTOR(DIM))
    h: object = Field(sa_type=HALFVEC(DIM))


class Model(unittest.TestCase):
    def test_order_and_indexes(self):
        engine = create_engine('postgresql+psycopg2://')
        Index('by_model_hnsw', ByModel.v, postgresql_using='hnsw', postgresql_with={'m': 16, 'ef_construction': 64},
              postgresql_ops={'v': 'vector_l2_ops'})
        Index('by_model_ivfflat', ByModel.h, postgresql_using='ivfflat', postgresql_with={'lists': 1},
              postgresql_ops={'h': 'halfvec_cosine_ops'})
        SQLModel.metadata.create_all(engine)
        try:
            with Session(engine) as session:
                session.add_all(ByModel(id=i + 1, v=point, h=point) for i, point in enumerate(POINTS))
                session.commit()
                session.exec(text('SET LOCAL enable_seqscan = off'))
                self.assertEqual(list(session.exec(select(ByModel.id).order_by(ByModel.v.l2_distance(QUERY)).limit(10))),
                                 nearest('l2', 10))
                self.assertEqual(len(list(session.exec(select(ByModel.id).order_by(ByModel.h.cosine_distance(QUERY))))), ROWS)
        finally:
            SQLModel.metadata.drop_all(engine)
            engine.dispose()


if __name__ == '__main__':
    unittest.main()
