# Tokens: refreshed in time, by one, and if they cannot be, one account says so.
use strict;
use warnings;
use Upstream;
use Test::More;

# Statements that hand secrets over are not logged, so that whatever is found in the log came from us.
my $upstream = Upstream->new('tokens', conf => ["log_statement = none\nlog_min_error_statement = panic\n"]);
my $node = $upstream->node;
my @accounts = qw(a1 a2 a3);
my @streams = map { "s$_" } 1 .. 8;
$upstream->setup(accounts => \@accounts, streams => { map { ($_ => Upstream::rows(20)) } @streams }, token_lifetime_s => 3600, grace_s => 15);
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->create_source('shops', { map { Upstream::stream($_, 'cursor') } @streams });
$upstream->create_account('shops', $_) for @accounts;
ok($upstream->settle, 'all models are fresh');
is($upstream->stats->{accounts}{a1}{refreshes}, 1, 'eight models needed a token, one refresh was made');

$upstream->control('expire_access', { account => 'a1' });
ok($upstream->settle(60), 'a token that the upstream refuses is refreshed');
is($upstream->stats->{accounts}{a1}{refreshes}, 2, 'once for all models of the account');
is($upstream->stats->{accounts}{a2}{refreshes}, 1, 'and for no other account');

$upstream->sql(q(UPDATE upstream.tokens SET expires_at = now() + interval '1 minute', lifetime = '1 hour', refresh_at = now()));
ok($upstream->settle, 'a token near its end is refreshed before it is used');
is($upstream->stats->{accounts}{a1}{unauthorized}, $upstream->stats->{accounts}{a2}{unauthorized} + 8, 'without another 401');

# Sessions and worker need the same token at the same time, while a refresh takes a second.
$upstream->control('fault', { account => 'a3', stream => 'token', times => 1, kind => 'delay', ms => 1000 });
$upstream->control('expire_access', { account => '*' });
my $before = $upstream->stats->{accounts}{a3}{refreshes};
my @calls = map { IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('app'), '-c', "CALL upstream.sync('a3', 's$_')" ], '>', \my $out, '2>', \my $err) } 1 .. 4;
$upstream->sql(q(SELECT upstream.request_sync('a3')));
$_->finish for @calls;
ok($upstream->settle, 'four sessions and the worker sync at once');
is($upstream->stats->{accounts}{a3}{refreshes}, $before + 1, 'and refresh once');
is($upstream->stats->{accounts}{a3}{reuses} + $upstream->stats->{accounts}{a3}{grace_uses}, 0, 'never with a spent token');

# A new token that the upstream does not take: such as the answer of a grace period, whose access token has ended meanwhile.
{
    $upstream->sql(q(UPDATE upstream.tokens SET expires_at = now() + interval '1 minute', lifetime = '1 hour', refresh_at = now()));
    $upstream->control('fault', { account => 'a3', stream => 's1', kind => 'status', status => 401 });
    is($upstream->call(q('a3', 's1'))->{results}[0]{message}, 'ok', 'a 401 after a refresh that was due anyway is the first 401, and refreshes once');
}
$upstream->control('clear_faults');
ok($upstream->settle, 'all models are fresh');

# A CALL that is cancelled while a refresh token is on its way: it may be spent.
{
    my $recovered = q(SELECT coalesce(recovered, 0) FROM upstream.tokens JOIN upstream.accounts USING (account_id) WHERE name = 'a1');
    $upstream->sql(q(SELECT upstream.pause('a1')));
    $upstream->control('expire_access', { account => 'a1' });
    $upstream->control('fault', { account => 'a1', stream => 'token', kind => 'hang' });
    my ($asked, $before) = ($upstream->stats->{token_requests}, $upstream->sql($recovered));
    my $call = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('app'), '-c', q(CALL upstream.sync('a1', 's1')) ], '>', \my $out, '2>', \my $err);
    ok($upstream->poll('it asks', sub { $upstream->stats->{token_requests} > $asked }, 20), 'a session asks for a token');
    $upstream->sql(q(SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CALL%'));
    $call->finish;
    $upstream->control('release');
    is($upstream->call(q('a1', 's1'))->{results}[0]{message}, 'ok', 'another CALL has it by the grace of the upstream');
    is($upstream->sql($recovered), $before + 1, 'and knows that its refresh token was sent before');
    $upstream->sql(q(SELECT upstream.resume('a1')));
    ok($upstream->settle, 'all models are fresh');
}

# Lost and damaged answers: the refresh took effect, and the grace of the upstream answers again.
for my $bad ([ truncate => { at => 60 }, 'net_partial' ], [ bad_json => {}, 'not_json' ], [ reset => {}, 'net_partial' ])
{
    my ($kind, $more, $code) = @$bad;
    $upstream->control('expire_access', { account => 'a2' });
    $upstream->control('fault', { account => 'a2', stream => 'token', kind => $kind, times => -1, %$more });
    $upstream->sql(q(SELECT upstream.request_sync('a2', 's1')));
    ok($upstream->poll('the failure shows', sub { ($upstream->status('a2', 's1')->{error_code} // '') eq $code }, 20), "an answer lost by $kind is a clear error: $code");
    unlike($upstream->sql(q(SELECT string_agg(m::text, ' ') FROM upstream.model_status m)), qr/[ar]t-a2/, 'that shows no piece of it');
    $upstream->control('clear_faults');
    ok($upstream->settle, 'and the pair is had after all');
}
cmp_ok($upstream->stats->{accounts}{a2}{grace_uses}, '>', 2, 'by the grace of the upstream');

# An upstream that repeats our secrets in its errors.
{
    my $spoken = $upstream->sql(q(SELECT access_token FROM upstream.tokens JOIN upstream.accounts USING (account_id) WHERE name = 'a3'));
    $upstream->control('fault', { account => 'a3', stream => 's1', kind => 'status', status => 403, body => "{\"error\":\"not with $spoken\"}" });
    my $result = $upstream->call(q('a3', 's1'))->{results}[0];
    is(index($result->{message} . $upstream->sql(q(SELECT string_agg(m::text, ' ') FROM upstream.model_status m)), $spoken), -1, 'an access token that the upstream repeats is not shown');
}
$upstream->control('clear_faults');
ok($upstream->settle, 'all models are fresh');

# Answers of the token endpoint that are none.
for my $bad ([ html => {}, 'not_json' ], [ status => { status => 500 }, 'server_error' ], [ status => { status => 200, body => '{"token_type":"Bearer"}' }, 'shape' ])
{
    my ($kind, $more, $code) = @$bad;
    $upstream->control('expire_access', { account => 'a2' });
    $upstream->control('fault', { account => '*', stream => 'token', kind => $kind, times => -1, %$more });
    $upstream->sql(q(SELECT upstream.request_sync('a2', 's1')));
    ok($upstream->poll('the failure shows', sub { ($upstream->status('a2', 's1')->{error_code} // '') eq $code }, 20), "a token endpoint that answers $kind is a clear error: $code");
    $upstream->control('clear_faults');
    ok($upstream->settle, 'and passes with its cause');
}

# A family that was revoked.
ok(revoke('a2'), 'somebody uses a spent refresh token: the upstream revokes the family');
$upstream->sql('SELECT upstream.request_sync(name) FROM upstream.accounts');
ok($upstream->poll('a2 is parked', sub { $upstream->sql(q(SELECT bool_and(state = 'needs_reauth') FROM upstream.model_status WHERE account = 'a2')) eq 't' }, 20),
    'invalid_grant parks the account');
like($upstream->status('a2', 's1')->{token_reason}, qr/invalid_grant/, 'with the reason');
is($upstream->sql(q(SELECT count(*) FROM upstream.model_status WHERE account = 'a2' AND next_attempt_at IS NOT NULL)), 0, 'and no further attempt');
ok($upstream->poll('others are fresh', sub { $upstream->sql(q(SELECT bool_and(state = 'fresh') FROM upstream.model_status WHERE account <> 'a2')) eq 't' }, 20), 'other accounts go on');
like($upstream->call(q('a2', 's1'))->{results}[0]{message}, qr/sign in again.*invalid_grant/, 'a CALL says so, too');

my $fresh = $upstream->control('reseed_token', { account => 'a2' });
$upstream->sql("SELECT upstream.update_token('a2', '$fresh->{access_token}', '$fresh->{refresh_token}', now() + interval '1 hour')");
ok($upstream->settle, 'update_token() lets it run again');

# Somebody signs in while the upstream is about to refuse the former pair.
ok(revoke('a1'), 'the family of another account is revoked');
$upstream->control('fault', { account => 'a1', stream => 'token', kind => 'hang' });
$upstream->control('expire_access', { account => 'a1' });
my ($asked, $before_401) = ($upstream->stats->{token_requests}, $upstream->stats->{accounts}{a1}{unauthorized});
$upstream->sql(q(SELECT upstream.request_sync('a1', 's1')));
ok($upstream->poll('a refresh is on its way', sub { $upstream->stats->{token_requests} > $asked }, 20), 'a refresh is on its way');
$fresh = $upstream->control('reseed_token', { account => 'a1' });
$upstream->sql("SELECT upstream.update_token('a1', '$fresh->{access_token}', '$fresh->{refresh_token}', now() + interval '1 hour')");
$upstream->control('release');
ok($upstream->settle, 'a refusal of the former pair does not count against the new one');
is($upstream->stats->{accounts}{a1}{unauthorized}, $before_401 + 1, 'which is not refreshed for it');

# No token anywhere it can be read.
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
my @secrets = ($upstream->sql('SELECT access_token FROM upstream.tokens'), $upstream->sql('SELECT refresh_token FROM upstream.tokens'));
my @known = (map({ split /\n/ } @secrets), map({ "rt-$_-0" } @accounts));
is(scalar(@known), 9, 'three accounts have two tokens each, and had one at first');
is(scalar(grep { index($log, $_) >= 0 } @known), 0, 'tokens are not in the log');
my $seen = join '', map { $upstream->sql("SELECT v::text FROM upstream.$_ v") } qw(model_status sync_runs models_needing_sync pg_stat_upstream accounts sources);
is(scalar(grep { index($seen, $_) >= 0 } @known, 'secret'), 0, 'nor in any view');
is($upstream->sql(q(SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%rt-a%' AND pid <> pg_backend_pid())), 0, 'nor in pg_stat_activity');

done_testing();

# Uses the first refresh token of an account once more, when the grace for it is over.
sub revoke
{
    my ($account) = @_;
    return $upstream->poll("$account has lost its tokens", sub {
        $upstream->{http}->post_form("$upstream->{url}/oauth/token", { grant_type => 'refresh_token', refresh_token => "rt-$account-0", client_id => 'client', client_secret => 'secret' });
        $upstream->stats->{accounts}{$account}{revoked}
    }, 60);
}
