# What an upstream may do wrong: a clear error in model_status and in the CALL, cursor and rows unmoved, other models unaffected, recovery by itself.
use strict;
use warnings;
use Upstream;
use Test::More;
use Time::HiRes qw(time);

my $upstream = Upstream->new('failures', databases => '', conf => ["upstream.max_page_size = '1MB'\n"]);
$upstream->setup(accounts => ['a1'], streams => { orders => Upstream::rows(500), others => Upstream::rows(20) });
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor', size => 100), Upstream::stream('others', 'cursor') },
    retry => { base => '10 milliseconds', max => '20 milliseconds' }, timeouts => { connect => '1 second', total => '2 seconds' });
$upstream->create_account('shops', 'a1');
$upstream->call(q('a1'));

sub state_of { return $upstream->sql(q(SELECT cursor || ' ' || (SELECT md5(string_agg(o::text, '' ORDER BY id)) FROM orders o) FROM upstream.model_status WHERE stream = 'orders')); }

# fails(name, fault, code, message): the second page of a full read goes wrong.
sub fails
{
    my ($name, $fault, $code, $message) = @_;
    subtest $name => sub {
        my $before = state_of();
        $upstream->control('fault', { account => '*', stream => 'orders', skip => 1, times => -1, %$fault });
        my ($result) = grep { $_->{stream} eq 'orders' } @{ $upstream->call(q('a1', NULL, true))->{results} };
        my $status = $upstream->status('a1', 'orders');
        is($status->{error_code}, $code, "error_code is $code");
        like("$status->{error_message} $status->{error_detail}", $message, 'model_status says what happened');
        like($result->{message}, $message, 'so does the CALL');
        ok(defined $status->{next_attempt_at}, 'the next attempt is known');
        is(state_of(), $before, 'cursor and rows have not moved');
        is($upstream->status('a1', 'others')->{state}, 'fresh', 'the other model is fresh');
        $upstream->control('clear_faults');
        $upstream->control('release');
        $upstream->call(q('a1', 'orders'));
        is($upstream->status('a1', 'orders')->{state}, 'fresh', 'the next run goes well');
        is($upstream->differences, '', 'and the target equals the oracle');
    };
}

fails('a server error', { kind => 'status', status => 503, body => 'down' }, 'server_error', qr/upstream answered 503/);
fails('not found', { kind => 'status', status => 451, body => '{}' }, 'http_error', qr/upstream answered 451/);
fails('forbidden', { kind => 'status', status => 403, body => '{"error":"no"}' }, 'forbidden', qr/upstream answered 403/);
fails('a redirect', { kind => 'status', status => 302, headers => { Location => 'http://127.0.0.1:1/' } }, 'http_error', qr/upstream answered 302/);
fails('a connection reset', { kind => 'reset' }, 'net_partial', qr/127\.0\.0\.1/);
fails('an answer cut short', { kind => 'truncate', at => 1000 }, 'net_partial', qr/127\.0\.0\.1/);
fails('no answer', { kind => 'hang' }, 'net_timeout', qr/2(\.\d+)? s/);
fails('HTML', { kind => 'html' }, 'not_json', qr/not JSON.*<(!doctype )?html/i);
fails('broken JSON', { kind => 'bad_json' }, 'not_json', qr/not JSON.*byte \d+/);
fails('a list that is not there', { kind => 'missing_list' }, 'shape', qr/no records at "\$\.data"/);
fails('a page token that repeats', { kind => 'repeat_token' }, 'cursor_loop', qr/same page token twice|same records/);
fails('a value that its column cannot hold', { kind => 'type_change' }, 'target_error', qr/record \d+: invalid input syntax for type integer: "many".*Column "quantity"/);
fails('bytes that are not UTF-8', { kind => 'bad_utf8' }, 'not_json', qr/byte \d+/);
fails('a NUL in a text', { kind => 'nul' }, 'target_error', qr/record \d+: .*Column "name"/);
fails('nesting without end', { kind => 'deep' }, 'decode', qr/64/);
fails('an answer too large', { kind => 'huge', bytes => 3_000_000 }, 'too_large', qr/larger than 1048576 bytes/);

# 429: never before Retry-After.
$upstream->control('reset_stats');
$upstream->control('fault', { account => '*', stream => 'orders', kind => 'status', status => 429, headers => { 'Retry-After' => '1' }, times => 1 });
my $began = time;
my ($result) = @{ $upstream->call(q('a1', 'orders'))->{results} };
is($result->{message}, 'ok', 'a CALL sits out a short Retry-After');
cmp_ok(time - $began, '>=', 1, 'and not less than it says');
$upstream->control('fault', { account => '*', stream => 'orders', kind => 'status', status => 429, headers => { 'Retry-After' => '3600' }, times => 1 });
$upstream->call(q('a1', 'orders'));
is($upstream->status('a1', 'orders')->{error_code}, 'rate_limited', 'a long one ends the CALL');
is($upstream->sql(q(SELECT next_attempt_at - error_at > interval '59 minutes' FROM upstream.model_status WHERE stream = 'orders')), 't', 'and the next attempt waits for it');
$upstream->call(q('a1', 'orders'));

# An upstream that is not there.
$upstream->stop_simulator;
$upstream->call(q('a1', 'orders'));
is($upstream->status('a1', 'orders')->{error_code}, 'net_connect', 'a refused connection is named');

# Where requests may go.
$upstream->node->append_conf('postgresql.conf', 'upstream.allow_private_addresses = off');
$upstream->node->reload;
ok($upstream->poll('the setting is there', sub { $upstream->sql('SHOW upstream.allow_private_addresses') eq 'off' }), 'private addresses are refused');
$upstream->call(q('a1', 'orders'));
like($upstream->status('a1', 'orders')->{error_hint}, qr/allow_private_addresses/, 'and the hint names the setting');

done_testing();
