# The fault matrix: every line of `matrix` is a test. Each makes an account of its own, lets the fault happen, looks at what shows and what is stored,
# takes the fault away, and asks for what must hold after every fault: the rows of the oracle, each once, and never two requests at a time.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Faults;
use IPC::Run;
use Test::More;
use Time::HiRes qw(time);

# UPSTREAM_CELLS: a pattern of the cells to run. The smoke size runs one of each kind.
my $pattern = $ENV{UPSTREAM_CELLS} // '.';
my @cells;
open my $in, '<', "$FindBin::Bin/matrix" or die $!;
while (<$in>)
{
    next if /^\s*(#|$)/;
    chomp;
    my %cell;
    @cell{qw(stage fault how code rows recovery)} = map { s/^\s+|\s+$//gr } split / \| /, $_, 6;
    $cell{name} = "$cell{stage}: $cell{fault}";
    push @cells, \%cell if $cell{name} =~ /$pattern/;
}
close $in;
if (($ENV{UPSTREAM_FAULTS} // '') eq 'smoke' && $pattern eq '.')
{
    my $n = 0;
    @cells = grep { $n++ % 4 == 0 } @cells;
}

# A lease is short, so that one can wait for its end. Each page has a commit of its own, so that a cell can name the second page's: pages that come within milliseconds would share one.
my $upstream = Faults->new('matrix', conf => [ "upstream.max_page_size = '1MB'", "upstream.memory_limit = '64kB'", "upstream.lease_timeout = '3s'", "upstream.write_timeout = '1s'" ]);
my @accounts = map { "c$_" } 1 .. @cells;
$upstream->setup(accounts => [ @accounts, 'first' ], streams => { orders => Upstream::rows(300) }, token_lifetime_s => 3600, grace_s => 600);
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor', size => 100) },
    retry => { base => '50 milliseconds', max => '200 milliseconds' }, timeouts => { total => '1 second', connect => '1 second' });
# The target is there before the first cell, whichever that is.
$upstream->create_account('shops', 'first');
$upstream->poll('the target is filled', sub { $upstream->status('first')->{state} eq 'fresh' }, 30);
$upstream->sql("SELECT upstream.drop_account('first')");

my %sessions;
sub unlock_target { my $session = delete $sessions{lock} or return; $session->disconnect; }
sub lock_target
{
    my $session = $sessions{lock} = $upstream->connect(AutoCommit => 0);
    $session->do('LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
}

# Lets the fault happen. Returns a function that waits until it has.
sub happen
{
    my ($cell, $account) = @_;
    my ($kind, $rest) = $cell->{how} =~ /^(\S+)\s+(.*)$/s;
    # The server may die after the commit and before its answer; the second attempt finds the account there.
    my $create = sub { eval { $upstream->create_account('shops', $account); 1 } or $@ =~ /already exists/ or die $@; };
    my $refused = sub { my ($stream, $skip, $options) = @_;
        $upstream->control('fault', { account => $account, stream => $stream, skip => $skip + 0, times => -1, %{ JSON::PP->new->decode("{$options}") } });
        $create->(); };
    if ($kind eq 'stop')
    {
        my ($action, $skip, $point) = split / /, $rest, 3;
        $upstream->arm($action, $skip, $point);
        $create->();
        $upstream->poll("the worker comes to \"$point\"", sub { !$upstream->is_armed }, 20) or return 0;
        $upstream->restart if $action eq 'immediate' || $action eq 'postmaster';
        return 1;
    }
    if ($kind eq 'zombie') { return zombie($account, $rest, $create); }
    if ($kind eq 'kill')
    {
        my ($skip, $token, $when) = $rest =~ /^(\d+) (token )?(\w+)$/;
        my $pid = $upstream->worker_pid;
        $upstream->control('fault', { account => $account, stream => $token ? 'token' : 'orders', skip => $skip + 0, times => 1, kind => 'kill', pid => $pid + 0, when => $when });
        $create->();
        return $upstream->poll('the worker is dead', sub { !kill 0, $pid }, 20);
    }
    if ($kind eq 'meanwhile')
    {
        my ($skip, $sql) = split / /, $rest, 2;
        $upstream->control('fault', { account => $account, stream => 'orders', skip => $skip + 0, times => 1, kind => 'delay', ms => 300 });
        $create->();
        $upstream->poll('the page is in flight', sub { ($upstream->stats->{models}{"$account/orders"}{requests} // 0) > $skip }, 20) or return 0;
        if ($sql eq "LOCK") { lock_target() } else { $upstream->sql($sql =~ s/\{account\}/$account/gr) }
        return 1;
    }
    if ($kind eq 'answer' || $kind eq 'token')
    {
        my ($skip, $options) = split / /, $rest, 2;
        $refused->($kind eq 'token' ? 'token' : 'orders', $skip, $options);
        return 1;
    }
    $upstream->sql($rest);
    $create->();
    return 1;
}

# A holder that hangs until its lease has run out: a session takes over, then the holder wakes up and its commit is refused.
sub zombie
{
    my ($account, $rest, $create) = @_;
    my ($skip, $point) = split / /, $rest, 2;
    my $worker = $upstream->worker_pid;
    $upstream->arm('stop', $skip, $point);
    $create->();
    $upstream->poll("the worker hangs at \"$point\"", sub { ($upstream->process_state($worker) // '') eq 'T' }, 20) or return 0;
    $upstream->poll('the lease runs out', sub { $upstream->sql("SELECT bool_and(lease_deadline < clock_timestamp()) FROM upstream.model_state s JOIN upstream.models m USING (model_id)
        JOIN upstream.accounts a USING (account_id) WHERE a.name = '$account'") }, 20);
    $upstream->sql("UPDATE upstream.tokens t SET refresh_deadline = now() - interval '1 second' FROM upstream.accounts a
        WHERE a.account_id = t.account_id AND a.name = '$account' AND refresh_pid IS NOT NULL");
    my $result = JSON::PP->new->decode($upstream->sql("CALL upstream.sync('$account')"));
    is($result->{totals}{failed}, 0, 'a session takes over') or diag explain $result;
    my $asked = sub { return $upstream->stats->{models}{"$account/orders"}{requests} // 0 };
    my $before = $asked->();
    kill 'CONT', $worker;
    my $gave_up = "SELECT wait_event_type = 'Extension' AND NOT EXISTS (SELECT FROM upstream.pg_stat_progress_upstream WHERE account = '$account')
        FROM pg_stat_activity WHERE pid = $worker";
    ok($upstream->poll('the holder gives up', sub { $upstream->sql($gave_up) eq '1' }, 20), 'the holder gives up');
    is($asked->(), $before, 'and asks for nothing any more');
    return 1;
}

sub recover
{
    my ($cell, $account) = @_;
    $upstream->control('clear_faults');
    $upstream->control('release');
    my ($way, $rest) = $cell->{recovery} =~ /^(\w+)\s*(.*)$/s;
    if ($way eq 'undo') { if ($rest eq 'UNLOCK') { unlock_target() } else { $upstream->sql($_) for split /; /, $rest } }
    $upstream->sign_in_again($account) if $way eq 'token';
    return if $way eq 'gone';
    if ($way eq 'later' || $way eq 'day')
    {
        my $most = $way eq 'day' ? '1 day' : '1 hour';
        is($upstream->sql("SELECT state = 'fresh' OR next_attempt_at - now() BETWEEN interval '0' AND interval '$most' FROM upstream.model_status WHERE account = '$account'"), 1, "it is tried again within $most") unless $cell->{code} eq '-';
    }
    $upstream->sql("SELECT upstream.release_limits('shops')") if $way eq 'day';
    my $fresh = sub { my $status = $upstream->status($account); return $status && $status->{state} eq 'fresh' && $status->{failures} == 0 && !$status->{half_done} && $status->{last_success_at}; };
    if ($way ne 'self' && !$upstream->poll('quickly', $fresh, 0.5)) { $upstream->sql("SELECT upstream.request_sync('$account')"); }
    ok($upstream->poll("$account recovers", $fresh, 30), $way eq 'self' ? 'it recovers by itself' : 'it recovers') or diag explain $upstream->status($account);
}

my $index = 0;
for my $cell (@cells)
{
    my $account = $accounts[ $index++ ];
    subtest $cell->{name} => sub {
        $upstream->poll('a worker is there', sub { $upstream->worker_pid }, 30);
        ok(happen($cell, $account), 'the fault happens');
        $upstream->disarm;
        if ($cell->{code} ne '-')
        {
            my $began = time;
            ok($upstream->poll('it shows', sub { my $status = $upstream->status($account); $status && ($status->{error_code} // '') eq $cell->{code} }, 10), "it shows: $cell->{code}")
                or diag explain $upstream->status($account);
            my $status = $upstream->status($account);
            ok($status->{error_message} && $status->{error_at}, 'with a message and a time');
        }
        is($upstream->sql("SELECT count(*) FROM orders o JOIN upstream.accounts a USING (account_id) WHERE a.name = '$account'"), $cell->{rows}, 'committed pages stay, the page at fault is not stored')
            if $cell->{rows} ne '-';
        is($upstream->ahead($account), '', 'the cursor is not ahead of the rows') unless $cell->{recovery} =~ /^(gone|undo)/;
        recover($cell, $account);
        return if $cell->{recovery} eq 'gone';
        is($upstream->account_differences($account), '', 'rows equal the oracle');
        is($upstream->ahead($account), '', 'the cursor is not ahead of the rows');
        is($upstream->stats->{models}{"$account/orders"}{overlaps}, 0, 'never two requests at a time');
        is($upstream->sql("SELECT count(*) FROM upstream.sync_runs WHERE account = '$account' AND status = 'running'"), 0, 'no run is left open');
    };
    $upstream->sql("SELECT upstream.drop_account('$account')") if $upstream->status($account);
}
is(scalar(grep { $_->{reuses} } values %{ $upstream->stats->{accounts} }), 0, 'no refresh token was used outside the grace of its server');
my $log = PostgreSQL::Test::Utils::slurp_file($upstream->node->logfile);
unlike($log, qr/PANIC|TRAP|signal 11|signal 6/, 'nothing crashed but what was killed');
done_testing();
