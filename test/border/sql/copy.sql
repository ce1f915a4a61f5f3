-- COPY in process, and look-ups by key.
\getenv folder PG_LIBDIR
\set module :folder '/border'
SET client_encoding = 'UTF8';
CREATE FUNCTION border_copy(oid, text[], text[]) RETURNS text LANGUAGE c VOLATILE STRICT AS :'module';
CREATE FUNCTION border_look_up(oid, text[], text[], text[]) RETURNS text LANGUAGE c VOLATILE STRICT AS :'module';
CREATE FUNCTION border_read_as(oid, text[], text[]) RETURNS text LANGUAGE c VOLATILE STRICT AS :'module';
SET timezone = 'UTC';
\pset format unaligned
\pset tuples_only on

-- defaults, generated columns, identity, nulls
CREATE TABLE goods (
    id text PRIMARY KEY, price numeric, note text DEFAULT 'none', taxed numeric GENERATED ALWAYS AS (price * 2) STORED,
    number int GENERATED ALWAYS AS IDENTITY, seen timestamptz);
SELECT border_copy('goods'::regclass, '{id,price,seen}', ARRAY['a','1.50','2026-01-02T03:04:05Z', 'b',NULL,NULL, 'ü','-3','2026-01-02T03:04:05.123456+02:00']);
SELECT * FROM goods ORDER BY number;

-- the columns in another order than the table's, a dropped column in between, no rows
ALTER TABLE goods DROP COLUMN seen;
SELECT border_copy('goods'::regclass, '{note,id}', '{x,c}');
SELECT border_copy('goods'::regclass, '{note,id}', '{}');
SELECT * FROM goods WHERE id = 'c';

-- what fails leaves nothing, says why, and the next goes on
SELECT border_copy('goods'::regclass, '{id}', '{d,e,a}');
SELECT border_copy('goods'::regclass, '{id,price}', '{d,1,e,two}');
SELECT border_copy('goods'::regclass, '{id}', '{NULL}');
SELECT border_copy('goods'::regclass, '{id,missing}', '{d,1}');
SELECT count(*) FROM goods;

-- constraints, domains
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE checked (id int PRIMARY KEY, p positive, q int CHECK (q <> 7), r text REFERENCES goods);
SELECT border_copy('checked'::regclass, '{id,p,q,r}', '{1,1,1,a, 2,NULL,NULL,NULL}');
SELECT border_copy('checked'::regclass, '{id,p}', '{3,0}');
SELECT border_copy('checked'::regclass, '{id,q}', '{3,7}');
SELECT border_copy('checked'::regclass, '{id,r}', '{3,nothing}');
SELECT id FROM checked ORDER BY id;

-- triggers: of rows before and after, of the statement with its rows
CREATE TABLE heard (what text);
CREATE FUNCTION hear() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_LEVEL = 'STATEMENT' THEN
        INSERT INTO heard SELECT 'statement, rows: ' || count(*) FROM new_rows;
        RETURN NULL;
    END IF;
    INSERT INTO heard VALUES (TG_WHEN || ' ' || NEW.id);
    IF NEW.id = 13 THEN RETURN NULL; END IF;
    NEW.q := coalesce(NEW.q, 0) + 1;
    RETURN NEW;
END $$;
CREATE TRIGGER before_row BEFORE INSERT ON checked FOR EACH ROW EXECUTE FUNCTION hear();
CREATE TRIGGER after_row AFTER INSERT ON checked FOR EACH ROW EXECUTE FUNCTION hear();
CREATE TRIGGER after_statement AFTER INSERT ON checked REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION hear();
SELECT border_copy('checked'::regclass, '{id,q}', '{12,1,13,1,14,NULL}');
SELECT what FROM heard;
SELECT id, q FROM checked WHERE id > 10 ORDER BY id;

-- a trigger's function that copies itself
CREATE TABLE mirror (id text PRIMARY KEY);
CREATE TABLE mirrored (id text PRIMARY KEY);
CREATE FUNCTION reflect() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM border_copy('mirror'::regclass, '{id}', ARRAY[NEW.id]);
    RETURN NEW;
END $$;
CREATE TRIGGER reflect BEFORE INSERT ON mirrored FOR EACH ROW EXECUTE FUNCTION reflect();
SELECT border_copy('mirrored'::regclass, '{id}', '{m1,m2,m3}');
SELECT (SELECT string_agg(id, ' ' ORDER BY id) FROM mirrored), (SELECT string_agg(id, ' ' ORDER BY id) FROM mirror);

-- partitions
CREATE TABLE parted (id int, part text, PRIMARY KEY (part, id)) PARTITION BY LIST (part);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
CREATE TABLE parted_b (part text NOT NULL, id int NOT NULL);
ALTER TABLE parted ATTACH PARTITION parted_b FOR VALUES IN ('b');
SELECT border_copy('parted'::regclass, '{id,part}', '{1,a,2,b,3,b}');
SELECT tableoid::regclass, id FROM parted ORDER BY id;
SELECT border_copy('parted'::regclass, '{id,part}', '{4,c}');
SELECT border_look_up('parted'::regclass, '{part,id}', '{id,part}', '{1,a}');

-- rights are those of the current role
CREATE ROLE border_stranger;
GRANT SELECT ON mirror TO border_stranger;
SET ROLE border_stranger;
SELECT border_copy('mirror'::regclass, '{id}', '{m4}');
RESET ROLE;

-- look-ups: by a key of two columns, in another order; every kind of difference
CREATE TABLE stock (shop int, sku text, amount int, data jsonb, tag text, UNIQUE (sku, shop));
INSERT INTO stock VALUES (1, 'a', 5, '{"x": 1}', NULL), (1, 'b', NULL, NULL, repeat('long', 5000)), (2, 'a', 7, '[]', 'z');
SELECT border_look_up('stock'::regclass, '{shop,sku}', '{shop,sku,amount,data,tag}',
    ARRAY['1','a','5','{"x":1}',NULL, '1','b',NULL,NULL,repeat('long', 5000), '2','a','7','[]','z']);
SELECT border_look_up('stock'::regclass, '{shop,sku}', '{shop,sku,amount,data,tag}',
    ARRAY['1','a','6','{"x":1}',NULL, '1','b','0',NULL,repeat('long', 5000), '2','a','7','[]',NULL, '3','a','7','[]','z', '1','b',NULL,NULL,repeat('long', 5001)]);

-- many rows, as they stand in the index and far apart, in an index that ascends and in one that descends; some were altered or deleted, and not yet vacuumed
CREATE TABLE long_list (shop int, sku text, n int, PRIMARY KEY (shop, sku));
CREATE TABLE falling_list (shop int, sku text, n int);
CREATE UNIQUE INDEX ON falling_list (shop, sku DESC);
CREATE FUNCTION look_up_answers(list regclass, wanted text) RETURNS TABLE (answer text, rows bigint, wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TEMP TABLE asked AS SELECT row_number() OVER () AS at, * FROM (%s) q', wanted);
    RETURN QUERY EXECUTE format('SELECT a.said, count(*), count(*) FILTER (WHERE a.said <> CASE WHEN l.n IS NULL THEN ''missing'' WHEN l.n = q.n THEN ''same'' ELSE ''different'' END)
        FROM string_to_table(border_look_up(%L::regclass, ''{shop,sku}'', ''{shop,sku,n}'',
            (SELECT array_agg(v ORDER BY at, o) FROM asked, LATERAL (VALUES (1, shop::text), (2, sku), (3, n::text)) x (o, v))), '' '') WITH ORDINALITY a (said, at)
        JOIN asked q ON q.at = a.at LEFT JOIN %s l ON l.shop = q.shop AND l.sku = q.sku GROUP BY 1 ORDER BY 1', list::oid, list);
    DROP TABLE asked;
END $$;
INSERT INTO long_list SELECT i % 3, md5(i::text), i FROM generate_series(1, 6000) i;
UPDATE long_list SET n = n + 1 WHERE n % 7 = 0;
DELETE FROM long_list WHERE n % 11 = 0;
INSERT INTO falling_list TABLE long_list;
SELECT * FROM look_up_answers('long_list', 'SELECT i % 3 AS shop, md5(i::text) AS sku, i AS n FROM generate_series(1, 6500) i ORDER BY 1, 2');
SELECT * FROM look_up_answers('falling_list', 'SELECT i % 3 AS shop, md5(i::text) AS sku, i AS n FROM generate_series(1, 6500) i ORDER BY 1, 2 DESC');
SELECT * FROM look_up_answers('long_list', 'SELECT i % 3 AS shop, md5(i::text) AS sku, i AS n FROM generate_series(1, 6500, 40) i ORDER BY 1, 2');
SELECT * FROM look_up_answers('long_list', 'SELECT i % 3 AS shop, md5(i::text) AS sku, i AS n FROM generate_series(1, 6500) i ORDER BY i % 97, i');
SELECT * FROM look_up_answers('falling_list', 'SELECT i % 3 AS shop, md5(i::text) AS sku, i AS n FROM generate_series(1, 6500) i, generate_series(1, 2) ORDER BY 1, 2');

-- what bars it
SELECT border_look_up('goods'::regclass, '{price}', '{price}', '{1}');
CREATE TABLE by_number (n numeric PRIMARY KEY);
SELECT border_look_up('by_number'::regclass, '{n}', '{n}', '{1}');
CREATE COLLATION border_ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE by_ci (n text COLLATE border_ci PRIMARY KEY);
SELECT border_look_up('by_ci'::regclass, '{n}', '{n}', '{a}');
CREATE UNIQUE INDEX ON goods (note) WHERE note <> 'none';
SELECT border_look_up('goods'::regclass, '{note}', '{note}', '{a}');
SELECT border_look_up('checked'::regclass, '{id}', '{id}', '{1}');
CREATE RULE nothing AS ON DELETE TO mirror DO INSTEAD NOTHING;
SELECT border_look_up('mirror'::regclass, '{id}', '{id}', '{m1}');
ALTER TABLE stock ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT border_look_up('stock'::regclass, '{shop,sku}', '{shop,sku}', '{1,a}');

-- values by the short ways are those of the types' input functions
CREATE TABLE kinds (i int, b bigint, o boolean, t timestamptz, s timestamptz(0));
CREATE FUNCTION read_both(text, text[]) RETURNS TABLE (input text, ours text, theirs text) LANGUAGE plpgsql AS $$
DECLARE
    one text;
BEGIN
    FOREACH one IN ARRAY $2 LOOP
        input := one;
        ours := rtrim(border_read_as('kinds'::regclass, ARRAY[$1], ARRAY[one]), E'\n');
        BEGIN
            EXECUTE format('INSERT INTO kinds (%1$I) VALUES (%2$L) RETURNING coalesce(%1$I::text, ''null'')', $1, one) INTO theirs;
        EXCEPTION WHEN OTHERS THEN
            theirs := SQLSTATE;
        END;
        RETURN NEXT;
    END LOOP;
END $$;
SELECT *, ours = theirs FROM read_both('i', ARRAY['0', '-7', '2147483647', '2147483648', '-2147483648', '+5', ' 5', '5 ', '', '1e3', '1.0', '007']);
SELECT *, ours = theirs FROM read_both('b', ARRAY['9223372036854775807', '9223372036854775808', '-9223372036854775808', '--1', NULL]);
SELECT *, ours = theirs FROM read_both('o', ARRAY['true', 'false', 't', 'no', '1', 'TRUE', 'yep']);
SELECT *, ours = theirs FROM read_both('t', ARRAY['2026-01-02T03:04:05Z', '2026-01-02T03:04:05+02:00', '2026-01-02 03:04:05.5-0330', '2024-02-29T23:59:59.999999Z',
    '2023-02-29T00:00:00Z', '2026-04-31T00:00:00Z', '2026-01-02T24:00:00Z', '2026-01-02T23:59:60Z', '2026-01-02T03:04:05.1234567Z', '2026-01-02T03:04:05.Z',
    '2026-01-02T03:04:05', '2026-01-02', '1582-10-04T00:00:00Z', '1583-01-01T00:00:00Z', '9999-12-31T23:59:59Z', '2026-1-2T03:04:05Z', '2026-01-02T03:04:05+15:30',
    '2026-01-02T03:04:05+14:00', '2026-01-02T03:04:05z', '2026-13-02T03:04:05Z', 'infinity', 'now is the time', '20260102T030405Z']);
SELECT *, ours = theirs FROM read_both('s', ARRAY['2026-01-02T03:04:05.6Z']);
DROP OWNED BY border_stranger;
DROP ROLE border_stranger;
