-- Accounts and targets.
SELECT upstream.create_source('shop', '{"spec_version": 1, "source": "shop", "base_url": "https://{account.region}.shop.example",
  "account": {"properties": {"region": {"type": "string", "enum": ["eu", "us"]}}, "required": ["region"]},
  "auth": {"type": "bearer", "token": "{secret.token}"},
  "streams": {"orders": {"path": "/orders", "target": "orders", "primary_key": ["id", "line"], "raw": "payload",
     "columns": {"id": {"path": "id", "type": "text"}, "line": {"path": "line", "type": "int"}, "total": {"path": "total", "type": "numeric(12,2)"},
                 "at": {"path": "at", "type": "timestamptz"}, "done": {"path": "done", "type": "bool"}, "day": {"path": "day", "type": "date"},
                 "uuid": {"path": "uuid", "type": "uuid"}, "tags": {"path": "tags", "type": "jsonb"}, "big": {"path": "big", "type": "bigint"}, "ratio": {"path": "ratio", "type": "double"}}},
    "plain": {"path": "/plain", "target": "plain", "primary_key": ["id"]}}}') > 0 AS created;

-- settings are checked
SELECT upstream.create_account('shop', 'main', '{}');
SELECT upstream.create_account('shop', 'main', '{"region": "mars"}');
SELECT upstream.create_account('shop', 'main', '{"region": "eu", "reigon": "eu"}');
SELECT upstream.create_account('shop', 'main', '{"region": "eu"}', streams => '{ordrs}');
SELECT upstream.create_account('shp', 'main', '{"region": "eu"}');

-- a target that cannot be created: the stream states no columns
SELECT upstream.create_account('shop', 'main', '{"region": "eu"}');

-- a target that exists must fit
CREATE TABLE plain (id text, name text);
SELECT upstream.create_account('shop', 'main', '{"region": "eu"}');
ALTER TABLE plain ADD PRIMARY KEY (id), ADD must text NOT NULL DEFAULT 'x', ADD account_id integer;
SELECT upstream.create_account('shop', 'main', '{"region": "eu"}');
CREATE UNIQUE INDEX ON plain (account_id, id);
SELECT upstream.create_account('shop', 'main', '{"region": "eu"}', '{"token": "t0ps3cret"}') > 0 AS created;
SELECT upstream.pause();
\d orders
SELECT attname, collname FROM pg_attribute JOIN pg_collation c ON c.oid = attcollation WHERE attrelid = 'orders'::regclass AND attnum > 0 ORDER BY attnum;
DROP TABLE orders;
CREATE VIEW orders AS SELECT 1 AS account_id, 'x' AS id;
SELECT upstream.create_account('shop', 'other', '{"region": "eu"}', streams => '{orders}');
DROP VIEW orders;
CREATE TABLE orders (account_id integer, id text, line integer, PRIMARY KEY (account_id, id, line));
SELECT upstream.create_account('shop', 'other', '{"region": "eu"}', streams => '{orders}');
DROP TABLE orders;

-- only who can act as the owner of a target may have it written
CREATE ROLE reader;
CREATE ROLE configurer;
GRANT USAGE ON SCHEMA upstream TO configurer;
GRANT CREATE ON SCHEMA public TO reader, configurer;
GRANT EXECUTE ON FUNCTION upstream.create_account TO configurer;
CREATE TABLE orders (account_id integer, id text, line integer, total numeric, at timestamptz, done boolean, day date, uuid uuid, tags jsonb, big bigint, ratio float8, payload jsonb,
    PRIMARY KEY (account_id, id, line));
ALTER TABLE orders OWNER TO reader;
SET ROLE configurer;
SELECT upstream.create_account('shop', 'mine', '{"region": "eu"}', streams => '{orders}');
RESET ROLE;
GRANT reader TO configurer;
SET ROLE configurer;
SELECT upstream.create_account('shop', 'mine', '{"region": "eu"}', streams => '{orders}') > 0 AS created;
RESET ROLE;

-- the same name at two sources is ambiguous, unless the source is named
SELECT upstream.create_source('copy', (SELECT spec FROM upstream.sources WHERE name = 'shop')) > 0 AS created;
SELECT upstream.create_account('copy', 'mine', '{"region": "us"}', streams => '{orders}') > 0 AS created;
SELECT upstream.pause('mine');
SELECT upstream.pause('copy/mine');
SELECT upstream.drop_account('nobody');
SELECT upstream.drop_account('copy/mine');

-- secrets do not show
SELECT upstream.set_secret('main', 'token', 'an0ther');
SELECT count(*) FROM upstream.model_status m WHERE m::text ~ 't0ps3cret|an0ther';
SELECT upstream.set_secret('main', NULL, 'an0ther');
SELECT upstream.update_token('nobody', 'acc3ss');
SELECT value FROM upstream.explain_sync('main', 'plain') WHERE item IN ('request', 'header') ORDER BY 1;

SELECT upstream.drop_source('shop', true), upstream.drop_source('copy', true);
DROP TABLE orders, plain;
REVOKE ALL ON SCHEMA public, upstream FROM reader, configurer;
DROP OWNED BY configurer;
DROP ROLE configurer, reader;
