# Crash soup: kill -9 of the worker, half of the time at a random request of the load, half at a random stop point. After every kill the server comes back,
# and nothing is lost, doubled, or ahead. 100 kills; UPSTREAM_KILLS says how many others (script/soup: 2,000).
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Faults;
use Test::More;
use Time::HiRes qw(time);

my $kills = $ENV{UPSTREAM_KILLS} // 100;
my @points = ('before looking for due models', 'committing looking for due models', 'after looking for due models', 'before opening a target',
    'before checking a token', 'committing checking a token', 'after checking a token', 'before storing a token', 'committing storing a token', 'after storing a token',
    'decoding a page', 'before applying pages', 'committing applying pages', 'after applying pages');
# Small commits, so that there are enough of them for every point.
my $upstream = Faults->new('soup', conf => ["upstream.memory_limit = '64kB'"]);
my @accounts = map { "shop$_" } 1 .. 8;
$upstream->setup(accounts => \@accounts, streams => { orders => Upstream::rows(600) }, token_lifetime_s => 3600, grace_s => 3600, mutate_every => 5, mutate_total => 5 * $kills);
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor', size => 50) }, retry => { base => '50 milliseconds', max => '200 milliseconds' });
$upstream->create_account('shops', $_) for @accounts;

srand($ENV{UPSTREAM_SEED} // 20261125);
my (@recovery, $ahead, $killed, $missed) = ();
for my $round (1 .. $kills)
{
    my $pid;
    $upstream->poll('a worker is there', sub { $pid = $upstream->worker_pid }, 30) or last;
    my $point = $points[ rand @points ];
    my $random = $round % 2;
    if ($random) { $upstream->control('fault', { account => '*', stream => '*', skip => int rand 40, times => 1, kind => 'kill', pid => $pid + 0, when => rand() < 0.5 ? 'request' : 'response' }); }
    else { $upstream->arm('kill', $point =~ /page/ ? int rand 20 : 0, $point); }
    # Work for every point: all models read everything again, with new tokens.
    $upstream->control('expire_access', { account => '*' });
    $upstream->sql("UPDATE upstream.tokens SET expires_at = now(), refresh_at = now()");
    $upstream->sql("SELECT sum(upstream.full_refresh(name)) FROM upstream.accounts");
    my $died;
    if ($upstream->poll("$pid dies", sub { kill(0, $pid) ? 0 : ($died = time) }, 15)) { $killed++ } else { $missed++ }
    $upstream->control('clear_faults');
    $upstream->disarm;
    next unless $died;
    my $before = $upstream->stats->{requests} + $upstream->stats->{token_requests};
    # A kill after the very last commit leaves nothing to ask for.
    my $asks = sub { my $stats = $upstream->stats; return $stats->{requests} + $stats->{token_requests} > $before };
    my $done = sub { return !$upstream->sql("SELECT count(*) FROM upstream.model_status WHERE state <> 'fresh' OR half_done") };
    ok(0, 'the worker goes on') unless $upstream->poll('a new request', sub { $asks->() || $done->() }, 15);
    push @recovery, time - $died if $asks->();
    $ahead .= $upstream->ahead($_) for @accounts[ 0, 1 ];
}
cmp_ok($killed, '>=', 0.95 * $kills, "killed $killed times of $kills");
is($ahead, '', 'after no kill was a cursor ahead of its rows');
ok($upstream->recovers, 'all models get fresh, and nobody helped');
ok($upstream->settle, 'one more pass');
is($upstream->differences, '', '0 rows lost, 0 doubled: every target equals the oracle');
is($upstream->stats->{overlaps}, 0, 'never two requests of one model at a time');
is(scalar(grep { $_->{reuses} } values %{ $upstream->stats->{accounts} }), 0, 'no spent refresh token was used outside its grace');
is($upstream->sql("SELECT count(*) FROM upstream.model_status WHERE state = 'needs_reauth'"), 0, 'no account has to sign in again');
@recovery = sort { $a <=> $b } @recovery;
note sprintf 'from the kill to the first new request: p50 %.0f ms, p99 %.0f ms, longest %.0f ms, %d kills',
    map({ 1000 * $recovery[ int($_ * $#recovery) ] } 0.5, 0.99, 1), scalar @recovery;
done_testing();
