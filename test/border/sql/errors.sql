-- Errors over the border: nothing is lost, destructors run, the server stays up.
\getenv folder PG_LIBDIR
\set module :folder '/border'
CREATE FUNCTION border_throw(text) RETURNS text LANGUAGE c VOLATILE STRICT AS :'module';
CREATE FUNCTION border_run(text) RETURNS text LANGUAGE c VOLATILE STRICT AS :'module';
CREATE FUNCTION border_catch(text) RETURNS text LANGUAGE c VOLATILE STRICT AS :'module';
CREATE FUNCTION border_nested(text) RETURNS text LANGUAGE c VOLATILE STRICT AS :'module';
CREATE FUNCTION border_huge() RETURNS text LANGUAGE c VOLATILE STRICT AS :'module';
CREATE FUNCTION border_destroyed() RETURNS int LANGUAGE c VOLATILE STRICT AS :'module';
CREATE TABLE border_unique (id int PRIMARY KEY, small int CHECK (small < 10), must int NOT NULL DEFAULT 0);
INSERT INTO border_unique VALUES (1, 1);
CREATE FUNCTION border_fail() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refused' USING ERRCODE = 'AB123', DETAIL = 'Some detail.', HINT = 'Some hint.', COLUMN = 'must', TABLE = 'border_unique';
END $$;
SELECT pg_backend_pid() AS pid \gset

-- from C++ to Postgres
SELECT border_throw('exception');
\echo :LAST_ERROR_SQLSTATE
SELECT border_throw('memory');
\echo :LAST_ERROR_SQLSTATE
SELECT border_throw('int');
\echo :LAST_ERROR_SQLSTATE
SELECT border_throw('raise');
\echo :LAST_ERROR_SQLSTATE
SELECT border_throw('nothing');
SELECT border_destroyed();

-- from Postgres through C++ to the client
SELECT border_run('INSERT INTO border_unique VALUES (1, 1)');
\echo :LAST_ERROR_SQLSTATE
SELECT border_run('SELECT border_fail()');
\echo :LAST_ERROR_SQLSTATE
SELECT border_run('SELECT 1 FROM nowhere');
\echo :LAST_ERROR_SQLSTATE
SELECT border_huge();
\echo :LAST_ERROR_SQLSTATE
SELECT border_destroyed();

-- a level deeper: Postgres, C++, Postgres, C++
SELECT border_run('SELECT border_run(''SELECT border_throw(''''raise'''')'')');
\echo :LAST_ERROR_SQLSTATE
SELECT border_destroyed();

-- caught, and the transaction goes on
BEGIN;
SELECT border_catch('INSERT INTO border_unique VALUES (1, 1)');
SELECT border_catch('INSERT INTO border_unique VALUES (2, 2)');
SELECT border_catch('INSERT INTO border_unique VALUES (3, 30)');
SELECT border_catch('INSERT INTO border_unique VALUES (3, 3, NULL)');
SELECT border_catch('SELECT border_fail()');
SELECT border_catch('SELECT border_throw(''exception'')');
COMMIT;
SELECT * FROM border_unique ORDER BY id;
SELECT border_nested('SELECT border_fail()');
\echo :LAST_ERROR_SQLSTATE
-- PL/pgSQL catches what C++ raised
DO $$
DECLARE detail text; hint text;
BEGIN
    PERFORM border_throw('raise');
EXCEPTION WHEN check_violation THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RAISE NOTICE '% / % / %', SQLERRM, detail, hint;
END $$;
-- many errors leave no memory behind
DO $$
DECLARE before bigint; after bigint;
BEGIN
    FOR i IN 1..3000 LOOP
        PERFORM border_catch('SELECT border_fail()');
        IF i = 1000 THEN
            SELECT used_bytes INTO before FROM pg_backend_memory_contexts WHERE name = 'TopMemoryContext';
        END IF;
    END LOOP;
    SELECT used_bytes INTO after FROM pg_backend_memory_contexts WHERE name = 'TopMemoryContext';
    RAISE NOTICE 'grown much: %', after - before > 5000;
END $$;
SELECT count(*) AS left_over FROM pg_backend_memory_contexts WHERE name LIKE 'upstream%';
SELECT pg_backend_pid() = :pid AS same_backend;
