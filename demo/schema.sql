-- Tables of the demo; psql variable: dimensions

CREATE EXTENSION gigavec;

CREATE TABLE passage (
    id integer PRIMARY KEY,
    page text NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    embedding vector(:dimensions)
);
COMMENT ON TABLE passage IS 'PostgreSQL''s manual, cut into passages';

CREATE TABLE word (
    lexeme text PRIMARY KEY,
    embedding vector(:dimensions) NOT NULL
);
COMMENT ON TABLE word IS 'what each word adds to the embedding of a text';

CREATE FUNCTION embed(question text) RETURNS vector
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    BEGIN ATOMIC
        SELECT l2_normalize(sum(word.embedding))
        FROM unnest(to_tsvector('english', question)) AS found
            JOIN word ON word.lexeme = found.lexeme;
    END;
COMMENT ON FUNCTION embed IS 'embedding of a question; NULL if none of its words is known';

CREATE FUNCTION ask(question text, k integer DEFAULT 5)
    RETURNS TABLE (title text, passage text, distance float8)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
        SELECT p.title, p.body, p.embedding <=> (SELECT embed(question))
        FROM passage AS p
        WHERE (SELECT embed(question)) IS NOT NULL
        ORDER BY p.embedding <=> (SELECT embed(question))
        LIMIT k;
    END;
COMMENT ON FUNCTION ask IS 'the k passages nearest to a question';

-- Both answers to one question, side by side.  Each is timed as the best of
-- three, on the server.
CREATE FUNCTION compare(question text, k integer DEFAULT 10)
    RETURNS TABLE (rank integer, index_id integer, exact_id integer,
                   index_ms numeric, exact_ms numeric, recall numeric)
    LANGUAGE plpgsql
AS $$
DECLARE
    query_vector vector := embed(question);
    query text := 'SELECT array_agg(id) FROM (SELECT id FROM passage ORDER BY embedding <=> $1 LIMIT $2) AS nearest';
    found integer[];
    exact integer[];
    began timestamptz;
    took interval;
BEGIN
    IF query_vector IS NULL THEN
        RAISE EXCEPTION 'none of the words of "%" is in the manual', question;
    END IF;
    FOR i IN 1..3 LOOP
        PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'on', true);
        began := clock_timestamp();
        EXECUTE query INTO found USING query_vector, k;
        took := clock_timestamp() - began;
        index_ms := least(index_ms, extract(epoch FROM took) * 1000);

        PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'off', true);
        began := clock_timestamp();
        EXECUTE query INTO exact USING query_vector, k;
        took := clock_timestamp() - began;
        exact_ms := least(exact_ms, extract(epoch FROM took) * 1000);
    END LOOP;
    PERFORM set_config('enable_indexscan', 'on', true);

    SELECT count(*)::numeric / cardinality(exact) INTO recall
    FROM unnest(exact) AS e WHERE e = ANY (found);
    FOR i IN 1..k LOOP
        rank := i;
        index_id := found[i];
        exact_id := exact[i];
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION compare IS 'answers of the index beside the exact ones, with times and recall';
