# A second sync with 10 changed rows of 100,000 asks at most twice per model and writes 10 rows.
use strict;
use warnings;
use Upstream;
use Test::More;

my $upstream = Upstream->new('incremental', databases => '');
my @accounts = map { "shop$_" } 1 .. 5;
$upstream->setup(accounts => \@accounts, streams => { orders => Upstream::rows(20_000) }, max_limit => 1000);
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor', size => 1000) });
$upstream->create_account('shops', $_) for @accounts;

my $first = $upstream->call('', 'sync_all')->{totals};
is($first->{inserted}, 100_000, 'the first sync writes 100,000 rows');

$upstream->control('mutate', { account => $_, stream => 'orders', count => 2 }) for @accounts;
my $second = $upstream->call('', 'sync_all');
is($second->{totals}{inserted} + $second->{totals}{updated}, 10, 'the second writes the 10 that changed');
is(scalar(grep { $_->{requests} > 2 } @{ $second->{results} }), 0, 'with at most 2 requests per model');
is($upstream->sql('SELECT sum(inserted + updated) FROM upstream.sync_runs WHERE run_id > 5'), 10, 'sync_runs has the same numbers');
is($upstream->differences, '', 'every target equals the oracle');

done_testing();
