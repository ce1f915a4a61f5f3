-- Messenger: what install_source('messenger') makes besides the source. @schema@ is the schema that it was told.

CREATE TABLE IF NOT EXISTS @schema@.messenger_conversations (
    account_id integer NOT NULL,
    id text COLLATE "C" NOT NULL,
    page_id text COLLATE "C",
    updated_time timestamptz,
    snippet text,
    unread_count integer,
    message_count integer,
    tags text[] NOT NULL DEFAULT '{}',
    messages_read_at timestamptz,
    _deleted_at timestamptz,
    _synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id)
);
COMMENT ON TABLE @schema@.messenger_conversations IS 'conversations of pages; deleted ones keep their row, with _deleted_at';
COMMENT ON COLUMN @schema@.messenger_conversations.messages_read_at IS 'when its own list of messages was last read';
COMMENT ON COLUMN @schema@.messenger_conversations.tags IS 'ours, set by tag_conversations(); no sync touches them';

CREATE TABLE IF NOT EXISTS @schema@.messenger_participants (
    account_id integer NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    name text,
    email text,
    _synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, conversation_id, id)
);
COMMENT ON TABLE @schema@.messenger_participants IS 'who takes part in a conversation, the page among them; ids are good for one page only';

CREATE TABLE IF NOT EXISTS @schema@.messenger_messages (
    account_id integer NOT NULL,
    id text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C",
    created_time timestamptz,
    from_id text,
    to_id text,
    message text,
    attachments jsonb,
    _synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id)
);
CREATE INDEX IF NOT EXISTS messenger_messages_conversation_idx ON @schema@.messenger_messages (account_id, conversation_id, created_time DESC);
COMMENT ON TABLE @schema@.messenger_messages IS 'messages of conversations';

/*
 * A conversation comes with its newest 25 messages. Longer ones have a list of their own, which is read after they changed; a minute is
 * added because times are whole seconds, and of another clock.
 */
CREATE INDEX IF NOT EXISTS messenger_conversations_cut_idx ON @schema@.messenger_conversations (account_id, messages_read_at NULLS FIRST, id)
    WHERE message_count > 25 AND _deleted_at IS NULL;
CREATE OR REPLACE VIEW @schema@.messenger_conversations_cut AS
SELECT account_id, id, messages_read_at
FROM @schema@.messenger_conversations
WHERE message_count > 25 AND _deleted_at IS NULL
    AND (messages_read_at IS NULL OR messages_read_at < updated_time + interval '1 minute');
COMMENT ON VIEW @schema@.messenger_conversations_cut IS 'conversations that came with a part of their messages, and changed since those were read';

/* What search_conversations() needs. Deleted conversations are in none of these. */
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA @schema@;
CREATE INDEX IF NOT EXISTS messenger_conversations_page_idx ON @schema@.messenger_conversations (page_id, updated_time DESC, id)
    INCLUDE (account_id, tags) WHERE _deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS messenger_conversations_time_idx ON @schema@.messenger_conversations (updated_time DESC, id)
    INCLUDE (page_id, account_id, tags) WHERE _deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS messenger_conversations_tagged_idx ON @schema@.messenger_conversations (updated_time DESC, id)
    INCLUDE (page_id, account_id, tags) WHERE _deleted_at IS NULL AND tags <> '{}';
CREATE INDEX IF NOT EXISTS messenger_conversations_id_idx ON @schema@.messenger_conversations (id);
CREATE INDEX IF NOT EXISTS messenger_conversations_tags_idx ON @schema@.messenger_conversations USING gin (tags) WITH (fastupdate = off) WHERE _deleted_at IS NULL AND tags <> '{}';
DO $$
DECLARE
    trgm constant text := (SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'pg_trgm');
BEGIN
    EXECUTE format('CREATE INDEX IF NOT EXISTS messenger_conversations_snippet_idx ON @schema@.messenger_conversations USING gin (snippet %s.gin_trgm_ops)', trgm);
    EXECUTE format('CREATE INDEX IF NOT EXISTS messenger_participants_name_idx ON @schema@.messenger_participants USING gin (name %s.gin_trgm_ops)', trgm);
END
$$;

/*
 * How many conversations a page has, so that nobody has to count a million of them. Changed by whoever changes conversations, in the same
 * transaction; one account syncs a page, so that nobody waits for it.
 */
CREATE TABLE IF NOT EXISTS @schema@.messenger_page_counts (
    page_id text COLLATE "C" PRIMARY KEY,
    conversations bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE @schema@.messenger_page_counts IS 'conversations by page, deleted ones left out';

CREATE OR REPLACE FUNCTION @schema@.count_conversations() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM @schema@.messenger_page_counts;
        RETURN NULL;
    END IF;
    -- Each operation has the transition tables that it can have.
    EXECUTE format('
        INSERT INTO @schema@.messenger_page_counts AS c (page_id, conversations)
        SELECT d.page_id, sum(d.change) FROM (%s) d WHERE d.page_id IS NOT NULL GROUP BY d.page_id HAVING sum(d.change) <> 0 ORDER BY d.page_id
        ON CONFLICT (page_id) DO UPDATE SET conversations = c.conversations + excluded.conversations',
        CASE TG_OP
            WHEN 'INSERT' THEN 'SELECT n.page_id, 1 AS change FROM new_rows n WHERE n._deleted_at IS NULL'
            WHEN 'DELETE' THEN 'SELECT o.page_id, -1 AS change FROM old_rows o WHERE o._deleted_at IS NULL'
            ELSE 'SELECT n.page_id, 1 AS change FROM new_rows n WHERE n._deleted_at IS NULL
                UNION ALL SELECT o.page_id, -1 FROM old_rows o WHERE o._deleted_at IS NULL'
        END);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @schema@.count_conversations() IS 'keeps messenger_page_counts';
CREATE OR REPLACE TRIGGER count_inserted AFTER INSERT ON @schema@.messenger_conversations
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION @schema@.count_conversations();
CREATE OR REPLACE TRIGGER count_updated AFTER UPDATE ON @schema@.messenger_conversations
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION @schema@.count_conversations();
CREATE OR REPLACE TRIGGER count_deleted AFTER DELETE ON @schema@.messenger_conversations
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION @schema@.count_conversations();
CREATE OR REPLACE TRIGGER count_truncated AFTER TRUNCATE ON @schema@.messenger_conversations
    FOR EACH STATEMENT EXECUTE FUNCTION @schema@.count_conversations();

/* ---------------------------------------------------------------- the audit trail */

CREATE TABLE IF NOT EXISTS @schema@.messenger_interaction_events (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id integer NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    message_id text COLLATE "C",
    actor text,
    detail jsonb,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX IF NOT EXISTS messenger_interaction_events_message_idx ON @schema@.messenger_interaction_events (account_id, message_id) WHERE message_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS messenger_interaction_events_conversation_idx ON @schema@.messenger_interaction_events (account_id, conversation_id, occurred_at);
COMMENT ON TABLE @schema@.messenger_interaction_events IS 'what happened in conversations and who did it: only ever added to';
COMMENT ON COLUMN @schema@.messenger_interaction_events.kind IS 'message, tagged, untagged';
COMMENT ON COLUMN @schema@.messenger_interaction_events.actor IS 'the participant''s id, or the database role';

CREATE OR REPLACE FUNCTION @schema@.keep_interaction_events() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'restrict_violation',
        MESSAGE = format('%s of %I.%I is not allowed', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME),
        DETAIL = 'The audit trail is only ever added to.';
END
$$;
COMMENT ON FUNCTION @schema@.keep_interaction_events() IS 'refuses to change or delete interaction events';
CREATE OR REPLACE TRIGGER keep_interaction_events BEFORE UPDATE OR DELETE OR TRUNCATE ON @schema@.messenger_interaction_events
    FOR EACH STATEMENT EXECUTE FUNCTION @schema@.keep_interaction_events();

CREATE OR REPLACE FUNCTION @schema@.record_messages() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO @schema@.messenger_interaction_events (account_id, conversation_id, kind, message_id, actor, occurred_at)
    SELECT m.account_id, m.conversation_id, 'message', m.id, m.from_id, coalesce(m.created_time, clock_timestamp())
    FROM new_messages m
    WHERE m.conversation_id IS NOT NULL
    ON CONFLICT (account_id, message_id) WHERE message_id IS NOT NULL DO NOTHING;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @schema@.record_messages() IS 'records new messages as interaction events, once each';
CREATE OR REPLACE TRIGGER record_messages AFTER INSERT ON @schema@.messenger_messages
    REFERENCING NEW TABLE AS new_messages FOR EACH STATEMENT EXECUTE FUNCTION @schema@.record_messages();

/* ---------------------------------------------------------------- tags */

CREATE OR REPLACE FUNCTION @schema@.tag_conversations(ids text[], add text[] DEFAULT '{}', remove text[] DEFAULT '{}') RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed bigint;
BEGIN
    WITH wanted AS (
        SELECT c.account_id, c.id, c.tags AS before,
            ARRAY(SELECT DISTINCT t FROM unnest(c.tags || add) t WHERE t <> ALL (remove) ORDER BY t) AS after
        FROM @schema@.messenger_conversations c WHERE c.id = ANY (ids)
        FOR UPDATE
    ), done AS (
        UPDATE @schema@.messenger_conversations c SET tags = w.after
        FROM wanted w WHERE c.account_id = w.account_id AND c.id = w.id AND c.tags <> w.after
        RETURNING c.account_id, c.id, w.before, w.after
    ), recorded AS (
        INSERT INTO @schema@.messenger_interaction_events (account_id, conversation_id, kind, actor, detail, occurred_at)
        SELECT d.account_id, d.id, k.kind, session_user, jsonb_build_object('tags', k.tags), clock_timestamp()
        FROM done d CROSS JOIN LATERAL (VALUES
            ('tagged', ARRAY(SELECT unnest(d.after) EXCEPT SELECT unnest(d.before) ORDER BY 1)),
            ('untagged', ARRAY(SELECT unnest(d.before) EXCEPT SELECT unnest(d.after) ORDER BY 1))) k (kind, tags)
        WHERE k.tags <> '{}'
        RETURNING event_id
    )
    SELECT count(*) INTO changed FROM done;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION @schema@.tag_conversations(text[], text[], text[]) IS 'adds and removes tags of conversations, and records it; returns how many changed';

/* ---------------------------------------------------------------- search */

/*
 * Only the conditions that are asked for are in the statement, so that each combination is planned for itself: the keys of the page are read
 * in order from an index and stop early, the rows are looked up for those alone, and the total is counted by whatever finds the matches
 * fastest, or known where pages are the only condition. All of it sees the same snapshot.
 */
CREATE OR REPLACE FUNCTION @schema@.search_conversations(page_ids text[] DEFAULT NULL, include_tags text[] DEFAULT '{}', exclude_tags text[] DEFAULT '{}',
    search text DEFAULT NULL, start_date timestamptz DEFAULT NULL, end_date timestamptz DEFAULT NULL, page integer DEFAULT 1, "limit" integer DEFAULT 50,
    OUT id text, OUT page_id text, OUT participant_id text, OUT participant_name text, OUT snippet text, OUT unread_count integer,
    OUT message_count integer, OUT tags text[], OUT updated_time timestamptz, OUT total bigint) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    conditions text := '';
    pages text := '';
    counting text := 'SELECT count(*) AS total FROM @schema@.messenger_conversations c WHERE c._deleted_at IS NULL';
    pattern text := '%' || regexp_replace(search, '([\\%_])', '\\\1', 'g') || '%';
BEGIN
    IF page < 1 OR "limit" NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'page must be at least 1, and limit from 1 to 1000';
    END IF;
    IF cardinality(page_ids) = 1 THEN
        pages := ' AND c.page_id = ($1)[1]';
    ELSIF page_ids IS NOT NULL THEN
        pages := ' AND c.page_id = ANY ($1)';
    END IF;
    IF include_tags <> '{}' THEN conditions := conditions || ' AND c.tags <> ''{}'' AND c.tags && $2'; END IF;
    IF exclude_tags <> '{}' THEN conditions := conditions || ' AND NOT c.tags && $3'; END IF;
    IF start_date IS NOT NULL THEN conditions := conditions || ' AND c.updated_time >= $5'; END IF;
    IF end_date IS NOT NULL THEN conditions := conditions || ' AND c.updated_time < $6'; END IF;
    IF search <> '' THEN
        conditions := conditions || ' AND c.id = ANY (ARRAY(
            SELECT p.conversation_id FROM @schema@.messenger_participants p WHERE p.name ILIKE $4
            UNION SELECT s.id FROM @schema@.messenger_conversations s WHERE s.snippet ILIKE $4))';
    END IF;
    IF conditions = '' THEN
        counting := 'SELECT coalesce(sum(c.conversations), 0)::bigint AS total FROM @schema@.messenger_page_counts c WHERE true';
    END IF;
    RETURN QUERY EXECUTE format('
        WITH page AS MATERIALIZED (
            SELECT c.account_id, c.id FROM @schema@.messenger_conversations c WHERE c._deleted_at IS NULL%1$s%2$s
            ORDER BY c.updated_time DESC, c.id LIMIT $8 OFFSET ($7 - 1)::bigint * $8
        ), total AS MATERIALIZED (%3$s%1$s%2$s)
        SELECT c.id, c.page_id, w.id, w.name, c.snippet, c.unread_count, c.message_count, c.tags, c.updated_time, total.total
        FROM total LEFT JOIN page p ON true
            LEFT JOIN @schema@.messenger_conversations c ON c.account_id = p.account_id AND c.id = p.id
            LEFT JOIN LATERAL (
                SELECT w.id, w.name FROM @schema@.messenger_participants w
                WHERE w.account_id = c.account_id AND w.conversation_id = c.id AND w.id <> c.page_id LIMIT 1) w ON true
        ORDER BY c.updated_time DESC, c.id', pages, conditions, counting)
    USING page_ids, include_tags, exclude_tags, pattern, start_date, end_date, page, "limit";
END
$$;
COMMENT ON FUNCTION @schema@.search_conversations(text[], text[], text[], text, timestamptz, timestamptz, integer, integer) IS
    'a page of conversations, newest first, and in each row how many match in all; one row of nulls but for total if this page has none. page_ids null: all. include_tags: any of them. search: part of the other side''s name or of the snippet. end_date is exclusive';
