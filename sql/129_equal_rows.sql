-- Rows without identity that may truly come more than once: equal ones are numbered, and keep their numbers however they are read again.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT test.setup('{"items": {"rows": 250, "tie": 50, "start": "2026-01-01T00:00:00Z", "spacing_ms": 1000}}');

-- 250 rows of which no more than ten differ, in pages of `size`; bounds as a cursor that looks back sends them.
CREATE FUNCTION test.equal_rows(size integer, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT test.source(jsonb_build_object('items', test.stream('cursor', 'items', jsonb_build_object(
        'primary_key', '{"hash": ["updated_at", "active"], "occurrence": true}'::jsonb,
        'columns', '{"at": {"path": "updated_at", "type": "timestamptz"}, "active": {"path": "active", "type": "boolean"}}'::jsonb,
        'pagination', '{"type": "cursor", "path": "$.next_cursor", "inject": {"in": "query", "name": "cursor"}}'::jsonb || jsonb_build_object('size', size),
        'params', '{"limit": "{page.size}", "since": "{cursor.start|iso}"}'::jsonb,
        'cursor', '{"field": "updated_at", "type": "timestamp", "filter": "server", "order": "asc", "lookback": "2 seconds"}'::jsonb) || more)));
$$;
-- Rows of items that are too few or too many, against the simulator.
CREATE FUNCTION test.unequal() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE IF EXISTS oracle;
    CREATE TEMP TABLE oracle (id text, seq bigint, name text, amount numeric, quantity integer, active boolean, created_at timestamptz,
        updated_at timestamptz, day date, uuid uuid, tags jsonb, nested jsonb, rev integer);
    EXECUTE format('COPY oracle FROM PROGRAM %L', format('curl -sS http://127.0.0.1:%s/_oracle/a1/items', current_setting('test.port')));
    RETURN (SELECT count(*) FROM ((SELECT updated_at, active FROM oracle EXCEPT ALL SELECT at, active FROM items)
        UNION ALL (SELECT at, active FROM items EXCEPT ALL SELECT updated_at, active FROM oracle)) d);
END
$$;

SELECT upstream.create_source('test', test.equal_rows(30)) > 0 AS created;
SELECT upstream.create_account('test', 'main') > 0 AS created;
CALL upstream.sync('main', NULL, false, NULL) \gset
SELECT * FROM test.show(:'result');
SELECT test.unequal();
-- the first of equal rows has the hash alone, the others say which they are
SELECT count(DISTINCT left(_upstream_key, 64)) AS hashes, count(*) FILTER (WHERE length(_upstream_key) = 64) AS first, max(nullif(substr(_upstream_key, 66), '')::integer) > 20 AS numbered FROM items;

-- read again behind the cursor, and as a whole: the same rows
CALL upstream.sync('main', NULL, false, NULL) \gset
SELECT * FROM test.show(:'result');
CALL upstream.sync('main', NULL, true, NULL) \gset
SELECT * FROM test.show(:'result');

-- in other pages, too
SELECT upstream.alter_source('test', test.equal_rows(7)) IS NOT NULL AS altered;
CALL upstream.sync('main', NULL, true, NULL) \gset
SELECT * FROM test.show(:'result');
SELECT test.unequal();

-- in slices, whose edges are read twice
SELECT upstream.alter_source('test', test.equal_rows(30, '{"params": {"limit": "{page.size}", "since": "{cursor.start|iso}", "until": "{cursor.end|iso}"},
    "cursor": {"field": "updated_at", "type": "timestamp", "initial": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:05Z", "step": "2 seconds", "lookback": "2 seconds"}}')) IS NOT NULL AS altered;
CALL upstream.sync('main', NULL, true, NULL) \gset
SELECT mode, received > 250 AS edges_come_twice, inserted, updated, message FROM test.show(:'result');
SELECT test.unequal();

-- a read that breaks off in the middle goes on counting where it was
TRUNCATE items;
SELECT upstream.alter_source('test', test.equal_rows(30)) IS NOT NULL AS altered;
SELECT upstream.reset_cursor('main', NULL);
SELECT test.control('fault', '{"stream": "items", "kind": "status", "status": 403, "skip": 3}');
CALL upstream.sync('main', NULL, false, NULL) \gset
SELECT inserted, message FROM test.show(:'result');
SELECT count(*) AS pages, sum(cardinality(marks)) AS records FROM upstream.occurrences;
CALL upstream.sync('main', NULL, false, NULL) \gset
SELECT inserted, updated, unchanged, message FROM test.show(:'result');
SELECT test.unequal();
SELECT count(*) FROM upstream.occurrences;
-- what was counted is lost (a dump does not have it): the slice is read from its beginning
TRUNCATE items;
SELECT upstream.reset_cursor('main', NULL);
SELECT test.control('fault', '{"stream": "items", "kind": "status", "status": 403, "skip": 3}');
CALL upstream.sync('main', NULL, false, NULL) \gset
DELETE FROM upstream.occurrences;
CALL upstream.sync('main', NULL, false, NULL) \gset
SELECT inserted, unchanged, message FROM test.show(:'result');
SELECT test.unequal();

-- a window must hold all equal rows or none
SELECT path, message, hint FROM upstream.validate_source(test.equal_rows(30, '{"primary_key": {"hash": ["active"], "occurrence": true}}'));

SELECT upstream.drop_source('test', true);
DROP TABLE items;
DROP FUNCTION test.equal_rows(integer, jsonb), test.unequal();
