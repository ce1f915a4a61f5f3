/* pg_upstream--0.1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pg_upstream" to load this file. \quit

/*
 * The role that owns our tables and that the worker keeps its books as. It cannot log in, and owns nothing else: so the
 * worker never writes as a superuser. Rows are written as the owner of their target.
 */
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) 'upstream_worker') THEN
        CREATE ROLE upstream_worker NOLOGIN;
    ELSIF EXISTS (SELECT FROM pg_catalog.pg_roles
                  WHERE rolname OPERATOR(pg_catalog.=) 'upstream_worker' AND (rolsuper OR rolcanlogin OR rolcreaterole)) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_role_specification',
            MESSAGE = 'role "upstream_worker" exists and has rights that it must not have',
            HINT = 'It must not be able to log in, create roles, or be a superuser.';
    END IF;
END
$$;

CREATE SCHEMA upstream AUTHORIZATION upstream_worker;
COMMENT ON SCHEMA upstream IS 'pg_upstream: tables kept in step with upstream REST APIs';

/* ---------------------------------------------------------------- configuration */

/* More than one row where a dump was restored: its own and that of the database that was dumped. */
CREATE TABLE upstream.instance (
    instance_id text NOT NULL,
    adopted_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE upstream.instance IS 'the database that these tables belong to; in any other nothing is sent until adopt_instance()';
COMMENT ON COLUMN upstream.instance.instance_id IS 'this_instance() of that database';
COMMENT ON COLUMN upstream.instance.adopted_at IS 'since when';

CREATE TABLE upstream.sources (
    source_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    spec jsonb NOT NULL,
    target_schema text NOT NULL,
    revision integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE upstream.sources IS 'upstream APIs, each described by one JSON spec';
COMMENT ON COLUMN upstream.sources.source_id IS 'identity of the source';
COMMENT ON COLUMN upstream.sources.name IS 'name by which functions take the source';
COMMENT ON COLUMN upstream.sources.spec IS 'the source spec, as documented in docs/sources.md; holds no secret';
COMMENT ON COLUMN upstream.sources.target_schema IS 'schema of targets that the spec names without one';
COMMENT ON COLUMN upstream.sources.revision IS 'grows with each alter_source()';
COMMENT ON COLUMN upstream.sources.created_at IS 'time of create_source()';
COMMENT ON COLUMN upstream.sources.updated_at IS 'time of the last create_source() or alter_source()';

CREATE TABLE upstream.accounts (
    account_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id integer NOT NULL REFERENCES upstream.sources ON DELETE CASCADE,
    name text NOT NULL CHECK (name OPERATOR(pg_catalog.<>) '' AND pg_catalog.strpos(name, '/') OPERATOR(pg_catalog.=) 0),
    config jsonb NOT NULL DEFAULT '{}',
    streams text[],
    secrets_revision integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    UNIQUE (source_id, name)
);
CREATE INDEX accounts_name_idx ON upstream.accounts (name);
COMMENT ON TABLE upstream.accounts IS 'signed-in identities at a source';
COMMENT ON COLUMN upstream.accounts.account_id IS 'identity of the account; the account_id column of targets';
COMMENT ON COLUMN upstream.accounts.source_id IS 'the source it belongs to';
COMMENT ON COLUMN upstream.accounts.name IS 'name by which functions take the account: the name, or source/name where the name alone is ambiguous';
COMMENT ON COLUMN upstream.accounts.config IS 'settings that the spec asks for; never secrets';
COMMENT ON COLUMN upstream.accounts.streams IS 'streams that are kept for this account; null for all of the source';
COMMENT ON COLUMN upstream.accounts.secrets_revision IS 'grows with each set_secret()';
COMMENT ON COLUMN upstream.accounts.created_at IS 'time of create_account()';

CREATE TABLE upstream.models (
    model_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id integer NOT NULL REFERENCES upstream.accounts ON DELETE CASCADE,
    stream text NOT NULL,
    target regclass NOT NULL,
    every interval NOT NULL,
    jitter interval NOT NULL DEFAULT '0',
    priority integer NOT NULL DEFAULT 0,
    incremental boolean NOT NULL,
    credential text NOT NULL DEFAULT '',
    paused boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    UNIQUE (account_id, stream)
);
COMMENT ON TABLE upstream.models IS 'models: one account''s copy of one stream, the unit that is stale or fresh, leased and synced';
COMMENT ON COLUMN upstream.models.model_id IS 'identity of the model';
COMMENT ON COLUMN upstream.models.account_id IS 'the account';
COMMENT ON COLUMN upstream.models.stream IS 'the stream of the account''s source';
COMMENT ON COLUMN upstream.models.target IS 'the table that the rows land in';
COMMENT ON COLUMN upstream.models.every IS 'time between runs';
COMMENT ON COLUMN upstream.models.jitter IS 'at most this much is added to every, at random';
COMMENT ON COLUMN upstream.models.priority IS 'larger goes first';
COMMENT ON COLUMN upstream.models.incremental IS 'whether runs begin at the cursor rather than read everything';
COMMENT ON COLUMN upstream.models.credential IS 'which of the account''s credentials it signs in with: empty, or the name of a stream that has a sign-in of its own';
COMMENT ON COLUMN upstream.models.paused IS 'set by pause() and resume()';
COMMENT ON COLUMN upstream.models.created_at IS 'when the model came to be';

CREATE TABLE upstream.shipped_sources (
    name text PRIMARY KEY,
    spec jsonb NOT NULL,
    script text
);
COMMENT ON TABLE upstream.shipped_sources IS 'the sources that come with pg_upstream, from the folder sources of its distribution; installed by install_source()';
COMMENT ON COLUMN upstream.shipped_sources.name IS 'name that install_source() takes';
COMMENT ON COLUMN upstream.shipped_sources.spec IS 'the source spec';
COMMENT ON COLUMN upstream.shipped_sources.script IS 'what else is made: tables, indexes, views, functions; @schema@ and @source@ stand for names';

CREATE TABLE upstream.model_targets (
    model_id integer NOT NULL REFERENCES upstream.models ON DELETE CASCADE,
    list text NOT NULL,
    ordinal integer NOT NULL,
    target regclass NOT NULL,
    PRIMARY KEY (model_id, list)
);
COMMENT ON TABLE upstream.model_targets IS 'the tables that inner lists (expand) of a model''s stream land in; its own target is in models';
COMMENT ON COLUMN upstream.model_targets.list IS 'name of the inner list';
COMMENT ON COLUMN upstream.model_targets.ordinal IS 'its place in the spec';

/* ---------------------------------------------------------------- hot state */

/*
 * One narrow row a model. Page commits change no indexed column, so that they are HOT; only the end of a run moves next_due_at. A paused or
 * blocked model has next_due_at = infinity, so that finding what is due is a range of one index among any number of models.
 */
CREATE TABLE upstream.model_state (
    model_id integer PRIMARY KEY REFERENCES upstream.models ON DELETE CASCADE,
    phase text NOT NULL DEFAULT 'initial' CHECK (phase OPERATOR(pg_catalog.=) ANY (ARRAY['initial', 'live'])),
    next_due_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    due_reason text NOT NULL DEFAULT 'created',
    requested_at timestamptz,
    blocked_reason text,
    -- how far the committed data reaches
    cursor text,
    full_refresh boolean NOT NULL DEFAULT false,
    -- where the run that is half done stands, if one is: partition, slice, page
    read jsonb,
    -- what outlives a run besides the cursor: when wider reads are due, ETags
    kept jsonb NOT NULL DEFAULT '{}',
    notice text,
    -- how it went
    run_id bigint,
    last_attempt_at timestamptz,
    last_success_at timestamptz,
    last_change_at timestamptz,
    failures integer NOT NULL DEFAULT 0,
    error_code text,
    error_message text,
    error_detail text,
    error_hint text,
    error_sqlstate text,
    error_at timestamptz,
    -- who works on it
    fence bigint NOT NULL DEFAULT 0,
    lease_incarnation timestamptz,
    lease_pid integer,
    lease_started_at timestamptz,
    lease_deadline timestamptz,
    -- counters, moved in the cursor's own transaction
    runs bigint NOT NULL DEFAULT 0,
    failed_runs bigint NOT NULL DEFAULT 0,
    requests bigint NOT NULL DEFAULT 0,
    pages bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    received bigint NOT NULL DEFAULT 0,
    inserted bigint NOT NULL DEFAULT 0,
    updated bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    copied bigint NOT NULL DEFAULT 0,
    deleted bigint NOT NULL DEFAULT 0,
    stale bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    fetch_time double precision NOT NULL DEFAULT 0,
    apply_time double precision NOT NULL DEFAULT 0,
    stats_reset timestamptz NOT NULL DEFAULT pg_catalog.now()
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX model_state_due_idx ON upstream.model_state (next_due_at);
COMMENT ON TABLE upstream.model_state IS 'what changes while models sync: cursor, half-done read, lease, counters; read it through model_status and pg_stat_upstream';

/*
 * Written in the transaction of a partition's last page. done_at is the start of that run: a run that goes on after a crash leaves out what it has done.
 */
CREATE TABLE upstream.partition_state (
    model_id integer NOT NULL REFERENCES upstream.models ON DELETE CASCADE,
    partition text NOT NULL,
    cursor text,
    seen text,
    validator jsonb NOT NULL DEFAULT '{}',
    done_at timestamptz NOT NULL,
    PRIMARY KEY (model_id, partition)
) WITH (fillfactor = 80);
COMMENT ON TABLE upstream.partition_state IS 'how far each partition (parent row, list value) of a model has been read';
COMMENT ON COLUMN upstream.partition_state.model_id IS 'the model';
COMMENT ON COLUMN upstream.partition_state.partition IS 'what it is read for: JSON of the parent''s key and the lists'' values';
COMMENT ON COLUMN upstream.partition_state.cursor IS 'how far its committed data reaches';
COMMENT ON COLUMN upstream.partition_state.seen IS 'the value of parent.only_changed at its last read';
COMMENT ON COLUMN upstream.partition_state.validator IS 'ETag or Last-Modified of its last answer';
COMMENT ON COLUMN upstream.partition_state.done_at IS 'start of the run that read it last';

/*
 * Written in the page's own commit, and emptied in the one that replaces the target's rows. Dumped, as the read that they belong to is.
 */
CREATE TABLE upstream.staged_pages (
    model_id integer NOT NULL REFERENCES upstream.models ON DELETE CASCADE,
    slice bigint NOT NULL,
    page bigint NOT NULL,
    rows bytea NOT NULL,
    PRIMARY KEY (model_id, slice, page)
);
COMMENT ON TABLE upstream.staged_pages IS 'pages of streams that replace rows (write replace, replace_window), until what they replace has been read as a whole';
COMMENT ON COLUMN upstream.staged_pages.model_id IS 'the model';
COMMENT ON COLUMN upstream.staged_pages.slice IS 'the slice of the read that is half done, from 0';
COMMENT ON COLUMN upstream.staged_pages.page IS 'order in the slice, from 1';
COMMENT ON COLUMN upstream.staged_pages.rows IS 'the rows, as JSON in UTF-8';

CREATE TABLE upstream.seen_keys (
    model_id integer NOT NULL REFERENCES upstream.models ON DELETE CASCADE,
    key uuid NOT NULL,
    generation timestamptz NOT NULL,
    PRIMARY KEY (model_id, key)
) WITH (fillfactor = 80);
COMMENT ON TABLE upstream.seen_keys IS 'keys of target rows that a full read has met, until rows that it has not met are taken out';
COMMENT ON COLUMN upstream.seen_keys.model_id IS 'the model';
COMMENT ON COLUMN upstream.seen_keys.key IS 'the first half of the SHA-256 of the row''s key';
COMMENT ON COLUMN upstream.seen_keys.generation IS 'start of the run that met it; others do not count';

/*
 * Grows by a row a page and is emptied when the slice ends. Not dumped: a read whose marks are not here begins its slice anew.
 */
CREATE TABLE upstream.occurrences (
    model_id integer NOT NULL REFERENCES upstream.models ON DELETE CASCADE,
    first_record bigint NOT NULL,
    marks bigint[] NOT NULL,
    PRIMARY KEY (model_id, first_record)
);
COMMENT ON TABLE upstream.occurrences IS 'what tells equal rows apart (primary_key.occurrence): the records of the slice that a model is reading, so that counting goes on after a crash';
COMMENT ON COLUMN upstream.occurrences.model_id IS 'the model';
COMMENT ON COLUMN upstream.occurrences.first_record IS 'place of a page''s first record in the slice, from 0';
COMMENT ON COLUMN upstream.occurrences.marks IS 'hashes of the page''s records; 0 for one that made no row';

CREATE TABLE upstream.runs (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_id integer NOT NULL REFERENCES upstream.models ON DELETE CASCADE,
    status text NOT NULL DEFAULT 'running'
        CHECK (status OPERATOR(pg_catalog.=) ANY (ARRAY['running', 'succeeded', 'failed', 'interrupted', 'cancelled', 'postponed', 'recorded'])),
    sync_mode text NOT NULL CHECK (sync_mode OPERATOR(pg_catalog.=) ANY (ARRAY['full_refresh', 'incremental'])),
    started_by text NOT NULL,
    resumed boolean NOT NULL DEFAULT false,
    pid integer,
    started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    ended_at timestamptz,
    cursor_before text,
    cursor_after text,
    requests bigint NOT NULL DEFAULT 0,
    pages bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    received bigint NOT NULL DEFAULT 0,
    inserted bigint NOT NULL DEFAULT 0,
    updated bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    deleted bigint NOT NULL DEFAULT 0,
    stale bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    error_code text,
    message text
) WITH (fillfactor = 80);
CREATE INDEX runs_model_idx ON upstream.runs (model_id, run_id);
COMMENT ON TABLE upstream.runs IS 'history of runs, kept for upstream.run_history; read it through sync_runs';

/*
 * Records that did not fit. One that has a key is listed once, however often it comes; a model keeps its last thousand.
 */
CREATE TABLE upstream.rejects (
    reject_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_id integer NOT NULL REFERENCES upstream.models ON DELETE CASCADE,
    run_id bigint NOT NULL,
    record integer NOT NULL,
    list text,
    key text,
    sqlstate text NOT NULL,
    column_name text,
    path text,
    value text,
    message text NOT NULL,
    times bigint NOT NULL DEFAULT 1,
    first_rejected_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    rejected_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE UNIQUE INDEX rejects_key_idx ON upstream.rejects (model_id, key, coalesce(list, ''), coalesce(column_name, '')) WHERE key IS NOT NULL;
CREATE INDEX rejects_model_idx ON upstream.rejects (model_id, reject_id);
CREATE INDEX rejects_time_idx ON upstream.rejects (rejected_at);
COMMENT ON TABLE upstream.rejects IS 'records that did not fit, kept for upstream.rejected_history; read it through rejected_rows';

/* ---------------------------------------------------------------- limits */

/*
 * Rewritten with each small set of permits: no index but the key, so that updates stay on their page. Neither table is dumped: what was spent
 * counts on the clock of one machine's boot.
 */
CREATE TABLE upstream.budgets (
    source_id integer NOT NULL REFERENCES upstream.sources ON DELETE CASCADE,
    ordinal integer NOT NULL,
    holder text NOT NULL,
    host text NOT NULL,
    scope text NOT NULL,
    max_units double precision,
    per interval,
    algorithm text,
    boot text NOT NULL DEFAULT '',
    spent jsonb NOT NULL DEFAULT '[]',
    drawn double precision NOT NULL DEFAULT 0,
    told_limit double precision,
    told_remaining double precision,
    told_percent double precision,
    spacing_us bigint NOT NULL DEFAULT 0,
    held_uptime bigint,
    held_until timestamptz,
    held_reason text,
    changed_at timestamptz,
    PRIMARY KEY (source_id, ordinal, holder, host)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE upstream.budgets IS 'rate budgets and who shares them, what is spent of each, and what upstreams told of their limits; read it through rate_budgets';

CREATE TABLE upstream.hosts (
    source_id integer NOT NULL REFERENCES upstream.sources ON DELETE CASCADE,
    host text NOT NULL,
    scope text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'closed' CHECK (state OPERATOR(pg_catalog.=) ANY (ARRAY['closed', 'open', 'half_open'])),
    failures_in_row integer NOT NULL DEFAULT 0,
    openings integer NOT NULL DEFAULT 0,
    since timestamptz NOT NULL DEFAULT pg_catalog.now(),
    probe_at timestamptz,
    requests bigint NOT NULL DEFAULT 0,
    failures bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    request_time double precision NOT NULL DEFAULT 0,
    last_error text,
    stats_reset timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (source_id, host, scope)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON TABLE upstream.hosts IS 'circuit breaker and counters of each host of a source; read it through pg_stat_upstream_sources';

/* ---------------------------------------------------------------- secrets */

/*
 * No constraint here may fail with a secret in the row, because the message would show it. Neither table is dumped.
 */
CREATE TABLE upstream.secrets (
    account_id integer NOT NULL REFERENCES upstream.accounts ON DELETE CASCADE,
    name text NOT NULL,
    value text,
    PRIMARY KEY (account_id, name)
);
COMMENT ON TABLE upstream.secrets IS 'secrets of accounts by name, {secret.name} in a spec; not dumped';

CREATE TABLE upstream.tokens (
    account_id integer REFERENCES upstream.accounts ON DELETE CASCADE,
    credential text DEFAULT '',
    access_token text,
    refresh_token text,
    expires_at timestamptz,
    lifetime interval,
    refresh_at timestamptz,
    refreshed_at timestamptz,
    refreshes bigint DEFAULT 0,
    needs_reauth boolean DEFAULT false,
    reason text,
    refresh_incarnation timestamptz,
    refresh_pid integer,
    refresh_started_at timestamptz,
    refresh_deadline timestamptz,
    sent_digest text,
    attempts integer DEFAULT 0,
    recovered bigint DEFAULT 0,
    remembered jsonb DEFAULT '{}',
    PRIMARY KEY (account_id, credential)
) WITH (fillfactor = 70);
COMMENT ON TABLE upstream.tokens IS 'tokens of accounts, what came with them, and who is asking for new ones; not dumped';
COMMENT ON COLUMN upstream.tokens.credential IS 'empty, or the name of a stream that has a sign-in of its own';
COMMENT ON COLUMN upstream.tokens.sent_digest IS 'SHA-256 of the refresh token that was sent last';
COMMENT ON COLUMN upstream.tokens.attempts IS 'how often that was sent without an answer that reached us; after two it is not sent again';
COMMENT ON COLUMN upstream.tokens.recovered IS 'pairs that were had by sending a refresh token again after a crash';
COMMENT ON COLUMN upstream.tokens.remembered IS 'settings that came with the token (remember); they count before those of the account';

CREATE TABLE upstream.webhook_events (
    account_id integer NOT NULL REFERENCES upstream.accounts ON DELETE CASCADE,
    key text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (account_id, key)
);
CREATE INDEX webhook_events_received_idx ON upstream.webhook_events (account_id, received_at);
COMMENT ON TABLE upstream.webhook_events IS 'what receive_webhook() has received, by the key of the spec''s webhook.dedup, for as long as that says; not dumped';
COMMENT ON COLUMN upstream.webhook_events.account_id IS 'the account that it was for: what one account''s key proves cannot hide an event from another';
COMMENT ON COLUMN upstream.webhook_events.key IS 'the value at dedup.key, or its SHA-256 in hex if it is long';
COMMENT ON COLUMN upstream.webhook_events.received_at IS 'when it was received first; after dedup.keep it counts as new';

CREATE TABLE upstream.webhook_latest (
    model_id integer NOT NULL REFERENCES upstream.models ON DELETE CASCADE,
    key text NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (model_id, key)
);
CREATE INDEX webhook_latest_received_idx ON upstream.webhook_latest (model_id, received_at);
COMMENT ON TABLE upstream.webhook_latest IS 'when the last event happened that a webhook carried out on a row, so that older ones that come later are dropped; for as long as webhook.dedup says, not dumped';
COMMENT ON COLUMN upstream.webhook_latest.model_id IS 'the model whose row it was';
COMMENT ON COLUMN upstream.webhook_latest.key IS 'values of the row''s primary key, as JSON texts';
COMMENT ON COLUMN upstream.webhook_latest.occurred_at IS 'occurred_at of the event';
COMMENT ON COLUMN upstream.webhook_latest.received_at IS 'when the call came';

/* ---------------------------------------------------------------- functions in C++ */

CREATE FUNCTION upstream.lease_is_held(incarnation timestamptz, pid integer, started_at timestamptz, deadline timestamptz) RETURNS boolean
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'upstream_lease_is_held';
COMMENT ON FUNCTION upstream.lease_is_held(timestamptz, integer, timestamptz, timestamptz) IS
    'whether the holder of a lease is alive: same postmaster, same process, deadline not passed; false for nulls';

CREATE FUNCTION upstream.wake() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'upstream_wake';
COMMENT ON FUNCTION upstream.wake() IS 'wakes this database''s worker when the transaction commits';

CREATE FUNCTION upstream.validate_source(spec jsonb,
    OUT severity text, OUT path text, OUT message text, OUT hint text) RETURNS SETOF record
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'upstream_validate_source';
COMMENT ON FUNCTION upstream.validate_source(jsonb) IS
    'all problems of a source spec: error or warning, JSON path, what is wrong, what to do; no row if there is none';

CREATE FUNCTION upstream.create_source(name text, spec jsonb, schema text DEFAULT 'public') RETURNS integer
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'upstream_create_source';
COMMENT ON FUNCTION upstream.create_source(text, jsonb, text) IS
    'stores a source; schema holds the targets that the spec names without one; returns source_id; 22023 if the spec is not valid';

CREATE FUNCTION upstream.alter_source(name text, spec jsonb, OUT stream text, OUT effect text) RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'upstream_alter_source';
COMMENT ON FUNCTION upstream.alter_source(text, jsonb) IS
    'replaces a source''s spec; one row for each stream says what it means for its models: kept, added, removed, or read again';

CREATE FUNCTION upstream.create_account(source text, name text, config jsonb DEFAULT '{}', credentials jsonb DEFAULT '{}',
    streams text[] DEFAULT NULL) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'upstream_create_account';
COMMENT ON FUNCTION upstream.create_account(text, text, jsonb, jsonb, text[]) IS
    'creates an account, its models (all streams if null) and the targets that do not exist, and wakes the worker; credentials: access_token, refresh_token, expires_at (ISO) or expires_in (seconds), and secrets by name; returns account_id';

CREATE FUNCTION upstream.set_secret(account text, name text, value text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'upstream_set_secret';
COMMENT ON FUNCTION upstream.set_secret(text, text, text) IS 'stores a secret of an account, {secret.name} in the spec, and lets models run that the upstream refused; null removes it';

CREATE FUNCTION upstream.update_token(account text, access_token text, refresh_token text DEFAULT NULL,
    expires_at timestamptz DEFAULT NULL, stream text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'upstream_update_token';
COMMENT ON FUNCTION upstream.update_token(text, text, text, timestamptz, text) IS
    'stores a token pair in one step and lets models that waited for it run; a null refresh_token keeps the stored one; stream is for one that has a sign-in of its own';

CREATE FUNCTION upstream.mark_sync_complete(account text, stream text, cursor text DEFAULT NULL,
    synced_at timestamptz DEFAULT NULL, backwards boolean DEFAULT false) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'upstream_mark_sync_complete';
COMMENT ON FUNCTION upstream.mark_sync_complete(text, text, text, timestamptz, boolean) IS
    'records that outside code synced a model up to cursor (null: unchanged) at synced_at (null: now); never moves the cursor backwards unless told to (22023)';

CREATE FUNCTION upstream.preview(account text, stream text) RETURNS SETOF jsonb
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'upstream_preview';
COMMENT ON FUNCTION upstream.preview(text, text) IS
    'the rows of the first page as they would be written, one object of column texts each; writes nothing and does not refresh tokens';

CREATE FUNCTION upstream.explain_sync(account text, stream text, OUT item text, OUT value text) RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'upstream_explain_sync';
COMMENT ON FUNCTION upstream.explain_sync(text, text) IS
    'what the next run would do: mode, bounds, first request (secrets masked), end of the read, target and statement; sends nothing';

CREATE FUNCTION upstream.check_account(account text, OUT ok boolean, OUT status integer, OUT error_code text, OUT message text, OUT hint text)
    RETURNS SETOF record LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'upstream_check_account';
COMMENT ON FUNCTION upstream.check_account(text) IS
    'asks the upstream whether it takes an account''s credentials: the source''s check, or else what a run of one of its streams would ask for first; one row; writes nothing and does not refresh tokens';

CREATE PROCEDURE upstream.sync(account text DEFAULT NULL, stream text DEFAULT NULL, full_refresh boolean DEFAULT false,
    INOUT result jsonb DEFAULT NULL)
    LANGUAGE c AS 'MODULE_PATHNAME', 'upstream_sync';
COMMENT ON PROCEDURE upstream.sync(text, text, boolean, jsonb) IS
    'syncs an account''s models (one stream, or all; all accounts if null) now, in this session, side by side, with a commit for each page; result holds results (one object per model) and totals';

CREATE PROCEDURE upstream.sync_all(source text DEFAULT NULL, INOUT result jsonb DEFAULT NULL)
    LANGUAGE c AS 'MODULE_PATHNAME', 'upstream_sync_all';
COMMENT ON PROCEDURE upstream.sync_all(text, jsonb) IS 'syncs all models of a source (null: of all sources) now, side by side; result as of sync()';

CREATE PROCEDURE upstream.wait_fresh(account text, stream text, max_age interval, timeout interval DEFAULT '1 minute')
    LANGUAGE c AS 'MODULE_PATHNAME', 'upstream_wait_fresh';
COMMENT ON PROCEDURE upstream.wait_fresh(text, text, interval, interval) IS
    'returns when a run of a model has succeeded that began at most max_age before the call, or after it; requests a sync if there is none; 57014 after timeout, 55000 if it is paused or blocked';

CREATE FUNCTION upstream.receive_webhook(path text, headers jsonb, body bytea, query jsonb DEFAULT '{}', url text DEFAULT NULL,
    OUT status integer, OUT answer text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 AS 'MODULE_PATHNAME', 'upstream_receive_webhook';
COMMENT ON FUNCTION upstream.receive_webhook(text, jsonb, bytea, jsonb, text) IS
    'takes a call that arrived for a source''s webhook: proves its origin over the bytes of body, drops what was received before, writes and deletes rows as their table''s owner, marks models due; answer the upstream with status and answer, after COMMIT';

CREATE FUNCTION upstream.workers(OUT pid integer, OUT datid oid, OUT started_at timestamptz, OUT state text, OUT running integer,
    OUT in_flight integer, OUT runs bigint, OUT requests bigint, OUT wakeups bigint, OUT last_error text) RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'upstream_workers';
COMMENT ON FUNCTION upstream.workers() IS 'the running workers of the cluster, from shared memory; read it through pg_stat_upstream_workers';

CREATE FUNCTION upstream.this_instance() RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'upstream_this_instance';
COMMENT ON FUNCTION upstream.this_instance() IS
    'which database this is: upstream.instance_id, or the cluster''s system identifier where that is not set, and the database''s oid';

INSERT INTO upstream.instance (instance_id) VALUES (upstream.this_instance());

/* ---------------------------------------------------------------- functions in SQL */

CREATE FUNCTION upstream.progress(OUT pid integer, OUT datid oid, OUT model_id integer, OUT run_id bigint, OUT began_at timestamptz, OUT phase text,
    OUT waiting_for text, OUT since timestamptz, OUT pages bigint, OUT rows bigint, OUT bytes bigint) RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'upstream_progress';
COMMENT ON FUNCTION upstream.progress() IS 'what each run does at this moment, from shared memory; read it through pg_stat_progress_upstream';

CREATE FUNCTION upstream.budget_spent(spent jsonb, boot text, per_seconds double precision) RETURNS double precision
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'upstream_budget_spent';
COMMENT ON FUNCTION upstream.budget_spent(jsonb, text, double precision) IS 'units of a budget''s ledger that its window still holds';

CREATE FUNCTION upstream.find_account(account text) RETURNS integer
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found integer[];
BEGIN
    SELECT array_agg(a.account_id) INTO found
    FROM upstream.accounts a JOIN upstream.sources s USING (source_id)
    WHERE a.name = find_account.account OR s.name || '/' || a.name = find_account.account;
    IF found IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('account "%s" does not exist', account),
            HINT = 'See upstream.accounts, or create it with upstream.create_account().';
    ELSIF cardinality(found) > 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'ambiguous_alias',
            MESSAGE = format('account "%s" exists at several sources', account),
            HINT = 'Write source/account.';
    END IF;
    RETURN found[1];
END
$$;
COMMENT ON FUNCTION upstream.find_account(text) IS 'account_id of an account given by name or source/name; 42704 if there is none';

CREATE FUNCTION upstream.find_models(account text, stream text) RETURNS integer[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_account integer := CASE WHEN account IS NOT NULL THEN upstream.find_account(account) END;
    found integer[];
BEGIN
    SELECT array_agg(m.model_id ORDER BY m.model_id) INTO found
    FROM upstream.models m
    WHERE (m.account_id = of_account OR find_models.account IS NULL)
      AND (m.stream = find_models.stream OR find_models.stream IS NULL);
    IF found IS NULL AND stream IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = CASE WHEN account IS NULL THEN format('no account has a stream "%s"', stream)
                           ELSE format('account "%s" has no stream "%s"', account, stream) END,
            HINT = 'Known are: ' || coalesce((SELECT string_agg(DISTINCT m.stream, ', ' ORDER BY m.stream)
                                              FROM upstream.models m WHERE m.account_id = of_account OR of_account IS NULL), 'none') || '.';
    END IF;
    RETURN coalesce(found, '{}');
END
$$;
COMMENT ON FUNCTION upstream.find_models(text, text) IS
    'models of an account (null: of all) and stream (null: all of them); 42704 if the account or stream does not exist';

CREATE FUNCTION upstream.drop_source(name text, "cascade" boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM upstream.sources s WHERE s.name = drop_source.name FOR UPDATE;  -- accounts that are being made are waited for
    IF NOT "cascade" AND EXISTS (SELECT FROM upstream.accounts a JOIN upstream.sources s USING (source_id)
                                 WHERE s.name = drop_source.name) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('source "%s" has accounts', name),
            HINT = 'Drop them first, or call upstream.drop_source(name, "cascade" => true). Targets are kept either way.';
    END IF;
    DELETE FROM upstream.sources s WHERE s.name = drop_source.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('source "%s" does not exist', name);
    END IF;
END
$$;
COMMENT ON FUNCTION upstream.drop_source(text, boolean) IS 'removes a source, with its accounts if cascade; targets and their rows are kept';

CREATE FUNCTION upstream.drop_account(account text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM upstream.accounts WHERE account_id = upstream.find_account(drop_account.account);
END
$$;
COMMENT ON FUNCTION upstream.drop_account(text) IS 'removes an account with its models, secrets and tokens; targets and their rows are kept';

CREATE FUNCTION upstream.request_sync(account text, stream text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    chosen integer[] := upstream.find_models(request_sync.account, request_sync.stream);
    touched integer;
BEGIN
    -- Before they are asked for: a statement that had to wait for pause() would not see that they are paused.
    PERFORM FROM upstream.model_state s WHERE s.model_id = ANY (chosen) ORDER BY s.model_id FOR NO KEY UPDATE;
    UPDATE upstream.model_state s
    SET requested_at = clock_timestamp(), due_reason = 'requested',
        next_due_at = CASE WHEN m.paused OR s.blocked_reason IS NOT NULL THEN s.next_due_at ELSE least(s.next_due_at, now()) END
    FROM upstream.models m
    WHERE s.model_id = m.model_id AND s.model_id = ANY (chosen);
    GET DIAGNOSTICS touched = ROW_COUNT;
    PERFORM upstream.wake();
    RETURN touched;
END
$$;
COMMENT ON FUNCTION upstream.request_sync(text, text) IS
    'makes models due now and wakes the worker at commit; returns at once, with the number of models. Paused and blocked ones stay so';

CREATE FUNCTION upstream.forget_read(models integer[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM upstream.staged_pages WHERE model_id = ANY (models);
    DELETE FROM upstream.seen_keys WHERE model_id = ANY (models);
END
$$;
COMMENT ON FUNCTION upstream.forget_read(integer[]) IS 'drops the pages that wait and the keys that were seen of reads that begin anew; for the functions that let them';

CREATE FUNCTION upstream.full_refresh(account text, stream text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE upstream.model_state s
    SET full_refresh = true, read = NULL, fence = s.fence + 1
    WHERE s.model_id = ANY (upstream.find_models(full_refresh.account, full_refresh.stream));
    PERFORM upstream.forget_read(upstream.find_models(full_refresh.account, full_refresh.stream));
    RETURN upstream.request_sync(full_refresh.account, full_refresh.stream);
END
$$;
COMMENT ON FUNCTION upstream.full_refresh(text, text) IS
    'makes models due now and lets that run read everything; rows stay visible meanwhile. A run in progress is fenced off';

CREATE FUNCTION upstream.reset_cursor(account text, stream text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE upstream.model_state s
    SET cursor = NULL, phase = 'initial', read = NULL, kept = '{}', fence = s.fence + 1
    WHERE s.model_id = ANY (upstream.find_models(reset_cursor.account, reset_cursor.stream));
    DELETE FROM upstream.partition_state p
    WHERE p.model_id = ANY (upstream.find_models(reset_cursor.account, reset_cursor.stream));
    PERFORM upstream.forget_read(upstream.find_models(reset_cursor.account, reset_cursor.stream));
    PERFORM upstream.request_sync(reset_cursor.account, reset_cursor.stream);
END
$$;
COMMENT ON FUNCTION upstream.reset_cursor(text, text) IS
    'forgets how far a model is synced, so that the next run begins where the first did; a run in progress is fenced off';

CREATE FUNCTION upstream.pause(account text DEFAULT NULL, stream text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    chosen integer[] := upstream.find_models(pause.account, pause.stream);
BEGIN
    PERFORM FROM upstream.models m WHERE m.model_id = ANY (chosen) ORDER BY m.model_id FOR NO KEY UPDATE;  -- in the order of all others
    UPDATE upstream.models SET paused = true WHERE model_id = ANY (chosen);
    UPDATE upstream.model_state SET next_due_at = 'infinity' WHERE model_id = ANY (chosen);
    RETURN cardinality(chosen);
END
$$;
COMMENT ON FUNCTION upstream.pause(text, text) IS
    'keeps the worker from starting further runs of these models (null: of all accounts, all streams); returns their number. A run in progress ends normally';

CREATE FUNCTION upstream.resume(account text DEFAULT NULL, stream text DEFAULT NULL) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    chosen integer[] := upstream.find_models(resume.account, resume.stream);
BEGIN
    -- Those that are being paused are waited for.
    PERFORM FROM upstream.models m WHERE m.model_id = ANY (chosen) ORDER BY m.model_id FOR NO KEY UPDATE;
    UPDATE upstream.models SET paused = false WHERE model_id = ANY (chosen) AND paused;
    UPDATE upstream.model_state SET next_due_at = now(), due_reason = 'resumed'
    WHERE model_id = ANY (chosen) AND next_due_at = 'infinity' AND blocked_reason IS NULL;
    PERFORM upstream.wake();
    RETURN cardinality(chosen);
END
$$;
COMMENT ON FUNCTION upstream.resume(text, text) IS 'undoes pause(); the models are due now';

CREATE FUNCTION upstream.release_limits(source text) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    id integer := (SELECT source_id FROM upstream.sources s WHERE s.name = source);
BEGIN
    IF id IS NULL THEN
        RAISE undefined_object USING MESSAGE = format('source "%s" does not exist', source), HINT = 'See upstream.sources.';
    END IF;
    UPDATE upstream.budgets SET held_until = NULL, held_uptime = NULL, held_reason = NULL, spacing_us = 0, told_limit = NULL, told_remaining = NULL,
        told_percent = NULL
    WHERE source_id = id;
    UPDATE upstream.hosts SET state = 'closed', failures_in_row = 0, openings = 0, since = clock_timestamp(), probe_at = NULL
    WHERE source_id = id AND (state <> 'closed' OR failures_in_row > 0);
    UPDATE upstream.model_state s SET next_due_at = now()
    FROM upstream.models m JOIN upstream.accounts a USING (account_id)
    WHERE m.model_id = s.model_id AND a.source_id = id AND s.next_due_at > now() AND s.next_due_at < 'infinity'
        AND s.due_reason = ANY (ARRAY['rate limit', 'spacing', 'breaker']);
    PERFORM upstream.wake();
END
$$;
COMMENT ON FUNCTION upstream.release_limits(text) IS
    'forgets what the upstream told about its limits and closes the circuit breakers of a source, so that it is asked again at once; what was spent of declared budgets stays spent';

CREATE FUNCTION upstream.stat_reset(account text DEFAULT NULL, stream text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE upstream.model_state
    SET runs = 0, failed_runs = 0, requests = 0, pages = 0, bytes = 0, received = 0, inserted = 0, updated = 0, unchanged = 0,
        copied = 0, deleted = 0, stale = 0, rejected = 0, fetch_time = 0, apply_time = 0, stats_reset = now()
    WHERE model_id = ANY (upstream.find_models(stat_reset.account, stat_reset.stream));
END
$$;
COMMENT ON FUNCTION upstream.stat_reset(text, text) IS 'sets the counters of pg_stat_upstream to zero for these models (null: all)';

/* ---------------------------------------------------------------- sources that come with us */

CREATE FUNCTION upstream.merge_spec(spec jsonb, overrides jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(overrides) IS DISTINCT FROM 'object' THEN
        RETURN overrides;
    END IF;
    RETURN (
        SELECT coalesce(jsonb_object_agg(key, CASE WHEN o.value IS NULL THEN s.value
                                                   WHEN jsonb_typeof(o.value) = 'object' AND jsonb_typeof(s.value) = 'object' THEN upstream.merge_spec(s.value, o.value)
                                                   ELSE o.value END), '{}')
        FROM jsonb_each(CASE WHEN jsonb_typeof(spec) = 'object' THEN spec ELSE '{}' END) s FULL JOIN jsonb_each(overrides) o USING (key)
        WHERE o.value IS NULL OR o.value <> 'null');
END
$$;
COMMENT ON FUNCTION upstream.merge_spec(jsonb, jsonb) IS 'a spec with some members replaced, object by object; null takes one out (RFC 7396)';

CREATE FUNCTION upstream.shipped_source(name text, OUT spec jsonb, OUT script text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT s.spec, s.script INTO spec, script FROM upstream.shipped_sources s WHERE s.name = shipped_source.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('no source "%s" comes with pg_upstream', name),
            HINT = 'Known are: ' || (SELECT string_agg(s.name, ', ' ORDER BY s.name) FROM upstream.shipped_sources s)
                || '. Others are created with upstream.create_source().';
    END IF;
END
$$;
COMMENT ON FUNCTION upstream.shipped_source(text) IS 'spec and script of a source that comes with pg_upstream; 42704 if there is none of that name';

/*
 * Runs as its caller, who becomes the owner of what it makes. Functions that a shipped spec names lie in the schema that is named like
 * the source until this puts them into the one that it was told.
 */
CREATE FUNCTION upstream.install_source(name text, schema text DEFAULT 'public', overrides jsonb DEFAULT '{}') RETURNS integer
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
    shipped record;
    spec jsonb;
    stream text;
    hook text;
    known record;
BEGIN
    shipped := upstream.shipped_source(name);
    spec := upstream.merge_spec(shipped.spec, overrides);
    FOR stream, hook IN
        SELECT s.key, h.key FROM jsonb_each(spec->'streams') s CROSS JOIN LATERAL jsonb_each(s.value) h
        WHERE h.key IN ('transform', 'after_page') AND h.value #>> '{}' LIKE install_source.name || '.%'
    LOOP
        spec := jsonb_set(spec, ARRAY['streams', stream, hook],
                          to_jsonb(schema || '.' || split_part(spec #>> ARRAY['streams', stream, hook], '.', 2)));
    END LOOP;
    SELECT s.source_id, s.target_schema, s.spec INTO known FROM upstream.sources s WHERE s.name = install_source.name;
    IF known.target_schema <> schema THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('source "%s" is already installed in schema "%s"', name, known.target_schema);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = schema) THEN
        EXECUTE format('CREATE SCHEMA %I', schema);
    END IF;
    IF shipped.script IS NOT NULL THEN
        EXECUTE replace(replace(shipped.script, '@schema@', quote_ident(schema)), '@source@', quote_literal(name));
    END IF;
    IF known.source_id IS NULL THEN
        RETURN upstream.create_source(name, spec, schema);
    ELSIF known.spec <> spec THEN
        PERFORM upstream.alter_source(name, spec);
    END IF;
    RETURN known.source_id;
END
$$;
COMMENT ON FUNCTION upstream.install_source(text, text, jsonb) IS
    'creates a source that comes with pg_upstream, with its tables, indexes, views and functions in that schema; again: brings all of it up to date; overrides are merged into the spec as by merge_spec(); returns source_id';

CREATE FUNCTION upstream.adopt_instance() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE upstream.instance IN EXCLUSIVE MODE;
    DELETE FROM upstream.instance;
    INSERT INTO upstream.instance (instance_id) VALUES (upstream.this_instance());
    PERFORM upstream.wake();
END
$$;
COMMENT ON FUNCTION upstream.adopt_instance() IS
    'lets this database sync though it is a copy (a restored dump, a template, a base backup). Call it when the database that it is a copy of does not sync any more: two that use the same refresh tokens lock each other out';

/* ---------------------------------------------------------------- views */

CREATE VIEW upstream.models_needing_sync WITH (security_invoker = true) AS
SELECT
    s.model_id,
    so.name AS source,
    a.name AS account,
    m.stream,
    s.due_reason AS reason,
    s.next_due_at AS due_since,
    m.priority,
    coalesce(t.refresh_token IS NOT NULL AND (t.access_token IS NULL OR t.refresh_at <= now()), false) AS token_needs_refresh
FROM upstream.model_state s
    JOIN upstream.models m USING (model_id)
    JOIN upstream.accounts a USING (account_id)
    JOIN upstream.sources so USING (source_id)
    LEFT JOIN upstream.tokens t USING (account_id, credential)
WHERE s.next_due_at <= now()
    AND NOT m.paused
    AND s.blocked_reason IS NULL
    AND NOT upstream.lease_is_held(s.lease_incarnation, s.lease_pid, s.lease_started_at, s.lease_deadline);
COMMENT ON VIEW upstream.models_needing_sync IS 'the models that are due, as the worker reads them: not paused, not blocked, not leased by a living holder';
COMMENT ON COLUMN upstream.models_needing_sync.reason IS
    'created, schedule, requested, retry, resumed, token or altered; or what its last run had to wait for: budget, rate limit, spacing, breaker, concurrency';
COMMENT ON COLUMN upstream.models_needing_sync.due_since IS 'when it became due';
COMMENT ON COLUMN upstream.models_needing_sync.priority IS 'larger goes first';
COMMENT ON COLUMN upstream.models_needing_sync.token_needs_refresh IS 'whether the account''s access token is refreshed before the first request';

CREATE VIEW upstream.model_status WITH (security_invoker = true) AS
SELECT
    s.model_id,
    so.name AS source,
    a.name AS account,
    m.stream,
    m.target,
    CASE
        WHEN s.lease_pid IS NOT NULL
            AND upstream.lease_is_held(s.lease_incarnation, s.lease_pid, s.lease_started_at, s.lease_deadline) THEN 'running'
        WHEN (SELECT bool_or(i.instance_id <> upstream.this_instance()) FROM upstream.instance i) THEN 'foreign_instance'
        WHEN m.paused THEN 'paused'
        WHEN s.blocked_reason IS NOT NULL THEN s.blocked_reason
        WHEN s.failures > 0 THEN 'failing'
        WHEN s.next_due_at > now() AND s.due_reason = ANY (ARRAY['budget', 'rate limit', 'spacing', 'breaker', 'concurrency']) THEN 'waiting'
        WHEN s.next_due_at <= now() THEN 'due'
        ELSE 'fresh'
    END AS state,
    s.phase,
    s.cursor,
    s.full_refresh AS full_refresh_requested,
    s.read IS NOT NULL AS half_done,
    coalesce((s.read->>'records')::bigint, 0) AS half_done_records,
    coalesce((s.read->>'slices')::bigint, 0) AS half_done_slices,
    coalesce((s.read->>'partitions')::bigint, 0) AS half_done_partitions,
    s.notice,
    s.last_attempt_at,
    s.last_success_at,
    s.last_change_at,
    nullif(s.next_due_at, 'infinity') AS next_attempt_at,
    s.failures,
    s.error_code,
    s.error_message,
    s.error_detail,
    s.error_hint,
    s.error_sqlstate,
    s.error_at,
    s.lease_pid AS pid,
    t.expires_at AS token_expires_at,
    t.reason AS token_reason
FROM upstream.model_state s
    JOIN upstream.models m USING (model_id)
    JOIN upstream.accounts a USING (account_id)
    JOIN upstream.sources so USING (source_id)
    LEFT JOIN upstream.tokens t USING (account_id, credential);
COMMENT ON VIEW upstream.model_status IS 'is it working? one row a model: state, cursor, last success, last error with its reason, next attempt';
COMMENT ON COLUMN upstream.model_status.state IS 'running, due, fresh, failing, waiting (for a rate limit or breaker), paused, needs_reauth or foreign_instance';
COMMENT ON COLUMN upstream.model_status.cursor IS 'how far the committed data reaches: a value seen in the data';
COMMENT ON COLUMN upstream.model_status.half_done_records IS 'records of the slice that is half done; slices of its read and partitions of its run that are complete follow';
COMMENT ON COLUMN upstream.model_status.notice IS 'what the last good run noticed: a filter that is ignored, an order that does not hold, a cursor older than the retention';
COMMENT ON COLUMN upstream.model_status.failures IS 'failed runs in a row; a committed page sets it to 0';
COMMENT ON COLUMN upstream.model_status.next_attempt_at IS 'null while paused or blocked';
COMMENT ON COLUMN upstream.model_status.error_code IS 'of the last failed run, until a run succeeds; docs/operations.md lists the codes';

CREATE VIEW upstream.sync_runs WITH (security_invoker = true) AS
SELECT
    r.run_id, so.name AS source, a.name AS account, m.stream, r.status, r.sync_mode, r.started_by, r.resumed, r.pid,
    r.started_at, r.ended_at,
    (extract(epoch FROM coalesce(r.ended_at, now()) - r.started_at) * 1000)::bigint AS duration_ms,
    r.cursor_before, r.cursor_after, r.requests, r.pages, r.bytes, r.received, r.inserted, r.updated, r.unchanged, r.deleted, r.stale, r.rejected,
    r.error_code, r.message
FROM upstream.runs r
    JOIN upstream.models m USING (model_id)
    JOIN upstream.accounts a USING (account_id)
    JOIN upstream.sources so USING (source_id);
COMMENT ON VIEW upstream.sync_runs IS 'the runs of the last upstream.run_history, with the numbers that CALL sync returns';
COMMENT ON COLUMN upstream.sync_runs.status IS 'running, succeeded, failed, interrupted (its process died), cancelled, postponed (a request has to wait), or recorded (mark_sync_complete)';
COMMENT ON COLUMN upstream.sync_runs.started_by IS 'worker or session';
COMMENT ON COLUMN upstream.sync_runs.resumed IS 'whether it went on with a read that an earlier run left half done';

CREATE VIEW upstream.rejected_rows WITH (security_invoker = true) AS
SELECT
    r.reject_id, so.name AS source, a.name AS account, m.stream, r.list, r.run_id, r.record, r.key, r.sqlstate, r.column_name, r.path, r.value,
    r.message, r.times, r.first_rejected_at, r.rejected_at
FROM upstream.rejects r
    JOIN upstream.models m USING (model_id)
    JOIN upstream.accounts a USING (account_id)
    JOIN upstream.sources so USING (source_id);
COMMENT ON VIEW upstream.rejected_rows IS
    'records that did not fit their target while the rest of their page was written; kept for upstream.rejected_history, the last thousand a model';
COMMENT ON COLUMN upstream.rejected_rows.list IS 'the inner list (expand) that the record stood in; null for a record of the stream itself';
COMMENT ON COLUMN upstream.rejected_rows.run_id IS 'the last run that met it; 0 for a webhook';
COMMENT ON COLUMN upstream.rejected_rows.record IS 'its place in the page, from 1';
COMMENT ON COLUMN upstream.rejected_rows.key IS 'the values of its primary key, as far as they can be read';
COMMENT ON COLUMN upstream.rejected_rows.sqlstate IS 'what was wrong, as Postgres says it';
COMMENT ON COLUMN upstream.rejected_rows.column_name IS 'the column that could not take its value; null if no single one is to blame';
COMMENT ON COLUMN upstream.rejected_rows.path IS 'where in the record the value stood';
COMMENT ON COLUMN upstream.rejected_rows.value IS 'the value, cut to 200 bytes';
COMMENT ON COLUMN upstream.rejected_rows.times IS 'how often it was rejected; records without a key are listed each time';

CREATE VIEW upstream.pg_stat_upstream WITH (security_invoker = true) AS
SELECT
    s.model_id, so.name AS source, a.name AS account, m.stream, s.runs, s.failed_runs, s.requests, s.pages, s.bytes, s.received,
    s.inserted, s.updated, s.unchanged, s.deleted, s.stale, s.rejected, s.fetch_time, s.apply_time, s.last_success_at, s.last_change_at, s.stats_reset, s.copied
FROM upstream.model_state s
    JOIN upstream.models m USING (model_id)
    JOIN upstream.accounts a USING (account_id)
    JOIN upstream.sources so USING (source_id);
COMMENT ON VIEW upstream.pg_stat_upstream IS 'cumulative counters per model since stats_reset';
COMMENT ON COLUMN upstream.pg_stat_upstream.deleted IS 'rows that were gone upstream, and were taken out or marked with _deleted_at';
COMMENT ON COLUMN upstream.pg_stat_upstream.stale IS 'rows that were older than the stored ones (newer_by), and were dropped';
COMMENT ON COLUMN upstream.pg_stat_upstream.rejected IS 'records that did not fit; see rejected_rows';
COMMENT ON COLUMN upstream.pg_stat_upstream.bytes IS 'bytes of answers on the wire';
COMMENT ON COLUMN upstream.pg_stat_upstream.fetch_time IS 'time from request to answer, in milliseconds';
COMMENT ON COLUMN upstream.pg_stat_upstream.apply_time IS 'time to write rows and commit, in milliseconds';
COMMENT ON COLUMN upstream.pg_stat_upstream.copied IS 'rows, of those inserted, that went in by COPY and not by a statement';

CREATE VIEW upstream.rate_budgets WITH (security_invoker = true) AS
SELECT
    so.name AS source,
    b.scope,
    CASE WHEN b.scope = 'account' THEN a.name ELSE nullif(b.holder, '') END AS holder,
    nullif(b.host, '') AS host,
    nullif(b.ordinal, 0) AS budget,
    b.algorithm,
    b.max_units AS "limit",
    b.per,
    CASE WHEN b.ordinal > 0 THEN upstream.budget_spent(b.spent, b.boot, extract(epoch FROM b.per)::double precision) END AS spent,
    b.drawn,
    b.told_limit,
    b.told_remaining,
    b.told_percent,
    nullif(make_interval(secs => b.spacing_us / 1e6), '0') AS spacing,
    CASE WHEN b.held_until > clock_timestamp() THEN b.held_until END AS held_until,
    CASE WHEN b.held_until > clock_timestamp() THEN b.held_reason END AS held_reason,
    b.changed_at
FROM upstream.budgets b
    JOIN upstream.sources so USING (source_id)
    LEFT JOIN upstream.accounts a ON b.scope = 'account' AND a.account_id::text = b.holder;
COMMENT ON VIEW upstream.rate_budgets IS 'rate budgets as they stand: those of the spec, and a row with neither limit nor number for what an upstream told about a host and credential';
COMMENT ON COLUMN upstream.rate_budgets.scope IS 'who shares it: source, app (all accounts with one client id) or account';
COMMENT ON COLUMN upstream.rate_budgets.budget IS 'place in the spec''s rate_limit.budgets, from 1';
COMMENT ON COLUMN upstream.rate_budgets.spent IS 'units in the window now, with permits that are drawn and not used yet';
COMMENT ON COLUMN upstream.rate_budgets.drawn IS 'units drawn since the row exists';
COMMENT ON COLUMN upstream.rate_budgets.told_remaining IS 'what the upstream''s header last said to be left, when that was little';
COMMENT ON COLUMN upstream.rate_budgets.told_percent IS 'what its usage header last said to be used';
COMMENT ON COLUMN upstream.rate_budgets.spacing IS 'between requests, because of that percentage';
COMMENT ON COLUMN upstream.rate_budgets.held_until IS 'nothing is sent until then, because the upstream asked for it';

CREATE VIEW upstream.pg_stat_upstream_sources WITH (security_invoker = true) AS
SELECT
    so.name AS source, h.host, nullif(h.scope, '') AS scope, h.state AS breaker, h.since AS breaker_since, h.probe_at AS next_probe_at,
    h.failures_in_row, h.requests, h.failures, h.bytes, h.request_time, h.last_error, h.stats_reset
FROM upstream.hosts h JOIN upstream.sources so USING (source_id);
COMMENT ON VIEW upstream.pg_stat_upstream_sources IS 'hosts of sources: circuit breaker, and cumulative counters that are at most a second old';
COMMENT ON COLUMN upstream.pg_stat_upstream_sources.scope IS 'what the spec''s breaker pauses, if not the whole source';
COMMENT ON COLUMN upstream.pg_stat_upstream_sources.breaker IS 'closed: requests are sent; open: none is; half_open: one, to see whether the host answers';
COMMENT ON COLUMN upstream.pg_stat_upstream_sources.failures IS 'requests without an answer, or with a status of 400 or more';
COMMENT ON COLUMN upstream.pg_stat_upstream_sources.bytes IS 'bytes of answers on the wire';
COMMENT ON COLUMN upstream.pg_stat_upstream_sources.request_time IS 'time from request to answer, in milliseconds';

CREATE VIEW upstream.pg_stat_progress_upstream WITH (security_invoker = true) AS
SELECT p.pid, p.datid, d.datname, p.run_id, p.model_id, so.name AS source, a.name AS account, m.stream, p.phase, p.waiting_for, p.since, p.began_at,
    p.pages, p.rows, p.bytes
FROM upstream.progress() p
    JOIN pg_catalog.pg_database d ON d.oid = p.datid AND d.datname = current_database()
    LEFT JOIN upstream.models m USING (model_id)
    LEFT JOIN upstream.accounts a USING (account_id)
    LEFT JOIN upstream.sources so USING (source_id);
COMMENT ON VIEW upstream.pg_stat_progress_upstream IS 'the runs in progress in this database, one row each, as they are now';
COMMENT ON COLUMN upstream.pg_stat_progress_upstream.phase IS 'starting, token, waiting, requesting or writing';
COMMENT ON COLUMN upstream.pg_stat_progress_upstream.waiting_for IS 'while waiting: budget, rate limit, spacing, breaker, concurrency or a new lease';
COMMENT ON COLUMN upstream.pg_stat_progress_upstream.since IS 'when the phase began';
COMMENT ON COLUMN upstream.pg_stat_progress_upstream.rows IS 'rows of committed pages of this run';

CREATE VIEW upstream.pg_stat_upstream_workers WITH (security_invoker = true) AS
SELECT w.pid, w.datid, d.datname, w.started_at, w.state, w.running, w.in_flight, w.runs, w.requests, w.wakeups, w.last_error
FROM upstream.workers() w LEFT JOIN pg_catalog.pg_database d ON d.oid = w.datid;
COMMENT ON VIEW upstream.pg_stat_upstream_workers IS 'the running workers of the cluster';
COMMENT ON COLUMN upstream.pg_stat_upstream_workers.running IS 'runs in progress';
COMMENT ON COLUMN upstream.pg_stat_upstream_workers.in_flight IS 'requests in flight';
COMMENT ON COLUMN upstream.pg_stat_upstream_workers.wakeups IS 'turns of its loop';

/* ---------------------------------------------------------------- rights */

DO $$
DECLARE
    object record;
BEGIN
    FOR object IN
        SELECT c.oid::pg_catalog.regclass AS name FROM pg_catalog.pg_class c
        WHERE c.relnamespace OPERATOR(pg_catalog.=) 'upstream'::pg_catalog.regnamespace
          AND c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'v']::"char"[])
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %s OWNER TO upstream_worker', object.name);
    END LOOP;
    FOR object IN
        SELECT p.oid::pg_catalog.regprocedure AS name, p.prosecdef FROM pg_catalog.pg_proc p
        WHERE p.pronamespace OPERATOR(pg_catalog.=) 'upstream'::pg_catalog.regnamespace
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', object.name);
        EXECUTE pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO upstream_worker', object.name);
        IF object.prosecdef THEN
            EXECUTE pg_catalog.format('ALTER ROUTINE %s OWNER TO upstream_worker', object.name);
        END IF;
    END LOOP;
END
$$;

/* ---------------------------------------------------------------- pg_dump: configuration and state, never secrets */

SELECT pg_catalog.pg_extension_config_dump('upstream.instance', '');
SELECT pg_catalog.pg_extension_config_dump('upstream.sources', '');
SELECT pg_catalog.pg_extension_config_dump('upstream.sources_source_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('upstream.accounts', '');
SELECT pg_catalog.pg_extension_config_dump('upstream.accounts_account_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('upstream.models', '');
SELECT pg_catalog.pg_extension_config_dump('upstream.models_model_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('upstream.model_targets', '');
SELECT pg_catalog.pg_extension_config_dump('upstream.model_state', '');
SELECT pg_catalog.pg_extension_config_dump('upstream.partition_state', '');
SELECT pg_catalog.pg_extension_config_dump('upstream.staged_pages', '');
SELECT pg_catalog.pg_extension_config_dump('upstream.seen_keys', '');

/* a worker that waits for the extension looks again */
SELECT upstream.wake();
