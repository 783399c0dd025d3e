"""Django: fields, index objects in a migration, distance expressions."""
import os
import unittest

import django
import numpy as np
from django.conf import settings
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from pgvector import SparseVector
from pgvector.django import (BitField, CosineDistance, HalfVectorField, HammingDistance, HnswIndex, IvfflatIndex,
                             L1Distance, L2Distance, MaxInnerProduct, SparseVectorField, VectorField)

from shared import DIM, POINTS, QUERY, bits, distances, hamming, nearest, to_array

settings.configure(
    DATABASES={'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': os.environ['PGDATABASE'],
                           'HOST': os.environ['PGHOST'], 'PORT': os.environ['PGPORT'], 'USER': os.environ['PGUSER']}},
    DEFAULT_AUTO_FIELD='django.db.models.BigAutoField')
django.setup()

INDEXES = [
    HnswIndex(name='by_django_hnsw', fields=['v'], m=16, ef_construction=64, opclasses=['vector_l2_ops']),
    IvfflatIndex(name='by_django_ivfflat', fields=['v'], lists=4, opclasses=['vector_cosine_ops']),
    HnswIndex(name='by_django_half', fields=['h'], opclasses=['halfvec_l1_ops']),
    HnswIndex(name='by_django_bit', fields=['b'], opclasses=['bit_hamming_ops']),
    HnswIndex(name='by_django_sparse', fields=['s'], opclasses=['sparsevec_l2_ops']),
]


class Item(models.Model):
    v = VectorField(dimensions=DIM, null=True)
    h = HalfVectorField(dimensions=DIM, null=True)
    s = SparseVectorField(dimensions=DIM, null=True)
    b = BitField(length=DIM, null=True)

    class Meta:
        app_label = 'by_django'
        indexes = INDEXES


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel('Item', fields=[
            ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False)),
            ('v', VectorField(dimensions=DIM, null=True)),
            ('h', HalfVectorField(dimensions=DIM, null=True)),
            ('s', SparseVectorField(dimensions=DIM, null=True)),
            ('b', BitField(length=DIM, null=True)),
        ]),
    ] + [migrations.AddIndex('item', index=index) for index in INDEXES]


class Django(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.migration = Migration('0001_initial', 'by_django')
        cls.before = MigrationLoader(connection, replace_migrations=False).project_state()
        with connection.schema_editor(atomic=True) as editor:
            cls.migration.apply(cls.before.clone(), editor)
        Item.objects.bulk_create(Item(id=i + 1, v=p, h=p, s=SparseVector(p), b=bits(p))
                                 for i, p in enumerate(POINTS))

    @classmethod
    def tearDownClass(cls):
        with connection.schema_editor(atomic=True) as editor:
            cls.migration.unapply(cls.before.clone(), editor)
        connection.close()

    def test_each_distance(self):
        for name, distance in (('l2', L2Distance), ('ip', MaxInnerProduct), ('cosine', CosineDistance), ('l1', L1Distance)):
            found = Item.objects.annotate(d=distance('v', QUERY)).order_by('d')[:10]
            self.assertEqual([item.id for item in found], nearest(name, 10))
            np.testing.assert_allclose([item.d for item in found], np.sort(distances(name))[:10], atol=2e-5)

    def test_values_come_back(self):
        item = Item.objects.get(id=3)
        np.testing.assert_array_equal(to_array(item.v), POINTS[2])
        np.testing.assert_array_equal(to_array(item.h), POINTS[2].astype(np.float16))
        np.testing.assert_array_equal(item.s.to_numpy(), POINTS[2])

    def test_filter_and_aggregate(self):
        found = Item.objects.alias(d=L2Distance('v', QUERY)).filter(d__lt=.5).values_list('id', flat=True)
        self.assertEqual(sorted(found), [int(i) + 1 for i in np.flatnonzero(distances('l2') < .5)])
        mean = Item.objects.aggregate(models.Avg('v'))['v__avg']
        np.testing.assert_allclose(to_array(mean),
                                   POINTS.mean(0, dtype=np.float64), atol=1e-6)

    def test_bits(self):
        first = Item.objects.annotate(d=HammingDistance('b', '10110010')).order_by('d', 'id').first()
        self.assertEqual(first.d, min(hamming(bits(p), '10110010') for p in POINTS))

    def test_indexes_are_used(self):
        with connection.cursor() as cursor:
            cursor.execute('SELECT indexname FROM pg_indexes WHERE tablename = %s', ['by_django_item'])
            self.assertLessEqual({index.name for index in INDEXES}, {row[0] for row in cursor.fetchall()})
            cursor.execute('SET enable_seqscan = off')
            cursor.execute('SET ivfflat.probes = 4')
        for name, distance in (('l2', L2Distance), ('cosine', CosineDistance)):
            found = Item.objects.order_by(distance('v', QUERY))[:10]
            self.assertIn('Index Scan', found.explain())
            self.assertEqual([item.id for item in found], nearest(name, 10))

    def test_save_and_change(self):
        item = Item(id=1000, v=[1] * DIM)
        item.save()
        item.v = [2] * DIM
        item.save()
        item.refresh_from_db()
        np.testing.assert_array_equal(to_array(item.v), [2] * DIM)
        item.delete()


if __name__ == '__main__':
    unittest.main()
