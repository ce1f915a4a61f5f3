-- receive_webhook(): rows that events write and delete, through the same writer as pages.
SET client_min_messages = warning;
SELECT test.setup('{"items": {"rows": 3}}');
CREATE FUNCTION spec(events jsonb, more jsonb DEFAULT '{}', dedup jsonb DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
    SELECT test.source(jsonb_build_object('items', jsonb_strip_nulls(test.stream('cursor') || '{"columns": {"id": {"path": "id", "type": "text"}, "name": {"path": "name", "type": "text"},
        "quantity": {"path": "quantity", "type": "integer"}, "updated_at": {"path": "updated_at", "type": "timestamptz"}}}' || more)),
        jsonb_build_object('webhook', jsonb_strip_nulls(jsonb_build_object('path', 'rows', 'verify', '{"scheme": "shared_secret", "in": "header", "name": "X-Key", "key": "{secret.hook}"}'::jsonb,
            'dedup', dedup, 'events', events)))) $$;
CREATE FUNCTION remake(events jsonb, more jsonb DEFAULT '{}', dedup jsonb DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM upstream.sources WHERE name = 'hooks') THEN PERFORM upstream.drop_source('hooks', true); END IF;
    DROP TABLE IF EXISTS items;
    PERFORM upstream.create_source('hooks', spec(events, more, dedup));
    PERFORM upstream.create_account('hooks', 'a1', credentials => '{"hook": "let-me-in"}');
END $$;
CREATE FUNCTION call(body jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT status || ' ' || answer FROM upstream.receive_webhook('rows', '{"x-key": "let-me-in"}', convert_to(body::text, 'UTF8')) $$;
CREATE VIEW requested AS SELECT stream FROM upstream.models_needing_sync WHERE reason = 'requested';

-- a record is written as a page's would be; what it does not have stays, and the cursor does not move
SELECT remake('[{"do": "upsert", "stream": "items", "records": "$.items[*]"}]');
CALL upstream.sync('a1') \gset
CREATE TEMP TABLE before AS SELECT cursor FROM upstream.model_status;
SELECT call('{"items": [{"id": "new", "name": "Nail", "quantity": 7, "updated_at": "2027-01-01T00:00:00Z"}, {"id": "items-a1-000001", "quantity": 0}, {"id": "items-a1-000002", "name": null}]}');
SELECT id, name, quantity, updated_at > '2026-06-01' AS later FROM items ORDER BY id COLLATE "C";
SELECT m.cursor = b.cursor AS unmoved FROM upstream.model_status m, before b;
SELECT * FROM requested;

-- what does not fit is put aside, and the others are written
SELECT call('{"items": [{"id": "nut", "quantity": "many"}, {"name": "no key"}, 17, {"id": "bolt", "quantity": 1}]}');
SELECT run_id, record, key, sqlstate, column_name, value, message FROM upstream.rejected_rows ORDER BY record;
SELECT id FROM items WHERE id IN ('nut', 'bolt');
-- but where nothing fits, the call fails as a whole
SELECT call(jsonb_build_object('items', (SELECT jsonb_agg(i) FROM generate_series(1, 50) i)));

-- an account without the stream
SELECT upstream.drop_account('a1');
SELECT upstream.create_account('hooks', 'a1', credentials => '{"hook": "let-me-in"}', streams => '{}') > 0 AS created;
SELECT call('{"items": [{"id": "nobody"}]}');
SELECT count(*) FROM items WHERE id = 'nobody';

-- a map makes the stream's record of another one
SELECT remake('[{"when": {"path": "header:X-Topic", "equals": "none"}, "do": "ignore"},
                {"do": "upsert", "stream": "items", "map": {"id": "data.sku", "quantity": "$.data.stock[0].left"}}]', '{"raw": "record"}');
CALL upstream.sync('a1') \gset
SELECT call('{"data": {"sku": "items-a1-000003", "stock": [{"left": 12}]}}');
SELECT id, name IS NOT NULL AS has_name, quantity, record->>'id' AS of_record FROM items WHERE id = 'items-a1-000003';

-- newer_by: an older record is dropped, whichever way it came
SELECT remake('[{"do": "upsert", "stream": "items"}]', '{"newer_by": "updated_at"}');
SELECT call('{"id": "items-a1-000001", "name": "newer", "updated_at": "2027-01-01T00:00:00Z"}');
SELECT call('{"id": "items-a1-000001", "name": "older", "updated_at": "2026-12-31T00:00:00Z"}');
CALL upstream.sync('a1') \gset
SELECT name FROM items WHERE id = 'items-a1-000001';

-- where the record does not say how new it is, the event does; that is not stored
SELECT remake('[{"do": "upsert", "stream": "items", "occurred_at": {"path": "at", "format": "epoch"}}]', '{"newer_by": "updated_at"}');
CALL upstream.sync('a1') \gset
SELECT call('{"id": "items-a1-000001", "name": "long ago", "at": 1700000000}');
SELECT call('{"id": "items-a1-000002", "name": "just now", "at": 1800000000}');
SELECT call('{"id": "unknown", "name": "just now", "at": 1800000000}');
SELECT id, name, updated_at < '2026-06-01' AS of_page FROM items WHERE name IN ('long ago', 'just now') ORDER BY 1;

-- events that come in another order than they happened
SELECT remake('[{"when": {"path": "what", "equals": "gone"}, "do": "delete", "stream": "items", "records": "$.all[*]", "occurred_at": "at"},
                {"do": "upsert", "stream": "items", "records": "$.all[*]", "occurred_at": "at"}]');
SELECT call('{"all": [{"id": "n", "name": "second", "at": "2027-01-02T00:00:00Z"}, {"id": "n", "name": "first", "quantity": 1, "at": "2027-01-01T00:00:00Z"}]}');
SELECT id, name, quantity FROM items;
SELECT call('{"all": [{"id": "n", "name": "before", "quantity": 0, "at": "2027-01-01T12:00:00Z"}]}');
SELECT call('{"all": [{"id": "n", "what": "gone", "at": "2027-01-01T13:00:00Z"}]}');
SELECT id, name, quantity FROM items;
SELECT call('{"all": [{"id": "n", "what": "gone", "at": "2027-01-03T00:00:00Z"}]}');
SELECT count(*) FROM items;
SELECT call('{"all": [{"id": "n", "name": "late", "at": "2027-01-02T12:00:00Z"}]}');
SELECT count(*) FROM items;
SELECT call('{"all": [{"id": "n", "name": "back", "at": "2027-01-04T00:00:00Z"}, {"id": "m", "at": "soon"}]}');
SELECT id, name FROM items;
SELECT key, sqlstate, path, value, message FROM upstream.rejected_rows;

-- deletions are soft where the stream's are
SELECT remake('[{"do": "delete", "stream": "items", "map": {"id": "sku"}}]', '{"deletes": {"mode": "field", "when": {"path": "active", "equals": "never"}}}');
CALL upstream.sync('a1') \gset
SELECT call('{"sku": "items-a1-000002"}');
SELECT id, name IS NOT NULL AS has_name, _deleted_at IS NOT NULL AS is_deleted FROM items ORDER BY id;

-- a record that says that it is deleted
SELECT remake('[{"do": "upsert", "stream": "items"}]', '{"deletes": {"mode": "field", "when": {"path": "state", "equals": "gone"}, "action": "hard"}}');
CALL upstream.sync('a1') \gset
SELECT call('{"id": "items-a1-000002", "state": "gone"}');
SELECT count(*) FROM items;

-- a call that came before has no second effect
SELECT remake('[{"do": "upsert", "stream": "items"}]', dedup => '{"key": "$.call", "keep": "1 day"}');
SELECT call('{"call": "c1", "id": "n", "quantity": 1}');
UPDATE items SET quantity = 2;
SELECT call('{"call": "c1", "id": "n", "quantity": 1}');
SELECT quantity FROM items;

-- a transform sees the record, too
CREATE FUNCTION public.shout(record jsonb, context jsonb) RETURNS SETOF jsonb LANGUAGE sql AS $$ SELECT record || jsonb_build_object('name', upper(record->>'name')) $$;
SELECT remake('[{"do": "upsert", "stream": "items"}]', '{"transform": "public.shout"}');
SELECT call('{"id": "n", "name": "nail"}');
SELECT id, name, quantity FROM items;
DROP FUNCTION public.shout(jsonb, jsonb);

-- what only the request of a page knows stays as it is
SELECT remake('[{"do": "upsert", "stream": "items"}]', '{"columns": {"id": {"path": "id", "type": "text"}, "name": {"path": "name", "type": "text"}, "total": {"path": "$.total", "type": "bigint"},
    "region": {"value": "{partition.region}", "type": "text"}, "updated_at": {"path": "updated_at", "type": "timestamptz"}}, "partitions": {"region": ["eu"]}}');
CALL upstream.sync('a1') \gset
SELECT call('{"id": "items-a1-000001", "name": "changed", "total": 4711}');
SELECT id, name, region, total <> 4711 AS of_page FROM items WHERE name = 'changed';

-- a model that is being read is read once more, for a page that was fetched before could write the older row
SELECT remake('[{"do": "upsert", "stream": "items"}]');
SELECT call('{"id": "n", "name": "nail"}');
SELECT * FROM requested;
SELECT test.setup('{"items": {"rows": 250}}');
SELECT test.control('fault', '{"stream": "items", "kind": "status", "status": 403, "skip": 1, "times": 1}');
CALL upstream.sync('a1') \gset
SELECT half_done FROM upstream.model_status;
SELECT call('{"id": "n", "name": "nut"}');
SELECT * FROM requested;

-- one whose read ends by deleting what it has not met is not written to meanwhile
SELECT test.setup('{"items": {"rows": 250}}');
SELECT remake('[{"do": "upsert", "stream": "items"}]', (test.stream('page') - 'columns') || '{"cursor": null, "params": {"limit": "{page.size}"}, "deletes": {"mode": "missing", "action": "hard"}}');
SELECT test.control('fault', '{"stream": "items", "kind": "status", "status": 403, "skip": 1, "times": 1}');
CALL upstream.sync('a1') \gset
SELECT call('{"id": "n", "name": "nail"}');
SELECT * FROM requested;
SELECT count(*) FROM items WHERE id = 'n';
CALL upstream.sync('a1') \gset
SELECT call('{"id": "n", "name": "nail"}');
SELECT count(*) FROM items;
SELECT test.setup();

-- whoever receives needs no right but to call: rows are written as their table's owner, who cannot become somebody else
SELECT remake('[{"do": "upsert", "stream": "items"}]');
CREATE ROLE target_owner;
CREATE ROLE listener;
GRANT CREATE ON SCHEMA public TO target_owner;
ALTER TABLE items OWNER TO target_owner;
GRANT USAGE ON SCHEMA upstream TO listener;
GRANT EXECUTE ON FUNCTION upstream.receive_webhook(text, jsonb, bytea, jsonb, text) TO listener;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := current_user; RETURN NEW; END $$;
CREATE TRIGGER note BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION note();
SET ROLE listener;
SELECT call('{"id": "n"}');
SELECT count(*) FROM items;
SELECT count(*) FROM upstream.secrets;
RESET ROLE;
SELECT id, name FROM items;
CREATE OR REPLACE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN SET ROLE upstream_worker; RETURN NEW; END $$;
SELECT call('{"id": "m"}');
SELECT sqlstate, message FROM upstream.rejected_rows;

-- what cannot be carried out is told when the source is made
SELECT upstream.create_source('other', spec('[{"do": "upsert", "stream": "items", "map": {"name": "n"}}]'));
DROP TABLE items CASCADE;
SELECT call('{"id": "n"}');

SELECT upstream.drop_source('hooks', true);
DROP VIEW requested;
DROP FUNCTION call(jsonb), remake(jsonb, jsonb, jsonb), spec(jsonb, jsonb, jsonb), note();
REVOKE ALL ON SCHEMA public FROM target_owner;
REVOKE ALL ON SCHEMA upstream FROM listener;
REVOKE ALL ON FUNCTION upstream.receive_webhook(text, jsonb, bytea, jsonb, text) FROM listener;
DROP ROLE target_owner, listener;
