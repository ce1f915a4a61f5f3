-- What the tests from here on share: talking to the simulator (test/upstream), building specs for it, showing results without what differs from run to run.
CREATE EXTENSION pg_upstream;
CREATE SCHEMA test;
\getenv port UPSTREAM_PORT
\set ECHO none
SELECT format('ALTER DATABASE %I SET test.port = %L', current_database(), :'port') \gexec
\set ECHO all

-- An answer of the simulator. The delimiter and quote are bytes that JSON does not have.
CREATE FUNCTION test.http(path text, body text DEFAULT NULL) RETURNS text LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
    answer text;
BEGIN
    CREATE TEMP TABLE IF NOT EXISTS http_answer (ordinal integer GENERATED ALWAYS AS IDENTITY, line text);
    DELETE FROM http_answer;
    EXECUTE format($copy$COPY http_answer (line) FROM PROGRAM %L WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')$copy$,
                   format('curl -sS --max-time 20 %s ''http://127.0.0.1:%s%s''',
                          CASE WHEN body IS NOT NULL THEN '-d ''' || body || '''' END, current_setting('test.port'), path));
    SELECT string_agg(line, E'\n' ORDER BY ordinal) INTO answer FROM http_answer;
    RETURN answer;
END
$$;

CREATE FUNCTION test.control(command text, body jsonb DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    answer text := test.http('/_control/' || command, body::text);
BEGIN
    IF answer LIKE '%"error"%' THEN RAISE EXCEPTION '%: %', command, answer; END IF;
END
$$;

-- The number of data requests since the setup or the last call of this.
CREATE FUNCTION test.requests() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    stats jsonb := test.http('/_control/stats');
BEGIN
    PERFORM test.control('reset_stats');
    RETURN (stats->>'requests')::bigint;
END
$$;

-- An upstream with one or more accounts and streams of so many rows.
CREATE FUNCTION test.setup(streams jsonb DEFAULT '{"items": {"rows": 250}}', accounts jsonb DEFAULT '["a1"]', more jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.control('setup', jsonb_build_object('seed', 1, 'auth', 'none', 'streams', streams, 'accounts', accounts) || more);
END
$$;

CREATE FUNCTION test.columns() RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT jsonb_object_agg(name, jsonb_build_object('path', name, 'type', type))
            FROM (VALUES ('id', 'text'), ('seq', 'bigint'), ('name', 'text'), ('amount', 'numeric'), ('quantity', 'integer'), ('active', 'boolean'),
                         ('created_at', 'timestamptz'), ('updated_at', 'timestamptz'), ('day', 'date'), ('uuid', 'uuid'), ('tags', 'jsonb'),
                         ('nested', 'jsonb'), ('rev', 'integer')) AS c (name, type));
END
$$;

-- A stream of the simulator: how it pages, and what suits that. `more` overrides; its nulls take keys away.
CREATE FUNCTION test.stream(pagination text, name text DEFAULT 'items', more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    paging jsonb := CASE pagination
        WHEN 'none' THEN '{"type": "none"}'
        WHEN 'cursor' THEN '{"type": "cursor", "path": "$.next_cursor", "size": 100, "inject": {"in": "query", "name": "cursor"}}'
        WHEN 'page' THEN '{"type": "page", "size": 100, "has_more": "$.has_more", "inject": {"in": "query", "name": "page"}}'
        WHEN 'offset' THEN '{"type": "offset", "size": 100, "total": "$.total", "inject": {"in": "query", "name": "offset"}}'
        WHEN 'link' THEN '{"type": "link_header"}'
        WHEN 'next' THEN '{"type": "next_url", "path": "$.next"}'
    END;
    sized boolean := paging ? 'size';
BEGIN
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'path', '/' || name || '/' || pagination, 'records', '$.data', 'primary_key', '["id"]'::jsonb, 'target', name, 'columns', test.columns(),
        'pagination', paging,
        'params', jsonb_build_object('limit', CASE WHEN sized THEN '{page.size}' WHEN pagination <> 'none' THEN '100' END, 'since', '{cursor.start|iso}'),
        'cursor', '{"field": "updated_at", "type": "timestamp", "filter": "server", "order": "asc", "lookback": "1 second"}'::jsonb) || more);
END
$$;

-- A source for the simulator; waits are short. Accounts state the simulator's account as shop.
CREATE FUNCTION test.source(streams jsonb, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN jsonb_build_object('spec_version', 1, 'source', 'test', 'base_url', 'http://127.0.0.1:' || current_setting('test.port') || '/v1/{account.shop}',
        'account', '{"properties": {"shop": {"type": "string", "default": "a1"}}}'::jsonb, 'auth', '{"type": "none"}'::jsonb,
        'retry', '{"base": "10 milliseconds", "max": "20 milliseconds"}'::jsonb, 'streams', streams) || more;
END
$$;

-- The result of a CALL, as rows.
CREATE FUNCTION test.show(result jsonb, OUT account text, OUT stream text, OUT mode text, OUT requests bigint, OUT received bigint, OUT inserted bigint,
    OUT updated bigint, OUT unchanged bigint, OUT message text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT r->>'account', r->>'stream', r->>'sync_mode', (r->>'requests')::bigint, (r->>'received')::bigint, (r->>'inserted')::bigint,
        (r->>'updated')::bigint, (r->>'unchanged')::bigint, replace(r->>'message', current_setting('test.port'), 'PORT')
    FROM jsonb_array_elements(result->'results') r ORDER BY 1, 2;
END
$$;

-- Rows by which a target (all columns, written for one account) and the simulator differ.
CREATE FUNCTION test.differences(target regclass, shop text DEFAULT 'a1', stream text DEFAULT 'items') RETURNS bigint
LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
    names text := 'id, seq, name, amount, quantity, active, created_at, updated_at, day, uuid, tags, nested, rev';
    found bigint;
BEGIN
    DROP TABLE IF EXISTS oracle;
    CREATE TEMP TABLE oracle (id text, seq bigint, name text, amount numeric, quantity integer, active boolean, created_at timestamptz,
        updated_at timestamptz, day date, uuid uuid, tags jsonb, nested jsonb, rev integer);
    EXECUTE format('COPY oracle FROM PROGRAM %L', format('curl -sS http://127.0.0.1:%s/_oracle/%s/%s', current_setting('test.port'), shop, stream));
    EXECUTE format('SELECT count(*) FROM ((SELECT %1$s FROM %2$s t WHERE t.account_id IN (SELECT a.account_id FROM upstream.accounts a WHERE a.config->>''shop'' = %3$L OR %3$L = ''a1'' AND NOT a.config ? ''shop'')'
        ' EXCEPT ALL SELECT %1$s FROM oracle) UNION ALL (SELECT %1$s FROM oracle EXCEPT ALL SELECT %1$s FROM %2$s t'
        ' WHERE t.account_id IN (SELECT a.account_id FROM upstream.accounts a WHERE a.config->>''shop'' = %3$L OR %3$L = ''a1'' AND NOT a.config ? ''shop''))) d',
        names, target, shop) INTO found;
    RETURN found;
END
$$;

-- The next answer of a stream.
CREATE FUNCTION test.answer(records jsonb, stream text DEFAULT 'items') RETURNS void LANGUAGE sql AS $$
    SELECT test.control('fault', jsonb_build_object('stream', stream, 'kind', 'status', 'status', 200, 'body', jsonb_build_object('data', records)::text));
$$;

-- A run of account main that finds these pages, or these faults instead.
CREATE PROCEDURE test.read_pages(VARIADIC pages jsonb[]) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
    r jsonb;
BEGIN
    FOR i IN 1 .. cardinality(pages) LOOP
        IF jsonb_typeof(pages[i]) = 'array' THEN
            PERFORM test.answer(pages[i]);
        ELSE
            PERFORM test.control('fault', pages[i] || '{"kind": "status"}');
        END IF;
    END LOOP;
    COMMIT;
    CALL upstream.sync('main', NULL, false, result);
    r := result->'results'->0;
    RAISE WARNING '% received, % inserted, % updated, % unchanged, % deleted, % rejected: %', r->>'received', r->>'inserted', r->>'updated', r->>'unchanged', r->>'deleted',
        r->>'rejected', r->>'message';
END
$$;
