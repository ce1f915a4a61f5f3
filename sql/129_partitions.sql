-- Runs that consist of several reads: lists, parents from local tables, slices.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT test.setup('{"items": {"rows": 30}}', '["a1", "a2", "a3"]');

-- A stream that is read once for each shop, of which the simulator has three.
CREATE FUNCTION test.shops(more jsonb, shop text DEFAULT '{partition.shop}') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM upstream.drop_source('test', true) FROM upstream.sources WHERE name = 'test';
    DROP TABLE IF EXISTS items;
    PERFORM upstream.create_source('test', test.source(
        jsonb_build_object('items', test.stream('cursor', 'items', jsonb_build_object('path', '/' || shop || '/items/cursor',
            'columns', test.columns() || jsonb_build_object('shop', jsonb_build_object('value', shop))) || more)),
        jsonb_build_object('base_url', 'http://127.0.0.1:' || current_setting('test.port') || '/v1',
            'account', '{"properties": {"list": {"type": "array", "default": ["a1", "a2"]}}}'::jsonb)));
    PERFORM upstream.create_account('test', 'main');
    PERFORM test.requests();
END
$$;
CREATE PROCEDURE test.sync_shops() LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
    r jsonb;
BEGIN
    CALL upstream.sync('main', NULL, false, result);
    r := result->'results'->0;
    RAISE WARNING '% requests, % inserted, % updated: %', r->>'requests', r->>'inserted', r->>'updated', r->>'message';
END
$$;

-- one read for each value of a list, with a cursor of its own
SELECT test.shops('{"partitions": {"shop": "{account.list}"}}');
SELECT item, regexp_replace(value, ':\d+', ':PORT') AS value FROM upstream.explain_sync('main', 'items') WHERE item IN ('partitions', 'request');
SELECT count(*), count(DISTINCT row->>'shop') AS shops FROM upstream.preview('main', 'items') AS row;
CALL test.sync_shops();
SELECT shop, count(*) FROM items GROUP BY 1 ORDER BY 1;
SELECT partition, cursor FROM upstream.partition_state ORDER BY 1;
SELECT test.control('mutate', '{"account": "a2", "stream": "items", "count": 3}');
CALL test.sync_shops();
SELECT shop, max(rev) FROM items GROUP BY 1 ORDER BY 1;

-- what fails in the middle goes on there: the first shop is not asked again
SELECT test.shops('{"partitions": {"shop": ["a1", "a2", "a3"]}, "pagination": {"type": "cursor", "path": "$.next_cursor", "size": 10, "inject": {"in": "query", "name": "cursor"}}}');
SELECT test.control('fault', '{"account": "a2", "stream": "items", "kind": "status", "status": 500, "skip": 1, "times": 5}');
CALL test.sync_shops();
SELECT half_done, half_done_partitions AS partitions, half_done_records AS records, error_code FROM upstream.model_status;
SELECT test.control('clear_faults');
SELECT test.requests() > 0 AS asked;
CALL test.sync_shops();
SELECT shop, count(*) FROM items GROUP BY 1 ORDER BY 1;

-- a partition may be left out by a rule
SELECT test.shops('{"partitions": {"shop": ["a1", "a2"]}, "responses": [{"when": {"status": 403}, "do": "skip_partition"}]}');
SELECT test.control('fault', '{"account": "a1", "stream": "items", "kind": "status", "status": 403}');
CALL test.sync_shops();
SELECT partition, cursor IS NOT NULL AS has_cursor FROM upstream.partition_state ORDER BY 1;

-- parents from any local table: some rows, in an order, at most so many a run; each is touched in its last page's commit
CREATE TABLE shops (shop text PRIMARY KEY, open boolean NOT NULL DEFAULT true, changed_at timestamptz NOT NULL DEFAULT '2026-01-01', checked_at timestamptz);
INSERT INTO shops (shop, open) VALUES ('a1', true), ('a2', true), ('a3', true), ('a4', false);
SELECT test.shops('{"cursor": null, "params": {"limit": "{page.size}"}, "parent": {"table": "public.shops", "key": {"shop": "shop"}, "where": "open AND changed_at < {run.started_at}::timestamptz", "order_by": "checked_at NULLS FIRST", "limit": 2, "touch": "checked_at"}}',
    '{parent.shop}');
CALL test.sync_shops();
SELECT shop, checked_at IS NOT NULL AS checked FROM shops ORDER BY 1;
CALL test.sync_shops();
SELECT shop, checked_at IS NOT NULL AS checked FROM shops ORDER BY 1;
SELECT shop, count(*) FROM items GROUP BY 1 ORDER BY 1;

-- nothing open, nothing asked
UPDATE shops SET open = false;
SELECT test.requests() > 0 AS asked;
CALL test.sync_shops();
SELECT test.requests();
SELECT value FROM upstream.explain_sync('main', 'items') WHERE item = 'partitions';

-- only parents that changed since their last read
UPDATE shops SET open = shop <> 'a4';
SELECT test.shops('{"parent": {"table": "public.shops", "key": {"shop": "shop"}, "where": "open", "only_changed": "changed_at"}}', '{parent.shop}');
CALL test.sync_shops();
CALL test.sync_shops();
UPDATE shops SET changed_at = now() WHERE shop = 'a2';
CALL test.sync_shops();

-- several parents in one request; lists and parents multiply
SELECT test.shops('{"path": "/a1/items/cursor", "params": {"ids": "{parents.shop|csv}", "limit": "{partition.limit}"}, "cursor": null, "columns": {"id": "id"}, "pagination": null, "partitions": {"limit": ["1", "2"]}, "parent": {"table": "public.shops", "key": {"shop": "shop"}, "where": "open", "batch_size": 2}}',
    '{parent.shop}');
SELECT item, regexp_replace(value, ':\d+', ':PORT') AS value FROM upstream.explain_sync('main', 'items') WHERE item IN ('partitions', 'request');

-- what is wrong with a parent is told, and nothing is asked
SELECT test.shops('{"parent": {"table": "public.shops", "key": {"shop": "shop"}, "where": "nonsense"}}', '{parent.shop}');
CALL test.sync_shops();
DROP TABLE shops CASCADE;
CALL test.sync_shops();

-- slices: each complete one moves the cursor
SELECT test.setup('{"items": {"rows": 250}}');
SELECT test.shops('{"path": "/a1/items/cursor", "columns": {"id": "id", "updated_at": {"path": "updated_at", "type": "timestamptz"}}, "params": {"limit": "{page.size}", "since": "{cursor.start|iso}", "until": "{cursor.end|iso}"}, "cursor": {"field": "updated_at", "type": "timestamp", "filter": "server", "order": "unknown", "lookback": "1 second", "step": "1 minute", "initial": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:05:00Z"}}');
SELECT item, value FROM upstream.explain_sync('main', 'items') WHERE item IN ('from', 'slice');
SELECT test.control('fault', '{"stream": "items", "kind": "status", "status": 500, "skip": 2, "times": 5}');
CALL test.sync_shops();
SELECT cursor, half_done_slices AS slices FROM upstream.model_status;
SELECT test.control('clear_faults');
CALL test.sync_shops();
SELECT count(*) FROM items;

SELECT upstream.drop_source('test', true);
DROP TABLE items;
DROP FUNCTION test.shops(jsonb, text);
DROP PROCEDURE test.sync_shops();
