# Fifty pages in one: the first sync of 50 accounts by Graph batches.
use strict;
use warnings;
use Dialect;
use Test::More;

my @pages = map { sprintf '%d', 110000000000000 + $_ } 1 .. 50;
my $conversations = [ 'id text, updated timestamptz, count integer',
    'SELECT a.name, t.id, t.updated_time, t.message_count FROM messenger.messenger_conversations t JOIN upstream.accounts a USING (account_id) WHERE t._deleted_at IS NULL' ];
my $messenger = Dialect->new('messenger', node => 'batch', accounts => \@pages, setup => { conversations => 250, messages => 1 }, streams => ['conversations'],
    tables => { conversations => $conversations });

is($messenger->sync, '', '50 accounts are synced at once');
is($messenger->differences, '', 'and equal the oracle');
my $stats = $messenger->stats;
my $inner = 0;
$inner += $stats->{budgets}{$_}{requests} for keys %{ $stats->{budgets} };
my $alone = grep { /^GET / } split /\n/, $messenger->{upstream}->get('/_control/log?since=0');
my $outer = $stats->{batch}{outer} + $alone;
is($inner, 150, 'each account has three pages, and each was charged');
cmp_ok($outer, '<=', $inner / 20, "they came in $outer requests");
cmp_ok($stats->{batch}{largest}, '<=', 50, 'of at most 50 each');
$messenger->keeps_budget(2, 'Messenger');
is($messenger->sql('SELECT sum(requests) FROM upstream.pg_stat_upstream'), 150, 'the models count the requests that were made for them');

# What goes wrong inside a batch goes wrong for one.
$messenger->mutate(messages => 3);
$messenger->{upstream}->control('fault', { account => $pages[7], stream => 'conversations', kind => 'status', status => 400,
    body => '{"error":{"message":"(#10) no permission","type":"OAuthException","code":10}}' });
$messenger->{upstream}->control('fault', { account => $pages[8], stream => 'conversations', kind => 'reset' });
my $result = $messenger->{upstream}->call("NULL, 'conversations'");
my @failed = grep { $_->{message} ne 'ok' } @{ $result->{results} };
is(join(', ', map { $_->{account} } @failed), $pages[7], 'a refused item fails its own account alone; one that did not finish is asked for again');
like($failed[0]{message}, qr/no permission/, 'and the error is its own');
is($messenger->sync, '', 'afterwards all succeed');
is($messenger->differences, '', 'and equal the oracle');

done_testing();
