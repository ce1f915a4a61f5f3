-- Deletions by absence: what a full read has not met is gone upstream.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SELECT test.setup('{"items": {"rows": 3}}');

-- A stream read in pages of two, whose rows are deleted as `deletes` says; its target.
CREATE FUNCTION test.missing(deletes jsonb DEFAULT '{}', more jsonb DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM upstream.drop_source('test', true) FROM upstream.sources WHERE name = 'test';
    DROP TABLE IF EXISTS items;
    PERFORM test.control('clear_faults');
    PERFORM upstream.create_source('test', test.source(jsonb_build_object('items', test.stream('page', 'items', jsonb_build_object('deletes', '{"mode": "missing", "action": "hard"}' || deletes) ||
        '{"cursor": null, "params": null, "pagination": {"type": "page", "size": 2, "inject": {"in": "query", "name": "page"}}, "columns": {"id": {"path": "id", "type": "integer"}, "name": "name", "n": {"path": "n", "type": "integer"}, "at": {"path": "at", "type": "timestamptz", "format": "iso"}}}' || more))));
    PERFORM upstream.create_account('test', 'main');
END
$$;

-- hard: the row goes, at the end of the read and not before
SELECT test.missing();
CALL test.read_pages('[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]', '[{"id": 3, "name": "c"}, {"id": 4, "name": "d"}]', '[]');
CALL test.read_pages('[{"id": 1, "name": "a"}, {"id": 4, "name": "e"}]', '{"status": 400}');
SELECT id, name FROM items ORDER BY id;
SELECT count(*) FROM upstream.seen_keys;
CALL test.read_pages('[{"id": 3, "name": "c"}]');
SELECT id, name FROM items ORDER BY id;
SELECT r.inserted, r.updated, r.unchanged, r.deleted, r.message FROM upstream.sync_runs r ORDER BY run_id;
SELECT inserted, updated, unchanged, deleted, last_change_at IS NOT NULL AS changed FROM upstream.pg_stat_upstream;
SELECT count(*) FROM upstream.seen_keys;

-- soft: the row is marked with its last values, and one that comes back is not deleted any more
SELECT test.missing('{"action": "soft"}');
CALL test.read_pages('[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]', '[{"id": 3, "name": "c"}]');
CALL test.read_pages('[{"id": 1, "name": "a"}, {"id": 3, "name": "c"}]', '[]');
SELECT id, name, _deleted_at IS NOT NULL AS deleted, _synced_at = _deleted_at AS noted FROM items ORDER BY id;
CALL test.read_pages('[{"id": 1, "name": "a"}, {"id": 3, "name": "c"}]', '[]');
CALL test.read_pages('[{"id": 2, "name": "b"}, {"id": 3, "name": "c"}]', '[]');
SELECT id, name, _deleted_at IS NOT NULL AS deleted FROM items ORDER BY id;

-- so is one that is only ever inserted; it keeps what it has
SELECT test.missing('{"action": "soft", "max_fraction": 1}', '{"write": "insert_only"}');
CALL test.read_pages('[{"id": 1, "name": "a"}]');
CALL test.read_pages('[]');
CALL test.read_pages('[{"id": 1, "name": "b"}]');
SELECT id, name, _deleted_at IS NOT NULL AS deleted FROM items ORDER BY id;

-- too many: nothing is deleted, what was read is written, and the reason stands in the view
SELECT test.missing('{"max_fraction": 0.3}');
CALL test.read_pages('[{"id": 1}, {"id": 2}]', '[{"id": 3}, {"id": 4}]', '[]');
CALL test.read_pages('[{"id": 1}, {"id": 5, "name": "new"}]', '[]');
SELECT id, name FROM items ORDER BY id;
SELECT state, error_code, error_sqlstate, error_message, error_detail, error_hint, half_done FROM upstream.model_status;
-- the next run reads everything again
CALL test.read_pages('[{"id": 1}, {"id": 2}]', '[{"id": 3}, {"id": 5, "name": "new"}]', '[]');
SELECT id, name FROM items ORDER BY id;
SELECT state, error_code FROM upstream.model_status;
CALL test.read_pages('[]');
SELECT count(*) FROM items;

-- rows that somebody else wrote since the read began stay; those of other accounts, too
SELECT test.missing('{"max_fraction": 1}');
CALL test.read_pages('[{"id": 1}, {"id": 2}]', '[]');
INSERT INTO items (account_id, id, name, _synced_at) SELECT account_id, v.* FROM upstream.accounts,
    (VALUES (10, 'since', now() + interval '1 minute'), (11, 'before', now() - interval '1 minute')) AS v(id, name, at);
INSERT INTO items (account_id, id, name, _synced_at) VALUES (0, 1, 'of another', '2026-01-01');
CALL test.read_pages('[{"id": 1}]');
SELECT id, name FROM items ORDER BY id, name;

-- a record that does not fit is no row that is gone, whether it makes no row or its table refuses it
SELECT test.missing();
CALL test.read_pages('[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]', '[{"id": 3, "name": "c"}, {"id": 4, "name": "d"}]', '[]');
ALTER TABLE items ADD CHECK (name <> 'bad');
CALL test.read_pages('[{"id": 1, "at": "soon"}, {"id": 2, "n": "many"}]', '[{"id": 3, "name": "bad"}, {"name": "no id"}]', '[]');
SELECT id, name FROM items ORDER BY id;
SELECT record, key, column_name, value FROM upstream.rejected_rows ORDER BY reject_id;

-- one that the transform fails on may be any row: nothing is deleted
CREATE SCHEMA app;
CREATE FUNCTION app.same(record jsonb, context jsonb) RETURNS SETOF jsonb LANGUAGE sql AS $$ SELECT record || jsonb_build_object('n', 10 / (record->>'n')::integer) $$;
SELECT test.missing('{"max_fraction": 1}', '{"transform": "app.same"}');
CALL test.read_pages('[{"id": 1, "n": 1}, {"id": 2, "n": 2}]', '[]');
CALL test.read_pages('[{"id": 1, "n": 0}]');
SELECT id, n FROM items ORDER BY id;
SELECT notice FROM upstream.model_status;
CALL test.read_pages('[{"id": 1, "n": 5}]');
SELECT id, n FROM items ORDER BY id;

-- keys are those of the table: what its index takes for equal is the same row
SELECT test.missing('{"max_fraction": 1}', '{"columns": {"id": {"path": "id", "type": "numeric"}, "name": "name"}}');
CALL test.read_pages('[{"id": 1.50, "name": "a"}, {"id": 2, "name": "b"}]', '[]');
CALL test.read_pages('[{"id": 1.5, "name": "a"}]');
SELECT id, name FROM items ORDER BY id;

-- partitions: at the end of all of them; one that is left out might hold what was not met
SELECT test.missing('{"max_fraction": 1}', '{"partitions": {"kind": ["x", "y"]}, "params": {"kind": "{partition.kind}"}, "responses": [{"when": {"status": 403}, "do": "skip_partition"}]}');
CALL test.read_pages('[{"id": 1}, {"id": 2}]', '[]', '[{"id": 3}, {"id": 4}]', '[]');
CALL test.read_pages('[{"id": 2}]', '{"status": 403}');
SELECT id FROM items ORDER BY id;
SELECT notice FROM upstream.model_status;
CALL test.read_pages('[{"id": 4}]', '[{"id": 2}]');
SELECT id FROM items ORDER BY id;

-- an incremental stream notices when everything is read
SELECT test.missing('{}', '{"pagination": {"type": "none"}, "cursor": {"field": "at", "type": "timestamp", "filter": "client", "order": "desc"}}');
CALL test.read_pages('[{"id": 3, "at": "2026-01-03T00:00:00Z"}, {"id": 2, "at": "2026-01-02T00:00:00Z"}, {"id": 1, "at": "2026-01-01T00:00:00Z"}]');
CALL test.read_pages('[{"id": 3, "at": "2026-01-03T00:00:00Z"}, {"id": 1, "at": "2026-01-01T00:00:00Z"}]');
SELECT id FROM items ORDER BY id;
SELECT upstream.full_refresh('main');
CALL test.read_pages('[{"id": 3, "at": "2026-01-03T00:00:00Z"}, {"id": 1, "at": "2026-01-01T00:00:00Z"}]');
SELECT id FROM items ORDER BY id;

-- keys that were met go with the read that met them
SELECT test.missing('{"max_fraction": 1}');
CALL test.read_pages('[{"id": 1}, {"id": 2}]', '[]');
CALL test.read_pages('[{"id": 1}, {"id": 2}]', '{"status": 400}');
SELECT count(*) FROM upstream.seen_keys;
SELECT upstream.full_refresh('main');
SELECT count(*) FROM upstream.seen_keys;
CALL test.read_pages('[{"id": 1}]');
SELECT id FROM items ORDER BY id;
CALL test.read_pages('[{"id": 1}, {"id": 2}]', '{"status": 400}');
SELECT upstream.drop_source('test', true);
SELECT count(*) FROM upstream.seen_keys;

-- what the target needs
DROP TABLE items;
CREATE TABLE items (account_id integer, id integer, name text, n integer, at timestamptz, PRIMARY KEY (account_id, id));
DO $$ BEGIN
    PERFORM upstream.create_source('test', test.source(jsonb_build_object('items', test.stream('none', 'items', '{"cursor": null, "params": null, "columns": {"id": "id"}, "deletes": {"mode": "missing", "action": "hard"}}'))));
    PERFORM upstream.create_account('test', 'main');
END $$;
-- and what it does not go together with
SELECT path, message FROM upstream.validate_source(test.source(jsonb_build_object('items', test.stream('none', 'items',
    '{"cursor": null, "params": null, "write": "replace", "deletes": {"mode": "missing"}, "parent": {"table": "public.shops", "key": {"shop": "shop"}, "where": "open", "limit": 3, "only_changed": "changed_at"}}'))));

DROP TABLE items;
DROP SCHEMA app CASCADE;
DROP FUNCTION test.missing(jsonb, jsonb);
