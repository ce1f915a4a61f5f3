# CALL wait_fresh() with a worker: what was changed at the upstream before the call is here after it.
use strict;
use warnings;
use Upstream;
use Test::More;

my $upstream = Upstream->new('wait_fresh');
$upstream->setup(accounts => ['shop1'], streams => { orders => Upstream::rows(500) });
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor') });
$upstream->create_account('shops', 'shop1');
$upstream->sql(q(CALL upstream.wait_fresh('shop1', 'orders', '1 hour')));
is($upstream->differences, '', 'it waits for the first run');

for my $round (1 .. 5)
{
    $upstream->control('mutate', { account => 'shop1', stream => 'orders', count => 3 });
    $upstream->sql(q(CALL upstream.wait_fresh('shop1', 'orders', '0')));
    is($upstream->differences, '', "change $round is here");
}
my $runs = $upstream->sql('SELECT count(*) FROM upstream.sync_runs');
$upstream->sql(q(CALL upstream.wait_fresh('shop1', 'orders', '1 hour')));
is($upstream->sql('SELECT count(*) FROM upstream.sync_runs'), $runs, 'data that is young enough is not asked for again');

# A run that is under way when the call comes may have read before it, so one that begins after it is waited for.
$upstream->control('fault', { account => '*', stream => 'orders', kind => 'delay', ms => 3000, times => 1 });
$upstream->sql(q(SELECT upstream.request_sync('shop1')));
ok($upstream->poll('a request is under way', sub { $upstream->sql('SELECT in_flight FROM upstream.pg_stat_upstream_workers') == 1 }), 'a run is under way');
$upstream->control('mutate', { account => 'shop1', stream => 'orders', count => 3 });
my $called_at = $upstream->sql('SELECT clock_timestamp()');
$upstream->sql(q(CALL upstream.wait_fresh('shop1', 'orders', '0')));
is($upstream->sql("SELECT status FROM upstream.sync_runs WHERE started_at > '$called_at'"), 'succeeded', 'one that began after the call has succeeded');
is($upstream->differences, '', 'and the change is here');

done_testing();
