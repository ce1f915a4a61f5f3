# Shopify: orders with lines and refunds; further pages take no filter, a feed tells of deletions, a bucket leaks.
use strict;
use warnings;
use Dialect;
use Test::More;

my $join = 'JOIN upstream.accounts a USING (account_id)';
my $alive = 'JOIN shopify_orders o ON o.account_id = t.account_id AND o.id = t.order_id';
my $shopify = Dialect->new('shopify',
    accounts => [qw(shoes hats)],
    setup => { orders => 600 },
    streams => [qw(orders order_deletions)],
    tables => {
        orders => [ 'id bigint, status text, total numeric, updated timestamptz', "SELECT a.name, t.id, t.financial_status, t.total_price, t.updated_at FROM shopify_orders t $join" ],
        lines => [ 'id bigint, order_id bigint, quantity integer, price numeric', "SELECT a.name, t.id, t.order_id, t.quantity, t.price FROM shopify_order_lines t $join $alive" ],
        refunds => [ 'id bigint, order_id bigint, at timestamptz, amount numeric', "SELECT a.name, t.id, t.order_id, t.created_at, t.amount FROM shopify_refunds t $join $alive" ] });

is($shopify->sync, '', 'the first sync succeeds');
is($shopify->differences('orders', 'lines'), '', 'and every table equals the oracle');
for my $change ([ 'orders and edits', orders => 5, edit => 8, refund => 1 ], [ 'refunds', refund => 7, orders => 2 ], [ 'deletions and the rest', delete => 6, edit => 5, refund => 2, orders => 3 ])
{
    my ($what, %what) = @$change;
    $shopify->mutate(%what);
    is($shopify->sync, '', "an incremental sync after $what");
    is($shopify->differences, '', 'equals the oracle');
}
$shopify->keeps_budget(40, 'Shopify');

done_testing();
