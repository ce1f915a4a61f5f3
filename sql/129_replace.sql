-- Writes that replace what was there: as a whole, within a slice, in one transaction once all of it has been read.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SELECT test.setup('{"items": {"rows": 3}}');

-- A stream read in pages of two, written as `more` says; its target.
CREATE FUNCTION test.replace_as(more jsonb, former text DEFAULT 'items, lines') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM upstream.drop_source('test', true) FROM upstream.sources WHERE name = 'test';
    EXECUTE 'DROP TABLE IF EXISTS ' || former;
    PERFORM test.control('clear_faults');
    PERFORM upstream.create_source('test', test.source(jsonb_build_object('items', test.stream('page', 'items',
        '{"cursor": null, "params": null, "pagination": {"type": "page", "size": 2, "inject": {"in": "query", "name": "page"}}, "write": "replace", "columns": {"id": {"path": "id", "type": "integer"}, "name": "name", "n": {"path": "n", "type": "integer"}, "at": {"path": "at", "type": "timestamptz"}}}' || more))));
    PERFORM upstream.create_account('test', 'main');
END
$$;

-- rows that have a key are compared: what is the same is not written, what is gone is taken out
SELECT test.replace_as('{}');
CALL test.read_pages('[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]', '[{"id": 3, "name": "c"}]');
UPDATE items SET _synced_at = '2026-01-01';
CALL test.read_pages('[{"id": 2, "name": "b"}, {"id": 3, "name": "d"}]', '[{"id": 4, "name": "e"}]');
SELECT id, name, _synced_at = '2026-01-01' AS untouched FROM items ORDER BY id;
SELECT r.inserted, r.updated, r.unchanged, r.deleted FROM upstream.sync_runs r ORDER BY run_id;
SELECT inserted, updated, unchanged, deleted FROM upstream.pg_stat_upstream;

-- what a row that is gone holds (a unique name) can be had by another
CREATE UNIQUE INDEX ON items (account_id, name);
CALL test.read_pages('[{"id": 5, "name": "b"}, {"id": 6, "name": "d"}]', '[]');
SELECT id, name FROM items ORDER BY id;

-- rows that somebody else wrote since the read began stay
INSERT INTO items (account_id, id, name, _synced_at) SELECT account_id, v.id, v.name, v.at FROM upstream.accounts,
    (VALUES (105, 'since', now() + interval '1 minute'), (106, 'before', now() - interval '1 minute')) AS v(id, name, at);
CALL test.read_pages('[{"id": 5, "name": "b"}]');
SELECT id, name FROM items ORDER BY id;

-- while a read is half done, readers see what was there; it goes on where it was
SELECT test.replace_as('{}');
CALL test.read_pages('[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]', '[]');
CALL test.read_pages('[{"id": 3, "name": "c"}, {"id": 4, "name": "d"}]', '[{"id": 5, "name": "e"}, {"id": 6, "name": "f"}]', '{"status": 400}');
SELECT id, name FROM items ORDER BY id;
SELECT slice, page, convert_from(rows, 'UTF8') FROM upstream.staged_pages ORDER BY slice, page;
SELECT half_done, half_done_records FROM upstream.model_status;
CALL test.read_pages('[{"id": 7, "name": "g"}]');
SELECT id, name FROM items ORDER BY id;
SELECT count(*) FROM upstream.staged_pages;

-- a read that begins anew begins with nothing
CALL test.read_pages('[{"id": 8, "name": "h"}, {"id": 9, "name": "i"}]', '{"status": 400}');
SELECT count(*) FROM upstream.staged_pages;
SELECT upstream.full_refresh('main');
SELECT count(*) FROM upstream.staged_pages;
CALL test.read_pages('[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]', '{"status": 400}');
SELECT upstream.reset_cursor('main', 'items');
SELECT count(*) FROM upstream.staged_pages;
CALL test.read_pages('[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]', '{"status": 400}');
SELECT upstream.mark_sync_complete('main', 'items');
SELECT count(*) FROM upstream.staged_pages;
CALL test.read_pages('[{"id": 10, "name": "x"}, {"id": 2, "name": "b"}]', '{"status": 400}');
SELECT * FROM upstream.alter_source('test', (SELECT spec FROM upstream.sources));
SELECT count(*) FROM upstream.staged_pages;
CALL test.read_pages('[{"id": 11, "name": "x"}]');
SELECT id, name FROM items ORDER BY id;
CALL test.read_pages('[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]', '{"status": 400}');
SELECT upstream.drop_account('main');
SELECT count(*) FROM upstream.staged_pages;

-- nothing upstream, nothing left
SELECT test.replace_as('{}');
CALL test.read_pages('[{"id": 1, "name": "a"}]');
CALL test.read_pages('[]');
SELECT count(*) FROM items;

-- rows without a key are taken out and added; equal ones are kept
SELECT test.replace_as('{"primary_key": null}');
CALL test.read_pages('[{"id": 1, "name": "a"}, {"id": 1, "name": "a"}]', '[{"id": 2}]');
CALL test.read_pages('[{"id": 1, "name": "a"}, {"id": 1, "name": "a"}]', '[{"id": 3}]');
SELECT id, name, count(*) FROM items GROUP BY id, name ORDER BY id;

-- another account's rows are not ours to replace
INSERT INTO items (account_id, id) SELECT 0, 1;
CALL test.read_pages('[{"id": 4}]');
SELECT account_id = 0 AS of_another, id FROM items ORDER BY id;

-- what does not fit is put aside: at once if it makes no row, when its turn comes otherwise
SELECT test.replace_as('{}');
CALL test.read_pages('[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]', '[{"id": 3, "name": "c"}]');
CALL test.read_pages('[{"id": 1, "n": "many"}, "no object"]', '[{"id": "x"}, {"id": 3, "name": "c"}]', '[{"id": 4, "name": "d"}]');
SELECT id, name FROM items ORDER BY id;
SELECT record, key, column_name, value FROM upstream.rejected_rows ORDER BY reject_id;

-- too much does not fit: nothing is replaced, and it is read again, for it may be better then
SELECT test.replace_as('{"pagination": {"type": "page", "size": 12, "inject": {"in": "query", "name": "page"}}}');
CALL test.read_pages('[{"id": 1, "name": "a"}]');
SELECT jsonb_agg(jsonb_build_object('id', i, 'n', 'bad')) AS bad, jsonb_agg(jsonb_build_object('id', i, 'n', i)) AS good FROM generate_series(1, 12) i \gset
CALL test.read_pages(:'bad', '[{"id": 13}]');
SELECT id, name FROM items ORDER BY id;
SELECT error_code, half_done, error_message FROM upstream.model_status;
SELECT test.control('clear_faults');
CALL test.read_pages(:'good', '[{"id": 13}]');
SELECT count(*), sum(n) FROM items;

-- the target is altered while pages wait: they are read again
SELECT upstream.drop_source('test', true);
CREATE TABLE lines (account_id integer, id integer, name text, PRIMARY KEY (account_id, id));
SELECT test.replace_as('{"columns": null, "target": "public.lines"}', 'items');
CALL test.read_pages('[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]', '{"status": 400}');
ALTER TABLE lines ADD n integer;
CALL test.read_pages('[{"id": 3, "name": "c", "n": 3}]', '[{"id": 1, "n": 1}, {"id": 2, "n": 2}]', '[]');
SELECT id, name, n FROM lines ORDER BY id;

-- partitions are replaced one by one, which needs a column that tells them apart
SELECT test.replace_as('{"partitions": {"kind": ["x", "y"]}, "params": {"kind": "{partition.kind}"}}');
SELECT test.replace_as('{"partitions": {"kind": ["x", "y"]}, "params": {"kind": "{partition.kind}"}, "responses": [{"when": {"status": 403}, "do": "skip_partition"}], "primary_key": ["kind", "id"], "columns": {"kind": {"value": "{partition.kind}"}, "id": {"path": "id", "type": "integer"}}}');
CALL test.read_pages('[{"id": 1}, {"id": 2}]', '[{"id": 3}]', '[{"id": 1}]');
SELECT kind, id FROM items ORDER BY 1, 2;
CALL test.read_pages('[{"id": 3}]', '[{"id": 1}, {"id": 4}]', '[]');
SELECT kind, id FROM items ORDER BY 1, 2;
-- one that is left out stays as it is
CALL test.read_pages('[{"id": 5}, {"id": 6}]', '{"status": 403}', '[{"id": 4}]');
SELECT kind, id FROM items ORDER BY 1, 2;
SELECT count(*) FROM upstream.staged_pages;

-- windows: each slice replaces the rows between its bounds, and no others
SELECT test.replace_as('{"write": "replace_window", "primary_key": null, "params": {"from": "{cursor.start}", "to": "{cursor.end}"}, "cursor": {"field": "at", "type": "timestamp", "filter": "server", "initial": "2026-01-01", "end": "2026-01-03", "step": "1 day", "lookback": "1 day"}}');
INSERT INTO items (account_id, id, at) SELECT account_id, id, at FROM upstream.accounts, (VALUES (1, timestamptz '2025-12-31 23:59'), (2, '2026-01-01'), (3, '2026-01-01 12:00'), (4, '2026-01-02'), (5, '2026-01-03'), (6, NULL)) AS v(id, at);
CALL test.read_pages('[{"id": 10, "at": "2026-01-01T01:00:00Z"}, {"id": 11, "at": "2026-01-02T00:00:00Z"}]', '[]',
                '[{"id": 11, "at": "2026-01-02T00:00:00Z"}, {"id": 12}]', '[{"id": 13, "at": "2026-01-02T23:00:00Z"}]');
SELECT id, at FROM items ORDER BY at, id;
SELECT record, sqlstate, column_name, message FROM upstream.rejected_rows;
SELECT cursor FROM upstream.model_status;
-- a slice that fails half way leaves the one before replaced, and its own as it was; the cursor is where the data is
SELECT upstream.reset_cursor('main', 'items');
CALL test.read_pages('[{"id": 20, "at": "2026-01-01T01:00:00Z"}]', '[{"id": 21, "at": "2026-01-02T01:00:00Z"}, {"id": 22, "at": "2026-01-02T02:00:00Z"}]', '{"status": 400}');
SELECT id FROM items ORDER BY at, id;
SELECT cursor, half_done_slices FROM upstream.model_status;
CALL test.read_pages('[{"id": 23, "at": "2026-01-02T03:00:00Z"}]');
SELECT id FROM items ORDER BY at, id;
-- the next one looks back a day
CALL test.read_pages('[{"id": 21, "at": "2026-01-02T01:00:00Z"}, {"id": 23, "at": "2026-01-02T03:00:00Z"}]', '[]',
                '[{"id": 23, "at": "2026-01-02T03:00:00Z"}, {"id": 24, "at": "2026-01-02T04:00:00Z"}]', '[]');
SELECT id FROM items ORDER BY at, id;

-- a list that says it has not changed is not one without rows
SELECT test.replace_as('{"write": "replace_window", "pagination": null, "conditional": "etag", "params": {"from": "{cursor.start}"}, "cursor": {"field": "at", "type": "timestamp", "filter": "server", "initial": "2026-01-01", "lookback": "1 day"}}');
CALL test.read_pages('[{"id": 1, "at": "2026-01-01T01:00:00Z"}, {"id": 2, "at": "2026-01-01T02:00:00Z"}]');
CALL test.read_pages('{"status": 304}');
SELECT id FROM items ORDER BY id;

-- rows known by a hash of their values
SELECT test.replace_as('{"write": "replace_window", "primary_key": {"hash": ["at", "name"], "occurrence": true}, "params": {"from": "{cursor.start}"}, "cursor": {"field": "at", "type": "timestamp", "filter": "server", "initial": "2026-01-01", "lookback": "1 day"}}');
CALL test.read_pages('[{"name": "a", "at": "2026-01-01T01:00:00Z"}, {"name": "a", "at": "2026-01-01T01:00:00Z"}]', '[{"name": "b", "at": "2026-01-01T01:00:00Z"}]');
CALL test.read_pages('[{"name": "a", "at": "2026-01-01T01:00:00Z"}, {"name": "c", "at": "2026-01-01T01:00:00Z"}]', '[]');
SELECT name, at FROM items ORDER BY name;

-- what a window needs
SELECT test.replace_as('{"write": "replace_window", "params": {"from": "{cursor.start}"}, "cursor": {"field": "created", "type": "timestamp", "filter": "server"}}');
SELECT test.replace_as('{"write": "replace_window", "params": {"from": "{cursor.start}"}, "cursor": {"field": "name", "type": "timestamp", "filter": "server"}}');
CREATE TABLE lines (id integer PRIMARY KEY, name text);
DO $$ BEGIN
    PERFORM upstream.drop_source('test', true) FROM upstream.sources WHERE name = 'test';
    PERFORM upstream.create_source('test', test.source(jsonb_build_object('items', test.stream('none', 'items', '{"cursor": null, "params": null, "columns": {"id": "id"}, "write": "replace", "target": "lines"}'))));
    PERFORM upstream.create_account('test', 'main');
END $$;

SELECT upstream.drop_source('test', true);
DROP TABLE IF EXISTS items, lines;
DROP FUNCTION test.replace_as(jsonb, text);
