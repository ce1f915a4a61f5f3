# Fault rain: three of ten answers are broken, in fourteen ways, token requests too, while rows change. One pass after it stops every table equals the oracle.
# 20,000 requests; UPSTREAM_REQUESTS says how many others (script/rain: 1,000,000).
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Faults;
use Test::More;

my $requests = $ENV{UPSTREAM_REQUESTS} // 20_000;
my @kinds = qw(status408 status429 status500 status502 status503 status504 reset truncate html bad_json missing_list repeat_token deep delay);
my $upstream = Faults->new('rain', conf => ["upstream.max_in_flight = 16"]);
my @accounts = map { "shop$_" } 1 .. 25;
$upstream->setup(accounts => \@accounts, streams => { orders => Upstream::rows(1000), lines => Upstream::rows(500) }, token_lifetime_s => 3600, grace_s => 3600, mutate_every => 50, mutate_total => int($requests / 100));
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor', size => 50), Upstream::stream('lines', 'next', size => 50) },
    retry => { base => '5 milliseconds', max => '50 milliseconds' }, timeouts => { total => '2 seconds', connect => '1 second' });
$upstream->control('rain', { percent => 30, seed => ($ENV{UPSTREAM_SEED} // 20261125) + 0, kinds => \@kinds, ms => 20, token => JSON::PP::true });
$upstream->create_account('shops', $_) for @accounts;

my ($asked, $rounds, $parked) = (0, 0, 0);
while ($asked < $requests)
{
    $rounds++;
    # Some start over, the others go on.
    $upstream->sql("SELECT sum(upstream.full_refresh(name)) FROM upstream.accounts WHERE account_id % 5 = $rounds % 5");
    $upstream->sql('UPDATE upstream.tokens SET expires_at = now(), refresh_at = now()') if $rounds % 4 == 0;
    # A refused token request may park an account, as it should: somebody signs in again.
    for my $account ($upstream->column("SELECT DISTINCT account FROM upstream.model_status WHERE state = 'needs_reauth'"))
    {
        $parked++;
        $upstream->sign_in_again($account);
    }
    my $until = $asked + 400;
    my $goes_on = sub {
        # Nobody waits a minute here because an answer was no JSON, or a second because there was a 429.
        $upstream->sql("SELECT upstream.release_limits('shops')");
        $upstream->sql("SELECT sum(upstream.request_sync(account, stream)) FROM upstream.model_status WHERE state <> 'fresh' AND next_attempt_at > now() + interval '100 milliseconds'");
        $asked = $upstream->stats->{requests};
        return $asked >= $until || !$upstream->sql("SELECT count(*) FROM upstream.model_status WHERE state <> 'fresh'");
    };
    $upstream->poll("request $until", $goes_on, 60) or last;
}
my $stats = $upstream->stats;
cmp_ok($asked, '>=', $requests, "$asked requests in the rain, and $stats->{token_requests} for tokens");
cmp_ok($stats->{faults}, '>=', 0.25 * $requests, "$stats->{faults} faults");
is($stats->{overlaps}, 0, 'never two requests of one model at a time');
is($parked, 0, 'no account had to sign in again');

$upstream->control('rain', { percent => 0 });
$upstream->sql("SELECT upstream.release_limits('shops')");
ok($upstream->settle, 'one pass after the rain');
is($upstream->differences, '', 'every target equals the oracle');
is($upstream->sql('SELECT count(*) FROM upstream.rejected_rows'), 0, 'no row was put aside');
is($upstream->sql("SELECT count(*) FROM upstream.sync_runs WHERE status = 'running'"), 0, 'no run is left open');
done_testing();
