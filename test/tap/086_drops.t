# Sources that are dropped under a worker that is busy with them: others do not notice.
use strict;
use warnings;
use Upstream;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run;

my $upstream = Upstream->new('drops');
my $node = $upstream->node;
$upstream->setup(accounts => [ 'a1', 'b1' ], streams => { map { ($_ => Upstream::rows(10)) } qw(orders others) });
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->create_source('other', { Upstream::stream('others', 'cursor') }, rate_limit => { budgets => [ { scope => 'account', limit => 100, per => '1 second', algorithm => 'sliding_window' } ] });
$upstream->create_account('other', 'b1');
ok($upstream->settle, 'another source is synced');

sub others_go_on
{
    my $runs = $upstream->sql(q(SELECT count(*) FROM upstream.sync_runs WHERE stream = 'others' AND status = 'succeeded'));
    $upstream->sql(q(SELECT upstream.request_sync('b1')));
    return $upstream->poll('it runs', sub { $upstream->sql(q(SELECT count(*) FROM upstream.sync_runs WHERE stream = 'others' AND status = 'succeeded')) > $runs }, 20);
}

subtest 'a request is in flight' => sub {
    $upstream->control('fault', { account => 'a1', stream => 'orders', kind => 'hang', times => 1 });
    $upstream->create_source('old', { Upstream::stream('orders', 'cursor') });
    $upstream->create_account('old', 'a1');
    ok($upstream->poll('it is asked for', sub { ($upstream->stats->{models}{'a1/orders'}{in_flight} // 0) == 1 }), 'a request hangs');
    $upstream->sql(q(SELECT upstream.drop_source('old', true)));
    $upstream->control('release');
    ok($upstream->poll('it is answered', sub { $upstream->stats->{models}{'a1/orders'}{in_flight} == 0 }), 'and is answered after its source was dropped');
    ok(others_go_on(), 'another source goes on') for 1 .. 2;
    unlike(slurp_file($node->logfile), qr/foreign key/, 'and nothing was written down for what is gone');
    $upstream->sql('DROP TABLE orders');
};

subtest 'a run has been claimed' => sub {
    my $worker = $upstream->worker_pid;
    $upstream->create_source('locked', { Upstream::stream('orders', 'cursor') });
    $upstream->create_source('gone', { Upstream::stream('orders', 'cursor', target => 'orders_too') });
    my $make = join '', map { "SELECT upstream.create_account('$_', 'a1', '{\"shop\": \"a1\"}', '{\"refresh_token\": \"rt-a1-0\", \"client_id\": \"client\", \"client_secret\": \"secret\"}');" } qw(locked gone);
    # Both are claimed at once, the one with the locked target first.
    my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('app') ], '<', \my $in, '>', \my $out);
    $in = "BEGIN; $make UPDATE upstream.model_state SET next_due_at = now() + interval '1 hour' WHERE next_due_at <= now(); COMMIT; BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n";
    $session->pump until $out =~ /locked\n/;
    $upstream->sql(q(BEGIN; UPDATE upstream.model_state s SET next_due_at = now() - CASE m.stream_order WHEN 'locked' THEN interval '2 seconds' ELSE interval '1 second' END
        FROM (SELECT model_id, so.name AS stream_order FROM upstream.models JOIN upstream.accounts USING (account_id) JOIN upstream.sources so USING (source_id)) m
        WHERE m.model_id = s.model_id AND m.stream_order IN ('locked', 'gone'); SELECT upstream.wake(); COMMIT));
    ok($upstream->poll('it waits', sub { $upstream->sql("SELECT count(*) FROM pg_stat_activity WHERE pid = $worker AND wait_event_type = 'Lock'") == 1 }), 'a target is locked when its run is to begin');
    $upstream->sql(q(SELECT upstream.drop_source('gone', true)));
    $in = "COMMIT;\n\\q\n";
    $session->finish;
    ok(others_go_on(), 'another source goes on');
    is($upstream->worker_pid, $worker, 'in the same worker');
    unlike(slurp_file($node->logfile), qr/signal 11/, 'and nothing has crashed');
};

done_testing();
