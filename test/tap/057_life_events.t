# What happens to a server in its life: clients that take every connection, no free slot for a worker, a thousand transfers that hang while others drop databases or stop
# the server, a standby that is promoted.
use strict;
use warnings;
use DBI;
use Upstream;
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(time);

my $upstream = Upstream->new('life_events', conf => ["max_connections = 12\nupstream.max_in_flight = 1000\nwal_level = replica\nmax_wal_senders = 4"]);
my $node = $upstream->node;
my @accounts = map { "shop$_" } 1 .. 1000;
$upstream->setup(accounts => \@accounts, streams => { orders => Upstream::rows(3) }, grace_s => 3600);
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor') }, concurrency => { source => 1000 });
my $hang = sub {
    my ($count) = @_;
    $upstream->control('fault', { account => '*', stream => 'orders', kind => 'hang', times => -1 });
    $upstream->sql('SELECT sum(upstream.request_sync(name)) FROM upstream.accounts');
    return $upstream->poll("$count transfers hang", sub { $upstream->sql('SELECT sum(in_flight) FROM upstream.pg_stat_upstream_workers') == $count }, 60);
};

subtest 'clients hold every connection' => sub {
    my @held;
    # All that a client may have, and those that are kept for superusers.
    my $connect = sub { return DBI->connect('dbi:Pg:' . $node->connstr('app') =~ s/ /;/gr =~ s/'//gr, undef, undef, { PrintError => 0, RaiseError => 0 }); };
    while (my $connection = $connect->()) { push @held, $connection; }
    like($DBI::errstr, qr/too many clients|remaining connection slots/, 'one more is refused');
    $held[0]->do("SELECT upstream.create_account('shops', 'shop1', '{\"shop\": \"shop1\"}', '{\"refresh_token\": \"rt-shop1-0\", \"client_id\": \"client\", \"client_secret\": \"secret\"}')");
    ok($upstream->poll('shop1 is synced', sub { $held[0]->selectrow_array(q(SELECT count(*) FROM orders)) == 3 }, 30), 'a sync goes on all the same: a worker is not a client');
    $_->disconnect for @held;
};

subtest 'a thousand transfers hang' => sub {
    $upstream->poll('connections are free', sub { my ($status) = $node->psql('postgres', 'SELECT 1'); $status == 0 }, 30);
    $upstream->create_shops(2, 1000);
    ok($upstream->recovers(120), 'a thousand models are fresh');
    ok($hang->(1000), 'a thousand transfers hang');
    my @times;
    for (1 .. 20)
    {
        $node->safe_psql('postgres', 'CREATE DATABASE other');
        my $began = time;
        $node->safe_psql('postgres', 'DROP DATABASE other');
        push @times, 1000 * (time - $began);
    }
    @times = sort { $a <=> $b } @times;
    cmp_ok($times[-1], '<', 250 + 100, sprintf 'DROP DATABASE of another database: median %.0f ms, longest %.0f ms of 20, psql included', $times[10], $times[-1]);
    my $began = time;
    $node->stop('fast');
    cmp_ok(time - $began, '<', 2, sprintf 'a fast shutdown takes %.0f ms', 1000 * (time - $began));
    $upstream->control('clear_faults');
    $upstream->control('release');
    $node->start;
    ok($upstream->recovers(120), 'and afterwards all go on');
    is($upstream->differences, '', 'every target equals the oracle');
};

subtest 'a standby is promoted' => sub {
    $node->backup('base');
    my $standby = PostgreSQL::Test::Cluster->new('standby');
    $standby->init_from_backup($node, 'base', has_streaming => 1);
    $standby->start;
    my $worker = q(SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_upstream%');
    is($standby->safe_psql('postgres', $worker), 0, 'a standby has no worker');
    $upstream->control('mutate', { account => 'shop1', stream => 'orders', count => 2 });
    ok($upstream->settle, 'the primary goes on');
    $node->wait_for_catchup($standby);
    my $before = $upstream->stats->{requests};
    $node->stop('fast');
    is($upstream->stats->{requests}, $before, 'nothing is asked by the standby');
    $standby->promote;
    $upstream->{node} = $standby;
    $upstream->control('mutate', { account => 'shop2', stream => 'orders', count => 2 });
    ok($upstream->settle, 'after its promotion it syncs');
    cmp_ok($upstream->stats->{requests}, '>', $before, 'itself');
    is($upstream->differences, '', 'every target equals the oracle');
    is($upstream->stats->{overlaps}, 0, 'never two requests of one model at a time');
    $standby->stop;
};

subtest 'no free slot for a worker' => sub {
    $upstream->{node} = $node;
    $node->append_conf('postgresql.conf', "max_worker_processes = 1\nmax_logical_replication_workers = 0");
    my $from = -s $node->logfile;
    $node->start;
    ok($upstream->poll('the log says so', sub { PostgreSQL::Test::Utils::slurp_file($node->logfile, $from) =~ /no free worker slot for database "app"; raise max_worker_processes/ }, 30),
        'the log says what to raise');
    $node->append_conf('postgresql.conf', 'max_worker_processes = 8');
    $node->restart;
    ok($upstream->settle, 'with a slot it syncs');
};
done_testing();
