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

# What a stream of the matrix does with its rows, the source that has it, and its target.
my %all = (sync_mode => 'full_refresh', cursor => undef, params => { limit => '{page.size}' });
my %kinds = (
    merge => { source => 'shops', table => 'orders', stream => {} },
    replace => { source => 'replacing', table => 'replaced', stream => { %all, write => 'replace' } },
    missing => { source => 'sweeping', table => 'swept', stream => { %all, deletes => { mode => 'missing', action => 'hard' } } });

# UPSTREAM_CELLS: a pattern of the cells to run. The smoke size runs one of each kind.
my $pattern = $ENV{UPSTREAM_CELLS} // '.';
my @cells;
my $kind = 'merge';
open my $in, '<', "$FindBin::Bin/matrix" or die $!;
while (<$in>)
{
    $kind = $1 if /^stream: (\w+)$/;
    next if /^\s*(#|$|stream:)/;
    chomp;
    my %cell = (kind => $kind, %{ $kinds{$kind} });
    @cell{qw(stage fault how code rows recovery)} = map { s/^\s+|\s+$//gr } split / \| /, $_, 6;
    $cell{name} = ($kind eq 'merge' ? '' : "$kind, ") . "$cell{stage}: $cell{fault}";
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
# The targets are there before the first cell, whichever that is.
for my $kind (values %kinds)
{
    my ($name, $stream) = Upstream::stream('orders', 'cursor', size => 100, %{ $kind->{stream} }, target => $kind->{table});
    delete $stream->{cursor} unless $stream->{cursor};
    $upstream->create_source($kind->{source}, { $name => $stream },
        retry => { base => '50 milliseconds', max => '200 milliseconds' }, timeouts => { total => '1 second', connect => '1 second' });
    $upstream->create_account($kind->{source}, 'first');
    $upstream->poll('the target is filled', sub { $upstream->status('first')->{state} eq 'fresh' }, 30);
    $upstream->sql("SELECT upstream.drop_account('first')");
}

my %sessions;
sub unlock_target { my $session = delete $sessions{lock} or return; $session->disconnect; }
sub lock_target
{
    my $session = $sessions{lock} = $upstream->connect(AutoCommit => 0);
    $session->do('LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
}

# What is stored of an account, versions and all.
sub stored
{
    my ($cell, $account) = @_;
    return $upstream->sql("SELECT md5(string_agg(t.id || ' ' || t.rev, ',' ORDER BY t.id)) FROM $cell->{table} t JOIN upstream.accounts a USING (account_id) WHERE a.name = '$account'");
}

# What begins the run that meets the fault: the account's first, or, of a stream that takes rows out, one after a read and changes of the upstream.
sub prepare
{
    my ($cell, $account) = @_;
    # The server may die after the commit and before its answer; the second attempt finds the account there.
    my $create = sub { eval { $upstream->create_account($cell->{source}, $account); 1 } or $@ =~ /already exists/ or die $@; };
    return $create if $cell->{kind} eq 'merge';
    $create->();
    $upstream->poll("the first read of $account ends", sub { is_fresh($cell, $account) }, 30);
    $upstream->control('mutate', { account => $account, stream => 'orders', delete => 20, count => 0 });
    $upstream->control('mutate', { account => $account, stream => 'orders', delete => 0, count => 10 });
    $cell->{since} = $upstream->sql('SELECT clock_timestamp()');
    $cell->{before} = stored($cell, $account);
    return sub { $upstream->sql("SELECT upstream.request_sync('$account')") };
}

sub is_fresh
{
    my ($cell, $account) = @_;
    my $since = $cell->{since} // '-infinity';
    return $upstream->sql("SELECT state = 'fresh' AND failures = 0 AND NOT half_done AND last_success_at > '$since' FROM upstream.model_status WHERE account = '$account'") eq '1';
}

# Lets the fault happen, and waits until it has.
sub happen
{
    my ($cell, $account) = @_;
    my ($kind, $rest) = $cell->{how} =~ /^(\S+)\s+(.*)$/s;
    my $create = prepare($cell, $account);
    # What recovers by itself may do so before anybody looks. If what is stored meanwhile is to be seen, requests that come after the fault stay unanswered until it is taken away.
    my $hold = sub { my ($skip) = @_;
        $upstream->control('fault', { account => $account, stream => 'orders', skip => $skip, times => -1, kind => 'hang' }) if $cell->{code} eq '-' && $cell->{rows} ne '-'; };
    my $refused = sub { my ($stream, $skip, $options) = @_;
        $upstream->control('fault', { account => $account, stream => $stream, skip => $skip + 0, times => -1, %{ JSON::PP->new->decode("{$options}") } });
        $create->(); };
    if ($kind eq 'stop')
    {
        my ($action, $skip, $point) = split / /, $rest, 3;
        $hold->(3);
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
        $hold->(0);
        $create->();
        return $upstream->poll('the worker is dead', sub { !kill 0, $pid }, 20);
    }
    if ($kind eq 'meanwhile')
    {
        my ($skip, $sql) = split / /, $rest, 2;
        # The page is not answered until that is done, however long it takes.
        $upstream->control('fault', { account => $account, stream => 'orders', skip => $skip + 0, times => -1, kind => 'hang' });
        $create->();
        $upstream->poll('the page is in flight', sub { ($upstream->stats->{models}{"$account/orders"}{requests} // 0) > $skip }, 20) or return 0;
        if ($sql eq "LOCK") { lock_target() } else { $upstream->sql($sql =~ s/\{account\}/$account/gr) }
        $upstream->control($_) for 'clear_faults', 'release';
        return 1;
    }
    if ($kind eq 'answer' || $kind eq 'token')
    {
        my ($skip, $options) = split / /, $rest, 2;
        $hold->(0) if $kind eq 'token';
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
    $upstream->sql("SET statement_timeout = '20s'");
    my $result = eval { JSON::PP->new->decode($upstream->sql("CALL upstream.sync('$account')")) };
    my $error = $@;
    $upstream->sql('RESET statement_timeout');
    is($result && $result->{totals}{failed}, 0, 'a session takes over') or do { diag explain $result // $error; kill 'CONT', $worker; return 0 };
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
    if ($way eq 'refresh')
    {
        my (undef, $undo) = split / /, $rest, 2;
        $upstream->sql($undo) if $undo;
        $upstream->sql("SELECT upstream.full_refresh('$account')");
        $cell->{since} = $upstream->sql('SELECT clock_timestamp()');
    }
    $upstream->sql("SELECT upstream.release_limits('$cell->{source}')") if $way eq 'day';
    my $fresh = sub { is_fresh($cell, $account) };
    if ($way ne 'self' && !$upstream->poll('quickly', $fresh, 0.5)) { $upstream->sql("SELECT upstream.request_sync('$account')"); }
    ok($upstream->poll("$account recovers", $fresh, 30), $way eq 'self' ? 'it recovers by itself' : 'it recovers') or diag explain $upstream->status($account);
}

my $index = 0;
for my $cell (@cells)
{
    my $account = $accounts[ $index++ ];
    subtest $cell->{name} => sub {
        $upstream->poll('a worker is there', sub { $upstream->worker_pid }, 30);
        ok(happen($cell, $account), 'the fault happens') or return;
        $upstream->disarm;
        if ($cell->{code} ne '-')
        {
            # A transaction that never ends would block all that follows.
            ok($upstream->poll('it shows', sub { my $status = $upstream->status($account); $status && ($status->{error_code} // '') eq $cell->{code} }, 10), "it shows: $cell->{code}")
                or do { diag explain $upstream->status($account); return };
            my $status = $upstream->status($account);
            ok($status->{error_message} && $status->{error_at}, 'with a message and a time');
        }
        if ($cell->{recovery} =~ /^refresh (\d+)/)
        {
            ok($upstream->poll('the run ends', sub { is_fresh($cell, $account) }, 20), 'the run ends well');
            is($upstream->sql("SELECT count(*) FROM upstream.rejected_rows WHERE account = '$account'"), $1, 'rows that do not fit are put aside');
        }
        if ($cell->{rows} ne '-')
        {
            my $rows = $upstream->sql("SELECT count(*) FROM $cell->{table} t JOIN upstream.accounts a USING (account_id) WHERE a.name = '$account'");
            my ($least, $most) = split m{/}, "$cell->{rows}/$cell->{rows}";
            ok($rows == $least || $rows == $most, 'what was committed stays, what is at fault is not stored') or diag "$rows rows";
            is(stored($cell, $account), $cell->{before}, 'and no row is another') if $cell->{kind} eq 'replace' && $rows == 300;
            is($upstream->status($account)->{cursor}, undef, 'there is no cursor') if $rows == 0;
        }
        my $rejected = join ', ', $upstream->column("SELECT key FROM upstream.rejected_rows WHERE account = '$account' ORDER BY 1");
        is($upstream->ahead($account, $cell->{table}), $cell->{kind} eq 'merge' ? $rejected : '', 'the cursor is not ahead of the rows, but for those that were rejected') unless $cell->{recovery} =~ /^(gone|undo)/;
        recover($cell, $account);
        return if $cell->{recovery} eq 'gone';
        is($upstream->account_differences($account, $cell->{table}), '', 'rows equal the oracle');
        is($upstream->ahead($account, $cell->{table}), '', 'the cursor is not ahead of the rows');
        is($upstream->stats->{models}{"$account/orders"}{overlaps}, 0, 'never two requests at a time');
        is($upstream->sql("SELECT count(*) FROM upstream.sync_runs WHERE account = '$account' AND status = 'running'"), 0, 'no run is left open');
        is($upstream->sql('SELECT (SELECT count(*) FROM upstream.staged_pages) + (SELECT count(*) FROM upstream.seen_keys)'), 0, 'nothing waits, and no key is kept');
    };
    $upstream->disarm;
    $upstream->control($_) for 'clear_faults', 'release';
    $upstream->sql("SELECT upstream.drop_account('$account')") if $upstream->status($account);
}
is(scalar(grep { $_->{reuses} } values %{ $upstream->stats->{accounts} }), 0, 'no refresh token was used outside the grace of its server');
my $log = PostgreSQL::Test::Utils::slurp_file($upstream->node->logfile);
unlike($log, qr/PANIC|TRAP|signal 11|signal 6/, 'nothing crashed but what was killed');
done_testing();
