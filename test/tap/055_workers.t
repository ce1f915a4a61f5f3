# Two workers in one database share its models, and never work on the same one.
use strict;
use warnings;
use Upstream;
use Test::More;

my $upstream = Upstream->new('workers', conf => [ "upstream.workers = 2\nupstream.max_in_flight = 4\n" ]);
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

done_testing();
