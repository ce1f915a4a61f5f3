-- Sources: checked, stored, altered, dropped.

-- every problem at once, each with its path and a hint
SELECT * FROM upstream.validate_source('{"spec_version": 1, "source": "shop", "base_url": "https://api.shop.example", "auth": {"type": "bearer", "tokn": "{secret.token}"},
  "streams": {"orders": {"path": "/orders/{acount.id}", "target": "orders", "primary_key": ["id"], "paginaton": {"type": "none"},
    "cursor": {"field": "updated_at", "type": "timestamp", "step": "1 dya"}, "columns": {"id": {"path": "/id", "type": "txt"}}}}}');

-- a valid spec has none
SELECT * FROM upstream.validate_source('{"spec_version": 1, "source": "shop", "base_url": "https://api.shop.example", "auth": {"type": "none"},
  "streams": {"orders": {"path": "/orders", "target": "orders", "primary_key": ["id"], "columns": {"id": {"path": "id", "type": "text"}}}}}');

-- what works, but probably not as meant, is a warning
SELECT severity, path FROM upstream.validate_source('{"spec_version": 1, "source": "shop", "base_url": "https://api.shop.example", "auth": {"type": "none"},
  "streams": {"orders": {"path": "/orders", "target": "orders", "primary_key": ["id"], "cursor": {"field": "at", "type": "timestamp"}, "columns": {"id": {"path": "id", "type": "text"}}}}}');

SELECT upstream.create_source('shop', '{"spec_version": 1, "source": "shop"}');
SELECT upstream.create_source('shop', '[]');

SELECT upstream.create_source('shop', '{"spec_version": 1, "source": "shop", "base_url": "https://api.shop.example", "auth": {"type": "none"},
  "streams": {"orders": {"path": "/orders", "target": "orders", "primary_key": ["id"], "columns": {"id": {"path": "id", "type": "text"}}},
              "items": {"path": "/items", "target": "items", "primary_key": ["id"], "columns": {"id": {"path": "id", "type": "bigint"}}}}}') > 0 AS created;
SELECT upstream.create_source('shop', '{"spec_version": 1, "source": "shop", "base_url": "https://api.shop.example", "auth": {"type": "none"},
  "streams": {"orders": {"path": "/orders", "target": "orders", "primary_key": ["id"], "columns": {"id": {"path": "id", "type": "text"}}}}}');
SELECT upstream.create_account('shop', 'main') > 0 AS created;
SELECT upstream.pause();

-- a changed path means reading again, a new stream is added, one that is gone is removed
SELECT * FROM upstream.alter_source('shop', '{"spec_version": 1, "source": "shop", "base_url": "https://api.shop.example", "auth": {"type": "none"},
  "streams": {"orders": {"path": "/v2/orders", "target": "orders", "primary_key": ["id"], "columns": {"id": {"path": "id", "type": "text"}}},
              "refunds": {"path": "/refunds", "target": "refunds", "primary_key": ["id"], "columns": {"id": {"path": "id", "type": "text"}}}}}') ORDER BY 1;
SELECT account, stream, state FROM upstream.model_status ORDER BY 1, 2;
SELECT * FROM upstream.alter_source('nope', '{"spec_version": 1, "source": "nope", "base_url": "https://api.shop.example", "auth": {"type": "none"},
  "streams": {"orders": {"path": "/orders", "target": "orders", "primary_key": ["id"], "columns": {"id": {"path": "id", "type": "text"}}}}}');

SELECT upstream.drop_source('shop');
SELECT upstream.drop_source('nope');
SELECT upstream.drop_source('shop', "cascade" => true);
SELECT count(*) FROM upstream.models;
-- targets are kept
SELECT count(*) FROM orders;
DROP TABLE orders, items, refunds;
