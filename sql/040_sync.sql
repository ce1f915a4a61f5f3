-- CALL sync against the simulator: paginations, cursors, sign-in, types, counts.
\getenv port UPSTREAM_PORT
\set base 'http://127.0.0.1:' :port
\set setup `printf '{"seed": 1, "accounts": ["a1", "a2"], "auth": "none", "streams": {"items": {"rows": 500, "tie": 7, "spacing_ms": 1000, "start": "2026-01-01T00:00:00Z"}}}' > /tmp/upstream_setup.$UPSTREAM_PORT; curl -s -X POST http://127.0.0.1:$UPSTREAM_PORT/_control/setup -d @/tmp/upstream_setup.$UPSTREAM_PORT; rm /tmp/upstream_setup.$UPSTREAM_PORT`
\echo :setup

-- a spec for one stream, with what differs
CREATE FUNCTION spec(base text, stream jsonb, auth jsonb DEFAULT '{"type": "none"}') RETURNS jsonb LANGUAGE sql AS $$
SELECT jsonb_build_object('spec_version', 1, 'source', 'sim', 'base_url', base || '/v1/{account.shop}', 'auth', auth,
    'account', '{"properties": {"shop": {"type": "string", "default": "a1"}}}'::jsonb,
    'retry', '{"base": "10 milliseconds", "max": "10 milliseconds"}'::jsonb,
    'streams', jsonb_build_object('items', '{"records": "$.data", "primary_key": ["id"], "target": "items", "columns": {
        "id": {"path": "id", "type": "text"}, "seq": {"path": "seq", "type": "bigint"}, "name": {"path": "name", "type": "text"},
        "amount": {"path": "amount", "type": "numeric"}, "quantity": {"path": "quantity", "type": "int"}, "active": {"path": "active", "type": "bool"},
        "updated_at": {"path": "updated_at", "type": "timestamptz"}, "day": {"path": "day", "type": "date"}, "uuid": {"path": "uuid", "type": "uuid"},
        "tags": {"path": "tags", "type": "jsonb"}, "city": "nested.city", "first_tag": "tags[0]", "origin": {"value": "shop {account.shop}", "type": "text"}}}'::jsonb || stream))
$$;
-- what a CALL did, without times
CREATE FUNCTION brief(result jsonb) RETURNS TABLE (account text, stream text, sync_mode text, requests int, received int, inserted int, updated int, unchanged int, message text)
LANGUAGE sql AS $$ SELECT r.account, r.stream, r.sync_mode, r.requests, r.received, r.inserted, r.updated, r.unchanged, r.message
    FROM jsonb_to_recordset(result->'results') AS r(account text, stream text, sync_mode text, requests int, received int, inserted int, updated int, unchanged int, message text) ORDER BY 1, 2 $$;
CREATE PROCEDURE remake(source_spec jsonb) LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM upstream.sources) THEN PERFORM upstream.drop_source('sim', true); END IF;
    DROP TABLE IF EXISTS items;
    PERFORM upstream.create_source('sim', source_spec);
    PERFORM upstream.create_account('sim', 'a1', '{}', '{"token": "static-a1", "key": "key-a1", "username": "a1", "password": "pw-a1", "refresh_token": "rt-a1-0", "client_id": "client", "client_secret": "secret"}');
END $$;
SET client_min_messages = warning;

-- the six paginations
CALL remake(spec(:'base', '{"path": "/items/none"}'));
CALL upstream.sync('a1') \gset
SELECT * FROM brief(:'result');
CALL remake(spec(:'base', '{"path": "/items/cursor", "params": {"limit": "{page.size}"}, "pagination": {"type": "cursor", "path": "$.next_cursor", "size": 100, "inject": {"in": "query", "name": "cursor"}}}'));
CALL upstream.sync('a1') \gset
SELECT * FROM brief(:'result');
CALL remake(spec(:'base', '{"path": "/items/page", "params": {"limit": "{page.size}", "page": "{page.token}"}, "pagination": {"type": "page", "size": 100}}'));
CALL upstream.sync('a1') \gset
SELECT * FROM brief(:'result');
CALL remake(spec(:'base', '{"path": "/items/offset", "params": {"limit": "{page.size}"}, "pagination": {"type": "offset", "size": 100, "total": "$.total", "inject": {"in": "query", "name": "offset"}}}'));
CALL upstream.sync('a1') \gset
SELECT * FROM brief(:'result');
CALL remake(spec(:'base', '{"path": "/items/link", "params": {"limit": 100, "bare": 1}, "records": "$", "pagination": {"type": "link_header"}}'));
CALL upstream.sync('a1') \gset
SELECT * FROM brief(:'result');
CALL remake(spec(:'base', '{"path": "/items/next", "params": {"limit": 100, "relative": 1}, "pagination": {"type": "next_url", "path": "$.next"}}'));
CALL upstream.sync('a1') \gset
SELECT * FROM brief(:'result');
SELECT count(*), count(DISTINCT id), min(origin), count(city), count(first_tag) FROM items;

-- every digit, every character
SELECT id, name, amount, quantity, active, updated_at AT TIME ZONE 'UTC' AS updated_at, day, tags, city FROM items ORDER BY id LIMIT 12;

-- incremental by time: the second run reads the lookback, the third what changed
CALL remake(spec(:'base', '{"path": "/items/cursor", "params": {"limit": "{page.size}", "since": "{cursor.start|iso}"}, "pagination": {"type": "cursor", "path": "$.next_cursor", "size": 100, "inject": {"in": "query", "name": "cursor"}},
    "cursor": {"field": "updated_at", "type": "timestamp", "order": "asc", "lookback": "2 seconds"}}'));
CALL upstream.sync('a1') \gset
SELECT * FROM brief(:'result');
CALL upstream.sync('a1') \gset
SELECT * FROM brief(:'result');
SELECT cursor, phase, state FROM upstream.model_status;
\! curl -s -X POST http://127.0.0.1:$UPSTREAM_PORT/_control/mutate -d '{"account": "a1", "stream": "items", "count": 4, "insert": 3}' > /dev/null
CALL upstream.sync('a1') \gset
SELECT sync_mode, requests, inserted, updated FROM brief(:'result');
CALL upstream.sync('a1', 'items', true) \gset
SELECT * FROM brief(:'result');
SELECT sync_mode, status, started_by, requests, received, inserted, updated, unchanged, rejected, cursor_before IS NULL AS first FROM upstream.sync_runs ORDER BY run_id;
SELECT runs, failed_runs, requests, received, inserted, updated, unchanged FROM upstream.pg_stat_upstream;

-- by an integer version
CALL remake(spec(:'base', '{"path": "/items/cursor", "params": {"limit": "{page.size}", "sort": "seq", "since_seq": "{cursor.start}"}, "pagination": {"type": "cursor", "path": "$.next_cursor", "size": 300, "inject": {"in": "query", "name": "cursor"}},
    "cursor": {"field": "seq", "type": "integer", "order": "asc"}}'));
CALL upstream.sync('a1') \gset
SELECT requests, received, inserted FROM brief(:'result');
CALL upstream.sync('a1') \gset
SELECT requests, received, unchanged FROM brief(:'result');

-- by a date
CALL remake(spec(:'base', '{"path": "/items/cursor", "params": {"limit": "{page.size}", "since_date": "{cursor.start|date}"}, "pagination": {"type": "cursor", "path": "$.next_cursor", "size": 300, "inject": {"in": "query", "name": "cursor"}},
    "cursor": {"field": "day", "type": "date", "lookback": "0 seconds"}}'));
CALL upstream.sync('a1') \gset
SELECT requests, received, inserted FROM brief(:'result');
CALL upstream.sync('a1') \gset
SELECT received < 300 AS only_that_day FROM brief(:'result');

-- newest first, filtered here: stops at the first page that is known
CALL remake(spec(:'base', '{"path": "/items/page", "params": {"limit": "{page.size}", "order": "desc"}, "pagination": {"type": "page", "size": 50, "has_more": "$.has_more", "inject": {"in": "query", "name": "page"}},
    "cursor": {"field": "updated_at", "type": "timestamp", "filter": "client", "order": "desc", "lookback": "0 seconds"}}'));
CALL upstream.sync('a1') \gset
SELECT requests, received, inserted FROM brief(:'result');
CALL upstream.sync('a1') \gset
SELECT requests, received, unchanged FROM brief(:'result');

-- a page that holds a key twice: the last wins
CALL remake(spec(:'base', '{"path": "/items/none", "columns": {"quantity_class": {"path": "active", "type": "bool"}, "id": {"path": "day", "type": "text"}, "seq": {"path": "seq", "type": "bigint"}}}'));
CALL upstream.sync('a1') \gset
SELECT requests, received > 500 AS many, inserted, updated, unchanged, message FROM brief(:'result');

-- raw and an existing table with other names
CALL remake(spec(:'base', '{"path": "/items/none", "raw": "payload", "columns": {"id": {"path": "id", "type": "text"}}}'));
CALL upstream.sync('a1') \gset
SELECT inserted FROM brief(:'result');
SELECT count(*) FROM items WHERE payload->>'id' = id AND payload ? 'nested';

-- signing in
\! curl -s -X POST http://127.0.0.1:$UPSTREAM_PORT/_control/setup -d '{"accounts": ["a1"], "auth": "bearer", "streams": {"items": {"rows": 10}}}' > /dev/null
CALL remake(spec(:'base', '{"path": "/items/none"}', '{"type": "bearer", "token": "{secret.token}"}'));
CALL upstream.sync('a1') \gset
SELECT inserted, message FROM brief(:'result');
\! curl -s -X POST http://127.0.0.1:$UPSTREAM_PORT/_control/setup -d '{"accounts": ["a1"], "auth": "api_key", "streams": {"items": {"rows": 10}}}' > /dev/null
CALL remake(spec(:'base', '{"path": "/items/none"}', '{"type": "api_key", "in": "header", "name": "X-Api-Key", "value": "{secret.key}"}'));
CALL upstream.sync('a1') \gset
SELECT inserted, message FROM brief(:'result');
CALL remake(spec(:'base', '{"path": "/items/next", "params": {"limit": 3}, "pagination": {"type": "next_url", "path": "$.next"}}', '{"type": "api_key", "in": "query", "name": "api_key", "value": "{secret.key}"}'));
CALL upstream.sync('a1') \gset
SELECT inserted, requests, message FROM brief(:'result');
\! curl -s -X POST http://127.0.0.1:$UPSTREAM_PORT/_control/setup -d '{"accounts": ["a1"], "auth": "basic", "streams": {"items": {"rows": 10}}}' > /dev/null
CALL remake(spec(:'base', '{"path": "/items/none"}', '{"type": "basic"}'));
CALL upstream.sync('a1') \gset
SELECT inserted, message FROM brief(:'result');
SELECT upstream.set_secret('a1', 'password', 'wrong');
CALL upstream.sync('a1') \gset
SELECT inserted, left(message, 21) AS message FROM brief(:'result');
\! curl -s -X POST http://127.0.0.1:$UPSTREAM_PORT/_control/setup -d '{"accounts": ["a1"], "auth": "oauth", "streams": {"items": {"rows": 10}}}' > /dev/null
CALL remake(spec(:'base', '{"path": "/items/none"}', jsonb_build_object('type', 'oauth2', 'grant_type', 'refresh_token', 'client_auth', 'body', 'token_url', :'base' || '/oauth/token')));
CALL upstream.sync('a1') \gset
SELECT inserted, message FROM brief(:'result');

-- many models side by side, and the totals
CALL upstream.sync_all() \gset
SELECT ((:'result'::jsonb)->'totals') - 'duration_ms'::text AS totals;
SELECT jsonb_object_keys(:'result'::jsonb->'results'->0) AS key ORDER BY 1;

-- not where a commit is not possible; in a DO block it is
BEGIN;
CALL upstream.sync('a1');
ROLLBACK;
\set VERBOSITY sqlstate
BEGIN;
CALL upstream.sync('a1');
ROLLBACK;
CALL upstream.sync('nobody');
CALL upstream.sync('a1', 'nothing');
CALL upstream.sync_all('nothing');
\set VERBOSITY default
DO $$
DECLARE
    result jsonb;
BEGIN
    CALL upstream.sync('a1', 'items', false, result);
    RAISE WARNING '%', result->'totals'->'received';
END $$;
