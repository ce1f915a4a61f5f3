-- What becomes of a page in its table: the modes of writing.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT test.setup('{"items": {"rows": 3}}');

-- One page of stream items, written as `more` says.
CREATE FUNCTION test.write_as(more jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM upstream.drop_source('test', true) FROM upstream.sources WHERE name = 'test';
    DROP TABLE IF EXISTS items, lines;
    PERFORM upstream.create_source('test', test.source(jsonb_build_object('items', test.stream('none', 'items',
        '{"cursor": null, "params": null, "columns": {"id": "id", "name": "name", "n": {"path": "n", "type": "integer"}, "at": {"path": "at", "type": "timestamptz"}}}' || more))));
    PERFORM upstream.create_account('test', 'main');
END
$$;
CREATE PROCEDURE test.page(records jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
    r jsonb;
BEGIN
    PERFORM test.answer(records);
    COMMIT;
    CALL upstream.sync('main', NULL, false, result);
    r := result->'results'->0;
    RAISE WARNING '% inserted, % updated, % unchanged, % deleted, % stale, % rejected: %', r->>'inserted', r->>'updated', r->>'unchanged', r->>'deleted',
        r->>'stale', r->>'rejected', r->>'message';
END
$$;

-- upsert: of a key that comes twice in a page the last counts
SELECT test.write_as('{}');
CALL test.page('[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 1, "name": "c"}]');
CALL test.page('[{"id": 1}, {"id": 2, "name": "b"}]');
SELECT id, name FROM items ORDER BY id;

-- insert_only: the first of a key stays
SELECT test.write_as('{"write": "insert_only"}');
CALL test.page('[{"id": 1, "name": "a"}]');
CALL test.page('[{"id": 1, "name": "b"}, {"id": 2, "name": "b"}]');
SELECT id, name FROM items ORDER BY id;

-- append: no key, every record is a row, in their order
SELECT test.write_as('{"write": null, "primary_key": null}');
CALL test.page('[{"id": 1, "name": "a"}, {"id": 1, "name": "a"}]');
CALL test.page('[{"id": 1, "name": "a"}]');
SELECT id, name, count(*) FROM items GROUP BY id, name;
SELECT indexdef FROM pg_indexes WHERE tablename = 'items';

-- newer_by: what is older than the stored row is dropped, and of several in a page the newest counts
SELECT test.write_as('{"newer_by": "n"}');
CALL test.page('[{"id": 1, "n": 5, "name": "five"}, {"id": 2, "n": 1, "name": "one"}, {"id": 1, "n": 4, "name": "four"}]');
CALL test.page('[{"id": 1, "n": 3, "name": "three"}, {"id": 2, "n": 2, "name": "two"}]');
CALL test.page('[{"id": 1, "n": 5, "name": "five again"}, {"id": 2, "name": "unknown"}]');
SELECT id, name, n FROM items ORDER BY id;

-- absent keep: what a record does not have leaves the stored value, null takes it away
SELECT test.write_as('{"absent": "keep"}');
CALL test.page('[{"id": 1, "name": "a", "n": 1}, {"id": 2, "n": 2}]');
CALL test.page('[{"id": 1, "n": 10}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}]');
CALL test.page('[{"id": 1, "name": null}, {"id": 2}, {"id": 3, "n": 1}, {"id": 3, "name": "d"}]');
SELECT id, name, n FROM items ORDER BY id;
-- absent null, the default: the record is whole
SELECT test.write_as('{"absent": "null"}');
CALL test.page('[{"id": 1, "name": "a", "n": 1}]');
CALL test.page('[{"id": 1, "n": 10}]');
SELECT id, name, n FROM items ORDER BY id;

-- two writers of one table: each sets the columns that it names
SELECT test.write_as('{}');
ALTER TABLE items ADD note text;
UPDATE items SET note = 'mine';
CALL test.page('[{"id": 1, "name": "a"}]');
UPDATE items SET note = 'mine';
CALL test.page('[{"id": 1, "name": "b"}]');
SELECT id, name, note FROM items;

-- rows without identity: known by the hash of some values
SELECT test.write_as('{"primary_key": {"hash": ["name", "n"]}}');
CALL test.page('[{"id": 1, "name": "a", "n": 1}, {"id": 2, "name": "a", "n": 1}, {"id": 3, "name": "a"}]');
CALL test.page('[{"id": 4, "name": "a", "n": 1}, {"id": 5, "name": "a", "n": 2}]');
SELECT id, name, n, length(_upstream_key) FROM items ORDER BY id;
CALL test.page('["no object", {"id": 6}]');
SELECT id, name, n FROM items WHERE id = '6';

-- deletes: a record says so. Softly: the row is marked with its last values, and one that comes back is not deleted any more
SELECT test.write_as('{"deletes": {"mode": "field", "when": {"path": "state", "in": ["gone", "void"]}, "action": "soft"}}');
CALL test.page('[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c", "state": "open"}]');
CALL test.page('[{"id": 1, "state": "gone"}, {"id": 3, "state": "void"}, {"id": 9, "state": "gone"}]');
SELECT id, name, _deleted_at IS NOT NULL AS deleted FROM items ORDER BY id;
CALL test.page('[{"id": 1, "state": "gone"}, {"id": 3, "name": "c"}]');
SELECT id, name, _deleted_at IS NOT NULL AS deleted FROM items ORDER BY id;
-- within a page the last counts
CALL test.page('[{"id": 2, "state": "gone"}, {"id": 2, "name": "back"}, {"id": 3, "name": "d"}, {"id": 3, "state": "gone"}]');
SELECT id, name, _deleted_at IS NOT NULL AS deleted FROM items ORDER BY id;
-- hard
SELECT test.write_as('{"deletes": {"mode": "field", "when": {"path": "deleted", "equals": true}, "action": "hard"}}');
CALL test.page('[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]');
CALL test.page('[{"id": 1, "deleted": true}, {"id": 2, "name": "b", "deleted": false}]');
SELECT id, name FROM items ORDER BY id;
-- a target that was there before needs the column
SELECT upstream.drop_source('test', true);
SELECT upstream.create_source('test', test.source(jsonb_build_object('items', test.stream('none', 'items',
    '{"cursor": null, "params": null, "columns": {"id": "id"}, "deletes": {"mode": "field", "when": {"path": "deleted", "equals": true}, "action": "soft"}}')))) > 0 AS created;
SELECT upstream.create_account('test', 'main');

-- members that no column takes: they fail the run, or get a column
SELECT test.write_as('{"on_new_field": "fail"}');
CALL test.page('[{"id": 1, "name": "a"}, {"id": 2, "colour": "red", "size": 3}]');
SELECT error_code, error_hint FROM upstream.model_status;
SELECT test.write_as('{"on_new_field": "add_column"}');
CALL test.page('[{"id": 1, "name": "a"}, {"id": 2, "colour": "red", "size": 3.5, "open": true, "tags": ["x"], "nothing": null}]');
CALL test.page('[{"id": 1, "name": "a"}, {"id": 2, "colour": "red", "size": 3.5, "open": true, "tags": ["x"], "nothing": null}]');
SELECT id, colour, size, open, tags FROM items ORDER BY id;
SELECT test.write_as('{"on_new_field": "raw", "raw": "record"}');
CALL test.page('[{"id": 1, "name": "a", "colour": "red"}]');
SELECT id, record FROM items;

-- transform: a function drops and splits records; columns are read from what it gives
CREATE SCHEMA app;
CREATE FUNCTION app.split(record jsonb, context jsonb) RETURNS SETOF jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('id', record->>'id' || '-' || part, 'name', upper(part), 'n', (record->>'n')::integer / (record->>'d')::integer)
    FROM unnest(string_to_array(record->>'parts', ',')) part
    WHERE context->'account'->>'shop' = 'a1';
$$;
CREATE FUNCTION app.count(account_id integer, run_id bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE public.items SET at = '2026-01-01' WHERE items.account_id = count.account_id AND count.run_id > 0 AND at IS NULL;
$$;
SELECT test.write_as('{"transform": "app.split", "after_page": "app.count"}');
SELECT test.answer('[{"id": 1, "parts": "a,b", "n": 4, "d": 2}]');
SELECT * FROM upstream.preview('main', 'items');
CALL test.page('[{"id": 1, "parts": "a,b", "n": 4, "d": 2}, {"id": 2, "parts": ""}, {"id": 3, "parts": "c", "n": 1, "d": 0}, {"id": 4, "parts": "d", "n": 3, "d": 1}]');
-- after_page saw the rows in their own transaction
SELECT id, name, n, extract(year FROM at) AS year FROM items ORDER BY id;
SELECT record, key, sqlstate, value, message FROM upstream.rejected_rows ORDER BY reject_id;
-- a hook that fails refuses the page
CREATE OR REPLACE FUNCTION app.count(account_id integer, run_id bigint) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$;
CALL test.page('[{"id": 5, "parts": "e", "n": 4, "d": 2}]');
SELECT count(*) FROM items WHERE id LIKE '5%';
-- functions must be there
SELECT test.write_as('{"transform": "app.nothing"}');
SELECT test.write_as('{"after_page": "app.split"}');

SELECT upstream.drop_source('test', true);
DROP SCHEMA app CASCADE;
DROP TABLE IF EXISTS items;
