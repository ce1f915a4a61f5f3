# Transactions of users that stay open while the worker wants the same rows of the books: what they hold waits for them, and nothing else does.
use strict;
use warnings;
use Upstream;
use PostgreSQL::Test::Utils;
use Test::More;

my $upstream = Upstream->new('held', with_clock => 1);
my @shops = map { "shop$_" } 1 .. 80;
$upstream->setup(accounts => [ qw(a1 b1 c1 d1 d2 d3 d4), @shops ], streams => { map { ($_ => Upstream::rows(10)) } qw(held more others orders) });
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->create_source('x', { map { Upstream::stream($_, 'cursor') } qw(held more) }, concurrency => { account => 1 });
$upstream->create_source('y', { Upstream::stream('others', 'cursor') });
$upstream->create_account('x', 'a1');
$upstream->create_account('y', 'b1');
ok($upstream->settle, 'two sources are synced');
my $worker = $upstream->worker_pid;

sub fault { my ($account, $stream, %what) = @_; $upstream->control('fault', { account => $account, stream => $stream, times => 1, %what }); }
sub in_flight { my ($model) = @_; return $upstream->stats->{models}{$model}{in_flight} // 0; }
sub last_run { my ($stream) = @_; return $upstream->sql("SELECT max(run_id) FROM upstream.sync_runs WHERE stream = '$stream'"); }
sub status_of { my ($run) = @_; return $upstream->sql("SELECT status FROM upstream.sync_runs WHERE run_id = $run"); }

# The worker waits for the lock of another session, and then no more.
sub waits
{
    my $waiting = "SELECT count(*) FROM pg_stat_activity WHERE pid = $worker AND wait_event_type = 'Lock'";
    return $upstream->poll('it waits', sub { $upstream->sql($waiting) == 1 }, 20) && $upstream->poll('it goes on', sub { $upstream->sql($waiting) == 0 }, 20);
}

# Runs `meanwhile` while a request of y is in flight, and sees that its run goes on as if nothing had happened.
sub others_do_not_notice
{
    my ($meanwhile) = @_;
    fault('b1', 'others', kind => 'delay', ms => 3000);
    $upstream->sql(q(SELECT upstream.request_sync('b1')));
    $upstream->poll('a request of y is in flight', sub { in_flight('b1/others') == 1 }, 20);
    my $run = last_run('others');
    my $free = $meanwhile->();
    ok($upstream->poll('it ends', sub { status_of($run) ne 'running' }, 20), 'a run of another source ends');
    is(status_of($run), 'succeeded', 'as if nothing had happened');
    $free->('ROLLBACK');
    all_goes_on();
}

sub all_goes_on
{
    ok($upstream->recovers(30), 'what was held goes on as soon as it may') or diag $upstream->sql("SELECT source, account, stream, state, failures, error_message, next_attempt_at FROM upstream.model_status");
    is($upstream->worker_pid, $worker, 'in the same worker');
    is($upstream->stats->{accounts}{a1}{reuses}, 0, 'with no refresh token sent twice');
}

# A request of a1 for `stream` hangs.
sub hanging
{
    my ($stream, %what) = @_;
    fault('a1', $stream, kind => 'hang', %what);
    my $before = $upstream->stats->{token_requests};
    $upstream->sql(q(SELECT upstream.request_sync('a1', 'held')));
    $upstream->poll('a request hangs', sub { $stream eq 'token' ? $upstream->stats->{token_requests} > $before : in_flight("a1/$stream") == 1 }, 20);
}

subtest 'the row of a model whose run ends' => sub {
    others_do_not_notice(sub {
        hanging('held');
        my $free = $upstream->hold(q(SELECT upstream.pause('a1', 'held')));
        $upstream->control('release');
        ok(waits(), 'the worker wants it');
        return $free;
    });
};

subtest 'the row of a model whose run is put off' => sub {
    others_do_not_notice(sub {
        hanging('held', kind => 'status', status => 429, headers => { 'Retry-After' => '3600' }, hang => JSON::PP::true);
        $upstream->sql(q(SELECT upstream.request_sync('a1', 'more')));
        $upstream->poll('another stream waits', sub { $upstream->sql(q(SELECT count(*) FROM upstream.pg_stat_progress_upstream WHERE waiting_for = 'concurrency')) == 1 }, 20);
        my $hold = $upstream->hold(q(SELECT upstream.pause('a1', 'more')));
        $upstream->control('release');
        ok(waits(), 'the worker wants it');
        my $run = last_run('more');
        return sub {
            $hold->(@_);
            ok($upstream->poll('it is put off', sub { status_of($run) eq 'postponed' }, 20), 'it is put off once that may be written down');
            $upstream->sql(q(SELECT upstream.release_limits('x'); SELECT upstream.request_sync('a1')));
        };
    });
};

# The tokens are old: the next run asks for others.
sub outdate { my (@accounts) = @_ ? @_ : 'a1'; $upstream->sql("UPDATE upstream.tokens SET expires_at = now(), refresh_at = now() WHERE account_id IN (SELECT account_id FROM upstream.accounts WHERE name = '$_')") for @accounts; }
sub hold_token { my (@accounts) = @_ ? @_ : 'a1'; return $upstream->hold(join '; ', map { "SELECT upstream.update_token('$_', 'at', 'rt')" } @accounts); }

subtest 'the row of a token that is to be refreshed' => sub {
    outdate();
    others_do_not_notice(sub {
        my $free = hold_token();
        $upstream->sql(q(SELECT upstream.request_sync('a1', 'held')));
        ok(waits(), 'the worker wants it');
        return $free;
    });
};

for my $answer ([ 'is refreshed' => kind => 'hang' ], [ 'is not refreshed' => kind => 'status', status => 500, hang => JSON::PP::true ])
{
    my ($what, @fault) = @$answer;
    subtest "the row of a token that $what" => sub {
        outdate();
        others_do_not_notice(sub {
            hanging('token', @fault);
            my $free = hold_token();
            $upstream->control('release');
            ok(waits(), 'the worker wants it');
            return $free;
        });
    };
}

subtest 'a worker that is cancelled waits for tokens all the same' => sub {
    outdate();
    hanging('token');
    fault('b1', 'others', kind => 'hang');
    $upstream->sql(q(SELECT upstream.request_sync('b1')));
    $upstream->poll('a request of y hangs', sub { in_flight('b1/others') == 1 }, 20);
    my $run = last_run('others');
    $upstream->sql("SELECT pg_cancel_backend($worker)");
    ok($upstream->poll('it ends', sub { status_of($run) ne 'running' }, 20), 'runs end');
    is(status_of($run), 'interrupted', 'without a result');
    $upstream->control('release');
    all_goes_on();
};


subtest 'a model of an account that is being dropped' => sub {
    $upstream->create_account('x', 'c1');
    ok($upstream->settle, 'the account is synced');
    my $log = -s $upstream->node->logfile;
    others_do_not_notice(sub {
        my $free = $upstream->hold('LOCK TABLE upstream.seen_keys IN SHARE MODE');
        my $drop = IPC::Run::start([ 'psql', '-XAtq', '-d', $upstream->node->connstr('app'), '-c', q(SELECT upstream.drop_account('c1')) ], '>', \my $out);
        $upstream->poll('it waits', sub { $upstream->sql(q(SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%drop_account%' AND wait_event_type = 'Lock')) == 1 }, 20);
        is($upstream->sql(q(WITH rest AS (SELECT s.model_id FROM upstream.model_state s JOIN upstream.models USING (model_id) JOIN upstream.accounts a USING (account_id) WHERE a.name = 'c1' FOR UPDATE OF s SKIP LOCKED),
            due AS (UPDATE upstream.model_state s SET next_due_at = now() FROM rest WHERE s.model_id = rest.model_id RETURNING 1) SELECT count(*), upstream.wake() FROM due)), '1|', 'half of it is gone when the other half is due');
        return sub { $free->(@_); $drop->finish; };
    });
    unlike(slurp_file($upstream->node->logfile, $log), qr/lock timeout/, 'and the worker has not even waited for it');
};

subtest 'tokens of several accounts' => sub {
    $upstream->create_source('z', { Upstream::stream('more', 'cursor', target => 'several') });
    $upstream->create_account('z', "d$_") for 1 .. 4;
    ok($upstream->settle, 'they are synced');
    my $is_fresh = sub { my ($account, $since) = @_; $upstream->poll("$account is fresh", sub { $upstream->sql("SELECT state = 'fresh' AND last_success_at > '$since' FROM upstream.model_status WHERE account = '$account'") eq 't' }, 20); };
    my $ask = sub { my $now = $upstream->sql('SELECT now()'); $upstream->sql("SELECT upstream.request_sync('$_')") for @_; return $now; };

    outdate(qw(d1 d2 d3 d4));
    my ($free, $free_last) = (hold_token(qw(d1 d2 d3)), hold_token('d4'));
    my $since = $ask->(qw(d1 d2 d3 d4));
    ok(waits(), 'the worker wants all of them');
    $free_last->('ROLLBACK');
    ok($is_fresh->('d4', $since), 'the one that is free is not kept waiting by those that are not');

    $upstream->node->append_conf('postgresql.conf', 'upstream.max_in_flight = 3');
    $upstream->node->reload;
    $upstream->sql(q(SELECT upstream.request_sync('d' || i) FROM generate_series(1, 3) i));
    ok($is_fresh->('d4', $ask->('d4')), 'nor do they keep all places of the worker');
    is($upstream->status('d1', 'more')->{error_code}, 'target_busy', 'and say what they wait for');
    $free->('ROLLBACK');
    $upstream->node->append_conf('postgresql.conf', 'upstream.max_in_flight = 64');
    $upstream->node->reload;
    all_goes_on();
};

subtest 'an account without a token that another process asks for' => sub {
    my $process = $upstream->hold('SELECT 1');
    $upstream->sql(q(UPDATE upstream.tokens t SET access_token = NULL, refresh_token = NULL,
            refresh_incarnation = pg_postmaster_start_time(), refresh_pid = a.pid, refresh_started_at = a.backend_start, refresh_deadline = now() + interval '1 hour'
        FROM pg_stat_activity a WHERE a.state = 'idle in transaction' AND t.account_id = (SELECT account_id FROM upstream.accounts WHERE name = 'd1')));
    my ($log, $wakeups) = (-s $upstream->node->logfile, 'SELECT wakeups FROM upstream.pg_stat_upstream_workers');
    my $before = $upstream->sql($wakeups);
    $upstream->sql(q(SELECT upstream.request_sync('d1')));
    ok($upstream->poll('it looks again and again', sub { $upstream->sql($wakeups) > $before + 10 }, 20), 'is waited for');
    unlike(slurp_file($upstream->node->logfile, $log), qr/stack depth/, 'patiently');
    $process->();
    ok($upstream->poll('it is parked', sub { $upstream->status('d1', 'more')->{state} eq 'needs_reauth' }, 20), 'and then needs a person');
    $upstream->sql(q(SELECT upstream.drop_source('z', true)));
};

# What forty models need, each in its own transaction: their target, and the table of the parents that they are read for.
$upstream->sql('CREATE TABLE parents AS SELECT 1 AS id; GRANT SELECT ON parents TO PUBLIC');
for my $locked ([ 'a target', 'orders', 1, Upstream::stream('orders', 'cursor') ],
    [ 'the parents', 'parents', 41, Upstream::stream('orders', 'cursor', target => 'children', parent => { table => 'public.parents', key => { id => 'id' } }, params => { since => '{cursor.start|iso}', parent => '{parent.id}' }) ])
{
    my ($what, $table, $first, @stream) = @$locked;
    subtest "$what of forty models" => sub {
        $upstream->create_source($table, {@stream});
        $upstream->create_shops($first, $first + 39, $table);
        ok($upstream->settle, 'they are synced');
        $upstream->control('mutate', { stream => 'orders', count => 5 });
        my $free = $upstream->hold("LOCK TABLE $table IN ACCESS EXCLUSIVE MODE");
        $upstream->sql("SELECT sum(upstream.request_sync('$table/shop' || i)) FROM generate_series($first, $first + 39) i");
        ok(waits(), 'the worker wants it');
        my ($began, $run) = (time, last_run('others'));
        $upstream->sql(q(SELECT upstream.request_sync('b1')));
        ok($upstream->poll('it ends', sub { last_run('others') > $run && status_of(last_run('others')) eq 'succeeded' }, 60), 'a run of another source ends');
        cmp_ok(time - $began, '<', 10, 'without a wait of upstream.lock_timeout for each of them');
        $free->('ROLLBACK');
        all_goes_on();
        $upstream->sql("SELECT upstream.drop_source('$table', true)");
    };
}

subtest 'the row of a model whose lease has to be renewed, because the clock was set forward' => sub {
    others_do_not_notice(sub {
        hanging('held');
        my $free = $upstream->hold(q(SELECT upstream.pause('a1', 'held')));
        $upstream->shift_clock(3600);
        $upstream->sql('SELECT upstream.wake()');
        return $free;
    });
    $upstream->control('release');
};

done_testing();
