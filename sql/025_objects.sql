-- What a spec names outside itself: hosts that requests may go to, functions and tables that the target's owner may use.

-- a host that the server does not allow
ALTER SYSTEM SET upstream.allowed_hosts = 'api.shop.example';
SELECT pg_reload_conf();
\c
CREATE FUNCTION spec(more jsonb DEFAULT '{}', stream jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT '{"spec_version": 1, "source": "shop", "base_url": "https://api.shop.example", "auth": {"type": "none"}}'::jsonb || more
        || jsonb_build_object('streams', jsonb_build_object('orders', ('{"path": "/orders", "target": "orders", "primary_key": ["id"],
           "columns": {"id": {"path": "id", "type": "text"}}}'::jsonb || stream) - CASE WHEN stream ? 'newer_by' THEN 'columns' ELSE '' END)) $$;
SELECT upstream.create_source('shop', spec('{"base_url": "https://evil.example"}'));
SELECT upstream.create_source('shop', spec('{"allowed_hosts": ["*.shop.example", "cdn.example"]}'));
SELECT upstream.create_source('shop', spec('{"auth": {"type": "oauth2", "grant_type": "refresh_token", "token_url": "https://id.example/token"}}'));

-- a host that an account's setting gives is judged with the account
SELECT upstream.create_source('shop', spec('{"base_url": "https://{account.host}", "account": {"properties": {"host": {"format": "host"}}}}')) > 0 AS created;
SELECT upstream.create_account('shop', 'main', '{"host": "evil.example"}');
SELECT upstream.drop_source('shop');
ALTER SYSTEM RESET ALL;
SELECT pg_reload_conf();
\c

-- functions: there, with these arguments, for the target's owner
CREATE ROLE shop_owner;
GRANT shop_owner TO CURRENT_USER;
GRANT CREATE, USAGE ON SCHEMA public TO shop_owner;
SET ROLE shop_owner;
CREATE TABLE orders (id text PRIMARY KEY, changed_at timestamptz);
RESET ROLE;
SELECT upstream.create_source('shop', spec()) > 0 AS created;
CREATE FUNCTION named(stream jsonb) RETURNS void LANGUAGE sql AS $$ UPDATE upstream.sources SET spec = spec('{}', stream) WHERE name = 'shop' $$;
SELECT named('{"transform": "app.clean"}');
SELECT upstream.create_account('shop', 'main');
CREATE SCHEMA app;
CREATE FUNCTION app.clean(record jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT record';
SELECT upstream.create_account('shop', 'main');
CREATE FUNCTION app.clean(record jsonb, context jsonb) RETURNS SETOF jsonb LANGUAGE sql AS 'SELECT record';
SELECT upstream.create_account('shop', 'main');
SELECT named('{"after_page": "app.count"}');
SELECT upstream.create_account('shop', 'main');

-- a column of the target
SELECT named('{"newer_by": "updated_at"}');
SELECT upstream.create_account('shop', 'main');

-- a parent: there, with these columns, readable, and writable where it is touched
SELECT named('{"path": "/orders/{parent.id}", "parent": {"table": "app.shops", "key": {"id": "shop_id"}, "touch": "read_at"}}');
SELECT upstream.create_account('shop', 'main');
CREATE TABLE app.shops (id text, read_at timestamptz);
SELECT upstream.create_account('shop', 'main');
ALTER TABLE app.shops RENAME id TO shop_id;
SELECT upstream.create_account('shop', 'main');
GRANT USAGE ON SCHEMA app TO shop_owner;
GRANT SELECT ON app.shops TO shop_owner;
SELECT upstream.create_account('shop', 'main');
GRANT UPDATE (read_at) ON app.shops TO shop_owner;
SELECT upstream.create_account('shop', 'main') > 0 AS created;

SELECT upstream.drop_source('shop', "cascade" => true);
DROP TABLE orders, app.shops;
DROP FUNCTION spec(jsonb, jsonb), named(jsonb);
SET client_min_messages = warning;
DROP SCHEMA app CASCADE;
REVOKE ALL ON SCHEMA public FROM shop_owner;
DROP ROLE shop_owner;
