# The scenarios. Each returns a list of [name, value, unit]; those that are compared run in one round, one after the other, on the same machine.
package Scenarios;

use strict;
use warnings;
use Time::HiRes qw(time sleep);
use Bench;

sub new { my ($class, %self) = @_; return bless {%self}, $class; }

# Pages of a kind, made once: accounts x pages x rows.
sub pages
{
    my ($self, $set, %shape) = @_;
    my $folder = "$self->{work}/pages/$set";
    return if -d $folder;
    system("$self->{work}/make_pages", $folder, map { ("--$_", $shape{$_}) } sort keys %shape) == 0 or die 'pages';
}

sub spec
{
    my ($self, $set, %more) = @_;
    my $base = $more{base} // "http://127.0.0.1:$self->{web_port}/$set";
    my $target = $more{target} // 'transactions';
    return qq({"spec_version": 1, "source": "$set", "base_url": "$base", "auth": {"type": "none"},
        "account": {"properties": {"n": {"type": "string"}}, "required": ["n"]},
        "streams": {"transactions": {"path": "/{account.n}", "records": "\$.data", "primary_key": ["id"], "target": "public.$target", "every": "10 hours",
            "pagination": {"type": "cursor", "path": "\$.next", "inject": {"in": "query", "name": "page"}},
            "columns": {) . join(', ', map { qq("$_": {"path": "$_"}) } qw(id created_at amount currency kind status user_id user_name note)) . '}}}}';
}

# The server and nginx: whoever works on a sync.
sub all_processes { my ($self) = @_; return ($self->{pg}->processes, $self->{nginx}, split " ", (`pgrep -P $self->{nginx}` =~ s/\n/ /gr)); }

# A source with its accounts, none of them due yet.
sub prepare
{
    my ($self, $set, $accounts, %more) = @_;
    my $spec = $self->spec($set, %more);
    $self->{pg}->sql("SELECT upstream.create_source('$set', \$spec\$$spec\$spec\$)");
    $self->{pg}->sql("DO \$\$ BEGIN FOR i IN 1 .. $accounts LOOP PERFORM upstream.create_account('$set', '$set-' || i, jsonb_build_object('n', i::text)); "
        . "PERFORM upstream.pause('$set-' || i); END LOOP; END \$\$");
}

sub drop { my ($self, $set) = @_; $self->{pg}->sql("SELECT upstream.drop_source('$set', true)"); }

# Lets the worker run all models of a source from the beginning; what it took.
sub run_worker
{
    my ($self, $set) = @_;
    my $pg = $self->{pg};
    my ($postmaster) = $pg->processes;
    my @workers = split ' ', (`pgrep -P $postmaster -f "pg_upstream worker"` =~ s/\n/ /gr);
    my @before = map { Bench::own_memory_kb($_) } @workers;
    my ($wal, $cpu, $worker_cpu) = ($pg->wal, Bench::cpu($self->all_processes), Bench::cpu(@workers));
    $pg->sql("UPDATE upstream.model_state SET cursor = NULL; DO \$\$ BEGIN PERFORM upstream.resume(name) FROM upstream.accounts; "
        . "PERFORM upstream.request_sync(name) FROM upstream.accounts; END \$\$; SELECT 1");
    my $began = time;
    my $peak = 0;
    my $waiter = fork() // die $!;
    if ($waiter == 0)
    {
        $pg->sql("DO \$\$ BEGIN LOOP EXIT WHEN NOT EXISTS (SELECT FROM upstream.model_state WHERE next_due_at <= now() OR lease_pid IS NOT NULL); "
            . "COMMIT; PERFORM pg_sleep(0.05); END LOOP; END \$\$");
        exit 0;
    }
    my ($ended, $next) = (0, time);
    until ($ended)
    {
        use POSIX ':sys_wait_h';
        $ended = waitpid($waiter, WNOHANG);
        my $grown = 0;
        for my $i (0 .. $#workers) { my $more = Bench::own_memory_kb($workers[$i]) - $before[$i]; $grown = $more if $more > $grown; }
        $peak = $grown if $grown > $peak;
        sleep 0.02;
    }
    my $failed = $pg->sql("SELECT count(*) FROM upstream.model_state WHERE failures > 0");
    die "$set: $failed models failed: " . $pg->sql("SELECT string_agg(DISTINCT error_message, '; ') FROM upstream.model_status WHERE failures > 0") if $failed > 0;
    my ($seconds) = $pg->sql("SELECT extract(epoch FROM max(ended_at) - min(started_at)) FROM upstream.runs WHERE started_at >= to_timestamp($began) - interval '0.2 s'");
    $pg->sql("DO \$\$ BEGIN PERFORM upstream.pause(name) FROM upstream.accounts; END \$\$");
    return { seconds => $seconds, wal_mb => ($pg->wal - $wal) / 1e6, machine_cpu => Bench::cpu($self->all_processes) - $cpu, worker_cpu => Bench::cpu(@workers) - $worker_cpu,
        memory_mb => $peak / 1024 };
}

sub copy
{
    my ($self, $set, $format) = @_;
    my $pg = $self->{pg};
    $pg->target;
    my $file = "$self->{work}/pages/$set/rows." . ($format eq 'text' ? 'tsv' : 'bin');
    my ($began, $cpu) = (time, $pg->ended_cpu);
    $pg->sql("COPY transactions FROM '$file' (FORMAT $format)");
    my $seconds = time - $began;
    return { seconds => $seconds, cpu => $pg->ended_cpu - $cpu };
}

sub node
{
    my ($self, $mode, $url, $accounts, $connections) = @_;
    my $pg = $self->{pg};
    $pg->target;
    local @ENV{qw(PGHOST PGPORT PGUSER PGDATABASE)} = ($self->{work}, $pg->{port}, 'bench', 'bench');
    my $began = time;
    system('node', "$self->{peers}/bulk_peer.js", $mode, $url, $accounts, $connections) == 0 or die 'node';
    return time - $began;
}

sub count { my ($self, $expected) = @_; my $n = $self->{pg}->sql('SELECT count(*) FROM transactions'); die "$n rows, not $expected" if $n != $expected; }

# First load, then the same again, then one per cent changed; with COPY in the same round.
sub load
{
    my ($self, $name, %shape) = @_;
    my ($accounts, $rows) = ($shape{accounts}, $shape{accounts} * $shape{pages} * $shape{rows});
    $self->pages($name, %shape);
    my $pg = $self->{pg};
    my @results = ([ "$name/rows", $rows, 'rows' ]);
    my $report = sub { my ($what, $run) = @_; push @results, [ "$name/$what", $run, 's' ]; };
    for my $format (qw(text binary))
    {
        my $copy = $self->copy($name, $format);
        $report->("copy_$format", $copy->{seconds});
        push @results, [ "$name/copy_${format}_cpu_per_million", $copy->{cpu} / $rows * 1e6, 's' ];
    }
    $pg->target;
    $self->prepare($name, $accounts);
    $pg->sql('CHECKPOINT');
    my $first = $self->run_worker($name);
    $self->count($rows);
    $report->('first_load', $first->{seconds});
    push @results, [ "$name/first_load_cpu_per_million", $first->{machine_cpu} / $rows * 1e6, 's' ], [ "$name/first_load_worker_cpu_per_million", $first->{worker_cpu} / $rows * 1e6, 's' ],
        [ "$name/first_load_memory", $first->{memory_mb}, 'MB' ];
    # What autovacuum does after a load: else the first who reads the rows marks them as committed, and with checksums that is logged.
    $pg->sql('VACUUM transactions');
    $pg->sql('CHECKPOINT');
    my $again = $self->run_worker($name);
    $report->('unchanged', $again->{seconds});
    push @results, [ "$name/unchanged_wal_per_million", $again->{wal_mb} / $rows * 1e6, 'MB' ];
    $pg->sql("UPDATE transactions SET amount = amount + 1 WHERE hashtext(id) % 100 = 0");
    $pg->sql('VACUUM transactions');
    my $changed = $self->run_worker($name);
    $report->('one_percent_changed', $changed->{seconds});
    $self->drop($name);
    return @results;
}

# Former ways, on the same pages.
sub peers
{
    my ($self, $name, %shape) = @_;
    my ($accounts, $rows) = ($shape{accounts}, $shape{accounts} * $shape{pages} * $shape{rows});
    $self->pages($name, %shape);
    my @results;
    my $url = "http://127.0.0.1:$self->{web_port}/$name";
    push @results, [ "$name/node_pages", $self->node('pages', $url, $accounts, 8), 's' ];
    $self->count($rows);
    if ($self->{node_rows})
    {
        my $few = "${name}_few";
        my %few = (%shape, pages => int($self->{node_rows} / $accounts / $shape{rows}) || 1);
        $self->pages($few, %few);
        my $loaded = $accounts * $few{pages} * $few{rows};
        my $seconds = $self->node('rows', "http://127.0.0.1:$self->{web_port}/$few", $accounts, 1);
        push @results, [ "$name/node_rows_extrapolated", $seconds * $rows / $loaded, 's' ];
    }
    push @results, [ "$name/upsert_path", $self->with_path('upsert', sub { $self->{pg}->target; $self->prepare($name, $accounts); my $run = $self->run_worker($name); $self->drop($name); $run->{seconds} }), 's' ];
    return @results;
}

sub with_path
{
    my ($self, $path, $code) = @_;
    my $pg = $self->{pg};
    $pg->psql('postgres', "ALTER SYSTEM SET upstream.write_path = '$path'");
    $pg->psql('postgres', 'SELECT pg_reload_conf()');
    my $result = $code->();
    $pg->psql('postgres', 'ALTER SYSTEM RESET upstream.write_path');
    $pg->psql('postgres', 'SELECT pg_reload_conf()');
    return $result;
}

# Each page takes a fixed time: what counts is how much of it passes at once.
sub latency
{
    my ($self, $milliseconds) = @_;
    $self->pages('slow', accounts => 50, pages => 20, rows => 100);
    my $port = $self->{web_port} + 1;
    my $pid = fork() // die $!;
    if ($pid == 0) { exec 'node', "$self->{peers}/slow.js", $port, "$self->{work}/pages/slow", $milliseconds; die; }
    sleep 0.5;
    my $pg = $self->{pg};
    $pg->target;
    $self->prepare('slow', 50, base => "http://127.0.0.1:$port");
    my $run = $self->run_worker('slow');
    $self->count(100_000);
    $self->drop('slow');
    kill 'TERM', $pid;
    waitpid $pid, 0;
    return ([ 'latency/seconds', $run->{seconds}, 's' ], [ 'latency/ideal', 20 * $milliseconds / 1000, 's' ]);
}

# Many models with nothing new: what one of them costs.
sub small_models
{
    my ($self, $models) = @_;
    $self->pages('small', accounts => 1, pages => 1, rows => 1);
    my $pg = $self->{pg};
    $pg->target;
    my $folder = "$self->{work}/pages/small";
    for my $i (2 .. $models) { symlink "$folder/1", "$folder/$i" unless -e "$folder/$i"; }
    $self->prepare('small', $models);
    $self->run_worker('small');
    my $again = $self->run_worker('small');
    $self->drop('small');
    return ([ 'small_models/models', $models, '' ], [ 'small_models/worker_cpu_ms_per_model', $again->{worker_cpu} * 1000 / $models, 'ms' ],
        [ 'small_models/seconds', $again->{seconds}, 's' ]);
}

# What it takes to find that one model is due among many, and how often an idle worker wakes.
sub due_lookup
{
    my ($self, @sizes) = @_;
    my $pg = $self->{pg};
    my @results;
    for my $size (@sizes)
    {
        $pg->target;
        $self->prepare('due', 1);
        $pg->sql("WITH a AS (INSERT INTO upstream.accounts (source_id, name, config) SELECT source_id, 'due-x' || i, '{\"n\": \"1\"}' FROM upstream.sources, generate_series(2, $size) i "
            . "WHERE upstream.sources.name = 'due' RETURNING account_id), m AS (INSERT INTO upstream.models (account_id, stream, target, every, incremental) SELECT account_id, 'transactions', "
            . "'public.transactions'::regclass, '10 hours', false FROM a RETURNING model_id) INSERT INTO upstream.model_state (model_id, next_due_at) SELECT model_id, now() + interval '5 hours' FROM m");
        $pg->sql('ANALYZE upstream.model_state; ANALYZE upstream.models; ANALYZE upstream.accounts');
        my $wakeups = "SELECT sum(wakeups) FROM upstream.pg_stat_upstream_workers";
        $pg->sql("SELECT upstream.request_sync('due-1')");
        sleep 2;
        my $before = $pg->sql($wakeups);
        sleep 10;
        push @results, [ "idle/wakeups_in_10s/$size", $pg->sql($wakeups) - $before, '' ];
        my $times = $pg->sql("DO \$\$ DECLARE t timestamptz; n int; best float8 := 1e9; BEGIN FOR i IN 1 .. 20 LOOP t := clock_timestamp(); "
            . "PERFORM d.model_id FROM upstream.models_needing_sync d ORDER BY d.priority DESC, d.due_since LIMIT 64; "
            . "best := least(best, extract(epoch FROM clock_timestamp() - t) * 1000); END LOOP; PERFORM set_config('bench.best', best::text, false); END \$\$; SELECT current_setting('bench.best')");
        push @results, [ "due_lookup/ms/$size", $times + 0, 'ms' ];
        $self->drop('due');
    }
    return @results;
}

1;
