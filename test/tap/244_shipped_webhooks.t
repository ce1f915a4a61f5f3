# Calls to the sources that come with pg_upstream: signed as each upstream signs them, they reach the account that they are for, and the stream that they are about.
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256 hmac_sha256_hex);
use JSON::PP;
use MIME::Base64;
use Upstream;
use Test::More;

my $json = JSON::PP->new->canonical;
my $upstream = Upstream->new('shipped_webhooks', databases => '');
$upstream->sql('CREATE EXTENSION pg_upstream');

# By now and body: the headers of a genuine call.
my %cases = (
    fanvue => {
        config => { handle => 'c', creator_uuid => '0c5d3a1e-0000-4000-8000-000000000001' }, other => { handle => 'd', creator_uuid => '0c5d3a1e-0000-4000-8000-000000000002' },
        credentials => { client_id => 'i', client_secret => 's', webhook_signing_secret => 'of-the-app' },
        body => { id => 'evt_1', type => 'message.received', data => { creator_uuid => '0c5d3a1e-0000-4000-8000-000000000001' } }, streams => 'chats',
        headers => sub { my ($now, $body) = @_; return { 'X-Fanvue-Signature' => "t=$now,v0=" . hmac_sha256_hex("$now.$body", 'of-the-app') } } },
    messenger => {
        config => { page_id => '4711' }, other => { page_id => '4712' },
        credentials => { page_access_token => 't', app_secret => 'of-the-app', webhook_verify_token => 'may-i' },
        body => { object => 'page', entry => [ { id => '4711', time => 1, messaging => [ { sender => { id => '1' }, message => { mid => 'm_1', text => 'h' } } ] } ] }, streams => 'conversations',
        headers => sub { my ($now, $body) = @_; return { 'X-Hub-Signature-256' => 'sha256=' . hmac_sha256_hex($body, 'of-the-app') } } },
    shipbob => {
        config => { client_id => '1' }, other => { client_id => '2' },
        credentials => { personal_access_token => 't', webhook_secret => 'whsec_' . encode_base64('of-the-first', '') },
        other_credentials => { personal_access_token => 't', webhook_secret => 'whsec_' . encode_base64('of-the-second', '') },
        body => { id => 1 }, streams => 'orders',
        headers => sub {
            my ($now, $body) = @_;
            return { 'webhook-id' => 'msg_1', 'webhook-timestamp' => "$now", 'x-webhook-topic' => 'order.shipped',
                'webhook-signature' => 'v1,' . encode_base64(hmac_sha256("msg_1.$now.$body", 'of-the-first'), '') } } },
    stripe => {
        config => {}, other => {}, credentials => { api_key => 'k', webhook_signing_secret => 'whsec_first' }, other_credentials => { api_key => 'k', webhook_signing_secret => 'whsec_second' },
        body => { id => 'evt_1', type => 'customer.subscription.updated', data => { object => { id => 'sub_1' } } }, streams => 'events',
        headers => sub { my ($now, $body) = @_; return { 'Stripe-Signature' => "t=$now,v1=" . hmac_sha256_hex("$now.$body", 'whsec_first') . ',v0=0' } } });

for my $name (sort keys %cases)
{
    my $case = $cases{$name};
    my $schema = $name eq 'messenger' ? 'messenger' : 'public';
    $upstream->sql("SELECT upstream.install_source('$name', '$schema')");
    for my $account ([ 'first', $case->{config}, $case->{credentials} ], [ 'second', $case->{other}, $case->{other_credentials} // $case->{credentials} ])
    {
        my ($config, $credentials) = map { $json->encode($_) } @$account[ 1, 2 ];
        $upstream->sql("SELECT upstream.create_account('$name', '$account->[0]', \$j\$$config\$j\$, \$j\$$credentials\$j\$)");
    }
    $upstream->sql(q(UPDATE upstream.model_state SET due_reason = 'schedule'));
    my $requested = qq(SELECT string_agg(account || ':' || stream, ' ' ORDER BY 1) FROM upstream.models_needing_sync WHERE reason = 'requested');
    my $body = $json->encode($case->{body});
    my $call = sub {
        my ($text) = @_;
        my $headers = $json->encode($case->{headers}->(time, $body));
        return $upstream->sql("SELECT status FROM upstream.receive_webhook('$name', \$j\$$headers\$j\$, '\\x" . unpack('H*', $text) . "')");
    };
    is($call->($body . ' '), 401, "$name: a body that was changed is refused");
    is($upstream->sql($requested), '', 'and changes nothing');
    is($call->($body), 200, 'a genuine call is taken');
    is($upstream->sql($requested), "first:$case->{streams}", 'for the account and the stream that it is about');
    $upstream->sql(q(UPDATE upstream.model_state SET due_reason = 'schedule'));
    is($call->($body) . $upstream->sql($requested), '200', 'a second time it has no effect');
}
is($upstream->sql(q(SELECT status || ' ' || answer FROM upstream.receive_webhook('messenger', '{}', NULL, '{"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "may-i"}'))),
    '200 1158201444', 'messenger: the handshake is answered');

done_testing();
