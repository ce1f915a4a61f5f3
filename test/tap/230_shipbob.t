# ShipBob as a whole: orders with shipments, timelines, products, charges that are invoiced later, and whose they are.
use strict;
use warnings;
use Dialect;
use Test::More;

my $join = 'JOIN upstream.accounts a USING (account_id)';
my $shipbob = Dialect->new('shipbob',
    accounts => [qw(parent acme umbrella)],
    setup => { parent => 'parent', orders => 80, products => 30, undelivered => 40, days => 50 },
    overrides => { streams => { transactions => { rescan => [ { every => '1 millisecond', lookback => '100 days' } ] } } },
    streams => [qw(transactions orders products invoices timelines)],
    tables => {
        orders => [ 'id bigint, number text, status text, created timestamptz', "SELECT a.name, t.id, t.order_number, t.status, t.created_date FROM shipbob_orders t $join" ],
        shipments => [ 'id bigint, order_id bigint, status text, created timestamptz, updated timestamptz, tracking text, amount numeric',
            "SELECT a.name, t.id, t.order_id, t.status, t.created_date, t.last_update_at, t.tracking_number, t.invoice_amount FROM shipbob_shipments t $join" ],
        timelines => [ 'shipment bigint, at timestamptz, status text',
            "SELECT a.name, t.shipment_id, t.occurred_at, t.status FROM shipbob_timelines t $join JOIN shipbob_shipments s ON s.account_id = t.account_id AND s.id = t.shipment_id AND s.status <> 'Cancelled'" ],
        products => [ 'id bigint, name text, sku text', "SELECT a.name, t.id, t.name, t.sku FROM shipbob_products t $join" ],
        transactions => [ 'id text, amount numeric, day date, invoiced boolean, invoice bigint, fee text, ref_type text, ref text, client text',
            "SELECT a.name, t.transaction_id, t.amount, t.charge_date, t.invoiced_status, t.invoice_id, t.transaction_fee, t.reference_type, t.reference_id, c.name
             FROM shipbob_transactions t $join LEFT JOIN upstream.accounts c ON c.account_id = t.client_account_id" ],
        invoices => [ 'id bigint, day date, amount numeric', "SELECT a.name, t.invoice_id, t.invoice_date, t.amount FROM shipbob_invoices t $join" ] });

# Charges come before what they are for is known, which attributes them later.
is($shipbob->sync('transactions'), '', 'charges come first');
is($shipbob->sql('SELECT count(client_account_id) FROM shipbob_transactions'), 0, 'and nobody knows whose they are');
is($shipbob->sync(qw(orders products invoices timelines)), '', 'then orders, products, invoices, timelines');
is($shipbob->differences, '', 'now every table equals the oracle, clients included');

my $attributed = $shipbob->sql('SELECT max(attributed_at) FROM shipbob_transactions');
$shipbob->mutate(orders => 6, ship => 3, cancel => 1, charges => 5, products => 2);
is($shipbob->sync, '', 'an incremental sync after orders, shipping, a cancellation and charges');
is($shipbob->differences, '', 'equals the oracle');
is($shipbob->sql("SELECT count(*) FROM shipbob_transactions WHERE attributed_at <= '$attributed' AND client_account_id IS NULL"), 0, 'no client was taken away');

$shipbob->mutate(invoice => 60, move => 5);
$shipbob->sql(q(UPDATE shipbob_shipments SET timeline_checked_at = timeline_checked_at - interval '2 days'));
is($shipbob->sync, '', 'one after charges were invoiced long after their day, and parcels moved');
is($shipbob->differences, '', 'equals the oracle');

$shipbob->mutate(deliver => 12, ship => 4, orders => 3, charges => 2, invoice => 10);
$shipbob->sql(q(UPDATE shipbob_shipments SET timeline_checked_at = timeline_checked_at - interval '2 days'));
is($shipbob->sync, '', 'and one after deliveries');
is($shipbob->differences, '', 'equals the oracle');
$shipbob->keeps_budget(150, 'ShipBob');
is($shipbob->refusals, '', 'check_account() says that the credentials are good');

done_testing();
