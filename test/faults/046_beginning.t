# A run that fails before it begins, after everything was read: cursor and next attempt stay what they were.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Faults;
use Test::More;

my $upstream = Faults->new('beginning');
$upstream->setup(accounts => ['a1'], streams => { orders => Upstream::rows(100) });
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor') }, retry => { base => '2 seconds', max => '2 seconds' });
$upstream->create_account('shops', 'a1');
ok($upstream->recovers(20), 'a model is synced');
my $state = q(SELECT concat_ws(' ', cursor, kept) FROM upstream.model_state);
my $before = $upstream->sql($state);
$upstream->arm('40P01', 0, 'committing opening a target');
$upstream->sql(q(SELECT upstream.request_sync('a1')));
ok($upstream->poll('it fails', sub { $upstream->sql('SELECT failures FROM upstream.model_state') > 0 }, 20), 'its next run fails before it begins');
is($upstream->sql($state), $before, 'what was committed stays');
ok($upstream->recovers(20), 'and it is tried again by itself');
is($upstream->differences, '', 'the target equals the oracle');
done_testing();
