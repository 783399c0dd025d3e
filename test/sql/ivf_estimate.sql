--
-- gigavec.estimate: what building an ivfflat or ivfpq index would take
--
CREATE TABLE planned (id int, v vector(48), h halfvec(3000), b bit(64), free vector, t text);
ALTER TABLE planned ALTER v SET STORAGE PLAIN;
INSERT INTO planned (id, v) SELECT i, array_agg(sin(i * 7 + j * i))::vector FROM generate_series(1, 6000) i, generate_series(1, 48) j GROUP BY i;
INSERT INTO planned (id) SELECT i FROM generate_series(1, 1000) i;
ANALYZE planned;
SET max_parallel_maintenance_workers = 0;

SELECT index_rows, parts, seconds BETWEEN 0.001 AND 10 AS takes_time, memory BETWEEN 100000 AND 10000000 AS takes_memory
FROM gigavec.estimate('planned', 'v', 'ivfpq');

-- the size is that of the index, to a few parts in a hundred
CREATE FUNCTION compare(method text, col text, opclass name, options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	estimated float8;
	real float8;
BEGIN
	SELECT size INTO estimated FROM gigavec.estimate('planned', col, method, string_to_array(options, ', '), opclass);
	EXECUTE format('CREATE INDEX planned_new ON planned USING %I (%I %s) %s', method, col, opclass, 'WITH (' || options || ')');
	real := pg_relation_size('planned_new');
	DROP INDEX planned_new;
	RETURN CASE WHEN abs(estimated - real) <= 16384 + real * 0.04 THEN 'right' ELSE format('%s, not %s', estimated, real) END;
END $$;
SELECT compare('ivfpq', 'v', 'vector_l2_ops', 'lists=40');
SELECT compare('ivfpq', 'v', 'vector_cosine_ops', 'lists=3, init=random');
SELECT compare('ivfpq', 'v', 'vector_ip_ops', NULL);
SELECT compare('ivfpq', 'v', 'vector_l2_ops', 'lists=40, quantizer=pq, opq=on');
SELECT compare('ivfpq', 'v', 'vector_ip_ops', 'lists=40, quantizer=pq, bits=8, m=40');
SELECT compare('ivfflat', 'v', 'vector_l2_ops', NULL);
SELECT compare('ivfflat', 'v', NULL, 'lists=200');
SELECT compare('ivfflat', 'v', 'vector_ip_ops', 'lists=1');
UPDATE planned SET h = (SELECT array_agg(sin(id * 7 + j * id)) FROM generate_series(1, 3000) j)::halfvec, b = (id * 977)::bit(64) WHERE id <= 300;
VACUUM FULL ANALYZE planned;
SET client_min_messages = warning;
SELECT compare('ivfflat', 'b', 'bit_hamming_ops', 'lists=10');
SELECT compare('ivfpq', 'h', 'halfvec_cosine_ops', NULL);
SELECT compare('ivfflat', 'h', 'halfvec_l2_ops', 'lists=5');
RESET client_min_messages;

-- rows in two lists are fewer in few dimensions
CREATE TABLE spilling AS
SELECT i AS id, ARRAY[sin(i * 1.7), sin(i * 2.3) + cos(i * 0.3)]::vector(2) AS v
FROM generate_series(1, 8000) i;
ANALYZE spilling;
CREATE FUNCTION compare_spilled(options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	estimated float8;
	real float8;
BEGIN
	SELECT size INTO estimated FROM gigavec.estimate('spilling', 'v', 'ivfflat', string_to_array(options, ', '));
	EXECUTE format('CREATE INDEX spilling_new ON spilling USING ivfflat (v) WITH (%s)', options);
	real := pg_relation_size('spilling_new');
	DROP INDEX spilling_new;
	RETURN CASE WHEN estimated BETWEEN real * 0.85 AND real * 1.15 THEN 'right' ELSE format('%s, not %s', estimated, real) END;
END $$;
SELECT compare_spilled('lists=8, spill=on'), compare_spilled('lists=5, spill=on'), compare_spilled('lists=8');
DROP FUNCTION compare_spilled(text);
DROP TABLE spilling;

-- more lists and little memory take more
SELECT b.seconds > a.seconds AS seconds, b.memory > a.memory AS memory
FROM gigavec.estimate('planned', 'v', 'ivfpq', '{lists=10}') a, gigavec.estimate('planned', 'v', 'ivfpq', '{lists=1500}') b;
SET maintenance_work_mem = '1MB';
SELECT parts > 1 AS parts FROM gigavec.estimate('planned', 'v', 'ivfflat');
RESET maintenance_work_mem;

-- what cannot be
SELECT gigavec.estimate('planned', 't', 'ivfpq');
SELECT gigavec.estimate('planned', 'b', 'ivfpq');
SELECT gigavec.estimate('planned', 'free', 'ivfflat');
SELECT gigavec.estimate('planned', 'v', 'ivfpq', '{links=3}');
SELECT gigavec.estimate('planned', 'v', 'ivfflat', opclass => 'vector_l1_ops');

DROP FUNCTION compare(text, text, name, text);
DROP TABLE planned;
