-- wait_fresh(): until a model is young enough. No worker runs here, so that nobody but this session syncs.
SET client_min_messages = warning;
SELECT test.setup();
SELECT upstream.create_source('fresh', test.source(jsonb_build_object('items', test.stream('cursor')))) > 0 AS created;
SELECT upstream.create_account('fresh', 'a1') > 0 AS created;

-- nobody syncs it in time; the request for a sync stays
UPDATE upstream.model_state SET next_due_at = 'infinity';
CALL upstream.wait_fresh('a1', 'items', max_age => '1 hour', timeout => '50 milliseconds');
\echo :LAST_ERROR_SQLSTATE
SELECT account, stream, reason FROM upstream.models_needing_sync;

-- one that is young enough is not asked for again
CALL upstream.sync('a1') \gset
CALL upstream.wait_fresh('a1', 'items', max_age => '1 hour', timeout => '50 milliseconds');
SELECT count(*) FROM upstream.models_needing_sync;

-- not so one that goes on where another broke off: it commits what that one had read before
SELECT test.control('fault', '{"stream": "items", "kind": "status", "status": 403, "skip": 1, "times": 1}');
SELECT upstream.full_refresh('a1');
CALL upstream.sync('a1') \gset
CALL upstream.sync('a1') \gset
SELECT status, resumed FROM upstream.sync_runs ORDER BY started_at;
UPDATE upstream.runs SET started_at = started_at - interval '1 day' WHERE NOT resumed;
CALL upstream.wait_fresh('a1', 'items', max_age => '1 hour', timeout => '50 milliseconds');

-- the age of the data counts, and what the last run said is told
CALL upstream.sync('a1') \gset
SELECT test.control('fault', '{"stream": "items", "kind": "status", "status": 403, "times": 1}');
CALL upstream.sync('a1') \gset
CALL upstream.wait_fresh('a1', 'items', max_age => '0', timeout => '50 milliseconds');

-- a model that no run can begin for is not waited for
SELECT upstream.pause('a1');
CALL upstream.wait_fresh('a1', 'items', max_age => '0');

-- where it could not see what others commit, it refuses
BEGIN;
CALL upstream.wait_fresh('a1', 'items', max_age => '1 hour');
ROLLBACK;
CALL upstream.wait_fresh('a1', 'items', max_age => NULL);
CALL upstream.wait_fresh('a1', 'items', max_age => '-1 second');
CALL upstream.wait_fresh('a1', 'itms', max_age => '1 hour');

SELECT upstream.drop_source('fresh', true);
DROP TABLE items;
