# Writes that replace, and kills between their pages: a target holds what was there before a read or what it brought, never a part of each.
use strict;
use warnings;
use Upstream;
use Test::More;

my $upstream = Upstream->new('replace', conf => ["upstream.memory_limit = '64kB'"]);
my @accounts = map { "shop$_" } 1 .. 4;
my @streams = qw(customers messages orders);
$upstream->setup(accounts => \@accounts, streams => { map { ($_ => Upstream::rows(400)) } @streams }, latency_ms => 5);
$upstream->sql('CREATE EXTENSION pg_upstream');

# Orders have a key, messages have none; customers are read in six windows of twenty seconds.
my %all = (sync_mode => 'full_refresh', cursor => undef, params => { limit => '{page.size}' }, write => 'replace');
my %windows = (write => 'replace_window', params => { limit => '{page.size}', since => '{cursor.start|iso}', until => '{cursor.end|iso}' },
    cursor => { field => 'updated_at', type => 'timestamp', filter => 'server', order => 'asc', initial => '2026-01-01T00:00:00Z', end => '2026-01-01T00:02:00Z',
        step => '20 seconds', lookback => '2 minutes' });
my %streams = (Upstream::stream('orders', 'cursor', size => 50, %all), Upstream::stream('messages', 'cursor', size => 50, %all), Upstream::stream('customers', 'cursor', size => 50, %windows));
delete $_->{cursor} for @streams{qw(orders messages)};
delete $streams{$_}{primary_key} for qw(customers messages);
$upstream->create_source('shops', \%streams);
$upstream->create_account('shops', $_) for @accounts;
ok($upstream->settle, 'the first reads end');
is($upstream->differences, '', 'and every target equals the oracle');

# Rows of an account in a table: its number, which each round changes.
sub counts
{
    my ($table) = @_;
    my $counts;
    $upstream->poll('the server answers', sub {
        my ($status, $out) = $upstream->node->psql('app', "SELECT string_agg(a.name || ' ' || (SELECT count(*) FROM $table t WHERE t.account_id = a.account_id), ',' ORDER BY a.name) FROM upstream.accounts a");
        $counts = { map { split / / } split /,/, $out } if $status == 0;
        return $status == 0;
    });
    return $counts;
}

srand 20261125;
my ($kills, $staged, @torn) = (0, 0);
for my $round (1 .. 10)
{
    my %before = map { ($_ => counts($_)) } qw(messages orders);
    $upstream->control('mutate', { account => '*', stream => $_, count => 20, delete => 7 + $round }) for qw(messages orders);
    $upstream->control('mutate', { account => '*', stream => 'customers', count => 0, delete => 3 });
    my $pid;
    last unless $upstream->poll('a worker runs', sub { defined($pid = $upstream->worker_pid) }, 30);
    $upstream->control('fault', { account => '*', stream => '*', skip => int rand 100, times => 1, kind => 'kill', pid => $pid + 0, signal => 9, when => $round % 2 ? 'request' : 'response' });
    $upstream->node->psql('app', q(SELECT sum(upstream.request_sync(name)) FROM upstream.accounts));
    $kills++ if $upstream->poll("worker $pid is gone", sub { !kill 0, $pid }, 20);
    for my $table (qw(messages orders))
    {
        my $now = counts($table);
        for my $account (@accounts)
        {
            my $after = $before{$table}{$account} - 7 - $round;
            push @torn, "$table of $account: $now->{$account}" unless $now->{$account} == $before{$table}{$account} || $now->{$account} == $after;
        }
    }
    $staged += $upstream->sql('SELECT count(*) FROM upstream.staged_pages');
    $upstream->control('clear_faults');
    ok($upstream->settle, "round $round: all models get fresh");
    is($upstream->differences, '', 'every target equals the oracle');
}
is($kills, 10, 'the worker was killed ten times');
is("@torn", '', 'no reader ever found a part of a read');
cmp_ok($staged, '>', 0, 'pages waited over kills');
is($upstream->sql('SELECT count(*) FROM upstream.staged_pages'), 0, 'and none waits any more');
cmp_ok($upstream->sql('SELECT sum(unchanged) FROM upstream.pg_stat_upstream WHERE stream = $$orders$$'), '>', 4 * 300, 'rows with a key that did not change were left alone');

# A transaction that writes many pages may take long, as long as none of them does: here each takes 0.4 seconds, and two are allowed.
$upstream->sql(q(CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.4); RETURN NULL; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON orders EXECUTE FUNCTION slow()));
$upstream->node->append_conf('postgresql.conf', "upstream.write_timeout = '2s'");
$upstream->node->reload;
my $runs = $upstream->sql(q(SELECT count(*) FROM upstream.sync_runs WHERE account = 'shop1' AND stream = 'orders' AND status = 'succeeded'));
$upstream->sql(q(SELECT upstream.request_sync('shop1', 'orders')));
ok($upstream->poll('a slow run ends', sub {
    return $upstream->sql(q(SELECT count(*) FROM upstream.sync_runs WHERE account = 'shop1' AND stream = 'orders' AND status = 'succeeded')) > $runs;
}, 30), 'pages that take longer than one transaction may, all together, are written');

done_testing();
