-- Fanvue: what install_source('fanvue') makes besides the source. @schema@ is the schema that it was told.

CREATE TABLE IF NOT EXISTS @schema@.fanvue_transactions (
    account_id integer NOT NULL,
    _upstream_key text COLLATE "C" NOT NULL,
    occurred_at timestamptz,
    source text,
    gross_cents numeric CHECK (gross_cents = trunc(gross_cents)),
    net_cents numeric CHECK (net_cents = trunc(net_cents)),
    currency text,
    transaction_order_id text,
    status text,
    reversed_order_id text,
    fan_uuid uuid,
    message_uuid uuid,
    post_uuid uuid,
    payload jsonb,
    _synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, _upstream_key)
);
CREATE INDEX IF NOT EXISTS fanvue_transactions_occurred_at_idx ON @schema@.fanvue_transactions (account_id, occurred_at);
CREATE INDEX IF NOT EXISTS fanvue_transactions_order_idx ON @schema@.fanvue_transactions (transaction_order_id) WHERE transaction_order_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS fanvue_transactions_reversed_idx ON @schema@.fanvue_transactions (reversed_order_id) WHERE reversed_order_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS fanvue_transactions_pending_idx ON @schema@.fanvue_transactions (account_id, occurred_at) WHERE status = 'pendingBalance';
COMMENT ON TABLE @schema@.fanvue_transactions IS 'earnings of creators; refunds and chargebacks are rows of their own with negative amounts';
COMMENT ON COLUMN @schema@.fanvue_transactions.account_id IS 'the creator''s account';
COMMENT ON COLUMN @schema@.fanvue_transactions._upstream_key IS 'what identifies the row, hashed: older rows have no id, and equal ones are numbered';
COMMENT ON COLUMN @schema@.fanvue_transactions.gross_cents IS 'US dollar cents, whatever the fan paid in';
COMMENT ON COLUMN @schema@.fanvue_transactions.net_cents IS 'US dollar cents after fees';
COMMENT ON COLUMN @schema@.fanvue_transactions.currency IS 'what the fan paid in; not the unit of the amounts';
COMMENT ON COLUMN @schema@.fanvue_transactions.status IS 'pendingBalance, later availableForPayout';
COMMENT ON COLUMN @schema@.fanvue_transactions.reversed_order_id IS 'transaction_order_id of the row that this one takes back';
COMMENT ON COLUMN @schema@.fanvue_transactions.fan_uuid IS 'null for referrals and the like';

CREATE TABLE IF NOT EXISTS @schema@.fanvue_chats (
    account_id integer NOT NULL,
    fan_uuid uuid NOT NULL,
    handle text,
    display_name text,
    unread_messages integer,
    last_message_at timestamptz,
    _synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, fan_uuid)
);
CREATE INDEX IF NOT EXISTS fanvue_chats_last_message_at_idx ON @schema@.fanvue_chats (account_id, last_message_at DESC);
COMMENT ON TABLE @schema@.fanvue_chats IS 'a creator''s chats, one a fan';

CREATE TABLE IF NOT EXISTS @schema@.fanvue_messages (
    account_id integer NOT NULL,
    uuid uuid NOT NULL,
    fan_uuid uuid,
    sender_uuid uuid,
    sent_at timestamptz,
    body text,
    type text,
    has_media boolean,
    price_cents numeric CHECK (price_cents = trunc(price_cents)),
    purchased_at timestamptz,
    is_read boolean,
    _synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, uuid)
);
CREATE INDEX IF NOT EXISTS fanvue_messages_chat_idx ON @schema@.fanvue_messages (account_id, fan_uuid, sent_at DESC);
COMMENT ON TABLE @schema@.fanvue_messages IS 'messages of chats, read without marking them as read';
COMMENT ON COLUMN @schema@.fanvue_messages.fan_uuid IS 'the chat that the message is in';
COMMENT ON COLUMN @schema@.fanvue_messages.price_cents IS 'null for a free message';

CREATE TABLE IF NOT EXISTS @schema@.fanvue_subscribers (
    account_id integer NOT NULL,
    fan_uuid uuid NOT NULL,
    handle text,
    display_name text,
    is_top_spender boolean,
    registered_at timestamptz,
    _deleted_at timestamptz,
    _synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, fan_uuid)
);
CREATE INDEX IF NOT EXISTS fanvue_subscribers_current_idx ON @schema@.fanvue_subscribers (account_id) WHERE _deleted_at IS NULL;
COMMENT ON TABLE @schema@.fanvue_subscribers IS 'subscribers of creators; who is no longer listed has _deleted_at';

CREATE OR REPLACE VIEW @schema@.fanvue_creators AS
SELECT
    a.account_id,
    a.name AS account,
    (a.config->>'creator_uuid')::uuid AS creator_uuid,
    a.config->>'handle' AS handle,
    max(m.last_success_at) FILTER (WHERE m.stream = 'transactions') AS last_transaction_sync,
    max(m.last_success_at) FILTER (WHERE m.stream = 'messages') AS last_messages_sync,
    max(m.last_success_at) FILTER (WHERE m.stream = 'subscribers') AS last_subscribers_sync,
    max(m.token_expires_at) AS token_expires_at,
    coalesce(bool_or(m.state = 'needs_reauth'), false) AS needs_sign_in
FROM upstream.accounts a
    JOIN upstream.sources s USING (source_id)
    LEFT JOIN upstream.model_status m ON m.source = s.name AND m.account = a.name
WHERE s.name = @source@
GROUP BY a.account_id, a.name, a.config;
COMMENT ON VIEW @schema@.fanvue_creators IS 'creators: how fresh each of their tables is, and till when their access token lasts';
COMMENT ON COLUMN @schema@.fanvue_creators.needs_sign_in IS 'the creator must sign in again: the refresh token is no longer taken';
