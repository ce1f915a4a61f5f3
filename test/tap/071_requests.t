# A request for a sync is a request for what the upstream has by then: a read that began before, and only ended after it, is not the answer.
use strict;
use warnings;
use Upstream;
use Test::More;

my $upstream = Upstream->new('requests');
$upstream->setup(accounts => ['a1'], streams => { orders => Upstream::rows(300) });
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->create_source('shops', { Upstream::stream('orders', 'page', size => 100) });
$upstream->control('fault', { account => 'a1', stream => 'orders', skip => 2, times => -1, kind => 'status', status => 403 });
$upstream->create_account('shops', 'a1');
ok($upstream->poll('the read breaks off', sub { ($upstream->status('a1', 'orders')->{error_code} // '') eq 'forbidden' }, 30), 'a read breaks off after its first pages');
is($upstream->status('a1', 'orders')->{half_done}, JSON::PP::true, 'what it had read stays');
# Newest first: a row of the last page moves up to where the read has been.
$upstream->control('clear_faults');
$upstream->control('mutate', { account => 'a1', stream => 'orders', count => 150 });
$upstream->sql(q(SELECT upstream.request_sync('a1', 'orders')));
ok($upstream->recovers(30), 'the read goes on and ends');
is($upstream->sql(q(SELECT count(*) FROM upstream.sync_runs WHERE resumed AND status = 'succeeded')), 1, 'from where it was');
is($upstream->differences, '', 'and another one brings what changed before the request');

my $runs = $upstream->sql(q(SELECT count(*) FROM upstream.sync_runs));
$upstream->sql(q(SELECT upstream.request_sync('a1', 'orders')));
ok($upstream->recovers(30), 'a request while nothing is half done');
is($upstream->sql(q(SELECT count(*) FROM upstream.sync_runs)), $runs + 1, 'needs one run');

# A model becomes due while somebody has its row locked, who then changes his mind: nothing tells the worker so.
my $succeeded = q(SELECT count(*) FROM upstream.sync_runs WHERE status = 'succeeded');
$runs = $upstream->sql($succeeded);
$upstream->sql(q(BEGIN; UPDATE upstream.model_state SET next_due_at = clock_timestamp() + interval '5 seconds'; SELECT upstream.wake(); COMMIT));
my $end = $upstream->hold('SELECT FROM upstream.model_state FOR UPDATE');
my $looks = $upstream->sql('SELECT sum(wakeups) FROM upstream.pg_stat_upstream_workers');
ok($upstream->poll('a look', sub { $upstream->sql("SELECT sum(wakeups) > $looks FROM upstream.pg_stat_upstream_workers") eq 't' && $upstream->sql('SELECT now() > next_due_at FROM upstream.model_state') eq 't' }, 30),
    'the worker looks, and finds a row that is locked');
$end->('ROLLBACK');
ok($upstream->poll('a run', sub { $upstream->sql($succeeded) == $runs + 1 }, 30), 'is synced once it is not locked any more');
done_testing();
