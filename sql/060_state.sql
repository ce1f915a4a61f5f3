-- What is due, what outside code records, what can be reset.
SET client_min_messages = warning;
SELECT account, stream, reason, priority, token_needs_refresh FROM upstream.models_needing_sync;
SELECT upstream.request_sync('a1');
SELECT account, stream, reason, priority, token_needs_refresh FROM upstream.models_needing_sync;
CALL upstream.sync('a1') \gset
SELECT count(*) FROM upstream.models_needing_sync;

-- outside code synced it
SELECT upstream.mark_sync_complete('a1', 'items', '2026-05-01T00:00:00Z');
SELECT upstream.alter_source('sim', jsonb_set(spec, '{streams,items,cursor}', '{"field": "updated_at", "type": "timestamp", "filter": "client"}')) FROM upstream.sources;
SELECT upstream.mark_sync_complete('a1', 'items', '2026-05-01T00:00:00Z', '2026-05-02T00:00:00Z');
SELECT cursor, last_success_at AT TIME ZONE 'UTC' AS last_success_at, state FROM upstream.model_status;
SELECT upstream.mark_sync_complete('a1', 'items', '2026-04-01');
SELECT upstream.mark_sync_complete('a1', 'items', 'yesterday');
SELECT upstream.mark_sync_complete('a1', 'items', '2026-04-01', backwards => true);
SELECT cursor, phase FROM upstream.model_status;
SELECT status, started_by, cursor_after, message FROM upstream.sync_runs WHERE status = 'recorded' ORDER BY run_id;

SELECT upstream.reset_cursor('a1', 'items');
SELECT cursor, phase, state FROM upstream.model_status;
SELECT upstream.full_refresh('a1');
SELECT full_refresh_requested FROM upstream.model_status;

SELECT upstream.pause('a1');
SELECT state, next_attempt_at FROM upstream.model_status;
SELECT upstream.request_sync('a1');
SELECT count(*) FROM upstream.models_needing_sync;
SELECT upstream.resume();
SELECT reason FROM upstream.models_needing_sync;

SELECT runs > 0 AS counted FROM upstream.pg_stat_upstream;
SELECT upstream.stat_reset('a1');
SELECT runs, requests, received FROM upstream.pg_stat_upstream;

-- finding what is due is a range of one index
INSERT INTO upstream.models (account_id, stream, target, every, incremental)
SELECT account_id, 'filler' || i, 'items', '1 hour', true FROM upstream.accounts, generate_series(1, 5000) i;
INSERT INTO upstream.model_state (model_id, next_due_at)
SELECT model_id, now() + interval '1 hour' FROM upstream.models WHERE stream LIKE 'filler%';
ANALYZE upstream.model_state, upstream.models;
EXPLAIN (COSTS OFF) SELECT model_id FROM upstream.models_needing_sync;
DELETE FROM upstream.models WHERE stream LIKE 'filler%';

-- look first
SELECT count(*), count(DISTINCT preview->>'id') FROM upstream.preview('a1', 'items');
SELECT item, regexp_replace(value, ':\d+', ':PORT') AS value FROM upstream.explain_sync('a1', 'items') WHERE item NOT IN ('statement', 'token');
SELECT value FROM upstream.explain_sync('a1', 'items') WHERE item = 'statement';
