# Deletions by absence, and kills between the pages of the reads that find them: what is gone goes, and nothing else ever does.
use strict;
use warnings;
use Upstream;
use Test::More;

my $upstream = Upstream->new('missing', conf => ["upstream.memory_limit = '64kB'"]);
my @accounts = map { "shop$_" } 1 .. 4;
my @streams = qw(messages orders);
$upstream->setup(accounts => \@accounts, streams => { map { ($_ => Upstream::rows(400)) } @streams }, latency_ms => 5);
$upstream->sql('CREATE EXTENSION pg_upstream');
my %streams = map { Upstream::stream($_, 'cursor', size => 50, sync_mode => 'full_refresh', params => { limit => '{page.size}' },
    deletes => { mode => 'missing', action => $_ eq 'orders' ? 'hard' : 'soft', max_fraction => 0.2 }) } @streams;
delete $_->{cursor} for values %streams;
$upstream->create_source('shops', \%streams);
$upstream->create_account('shops', $_) for @accounts;
ok($upstream->settle, 'the first reads end');

# Soft deletions are told by a mark: the oracle knows nothing of those rows.
$upstream->sql('ALTER TABLE messages RENAME TO all_messages; CREATE VIEW messages AS SELECT * FROM all_messages WHERE _deleted_at IS NULL');
is($upstream->differences, '', 'and every target equals the oracle');

srand 20261125;
my ($kills, $seen, $deleted) = (0, 0, 0);
for my $round (1 .. 10)
{
    $deleted += 5 + $round;
    for my $stream (@streams)
    {
        $upstream->control('mutate', { account => '*', stream => $stream, count => 0, delete => 5 + $round });
        $upstream->control('mutate', { account => '*', stream => $stream, count => 20, insert => 2 });
    }
    my $pid;
    last unless $upstream->poll('a worker runs', sub { defined($pid = $upstream->worker_pid) }, 30);
    $upstream->control('fault', { account => '*', stream => '*', skip => int rand 60, times => 1, kind => 'kill', pid => $pid + 0, signal => 9, when => $round % 2 ? 'request' : 'response' });
    $upstream->node->psql('app', q(SELECT sum(upstream.request_sync(name)) FROM upstream.accounts));
    $kills++ if $upstream->poll("worker $pid is gone", sub { !kill 0, $pid }, 20);
    $upstream->poll('the server answers', sub { ($upstream->node->psql('app', 'SELECT 1'))[0] == 0 });
    $seen += $upstream->sql('SELECT count(*) FROM upstream.seen_keys');
    $upstream->control('clear_faults');
    ok($upstream->settle, "round $round: all models get fresh");
    is($upstream->differences, '', 'every target equals the oracle');
}
is($kills, 10, 'the worker was killed ten times');
cmp_ok($seen, '>', 0, 'keys that were met outlived kills');
is($upstream->sql('SELECT count(*) FROM upstream.seen_keys'), 0, 'and none is kept any more');
is($upstream->sql('SELECT stream, sum(deleted) FROM upstream.pg_stat_upstream GROUP BY 1 ORDER BY 1'), join("\n", map { "$_|" . 4 * $deleted } @streams), 'the counters know of each deletion, once');
is($upstream->sql('SELECT count(*) FROM all_messages WHERE _deleted_at IS NOT NULL'), 4 * $deleted, 'rows that are gone softly are marked');

# An upstream that suddenly shows little is not believed.
$upstream->control('mutate', { account => 'shop1', stream => 'orders', delete => 200, count => 0 });
my $result = $upstream->call(q('shop1', 'orders'))->{results}[0];
like($result->{message}, qr/has not met at least \d+ of \d+ rows/, 'a third of the rows missing at once is an error');
is($result->{deleted}, 0, 'and nothing is deleted');
is($upstream->status('shop1', 'orders')->{error_code}, 'too_many_missing', 'which the view says');

done_testing();
