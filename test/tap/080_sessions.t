# Sessions and a model: one at a time, and a lock on the target is no trap.
use strict;
use warnings;
use Upstream;
use Test::More;
use IPC::Run;

my $upstream = Upstream->new('sessions', databases => '');
my $node = $upstream->node;
$upstream->setup(accounts => ['a1'], streams => { orders => Upstream::rows(100), others => Upstream::rows(10) });
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor'), Upstream::stream('others', 'cursor') }, retry => { base => '50 milliseconds', max => '50 milliseconds' });
$upstream->create_account('shops', 'a1');
$upstream->call(q('a1'));

sub start_call { my ($arguments, $out, $err) = @_; return IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('app'), '-c', "CALL upstream.sync($arguments)" ], '>', $out, '2>', $err); }

# Two sessions want the same model while the upstream hangs.
$upstream->control('fault', { account => '*', stream => 'orders', kind => 'hang', times => 1 });
my $first = start_call(q('a1', 'orders'), \my $first_out, \my $first_err);
ok($upstream->poll('it runs', sub { $upstream->status('a1', 'orders')->{state} eq 'running' }), 'one session syncs');
my $second = start_call(q('a1', 'orders'), \my $second_out, \my $second_err);
ok($upstream->poll('the second waits', sub { $upstream->sql(q(SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CALL%' AND wait_event_type = 'Extension')) == 2 }), 'another waits for it');
$upstream->poll('the upstream has one', sub { $upstream->in_flight });
is($upstream->in_flight, 1, 'with no request of its own');
$upstream->control('release');
$_->finish for $first, $second;
like($first_out, qr/"failed": 0/, 'the first succeeds');
like($second_out, qr/"failed": 0/, 'then the second');
is($upstream->stats->{overlaps}, 0, 'never two requests of one model at a time');

# A user's lock on the target.
my $unlock = $upstream->hold('LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
my $began = time;
my $results = $upstream->call(q('a1'))->{results};
cmp_ok(time - $began, '<', 20, 'five attempts of half a second each, 50 ms apart');
my %message = map { ($_->{stream} => $_->{message}) } @$results;
like($message{orders}, qr/lock timeout/, 'a run does not wait for it longer than upstream.lock_timeout');
is($message{others}, 'ok', 'and other models go on');
is($upstream->status('a1', 'orders')->{error_code}, 'target_busy', 'model_status says why');
$unlock->();
like($upstream->call(q('a1', 'orders'))->{results}[0]{message}, qr/^ok$/, 'after that it is synced');
is($upstream->differences, '', 'and equals the oracle');

# A CALL is cancelled while the end of its run waits for a row that somebody has let go by then.
{
    $upstream->control('fault', { account => '*', stream => 'orders', kind => 'hang', times => 1 });
    my $cancelled = start_call(q('a1', 'orders'), \my $out, \my $err);
    ok($upstream->poll('it asks', sub { $upstream->in_flight }), 'a session syncs');
    my ($free, $log) = ($upstream->hold(q(SELECT upstream.pause('a1', 'orders'))), -s $node->logfile);
    $upstream->control('release');
    ok($upstream->poll('it waits', sub { PostgreSQL::Test::Utils::slurp_file($node->logfile, $log) =~ /could not write down yet/ }), 'and cannot write down how its run ended');
    $free->('ROLLBACK');
    $upstream->sql(q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL%'));
    $cancelled->finish;
    is($upstream->sql(q(SELECT count(*) FROM upstream.model_state WHERE lease_pid IS NOT NULL)), 0, 'a lease is given back though the CALL is cancelled');
    is($upstream->call(q('a1', 'orders'))->{results}[0]{message}, 'ok', 'and the model can be synced');
}

# resume() is not yet committed when a run of the paused model is put off: what counts is what is there when the run's row can be written.
$upstream->setup(accounts => ['a1'], streams => { orders => Upstream::rows(100), others => Upstream::rows(10) }, latency_ms => 3000);
$upstream->sql(q(SELECT upstream.drop_source('shops', true); DROP TABLE orders, others));
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor'), Upstream::stream('others', 'cursor') }, concurrency => { account => 1 });
$upstream->create_account('shops', 'a1');
$upstream->sql(q(SELECT upstream.pause('a1')));
$upstream->control('fault', { account => '*', stream => $_, kind => 'status', status => 429, headers => { 'Retry-After' => '3600' }, times => 1 }) for qw(orders others);
my $call = start_call(q('a1'), \my $call_out, \my $call_err);
ok($upstream->poll('one waits for the other', sub { $upstream->sql(q(SELECT count(*) FROM upstream.pg_stat_progress_upstream WHERE waiting_for = 'concurrency')) == 1 }), 'one stream is asked for, the other waits');
my ($waits) = $upstream->sql(q(SELECT stream FROM upstream.pg_stat_progress_upstream WHERE waiting_for = 'concurrency'));
my $resume = $upstream->hold("SELECT upstream.resume('a1', '$waits')");
ok($upstream->poll('it waits for the row', sub { $upstream->sql(q(SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CALL%' AND wait_event_type = 'Lock')) == 1 }), 'its run is to be put off');
$resume->();
$call->finish;
is($upstream->sql("SELECT next_due_at < 'infinity' FROM upstream.model_state JOIN upstream.models USING (model_id) WHERE stream = '$waits'"), 't', 'and it is due when it may be asked for');

done_testing();
