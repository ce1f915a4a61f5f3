-- receive_webhook(): proof of origin, repetition, routing, what becomes due.
SET client_min_messages = warning;
SELECT upstream.create_source('hooks', test.source(jsonb_build_object('items', test.stream('cursor'), 'others', test.stream('cursor', 'others')), '{"webhook": {
    "path": "shop",
    "handshake": {"type": "meta_hub", "verify_token": "{secret.verify}"},
    "verify": {"scheme": "hmac", "algorithm": "sha256", "header": "X-Signature", "prefix": "sha256=", "signed": "{body}", "encoding": "hex", "key": "{secret.hook}"},
    "dedup": {"key": "id", "keep": "7 days"},
    "route": {"path": "shop", "setting": "shop"},
    "events": [{"when": {"path": "type", "equals": "ping"}, "do": "ignore", "records": "$.events[*]"},
               {"when": {"path": "type", "contains": "item"}, "do": "mark_due", "stream": "items", "records": "$.events[*]"}]}}')) > 0 AS created;
SELECT upstream.create_account('hooks', shop, jsonb_build_object('shop', shop), jsonb_build_object('hook', 'key-of-the-app', 'verify', 'may-i')) > 0 AS created
FROM unnest('{a1,a2}'::text[]) shop;
-- an account with a key of its own, and somebody else's shop
SELECT upstream.create_account('hooks', 'rogue', '{"shop": "a1"}', '{"hook": "key-of-the-rogue", "verify": "let-me"}') > 0 AS created;

-- HMAC (RFC 2104) by what the server has
CREATE FUNCTION xored(key bytea, pad integer) RETURNS bytea LANGUAGE sql AS $$
    SELECT string_agg(set_byte('\x00', 0, CASE WHEN i < length(key) THEN get_byte(key, i) ELSE 0 END # pad), '' ORDER BY i) FROM generate_series(0, 63) i $$;
CREATE FUNCTION hmac_sha256(data bytea, key bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT sha256(xored(key, 92) || sha256(xored(key, 54) || data)) $$;
CREATE FUNCTION call(content text, key text DEFAULT 'key-of-the-app', headers jsonb DEFAULT '{}') RETURNS TABLE (status integer, answer text) LANGUAGE sql AS $$
    SELECT * FROM upstream.receive_webhook('shop', jsonb_build_object('x-signature', 'sha256=' || encode(hmac_sha256(convert_to(content, 'UTF8'), convert_to(key, 'UTF8')), 'hex'))
        || headers, convert_to(content, 'UTF8')) $$;
CREATE FUNCTION due() RETURNS TABLE (account text, stream text, reason text) LANGUAGE sql AS $$
    SELECT m.account, m.stream, m.reason FROM upstream.models_needing_sync m WHERE m.reason = 'requested' ORDER BY 1, 2 $$;

-- a genuine call makes the model of the account due that it names, once
SELECT * FROM call('{"events": [{"id": "e1", "type": "item.changed", "shop": "a1"}, {"id": "e2", "type": "ping", "shop": "a1"}]}');
SELECT * FROM due();
SELECT a.name AS account, e.key FROM upstream.webhook_events e JOIN upstream.accounts a USING (account_id) ORDER BY 1, 2;
UPDATE upstream.model_state SET due_reason = 'schedule';
SELECT * FROM call('{"events": [{"id": "e1", "type": "item.changed", "shop": "a1"}]}');
SELECT * FROM due();

-- once it is forgotten, it counts as new, and others that are old are taken out
SELECT * FROM call('{"events": [{"id": "e0", "type": "item.changed", "shop": "a1"}, {"id": "e1", "type": "item.changed", "shop": "a1"}]}');
UPDATE upstream.webhook_events SET received_at = now() - interval '8 days';
SELECT * FROM call('{"events": [{"id": "e1", "type": "item.changed", "shop": "a1"}]}');
SELECT * FROM due();
SELECT key FROM upstream.webhook_events ORDER BY 1;
UPDATE upstream.model_state SET due_reason = 'schedule';

-- nobody's call, a changed one, one without a signature: nothing is written
SELECT * FROM call('{"events": [{"id": "e3", "type": "item.changed", "shop": "a1"}]}', key => 'guess');
SELECT * FROM call('{"events": [{"id": "e3", "type": "item.changed", "shop": "a1"}]}', headers => '{"x-signature": "sha256=00"}');
SELECT * FROM upstream.receive_webhook('shop', '{}', '{"events": [{"id": "e3", "type": "item.changed", "shop": "a1"}]}');
SELECT * FROM due();
SELECT count(*) FROM upstream.webhook_events WHERE key = 'e3';

-- an account's key reaches that account alone
SELECT * FROM call('{"events": [{"id": "e4", "type": "item.changed", "shop": "a1"}, {"id": "e5", "type": "item.changed", "shop": "a2"}]}', key => 'key-of-the-rogue');
SELECT * FROM due();
-- and what it has received hides nothing from others
SELECT * FROM call('{"events": [{"id": "e4", "type": "item.changed", "shop": "a1"}]}');
SELECT * FROM due();
UPDATE upstream.model_state SET due_reason = 'schedule';

-- a call for a shop that is not here, and one that no event is for
SELECT * FROM call('{"events": [{"id": "e6", "type": "item.changed", "shop": "a9"}, {"id": "e7", "type": "refund", "shop": "a1"}]}');
SELECT * FROM due();
SELECT count(*) FROM upstream.webhook_events WHERE key IN ('e6', 'e7');

-- what is rolled back was not received
BEGIN;
SELECT * FROM call('{"events": [{"id": "e8", "type": "item.changed", "shop": "a1"}]}');
ROLLBACK;
SELECT count(*) FROM upstream.webhook_events WHERE key = 'e8';

-- genuine, but not JSON; a path that nobody has
SELECT * FROM call('not JSON');
SELECT * FROM upstream.receive_webhook('nobody', '{}', '{}');

-- the handshake
SELECT * FROM upstream.receive_webhook('shop', '{}', NULL, '{"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "may-i"}');
SELECT * FROM upstream.receive_webhook('shop', '{}', NULL, '{"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "guess"}');

-- arguments
SELECT * FROM upstream.receive_webhook('shop', '[]', '{}');
SELECT * FROM upstream.receive_webhook(NULL, '{}', '{}');

SELECT upstream.drop_source('hooks', true);
DROP TABLE items, others;
DROP FUNCTION call(text, text, jsonb), due(), hmac_sha256(bytea, bytea), xored(bytea, integer);
