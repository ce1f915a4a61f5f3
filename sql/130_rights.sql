-- What a role without rights can do: nothing, though it may look into the schema. What may show a secret: nothing.
\set SHOW_CONTEXT never
SELECT test.setup('{"items": {"rows": 30}}', '["a1"]', '{"auth": "api_key"}');
SELECT upstream.create_source('test', test.source(jsonb_build_object('items', test.stream('cursor')),
    '{"auth": {"type": "api_key", "in": "query", "name": "api_key", "value": "{secret.key}"}}')) > 0 AS created;
SELECT upstream.create_account('test', 'main', credentials => '{"key": "key-a1"}') > 0 AS created;
CALL upstream.sync('main') \gset
SELECT inserted, message FROM test.show(:'result');

-- errors do not show secrets, whether they come from the upstream, from the network, or from the arguments
SELECT test.control('fault', '{"kind": "status", "status": 404}');
CALL upstream.sync('main') \gset
SELECT message ~ 'key-a1' AS shows FROM test.show(:'result');
SELECT test.control('fault', '{"kind": "truncate", "times": -1}');
CALL upstream.sync('main') \gset
SELECT message ~ 'key-a1' AS shows FROM test.show(:'result');
SELECT test.control('clear_faults');
SELECT upstream.set_secret('main', 'key', 'sh0wn' || E'\n');
CALL upstream.sync('main') \gset
SELECT message ~ 'sh0wn' AS shows FROM test.show(:'result');
SELECT upstream.set_secret('nobody', 'key', 'sh0wn');
SELECT upstream.set_secret('main', NULL, 'sh0wn');
SELECT upstream.update_token('main', NULL, 'sh0wn');
SELECT upstream.update_token('nobody', 'sh0wn', 'sh0wn');
SELECT upstream.create_account('test', 'other', credentials => '{"access_token": "sh0wn", "expires_at": "sh0wn"}');
SELECT upstream.create_account('test', 'other', credentials => '{"access_token": "sh0wn", "expires_in": "sh0wn"}');
SELECT upstream.create_account('test', 'other', credentials => '["sh0wn"]');
SELECT upstream.create_account('nowhere', 'other', credentials => '{"key": "sh0wn"}');
\set VERBOSITY terse
SELECT upstream.create_account('test', 'main', credentials => '{"key": "sh0wn"}');
\set VERBOSITY default
SELECT upstream.update_token('main', 'sh0wn-access', 'sh0wn-refresh', now() + interval '1 hour');
SELECT viewname, (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM upstream.%I v WHERE v::text ~ ''sh0wn|key-a1''', viewname), false, true, '')))[1]::text AS shows
FROM pg_views WHERE schemaname = 'upstream' ORDER BY 1;
SELECT count(*) AS shows FROM upstream.explain_sync('main', 'items') WHERE value ~ 'sh0wn|key-a1';
SELECT regexp_replace(value, ':\d+/', ':PORT/') AS request FROM upstream.explain_sync('main', 'items') WHERE item = 'request';

-- a preview writes nothing; it says why it cannot
SELECT upstream.set_secret('main', 'key', 'key-a1');
TRUNCATE items;
SELECT count(*), count(DISTINCT preview->>'id') FROM upstream.preview('main', 'items');
SELECT count(*) FROM items;
SELECT test.control('fault', '{"kind": "html"}');
SELECT * FROM upstream.preview('main', 'items');
SELECT test.control('fault', '{"kind": "status", "status": 403}');
SELECT * FROM upstream.preview('main', 'items');
SELECT * FROM upstream.preview('main', 'nothing');

-- USAGE on the schema gives nothing else
CREATE ROLE plain;
GRANT USAGE ON SCHEMA upstream TO plain;
SET ROLE plain;
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'upstream'::regnamespace AND c.relkind IN ('r', 'v', 'S')
    AND has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER');
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'upstream'::regnamespace AND has_function_privilege(p.oid, 'EXECUTE');
SELECT * FROM upstream.tokens;
CALL upstream.sync('main');
SELECT upstream.set_secret('main', 'key', 'sh0wn');
RESET ROLE;
-- a view shows what the reader may read of the tables, and no more
GRANT SELECT ON upstream.model_status TO plain;
SET ROLE plain;
SELECT count(*) FROM upstream.model_status;
RESET ROLE;
-- who may call sync() needs no rights on the books or the target
GRANT EXECUTE ON PROCEDURE upstream.sync TO plain;
SET ROLE plain;
CALL upstream.sync('main', 'items', true) \gset
RESET ROLE;
SELECT mode, inserted, message FROM test.show(:'result');
REVOKE ALL ON ALL TABLES IN SCHEMA upstream FROM plain;
REVOKE ALL ON PROCEDURE upstream.sync FROM plain;
REVOKE ALL ON SCHEMA upstream FROM plain;
DROP ROLE plain;

-- a cancelled CALL gives its models back at once
SELECT test.control('fault', '{"kind": "hang"}');
SET statement_timeout = '1s';
CALL upstream.sync('main');
RESET statement_timeout;
SELECT test.control('release');
SELECT state, error_code, pid FROM upstream.model_status;
SELECT status, message FROM upstream.sync_runs ORDER BY run_id DESC LIMIT 1;
-- the session's own settings do not change what is read or written
SET DateStyle = 'German, DMY';
SET TimeZone = 'Asia/Kathmandu';
SET standard_conforming_strings = off;
SET extra_float_digits = -15;
SET default_transaction_isolation = 'serializable';
SET search_path = pg_temp;
CALL upstream.sync('main', 'items', true) \gset
RESET ALL;
SELECT inserted, updated, unchanged, message FROM test.show(:'result');
SELECT test.differences('items');
SELECT cursor FROM upstream.model_status;
SELECT upstream.drop_source('test', true);
DROP TABLE items;

-- targets of other kinds
CREATE PROCEDURE fills(target text, columns jsonb, body text) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    PERFORM test.setup('{"items": {"rows": 1}}');
    PERFORM upstream.create_source('test', test.source(jsonb_build_object('s', test.stream('none', 'items', jsonb_build_object('target', target, 'columns', columns, 'cursor', NULL, 'params', NULL)))));
    PERFORM upstream.create_account('test', 'main');
    COMMIT;
    FOR i IN 1..2 LOOP
        PERFORM test.control('fault', jsonb_build_object('kind', 'status', 'status', 200, 'body', body));
        CALL upstream.sync('main', 's', false, result);
        RAISE NOTICE '%', (SELECT format('%s inserted, %s updated, %s unchanged, %s', inserted, updated, unchanged, message) FROM test.show(result));
    END LOOP;
    PERFORM upstream.drop_source('test', true);
END
$$;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN short AS text CHECK (length(value) < 10);
CREATE TABLE kinds (id text PRIMARY KEY, mood mood, short short, plain json, span interval, address inet, fixed char(4), rounded numeric(6,2), bytes bytea);
CALL fills('kinds', '{"id": "id", "mood": "mood", "short": "short", "plain": "plain", "span": "span", "address": "address", "fixed": "fixed", "rounded": "rounded", "bytes": "bytes"}',
    '{"data": [{"id": "1", "mood": "sad", "short": "short", "plain": {"b": 1, "a": [2]}, "span": "1 day", "address": "10.0.0.1", "fixed": "ab", "rounded": 1.005, "bytes": "\\x41"}, {"id": "2", "mood": null}]}');
SELECT mood, short, plain, span, address, fixed, rounded, bytes FROM kinds ORDER BY id;
CALL fills('kinds', '{"id": "id", "mood": "mood"}', '{"data": [{"id": "1", "mood": "glad"}]}');
CALL fills('kinds', '{"id": "id", "short": "short"}', '{"data": [{"id": "1", "short": "much too long"}]}');
-- keys that are the same only as the table sees them: the last counts
CREATE TABLE keys (id numeric(5,1) PRIMARY KEY, n integer);
CALL fills('keys', '{"id": "id", "n": "n"}', '{"data": [{"id": 1.01, "n": 1}, {"id": "1.04", "n": 2}, {"id": 1.0, "n": 3}, {"id": 2, "n": 4}]}');
SELECT * FROM keys ORDER BY id;
-- account_id of another type, more columns with their own defaults, a key in another order
CREATE TABLE wide (id text, account_id bigint, made timestamptz NOT NULL DEFAULT now(), ordinal integer GENERATED ALWAYS AS IDENTITY, name text, UNIQUE (id, account_id));
CALL fills('wide', '{"id": "id", "name": "name"}', '{"data": [{"id": "a", "name": "x"}, {"id": "b"}]}');
SELECT id, name, made IS NOT NULL AS made, ordinal FROM wide ORDER BY id;
-- keys that ON CONFLICT cannot use
CREATE TABLE deferred (id text PRIMARY KEY DEFERRABLE);
CALL fills('deferred', '{"id": "id"}', '{"data": []}');
CREATE TABLE partial (id text);
CREATE UNIQUE INDEX ON partial (id) WHERE id <> '';
CALL fills('partial', '{"id": "id"}', '{"data": []}');
DROP TABLE kinds, keys, wide, deferred, partial;
DROP PROCEDURE fills;
DROP TYPE mood;
DROP DOMAIN short;
SET client_min_messages = warning;
DROP SCHEMA test CASCADE;
DROP EXTENSION pg_upstream;
DROP ROLE upstream_worker;
