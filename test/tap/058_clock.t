# A clock that was set back: what is due "in an hour" by the old one would rest for as long as the clock was wrong. A worker that starts, or sees the clock jump, makes it due.
use strict;
use warnings;
use Upstream;
use Test::More;

my $upstream = Upstream->new('clock');
$upstream->setup(accounts => ['a1', 'a2'], streams => { orders => Upstream::rows(100) }, grace_s => 3600);
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor', every => '30 minutes') });
$upstream->create_account('shops', $_) for 'a1', 'a2';
ok($upstream->recovers, 'all models are fresh');

# As it looks after a restart of a machine whose clock was an hour ahead; the second model was attempted in time, and is not due.
$upstream->sql(q(UPDATE upstream.model_state SET last_attempt_at = last_attempt_at + interval '1 hour', next_due_at = next_due_at + interval '1 hour'
    WHERE model_id = (SELECT model_id FROM upstream.model_status WHERE account = 'a1')));
my $before = $upstream->sql(q(SELECT last_attempt_at FROM upstream.model_status WHERE account = 'a2'));
my $pid = $upstream->worker_pid;
$upstream->sql("SELECT pg_terminate_backend($pid)");
ok($upstream->poll('a1 is synced', sub { $upstream->sql(q(SELECT last_attempt_at <= now() AND state = 'fresh' FROM upstream.model_status WHERE account = 'a1')) eq 't' }, 30),
    'what was attempted in the future is due when the worker starts');
is($upstream->sql(q(SELECT next_attempt_at <= now() + interval '31 minutes' FROM upstream.model_status WHERE account = 'a1')), 't', 'and then again in its time');
is($upstream->sql(q(SELECT last_attempt_at FROM upstream.model_status WHERE account = 'a2')), $before, 'the other one waits for its time');
done_testing();
