# kill -9 of the worker at 30 moments of a load: nobody's help is needed, nothing is lost, nothing comes twice.
use strict;
use warnings;
use Upstream;
use PostgreSQL::Test::Utils;
use Test::More;

my $upstream = Upstream->new('kill9', conf => ["upstream.memory_limit = '8MB'"]);  # what is written at a time must take less than a token's life
my @accounts = map { "shop$_" } 1 .. 20;
my @streams = qw(orders messages customers);
$upstream->setup(
    accounts => \@accounts,
    streams => { map { ($_ => Upstream::rows(2000)) } @streams },
    token_lifetime_s => 2, grace_s => 60, latency_ms => 40, mutate_every => 10, mutate_total => 250);
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor', size => 50), Upstream::stream('messages', 'page', size => 50), Upstream::stream('customers', 'next', size => 50) });
$upstream->create_account('shops', $_) for @accounts;

# The simulator kills at an exact request: in the load of the first read, in full refreshes that follow it (every fourth round: one stream of all accounts
# has 800 pages to read again), at token requests; half of the time before the answer, half right after it. 60 models have a request in
# flight at a time, so most of the kills find pages that are committed and pages that are not.
sub more_work
{
    my ($round) = @_;
    $upstream->node->psql('app', "SELECT sum(upstream.full_refresh(name, '$streams[$round % 3]')) FROM upstream.accounts");
}

srand 20261123;
my $kills = 0;
for my $round (1 .. 30)
{
    my $before;
    last unless $upstream->poll('a worker runs', sub { defined($before = $upstream->worker_pid) }, 30);
    # A refresh token that a death left without an answer is sent once more, and never a third time: the next kill waits till that is done.
    $upstream->poll('tokens of the former worker are had again', sub {
        my ($status, $out) = $upstream->node->psql('app', q(SELECT count(*) FROM upstream.tokens WHERE attempts > 1 OR attempts = 1
            AND NOT upstream.lease_is_held(refresh_incarnation, refresh_pid, refresh_started_at, refresh_deadline)));
        return $status == 0 && $out eq '0';
    }, 10);
    my $token = $round % 6 == 0;
    my $again = $round > 8 && $round % 4 == 1;
    $upstream->control('expire_access', { account => '*' }) if $token;
    $upstream->control('fault', { account => '*', stream => $token ? 'token' : '*', skip => int rand($token ? 8 : 250), times => 1, kind => 'kill',
        pid => $before + 0, signal => 9, when => $round % 2 ? 'request' : 'response' });
    more_work($round) if $again;
    # Should the load have ended before the kill, there is more.
    my $idle_from = time + 3;
    $kills++ if $upstream->poll("worker $before is gone", sub {
        return 1 if !kill(0, $before);
        return 0 if time < $idle_from;
        $upstream->control('expire_access', { account => '*' }) if $token;
        more_work($round);
        $idle_from = time + 3;
        return 0;
    }, 20);
    $upstream->control('clear_faults');
}
is($kills, 30, 'the worker was killed 30 times');
ok($upstream->poll('the server is back', sub { defined $upstream->worker_pid }, 30), 'the server came back by itself');
ok($upstream->recovers, 'all models get fresh, and nobody helped');
my $killed = () = slurp_file($upstream->node->logfile) =~ /terminated by signal 9/g;
is($killed, 30, 'the log knows of no other death');
is($upstream->sql(q(SELECT count(*) FROM upstream.sync_runs WHERE status = 'failed')), 0, 'a kill is no failure of the upstream: no run failed');
cmp_ok($upstream->sql('SELECT count(*) FROM upstream.sync_runs WHERE resumed'), '>', 60, 'most reads were resumed from a committed page');

# What changed behind the last read: one more run.
is($upstream->stats->{mutations}, 250, 'rows changed all the while');
ok($upstream->settle, 'the worker settles');
is($upstream->differences, '', 'every target equals the oracle');
is(join(' ', map { $upstream->sql("SELECT count(*) FROM $_") } @streams), '40000 40000 40000', 'in all 120,000 rows');
is($upstream->stats->{overlaps}, 0, 'never two requests of one model at a time');
is(scalar(grep { $_->{reuses} } values %{ $upstream->stats->{accounts} }), 0, 'no refresh token was used outside the grace of its server');
is($upstream->sql(q(SELECT count(*) FROM upstream.runs WHERE status = 'running')), 0, 'runs that were cut off are settled');
cmp_ok($upstream->sql(q(SELECT count(*) FROM upstream.runs WHERE status = 'interrupted')), '>', 0, 'and say that they were interrupted');

done_testing();
