"""SQLAlchemy: its types, its index objects, its comparators."""
import unittest

import numpy as np
from pgvector.sqlalchemy import BIT, HALFVEC, SPARSEVEC, VECTOR, avg, sum
from sqlalchemy import Index, Integer, MetaData, create_engine, func, inspect, select, text
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

from shared import DIM, POINTS, QUERY, ROWS, bits, distances, hamming, nearest, to_array


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = 'by_sqlalchemy'

    id = mapped_column(Integer, primary_key=True)
    v = mapped_column(VECTOR(DIM))
    h = mapped_column(HALFVEC(DIM))
    s = mapped_column(SPARSEVEC(DIM))
    b = mapped_column(BIT(DIM))


Index('by_sqlalchemy_hnsw', Item.v, postgresql_using='hnsw', postgresql_with={'m': 16, 'ef_construction': 64},
      postgresql_ops={'v': 'vector_l2_ops'})
Index('by_sqlalchemy_ivfflat', Item.v, postgresql_using='ivfflat', postgresql_with={'lists': 4},
      postgresql_ops={'v': 'vector_cosine_ops'})
Index('by_sqlalchemy_half', func.cast(Item.v, HALFVEC(DIM)).label('half'), postgresql_using='hnsw',
      postgresql_ops={'half': 'halfvec_l2_ops'})


class Sqlalchemy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.engine = create_engine('postgresql+psycopg://')
        Base.metadata.create_all(cls.engine)
        with Session(cls.engine) as session:
            session.add_all(Item(id=i + 1, v=point, h=point, s=point, b=bits(point)) for i, point in enumerate(POINTS))
            session.commit()

    @classmethod
    def tearDownClass(cls):
        Base.metadata.drop_all(cls.engine)
        cls.engine.dispose()

    def test_each_distance(self):
        with Session(self.engine) as session:
            for name, order in (('l2', Item.v.l2_distance), ('ip', Item.v.max_inner_product),
                                ('cosine', Item.v.cosine_distance), ('l1', Item.v.l1_distance)):
                rows = session.execute(select(Item.id, order(QUERY)).order_by(order(QUERY)).limit(10)).all()
                self.assertEqual([r[0] for r in rows], nearest(name, 10))
                np.testing.assert_allclose([r[1] for r in rows], np.sort(distances(name))[:10], atol=2e-5)

    def test_filter_by_distance(self):
        with Session(self.engine) as session:
            found = session.scalars(select(Item.id).where(Item.v.l2_distance(QUERY) < .5)).all()
            self.assertEqual(sorted(found), [int(i) + 1 for i in np.flatnonzero(distances('l2') < .5)])

    def test_bits(self):
        with Session(self.engine) as session:
            rows = session.scalars(select(Item.b.hamming_distance('10110010')).order_by(Item.id)).all()
            self.assertEqual(rows, [hamming(bits(point), '10110010') for point in POINTS])

    def test_aggregates(self):
        with Session(self.engine) as session:
            mean, total = session.execute(select(avg(Item.v), sum(Item.v))).one()
            np.testing.assert_allclose(to_array(mean), POINTS.mean(0, dtype=np.float64), atol=1e-6)
            np.testing.assert_allclose(to_array(total), POINTS.sum(0, dtype=np.float64), rtol=1e-4, atol=1e-4)

    def test_indexes_are_seen(self):
        names = {index['name'] for index in inspect(self.engine).get_indexes('by_sqlalchemy')}
        self.assertLessEqual({'by_sqlalchemy_hnsw', 'by_sqlalchemy_ivfflat'}, names)
        metadata = MetaData()
        metadata.reflect(self.engine, only=['by_sqlalchemy'])
        self.assertEqual(str(metadata.tables['by_sqlalchemy'].c.v.type), f'VECTOR({DIM})')

    def test_indexes_are_used(self):
        with Session(self.engine) as session:
            session.execute(text('SET LOCAL enable_seqscan = off'))
            session.execute(text('SET LOCAL ivfflat.probes = 4'))
            for name, order in (('l2', Item.v.l2_distance), ('cosine', Item.v.cosine_distance)):
                query = select(Item.id).order_by(order(QUERY)).limit(10)
                self.assertEqual(session.scalars(query).all(), nearest(name, 10))
            self.assertEqual(session.scalar(select(func.count()).select_from(Item)), ROWS)


if __name__ == '__main__':
    unittest.main()
