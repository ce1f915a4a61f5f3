# What a source says of its limits is kept, by all processes together: checked against the times at which requests arrived at the upstream.
use strict;
use warnings;
use Upstream;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run;
use List::Util qw(max);

my $upstream = Upstream->new('limits', databases => '');
my $node = $upstream->node;
my @accounts = map { "a$_" } 1 .. 6;
$upstream->sql('CREATE EXTENSION pg_upstream');

# Arrivals of requests whose line matches, in microseconds.
sub arrivals
{
    my ($match) = @_;
    return map { /^(\d+) / ? $1 : () } grep { $_ =~ $match } split /\n/, $upstream->get('/_control/log?times=1');
}

# The most that any window of that length holds.
sub fullest
{
    my ($microseconds, @times) = @_;
    my ($most, $first) = (0, 0);
    for my $i (0 .. $#times)
    {
        ++$first while $times[$first] <= $times[$i] - $microseconds;
        $most = max($most, $i - $first + 1);
    }
    return $most;
}

sub sessions
{
    my (@calls) = @_;
    my @outs = map { '' } @calls;
    my @runs = map { IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('app'), '-c', "CALL upstream.$calls[$_]" ], '>', \$outs[$_]) } 0 .. $#calls;
    $_->finish for @runs;
    return @outs;
}

# 6 accounts of 500 rows, 20 a page: 156 requests.
sub prepare
{
    my ($name, %more) = @_;
    $upstream->setup(accounts => \@accounts, streams => { orders => Upstream::rows(500) });
    $upstream->sql("SELECT upstream.drop_source(name, true) FROM upstream.sources; DROP TABLE IF EXISTS orders");
    $upstream->create_source($name, { Upstream::stream('orders', 'cursor', size => 20) }, retry => { base => '50 milliseconds', max => '500 milliseconds' }, %more);
    $upstream->create_account($name, $_) for @accounts;
}

prepare('budget', rate_limit => { budgets => [ { scope => 'source', limit => 40, per => '1 second', algorithm => 'sliding_window' } ] });
my @results = sessions(map { "sync('$_')" } @accounts);
is(scalar(grep { /"failed": 0/ } @results), 6, 'six sessions sync under one budget');
my @times = arrivals(qr/\/v1\/|token/);
cmp_ok(scalar(@times), '>=', 156, scalar(@times) . ' requests');
cmp_ok(fullest(1_000_000, @times), '<=', 40, 'no second has more than 40 of them');
cmp_ok(($times[-1] - $times[0]) / 1e6, '<', @times / 40 * 2, 'and the budget is used');
is($upstream->differences, '', 'rows equal the oracle');
is($upstream->sql(q(SELECT "limit" || ' ' || per || ' ' || (drawn >= 156) || ' ' || (spent <= 40) FROM upstream.rate_budgets WHERE budget = 1)), '40 00:00:01 true true',
    'rate_budgets shows it');

prepare('accounts', rate_limit => { budgets => [ { scope => 'account', limit => 10, per => '1 second', algorithm => 'token_bucket', match => { path => '/orders/*' } } ], reserve => 0.2 });
is($upstream->call("'accounts'", 'sync_all')->{totals}{failed}, 0, 'each account has a budget of its own');
for my $account (@accounts)
{
    my @own = arrivals(qr/\/v1\/$account\//);
    cmp_ok(fullest(1_000_000, @own), '<=', 8, "$account: what is reserved is left to others");
}

# Functions that ask something in a session: they take no permit, but wait for room.
$upstream->setup(accounts => ['a1'], streams => { orders => Upstream::rows(20) });
$upstream->sql("SELECT upstream.drop_source(name, true) FROM upstream.sources; DROP TABLE IF EXISTS orders");
$upstream->create_source('by_hand', { Upstream::stream('orders', 'cursor') }, check => { path => '/orders/cursor', params => { limit => '1' } },
    rate_limit => { budgets => [ { scope => 'account', limit => 1, per => '1 second', algorithm => 'sliding_window', match => { path => '/orders/*' } } ] });
$upstream->create_account('by_hand', 'a1');
is($upstream->sql(q(CALL upstream.sync('a1'); SELECT ok FROM upstream.check_account('a1'))) =~ s/^.*\n//r, 't', 'check_account() right after a run is answered');
cmp_ok(fullest(1_000_000, arrivals(qr/\/v1\//)), '<=', 1, 'when the budget has room for it');
$upstream->control('fault', { account => '*', stream => 'orders', kind => 'status', status => 429, headers => { 'Retry-After' => '3600' }, times => 1 });
$upstream->call(q('a1'));
$upstream->control('reset_stats');
is($upstream->sql(q(SELECT ok, error_code FROM upstream.check_account('a1'))), 'f|rate_limited', 'it does not wait for an hour');
is($upstream->stats->{requests}, 0, 'and asks nothing');

prepare('concurrency', concurrency => { source => 2 });
$upstream->control('fault', { account => '*', stream => 'orders', kind => 'hang', times => 6 });
my $call = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('app'), '-c', "CALL upstream.sync_all('concurrency')" ], '>', \my $out);
ok($upstream->poll('two are asked for', sub { $upstream->sql(q(SELECT string_agg(coalesce(waiting_for, phase), ' ' ORDER BY coalesce(waiting_for, phase)) FROM upstream.pg_stat_progress_upstream)) eq 'concurrency concurrency concurrency concurrency requesting requesting' }),
    'two requests are in flight, four wait, and the view says so');
$upstream->poll('the upstream has two', sub { $upstream->in_flight >= 2 });
is($upstream->in_flight, 2, 'as the upstream sees it');
$upstream->control('clear_faults');
ok($upstream->poll('all are done', sub { $upstream->control('release'); $upstream->sql(q(SELECT count(*) FROM upstream.model_status WHERE state = 'fresh')) == 6 }), 'and all of them are served');
$call->finish;

# A host in trouble: five failures open its breaker, then one request at a time asks whether it is back.
prepare('broken', breaker => { failures => 5, cooldown => '10 seconds' }, retry => { base => '2 seconds', max => '2 seconds', jitter => 0, max_attempts => 1000 });
$upstream->control('fault', { account => '*', stream => 'orders', kind => 'status', status => 503, times => -1 });
my $breaker = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('app'), '-c', "CALL upstream.sync_all('broken')" ], '>', \$out);
ok($upstream->poll('it opens', sub { $upstream->sql(q(SELECT count(*) FROM upstream.pg_stat_upstream_sources WHERE breaker <> 'closed')) == 1 }), 'the breaker opens');
my $asked = () = arrivals(qr/ 503$/);
cmp_ok($asked, '<=', 6, 'after the requests that were in flight');
$upstream->control('clear_faults');
$upstream->control('reset_stats');
$upstream->control('fault', { account => '*', stream => 'orders', kind => 'hang', times => 1 });
ok($upstream->poll('it is probed', sub { $upstream->stats->{requests} > 0 }), 'it is probed');
is($upstream->sql(q(SELECT breaker FROM upstream.pg_stat_upstream_sources WHERE host LIKE '127%')), 'half_open', 'half open');
is($upstream->stats->{requests}, 1, 'with one request');
$upstream->control('release');
$breaker->finish;
like($out, qr/"failed": 0/, 'then all go on');
is($upstream->sql(q(SELECT breaker FROM upstream.pg_stat_upstream_sources WHERE host LIKE '127%')), 'closed', 'and the breaker is closed');
is($upstream->differences, '', 'rows equal the oracle');

# What was rolled back has not happened: a probe that could not be claimed is not sent.
prepare('unclaimed', breaker => { failures => 2, cooldown => '1 second' }, retry => { base => '1 second', max => '1 second', jitter => 0, max_attempts => 1000 });
$upstream->sql(q(CREATE SEQUENCE claims; CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN PERFORM nextval(''public.claims''); RAISE ''not now''; END';
    CREATE TRIGGER refuse BEFORE UPDATE ON upstream.hosts FOR EACH ROW WHEN (NEW.state = 'half_open') EXECUTE FUNCTION refuse()));
$upstream->control('fault', { account => '*', stream => 'orders', kind => 'status', status => 503, times => -1 });
my $unclaimed = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('app'), '-c', "CALL upstream.sync_all('unclaimed')" ], '>', \$out, '2>', \my $warnings);
ok($upstream->poll('it opens', sub { $upstream->sql(q(SELECT count(*) FROM upstream.pg_stat_upstream_sources WHERE breaker = 'open')) == 1 }), 'the breaker opens again');
ok($upstream->poll('all know', sub { $upstream->sql(q(SELECT count(*) FROM upstream.pg_stat_progress_upstream WHERE phase = 'requesting')) == 0 }), 'and nothing is in flight');
$upstream->control('clear_faults');
$upstream->control('reset_stats');
ok($upstream->poll('three attempts fail', sub { $upstream->sql('SELECT last_value >= 3 FROM claims') eq 't' }), 'its probe cannot be claimed');
is($upstream->stats->{requests}, 0, 'nobody sends it');
$upstream->sql('DROP TRIGGER refuse ON upstream.hosts');
$unclaimed->finish;
like($out, qr/"failed": 0/, 'once it can be, all go on');
is($upstream->differences, '', 'rows equal the oracle');

prepare('unused', rate_limit => { budgets => [ { scope => 'source', limit => 1000, per => '1 hour', algorithm => 'sliding_window' } ] });
$upstream->call(q('a1'));
my @sent = arrivals(qr/\/v1\/|token/);
is($upstream->sql('SELECT spent FROM upstream.rate_budgets WHERE budget = 1'), scalar(@sent), 'a session gives back what it did not use');

# From here on with a worker.
my @models = (['x', 'a1', 'orders'], ['y', 'b1', 'others']);
$upstream->setup(accounts => [ map { $_->[1] } @models ], streams => { map { ($_->[2] => Upstream::rows(200)) } @models });
$upstream->sql("SELECT upstream.drop_source(name, true) FROM upstream.sources; DROP TABLE IF EXISTS orders");
for (@models)
{
    my ($source, $account, $stream) = @$_;
    $upstream->create_source($source, { Upstream::stream($stream, 'cursor', size => 20) },
        rate_limit => { budgets => [ { scope => 'account', limit => 1000, per => '1 second', algorithm => 'sliding_window' } ] });
    $upstream->create_account($source, $account);
}
$node->append_conf('postgresql.conf', "upstream.databases = 'app'");
$node->reload;
ok($upstream->settle, 'a worker syncs two sources');

my ($wakeups, $before) = (0, -1);
ok($upstream->poll('it rests', sub { ($before, $wakeups) = ($wakeups, $upstream->sql('SELECT sum(wakeups) FROM upstream.pg_stat_upstream_workers')); $wakeups == $before }), 'then it rests');
cmp_ok($wakeups, '<', 1000, 'at once, though it had drawn permits for more');

sub runs { my ($stream) = @_; return $upstream->sql("SELECT count(*) FROM upstream.sync_runs WHERE stream = '$stream' AND status = 'succeeded'"); }

subtest 'a transaction that released the limits of a source is left open' => sub {
    my %runs = map { $_ => runs($_) } qw(orders others);
    my $log = -s $node->logfile;
    my $commit = $upstream->hold(q(SELECT upstream.release_limits('x')));
    $upstream->sql(q(SELECT upstream.full_refresh('a1') + upstream.full_refresh('b1')));
    ok($upstream->poll('it is synced', sub { runs('others') > $runs{others} }, 10), 'another source is synced');
    is(runs('orders'), $runs{orders}, 'while that one waits');
    $commit->();
    ok($upstream->poll('it goes on', sub { runs('orders') > $runs{orders} }, 10), 'until the transaction is over');
    is($upstream->sql(q(SELECT count(*) FROM upstream.sync_runs WHERE started_by = 'worker' AND status <> 'succeeded')), 0, 'no run was interrupted');
    my $complaints = () = slurp_file($node->logfile, $log) =~ /could not draw on/g;
    is($complaints, 1, 'and the log tells it once');
};

subtest 'the tables of limits are locked' => sub {
    my %runs = map { $_ => runs($_) } qw(orders others);
    my $log = -s $node->logfile;
    my $unlock = $upstream->hold('LOCK TABLE upstream.budgets IN ACCESS EXCLUSIVE MODE');
    $upstream->sql(q(SELECT upstream.full_refresh('a1') + upstream.full_refresh('b1')));
    ok($upstream->poll('it tries', sub { slurp_file($node->logfile, $log) =~ /could not read what limits requests/ }, 10), 'limits cannot be read');
    $unlock->();
    ok($upstream->poll('all are synced', sub { runs('orders') > $runs{orders} && runs('others') > $runs{others} }, 10), 'all go on when they can');
    is($upstream->sql(q(SELECT count(*) FROM upstream.sync_runs WHERE started_by = 'worker' AND status <> 'succeeded')), 0, 'no run was interrupted');
};

done_testing();
