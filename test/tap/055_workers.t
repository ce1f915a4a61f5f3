# Two workers in one database share its models, and never work on the same one.
use strict;
use warnings;
use Upstream;
use Test::More;

my $upstream = Upstream->new('workers', conf => [ "upstream.workers = 2\nupstream.max_in_flight = 4\nupstream.memory_limit = '512kB'\n" ]);
my @accounts = map { "shop$_" } 1 .. 16;
$upstream->setup(accounts => \@accounts, streams => { orders => Upstream::rows(1000) }, latency_ms => 20);
$upstream->sql('CREATE EXTENSION pg_upstream');
ok($upstream->poll('two workers are there', sub { $upstream->sql('SELECT count(*) FROM upstream.pg_stat_upstream_workers') == 2 }), 'two workers are there');
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor', size => 100) });
$upstream->create_account('shops', $_) for @accounts;
ok($upstream->settle, 'all models become fresh');
is($upstream->differences, '', 'every target equals the oracle');
is($upstream->stats->{overlaps}, 0, 'never two requests of one model at a time');
is($upstream->sql('SELECT count(*) FROM upstream.pg_stat_upstream_workers WHERE runs > 0'), 2, 'both have worked');

$upstream->node->append_conf('postgresql.conf', 'upstream.workers = 1');
$upstream->node->reload;
ok($upstream->poll('one is left', sub { $upstream->sql('SELECT count(*) FROM upstream.pg_stat_upstream_workers') == 1 }), 'a reload ends the second');
ok($upstream->settle, 'the first goes on alone');

$upstream->node->stop('immediate');
$upstream->stop_simulator;

# Ten models become due at one time, and every request takes long: who looks first leaves the other its share.
$upstream = Upstream->new('shares', conf => [ "upstream.workers = 2\nupstream.max_in_flight = 50\n" ]);
$upstream->setup(accounts => [ map { "shop$_" } 1 .. 10 ], streams => { orders => Upstream::rows(10) }, latency_ms => 3000);
$upstream->sql('CREATE EXTENSION pg_upstream');
ok($upstream->poll('two workers are there', sub { $upstream->sql('SELECT count(*) FROM upstream.pg_stat_upstream_workers') == 2 }), 'two workers are there again');
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor', size => 100) });
$upstream->create_shops(1, 10);
ok($upstream->poll('all run', sub { $upstream->sql('SELECT count(*) FROM upstream.model_state WHERE lease_pid IS NOT NULL') == 10 }), 'all ten run at once');
is($upstream->sql("SELECT string_agg(n::text, ' ') FROM (SELECT count(*) AS n FROM upstream.model_state GROUP BY lease_pid) x"), '5 5', 'five each');
done_testing();
