-- What one would do with pgsql-http and PL/pgSQL: fetch, upsert, commit, page after page.
CREATE EXTENSION IF NOT EXISTS http;
CREATE OR REPLACE PROCEDURE sync_pages(url text, accounts integer) LANGUAGE plpgsql AS $$
DECLARE
    page text;
    body jsonb;
BEGIN
    PERFORM set_config('http.keepalive', 'on', false);  -- one connection for all pages
    FOR account IN 1 .. accounts LOOP
        page := '1';
        WHILE page IS NOT NULL LOOP
            body := (SELECT content::jsonb FROM http_get(url || '/' || account || '?page=' || page));
            INSERT INTO transactions AS t (account_id, id, created_at, amount, currency, kind, status, user_id, user_name, note)
            SELECT account, r.* FROM jsonb_to_recordset(body -> 'data') AS r(id text, created_at timestamptz, amount bigint, currency text, kind text, status text,
                user_id text, user_name text, note text)
            ON CONFLICT (account_id, id) DO UPDATE SET created_at = excluded.created_at, amount = excluded.amount, currency = excluded.currency,
                kind = excluded.kind, status = excluded.status, user_id = excluded.user_id, user_name = excluded.user_name, note = excluded.note
            WHERE (t.created_at, t.amount, t.currency, t.kind, t.status, t.user_id, t.user_name, t.note) IS DISTINCT FROM
                (excluded.created_at, excluded.amount, excluded.currency, excluded.kind, excluded.status, excluded.user_id, excluded.user_name, excluded.note);
            COMMIT;
            page := body ->> 'next';
        END LOOP;
    END LOOP;
END $$;
