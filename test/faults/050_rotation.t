# Refresh tokens that rotate, and a worker that is killed in every window of it. With a grace of five seconds no account is lost; without any, only those are whose token was
# spent while its successor was on its way to us, and that shows within a second. 200 rotations each; UPSTREAM_ROTATIONS says how many others (script/rotation: 2,000).
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Faults;
use Test::More;
use Time::HiRes qw(time);

my $rotations = $ENV{UPSTREAM_ROTATIONS} // 200;
my @windows = (['stop', 'committing checking a token'], ['stop', 'after checking a token'], ['kill', 'request'], ['kill', 'response'], ['stop', 'before storing a token'],
    ['stop', 'committing storing a token'], ['stop', 'after storing a token']);
my $before_any = $windows[0][1];
my @accounts = map { "shop$_" } 1 .. 8;
my $upstream = Faults->new('rotation');
srand($ENV{UPSTREAM_SEED} // 20261125);

sub stale { $upstream->sql("UPDATE upstream.tokens SET expires_at = now(), refresh_at = now()"); $upstream->control('expire_access', { account => '*' }); }
sub lost { return $upstream->column("SELECT DISTINCT account FROM upstream.model_status WHERE state = 'needs_reauth'") }
sub uses { my $of = $upstream->stats->{accounts}; return map { ($_ => $of->{$_}{reuses}) } @accounts }

# One token of each account is spent; the worker dies once on the way, with up to eight requests of its own. Returns false if it was not killed.
sub rotate
{
    my ($kind, $where) = @{ $_[0] };
    $upstream->poll('a worker is there', sub { $upstream->worker_pid }, 30);
    my $pid = $upstream->worker_pid;
    if ($kind eq 'stop') { $upstream->arm('kill', $where eq $before_any ? 0 : int rand 8, $where) }
    else { $upstream->control('fault', { account => '*', stream => 'token', skip => int rand 8, times => 1, kind => 'kill', pid => $pid + 0, when => $where }) }
    stale();
    $upstream->sql('SELECT sum(upstream.request_sync(name)) FROM upstream.accounts');
    my $died = $upstream->poll("$pid dies", sub { !kill 0, $pid }, 10);
    $upstream->control('clear_faults');
    $upstream->disarm;
    return $died;
}

sub everybody_else_is_fresh
{
    return $upstream->poll('all others are fresh', sub {
        !$upstream->sql("SELECT count(*) FROM upstream.model_status m JOIN upstream.accounts a ON a.name = m.account JOIN upstream.tokens t USING (account_id)
            WHERE m.state <> 'needs_reauth' AND (m.state <> 'fresh' OR t.expires_at <= now())") }, 30);
}

for my $grace (5, 0)
{
    subtest $grace ? "a grace of $grace seconds" : 'no grace' => sub {
        $upstream->setup(accounts => \@accounts, streams => { orders => Upstream::rows(20) }, token_lifetime_s => 3600, grace_s => $grace);
        $upstream->sql("SELECT upstream.drop_source('shops', true)") if $upstream->sql("SELECT count(*) FROM upstream.sources");
        $upstream->sql('DROP TABLE IF EXISTS orders');
        $upstream->create_source('shops', { Upstream::stream('orders', 'cursor') }, retry => { base => '50 milliseconds', max => '200 milliseconds' });
        $upstream->create_account('shops', $_) for @accounts;
        ok($upstream->recovers, 'all models are fresh');
        my ($killed, $lost, $too_early, $late, $longest) = (0, 0, 0, 0, 0);
        for my $round (1 .. $rotations / 8)
        {
            my $window = $windows[ $round % @windows ];
            my %before = uses();
            $killed++ if rotate($window);
            my $began = time;
            everybody_else_is_fresh() or $late++;
            $longest = time - $began if time - $began > $longest;
            my %now = uses();
            my @lost = lost();
            $lost += @lost;
            $too_early += @lost if $window->[1] eq $before_any;
            is(join(' ', grep { $now{$_} - $before{$_} > 1 } @accounts), '', "no spent token was used twice, killed at: @$window") if grep { $now{$_} - $before{$_} > 1 } @accounts;
            is(join(' ', grep { my $name = $_; $now{$name} > $before{$name} && !grep { $_ eq $name } @lost } @accounts), '', 'whoever is refused says so') if $round % @windows == 0;
            $upstream->sign_in_again($_) for @lost;
        }
        my $refreshes = 0;
        $refreshes += $_->{refreshes} for values %{ $upstream->stats->{accounts} };
        cmp_ok($refreshes, '>=', 0.8 * $rotations, "$refreshes rotations");
        cmp_ok($killed, '>=', 0.8 * $rotations / 8, "$killed kills");
        is($late, 0, 'whoever was not lost went on');
        if ($grace) { is($lost, 0, 'no account was lost'); is(eval { my %uses = uses(); my $sum = 0; $sum += $_ for values %uses; $sum }, 0, 'no spent token was used after its grace') }
        else { is($too_early, 0, "$lost accounts were lost, none by a kill before its token was sent") }
        is($upstream->differences, '', 'every target equals the oracle');
        cmp_ok($longest, '<', 10, sprintf 'from the kill to fresh or needs_reauth: at most %.0f ms', 1000 * $longest);
    };
}

subtest '64 models need a token at a time' => sub {
    my @streams = map { sprintf 's%02d', $_ } 1 .. 64;
    $upstream->setup(accounts => ['one'], streams => { map { ($_ => Upstream::rows(3)) } @streams }, token_lifetime_s => 3600, grace_s => 0);
    $upstream->sql("SELECT upstream.drop_source('shops', true)");
    $upstream->create_source('shops', { map { Upstream::stream($_, 'cursor') } @streams });
    $upstream->create_account('shops', 'one');
    ok($upstream->recovers, 'all are fresh');
    is($upstream->stats->{token_requests}, 1, 'with one refresh');
    stale();
    ok($upstream->settle, 'once more, with the token run out');
    is($upstream->stats->{token_requests}, 2, 'with one more');
};

subtest 'two processes die with the same refresh token' => sub {
    $upstream->setup(accounts => ['one'], streams => { orders => Upstream::rows(3) }, token_lifetime_s => 3600, grace_s => 0);
    $upstream->sql("SELECT upstream.drop_source('shops', true)");
    $upstream->create_source('shops', { Upstream::stream('orders', 'cursor') });
    $upstream->arm('kill', 0, 'after checking a token');
    eval { $upstream->create_account('shops', 'one'); 1 } or $@ =~ /already exists/ or die $@;
    ok($upstream->poll('the first dies', sub { !$upstream->is_armed }, 20), 'one dies after it has written down that it sends the token');
    $upstream->arm('kill', 0, 'after checking a token');
    ok($upstream->poll('the second dies', sub { !$upstream->is_armed }, 20), 'so does the next, which sends it once more');
    ok($upstream->poll('it shows', sub { my $status = $upstream->status('one'); $status && $status->{state} eq 'needs_reauth' }, 20), 'the account has to sign in again');
    like($upstream->status('one')->{token_reason}, qr/probably spent.*Two processes ended/, 'and says why');
    is($upstream->stats->{token_requests} // 0, 0, 'the token is not sent a third time');
    $upstream->sign_in_again('one');
    ok($upstream->recovers, 'a new pair lets it go on');
};
done_testing();
