-- ShipBob: what install_source('shipbob') makes besides the source. @schema@ is the schema that it was told.

CREATE TABLE IF NOT EXISTS @schema@.shipbob_orders (
    account_id integer NOT NULL,
    id bigint NOT NULL,
    order_number text,
    reference_id text,
    status text,
    created_date timestamptz,
    channel text,
    _synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id)
);
CREATE INDEX IF NOT EXISTS shipbob_orders_id_idx ON @schema@.shipbob_orders (id);
CREATE INDEX IF NOT EXISTS shipbob_orders_created_date_idx ON @schema@.shipbob_orders (account_id, created_date);
COMMENT ON TABLE @schema@.shipbob_orders IS 'orders; cancelled ones stay';

CREATE TABLE IF NOT EXISTS @schema@.shipbob_shipments (
    account_id integer NOT NULL,
    id bigint NOT NULL,
    order_id bigint,
    status text,
    created_date timestamptz,
    last_update_at timestamptz,
    carrier text,
    tracking_number text,
    invoice_amount numeric,
    invoice_currency_code text,
    tracking_status text,
    tracking_updated_at timestamptz,
    timeline_checked_at timestamptz,
    _synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id)
);
CREATE INDEX IF NOT EXISTS shipbob_shipments_id_idx ON @schema@.shipbob_shipments (id);
CREATE INDEX IF NOT EXISTS shipbob_shipments_order_idx ON @schema@.shipbob_shipments (account_id, order_id);
CREATE INDEX IF NOT EXISTS shipbob_shipments_open_idx ON @schema@.shipbob_shipments (account_id, timeline_checked_at NULLS FIRST)
    WHERE tracking_status IS DISTINCT FROM 'Delivered' AND status IS DISTINCT FROM 'Cancelled';
COMMENT ON TABLE @schema@.shipbob_shipments IS 'shipments of orders';
COMMENT ON COLUMN @schema@.shipbob_shipments.status IS 'of the warehouse: Completed means that it has left it, not that it has arrived';
COMMENT ON COLUMN @schema@.shipbob_shipments.last_update_at IS 'does not move when the timeline does';
COMMENT ON COLUMN @schema@.shipbob_shipments.tracking_status IS 'of the last event of the timeline; Delivered ends the asking';
COMMENT ON COLUMN @schema@.shipbob_shipments.timeline_checked_at IS 'when the timeline was last asked for';

/*
 * Timelines have to be asked for: nothing tells when they move. Fresh shipments are asked about often, old ones seldom, delivered and
 * cancelled ones never, and after sixty days nobody expects the parcel any more.
 */
CREATE OR REPLACE VIEW @schema@.shipbob_shipments_due AS
SELECT
    account_id,
    id,
    CASE WHEN created_date > now() - interval '3 days' THEN 1
         WHEN created_date > now() - interval '14 days' THEN 2
         ELSE 3 END AS tier,
    timeline_checked_at
FROM @schema@.shipbob_shipments
WHERE tracking_status IS DISTINCT FROM 'Delivered' AND status IS DISTINCT FROM 'Cancelled'
    AND created_date > now() - interval '60 days'
    AND (timeline_checked_at IS NULL
        OR timeline_checked_at < now() - CASE WHEN created_date > now() - interval '3 days' THEN interval '15 minutes'
                                              WHEN created_date > now() - interval '14 days' THEN interval '2 hours'
                                              ELSE interval '1 day' END);
COMMENT ON VIEW @schema@.shipbob_shipments_due IS 'shipments whose timeline is to be asked for now: tier 1 up to 3 days old, every 15 minutes; 2 up to 14 days, every 2 hours; 3 up to 60 days, once a day';

CREATE TABLE IF NOT EXISTS @schema@.shipbob_timelines (
    account_id integer NOT NULL,
    shipment_id bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    status text COLLATE "C" NOT NULL,
    substatus text,
    _synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, shipment_id, occurred_at, status)
);
COMMENT ON TABLE @schema@.shipbob_timelines IS 'what happened to shipments';

CREATE TABLE IF NOT EXISTS @schema@.shipbob_products (
    account_id integer NOT NULL,
    id bigint NOT NULL,
    name text,
    sku text,
    updated_on timestamptz,
    _synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, id)
);
CREATE INDEX IF NOT EXISTS shipbob_products_id_idx ON @schema@.shipbob_products (id);
COMMENT ON TABLE @schema@.shipbob_products IS 'products';

CREATE TABLE IF NOT EXISTS @schema@.shipbob_transactions (
    account_id integer NOT NULL,
    transaction_id text COLLATE "C" NOT NULL,
    amount numeric,
    currency_code text,
    charge_date date,
    invoiced_status boolean,
    invoice_id bigint,
    invoice_date date,
    transaction_fee text,
    transaction_type text,
    reference_type text,
    reference_id text,
    additional_details jsonb,
    client_account_id integer,
    attributed_at timestamptz,
    _synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, transaction_id)
);
CREATE INDEX IF NOT EXISTS shipbob_transactions_charge_date_idx ON @schema@.shipbob_transactions (account_id, charge_date);
CREATE INDEX IF NOT EXISTS shipbob_transactions_client_idx ON @schema@.shipbob_transactions (client_account_id, charge_date) WHERE client_account_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS shipbob_transactions_open_idx ON @schema@.shipbob_transactions (charge_date) WHERE invoiced_status IS NOT TRUE;
CREATE INDEX IF NOT EXISTS shipbob_transactions_unattributed_idx ON @schema@.shipbob_transactions (reference_type, reference_id)
    WHERE client_account_id IS NULL AND reference_type IN ('Shipment', 'Order', 'Product');
COMMENT ON TABLE @schema@.shipbob_transactions IS 'charges, refunds and credits; invoiced some time after their date';
COMMENT ON COLUMN @schema@.shipbob_transactions.client_account_id IS 'the account whose shipment, order or product it is for; null until that is known';
COMMENT ON COLUMN @schema@.shipbob_transactions.attributed_at IS 'when client_account_id was found';

CREATE TABLE IF NOT EXISTS @schema@.shipbob_invoices (
    account_id integer NOT NULL,
    invoice_id bigint NOT NULL,
    invoice_date date,
    invoice_type text,
    amount numeric,
    currency_code text,
    _synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, invoice_id)
);
COMMENT ON TABLE @schema@.shipbob_invoices IS 'invoices; one may hold charges of several clients';

/*
 * Gives charges their client: the account that knows what they refer to. Charges may come before their shipment does, so both pages of
 * charges and pages of what they refer to call it. It looks only at charges that have no client yet, which the partial index holds, and
 * never takes a known one away. An account other than the one that was charged wins: the parent's token may see everything.
 */
CREATE OR REPLACE FUNCTION @schema@.attribute_transactions(account_id integer, run_id bigint) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    attributed bigint;
BEGIN
    WITH unknown AS MATERIALIZED (
        SELECT t.account_id, t.transaction_id, t.reference_type, t.reference_id::bigint AS reference
        FROM @schema@.shipbob_transactions t
        WHERE t.client_account_id IS NULL AND t.reference_type IN ('Shipment', 'Order', 'Product') AND t.reference_id ~ '^[0-9]{1,18}$'
    ), known AS (
        SELECT u.account_id, u.transaction_id, c.client
        FROM unknown u CROSS JOIN LATERAL (
            SELECT k.account_id AS client FROM (
                SELECT s.account_id FROM @schema@.shipbob_shipments s WHERE u.reference_type = 'Shipment' AND s.id = u.reference
                UNION ALL
                SELECT o.account_id FROM @schema@.shipbob_orders o WHERE u.reference_type = 'Order' AND o.id = u.reference
                UNION ALL
                SELECT p.account_id FROM @schema@.shipbob_products p WHERE u.reference_type = 'Product' AND p.id = u.reference
            ) k
            ORDER BY k.account_id = u.account_id, k.account_id
            LIMIT 1
        ) c
    )
    UPDATE @schema@.shipbob_transactions t
    SET client_account_id = known.client, attributed_at = clock_timestamp()
    FROM known
    WHERE t.account_id = known.account_id AND t.transaction_id = known.transaction_id AND t.client_account_id IS NULL;
    GET DIAGNOSTICS attributed = ROW_COUNT;
    RETURN attributed;
END
$$;
COMMENT ON FUNCTION @schema@.attribute_transactions(integer, bigint) IS 'gives charges without a client the account that knows what they refer to; returns how many; called after pages';

CREATE OR REPLACE VIEW @schema@.shipbob_client_charges AS
SELECT
    t.client_account_id,
    a.name AS client,
    t.currency_code,
    t.charge_date,
    count(*) AS charges,
    sum(t.amount) AS amount,
    sum(t.amount) FILTER (WHERE t.invoiced_status IS NOT TRUE) AS not_invoiced
FROM @schema@.shipbob_transactions t LEFT JOIN upstream.accounts a ON a.account_id = t.client_account_id
GROUP BY t.client_account_id, a.name, t.currency_code, t.charge_date;
COMMENT ON VIEW @schema@.shipbob_client_charges IS 'charges by client and day; client null: not yet known whose they are';
