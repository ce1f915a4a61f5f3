# An upstream that never answers holds back nothing.
use strict;
use warnings;
use Upstream;
use Test::More;
use IPC::Run;
use Time::HiRes qw(time);

# The alarm that ends long transactions is not taken back when they end: it has rung by the time of the samples.
my $upstream = Upstream->new('hang', conf => ["upstream.write_timeout = '1s'"]);
my $node = $upstream->node;
my @accounts = map { "shop$_" } 1 .. 20;
$upstream->setup(accounts => \@accounts, streams => { orders => Upstream::rows(50) });
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor') }, timeouts => { total => '10 minutes' });
$upstream->create_account('shops', $_) for @accounts;
ok($upstream->settle, 'all models are synced once');

$upstream->control('fault', { account => '*', stream => '*', kind => 'hang', times => -1 });
$upstream->sql('SELECT sum(upstream.request_sync(name)) FROM upstream.accounts WHERE name <> $$shop20$$');
ok($upstream->poll('19 requests hang', sub { $upstream->sql('SELECT in_flight FROM upstream.pg_stat_upstream_workers') == 19 }), '19 requests hang');

# A session that hangs, too.
my $call = IPC::Run::start([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('app'), '-c', q(CALL upstream.sync('shop20')) ], '<', \'', '>', \my $call_out, '2>', \my $call_err);
my $session_pid;
ok($upstream->poll('the CALL waits', sub {
    $session_pid = $upstream->sql(q(SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL%' AND wait_event_type = 'Extension')); $session_pid ne '' }),
    'and a CALL in a session, too');

my $worker = $upstream->worker_pid;
# What it counts it writes down within a second after the last traffic; from then on there is nothing to do.
ok($upstream->poll('the worker is quiet', sub { $upstream->sql("SELECT clock_timestamp() - state_change > interval '1500 milliseconds' FROM pg_stat_activity WHERE pid = $worker") eq 't' }, 30),
    'the worker has written down what it counts, and only waits');
my $end = time + $ENV{UPSTREAM_HANG_SECONDS};
my $probe = qq(
DO \$\$
DECLARE sample record; stop timestamptz := clock_timestamp() + interval '5 seconds'; tally samples;
BEGIN
    tally := (0, 0, 0, 0);
    WHILE clock_timestamp() < stop LOOP
        PERFORM pg_stat_clear_snapshot();
        FOR sample IN SELECT pid, xact_start, backend_xid, backend_xmin FROM pg_stat_activity WHERE pid IN ($worker, $session_pid) LOOP
            IF sample.pid = $worker THEN
                tally.worker := tally.worker + 1;
                tally.worker_holds := tally.worker_holds + num_nonnulls(sample.xact_start, sample.backend_xid, sample.backend_xmin);
            ELSE
                tally.session := tally.session + 1;
                tally.session_holds := tally.session_holds + num_nonnulls(sample.backend_xid, sample.backend_xmin);
            END IF;
        END LOOP;
    END LOOP;
    INSERT INTO samples SELECT tally.*;
END \$\$);
$upstream->sql('CREATE TABLE samples (worker bigint, worker_holds bigint, session bigint, session_holds bigint)');
$upstream->sql($probe) while time < $end;
cmp_ok($upstream->sql('SELECT sum(worker) FROM samples'), '>', 100 * $ENV{UPSTREAM_HANG_SECONDS}, 'the worker was sampled at more than 100 Hz all the while');
is($upstream->sql('SELECT sum(worker_holds) FROM samples'), 0, 'the worker holds no snapshot and no transaction in any sample');
is($upstream->sql('SELECT sum(session_holds) FROM samples WHERE session > 0'), 0, 'the session holds no snapshot and no transaction id in any sample');

# Measured in the server, where no client has to be started.
$upstream->sql(q(CREATE FUNCTION cancel(session integer) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := clock_timestamp();
BEGIN
    PERFORM pg_cancel_backend(session);
    WHILE clock_timestamp() < began + interval '5 seconds' AND EXISTS (SELECT FROM pg_stat_activity WHERE pid = session AND state = 'active') LOOP
        PERFORM pg_stat_clear_snapshot();
    END LOOP;
    RETURN extract(epoch FROM clock_timestamp() - began);
END $$));
cmp_ok($upstream->sql("SELECT cancel($session_pid)"), '<', 0.2, 'a CALL can be cancelled, within 200 ms');
$call->finish;
like($call_err, qr/57014/, 'with the SQLSTATE of a cancelled query');
is($upstream->sql(q(SELECT lease_pid IS NULL FROM upstream.model_state JOIN upstream.models USING (model_id) JOIN upstream.accounts USING (account_id) WHERE name = 'shop20')),
    't', 'its lease is given back');
is($upstream->sql(q(SELECT status FROM upstream.sync_runs WHERE account = 'shop20' ORDER BY run_id DESC LIMIT 1)), 'cancelled', 'its run says so');

$node->safe_psql('postgres', 'CREATE DATABASE other');
my $began = time;
$node->safe_psql('postgres', 'DROP DATABASE other');
cmp_ok(time - $began, '<', 0.25 + 0.1, 'DROP DATABASE of another database takes less than 250 ms (and psql 100)');

$began = time;
$node->stop('fast');
cmp_ok(time - $began, '<', 2, 'a fast shutdown does not wait for the upstream');

done_testing();
