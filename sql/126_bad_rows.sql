-- Rows that do not fit: put aside with their reason, while the rest of the page is written and the cursor moves.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT test.setup('{"items": {"rows": 3}}');

CREATE TABLE parents (id integer PRIMARY KEY);
INSERT INTO parents VALUES (1), (2);
CREATE DOMAIN percentage AS numeric CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE items (
    account_id integer, id text, n integer, short varchar(5), share percentage, price numeric CHECK (price >= 0), parent integer REFERENCES parents,
    must text NOT NULL, at timestamptz, PRIMARY KEY (account_id, id));
SELECT upstream.create_source('test', test.source(jsonb_build_object('items', test.stream('none', 'items',
    '{"columns": {"id": "id", "n": "nested.n", "short": "short", "share": "share", "price": "price", "parent": "parent", "must": "must", "at": {"path": "at", "format": "epoch"}}, "cursor": null, "params": null}')))) > 0 AS created;
SELECT upstream.create_account('test', 'main') > 0 AS created;

-- each kind of misfit, among rows that fit
SELECT test.answer('[{"id": "good 1", "must": "x", "nested": {"n": 1}, "at": 0},
    {"id": "not a number", "must": "x", "nested": {"n": "seven"}},
    {"id": "too long", "must": "x", "short": "abcdef"},
    {"id": "too much", "must": "x", "share": 101},
    {"id": "negative", "must": "x", "price": -1},
    {"id": "orphan", "must": "x", "parent": 42},
    {"id": "good 2", "must": "x", "parent": 2, "price": 1.5, "share": 50, "short": "abc"},
    {"id": "nothing", "must": null},
    {"must": "x", "n": 5},
    {"id": "bad time", "must": "x", "at": "tomorrow"},
    "no object",
    {"id": "good 3", "must": "x", "parent": 1}]');
CALL upstream.sync('main') \gset
SELECT received, inserted, message FROM test.show(:'result');
SELECT (:'result'::jsonb->'totals'->>'rejected')::int AS rejected;
SELECT id, n, short, share, price, parent, at FROM items ORDER BY id COLLATE "C";
SELECT record, key, sqlstate, column_name, path, value, message FROM upstream.rejected_rows ORDER BY record;
SELECT rejected FROM upstream.pg_stat_upstream;
SELECT status, rejected FROM upstream.sync_runs ORDER BY run_id DESC LIMIT 1;

-- a row that comes again is listed once, with the last reason; without a key it is listed each time
SELECT test.answer('[{"id": "negative", "must": "x", "price": -2}, {"must": "x"}]');
CALL upstream.sync('main') \gset
SELECT key, value, times FROM upstream.rejected_rows WHERE key = 'negative' OR key IS NULL ORDER BY reject_id;

-- and one that fits at last is written
SELECT test.answer('[{"id": "negative", "must": "x", "price": 2}]');
CALL upstream.sync('main') \gset
SELECT inserted, message FROM test.show(:'result');

-- values are shown cut to 200 bytes, and never a secret
SELECT upstream.set_secret('main', 'key', 'sesame-open-sesame');
SELECT test.answer(jsonb_build_array(jsonb_build_object('id', 'long', 'must', 'x', 'nested', jsonb_build_object('n', repeat('ä', 500))),
    '{"id": "secret", "must": "x", "nested": {"n": "sesame-open-sesame"}}'::jsonb));
CALL upstream.sync('main') \gset
SELECT key, octet_length(value) AS bytes, value ~ 'sesame' OR message ~ 'sesame' AS shows FROM upstream.rejected_rows WHERE key IN ('long', 'secret') ORDER BY key;

-- more than a few are no bad rows: the page is refused, nothing is written
TRUNCATE items;
SELECT test.answer((SELECT jsonb_agg(jsonb_build_object('id', i, 'must', CASE WHEN i % 2 = 0 THEN 'x' END)) FROM generate_series(1, 40) i));
CALL upstream.sync('main') \gset
SELECT inserted, message FROM test.show(:'result');
SELECT count(*) FROM items;
SELECT state, error_code, error_sqlstate, error_detail, error_hint FROM upstream.model_status;
-- the same of 400 are less than a tenth
SELECT test.answer((SELECT jsonb_agg(jsonb_build_object('id', i, 'must', CASE WHEN i % 20 <> 0 THEN 'x' END)) FROM generate_series(1, 400) i));
CALL upstream.sync('main') \gset
SELECT inserted, message FROM test.show(:'result');
-- bad values cost no search, however many
SELECT test.answer((SELECT jsonb_agg(jsonb_build_object('id', i, 'must', 'x', 'nested', jsonb_build_object('n', CASE WHEN i % 12 = 0 THEN 'x' ELSE '1' END))) FROM generate_series(1, 1200) i));
CALL upstream.sync('main') \gset
SELECT inserted, updated, unchanged, message FROM test.show(:'result');
SELECT (:'result'::jsonb->'totals'->>'rejected')::int AS rejected;

-- a trigger has its say about single rows
CREATE FUNCTION picky() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id LIKE '%no%' THEN RAISE 'not %', NEW.id; END IF; RETURN NEW; END $$;
CREATE TRIGGER picky BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION picky();
TRUNCATE items;
SELECT test.answer((SELECT jsonb_agg(jsonb_build_object('id', i || CASE WHEN i IN (1, 77, 78, 200) THEN ' no' ELSE ' yes' END, 'must', 'x')) FROM generate_series(1, 200) i));
CALL upstream.sync('main') \gset
SELECT inserted, message FROM test.show(:'result');
SELECT record, key, sqlstate, message FROM upstream.rejected_rows WHERE sqlstate = 'P0001' ORDER BY record;
SELECT count(*) FROM items;
DROP TRIGGER picky ON items;

-- rows that refer to each other may come in any order, also when another row is bad
CREATE TABLE tree (account_id integer, id text, parent text, must text NOT NULL, PRIMARY KEY (account_id, id), FOREIGN KEY (account_id, parent) REFERENCES tree);
SELECT * FROM upstream.alter_source('test', test.source(jsonb_build_object('items', test.stream('none', 'items',
    '{"columns": {"id": "id", "parent": "parent", "must": "must"}, "cursor": null, "params": null, "target": "tree"}'))));
SELECT test.answer('[{"id": "a", "parent": "d", "must": "x"}, {"id": "b", "parent": "a", "must": "x"}, {"id": "c", "parent": null}, {"id": "d", "must": "x"}, {"id": "e", "parent": "c", "must": "x"}]');
CALL upstream.sync('main') \gset
SELECT inserted, message FROM test.show(:'result');
SELECT id, parent FROM tree ORDER BY id;
SELECT key, sqlstate FROM upstream.rejected_rows WHERE key IN ('a', 'b', 'c', 'd', 'e') ORDER BY key;

-- a record whose place in the list cannot be read is put aside, and the cursor goes on by the others
SELECT * FROM upstream.alter_source('test', test.source(jsonb_build_object('items', test.stream('none', 'items',
    '{"columns": {"id": "id", "must": "must"}, "target": "tree"}'))));
SELECT test.answer('[{"id": "f", "must": "x", "updated_at": "2026-01-01T00:00:00Z"}, {"id": "g", "must": "x", "updated_at": "some day"}, {"id": "h", "must": "x", "updated_at": "2026-01-03T00:00:00Z"}]');
CALL upstream.sync('main') \gset
SELECT inserted, message FROM test.show(:'result');
SELECT key, path, value FROM upstream.rejected_rows WHERE key = 'g';
SELECT cursor FROM upstream.model_status;

-- dropped with its model
SELECT upstream.drop_source('test', true);
SELECT count(*) FROM upstream.rejects;
DROP TABLE items, tree, parents;
DROP DOMAIN percentage;
