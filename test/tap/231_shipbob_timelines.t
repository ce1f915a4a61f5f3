# 10,000 shipments, 300 of them on their way: a pass over timelines asks for those alone, in order, within the limit. And the partial indexes are used.
use strict;
use warnings;
use Dialect;
use Test::More;

my $shipbob = Dialect->new('shipbob', node => 'timelines', accounts => ['acme'], setup => { orders => 6800, products => 0, undelivered => 300, days => 40 },
    streams => [qw(orders timelines)], tables => {});
is($shipbob->sync(qw(transactions orders)), '', 'charges and orders are synced');
my $shipments = $shipbob->sql('SELECT count(*) FROM shipbob_shipments');
cmp_ok($shipments, '>=', 10_000, 'with more than 10,000 shipments');
is($shipments, scalar(split /\n/, $shipbob->{upstream}->get('/_oracle/shipbob/acme/shipments')), 'as many as the upstream has');

# What was delivered before is known to be.
my $open = join ', ', split /\n/, $shipbob->{upstream}->get('/_oracle/acme/open');
is(scalar(split /, /, $open), 300, '300 are on their way');
$shipbob->sql("UPDATE shipbob_shipments SET tracking_status = 'Delivered' WHERE id NOT IN ($open)");
$shipbob->sql('VACUUM ANALYZE shipbob_shipments');

# All of them are due, some longer than others, in three tiers.
$shipbob->sql(q(UPDATE shipbob_shipments SET timeline_checked_at = CASE WHEN id % 3 > 0 THEN now() - interval '2 days' - id * interval '1 second' END,
    created_date = now() - CASE id % 5 WHEN 0 THEN interval '1 day' WHEN 1 THEN interval '1 day' WHEN 2 THEN interval '10 days' ELSE interval '30 days' END
    WHERE tracking_status IS NULL));
my $expected = $shipbob->sql('SELECT id FROM shipbob_shipments_due ORDER BY tier, timeline_checked_at NULLS FIRST, id');
is(scalar(split /\n/, $expected), 300, 'all of those are due');

$shipbob->{upstream}->control('reset_stats');
is($shipbob->sync('timelines'), '', 'a pass over timelines');
my $asked = $shipbob->{upstream}->get('/_oracle/acme/asked');
is($asked, "$expected\n", 'asks for those alone: fresh ones first, of each tier first the one that waited longest');
is($shipbob->stats->{requests}, 12, 'in twelve requests of 25');
is($shipbob->sql(q(SELECT count(*) FROM shipbob_shipments WHERE tracking_status IS DISTINCT FROM 'Delivered' AND timeline_checked_at > now() - interval '1 minute')), 300, 'and notes that it did');
$shipbob->keeps_budget(150, 'ShipBob');

is($shipbob->sql('SELECT count(*) FROM shipbob_shipments_due'), 0, 'none is due any more');
is($shipbob->sync('timelines'), '', 'another pass');
is($shipbob->stats->{requests}, 12, 'makes no request');

$shipbob->mutate(deliver => 300);
$shipbob->sql(q(UPDATE shipbob_shipments SET timeline_checked_at = now() - interval '2 days' WHERE tracking_status IS DISTINCT FROM 'Delivered'));
is($shipbob->sync('timelines'), '', 'all parcels arrive');
is($shipbob->sql(q(SELECT count(*) FROM shipbob_shipments WHERE tracking_status IS DISTINCT FROM 'Delivered')), 0, 'and nobody is asked about any more');

# What is open is a small part of everything, and is found by an index that holds nothing else.
$shipbob->mutate(orders => 20);
is($shipbob->sync(qw(transactions orders)), '', 'new orders come with new charges');
is($shipbob->sql(q(SELECT count(*) FROM shipbob_transactions WHERE client_account_id IS NULL)), 0, 'which find their client');
$shipbob->sql('VACUUM ANALYZE shipbob_shipments, shipbob_transactions');
like($shipbob->sql('EXPLAIN SELECT id FROM shipbob_shipments_due WHERE account_id = 1 ORDER BY tier, timeline_checked_at NULLS FIRST, id'), qr/shipbob_shipments_open_idx/,
    'shipments that are due come from the index of open ones');
my ($status, $out, $notices) = $shipbob->{upstream}->node->psql('app', q(LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on;
    SET auto_explain.log_level = notice; SELECT attribute_transactions(1, 1)));
like($notices, qr/shipbob_transactions_unattributed_idx/, 'attribution reads the index of charges without a client');
unlike($notices, qr/Seq Scan on shipbob_(transactions|shipments|orders)/, 'and no table as a whole');

done_testing();
