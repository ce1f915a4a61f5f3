# A disk that really gets full: the target lies on a small file system of its own. Its models say so and try again, all others go on, and once there is room all of it arrives.
use strict;
use warnings;
use Test::More;

# A tmpfs that nobody else sees, mounted without being root: this program goes on within a mount namespace, as the user that it is.
my $small;
BEGIN
{
    $small = "$ENV{TESTDATADIR}/small";
    if (!$ENV{UPSTREAM_SMALL})
    {
        mkdir $_ for $ENV{TESTDATADIR}, $small;
        plan skip_all => 'no user namespaces here (unshare -rm), so no file system with a size of its own' if system("unshare -rm mount -t tmpfs none $small") != 0;
        $ENV{UPSTREAM_SMALL} = 1;
        my $user = "--map-user=$< --map-group=" . (split / /, $()[0];
        exec 'unshare', '-rm', 'sh', '-c', "mount -t tmpfs -o size=4m,mode=0777 none $small && exec unshare --user $user \"\$@\"", 'sh', $^X, (map { "-I$_" } @INC), $0 or die "unshare: $!";
    }
}
use Upstream;
use PostgreSQL::Test::Utils;

my $upstream = Upstream->new('disk', conf => [ 'log_min_messages = warning' ]);
my @accounts = ('shop1', 'shop2');
$upstream->setup(accounts => \@accounts, streams => { map { ($_ => Upstream::rows(300)) } qw(customers orders) });
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor', size => 100, every => '1 second'), Upstream::stream('customers', 'cursor', size => 100, every => '1 second') });
$upstream->create_account('shops', $_) for @accounts;
ok($upstream->recovers, 'all models are fresh');
mkdir "$small/tablespace" or die "$small: $!";
$upstream->sql("CREATE TABLESPACE small LOCATION '$small/tablespace'");
$upstream->sql('ALTER TABLE orders SET TABLESPACE small');

# All that is left on the disk, and with it the pages that the table has.
sub fill
{
    open my $out, '>', "$small/ballast" or die $!;
    my $block = 'x' x 8192;
    1 while (syswrite($out, $block) // 0) == length $block;
    close $out;
}
fill();
my $state = "SELECT string_agg(account || ': ' || cursor, ', ' ORDER BY account) FROM upstream.model_status WHERE stream = 'orders'";
my $before = $upstream->sql($state);
my $pid = $upstream->worker_pid;
$upstream->control('mutate', { account => '*', stream => '*', count => 0, insert => 700 });

my $failing = q(SELECT count(*) FROM upstream.model_status WHERE stream = 'orders' AND failures >= 2 AND error_code = 'target_busy');
ok($upstream->poll('both fail twice', sub { $upstream->sql($failing) == 2 }), 'models of the full disk say so, and try again');
like($upstream->status('shop1', 'orders')->{error_message}, qr/No space left on device/, 'what is wrong');
is($upstream->status('shop1', 'orders')->{error_sqlstate}, '53100', 'with the SQLSTATE of the server');
is($upstream->sql(q(SELECT bool_and(next_attempt_at < now() + interval '5 minutes') FROM upstream.model_status WHERE stream = 'orders')), 't', 'soon');
is($upstream->sql($state), $before, 'no cursor moved');
is($upstream->sql('SELECT count(*) FROM orders'), 600, 'no row was stored');
my $others = q(SELECT bool_and(state = 'fresh' AND failures = 0) FROM upstream.model_status WHERE stream = 'customers');
ok($upstream->poll('all 1000 customers of both are there', sub { $upstream->sql('SELECT count(*) FROM customers') == 2000 && $upstream->sql($others) eq 't' }), 'other models go on');
is($upstream->worker_pid, $pid, 'the worker is the same');

unlink "$small/ballast";
ok($upstream->recovers, 'once there is room, all models are fresh again, and nobody helped');
is($upstream->differences, '', 'every target equals the oracle');
is($upstream->stats->{overlaps}, 0, 'never two requests of one model at a time');
is($upstream->worker_pid, $pid, 'the worker is still the same');
my $log = slurp_file($upstream->node->logfile);
unlike($log, qr/PANIC|signal/, 'nothing crashed');
my @lines = grep { /No space left/ } split /\n/, $log;
cmp_ok(scalar @lines, '<', 5, 'and the log is not filled, too') or diag join "\n", @lines[ 0 .. 4 ];
done_testing();
