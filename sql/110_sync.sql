\set SHOW_CONTEXT never
-- CALL upstream.sync against the simulator and its oracle: all ways of paging, of moving the cursor, of signing in; all kinds of values.
SET client_min_messages = notice;

-- a first load, and the shape of the result
SELECT test.setup();
SELECT upstream.create_source('test', test.source(jsonb_build_object('items', test.stream('cursor')))) > 0 AS created;
SELECT upstream.create_account('test', 'main') > 0 AS created;
CALL upstream.sync('main', 'items') \gset
SELECT * FROM test.show(:'result');
SELECT test.requests(), test.differences('items');
SELECT string_agg(key, ' ' ORDER BY key) AS keys FROM jsonb_object_keys(:'result'::jsonb->'results'->0) key;
SELECT string_agg(key, ' ' ORDER BY key) AS keys FROM jsonb_object_keys(:'result'::jsonb->'totals') key;
SELECT (:'result'::jsonb->'totals') - 'duration_ms' AS totals;
SELECT state, phase, cursor = (SELECT to_char(max(updated_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') FROM items) AS cursor_is_newest_row, failures, error_code
FROM upstream.model_status;

-- the second reads from the cursor on: 2 rows lie within the lookback, 3 changed, 1 came
SELECT test.control('mutate', '{"account": "a1", "stream": "items", "count": 3, "insert": 1}');
CALL upstream.sync('main', 'items') \gset
SELECT mode, requests, received, inserted, updated, unchanged, message FROM test.show(:'result');
SELECT test.differences('items');
SELECT count(*) FROM items WHERE _synced_at = (SELECT max(_synced_at) FROM items);
-- nothing changed, nothing written
CALL upstream.sync('main', 'items') \gset
SELECT mode, requests, inserted, updated, received = unchanged AS all_unchanged FROM test.show(:'result');
-- a full refresh reads everything
CALL upstream.sync('main', 'items', full_refresh => true) \gset
SELECT mode, requests, received, inserted, updated, unchanged, message FROM test.show(:'result');
SELECT full_refresh_requested FROM upstream.model_status;

-- the same numbers stand in sync_runs and in the counters
SELECT status, sync_mode, started_by, resumed, requests, pages, received, inserted, updated, pid = pg_backend_pid() AS ours, ended_at >= started_at AS ended,
    cursor_before IS NULL AS first, cursor_after = (SELECT cursor FROM upstream.model_status) AS at_cursor
FROM upstream.sync_runs ORDER BY run_id;
SELECT runs, failed_runs, requests = (SELECT sum(requests) FROM upstream.sync_runs) AS requests, received = (SELECT sum(received) FROM upstream.sync_runs) AS received,
    inserted, updated, bytes > 0 AS bytes FROM upstream.pg_stat_upstream;
SELECT upstream.stat_reset('main', 'items');
SELECT runs, requests, inserted, bytes FROM upstream.pg_stat_upstream;

-- everything at once: all accounts, streams side by side
CALL upstream.sync() \gset
SELECT account, stream, mode, message FROM test.show(:'result');
-- who is not there
CALL upstream.sync('nobody');
CALL upstream.sync('main', 'nothing');
CALL upstream.sync(NULL, 'nothing');
CALL upstream.sync_all('nowhere');
-- a source without accounts
SELECT upstream.create_source('empty', test.source(jsonb_build_object('items', test.stream('cursor')))) > 0 AS created;
CALL upstream.sync_all('empty') \gset
SELECT :'result'::jsonb->'results' AS results, (:'result'::jsonb->'totals'->>'models')::int AS models;
SELECT upstream.drop_source('empty');

-- it commits, so it needs to be at the top
BEGIN;
CALL upstream.sync('main', 'items');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN;
CALL upstream.sync_all('test');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
CREATE FUNCTION in_function() RETURNS void LANGUAGE plpgsql AS 'DECLARE result jsonb; BEGIN CALL upstream.sync(''main'', ''items'', false, result); END';
SELECT in_function();
\echo :LAST_ERROR_SQLSTATE
DROP FUNCTION in_function;
-- a DO block and a procedure are
SELECT test.control('mutate', '{"account": "a1", "stream": "items", "count": 2}');
DO $$
DECLARE
    result jsonb;
BEGIN
    CALL upstream.sync('main', 'items', false, result);
    RAISE NOTICE 'updated %', result->'totals'->'updated';
    ROLLBACK;
END
$$;
SELECT test.differences('items');
CREATE PROCEDURE twice(INOUT total integer) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    FOR i IN 1..2 LOOP
        PERFORM test.control('mutate', '{"account": "a1", "stream": "items", "count": 1}');
        CALL upstream.sync_all('test', result);
        total := total + (result->'totals'->>'updated')::int;
        COMMIT;
    END LOOP;
END
$$;
CALL twice(0);
DROP PROCEDURE twice;
SELECT upstream.drop_source('test', true);
DROP TABLE items;

-- each pagination; the rows end on a full page
SELECT test.setup('{"items": {"rows": 300, "tie": 7}}');
SELECT upstream.create_source('test', test.source((SELECT jsonb_object_agg(p, test.stream(p, 'items', jsonb_build_object('target', 'by_' || p)))
    FROM unnest('{none,cursor,page,offset,link,next}'::text[]) p) ||
    jsonb_build_object('bare', test.stream('page', 'items', '{"target": "by_bare", "records": "$", "pagination": {"type": "page", "size": 100, "inject": {"in": "query", "name": "page"}},
                                           "params": {"limit": "{page.size}", "bare": "1", "since": "{cursor.start|iso}"}}'),
                       'relative', test.stream('next', 'items', '{"target": "by_relative", "params": {"limit": "100", "relative": "1", "since": "{cursor.start|iso}"}}')))) > 0 AS created;
SELECT upstream.create_account('test', 'main') > 0 AS created;
CALL upstream.sync_all('test') \gset
SELECT stream, mode, requests, received, inserted, message FROM test.show(:'result');
SELECT stream, test.differences(target) FROM upstream.model_status ORDER BY 1;
SELECT test.control('mutate', '{"account": "a1", "stream": "items", "count": 5, "insert": 2}');
CALL upstream.sync_all('test') \gset
SELECT stream, mode, requests, inserted, updated, message FROM test.show(:'result');
SELECT sum(test.differences(target)) FROM upstream.model_status;
SELECT upstream.drop_source('test', true);
DROP TABLE by_none, by_cursor, by_page, by_offset, by_link, by_next, by_bare, by_relative;

-- newest first with a client-side filter: the second run stops at the first page that reaches below its bound
SELECT test.setup('{"items": {"rows": 1000}}');
SELECT upstream.create_source('test', test.source(jsonb_build_object('items', test.stream('page', 'items',
    '{"params": {"limit": "{page.size}", "order": "desc"}, "cursor": {"field": "updated_at", "type": "timestamp", "filter": "client", "order": "desc", "lookback": "1 second"}}')))) > 0 AS created;
SELECT upstream.create_account('test', 'main') > 0 AS created;
CALL upstream.sync('main', 'items') \gset
SELECT mode, requests, received, inserted, message FROM test.show(:'result');
SELECT test.control('mutate', '{"account": "a1", "stream": "items", "count": 120}');
CALL upstream.sync('main', 'items') \gset
SELECT mode, requests, inserted, updated, message FROM test.show(:'result');
SELECT test.differences('items');
SELECT upstream.drop_source('test', true);
DROP TABLE items;

-- cursors: by an integer (nothing is read twice but the last row), by day, by a time as a number
SELECT test.setup('{"items": {"rows": 250, "spacing_ms": 3600000}}');
SELECT upstream.create_source('test', test.source(jsonb_build_object(
    'by_seq', test.stream('cursor', 'items', '{"target": "by_seq", "params": {"limit": "{page.size}", "sort": "seq", "since_seq": "{cursor.start}"},
        "cursor": {"field": "seq", "type": "integer", "filter": "server", "order": "asc"}}'),
    'by_day', test.stream('cursor', 'items', '{"target": "by_day", "params": {"limit": "{page.size}", "since_date": "{cursor.start|date}"},
        "cursor": {"field": "day", "type": "date", "filter": "server", "order": "asc"}}'),
    'by_epoch', test.stream('cursor', 'items', '{"target": "by_epoch", "params": {"limit": "{page.size}", "since_epoch": "{cursor.start|epoch}"},
        "cursor": {"field": "updated_at", "type": "timestamp", "filter": "server", "order": "asc", "lookback": "0 seconds"}}'),
    'whole', test.stream('cursor', 'items', '{"target": "whole", "sync_mode": "full_refresh", "params": {"limit": "{page.size}"}, "cursor": null}')))) > 0 AS created;
SELECT upstream.create_account('test', 'main') > 0 AS created;
CALL upstream.sync('main') \gset
SELECT stream, mode, requests, received, inserted, message FROM test.show(:'result');
SELECT stream, cursor FROM upstream.model_status ORDER BY stream;
CALL upstream.sync('main') \gset
SELECT stream, mode, requests, received, unchanged, message FROM test.show(:'result');
SELECT test.control('mutate', '{"account": "a1", "stream": "items", "count": 10, "insert": 5}');
CALL upstream.sync('main') \gset
SELECT stream, mode, inserted, updated, message FROM test.show(:'result');
SELECT sum(test.differences(target)) FROM upstream.model_status;
SELECT upstream.drop_source('test', true);
DROP TABLE by_seq, by_day, by_epoch, whole;

-- values: numbers keep every digit, jsonb stays as it came, the last of a key in a page counts, raw has the whole record
SELECT test.setup('{"items": {"rows": 1}}');
CREATE TABLE kinds (account_id integer, id text, small smallint, i integer, b bigint, n numeric, d float8, yes boolean, day date, at timestamptz, local timestamp, u uuid,
    j jsonb, first text, fixed text, cut varchar(5), record jsonb, untouched text DEFAULT 'mine', PRIMARY KEY (account_id, id));
SELECT upstream.create_source('test', test.source(jsonb_build_object('kinds', test.stream('none', 'items', '{"target": "kinds", "raw": "record", "cursor": null, "params": null, "columns":
    {"id": "id", "small": "small", "i": "i", "b": "b", "n": "n", "d": "d", "yes": "yes", "day": "day", "at": "at", "local": {"path": "local", "type": "timestamp"}, "u": "u", "j": "j.inner",
     "first": {"path": ["no.such", "second"]}, "fixed": {"value": "shop {account.shop}"}, "cut": "cut"}}')))) > 0 AS created;
SELECT upstream.create_account('test', 'main') > 0 AS created;
SELECT test.control('fault', jsonb_build_object('kind', 'status', 'status', 200, 'body', '{"data": [
    {"id": "old", "n": 1},
    {"id": "a", "small": -32768, "i": 2147483647, "b": 9223372036854775807, "n": 9007199254740993.25, "d": 0.1, "yes": true, "day": "2026-02-28", "at": "2026-01-01T12:00:00.123456+02:00",
     "local": "2026-01-01T12:00:00", "u": "FF56BE1F-E477-4F6D-93A1-38F4EF5956C5", "j": {"inner": [1.50, 123456789012345678901234567890, "x\u00fc", null, {"k": {}}]}, "second": "2nd", "cut": "12345"},
    {"id": "b", "n": 0.000000000000000000000000000001, "b": -9223372036854775808, "d": 1e308, "yes": false, "j": {"inner": null}, "day": null},
    {"id": "old", "n": 2}, {"id": "C", "n": 12345678901234567890123456789012345678901234567890, "first": {"not": "read"}, "second": 7},
    {"id": "old", "n": 3}]}'));
CALL upstream.sync('main', 'kinds') \gset
SELECT received, inserted, updated, unchanged, message FROM test.show(:'result');
SET TimeZone = 'UTC';
\x
SELECT id, small, i, b, n, d, yes, day, at, local, u, j, first, fixed, cut, untouched FROM kinds ORDER BY id COLLATE "C";
\x
SELECT id, record->'n' AS n FROM kinds ORDER BY id COLLATE "C";
SELECT record FROM kinds WHERE id = 'b';
UPDATE kinds SET untouched = 'still mine' WHERE id = 'b';
SELECT test.control('fault', jsonb_build_object('kind', 'status', 'status', 200, 'body', '{"data": [{"id": "b", "n": 5}, {"id": "d"}]}'));
CALL upstream.sync('main', 'kinds') \gset
SELECT received, inserted, updated, unchanged, message FROM test.show(:'result');
SELECT id, n, b, untouched FROM kinds ORDER BY id COLLATE "C";
SELECT upstream.drop_source('test', true);
DROP TABLE kinds;

-- a target without account_id, filled by the names of its columns; a generated column and its kin are left alone
SELECT test.setup('{"items": {"rows": 120}}');
CREATE TABLE plain (id text PRIMARY KEY, "name" text, rev integer, twice integer GENERATED ALWAYS AS (rev * 2) STORED);
SELECT upstream.create_source('test', test.source(jsonb_build_object('items', test.stream('cursor', 'items', '{"target": "plain", "columns": null}')))) > 0 AS created;
SELECT upstream.create_account('test', 'main') > 0 AS created;
CALL upstream.sync('main', 'items') \gset
SELECT received, inserted, updated, unchanged, message FROM test.show(:'result');
SELECT count(*), sum(twice) FROM plain;
SELECT upstream.drop_source('test', true);
DROP TABLE plain;

-- two accounts in one target, each with its own rows; one stream of each only
SELECT test.setup('{"items": {"rows": 150}, "other": {"rows": 10}}', '["a1", "a2"]');
SELECT upstream.create_source('test', test.source(jsonb_build_object('items', test.stream('cursor'), 'other', test.stream('link', 'other')))) > 0 AS created;
SELECT upstream.create_account('test', 'first', '{"shop": "a1"}') > 0 AS created;
SELECT upstream.create_account('test', 'second', '{"shop": "a2"}', streams => '{items}') > 0 AS created;
CALL upstream.sync_all('test') \gset
SELECT account, stream, mode, requests, inserted, message FROM test.show(:'result');
SELECT test.differences('items', 'a1'), test.differences('items', 'a2', 'items');
CALL upstream.sync('test/second') \gset
SELECT account, stream, mode, requests, message FROM test.show(:'result');
SELECT upstream.drop_source('test', true);
DROP TABLE items, other;

-- each way to sign in
CREATE PROCEDURE signs_in(kind text, auth jsonb, credentials jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    PERFORM test.setup('{"items": {"rows": 5}}', '["a1"]', jsonb_build_object('auth', kind));
    PERFORM upstream.create_source('test', test.source(jsonb_build_object('items', test.stream('cursor')), jsonb_build_object('auth', auth)));
    PERFORM upstream.create_account('test', 'main', credentials => credentials);
    COMMIT;
    CALL upstream.sync('main', 'items', false, result);
    RAISE NOTICE '% by %: % rows, % requests, %', auth->>'type', kind, result->'totals'->'inserted', result->'totals'->'requests', result->'results'->0->'message';
    PERFORM upstream.drop_source('test', true);
    DROP TABLE items;
END
$$;
CALL signs_in('none', '{"type": "none"}', '{}');
CALL signs_in('bearer', '{"type": "bearer", "token": "{secret.token}"}', '{"token": "static-a1"}');
CALL signs_in('bearer', '{"type": "bearer", "token": "{secret.token}"}', '{"token": "wrong"}');
CALL signs_in('bearer', '{"type": "bearer", "token": "{secret.token}"}', '{}');
CALL signs_in('api_key', '{"type": "api_key", "in": "header", "name": "X-Api-Key", "value": "{secret.key}"}', '{"key": "key-a1"}');
CALL signs_in('api_key', '{"type": "api_key", "in": "query", "name": "api_key", "value": "{secret.key}"}', '{"key": "key-a1"}');
CALL signs_in('basic', '{"type": "basic"}', '{"username": "a1", "password": "pw-a1"}');
SELECT set_config('test.oauth', format('{"type": "oauth2", "grant_type": "refresh_token", "token_url": "http://127.0.0.1:%s/oauth/token", "rotates_refresh_token": true}', current_setting('test.port')), false) <> '' AS set;
CALL signs_in('oauth', current_setting('test.oauth')::jsonb || '{"client_auth": "basic"}', '{"refresh_token": "rt-a1-0", "client_id": "client", "client_secret": "secret"}');
CALL signs_in('oauth', current_setting('test.oauth')::jsonb || '{"client_auth": "body"}', '{"refresh_token": "rt-a1-0", "client_id": "client", "client_secret": "secret"}');
CALL signs_in('oauth', current_setting('test.oauth')::jsonb, '{"refresh_token": "rt-a1-0", "client_id": "client", "client_secret": "guessed"}');
CALL signs_in('oauth', current_setting('test.oauth')::jsonb, '{"refresh_token": "rt-a1-9", "client_id": "client", "client_secret": "secret"}');
DROP PROCEDURE signs_in;
