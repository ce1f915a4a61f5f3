# Rows without identity of which many are truly equal, read by a worker that is killed in the middle, again and again: as many of each as the upstream has.
use strict;
use warnings;
use Upstream;
use PostgreSQL::Test::Utils;
use Test::More;

my $upstream = Upstream->new('equal', conf => ["upstream.memory_limit = '64kB'"]);
my @accounts = map { "shop$_" } 1 .. 3;
$upstream->setup(accounts => \@accounts, streams => { items => { rows => 2000, tie => 90, spacing_ms => 1000, start => '2026-01-01T00:00:00Z' } }, latency_ms => 5);
$upstream->sql('CREATE EXTENSION pg_upstream');
my %equal = (primary_key => { hash => [ 'updated_at', 'active' ], occurrence => JSON::PP::true }, size => 40,
    columns => { at => { path => 'updated_at', type => 'timestamptz' }, active => { path => 'active', type => 'boolean' } });
$upstream->create_source('shops', { Upstream::stream('items', 'cursor', %equal,
    cursor => { field => 'updated_at', type => 'timestamp', filter => 'server', lookback => '5 seconds' }, params => { limit => '{page.size}', since => '{cursor.start|iso}' }) });
$upstream->create_account('shops', $_) for @accounts;

# Rows of the target that are too few or too many.
sub differences
{
    my $script = "CREATE TEMP TABLE oracle (shop text, @{[ join ', ', map { \"$_->[0] $_->[1]\" } @Upstream::COLUMNS ]});\n";
    for my $account (@accounts)
    {
        my $rows = $upstream->get("/_oracle/$account/items");
        $rows =~ s/^(?=.)/$account\t/mg;
        $script .= "COPY oracle FROM STDIN;\n$rows\\.\n";
    }
    my $have = q(SELECT a.config->>'shop', i.at, i.active FROM items i JOIN upstream.accounts a USING (account_id));
    $script .= "SELECT 'lacks', * FROM (SELECT shop, updated_at, active FROM oracle EXCEPT ALL $have) d LIMIT 3;\n"
        . "SELECT 'has too much', * FROM ($have EXCEPT ALL SELECT shop, updated_at, active FROM oracle) d LIMIT 3;\n";
    open my $out, '>', "$ENV{TESTDATADIR}/equal.sql" or die $!;
    print $out $script;
    close $out;
    my ($stdout, $stderr) = run_command([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $upstream->node->connstr('app'), '-f', "$ENV{TESTDATADIR}/equal.sql" ]);
    return $stdout . $stderr;
}

srand 20261125;
my $kills = 0;
for my $round (1 .. 8)
{
    my $before;
    last unless $upstream->poll('a worker runs', sub { defined($before = $upstream->worker_pid) }, 30);
    $upstream->control('fault', { account => '*', stream => 'items', skip => int rand(30), times => 1, kind => 'kill', pid => $before + 0, signal => 9,
        when => $round % 2 ? 'request' : 'response' });
    $upstream->node->psql('app', 'SELECT sum(upstream.full_refresh(name, NULL)) FROM upstream.accounts');
    $kills++ if $upstream->poll("worker $before is gone", sub { return !kill(0, $before) }, 20);
    $upstream->control('clear_faults');
}
is($kills, 8, 'the worker was killed 8 times');
ok($upstream->poll('the server is back', sub { defined $upstream->worker_pid }, 30), 'the server came back by itself');
ok($upstream->recovers, 'all models get fresh, and nobody helped');
is(differences(), '', 'the target has each row as often as the upstream');
is($upstream->sql('SELECT count(*) FROM items'), 6000, 'in all 6,000 rows');
cmp_ok($upstream->sql('SELECT count(*) FROM upstream.sync_runs WHERE resumed'), '>', 0, 'reads were resumed');
is($upstream->sql('SELECT count(*) FROM upstream.occurrences'), 0, 'and what was counted meanwhile is gone');

$upstream->control('mutate', { account => '*', stream => 'items', insert => 30 });
ok($upstream->settle, 'new rows are read');
is(differences(), '', 'equal ones as often as there are');
is($upstream->stats->{overlaps}, 0, 'never two requests of one model at a time');

done_testing();
