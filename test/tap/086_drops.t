# Sources that are dropped under a worker that is busy with them: others do not notice.
use strict;
use warnings;
use Upstream;
use PostgreSQL::Test::Utils;
use Test::More;

# Waits of the worker last until a session of ours has committed.
my $upstream = Upstream->new('drops', conf => ["upstream.lock_timeout = '20s'\n"]);
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
    unlike(slurp_file($upstream->node->logfile), qr/foreign key/, 'and nothing was written down for what is gone');
    $upstream->sql('DROP TABLE orders');
};

subtest 'a run has been claimed' => sub {
    my $worker = $upstream->worker_pid;
    $upstream->create_source('locked', { Upstream::stream('orders', 'cursor') });
    $upstream->create_source('gone', { Upstream::stream('orders', 'cursor', target => 'orders_too') });
    # Both are claimed at once, the one with the locked target first.
    my $make = join '; ', map { $upstream->account_sql($_, 'a1') } qw(locked gone);
    $upstream->sql("BEGIN; $make; UPDATE upstream.model_state SET next_due_at = now() + interval '1 hour' WHERE next_due_at <= now(); COMMIT");
    my $unlock = $upstream->hold('LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
    $upstream->sql(q(BEGIN; UPDATE upstream.model_state s SET next_due_at = now() - CASE so.name WHEN 'locked' THEN interval '2 seconds' ELSE interval '1 second' END
        FROM upstream.models m JOIN upstream.accounts USING (account_id) JOIN upstream.sources so USING (source_id)
        WHERE m.model_id = s.model_id AND so.name IN ('locked', 'gone'); SELECT upstream.wake(); COMMIT));
    ok($upstream->poll('it waits', sub { $upstream->sql("SELECT count(*) FROM pg_stat_activity WHERE pid = $worker AND wait_event_type = 'Lock'") == 1 }), 'a target is locked when its run is to begin');
    $upstream->sql(q(SELECT upstream.drop_source('gone', true)));
    $unlock->();
    ok(others_go_on(), 'another source goes on');
    is($upstream->worker_pid, $worker, 'in the same worker');
    unlike(slurp_file($upstream->node->logfile), qr/signal 11/, 'and nothing has crashed');
};

# An account is dropped between what a run of it asked and what it is to write down of its token; another source has a request in flight meanwhile.
sub others_ask
{
    $upstream->control('fault', { account => 'b1', stream => 'others', kind => 'hang' });
    $upstream->sql(q(SELECT upstream.request_sync('b1')));
    ok($upstream->poll('it is asked for', sub { $upstream->stats->{models}{'b1/others'}{in_flight} == 1 }), 'another source has a request in flight');
}

sub worker_waits { my ($event) = @_; return $upstream->poll('it waits', sub { $upstream->sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_upstream' AND wait_event = '$event'") == 1 }); }

sub drop_meanwhile
{
    my ($let_go) = @_;
    my $commit = $upstream->hold(q(SELECT upstream.drop_account('shops/a1')));
    $let_go->();
    ok(worker_waits('transactionid'), 'the worker waits for the drop');
    $upstream->control('release');
    $commit->();
    ok($upstream->poll('it is fresh', sub { $upstream->status('b1', 'others')->{state} eq 'fresh' }, 20), 'another source goes on');
    is($upstream->sql(q(SELECT count(*) FROM upstream.sync_runs WHERE status = 'interrupted')), 0, 'in the same run');
    unlike(slurp_file($upstream->node->logfile), qr/foreign key/, 'and nothing was written down for what is gone');
    ok(others_go_on(), 'and again');
    $upstream->sql(q(SELECT upstream.drop_source('shops', true); DROP TABLE orders));
}

subtest 'a token is refused while its account is dropped' => sub {
    my $asked = $upstream->stats->{token_requests};
    $upstream->control('fault', { account => '*', stream => 'token', kind => 'status', status => 400, body => '{"error":"invalid_grant"}', hang => JSON::PP::true });
    $upstream->create_source('shops', { Upstream::stream('orders', 'cursor') });
    $upstream->create_account('shops', 'a1');
    ok($upstream->poll('a token is asked for', sub { $upstream->stats->{token_requests} > $asked }), 'a token request hangs');
    others_ask();
    drop_meanwhile(sub { $upstream->control('release') });
};

subtest 'a token is to be asked for while its account is dropped' => sub {
    $upstream->create_source('shops', { Upstream::stream('orders', 'cursor') }, auth => { type => 'oauth2', grant_type => 'client_credentials', token_url => "$upstream->{url}/oauth/token" });
    $upstream->sql('BEGIN; ' . $upstream->account_sql('shops', 'a1', credentials => { refresh_token => undef }) . q(; SELECT upstream.pause('shops/a1'); COMMIT));
    others_ask();
    my $unlock = $upstream->hold('LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
    $upstream->sql(q(SELECT upstream.resume('shops/a1')));
    ok(worker_waits('relation'), 'a target is locked when its run is to begin');
    drop_meanwhile($unlock);
};

done_testing();
