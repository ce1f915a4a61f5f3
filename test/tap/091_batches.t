# Requests of many accounts in Graph batches: few calls, each request charged to its own account, each failure its own model's.
use strict;
use warnings;
use Upstream;
use JSON::PP;
use Test::More;

my $upstream = Upstream->new('batches', databases => '');
my @pages = map { sprintf '%d', 110000000000000 + $_ } 1 .. 50;
$upstream->control('setup', { dialect => 'messenger', seed => 1, accounts => \@pages, conversations => 250, messages => 1, null_every => 41 });
$upstream->sql('CREATE EXTENSION pg_upstream');
my $spec = {
    spec_version => 1, source => 'graph', base_url => "$upstream->{url}/{account.version}",
    account => { properties => { page => { type => 'string' }, version => { type => 'string', default => 'v22.0' } }, required => ['page'] },
    auth => { type => 'api_key', in => 'query', name => 'access_token', value => '{secret.token}' },
    rate_limit => { budgets => [ { scope => 'account', limit => 2, per => '1 second', algorithm => 'sliding_window' } ] },
    batch => { encoder => 'meta_graph', max => 50, counts_as => 'each' },
    retry => { base => '50 milliseconds', max => '200 milliseconds' },
    streams => { conversations => {
        path => '/{account.page}/conversations', params => { fields => 'id,updated_time', limit => '{page.size}' }, records => '$.data',
        pagination => { type => 'cursor', size => 100, path => '$.paging.cursors.after', has_more => '$.paging.next', inject => { in => 'query', name => 'after' } },
        primary_key => ['id'], target => 'conversations', columns => { id => { path => 'id' }, updated_time => { path => 'updated_time', type => 'timestamptz' } } } } };
$upstream->sql("SELECT upstream.create_source('graph', \$spec\$" . encode_json($spec) . '$spec$)');
$upstream->sql("SELECT upstream.create_account('graph', '$_', '{\"page\": \"$_\"}', '{\"token\": \"static-$_\"}')") for @pages;

my $result = $upstream->call(q('graph'), 'sync_all');
is($result->{totals}{failed}, 0, '50 accounts are synced');
is($upstream->sql('SELECT count(*) FROM conversations'), 50 * 250, 'with all their rows');
my $batch = $upstream->stats->{batch};
cmp_ok($batch->{nulls}, '>', 0, "$batch->{nulls} requests were not carried out");
is($batch->{inner}, 150 + $batch->{nulls}, 'those alone were sent again');
cmp_ok($batch->{outer}, '<=', 150 / 10, "$batch->{outer} calls for 150 requests and those");
is($batch->{largest}, 50, 'of up to 50');

$upstream->sql("SELECT upstream.set_secret('$pages[0]', 'token', 'wrong')");
$upstream->sql("SELECT upstream.set_secret('$pages[20]', 'token', 'wrong, too')");
$result = $upstream->call(q('graph'), 'sync_all');
is(join(' ', sort map { $_->{account} } grep { $_->{failed} } @{ $result->{results} }), "$pages[0] $pages[20]", 'a token that the upstream refuses is one account\'s trouble');

done_testing();
