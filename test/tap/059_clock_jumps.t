# The server's clock jumps by hours while the worker runs, waits and fails: nothing waits for hours because of it, no model is asked for twice at a time, and no cursor passes what was read.
# The upstream's clock stays.
use strict;
use warnings;
use IPC::Run;
use Upstream;
use Test::More;

my $hour = 3600;
my $upstream = Upstream->new('jumps', with_clock => 1);
my @accounts = ('a1', 'a2');
my @streams = ('customers', 'orders');
$upstream->setup(accounts => \@accounts, streams => { map { ($_ => Upstream::rows(100)) } @streams }, grace_s => 0);
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->create_source('shops', { map { Upstream::stream($_, 'cursor', size => 50, every => '1 second') } @streams }, timeouts => { total => '40 seconds' },
    breaker => { failures => 5, cooldown => '1 second' });
$upstream->create_account('shops', $_) for @accounts;
ok($upstream->recovers, 'all models are fresh');

sub requests { my ($model) = @_; return $upstream->stats->{models}{$model}{requests} // 0; }
sub fault { my (%what) = @_; $upstream->control('fault', { account => 'a1', stream => 'orders', times => -1, %what }); }
sub background
{
    my ($sql) = @_;
    my %session = (out => '', err => '');
    $session{handle} = IPC::Run::start([ 'psql', '-XAtq', '-d', $upstream->node->connstr('app'), '-c', $sql ], '>', \$session{out}, '2>', \$session{err}, IPC::Run::timer(300));
    return \%session;
}
sub ends { my ($session, $what) = @_; my $ended = $upstream->poll($what, sub { eval { $session->{handle}->pump_nb }; !$session->{handle}->pumpable }, 30); $session->{handle}->finish if $ended; $session->{handle}->kill_kill unless $ended; return $ended; }

# Each jump goes further than all before, so that whatever was written down by the clock lies hours ahead of it.
my $shift = 0;
my $last_run = 0;
sub set_back { $shift -= 5 * $hour; $last_run = $upstream->sql('SELECT max(run_id) FROM upstream.runs'); $upstream->shift_clock($shift); }

# All models run again and end well, and so do changes.
sub goes_on
{
    my ($what) = @_;
    my %before = map { my $account = $_; map { ("$account/$_" => requests("$account/$_")) } @streams } @accounts;
    $upstream->control('mutate', { account => '*', stream => '*', count => 3 });
    ok($upstream->poll('all models are asked for twice', sub { !grep { requests($_) < $before{$_} + 2 } keys %before }, 30), "$what: all models are synced, and again") or diag $upstream->sql('SELECT m.account, m.stream, m.state, m.failures, s.due_reason, s.next_due_at - now(), s.last_attempt_at - now() FROM upstream.model_status m JOIN upstream.model_state s USING (model_id)');
    ok($upstream->recovers(30), 'and well');
    is($upstream->differences, '', 'every target equals the oracle');
    is($upstream->sql(q(SELECT bool_and(cursor::timestamptz <= (SELECT max(updated_at) FROM orders)) FROM upstream.model_status WHERE stream = 'orders')), 't', 'no cursor is ahead of the rows');
    is($upstream->stats->{overlaps}, 0, 'never two requests of one model at a time');
    # Runs that ended well are a second apart, but for the first after the jump and the one that recovers() may have found on its way.
    is($upstream->sql("SELECT string_agg(model_id || ': ' || n, ', ') FROM (SELECT model_id, count(*) FILTER (WHERE gap < '0.7 seconds') AS n
        FROM (SELECT model_id, started_at - lag(ended_at) OVER (PARTITION BY model_id ORDER BY run_id) AS gap FROM upstream.runs WHERE run_id > $last_run AND status = 'succeeded') g
        GROUP BY model_id) c WHERE n > 1"), '', 'no model is synced more often than it should');
}

set_back();
goes_on('an idle worker');

fault(kind => 'status', status => 500);
ok($upstream->poll('a1 fails', sub { $upstream->status('a1', 'orders')->{failures} >= 2 }), 'a model waits for its next attempt');
set_back();
$upstream->control('clear_faults');
goes_on('a model that waits to be tried again');

fault(kind => 'status', status => 500, account => '*', stream => '*');
ok($upstream->poll('the breaker opens', sub { $upstream->sql(q(SELECT bool_or(state = 'open') FROM upstream.hosts)) eq 't' }), 'a host is left alone');
set_back();
$upstream->control('clear_faults');
goes_on('a host that is left alone');

fault(kind => 'hang', times => 1);
ok($upstream->poll('a page is in flight', sub { $upstream->stats->{models}{'a1/orders'}{in_flight} }), 'a page is in flight');
$upstream->sql(q(SELECT upstream.request_sync('a1', 'orders')));
my $run = $upstream->sql(q(SELECT max(run_id) FROM upstream.sync_runs WHERE account = 'a1' AND stream = 'orders'));
set_back();
$upstream->control('release');
goes_on('a page in flight, and a request for another run');
is($upstream->sql("SELECT status FROM upstream.sync_runs WHERE run_id = $run"), 'succeeded', 'its run ended well');

fault(kind => 'hang', times => 1);
$upstream->poll('a page is in flight', sub { $upstream->stats->{models}{'a1/orders'}{in_flight} });
my $waiting = background("CALL upstream.wait_fresh('a1', 'orders', '0', '3 seconds')");
$upstream->poll('it waits', sub { $upstream->sql(q(SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CALL upstream.wait%' AND wait_event_type = 'Extension')) });
set_back();
ok(ends($waiting, 'wait_fresh ends'), 'wait_fresh() waits no longer than it should');
like($waiting->{err}, qr/did not become fresh within 3000 ms/, 'and says so');
$upstream->control('release');
goes_on('a page in flight that somebody waits for');

# The worker asks for a token, and a session waits for it.
$upstream->control('fault', { account => 'a2', stream => 'token', kind => 'hang', times => 1 });
my $before = $upstream->stats->{token_requests};
$upstream->sql(q(SELECT upstream.pause('a2', 'customers')));
$upstream->control('expire_access', { account => 'a2' });
ok($upstream->poll('a token is asked for', sub { $upstream->stats->{token_requests} > $before }), 'a token is asked for');
my $call = background(q(CALL upstream.sync('a2', 'customers')));
ok($upstream->poll('it waits', sub { $upstream->sql(q(SELECT bool_or(phase = 'token') FROM upstream.pg_stat_progress_upstream WHERE account = 'a2' AND stream = 'customers')) eq 't' }), 'a session waits for it, too');
set_back();
$upstream->control('release');
ok(ends($call, 'the CALL ends'), 'and gets it');
like($call->{out}, qr/"failed": 0/, 'its sync ends well');
$upstream->sql(q(SELECT upstream.resume('a2', 'customers')));
goes_on('a token on its way');

my $pid = $upstream->worker_pid;
$upstream->sql("SELECT pg_terminate_backend($pid)");
$upstream->poll('the worker has ended', sub { !kill 0, $pid });
set_back();
goes_on('a worker that ended');

# Forward: by the clock the lease of a page in flight has run out. Its holder lives, and goes on.
fault(kind => 'hang', times => 1);
ok($upstream->poll('a page is in flight', sub { $upstream->stats->{models}{'a1/orders'}{in_flight} }), 'a page is in flight');
$run = $upstream->sql(q(SELECT max(run_id) FROM upstream.sync_runs WHERE account = 'a1' AND stream = 'orders'));
my $asked = requests('a1/orders');
my $others = requests('a2/orders');
$shift += 20 * $hour;
$last_run = $upstream->sql('SELECT max(run_id) FROM upstream.runs');
$upstream->shift_clock($shift);
ok($upstream->poll('others are synced', sub { requests('a2/orders') >= $others + 3 }, 30), 'set forward: others are synced, and again');
is(requests('a1/orders'), $asked, 'what is in flight is not asked for again');
$upstream->control('release');
ok($upstream->poll('the run ends', sub { $upstream->sql("SELECT status FROM upstream.sync_runs WHERE run_id = $run") eq 'succeeded' }, 30), 'its run ends well');
goes_on('a clock set forward');

is($upstream->sql(q(SELECT count(*) FROM upstream.accounts a JOIN upstream.tokens t USING (account_id) WHERE needs_reauth)), 0, 'no account needs a person');
is(scalar(grep { $_->{reuses} } values %{ $upstream->stats->{accounts} }), 0, 'no refresh token was used twice');
done_testing();
