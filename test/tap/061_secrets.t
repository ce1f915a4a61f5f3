# Secrets that are replaced while the upstream is about to refuse the former ones: an account is parked on account of what it has.
use strict;
use warnings;
use Upstream;
use Test::More;

# Longer than a session of ours takes to commit.
my $upstream = Upstream->new('secrets', conf => ["upstream.lock_timeout = '20s'\n"]);
$upstream->sql('CREATE EXTENSION pg_upstream');

sub replaced { my ($name, $value) = @_; return "SELECT upstream.set_secret('a1', '$name', '$value')"; }

sub worker_waits
{
    return $upstream->poll('the worker waits',
        sub { $upstream->sql(q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_upstream' AND wait_event_type = 'Lock')) == 1 });
}

# When the person's transaction ends: before the refusal comes, or while it waits to be written down.
my %commits = (
    before => sub { $upstream->sql($_[0]); $upstream->control('release'); },
    during => sub { my $commit = $upstream->hold($_[0]); $upstream->control('release'); ok(worker_waits(), 'the refusal waits for the person'); $commit->(); });

# An API that wants a key, and a signature of the client's making.
for my $when (sort keys %commits)
{
    $upstream->setup(accounts => ['a1'], streams => { orders => Upstream::rows(20) }, auth => 'api_key');
    $upstream->create_source('shops', { Upstream::stream('orders', 'cursor') },
        auth => { type => 'api_key', in => 'header', name => 'X-Api-Key', value => '{secret.key}' },
        headers => { 'X-Signature' => '{secret.signature}' }, responses => [ { when => { status => 401 }, do => 'reauth' } ]);
    $upstream->control('fault', { account => 'a1', stream => 'orders', kind => 'status', status => 401, hang => JSON::PP::true });
    $upstream->create_account('shops', 'a1', credentials => { refresh_token => undef, key => 'key-a1', signature => 'former' });
    ok($upstream->poll('a request is on its way', sub { $upstream->in_flight }), "a request has the former secret; the new one is committed $when its refusal");
    $commits{$when}->(replaced('signature', 'new'));
    ok($upstream->recovers(20), 'the account is not parked, and asks with the new one at once');
    is($upstream->sql(q(SELECT string_agg(status, ', ' ORDER BY run_id) FROM upstream.sync_runs)), 'failed, succeeded', 'in the next run');

    $upstream->control('fault', { account => 'a1', stream => 'orders', kind => 'status', status => 401 });
    $upstream->sql(q(SELECT upstream.request_sync('a1')));
    ok($upstream->poll('it is parked', sub { $upstream->status('a1', 'orders')->{state} eq 'needs_reauth' }, 20), 'the present secret is parked when it is refused');
    $upstream->sql(replaced('signature', 'another'));
    ok($upstream->recovers(20), 'until there is another');
    $upstream->sql(q(SELECT upstream.drop_source('shops', true); DROP TABLE orders));
}

# A key that was wrong from the beginning, of an API whose spec does not say that a person is needed.
{
    $upstream->setup(accounts => ['a1'], streams => { orders => Upstream::rows(20) }, auth => 'api_key');
    $upstream->create_source('shops', { Upstream::stream('orders', 'cursor') }, auth => { type => 'api_key', in => 'header', name => 'X-Api-Key', value => '{secret.key}' }, retry => {});
    $upstream->create_account('shops', 'a1', credentials => { refresh_token => undef, key => 'wrong' });
    ok($upstream->poll('it fails', sub { ($upstream->status('a1', 'orders')->{error_code} // '') eq 'auth_failed' }, 20), 'a key that is refused is tried again later');
    $upstream->sql(replaced('key', 'key-a1'));
    ok($upstream->recovers(20), 'another one at once');
    $upstream->sql(q(SELECT upstream.drop_source('shops', true); DROP TABLE orders));
}

# A token endpoint that wants a client's secret.
sub create_oauth_source
{
    $upstream->create_source('shops', { Upstream::stream('orders', 'cursor') }, auth => { type => 'oauth2', grant_type => 'refresh_token',
        token_url => "$upstream->{url}/oauth/token", client_auth => 'basic', reauth_errors => [ 'invalid_grant', 'invalid_client' ] });
}

for my $when (sort keys %commits)
{
    $upstream->setup(accounts => ['a1'], streams => { orders => Upstream::rows(20) });
    create_oauth_source();
    $upstream->control('fault', { account => '*', stream => 'token', kind => 'hang' });
    $upstream->create_account('shops', 'a1', credentials => { client_secret => 'former' });
    ok($upstream->poll('a token is asked for', sub { $upstream->stats->{token_requests} }), "a token request has the former secret; the new one is committed $when its refusal");
    $commits{$when}->(replaced('client_secret', 'secret'));
    ok($upstream->recovers(20), 'the account is not parked, and asks with the new one at once');
    is($upstream->stats->{token_requests}, 2, 'once');
    is($upstream->sql(q(SELECT string_agg(status, ', ' ORDER BY run_id) FROM upstream.sync_runs)), 'succeeded', 'in the same run');
    $upstream->sql(q(SELECT upstream.drop_source('shops', true); DROP TABLE orders));
}

# An upstream that repeats a secret in its errors: one that was set after the run had begun.
$upstream->setup(accounts => ['a1'], streams => { orders => Upstream::rows(20) });
create_oauth_source();
$upstream->control('fault', { account => '*', stream => 'token', kind => 'hang' });
$upstream->control('fault', { account => '*', stream => 'token', kind => 'status', status => 401,
    body => '{"error": "invalid_client", "error_description": "not with wr0ng-secret"}' });
$upstream->create_account('shops', 'a1', credentials => { client_secret => 'former' });
ok($upstream->poll('a token is asked for', sub { $upstream->stats->{token_requests} }), 'a token request has the former secret');
$commits{before}->(replaced('client_secret', 'wr0ng-secret'));
ok($upstream->poll('it is parked', sub { $upstream->status('a1', 'orders')->{state} eq 'needs_reauth' }, 20), 'the new one is refused, too');
like($upstream->status('a1', 'orders')->{token_reason}, qr/invalid_client/, 'which model_status tells');
unlike($upstream->sql('SELECT m FROM upstream.model_status m') . $upstream->sql('SELECT r FROM upstream.sync_runs r'), qr/wr0ng/, 'without repeating it');

done_testing();
