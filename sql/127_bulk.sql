-- Rows written by statements and rows written in bulk: the same tables, the same numbers.
SET client_min_messages = warning;
SELECT test.setup('{"items": {"rows": 450}}');
SELECT upstream.create_source('bulk', test.source(jsonb_build_object('items', test.stream('cursor')))) > 0 AS created;
SELECT upstream.create_account('bulk', 'a1', '{"shop": "a1"}') > 0 AS created;

-- One sync by each path from the same beginning, which `prepare` makes of the target; shows the numbers and compares the tables.
CREATE PROCEDURE both_ways(what text, prepare text, counts boolean DEFAULT true) LANGUAGE plpgsql AS $$
DECLARE
    path text;
    result jsonb;
    numbers jsonb;
    rows jsonb;
    copied bigint;
    by_upsert jsonb;
BEGIN
    FOREACH path IN ARRAY '{upsert,bulk}'::text[] LOOP
        DELETE FROM items;
        EXECUTE prepare;
        PERFORM upstream.stat_reset();
        PERFORM set_config('upstream.write_path', path, false);
        COMMIT;
        CALL upstream.sync('a1', 'items', true, result);
        numbers := (SELECT jsonb_object_agg(key, value) FROM jsonb_each(result->'results'->0) WHERE key IN ('inserted', 'updated', 'unchanged', 'message'));
        rows := (SELECT jsonb_agg(to_jsonb(i) - '_synced_at' ORDER BY account_id, id) FROM items i);
        copied := (SELECT s.copied FROM upstream.pg_stat_upstream s);
        IF path = 'upsert' THEN
            RAISE INFO '%: % inserted, % updated, % unchanged, %; % copied', what, numbers->'inserted', numbers->'updated', numbers->'unchanged', numbers->>'message', copied;
            by_upsert := jsonb_build_object('numbers', numbers, 'rows', rows);
        ELSE
            RAISE INFO '    in bulk: %, % copied', CASE WHEN by_upsert = jsonb_build_object('numbers', numbers, 'rows', rows) THEN 'the same'
                ELSE 'differs: ' || numbers::text END, CASE WHEN counts THEN copied::text ELSE 'some' END;
        END IF;
    END LOOP;
END
$$;
CALL upstream.sync('a1') \gset
CREATE TABLE all_items AS TABLE items;

CALL both_ways('an empty target', 'SELECT');
CALL both_ways('nothing is new', 'INSERT INTO items SELECT * FROM all_items');
CALL both_ways('half is there', 'INSERT INTO items SELECT * FROM all_items WHERE seq % 2 = 0');
CALL both_ways('a tenth has changed, a ninth is missing',
    'INSERT INTO items SELECT * FROM all_items WHERE seq % 9 <> 0; UPDATE items SET name = ''before'', tags = NULL WHERE seq % 10 = 0');
CALL both_ways('nulls and values change places', 'INSERT INTO items SELECT * FROM all_items; UPDATE items SET quantity = CASE WHEN quantity IS NULL THEN 0 END');
CALL both_ways('equal numbers with other digits are no change', 'INSERT INTO items SELECT * FROM all_items; UPDATE items SET amount = amount + 0.000000');
CALL both_ways('another account has the keys', 'INSERT INTO items SELECT * FROM all_items; UPDATE items SET account_id = -1');
SELECT count(*) FROM items WHERE account_id = -1;

-- the target's own ways
ALTER TABLE items ADD twice numeric GENERATED ALWAYS AS (amount * 2) STORED, ADD made text DEFAULT 'by default';
CALL both_ways('generated columns and defaults', 'SELECT');
SELECT count(*) FROM items WHERE twice = amount * 2 AND made = 'by default';
CREATE TABLE heard (what text, rows bigint);
CREATE FUNCTION hear() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.heard SELECT TG_OP, count(*) FROM rows;
    RETURN NULL;
END $$;
CREATE TRIGGER hear_insert AFTER INSERT ON items REFERENCING NEW TABLE AS rows FOR EACH STATEMENT EXECUTE FUNCTION hear();
CREATE TRIGGER hear_update AFTER UPDATE ON items REFERENCING NEW TABLE AS rows FOR EACH STATEMENT EXECUTE FUNCTION hear();
CALL both_ways('statement triggers', 'INSERT INTO items (account_id, id) SELECT account_id, id FROM all_items WHERE seq <= 10; DELETE FROM heard');
SELECT what, sum(rows) FROM heard GROUP BY what ORDER BY what;
DROP TRIGGER hear_insert ON items;
DROP TRIGGER hear_update ON items;

-- what bars it
SELECT value FROM upstream.explain_sync('a1', 'items') WHERE item = 'write_path';
CREATE FUNCTION lower_name() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := lower(NEW.name); RETURN NEW; END $$;
CREATE TRIGGER lower_name BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION lower_name();
SELECT value FROM upstream.explain_sync('a1', 'items') WHERE item = 'write_path';
CALL both_ways('a trigger that changes rows', 'SELECT');
DROP TRIGGER lower_name ON items;
ALTER TABLE items ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT value FROM upstream.explain_sync('a1', 'items') WHERE item = 'write_path';
ALTER TABLE items DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
SET upstream.write_path = upsert;
SELECT value FROM upstream.explain_sync('a1', 'items') WHERE item = 'write_path';
RESET upstream.write_path;

-- a unique key that the stream knows nothing of: the same error, nothing is lost
CREATE UNIQUE INDEX items_seq ON items (seq);
CALL both_ways('a row of somebody else has the same number', 'INSERT INTO items (account_id, id, seq) SELECT -1, ''other'', min(seq) + 5 FROM all_items', false);
DROP INDEX items_seq;

-- partitioned
SELECT upstream.pause('a1') > 0 AS paused;
ALTER TABLE items RENAME TO items_before;
CREATE TABLE items (LIKE all_items, PRIMARY KEY (account_id, id)) PARTITION BY HASH (id);
ALTER TABLE items ALTER _synced_at SET DEFAULT now();
CREATE TABLE items_0 PARTITION OF items FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE items_1 PARTITION OF items FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SELECT * FROM upstream.alter_source('bulk', (SELECT spec FROM upstream.sources WHERE name = 'bulk'));
CALL both_ways('partitions', 'SELECT');
CALL both_ways('partitions with rows', 'INSERT INTO items SELECT * FROM all_items WHERE seq % 2 = 0; UPDATE items SET rev = -1 WHERE seq % 4 = 0');
SELECT test.differences('items');

RESET upstream.write_path;
SELECT upstream.drop_source('bulk', true);
DROP PROCEDURE both_ways;
DROP TABLE items, items_before, all_items, heard;
DROP FUNCTION hear, lower_name;
