# A worker that is stopped after it has decided to send a request, and before it sends it. When it goes on, another has taken over and is asking: nothing is sent.
# (040_zombies.t stops workers at random, and meets this moment once in many rounds.) A refresh token that is sent late is a second use of it, for which an upstream
# may take all tokens away.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Faults;
use Test::More;

my $upstream = Faults->new('late', conf => [ "upstream.workers = 2", "upstream.lease_timeout = '9s'" ]);
my %skip = ('the first page' => 1, 'a token' => 0);  # the requests that a new account's worker sends before
my %account = ('the first page' => 'shop1', 'a token' => 'shop2');
$upstream->setup(accounts => [ values %account ], streams => { orders => Upstream::rows(100) }, token_lifetime_s => 3600, grace_s => 0);
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor', size => 50) }, retry => { base => '50 milliseconds', max => '200 milliseconds' });
ok($upstream->poll('two workers', sub { $upstream->sql('SELECT count(*) FROM upstream.pg_stat_upstream_workers') == 2 }, 30), 'two workers');

for my $what ('the first page', 'a token')
{
    subtest $what => sub {
        my $account = $account{$what};
        my $stream = $what eq 'a token' ? 'token' : 'orders';
        my $holder = sub { $upstream->sql("SELECT lease_pid FROM upstream.model_state JOIN upstream.models USING (model_id) JOIN upstream.accounts USING (account_id) WHERE name = '$account'") };
        my $before = $upstream->stats;
        my $sent = sub { my $stats = $upstream->stats; return $stats->{requests} + $stats->{token_requests} - $before->{requests} - $before->{token_requests}; };
        $upstream->control('fault', { account => $account, stream => $stream, skip => 0, times => -1, kind => 'hang' });
        $upstream->arm('stop', $skip{$what}, 'before sending a request');
        $upstream->create_account('shops', $account);
        my $late;
        ok($upstream->poll('it stops', sub { ($late = $holder->()) && ($upstream->process_state($late) // '') eq 'T' }, 20), 'a worker stops before its request is sent');
        is($sent->(), $skip{$what}, 'nothing has been sent of it');
        ok($upstream->poll('another asks', sub { $sent->() > $skip{$what} && $holder->() != $late }, 40), 'another takes over, and asks');

        my $turns = $upstream->sql("SELECT wakeups FROM upstream.pg_stat_upstream_workers WHERE pid = $late");
        kill 'CONT', $late;
        ok($upstream->poll('it gives up', sub { $upstream->sql("SELECT running = 0 AND wakeups > $turns FROM upstream.pg_stat_upstream_workers WHERE pid = $late") }, 20), 'the late one gives its run up');
        is($sent->(), $skip{$what} + 1, 'and has sent nothing');
        $upstream->control('clear_faults');
        $upstream->control('release');
        ok($upstream->recovers(20), 'the model becomes fresh');
        is($upstream->stats->{overlaps}, 0, 'never two requests of it at a time');
        is($upstream->stats->{accounts}{$account}{reuses}, 0, 'nor a second use of a refresh token');
    };
}
is($upstream->differences, '', 'every target equals the oracle');
done_testing();
