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
    retry => { base => '10 milliseconds', max => '20 milliseconds', on => [404] }, timeouts => { connect => '1 second', total => '2 seconds' });
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
fails('bytes that are not UTF-8', { kind => 'bad_utf8' }, 'not_json', qr/byte \d+/);
fails('nesting without end', { kind => 'deep' }, 'decode', qr/64/);
fails('an answer too large', { kind => 'huge', bytes => 3_000_000 }, 'too_large', qr/larger than 1048576 bytes/);

# puts_aside(name, fault, sqlstate, column): one record of each page does not fit; the others are written, and the run goes on to its end.
sub puts_aside
{
    my ($name, $fault, $sqlstate, $column) = @_;
    subtest $name => sub {
        $upstream->sql('TRUNCATE orders');
        $upstream->control('fault', { account => '*', stream => 'orders', times => -1, %$fault });
        my ($result) = @{ $upstream->call(q('a1', 'orders', true))->{results} };
        is("$result->{message}: $result->{rejected} rejected, $result->{inserted} inserted", 'ok: 5 rejected, 495 inserted', 'one of each page is rejected');
        is($upstream->sql(q(SELECT count(*) || ' ' || min(sqlstate) || ' ' || max(sqlstate) || ' ' || min(column_name) FROM upstream.rejected_rows)),
            "5 $sqlstate $sqlstate $column", 'rejected_rows says which, and why');
        $upstream->control('clear_faults');
        $upstream->call(q('a1', 'orders', true));
        is($upstream->differences, '', 'and once it fits it is there');
        $upstream->sql('DELETE FROM upstream.rejects');
    };
}
puts_aside('a value that its column cannot hold', { kind => 'type_change' }, '22P02', 'quantity');
puts_aside('a NUL in a text', { kind => 'nul' }, '22P05', 'name');

# Page tokens that end while they are used: the read begins anew, once, from the committed cursor.
$upstream->control('fault', { account => '*', stream => 'orders', skip => 2, times => 1, kind => 'status', status => 410 });
my $again = $upstream->call(q('a1', 'orders', true))->{results}[0];
is("$again->{message} $again->{requests}", 'ok 8', 'an expired page token costs one new read: 2 pages, the refusal, 5 pages');
$upstream->control('fault', { account => '*', stream => 'orders', skip => 2, times => -1, kind => 'status', status => 410 });
like($upstream->call(q('a1', 'orders', true))->{results}[0]{message}, qr/upstream answered 410/, 'but not one after the other');
$upstream->control('clear_faults');
is($upstream->call(q('a1', 'orders'))->{totals}{failed}, 0, 'and passes with its cause');

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
$upstream->control('reset_stats');
like($upstream->call(q('a1', 'others'))->{results}[0]{message}, qr/waits for rate limit/, 'so do the other models of the account');
is($upstream->stats->{requests}, 0, 'without asking');
$upstream->sql(q(SELECT upstream.release_limits('shops')));
is($upstream->call(q('a1'))->{totals}{failed}, 0, 'unless somebody says otherwise');

# By itself: the worker tries again until the fault has passed, and never before Retry-After. Tokens do not matter from here on.
$upstream->setup(accounts => ['a1'], streams => { orders => Upstream::rows(500), others => Upstream::rows(20) }, require_auth => JSON::PP::false);
$upstream->node->append_conf('postgresql.conf', "upstream.databases = 'app'");
$upstream->node->reload;
ok($upstream->settle, 'a worker takes over');
for my $fault ([ a => kind => 'status', status => 503 ], [ a => kind => 'reset' ], [ a => kind => 'truncate', at => 1000 ], [ a => kind => 'hang' ])
{
    my (undef, %fault) = @$fault;
    $upstream->control('mutate', { account => 'a1', stream => 'orders', count => 5 });
    $upstream->control('fault', { account => '*', stream => 'orders', times => -1, %fault });
    $upstream->sql(q(SELECT upstream.request_sync('a1')));
    ok($upstream->poll('it fails twice', sub { $upstream->status('a1', 'orders')->{failures} >= 2 }, 20), "the worker tries again: $fault{kind}");
    is($upstream->status('a1', 'others')->{failures}, 0, 'the other model does not mind');
    $upstream->control('clear_faults');
    ok($upstream->recovers, 'and it recovers by itself');
    is($upstream->differences, '', 'to what the oracle says');
}
my $before = $upstream->stats->{models}{'a1/orders'}{requests};
$upstream->control('fault', { account => '*', stream => 'orders', kind => 'status', status => 429, headers => { 'Retry-After' => '4' }, times => 1 });
$upstream->sql(q(SELECT upstream.request_sync('a1', 'orders')));
ok($upstream->poll('it is refused', sub { $upstream->status('a1', 'orders')->{failures} == 1 }, 20), 'the worker is asked to wait 4 s');
my $refused_at = $upstream->sql(q(SELECT error_at FROM upstream.model_status WHERE stream = 'orders'));
ok($upstream->recovers, 'and recovers by itself');
is($upstream->sql("SELECT min(started_at) - '$refused_at'::timestamptz >= '4 seconds' FROM upstream.sync_runs WHERE stream = 'orders' AND started_at > '$refused_at'"), 't', 'not before that time');

# An upstream that is gone, and comes back at the same address.
$upstream->stop_simulator;
$upstream->sql(q(SELECT upstream.request_sync('a1')));
ok($upstream->poll('it fails', sub { $upstream->sql(q(SELECT bool_and(failures > 1) FROM upstream.model_status)) eq 't' }, 20), 'the worker tries again while the upstream is gone');
is($upstream->status('a1', 'orders')->{error_code}, 'net_connect', 'a refused connection is named');
$upstream->start_simulator;
$upstream->setup(accounts => ['a1'], streams => { orders => Upstream::rows(500), others => Upstream::rows(20) }, require_auth => JSON::PP::false);
ok($upstream->recovers, 'and recovers by itself when it is back');
$upstream->sql('SELECT upstream.pause()');

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
