\set SHOW_CONTEXT never
-- What an upstream can do wrong: said in the result and in model_status; the cursor stays; the other models of the CALL go on.
SET client_min_messages = warning;
SELECT test.setup('{"bad": {"rows": 250}, "good": {"rows": 250}}');
SELECT upstream.create_source('test', test.source(jsonb_build_object('bad', test.stream('cursor', 'bad', '{"cursor": {"field": "updated_at", "type": "timestamp", "filter": "server", "order": "asc", "lookback": "0 seconds"}}'), 'good', test.stream('cursor', 'good')))) > 0 AS created;
SELECT upstream.create_account('test', 'main') > 0 AS created;
CALL upstream.sync('main') \gset
SELECT stream, inserted, message FROM test.show(:'result');

-- One fault, then a sync of both streams, then one without the fault. Port and address do not show; nor do random rows.
CREATE PROCEDURE meets(fault jsonb, full_refresh boolean DEFAULT false) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
    status record;
    before text := (SELECT cursor FROM upstream.model_status WHERE stream = 'bad');
    r jsonb;
    asked bigint;
BEGIN
    PERFORM test.control('reset_stats');
    PERFORM test.control('fault', jsonb_build_object('stream', 'bad') || fault);
    PERFORM test.control('mutate', '{"account": "a1", "stream": "*", "count": 1}');
    COMMIT;
    CALL upstream.sync('main', NULL, full_refresh, result);
    SELECT * INTO status FROM upstream.model_status WHERE stream = 'bad';
    SELECT x INTO r FROM jsonb_array_elements(result->'results') x WHERE x->>'stream' = 'bad';
    RAISE WARNING E'% %: %\n  state %, error_code %, sqlstate %, hint %', fault->>'kind', coalesce(fault->>'status', ''),
        replace(r->>'message', current_setting('test.port'), 'PORT') || CASE WHEN (r->>'rejected')::bigint > 0 THEN format(', but for %s record', r->>'rejected') ELSE '' END, status.state, status.error_code, status.error_sqlstate, status.error_hint;
    asked := (test.http('/_control/stats')::jsonb->'models'->'a1/bad'->>'requests')::bigint;
    IF (r->>'requests')::bigint <> asked THEN RAISE WARNING 'says % requests, made %', r->>'requests', asked; END IF;
    IF status.failures > 0 AND status.cursor IS DISTINCT FROM before THEN RAISE WARNING 'the cursor moved from % to %', before, status.cursor; END IF;
    IF status.failures > 0 AND (status.next_attempt_at IS NULL OR status.error_at IS NULL) THEN RAISE WARNING 'no next attempt'; END IF;
    IF NOT EXISTS (SELECT FROM upstream.model_status WHERE stream = 'good' AND state = 'fresh') THEN RAISE WARNING 'the other stream suffered'; END IF;
    IF test.differences('good', stream => 'good') > 0 THEN RAISE WARNING 'the other stream differs'; END IF;
    PERFORM test.control('clear_faults');
    DELETE FROM bad WHERE id = 'x';
    COMMIT;
    CALL upstream.sync('main', NULL, false, result);
    SELECT * INTO status FROM upstream.model_status WHERE stream = 'bad';
    IF status.state <> 'fresh' OR status.error_code IS NOT NULL OR status.failures > 0 THEN RAISE WARNING 'did not recover: %', result; END IF;
    IF test.differences('bad', stream => 'bad') > 0 THEN RAISE WARNING 'lost a row'; END IF;
END
$$;
CALL meets('{"kind": "html"}');
CALL meets('{"kind": "bad_json"}');
CALL meets('{"kind": "missing_list"}');
CALL meets('{"kind": "deep"}');
CALL meets('{"kind": "bad_utf8"}');
CALL meets('{"kind": "nul"}');
CALL meets('{"kind": "type_change"}');
CALL meets('{"kind": "huge", "bytes": 20000000}');
CALL meets('{"kind": "status", "status": 404}');
CALL meets('{"kind": "status", "status": 403}');
CALL meets('{"kind": "status", "status": 401}');
CALL meets('{"kind": "status", "status": 410}');
CALL meets('{"kind": "status", "status": 200, "body": ""}');
CALL meets('{"kind": "status", "status": 200, "body": "[]"}');
CALL meets('{"kind": "status", "status": 200, "body": "{\"data\": 7}"}');
CALL meets('{"kind": "status", "status": 200, "body": "{\"data\": [1, \"x\"]}"}');
CALL meets('{"kind": "status", "status": 200, "body": "{\"data\": [{\"id\": null, \"updated_at\": \"2026-06-01T00:00:00Z\"}]}"}');
CALL meets('{"kind": "status", "status": 200, "body": "{\"data\": [{\"id\": \"x\"}]}"}');
CALL meets('{"kind": "status", "status": 200, "body": "{\"data\": [{\"id\": \"x\", \"updated_at\": \"yesterday\"}]}"}');
CALL meets('{"kind": "status", "status": 200, "body": "{\"data\": [{\"id\": \"x\", \"updated_at\": \"2026-06-01T00:00:00Z\", \"seq\": 9223372036854775808}]}"}');
CALL meets('{"kind": "status", "status": 200, "body": "{\"data\": [{\"id\": \"x\", \"updated_at\": \"2026-06-01T00:00:00Z\", \"seq\": 1.5}]}"}');
CALL meets('{"kind": "status", "status": 200, "body": "{\"data\": [{\"id\": \"x\", \"updated_at\": \"2026-06-01T00:00:00Z\", \"active\": \"perhaps\"}]}"}');
CALL meets('{"kind": "status", "status": 200, "body": "{\"data\": [{\"id\": \"x\", \"updated_at\": \"2026-06-01T00:00:00Z\", \"uuid\": \"no\"}]}"}');
CALL meets('{"kind": "status", "status": 200, "body": "{\"data\": [{\"id\": \"x\", \"updated_at\": \"2026-06-01T00:00:00Z\", \"name\": {\"an\": \"object\"}, \"day\": \"2026-02-30\"}]}"}');
-- these pass by themselves: the CALL tries again, five times
CALL meets('{"kind": "truncate"}');
CALL meets('{"kind": "reset"}');
CALL meets('{"kind": "status", "status": 503, "times": 3}');
CALL meets('{"kind": "status", "status": 500, "times": -1}');
CALL meets('{"kind": "truncate", "times": -1}');
CALL meets('{"kind": "status", "status": 429, "headers": {"Retry-After": "0"}}');
-- a wait of more than a minute is not sat out; the account's other streams wait as well, and nothing is sent, until somebody says otherwise
SELECT test.control('fault', '{"stream": "bad", "kind": "status", "status": 429, "headers": {"Retry-After": "3600"}}');
CALL upstream.sync('main', 'bad') \gset
SELECT stream, requests, message FROM test.show(:'result');
SELECT test.control('reset_stats');
CALL upstream.sync('main') \gset
SELECT stream, requests, message FROM test.show(:'result');
SELECT test.http('/_control/stats')::jsonb->'requests' AS requests;
SELECT stream, state, next_attempt_at > now() + interval '59 minutes' AS later FROM upstream.model_status ORDER BY 1;
SELECT scope, holder, held_until > now() + interval '59 minutes' AS held, held_reason FROM upstream.rate_budgets;
SELECT upstream.release_limits('test');
CALL upstream.sync('main') \gset
SELECT stream, message FROM test.show(:'result');
-- in the middle of a read: what was committed stays, and the next run goes on from there
CALL meets('{"kind": "repeat_token", "skip": 1}', full_refresh => true);
CALL meets('{"kind": "html", "skip": 1}', full_refresh => true);
CALL meets('{"kind": "status", "status": 410, "skip": 1}', full_refresh => true);
SELECT status, sync_mode, resumed, error_code, count(*) FROM upstream.sync_runs WHERE stream = 'bad' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

-- a failing model says when it tries again, and only that one fails
SELECT test.control('fault', '{"stream": "bad", "kind": "status", "status": 404, "times": -1}');
CALL upstream.sync('main') \gset
SELECT stream, requests, message FROM test.show(:'result');
CALL upstream.sync('main') \gset
SELECT (:'result'::jsonb->'totals'->>'failed')::int AS failed, (:'result'::jsonb->'totals'->>'models')::int AS models;
SELECT stream, state, failures, error_code, error_message, next_attempt_at BETWEEN now() AND now() + interval '1 hour' AS soon FROM upstream.model_status ORDER BY 1;
SELECT test.control('clear_faults');
CALL upstream.sync('main') \gset
SELECT stream, state, failures, error_code, error_message FROM upstream.model_status ORDER BY 1;

-- nobody there, an address that is not allowed, no TLS
SELECT upstream.alter_source('test', test.source(jsonb_build_object('bad', test.stream('cursor', 'bad')), '{"base_url": "http://127.0.0.1:1/v1/{account.shop}"}'));
CALL upstream.sync('main', 'bad') \gset
SELECT error_code, error_message FROM upstream.model_status;
ALTER SYSTEM SET upstream.allow_private_addresses = off;
SELECT pg_reload_conf();
\c
SET client_min_messages = warning;
SELECT upstream.alter_source('test', test.source(jsonb_build_object('bad', test.stream('cursor', 'bad'))));
CALL upstream.sync('main', 'bad') \gset
SELECT error_code, replace(error_message, current_setting('test.port'), 'PORT') AS error_message, error_hint FROM upstream.model_status;
ALTER SYSTEM SET upstream.allow_private_addresses = on;
ALTER SYSTEM SET upstream.allow_http = off;
SELECT pg_reload_conf();
\c
SET client_min_messages = warning;
CALL upstream.sync('main', 'bad') \gset
SELECT error_code, replace(error_message, current_setting('test.port'), 'PORT') AS error_message, error_hint FROM upstream.model_status;
ALTER SYSTEM RESET ALL;
SELECT pg_reload_conf();
\c
SET client_min_messages = warning;

-- a target that does not fit any more
ALTER TABLE bad ADD must integer NOT NULL DEFAULT 0;
ALTER TABLE bad ALTER must DROP DEFAULT;
CALL upstream.sync('main', 'bad') \gset
SELECT error_code, error_message, error_hint FROM upstream.model_status;
ALTER TABLE bad DROP must, DROP name;
CALL upstream.sync('main', 'bad') \gset
SELECT error_code, error_message, error_hint FROM upstream.model_status;
ALTER TABLE bad ADD name text CHECK (name !~ '1');
CALL upstream.sync('main', 'bad') \gset
SELECT error_code, error_message, error_sqlstate, error_detail ~ '^Failing row' AS detail FROM upstream.model_status;
SELECT upstream.drop_source('test', true);
DROP TABLE bad, good;
DROP PROCEDURE meets;

-- one account needs a person; the other does not
SELECT test.setup('{"items": {"rows": 20}, "other": {"rows": 20}}', '["a1", "a2"]', '{"auth": "oauth"}');
SELECT upstream.create_source('test', test.source(jsonb_build_object('items', test.stream('cursor'), 'other', test.stream('cursor', 'other')),
    jsonb_build_object('auth', jsonb_build_object('type', 'oauth2', 'grant_type', 'refresh_token', 'token_url', 'http://127.0.0.1:' || current_setting('test.port') || '/oauth/token')))) > 0 AS created;
SELECT upstream.create_account('test', s, jsonb_build_object('shop', s), jsonb_build_object('refresh_token', 'rt-' || s || '-0', 'client_id', 'client', 'client_secret', 'secret')) > 0 AS created
FROM unnest('{a1,a2}'::text[]) s;
CALL upstream.sync_all('test') \gset
SELECT account, stream, inserted, message FROM test.show(:'result');
SELECT count(*), sum(refreshes) FROM upstream.tokens;
-- an access token that is refused is refreshed once, for both models
SELECT test.control('expire_access');
CALL upstream.sync_all('test') \gset
SELECT account, stream, message FROM test.show(:'result');
SELECT a.name, t.refreshes FROM upstream.tokens t JOIN upstream.accounts a USING (account_id) ORDER BY 1;
-- the token endpoint misbehaves: tried again
SELECT test.control('expire_access');
SELECT test.control('fault', '{"account": "a2", "stream": "token", "kind": "html"}');
SELECT test.control('fault', '{"account": "a2", "stream": "token", "kind": "status", "status": 503, "process": false}');
CALL upstream.sync_all('test') \gset
SELECT account, stream, message FROM test.show(:'result');
CALL upstream.sync_all('test') \gset
SELECT account, stream, message FROM test.show(:'result');
-- the family is revoked
SELECT test.http('/oauth/token', 'grant_type=refresh_token&refresh_token=rt-a2-0&client_id=client&client_secret=secret') ~ 'invalid_grant' AS reused;
CALL upstream.sync_all('test') \gset
SELECT account, stream, message FROM test.show(:'result');
SELECT account, stream, state, error_code, next_attempt_at IS NULL AS waits, token_reason FROM upstream.model_status ORDER BY 1, 2;
SELECT DISTINCT account FROM upstream.models_needing_sync;
SELECT upstream.request_sync('a2');
SELECT DISTINCT account FROM upstream.models_needing_sync;
-- a CALL asks nobody for it either
SELECT (test.http('/_control/stats')::jsonb->>'token_requests')::int AS asked \gset
CALL upstream.sync('a2') \gset
SELECT account, stream, left(message, 32) AS message FROM test.show(:'result');
SELECT (test.http('/_control/stats')::jsonb->>'token_requests')::int - :asked AS token_requests;
-- a new pair lets both go on
SELECT test.http('/_control/reseed_token', '{"account": "a2"}')::jsonb AS pair \gset
SELECT upstream.update_token('a2', :'pair'::jsonb->>'access_token', :'pair'::jsonb->>'refresh_token');
SELECT account, stream, reason FROM upstream.models_needing_sync ORDER BY 1, 2;
CALL upstream.sync('a2') \gset
SELECT account, stream, message FROM test.show(:'result');
SELECT account, stream, state FROM upstream.model_status ORDER BY 1, 2;
SELECT upstream.drop_source('test', true);
DROP TABLE items, other;
