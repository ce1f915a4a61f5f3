# kill -9 of the worker at 30 moments of a load: nobody's help is needed, nothing is lost, nothing comes twice.
use strict;
use warnings;
use Upstream;
use Test::More;

my $upstream = Upstream->new('kill9');
my @accounts = map { "shop$_" } 1 .. 20;
$upstream->setup(
    accounts => \@accounts,
    streams => { map { ($_ => Upstream::rows(2000)) } qw(orders messages customers) },
    token_lifetime_s => 2, grace_s => 60, latency_ms => 40, mutate_every => 10, mutate_total => 150);
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor', size => 50), Upstream::stream('messages', 'page', size => 50), Upstream::stream('customers', 'next', size => 50) });
$upstream->create_account('shops', $_) for @accounts;

# The simulator kills at an exact request, half of the time before its answer and half right after it.
srand 20261123;
my $kills = 0;
for my $round (1 .. 30)
{
    my $before;
    last unless $upstream->poll('a worker runs', sub { defined($before = $upstream->worker_pid) }, 30);
    my $stream = $round % 6 == 0 ? 'token' : '*';
    $upstream->control('clear_faults');
    $upstream->control('fault', { account => '*', stream => $stream, skip => $stream eq 'token' ? 0 : int rand 25, times => 1, kind => 'kill', pid => $before + 0, signal => 9,
        when => $round % 2 ? 'request' : 'response' });
    $upstream->node->psql('app', q(SELECT sum(upstream.request_sync(name)) FROM upstream.accounts));
    $upstream->node->psql('app', q(SELECT sum(upstream.full_refresh(name, 'orders')) FROM upstream.accounts)) if $round > 12 && $round % 5 == 0;
    $upstream->control('expire_access', { account => '*' }) if $stream eq 'token';
    $kills++ if $upstream->poll('the worker is gone', sub { !kill(0, $before) }, 20);
}
is($kills, 30, 'the worker was killed 30 times');
$upstream->control('clear_faults');
ok($upstream->poll('the server is back', sub { defined $upstream->worker_pid }, 30), 'the server came back by itself');
ok($upstream->settle, 'the worker settles, and nobody helped');
is($upstream->differences, '', 'every target equals the oracle');
is($upstream->stats->{overlaps}, 0, 'never two requests of one model at a time');
is(scalar(grep { $_->{reuses} } values %{ $upstream->stats->{accounts} }), 0, 'no refresh token was used outside the grace of its server');
is($upstream->sql(q(SELECT count(*) FROM upstream.runs WHERE status = 'running')), 0, 'runs that were cut off are settled');
cmp_ok($upstream->sql(q(SELECT count(*) FROM upstream.runs WHERE status = 'interrupted')), '>', 0, 'and say that they were interrupted');

done_testing();
