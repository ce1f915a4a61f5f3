# A private server with a worker, a simulated upstream, and the oracle that compares the two.
package Upstream;

use strict;
use warnings;
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $json = JSON::PP->new->canonical;

# Columns of the simulator's rows and their types, in the order of its oracle.
our @COLUMNS = (
    [ id => 'text' ],              [ seq => 'bigint' ],           [ name => 'text' ],
    [ amount => 'numeric' ],       [ quantity => 'integer' ],     [ active => 'boolean' ],
    [ created_at => 'timestamptz' ], [ updated_at => 'timestamptz' ], [ day => 'date' ],
    [ uuid => 'uuid' ],            [ tags => 'jsonb' ],           [ nested => 'jsonb' ],
    [ rev => 'integer' ]);

# new(name, databases => 'app'): server and simulator, with an empty database app. with_clock: the server has a wall clock that shift_clock() sets.
sub new
{
    my ($class, $name, %options) = @_;
    my $self = bless { name => $name, http => HTTP::Tiny->new(timeout => 60) }, $class;
    $self->start_simulator;
    my $node = $self->{node} = PostgreSQL::Test::Cluster->new($name);
    $node->init;
    my $databases = $options{databases} // 'app';
    $node->append_conf('postgresql.conf', qq(
shared_preload_libraries = 'pg_upstream'
upstream.databases = '$databases'
upstream.allow_http = on
upstream.allow_private_addresses = on
upstream.lease_timeout = '5min'
restart_after_crash = on
max_worker_processes = 16
max_connections = 60
log_min_messages = info
));
    $node->append_conf('postgresql.conf', "upstream.write_path = '$ENV{UPSTREAM_WRITE_PATH}'\n") if $ENV{UPSTREAM_WRITE_PATH};
    $node->append_conf('postgresql.conf', $_) for @{ $options{conf} // [] };
    $self->shift_clock(0) if $options{with_clock};
    {
        local @ENV{qw(LD_PRELOAD SHIFTED_CLOCK)} = ("$ENV{TESTDIR}/shifted_clock.so", $self->{clock}) if $options{with_clock};
        $node->start;
    }
    $node->safe_psql('postgres', 'CREATE DATABASE app');
    $node->reload;
    return $self;
}

# The server's wall clock is that many seconds from the real one, from now on.
sub shift_clock
{
    my ($self, $seconds) = @_;
    my $file = $self->{clock} = "$ENV{TESTDATADIR}/$self->{name}.clock";
    open my $out, -e $file ? '+<' : '+>', $file or die "$file: $!";
    syswrite $out, pack('q', $seconds * 1_000_000);
}

sub start_simulator
{
    my ($self) = @_;
    my $file = "$ENV{TESTDATADIR}/$self->{name}.port";
    mkdir $ENV{TESTDATADIR};
    unlink $file;
    my $pid = fork() // die "fork: $!";
    if ($pid == 0)
    {
        open STDOUT, '>', '/dev/null';
        exec $ENV{UPSTREAM_SIMULATOR}, '--port', $self->{port} // 0, '--port-file', $file, '--die-with-parent' or die "exec: $!";
    }
    $self->{simulator} = $pid;
    $self->poll('the simulator listens', sub { -s $file });
    $self->{port} = slurp_file($file) + 0;
    $self->{url} = "http://127.0.0.1:$self->{port}";
}

sub stop_simulator
{
    my ($self) = @_;
    my $pid = delete $self->{simulator} or return;
    kill 'TERM', $pid;
    waitpid $pid, 0;
}

sub DESTROY { my ($self) = @_; local $?; $self->stop_simulator; }

sub node { $_[0]{node} }

# poll(what, code, seconds): till the code says true. The only place where a test waits.
sub poll
{
    my ($self, $what, $code, $seconds) = @_;
    my $end = time + ($seconds // 60);
    while (1)
    {
        return 1 if $code->();
        last if time > $end;
        select undef, undef, undef, 0.02;
    }
    diag "still waiting: $what";
    return 0;
}

sub control
{
    my ($self, $command, $arguments) = @_;
    my $response = $self->{http}->post("$self->{url}/_control/$command", { content => $json->encode($arguments // {}), headers => { 'content-type' => 'application/json' } });
    die "control $command: $response->{status} $response->{content}" unless $response->{success};
    return $response->{content} =~ /^[\{\[]/ ? $json->decode($response->{content}) : $response->{content};
}

# Requests in flight, as the simulator sees them.
sub in_flight { my ($self) = @_; return scalar grep { $_->{in_flight} } values %{ $self->stats->{models} }; }

# A session of its own whose transaction stays open after the statement; the code that is returned ends it (COMMIT, unless told otherwise), and the session.
sub hold
{
    my ($self, $sql) = @_;
    my ($in, $out) = ("BEGIN; $sql; SELECT 'held';\n", '');
    my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $self->node->connstr('app') ], '<', \$in, '>', \$out);
    $session->pump until $out =~ /^held$/m;
    return sub { $in = ($_[0] // 'COMMIT') . ";\n\\q\n"; $session->finish; };
}

sub get { my ($self, $path) = @_; return $self->{http}->get("$self->{url}$path")->{content}; }
sub stats { my ($self) = @_; return $json->decode($self->get('/_control/stats')); }

# setup(accounts => [...], streams => {...}, ...): resets the simulator; remembers names for the oracle.
sub setup
{
    my ($self, %arguments) = @_;
    $self->{accounts} = $arguments{accounts};
    $self->{streams} = [ sort keys %{ $arguments{streams} } ];
    $self->control('setup', { seed => 1, auth => 'oauth', token_lifetime_s => 3600, %arguments });
}

sub rows { my ($count, %more) = @_; return { rows => $count, tie => 7, spacing_ms => 1000, start => '2026-01-01T00:00:00Z', %more }; }

# A stream of the simulator by pagination, each with the filter and order that suit it.
sub stream
{
    my ($name, $pagination, %more) = @_;
    my $size = delete $more{size} // 200;
    my $since = { limit => '{page.size}', since => '{cursor.start|iso}' };
    my $ascending = { field => 'updated_at', type => 'timestamp', filter => 'server', order => 'asc', lookback => '1 second' };
    my %kinds = (
        cursor => { params => $since, cursor => $ascending,
            pagination => { type => 'cursor', path => '$.next_cursor', size => $size, inject => { in => 'query', name => 'cursor' } } },
        next => { params => { %$since, limit => $size }, cursor => $ascending, pagination => { type => 'next_url', path => '$.next' } },
        link => { params => { %$since, limit => $size }, cursor => $ascending, pagination => { type => 'link_header' } },
        page => { params => { limit => '{page.size}', order => 'desc' },
            cursor => { %$ascending, filter => 'client', order => 'desc' },
            pagination => { type => 'page', size => $size, has_more => '$.has_more', inject => { in => 'query', name => 'page' } } });
    return ($name => {
        path => "/$name/$pagination", records => '$.data', %{ $kinds{$pagination} }, primary_key => ['id'], target => $name, every => '1 hour',
        columns => { map { ($_->[0] => { path => $_->[0], type => $_->[1] }) } @COLUMNS }, %more });
}

# create_source(name, streams): OAuth, account setting `shop`.
sub create_source
{
    my ($self, $name, $streams, %more) = @_;
    my $spec = {
        spec_version => 1, source => $name, base_url => "$self->{url}/v1/{account.shop}",
        account => { properties => { shop => { type => 'string' } }, required => ['shop'] },
        auth => { type => 'oauth2', grant_type => 'refresh_token', token_url => "$self->{url}/oauth/token", client_auth => 'basic',
            rotates_refresh_token => JSON::PP::true },
        retry => { base => '200 milliseconds', max => '2 seconds' },
        streams => $streams, %more };
    my $text = $json->encode($spec);
    $self->sql("SELECT upstream.create_source('$name', \$spec\$$text\$spec\$)");
    return $text;
}

sub create_account
{
    my ($self, @account) = @_;
    $self->sql($self->account_sql(@account));
}

# The statement, for a transaction that does more.
sub account_sql
{
    my ($self, $source, $account, %more) = @_;
    my $credentials = $json->encode({ refresh_token => "rt-$account-0", client_id => 'client', client_secret => 'secret', %{ $more{credentials} // {} } });
    return "SELECT upstream.create_account('$source', '$account', '{\"shop\": \"$account\"}', \$c\$$credentials\$c\$)";
}

# Accounts shop<from> to shop<to> of a source, in one transaction.
sub create_shops
{
    my ($self, $from, $to, $source) = @_;
    $source //= 'shops';
    $self->sql("SELECT count(upstream.create_account('$source', 'shop' || i, jsonb_build_object('shop', 'shop' || i),
        jsonb_build_object('refresh_token', 'rt-shop' || i || '-0', 'client_id', 'client', 'client_secret', 'secret'))) FROM generate_series($from, $to) i");
}

# What a person does whose account needs it: a new pair of tokens.
sub sign_in_again
{
    my ($self, $account) = @_;
    my $pair = $self->control('reseed_token', { account => $account });
    $self->sql("SELECT upstream.update_token('$account', '$pair->{access_token}', '$pair->{refresh_token}')");
}

sub sql { my ($self, $sql) = @_; return $self->node->safe_psql('app', $sql); }

# The result of CALL sync as data.
sub call
{
    my ($self, $arguments, $procedure) = @_;
    return $json->decode($self->sql('CALL upstream.' . ($procedure // 'sync') . "($arguments)"));
}

sub status
{
    my ($self, $account, $stream) = @_;
    return $json->decode($self->sql("SELECT to_json(m) FROM upstream.model_status m WHERE account = '$account' AND stream = '$stream'"));
}

# Every model is fresh, after a run that began now or later.
sub settle
{
    my ($self, $seconds) = @_;
    my $since = $self->sql('SELECT clock_timestamp()');
    $self->sql("SELECT sum(upstream.request_sync(s.name || '/' || a.name)) FROM upstream.accounts a JOIN upstream.sources s USING (source_id)");
    my $settled = $self->poll('all models are fresh', sub {
        my ($status, $out) = $self->node->psql('app',
            "SELECT bool_and(state = 'fresh' AND failures = 0 AND last_success_at > '$since') FROM upstream.model_status");
        return $status == 0 && $out eq 't';
    }, $seconds // 120);
    diag $self->sql("SELECT account, stream, state, failures, error_code, error_message, error_detail FROM upstream.model_status WHERE state <> 'fresh' LIMIT 20") unless $settled;
    return $settled;
}

# Every model gets fresh by itself: nobody asks for a sync.
sub recovers
{
    my ($self, $seconds) = @_;
    return $self->poll('all models are fresh by themselves', sub {
        my ($status, $out) = $self->node->psql('app',
            q(SELECT bool_and(state = 'fresh' AND failures = 0 AND NOT half_done AND last_success_at IS NOT NULL) FROM upstream.model_status));
        return $status == 0 && $out eq 't';
    }, $seconds // 60);
}

# The oracle: each target has exactly the rows that the upstream has, compared both ways and as texts, so that 1.0 is not 1. Returns the differences.
sub differences
{
    my ($self) = @_;
    my $list = join ', ', map { "$_->[0]::text" } @COLUMNS;
    my $definition = join ', ', map { "$_->[0] $_->[1]" } @COLUMNS;
    my $script = '';
    my $checks = '';
    for my $stream (@{ $self->{streams} })
    {
        $script .= "CREATE TEMP TABLE oracle_$stream (shop text, $definition);\n";
        for my $account (@{ $self->{accounts} })
        {
            my $rows = $self->get("/_oracle/$account/$stream");
            $rows =~ s/^/$account\t/mg;
            $script .= "COPY oracle_$stream FROM STDIN;\n$rows" . ($rows =~ /\n\z/ || $rows eq '' ? '' : "\n") . "\\.\n";
        }
        my $have = "SELECT a.config->>'shop' AS shop, " . join(', ', map { "t.$_->[0]::text" } @COLUMNS) . " FROM public.$stream t JOIN upstream.accounts a USING (account_id)";
        $checks .= "SELECT '$stream lacks', * FROM (SELECT shop, $list FROM oracle_$stream EXCEPT $have) d LIMIT 3;\n"
            . "SELECT '$stream has too much', * FROM ($have EXCEPT SELECT shop, $list FROM oracle_$stream) d LIMIT 3;\n"
            . "SELECT '$stream counts', (SELECT count(*) FROM public.$stream), (SELECT count(*) FROM oracle_$stream) WHERE (SELECT count(*) FROM public.$stream) <> (SELECT count(*) FROM oracle_$stream);\n";
    }
    my $file = "$ENV{TESTDATADIR}/oracle.sql";
    open my $out, '>', $file or die "$file: $!";
    print $out $script, $checks;
    close $out;
    my ($stdout, $stderr) = run_command([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $self->node->connstr('app'), '-f', $file ]);
    return $stdout . $stderr;
}

sub worker_pid
{
    my ($self) = @_;
    my ($status, $out) = $self->node->psql('app', 'SELECT pid FROM upstream.pg_stat_upstream_workers WHERE datname = current_database()');
    return $status == 0 && $out ne '' ? $out : undef;
}

1;
