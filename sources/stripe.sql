-- Stripe: what install_source('stripe') makes besides the source. @schema@ is the schema that it was told.

CREATE TABLE IF NOT EXISTS @schema@.stripe_subscriptions (
    account_id integer NOT NULL,
    id text COLLATE "C" NOT NULL,
    customer text,
    status text,
    quantity bigint,
    created timestamptz,
    payload jsonb,
    refreshed_at timestamptz,
    _synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id)
);
COMMENT ON TABLE @schema@.stripe_subscriptions IS 'subscriptions, cancelled ones among them';
COMMENT ON COLUMN @schema@.stripe_subscriptions.refreshed_at IS 'when it was last fetched: later events are news';

CREATE TABLE IF NOT EXISTS @schema@.stripe_events (
    account_id integer NOT NULL,
    id text COLLATE "C" NOT NULL,
    type text,
    created timestamptz,
    object_id text,
    payload jsonb,
    _synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id)
);
CREATE INDEX IF NOT EXISTS stripe_events_object_idx ON @schema@.stripe_events (account_id, object_id, _synced_at);
COMMENT ON TABLE @schema@.stripe_events IS 'events of the last thirty days and before, as they were when they came';

/*
 * Events come in any order and several in one second, so none of them is taken for the state: they say that there is something to fetch. One
 * that is older than the last fetch by more than clocks may differ is in that already; this spares the first sync a fetch of everything.
 */
CREATE OR REPLACE VIEW @schema@.stripe_subscriptions_changed AS
SELECT s.account_id, s.id, s.refreshed_at
FROM @schema@.stripe_subscriptions s
WHERE EXISTS (SELECT FROM @schema@.stripe_events e
              WHERE e.account_id = s.account_id AND e.object_id = s.id AND e.type LIKE 'customer.subscription.%'
                AND e._synced_at >= s.refreshed_at AND e.created >= s.refreshed_at - interval '10 minutes');
COMMENT ON VIEW @schema@.stripe_subscriptions_changed IS 'subscriptions with an event that came since they were last fetched';
