-- check_account(): whether the upstream takes an account's credentials.
SET client_min_messages = warning;
SELECT test.setup(more => '{"auth": "bearer"}');
CREATE FUNCTION checked(account text DEFAULT 'a1') RETURNS TABLE (ok boolean, status integer, error_code text, message text, hint text) LANGUAGE sql AS $$
    SELECT c.ok, c.status, c.error_code, replace(c.message, current_setting('test.port'), 'PORT'), c.hint FROM upstream.check_account(account) c $$;
CREATE FUNCTION remake(more jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM upstream.sources WHERE name = 'check') THEN PERFORM upstream.drop_source('check', true); END IF;
    PERFORM upstream.create_source('check', test.source(jsonb_build_object('items', test.stream('cursor')), '{"auth": {"type": "bearer", "token": "{secret.token}"}}' || more));
    PERFORM upstream.create_account('check', 'a1', credentials => '{"token": "static-a1"}');
    PERFORM test.requests();
END $$;

-- the source's check is asked, once, and nothing is written
SELECT remake('{"check": {"path": "/items/none", "params": {"limit": "1"}}}');
SELECT * FROM checked();
SELECT test.requests();
SELECT count(*) FROM items;
SELECT requests, last_success_at FROM upstream.pg_stat_upstream;

-- credentials that the upstream refuses are an answer, not an error
SELECT upstream.set_secret('a1', 'token', 'stolen0token0');
SELECT ok, status, error_code, hint FROM checked();
SELECT state, error_code FROM upstream.model_status;

-- without a check, the first page of the first stream is asked for
SELECT remake('{}');
SELECT * FROM checked();
SELECT test.requests();

-- of a stream that is read for no rows of its parent there is nothing to ask for; one without a parent goes first
SELECT upstream.drop_source('check', true);
SELECT upstream.create_source('check', test.source(jsonb_build_object(
    'items', test.stream('cursor'),
    'a', test.stream('cursor') || '{"target": "a", "path": "/{parent.id}/items", "parent": {"table": "items", "key": {"id": "id"}}}'),
    '{"auth": {"type": "bearer", "token": "{secret.token}"}}')) > 0 AS created;
SELECT upstream.create_account('check', 'a1', credentials => '{"token": "static-a1"}', streams => '{a}') > 0 AS created;
SELECT * FROM checked();
SELECT upstream.drop_account('a1');
SELECT upstream.create_account('check', 'a1', credentials => '{"token": "static-a1"}') > 0 AS created;
SELECT * FROM checked();
DROP TABLE a;

-- the source's rules say what an answer means
SELECT remake('{"check": {"path": "/items/none"}, "responses": [{"when": {"path": "$.data", "exists": true}, "do": "reauth"}]}');
SELECT ok, status, error_code, hint FROM checked();
SELECT remake('{"check": {"path": "/nothing/here"}, "responses": [{"when": {"status": 404}, "do": "empty"}]}');
SELECT * FROM checked();

-- a check that leads nowhere
SELECT remake('{"check": {"path": "/nothing/here"}}');
SELECT ok, status, error_code FROM checked();

-- nobody listens
SELECT remake('{"check": {"path": "/me"}, "base_url": "http://127.0.0.1:1"}');
SELECT ok, status, error_code FROM checked();

-- no token yet
SELECT remake(jsonb_build_object('check', '{"path": "/items/none"}'::jsonb, 'auth', jsonb_build_object('type', 'oauth2', 'grant_type', 'refresh_token',
    'token_url', 'http://127.0.0.1:' || current_setting('test.port') || '/token')));
SELECT * FROM checked();
SELECT test.requests();

-- an account that does not exist
\set SHOW_CONTEXT never
SELECT * FROM checked('nobody');

SELECT upstream.drop_source('check', true);
DROP TABLE items;
DROP FUNCTION checked(text), remake(jsonb);
