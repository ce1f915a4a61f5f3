# A soak: a thousand models, one in twenty answers broken, rows that change, for as long as UPSTREAM_SOAK says (seconds; script/soak: 30 minutes). The worker's own memory and its
# open files are looked at every second: after a sixth of the time neither grows.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Faults;
use Test::More;
use Time::HiRes qw(time);

my $seconds = $ENV{UPSTREAM_SOAK} // 20;
my $upstream = Faults->new('soak', conf => ["upstream.run_history = '1min'"]);
my @accounts = map { "shop$_" } 1 .. 1000;
$upstream->setup(accounts => \@accounts, streams => { orders => Upstream::rows(40) }, token_lifetime_s => 60, grace_s => 3600, mutate_every => 10);
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor', size => 20, every => '10 seconds') }, retry => { base => '100 milliseconds', max => '2 seconds' });
$upstream->create_shops(1, 1000);
ok($upstream->recovers(300), 'a first sync of 1,000 models');
$upstream->control('rain', { percent => 5, seed => ($ENV{UPSTREAM_SEED} // 20261125) + 0, kinds => [qw(status500 status429 reset truncate)], token => JSON::PP::true });

my $worker = $upstream->worker_pid;
my (@memory, @files);
my $began = time;
my $next = $began;
$upstream->poll('the time is over', sub {
    return 0 if time < $next;
    $next += 1;
    open my $in, '<', "/proc/$worker/status" or return 1;
    my ($kilobytes) = map { /^RssAnon:\s+(\d+)/ ? $1 : () } <$in>;
    push @memory, $kilobytes;
    my @open = glob "/proc/$worker/fd/*";
    push @files, scalar @open;
    # What a 429 tells is not waited for: it is the work that is looked at here.
    $upstream->sql("SELECT upstream.release_limits('shops')") if @memory % 5 == 0;
    return time - $began >= $seconds;
}, $seconds + 60);
is($upstream->worker_pid, $worker, 'the worker is the same process');
my $stats = $upstream->stats;
cmp_ok($stats->{requests}, '>', 20 * $seconds, "$stats->{requests} requests, $stats->{token_requests} for tokens, $stats->{faults} faults");

# The highest of the first sixth that counts, and of the end.
my $part = int(@memory / 6) || 1;
my $highest = sub { my $most = 0; for (@_) { $most = $_ if $_ > $most } return $most; };
my ($memory_before, $memory_after) = ($highest->(@memory[ $part .. 2 * $part - 1 ]), $highest->(@memory[ -$part .. -1 ]));
my ($files_before, $files_after) = ($highest->(@files[ $part .. 2 * $part - 1 ]), $highest->(@files[ -$part .. -1 ]));
my $shown = sprintf 'memory of its own: %d kB after a sixth, %d kB at the end; open files: %d, %d', $memory_before, $memory_after, $files_before, $files_after;
# A run of seconds is over before caches are full.
if ($seconds >= 300) { cmp_ok($memory_after - $memory_before, '<', 1024, $shown) } else { note $shown }
cmp_ok($files_after, '<=', $files_before + 64, "no more than $files_after open files");

$upstream->control('rain', { percent => 0 });
$upstream->sql("SELECT upstream.release_limits('shops')");
is($upstream->stats->{overlaps}, 0, 'never two requests of one model at a time');
is($upstream->sql("SELECT count(*) FROM upstream.model_status WHERE state = 'needs_reauth'"), 0, 'no account has to sign in again');
done_testing();
