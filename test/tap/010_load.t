# 20 accounts x 3 streams x 2,000 rows with ties at page edges; rows change and tokens expire during the run.
use strict;
use warnings;
use Upstream;
use Test::More;

my $upstream = Upstream->new('load', conf => ["upstream.memory_limit = '8MB'"]);  # what is written at a time must take less than a token's life
my @accounts = map { "shop$_" } 1 .. 20;
$upstream->setup(
    accounts => \@accounts,
    streams => { map { ($_ => Upstream::rows(2000)) } qw(orders messages customers) },
    token_lifetime_s => 1, latency_ms => 150, mutate_every => 5, mutate_total => 150);
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor', size => 100), Upstream::stream('messages', 'page', size => 100), Upstream::stream('customers', 'next', size => 100) });
$upstream->create_account('shops', $_) for @accounts;

ok($upstream->poll('150 rows have changed', sub { $upstream->stats->{mutations} >= 150 }, 120), 'rows change while the models sync');
ok($upstream->settle, 'the worker settles');
is($upstream->differences, '', 'every target equals the oracle');
is(join(' ', map { $upstream->sql("SELECT count(*) FROM $_") } qw(orders messages customers)), '40000 40000 40000', 'in all 120,000 rows');

my $stats = $upstream->stats;
is($stats->{overlaps}, 0, 'never two requests of one model at a time');
my @tokens = values %{ $stats->{accounts} };
is(scalar(grep { $_->{reuses} || $_->{grace_uses} } @tokens), 0, 'no refresh token is used twice');
is(scalar(grep { $_->{early_refreshes} } @tokens), 0, 'no token is refreshed before its time');
cmp_ok((sort { $a <=> $b } map { $_->{refreshes} } @tokens)[0], '>', 2, 'the tokens of each account expired during the run');
my $refreshes = 0;
$refreshes += $_->{refreshes} for @tokens;
is($stats->{token_requests}, $refreshes, 'one request to the token endpoint per expiry, however many models of the account wait');
is($upstream->sql('SELECT sum(refreshes) FROM upstream.tokens'), $refreshes, 'upstream.tokens counts the same');
is($upstream->sql(q(SELECT string_agg(account || '/' || stream || ': ' || message, E'\n') FROM upstream.sync_runs WHERE status = 'failed')), '', 'no run failed');

done_testing();
