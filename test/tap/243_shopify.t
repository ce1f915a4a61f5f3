# Shopify: orders with lines and refunds; further pages take no filter, a feed tells of deletions, a bucket leaks.
use strict;
use warnings;
use Dialect;
use Digest::SHA qw(hmac_sha256);
use JSON::PP;
use MIME::Base64;
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

# Calls bring what a run would bring, to the shop that they name: one app, and so one key, signs for both.
my $json = JSON::PP->new->canonical;
my $calls = 0;
sub call
{
    my ($shop, $topic, $record) = @_;
    my $body = $json->encode($record);
    my $headers = $json->encode({ 'X-Shopify-Topic' => $topic, 'X-Shopify-Shop-Domain' => "$shop.myshopify.com", 'X-Shopify-Webhook-Id' => 'call-' . ++$calls,
        'X-Shopify-Hmac-Sha256' => encode_base64(hmac_sha256($body, 'of-the-app'), '') });
    return $shopify->sql("SELECT status FROM upstream.receive_webhook('shopify', \$j\$$headers\$j\$, '\\x" . unpack('H*', $body) . "')");
}

$shopify->sql("SELECT upstream.set_secret('$_', 'client_secret', 'of-the-app')") for qw(shoes hats);
my $upstream = $shopify->{upstream};
my %since = map { ($_ => $shopify->sql("SELECT to_char(max(o.updated_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM shopify_orders o JOIN upstream.accounts a USING (account_id) WHERE a.name = '$_'")) } qw(shoes hats);
$shopify->mutate(orders => 3, edit => 4, refund => 2, delete => 2);
my %statuses;
for my $shop (qw(shoes hats))
{
    my $answer = $upstream->{http}->get("$upstream->{url}/admin/api/2026-01/orders.json?status=any&limit=250&order=updated_at%20asc&updated_at_min=$since{$shop}",
        { headers => { 'X-Shopify-Access-Token' => "static-$shop" } });
    $statuses{ call($shop, 'orders/updated', $_) }++ for @{ $json->decode($answer->{content})->{orders} };
    my %left = map { ((split /\t/)[0] => 1) } split /\n/, $upstream->get("/_oracle/shopify/$shop/orders");
    my @ids = split /\n/, $shopify->sql("SELECT o.id FROM shopify_orders o JOIN upstream.accounts a USING (account_id) WHERE a.name = '$shop'");
    $statuses{ call($shop, 'orders/delete', { id => $_ + 0 }) }++ for grep { !$left{$_} } @ids;
}
is(join(' ', keys %statuses), '200', "$calls calls are taken");
is($shopify->differences, '', 'and every table equals the oracle without a run');

$shopify->keeps_budget(40, 'Shopify');
is($shopify->refusals, '', 'check_account() says that the credentials are good');

done_testing();
