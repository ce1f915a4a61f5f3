# Four workers share a thousand models, and hang: SIGSTOP at any moment, till their leases have run out and others have taken their models over, then SIGCONT. What a holder
# does afterwards comes to nothing: no commit is accepted, no request is sent. 10 of them; UPSTREAM_ZOMBIES says how many others (script/zombies: 200).
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Faults;
use POSIX ();
use Test::More;

my $zombies = $ENV{UPSTREAM_ZOMBIES} // 10;
my $upstream = Faults->new('zombies', conf => ["upstream.workers = 4", "upstream.lease_timeout = '1s'", "upstream.max_in_flight = 32"]);
my @accounts = map { "shop$_" } 1 .. 1000;
# The changes end within the first full refresh, so that the last pass has something to equal.
$upstream->setup(accounts => \@accounts, streams => { orders => Upstream::rows(40) }, token_lifetime_s => 3600, grace_s => 3600, mutate_every => 20, mutate_total => 300);
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor', size => 10) },
    retry => { base => '20 milliseconds', max => '100 milliseconds' }, timeouts => { total => '1 second', connect => '1 second' });
$upstream->create_shops(1, 1000);
ok($upstream->poll('four workers', sub { $upstream->sql('SELECT count(*) FROM upstream.pg_stat_upstream_workers') == 4 }, 30), 'four workers');
ok($upstream->recovers(300), 'a first sync of 1,000 models');

srand($ENV{UPSTREAM_SEED} // 20261125);
my ($overtaken, $hung) = (0, 0);
my $busy = sub { my ($pid) = @_; return $upstream->sql("SELECT count(*) FROM upstream.model_state WHERE lease_pid = $pid") };
for my $round (1 .. $zombies)
{
    $upstream->sql('SELECT sum(upstream.full_refresh(name)) FROM upstream.accounts') if $round % 5 == 1;
    my @workers = $upstream->column('SELECT pid FROM upstream.pg_stat_upstream_workers ORDER BY random()');
    my $pid;
    $upstream->poll('a worker is at work', sub { ($pid) = grep { $busy->($_) } @workers; return $pid; }, 1)
        or $upstream->sql('SELECT sum(upstream.full_refresh(name)) FROM upstream.accounts') && redo;
    # It may hold what a look at the books has to wait for; so it goes on after a while, whatever the look says.
    my $waker = fork() // die "fork: $!";
    if ($waker == 0) { select undef, undef, undef, 6; kill 'CONT', $pid; POSIX::_exit(0); }
    kill 'STOP', $pid;
    $hung++ if my $held = $busy->($pid);
    # Whatever it holds in its database meanwhile, the others may have to wait for: then nothing is taken over.
    $overtaken++ if $held && $upstream->poll("others take over from $pid", sub { $busy->($pid) < $held }, 3);
    kill 'CONT', $pid;
    kill 'KILL', $waker;
    waitpid $waker, 0;
}
note "$hung holders hung, $overtaken were overtaken, " . $upstream->sql("SELECT count(*) FROM upstream.sync_runs WHERE message LIKE 'fenced off%'") . ' runs were fenced off';
cmp_ok($overtaken, '>=', 0.5 * $zombies, 'others took over');
ok($upstream->settle(300), 'all models are fresh after one more pass');
is($upstream->sql('SELECT count(*) FROM upstream.pg_stat_upstream_workers WHERE runs > 0'), 4, 'shared by all of them');
is($upstream->stats->{overlaps}, 0, 'never two requests of one model at a time');
is($upstream->differences, '', 'every target equals the oracle: nothing that a hung holder had read was committed');
is(scalar(grep { $_->{reuses} } values %{ $upstream->stats->{accounts} }), 0, 'no spent refresh token was used outside its grace');
is($upstream->sql("SELECT count(*) FROM upstream.sync_runs WHERE status = 'running'"), 0, 'no run is left open');
done_testing();
