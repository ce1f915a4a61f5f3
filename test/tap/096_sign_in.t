# Every way to sign in, against an upstream that checks what it is shown: who asks for a token, how often, with what, and what happens when it ends.
use strict;
use warnings;
use JSON::PP;
use SignIn;
use Upstream;
use Test::More;

my $json = JSON::PP->new->canonical;
my $gate = SignIn->new;
my $url = $gate->url;
my $upstream = Upstream->new('sign_in', databases => '', conf => ["log_statement = none\nlog_min_error_statement = panic\n"]);
$upstream->sql('CREATE EXTENSION pg_upstream');

sub stream
{
    my ($path, $target, %more) = @_;
    return { path => $path, records => '$.data', primary_key => ['id'], target => $target,
        columns => { id => 'id', who => 'who', instance => 'instance', owner => 'owner' }, %more };
}

# A source with two streams that sign in alike, and one account.
sub make
{
    my ($name, $way, $auth, $credentials, %more) = @_;
    my $spec = $json->encode({ spec_version => 1, source => $name, base_url => $url, auth => $auth, retry => { base => '10 milliseconds', max => '20 milliseconds' },
        streams => { one => stream("/data/$way/one", "${name}_one"), two => stream("/data/$way/two", "${name}_two") }, %more });
    $upstream->sql("SELECT upstream.create_source('$name', \$s\$$spec\$s\$)");
    my $secrets = $json->encode($credentials);
    $upstream->sql("SELECT upstream.create_account('$name', '$name', '{}', \$s\$$secrets\$s\$)");
    $gate->log;
}

# What went wrong in a sync; '' if nothing did.
sub sync { my ($name) = @_; return join "\n", grep { $_ ne 'ok' } map { $_->{message} } @{ $upstream->call("'$name'")->{results} }; }
sub rows { my ($name) = @_; return $upstream->sql("SELECT count(*), min(who), min(instance), min(owner) FROM (TABLE ${name}_one UNION ALL TABLE ${name}_two) r"); }
sub asked { my ($path, @log) = @_; return scalar grep { $_->{path} eq $path } @log; }

# client_credentials: JSON request, paths in the answer, a header of its own
make('client', 'header',
    { type => 'oauth2', grant_type => 'client_credentials', token_url => "$url/token", token_format => 'json', client_auth => 'body', params => { audience => 'orders' },
        response => { access_token => '$.data.token', expires_at => '$.data.until', expires_at_format => 'epoch' }, send => { in => 'header', name => 'X-Shop-Token' } },
    { client_id => 'client', client_secret => 'secret' });
is(sync('client'), '', 'client_credentials: a sync succeeds');
is(rows('client'), '6|client for orders||', 'with the parameters of the token request');
my @log = $gate->log;
is(asked('/token', @log), 1, 'one token does for two streams');
is_deeply($json->decode($log[0]{body}), { grant_type => 'client_credentials', client_id => 'client', client_secret => 'secret', audience => 'orders' }, 'and was asked for in JSON');
is(sync('client') . asked('/token', $gate->log), '0', 'it is kept');
$gate->revoke;
is(sync('client'), '', 'when it ends early, a new one is asked for');
is(asked('/token', $gate->log), 1, 'once');
is($upstream->sql(q(SELECT expires_at BETWEEN now() + interval '50 minutes' AND now() + interval '61 minutes' FROM upstream.tokens)), 't', 'its end is known from the answer');

# password: a setting is remembered from the answer
make('password', 'bearer',
    { type => 'oauth2', grant_type => 'password', token_url => "$url/token", client_auth => 'basic', remember => { instance_url => '$.instance_url' } },
    { client_id => 'client', client_secret => 'secret', username => 'anna', password => 'pw-of-anna' },
    base_url => '{account.instance_url}', account => { properties => { instance_url => { format => 'url' } } });
is(sync('password'), '', 'password: a sync succeeds');
is(rows('password'), '6|anna|/instance|', 'at the instance that came with the token');
like(($gate->log)[0]{body}, qr/grant_type=password/, 'the password was sent once');
$gate->revoke;
is(sync('password'), '', 'when the token ends early, a new one is asked for');
is_deeply([ map { $_->{body} =~ /grant_type=(\w+)/ ? $1 : () } $gate->log ], ['password'], 'once, by the password again');

# login: a session by a request of its own, sent as a cookie
make('login', 'cookie',
    { type => 'login', request => { method => 'POST', url => '/session', body => { user => '{secret.username}', password => '{secret.password}' }, body_format => 'form',
            auth => { type => 'api_key', in => 'header', name => 'X-App', value => '{secret.app_key}' } },
        token => '$.session.id', expires_in => '$.session.ttl', send => { in => 'cookie', name => 'session' }, remember => { owner => '$.session.user' } },
    { username => 'berta', password => 'pw-of-berta', app_key => 'app-key' },
    account => { properties => { owner => {} } }, defaults => { params => { owner => '{account.owner}' } });
is(sync('login'), '', 'login: a sync succeeds');
is(rows('login'), '6|berta||owner-of-berta', 'with what the answer told of the session');
is(asked('/session', $gate->log), 1, 'one session does for two streams');
$gate->revoke;
is(sync('login'), '', 'a session that ended is begun anew');
is(asked('/session', $gate->log), 1, 'once');
$upstream->sql(q(SELECT upstream.set_secret('login', 'password', 'changed')));
$gate->revoke;
like(sync('login'), qr/401|refuse|credential/i, 'a password that is wrong is told');
is($upstream->sql(q(SELECT count(*) FROM upstream.model_status WHERE account = 'login' AND error_code IN ('auth_failed', 'needs_reauth'))), 2, 'as what it is');

# jwt: signed here, checked there
my $claims = { iss => '{secret.client_email}', aud => "$url/data" };
make('signed', 'signed', { type => 'jwt', algorithm => 'HS256', key => '{secret.key}', headers => { kid => 'k1' }, claims => $claims, lifetime => '10 minutes' },
    { client_email => 'shop1@upstream.example', key => 'the key of shop1' });
is(sync('signed'), '', 'jwt: a sync succeeds');
is(rows('signed'), '6|shop1@upstream.example||', 'with a token that was signed here');
is(join(' ', map { $_->{path} } grep { $_->{path} !~ m{^/data} } $gate->log), '', 'and nobody was asked for one');

# jwt with token_url: exchanged for an access token (RFC 7523)
make('assertion', 'bearer', { type => 'jwt', algorithm => 'HS256', key => '{secret.key}', claims => { %$claims, aud => "$url/token" }, lifetime => '10 minutes', token_url => "$url/token" },
    { client_email => 'shop1@upstream.example', key => 'the key of shop1' });
is(sync('assertion'), '', 'assertion: a sync succeeds');
is(rows('assertion'), '6|shop1@upstream.example by assertion||', 'with the token that the assertion was exchanged for');
is(asked('/token', $gate->log), 1, 'once');
$upstream->sql(q(SELECT upstream.set_secret('assertion', 'key', 'another key')));
$gate->revoke;
isnt(sync('assertion'), '', 'a wrong key fails');
unlike($upstream->sql(q(SELECT string_agg(m::text, ' ') FROM upstream.model_status m)), qr/another key|pw-of|token-\d/, 'and no view shows a secret');

# streams with a way of their own, each with its own token
make('own', 'key', { one_of => { key => { type => 'api_key', in => 'header', name => 'X-Key', value => '{secret.key}' },
        user => { type => 'oauth2', grant_type => 'password', token_url => "$url/token" } } },
    { key => 'the-key', username => 'carl', password => 'pw-of-carl', client_id => 'client', client_secret => 'secret' },
    streams => { one => stream('/data/key/one', 'own_one'), two => stream('/data/bearer/two', 'own_two', auth => 'user'),
        three => stream('/data/header/three', 'own_three', auth => { type => 'oauth2', grant_type => 'client_credentials', token_url => "$url/token", params => { audience => 'three' },
            response => { access_token => '$.data.token' }, send => { in => 'header', name => 'X-Shop-Token' } }) });
is(sync('own'), '', 'three streams with three ways: a sync succeeds');
is($upstream->sql('SELECT string_agg(DISTINCT who, $$, $$ ORDER BY who) FROM (TABLE own_one UNION ALL TABLE own_two UNION ALL TABLE own_three) r'), 'carl, client for three, the key',
    'each with its own credential');
is(asked('/token', $gate->log), 2, 'two of which are tokens');
$gate->revoke;
is(sync('own') . asked('/token', $gate->log), '2', 'which are renewed apart');

# An account names its way.
$upstream->sql(q(SELECT upstream.create_account('own', 'by_user', '{"auth": "user"}', '{"username": "dora", "password": "pw-of-dora", "client_id": "client", "client_secret": "secret"}', '{two}')));
is(sync('by_user'), '', 'an account that names its way: a sync succeeds');
is($upstream->sql(q(SELECT min(who) FROM own_two JOIN upstream.accounts USING (account_id) WHERE name = 'by_user')), 'dora', 'as who it says');

done_testing();
