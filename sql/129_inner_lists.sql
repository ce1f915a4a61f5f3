-- Lists inside records, each into a table of its own, in the record's transaction.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT test.write_as('{"columns": {"id": "id", "name": "name"}, "expand": {"lines": {"records": "lines", "target": "lines", "primary_key": ["order_id", "n"],
    "inherit": {"order_id": "id"}, "columns": {"n": {"path": "no", "type": "integer"}, "sku": "sku", "shop": {"value": "{account.shop}"}}, "raw": "line"}}}');
SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'lines' ORDER BY ordinal_position;
CALL test.page('[{"id": 1, "name": "a", "lines": [{"no": 1, "sku": "x"}, {"no": 2, "sku": "y"}]}, {"id": 2, "name": "b", "lines": []}, {"id": 3, "lines": {"no": 1, "sku": "z"}}, {"id": 4}]');
SELECT id, name FROM items ORDER BY id;
SELECT order_id, n, sku, shop, line FROM lines ORDER BY order_id, n;
-- merge: what is not listed any more stays
CALL test.page('[{"id": 1, "name": "a", "lines": [{"no": 2, "sku": "changed"}, {"no": 3, "sku": "new"}]}]');
SELECT order_id, n, sku FROM lines ORDER BY order_id, n;

-- replace: it goes, for the outer records of the page alone
SELECT test.write_as('{"columns": {"id": "id", "name": "name"}, "expand": {"lines": {"records": "lines", "target": "lines", "primary_key": ["order_id", "n"],
    "inherit": {"order_id": "id"}, "columns": {"n": {"path": "no", "type": "integer"}, "sku": "sku"}, "mode": "replace"}}}');
CALL test.page('[{"id": 1, "lines": [{"no": 1, "sku": "x"}, {"no": 2, "sku": "y"}]}, {"id": 2, "lines": [{"no": 1, "sku": "z"}]}, {"id": 3, "lines": [{"no": 1, "sku": "w"}]}]');
CALL test.page('[{"id": 1, "lines": [{"no": 2, "sku": "y"}]}, {"id": 2, "lines": null}]');
SELECT order_id, n, sku FROM lines ORDER BY order_id, n;
-- of a record that comes twice in a page the last list counts
CALL test.page('[{"id": 1, "lines": [{"no": 7, "sku": "old"}]}, {"id": 1, "lines": [{"no": 8, "sku": "new"}]}]');
SELECT order_id, n, sku FROM lines ORDER BY order_id, n;
-- a bad element is put aside with its place; its list is not shortened, for it may stand there
CALL test.page('[{"id": 1, "lines": [{"no": 9, "sku": "good"}, {"no": "eight", "sku": "bad"}, {"sku": "no key"}]}, {"id": 3, "lines": []}]');
SELECT order_id, n, sku FROM lines ORDER BY order_id, n;
SELECT list, record, key, sqlstate, column_name, path, value FROM upstream.rejected_rows ORDER BY reject_id;
-- an outer row that does not fit takes its list with it
ALTER TABLE items ADD CHECK (name <> 'bad');
ALTER TABLE lines ADD FOREIGN KEY (account_id, order_id) REFERENCES items ON DELETE CASCADE;
CALL test.page('[{"id": 5, "name": "bad", "lines": [{"no": 1, "sku": "lost"}]}, {"id": 6, "name": "good", "lines": [{"no": 1, "sku": "kept"}]}]');
SELECT order_id, n, sku FROM lines WHERE order_id IN ('5', '6');

-- the table of a list must fit, too
SELECT upstream.drop_source('test', true);
ALTER TABLE lines DROP CONSTRAINT lines_pkey;
SELECT upstream.create_source('test', test.source(jsonb_build_object('items', test.stream('none', 'items',
    '{"cursor": null, "params": null, "columns": {"id": "id", "name": "name"}, "expand": {"lines": {"records": "lines", "target": "lines", "primary_key": ["order_id", "n"],
    "inherit": {"order_id": "id"}, "columns": {"n": {"path": "no", "type": "integer"}, "sku": "sku"}}}}')))) > 0 AS created;
SELECT upstream.create_account('test', 'main');
-- dropped during a run's life: said, and mended by alter_source()
DROP TABLE lines;
SELECT upstream.create_account('test', 'main') > 0 AS created;
DROP TABLE lines;
CALL test.page('[{"id": 7, "lines": [{"no": 1, "sku": "x"}]}]');
SELECT * FROM upstream.alter_source('test', (SELECT spec FROM upstream.sources WHERE name = 'test'));
CALL test.page('[{"id": 7, "lines": [{"no": 1, "sku": "x"}]}]');
SELECT order_id, n, sku FROM lines;
SELECT upstream.drop_source('test', true);
SELECT count(*) FROM upstream.model_targets;
DROP TABLE items, lines;
DROP PROCEDURE test.page(jsonb);
DROP FUNCTION test.write_as(jsonb);
