-- Targets with a life of their own.
SET client_min_messages = warning;
SELECT test.setup('{"items": {"rows": 250}}');

-- dropped, and made anew by alter_source(): read again from the beginning, for the new table has none of the rows that the cursor stands for
SELECT upstream.create_source('sim', test.source(jsonb_build_object('items', test.stream('cursor')))) > 0 AS created;
SELECT upstream.create_account('sim', 'a1', '{"shop": "a1"}', '{"refresh_token": "rt-a1-0", "client_id": "client", "client_secret": "secret"}') > 0 AS created;
CALL upstream.sync('a1') \gset
SELECT inserted FROM test.show(:'result');
DROP TABLE items;
CALL upstream.sync('a1') \gset
SELECT message FROM test.show(:'result');
SELECT * FROM upstream.alter_source('sim', (SELECT spec FROM upstream.sources WHERE name = 'sim'));
CALL upstream.sync('a1') \gset
SELECT inserted, message FROM test.show(:'result');
SELECT test.differences('items');

-- partitioned: the same rows, the same counts
SELECT upstream.pause('a1') > 0 AS paused;
ALTER TABLE items RENAME TO items_before;
CREATE TABLE items (LIKE items_before INCLUDING DEFAULTS, PRIMARY KEY (account_id, id)) PARTITION BY HASH (id);
CREATE TABLE items_0 PARTITION OF items FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE items_1 PARTITION OF items FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SELECT * FROM upstream.alter_source('sim', (SELECT spec FROM upstream.sources WHERE name = 'sim'));
CALL upstream.sync('a1') \gset
SELECT inserted, updated, unchanged, message FROM test.show(:'result');
UPDATE items SET name = 'changed here' WHERE id < 'items-a1-000011';
CALL upstream.sync('a1', 'items', true) \gset
SELECT inserted, updated, unchanged, message FROM test.show(:'result');
SELECT test.differences('items');

-- without columns in the spec, what has a default stays the table's own
CREATE TABLE own (account_id integer, id text, name text, made timestamptz NOT NULL DEFAULT now(), state text DEFAULT 'new', PRIMARY KEY (account_id, id));
SELECT upstream.create_source('own', test.source(jsonb_build_object('items', test.stream('cursor', 'items', '{"columns": null, "target": "own"}')))) > 0 AS created;
SELECT upstream.create_account('own', 'b1', '{"shop": "a1"}', '{"access_token": "none", "client_id": "client", "client_secret": "secret"}') > 0 AS created;
SELECT value FROM upstream.explain_sync('b1', 'items') WHERE item = 'target';
SELECT value ~ '\(account_id, id, name\)' AS fills_those FROM upstream.explain_sync('b1', 'items') WHERE item = 'statement';
SELECT upstream.drop_account('b1');

-- a type that has no array type cannot be written
ALTER TABLE own ADD list text[];
SELECT upstream.create_account('own', 'b1', '{"shop": "a1"}');

-- names, and times that are none
SELECT upstream.create_account('sim', 'a1', '{"shop": "a1"}');
SELECT upstream.create_account('sim', 'a/1', '{"shop": "a1"}');
SELECT upstream.create_source('', '{}');
SELECT upstream.update_token('a1', 'access', NULL, 'infinity');
SELECT expires_at, needs_reauth FROM upstream.tokens WHERE access_token = 'access';
SELECT upstream.mark_sync_complete('a1', 'items', NULL, 'infinity');

SELECT upstream.drop_source('sim', true), upstream.drop_source('own', true);
DROP TABLE items, items_before, own;
