-- Lists inside records that come cut: the run that meets one reads the rest, by another stream's request, before it goes on.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT test.setup('{"items": {"rows": 3}, "rest": {"rows": 3}}');

CREATE FUNCTION test.rest(items jsonb DEFAULT '{}', rest jsonb DEFAULT '{}', streams text[] DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM upstream.drop_source('test', true) FROM upstream.sources WHERE name = 'test';
    DROP TABLE IF EXISTS items, lines;
    PERFORM test.control('clear_faults');
    PERFORM upstream.create_source('test', test.source(jsonb_build_object(
        'items', test.stream('none', 'items', '{"columns": {"id": {"path": "id", "type": "bigint"}, "at": {"path": "at", "type": "timestamptz"}},
            "params": {"since": "{cursor.start|iso}"}, "cursor": {"field": "at", "type": "timestamp", "filter": "server", "order": "asc", "lookback": "0 seconds"},
            "expand": {"lines": {"records": "lines", "target": "lines", "primary_key": ["item_id", "n"], "inherit": {"item_id": "id"}, "columns": {"n": {"path": "n", "type": "integer"}, "sku": "sku"},
                "more": {"path": "more", "stream": "rest"}}}}'::jsonb || items),
        'rest', test.stream('none', 'rest', '{"path": "/rest/none", "params": {"item": "{parent.item}", "limit": "10", "cursor": "{page.token}"}, "cursor": null, "target": "lines", "primary_key": ["item_id", "n"],
            "pagination": {"type": "cursor", "path": "$.next"}, "parent": {"stream": "items", "key": {"item": "id"}},
            "columns": {"item_id": {"value": "{parent.item}"}, "n": {"path": "n", "type": "integer"}, "sku": "sku"}}'::jsonb || rest))));
    PERFORM upstream.create_account('test', 'main', '{}', '{}', streams);
END
$$;
-- The next answers of a stream: records, and the token of the page that follows.
CREATE FUNCTION test.pages(stream text, VARIADIC pages jsonb[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. array_length(pages, 1) LOOP
        PERFORM test.control('fault', jsonb_build_object('stream', stream, 'kind', 'status', 'status', 200, 'body',
            (jsonb_build_object('data', pages[i]) || CASE WHEN i < array_length(pages, 1) THEN jsonb_build_object('next', 'p' || i) ELSE '{}' END)::text));
    END LOOP;
END
$$;
-- Runs items, and shows what it asked for.
CREATE PROCEDURE test.run(full_refresh boolean DEFAULT false) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
    r jsonb;
BEGIN
    PERFORM test.control('reset_stats');
    COMMIT;
    CALL upstream.sync('main', 'items', full_refresh, result);
    r := result->'results'->0;
    RAISE WARNING '% inserted, % deleted, % rejected: %', r->>'inserted', r->>'deleted', r->>'rejected', r->>'message';
    RAISE WARNING '%', (SELECT string_agg(regexp_replace(line, '^GET /v1/a1/| \d+$', '', 'g'), '; ') FROM regexp_split_to_table(test.http('/_control/log?since=0'), E'\n') AS line WHERE line LIKE 'GET /v1%');
END
$$;

-- the rest comes page by page into the table of the stream that reads it; lists that are whole need nothing
SELECT test.rest();
SELECT test.answer('[{"id": 1, "at": "2026-01-01T00:00:01Z", "lines": [{"n": 1, "sku": "a"}], "more": true}, {"id": 2, "at": "2026-01-01T00:00:02Z", "lines": [{"n": 1, "sku": "b"}], "more": false},
    {"id": 3, "at": "2026-01-01T00:00:03Z", "lines": [], "more": "https://more"}]');
SELECT test.pages('rest', '[{"n": 1, "sku": "a"}, {"n": 2, "sku": "a"}]', '[{"n": 3, "sku": "a"}]');
SELECT test.pages('rest', '[{"n": 7, "sku": "c"}]');
CALL test.run();
SELECT item_id, n, sku FROM lines ORDER BY item_id, n;
SELECT stream, cursor, half_done FROM upstream.model_status ORDER BY stream;
-- the stream's own reads know of it: its partitions have been read, but not by a run of its own
SELECT partition, done_at = '1970-01-01T00:00:00Z' AS never FROM upstream.partition_state ORDER BY 1;

-- a rest that breaks off is where the next run goes on; the cursor waits
SELECT test.answer('[{"id": 4, "at": "2026-01-01T00:00:04Z", "lines": [{"n": 1}], "more": true}, {"id": 5, "at": "2026-01-01T00:00:05Z", "lines": [{"n": 1}], "more": true}]');
SELECT test.pages('rest', '[{"n": 1}]', '[{"n": 2}]');
SELECT test.control('fault', '{"stream": "rest", "kind": "status", "status": 403, "skip": 0}');
CALL test.run();
SELECT cursor, half_done, error_code, error_detail FROM upstream.model_status WHERE stream = 'items';
SELECT item, replace(value, current_setting('test.port'), 'PORT') AS value FROM upstream.explain_sync('main', 'items') WHERE item IN ('resumes', 'reads', 'request', 'cursor') ORDER BY item, value;
SELECT test.pages('rest', '[{"n": 9}]');
SELECT upstream.preview('main', 'items');
SELECT test.pages('rest', '[{"n": 1}, {"n": 2}, {"n": 3}]');
CALL test.run();
SELECT item_id, n FROM lines WHERE item_id IN ('4', '5') ORDER BY item_id, n;
SELECT cursor, half_done FROM upstream.model_status WHERE stream = 'items';

-- more pages than allowed: the list is not complete, and the cursor stays before its record
SELECT test.rest('{}', '{"pagination": {"type": "cursor", "path": "$.next", "max_pages": 1}}');
SELECT test.answer('[{"id": 1, "at": "2026-01-01T00:00:01Z", "lines": [], "more": true}]');
SELECT test.pages('rest', '[{"n": 1}]', '[{"n": 2}]');
CALL test.run();
SELECT cursor, half_done, error_code FROM upstream.model_status WHERE stream = 'items';

-- a list that is gone is left out, and the run goes on
SELECT test.rest('{}', '{"responses": [{"when": {"status": 404}, "do": "skip_partition"}]}');
SELECT test.answer('[{"id": 1, "at": "2026-01-01T00:00:01Z", "lines": [], "more": true}]');
SELECT test.control('fault', '{"stream": "rest", "kind": "status", "status": 404}');
CALL test.run();
SELECT cursor, half_done FROM upstream.model_status WHERE stream = 'items';

-- a record whose row was put aside has no list; nor has one whose key is none
SELECT test.rest();
ALTER TABLE items ADD CHECK (id <> 1);
SELECT test.answer('[{"id": 1, "at": "2026-01-01T00:00:01Z", "lines": [], "more": true}, {"id": "two", "at": "2026-01-01T00:00:02Z", "lines": [], "more": true},
    {"id": 3, "at": "2026-01-01T00:00:03Z", "lines": [], "more": true}]');
SELECT test.pages('rest', '[{"n": 1}]');
CALL test.run();
SELECT item_id, n FROM lines ORDER BY item_id, n;

-- only_changed: a record that is read again, but has not changed since its list was complete, is left alone; the cursor of the rest is that of the stream's own partition
SELECT test.rest('{"cursor": {"field": "at", "type": "timestamp", "filter": "server", "order": "asc", "lookback": "1 hour"}}',
    '{"parent": {"stream": "items", "key": {"item": "id"}, "only_changed": "at"}, "params": {"item": "{parent.item}", "limit": "10", "since": "{cursor.start|iso}", "cursor": "{page.token}"},
      "cursor": {"field": "at", "type": "timestamp", "filter": "server", "lookback": "0 seconds"}}');
SELECT test.answer('[{"id": 1, "at": "2026-01-01T00:00:01Z", "lines": [], "more": true}]');
SELECT test.pages('rest', '[{"n": 1, "at": "2026-01-01T00:00:01Z"}]');
CALL test.run();
SELECT test.answer('[{"id": 1, "at": "2026-01-01T00:00:01Z", "lines": [], "more": true}]');
CALL test.run();
SELECT test.answer('[{"id": 1, "at": "2026-01-01T00:00:09Z", "lines": [], "more": true}]');
SELECT test.pages('rest', '[{"n": 2, "at": "2026-01-01T00:00:09Z"}]');
CALL test.run();
-- its own run finds the parent read, and unchanged
CALL upstream.sync('main', 'rest', false, NULL) \gset
SELECT requests, message FROM test.show(:'result');

-- mode replace shortens lists that come whole; one that is cut is added to
SELECT test.rest('{"expand": {"lines": {"records": "lines", "target": "lines", "primary_key": ["item_id", "n"], "inherit": {"item_id": "id"}, "columns": {"n": {"path": "n", "type": "integer"}, "sku": "sku"},
    "mode": "replace", "more": {"path": "more", "stream": "rest"}}}}');
SELECT test.answer('[{"id": 1, "at": "2026-01-01T00:00:01Z", "lines": [{"n": 1}], "more": true}, {"id": 2, "at": "2026-01-01T00:00:01Z", "lines": [{"n": 1}, {"n": 2}]}]');
SELECT test.pages('rest', '[{"n": 1}, {"n": 2}]');
CALL test.run();
SELECT test.answer('[{"id": 1, "at": "2026-01-01T00:00:02Z", "lines": [{"n": 2}], "more": true}, {"id": 2, "at": "2026-01-01T00:00:02Z", "lines": [{"n": 2}]}]');
SELECT test.pages('rest', '[{"n": 2}, {"n": 3}]');
CALL test.run();
SELECT item_id, n FROM lines ORDER BY item_id, n;

-- both streams are needed
SELECT test.rest('{}', '{}', '{items}');
CALL test.run();
SELECT error_hint FROM upstream.model_status WHERE stream = 'items';

-- what one run cannot do for two streams is told when the source is made
SELECT p.message FROM (VALUES ('{"write": "replace", "sync_mode": "full_refresh"}'::jsonb, '{}'::jsonb), ('{"transform": "app.f"}', '{}'), ('{"auth": {"type": "bearer", "token": "{secret.t}"}}', '{}'),
    ('{}', '{"write": "replace", "sync_mode": "full_refresh"}'), ('{}', '{"deletes": {"mode": "missing"}}'), ('{}', '{"partitions": {"a": ["b"]}}'), ('{}', '{"parent": {"stream": "items", "key": {"item": "number"}}}')) v (items, rest),
    upstream.validate_source((SELECT jsonb_set(jsonb_set(spec, '{streams,items}', spec #> '{streams,items}' || v.items), '{streams,rest}', spec #> '{streams,rest}' || v.rest) FROM upstream.sources)) p
WHERE p.path = '$.streams.items.expand.lines.more.stream';

SELECT upstream.drop_source('test', true);
DROP TABLE items, lines;
DROP FUNCTION test.rest(jsonb, jsonb, text[]), test.pages(text, jsonb[]);
DROP PROCEDURE test.run(boolean);
