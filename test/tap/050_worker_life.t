# The worker's life: extension and databases come and go, wake-ups, due times.
use strict;
use warnings;
use Upstream;
use Test::More;
use Time::HiRes qw(time);

my $upstream = Upstream->new('life', databases => 'app, second', conf => ["max_prepared_transactions = 2\n"]);
my $node = $upstream->node;
my $log_position = -s $node->logfile;

# One source, two streams; ticks every second.
sub configure
{
    $upstream->setup(accounts => ['a1', 'a2'], streams => { orders => Upstream::rows(300), ticks => Upstream::rows(20) });
    $upstream->sql('CREATE EXTENSION pg_upstream');
    $upstream->create_source('shops', { Upstream::stream('orders', 'cursor', size => 50), Upstream::stream('ticks', 'cursor', every => '1 second') });
    $upstream->create_account('shops', 'a1');
}

configure();
my $began = time;
ok($upstream->poll('orders are here', sub { $upstream->sql('SELECT count(*) FROM orders') == 300 }, 10), 'CREATE EXTENSION and create_account() wake the worker');
cmp_ok(time - $began, '<', 3, 'at once');

ok($upstream->poll('ticks ran three times', sub { $upstream->sql(q(SELECT runs FROM upstream.pg_stat_upstream WHERE stream = 'ticks')) >= 3 }, 20), 'a due time is honoured without help');

$upstream->sql(q(SELECT upstream.pause('a1', 'ticks')));
is($upstream->status('a1', 'ticks')->{state}, 'paused', 'a paused model says so');
ok($upstream->poll('it rests', sub { !defined $upstream->status('a1', 'ticks')->{pid} }), 'and is not running');
my $runs = $upstream->sql(q(SELECT runs FROM upstream.pg_stat_upstream WHERE stream = 'ticks'));
my $orders = $upstream->sql(q(SELECT runs FROM upstream.pg_stat_upstream WHERE stream = 'orders'));
# A request wakes it at commit, and only then: what is rolled back does not count.
my $requested = $upstream->sql('SELECT clock_timestamp()');
$upstream->sql(q(BEGIN; SELECT upstream.request_sync('a1'); ROLLBACK));
$upstream->sql(q(SELECT upstream.request_sync('a1')));
ok($upstream->poll('orders ran', sub { $upstream->sql(q(SELECT runs FROM upstream.pg_stat_upstream WHERE stream = 'orders')) > $orders }, 10), 'request_sync() wakes the worker');
is($upstream->sql("SELECT count(*) || ' ' || bool_and(r.started_at < s.requested_at + interval '1 second') FROM upstream.sync_runs r, upstream.model_state s JOIN upstream.models m USING (model_id)
    WHERE r.stream = 'orders' AND r.started_at > '$requested' AND m.stream = 'orders'"), '1 true', 'within a second, for one run');
is($upstream->sql(q(SELECT runs FROM upstream.pg_stat_upstream WHERE stream = 'ticks')), $runs, 'but does not run what is paused');
my ($status, $out, $error) = $node->psql('app', q(BEGIN; SELECT upstream.request_sync('a1'); PREPARE TRANSACTION 'p'));
like($error, qr/ERROR:  cannot PREPARE a transaction that wakes a background worker at its commit/, 'whoever commits a prepared transaction could not wake it, so there is none');
is($upstream->sql(q(BEGIN; SELECT count(*) FROM orders; PREPARE TRANSACTION 'p'; COMMIT PREPARED 'p')), 300, 'reading is no obstacle');
$node->safe_psql('postgres', q(BEGIN; CREATE EXTENSION pg_upstream; PREPARE TRANSACTION 'p'; ROLLBACK PREPARED 'p'));
$upstream->sql(q(SELECT upstream.resume('a1', 'ticks')));
ok($upstream->poll('ticks run again', sub { $upstream->sql(q(SELECT runs FROM upstream.pg_stat_upstream WHERE stream = 'ticks')) > $runs }, 10), 'resume() lets it run');
is($upstream->sql(q(SELECT count(*) FROM (SELECT started_at - lag(started_at) OVER (ORDER BY run_id) AS rest FROM upstream.sync_runs
    WHERE stream = 'ticks' AND started_at < (SELECT min(started_at) FROM upstream.sync_runs WHERE stream = 'orders' AND run_id > 2)) r WHERE rest < '1 second')), 0, 'no run came before its time');
$upstream->create_account('shops', 'a2');
ok($upstream->poll('a2 is synced', sub { $upstream->sql(q(SELECT bool_and(last_success_at IS NOT NULL) FROM upstream.model_status WHERE account = 'a2')) eq 't' }, 10), 'create_account() wakes it, too');
is($upstream->sql(q(SELECT bool_and(r.started_at < a.created_at + interval '1 second') FROM upstream.sync_runs r JOIN upstream.accounts a ON a.name = r.account WHERE a.name = 'a2' AND r.stream = 'orders')), 't', 'within a second');

# DROP EXTENSION under a run that has its request in flight.
$upstream->control('fault', { account => '*', stream => 'orders', kind => 'hang', times => -1 });
$upstream->sql(q(SELECT upstream.request_sync('a1', 'orders')));
ok($upstream->poll('a request hangs', sub { $upstream->status('a1', 'orders')->{state} eq 'running' }), 'a run is in progress');
my $worker = $upstream->worker_pid;
$began = time;
$upstream->sql('DROP EXTENSION pg_upstream CASCADE');
cmp_ok(time - $began, '<', 2, 'DROP EXTENSION does not wait for it');
$upstream->control('release');
$upstream->control('clear_faults');
$upstream->sql('DROP TABLE orders, ticks');
configure();
ok($upstream->poll('orders are here again', sub { my ($s, $n) = $node->psql('app', 'SELECT count(*) FROM orders'); $s == 0 && $n == 300 }, 20), 'CREATE EXTENSION again: the worker goes on');
is($upstream->worker_pid, $worker, 'it is the same process');

# A second database, created later.
$node->safe_psql('postgres', 'CREATE DATABASE second');
$node->reload;
$node->safe_psql('second', 'CREATE EXTENSION pg_upstream');
ok($upstream->poll('a second worker', sub { $upstream->sql('SELECT count(*) FROM upstream.pg_stat_upstream_workers') == 2 }, 10), 'a database that comes later gets its worker after a reload');
isnt($node->psql('postgres', 'DROP DATABASE second'), 0, 'DROP DATABASE says that the worker is connected');
is($node->psql('postgres', 'DROP DATABASE second WITH (FORCE)'), 0, 'DROP DATABASE .. WITH (FORCE) works');
ok($upstream->poll('one worker', sub { $upstream->sql('SELECT count(*) FROM upstream.pg_stat_upstream_workers') == 1 }, 10), 'and its worker is gone');

# ALTER SOURCE under a run: the old run is fenced off.
my $spec = $upstream->sql('SELECT spec FROM upstream.sources');
$upstream->control('fault', { account => '*', stream => 'orders', kind => 'delay', ms => 300, times => 1 });
$upstream->sql(q(SELECT upstream.full_refresh('a1', 'orders')));
$upstream->poll('it runs', sub { $upstream->status('a1', 'orders')->{state} eq 'running' });
is($upstream->sql("SELECT string_agg(stream || ' ' || effect, ', ' ORDER BY stream) FROM upstream.alter_source('shops', \$s\$$spec\$s\$)"), 'orders kept, ticks kept', 'alter_source() tells what it means');
ok($upstream->settle, 'and the models go on');
is($upstream->stats->{overlaps}, 0, 'never two requests of one model at a time');

# A worker that is terminated is replaced.
$worker = $upstream->worker_pid;
$upstream->sql("SELECT pg_terminate_backend($worker)");
ok($upstream->poll('another worker', sub { my $now = $upstream->worker_pid; defined $now && $now != $worker }, 10), 'a worker that was terminated is replaced');
ok($upstream->settle, 'and goes on');

# What was asked for above: a missing database, and a PREPARE and a DROP DATABASE that are refused.
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $log_position);
my @lines = grep { /\b(PANIC|ERROR|WARNING):/ && !/database "second" (of upstream.databases does not exist|is being accessed)|cannot PREPARE/ } split /\n/, $log;
is(join("\n", @lines), '', 'the log has no error that was not asked for');

done_testing();
