-- Deletions that another stream lists: in that page's transaction, as the owner of the table that loses rows.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT test.setup('{"items": {"rows": 3}, "gone": {"rows": 3}, "lines": {"rows": 3}}');

-- Streams items (id, at) and lines (order_id, n) that stream gone deletes from, as `deletes` and `more` say.
CREATE FUNCTION test.feed(deletes jsonb DEFAULT '{}', more jsonb DEFAULT '{}', gone jsonb DEFAULT '{}', streams text[] DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM upstream.drop_source('test', true) FROM upstream.sources WHERE name = 'test';
    DROP TABLE IF EXISTS items, lines, gone;
    PERFORM upstream.create_source('test', test.source(jsonb_build_object(
        'items', test.stream('none', 'items', '{"cursor": null, "params": null, "columns": {"id": {"path": "id", "type": "bigint"}, "at": {"path": "at", "type": "timestamptz"}}}'::jsonb || more
            || jsonb_build_object('deletes', '{"mode": "feed", "stream": "gone", "key": {"id": "object.id"}, "when": {"path": "type", "equals": "item.deleted"}}'::jsonb || deletes)),
        'lines', test.stream('none', 'lines', '{"cursor": null, "params": null, "primary_key": ["order_id", "n"], "columns": {"order_id": "order_id", "n": {"path": "n", "type": "integer"}},
            "deletes": {"mode": "feed", "stream": "gone", "key": {"n": "object.n", "order_id": "object.order"}, "when": {"path": "type", "equals": "line.deleted"}, "action": "hard"}}'),
        'gone', test.stream('none', 'gone', '{"params": {"since": "{cursor.start|iso}"}, "write": "insert_only", "columns": {"id": "id", "at": {"path": "at", "type": "timestamptz"}},
            "cursor": {"field": "at", "type": "timestamp", "filter": "server", "order": "asc", "lookback": "1 second"}}'::jsonb || gone))));
    PERFORM upstream.create_account('test', 'main', '{}', '{}', streams);
END
$$;
CREATE PROCEDURE test.page(stream text, records jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
    r jsonb;
BEGIN
    PERFORM test.answer(records, stream);
    COMMIT;
    CALL upstream.sync('main', stream, false, result);
    r := result->'results'->0;
    RAISE WARNING '% inserted, % updated, % unchanged, % deleted, % rejected: %', r->>'inserted', r->>'updated', r->>'unchanged', r->>'deleted', r->>'rejected', r->>'message';
END
$$;

-- softly, the default: marked, and alive again when it comes back
SELECT test.feed();
CALL test.page('items', '[{"id": 1}, {"id": 2}, {"id": 3}]');
CALL test.page('gone', '[{"id": "e1", "type": "item.deleted", "object": {"id": 1}, "at": "2026-02-01T00:00:01Z"}, {"id": "e2", "type": "item.seen", "object": {"id": 2}, "at": "2026-02-01T00:00:02Z"},
    {"id": "e3", "type": "item.deleted", "object": {"id": 9}, "at": "2026-02-01T00:00:03Z"}, {"id": "e4", "type": "item.deleted", "object": {"id": 1}, "at": "2026-02-01T00:00:04Z"}]');
SELECT id, _deleted_at IS NOT NULL AS deleted FROM items ORDER BY id;
SELECT id FROM gone ORDER BY id;
CALL test.page('items', '[{"id": 1}]');
SELECT id, _deleted_at IS NOT NULL AS deleted FROM items ORDER BY id;
-- what the feed looks back on is told again
CALL test.page('gone', '[{"id": "e4", "type": "item.deleted", "object": {"id": 1}, "at": "2026-02-01T00:00:04Z"}]');
SELECT id, _deleted_at IS NOT NULL AS deleted FROM items ORDER BY id;

-- hard; one feed may tell of several streams, by keys of several columns
SELECT test.feed('{"action": "hard"}');
CALL test.page('items', '[{"id": 1}, {"id": 2}, {"id": 3}]');
CALL test.page('lines', '[{"order_id": "a", "n": 1}, {"order_id": "a", "n": 2}, {"order_id": "b", "n": 1}]');
CALL test.page('gone', '[{"id": "e1", "type": "item.deleted", "object": {"id": 2}, "at": "2026-02-01T00:00:01Z"}, {"id": "e2", "type": "line.deleted", "object": {"order": "a", "n": 1}, "at": "2026-02-01T00:00:02Z"}]');
SELECT id FROM items ORDER BY id;
SELECT order_id, n FROM lines ORDER BY order_id, n;
SELECT item, value FROM upstream.explain_sync('main', 'gone') WHERE item IN ('deletes', 'write_path') ORDER BY item, value;

-- newer_by: a row that is newer than the record stays; what is told in whole seconds may have been at their end
SELECT test.feed('{"action": "hard"}', '{"newer_by": "at"}');
CALL test.page('items', '[{"id": 1, "at": "2026-02-01T00:00:05Z"}, {"id": 2, "at": "2026-02-01T00:00:05.5Z"}, {"id": 3, "at": "2026-02-01T00:00:06Z"}, {"id": 4}]');
CALL test.page('gone', '[{"id": "e1", "type": "item.deleted", "object": {"id": 1}, "at": "2026-02-01T00:00:05Z"}, {"id": "e2", "type": "item.deleted", "object": {"id": 2}, "at": "2026-02-01T00:00:05Z"},
    {"id": "e3", "type": "item.deleted", "object": {"id": 3}, "at": "2026-02-01T00:00:05Z"}, {"id": "e4", "type": "item.deleted", "object": {"id": 4}, "at": "2026-02-01T00:00:05Z"}]');
SELECT id FROM items ORDER BY id;

-- a record that does not say which row is put aside, and so is one whose key is none; the others count
SELECT test.feed('{"action": "hard"}');
CALL test.page('items', '[{"id": 1}, {"id": 2}]');
CALL test.page('gone', '[{"id": "e1", "type": "item.deleted", "at": "2026-02-01T00:00:01Z"}, {"id": "e2", "type": "item.deleted", "object": {"id": "two"}, "at": "2026-02-01T00:00:02Z"},
    {"id": "e3", "type": "item.deleted", "object": {"id": 1}, "at": "2026-02-01T00:00:03Z"}]');
SELECT id FROM items ORDER BY id;
SELECT id FROM gone ORDER BY id;
SELECT list, record, sqlstate, column_name, path, value, message FROM upstream.rejected_rows ORDER BY reject_id;

-- where a row cannot go, the record is put aside like one whose own row does not fit; told again, it counts
CREATE FUNCTION test.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$;
CREATE TRIGGER keep BEFORE DELETE ON items FOR EACH STATEMENT EXECUTE FUNCTION test.keep();
CALL test.page('gone', '[{"id": "e5", "type": "item.deleted", "object": {"id": 2}, "at": "2026-02-01T00:00:09Z"}]');
SELECT list, record, sqlstate, message FROM upstream.rejected_rows ORDER BY reject_id DESC LIMIT 1;
DROP TRIGGER keep ON items;
CALL test.page('gone', '[{"id": "e5", "type": "item.deleted", "object": {"id": 2}, "at": "2026-02-01T00:00:09Z"}]');
SELECT id FROM items ORDER BY id;

-- where the table is not there, nothing of the page is written, and the cursor stays
DROP TABLE items;
CALL test.page('gone', '[{"id": "e6", "type": "item.deleted", "object": {"id": 2}, "at": "2026-02-01T00:00:10Z"}]');
SELECT cursor FROM upstream.model_status WHERE stream = 'gone';
SELECT id FROM gone WHERE id = 'e6';

-- an account that does not keep the other stream has nothing to delete
SELECT test.feed('{"action": "hard"}', '{}', '{}', '{gone}');
CALL test.page('gone', '[{"id": "e1", "type": "item.deleted", "object": {"id": 2}, "at": "2026-02-01T00:00:01Z"}]');

-- of a feed with a transform, what it gives tells
CREATE SCHEMA app;
CREATE FUNCTION app.split(record jsonb, context jsonb) RETURNS SETOF jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('id', record->>'id' || '-' || each.id, 'at', record->>'at', 'type', 'item.deleted', 'object', jsonb_build_object('id', each.id)) FROM jsonb_array_elements(record->'ids') AS each(id);
$$;
SELECT test.feed('{"action": "hard"}', '{}', '{"transform": "app.split"}');
CALL test.page('items', '[{"id": 1}, {"id": 2}, {"id": 3}]');
CALL test.page('gone', '[{"id": "e1", "ids": [1, 3], "at": "2026-02-01T00:00:01Z"}]');
SELECT id FROM items ORDER BY id;

SELECT upstream.drop_source('test', true);
DROP SCHEMA app CASCADE;
DROP TABLE items, lines, gone;
DROP FUNCTION test.feed(jsonb, jsonb, jsonb, text[]), test.keep();
DROP PROCEDURE test.page(text, jsonb);
