# Many models: accounts that wait for a slow upstream, models with nothing new, models that are not due.
package Models;

use strict;
use warnings;
use Time::HiRes qw(sleep);
use parent 'Round';
use Meters;
use Upstreams;

# Each page takes a fixed time: what counts is how much of it passes at once.
sub latency
{
    my ($self, $milliseconds) = @_;
    my $rows = $self->pages('slow', accounts => 50, pages => 20, rows => 100);
    my $port = $self->{web_port} + 1;
    my ($pid, $out) = Upstreams::start_slow("$self->{peers}/slow.js", $port, "$self->{work}/pages/slow", $milliseconds);
    $self->prepare('slow', 50, "http://127.0.0.1:$port");
    my $run = $self->sync;
    Round::expect('inserted', $run->{inserted}, $rows);
    $self->drop('slow');
    Upstreams::stop($pid);
    return ([ 'latency/seconds', $run->{seconds}, 's' ], [ 'latency/ideal', 20 * $milliseconds / 1000, 's' ]);
}

# What one of many models with nothing new costs.
sub nothing_new
{
    my ($self, $models) = @_;
    $self->pages('small', accounts => 1, pages => 1, rows => 1);
    my $folder = "$self->{work}/pages/small";
    for my $i (2 .. $models) { symlink "$folder/1", "$folder/$i" unless -e "$folder/$i"; }
    $self->prepare('small', $models);
    $self->{pg}->sql('ANALYZE');
    $self->sync;
    my $again = $self->sync;
    Round::expect('unchanged', $again->{unchanged}, $models);
    $self->drop('small');
    return (
        [ 'nothing_new/models', $models, '' ],
        [ 'nothing_new/worker_cpu_ms_per_model', $again->{worker_cpu} * 1000 / $models, 'ms' ],
        [ 'nothing_new/seconds', $again->{seconds}, 's' ]);
}

# Makes one source's models as many as wanted, due in hours. Not by create_account(): it is the look-up that is measured.
sub grow
{
    my ($self, $from, $to) = @_;
    $self->{pg}->sql("WITH a AS (INSERT INTO upstream.accounts (source_id, name, config) SELECT source_id, 'due-' || i, '{\"n\": \"1\"}' FROM upstream.sources, "
            . "generate_series($from + 1, $to) i WHERE upstream.sources.name = 'due' RETURNING account_id), m AS (INSERT INTO upstream.models (account_id, stream, target, every, incremental) "
            . "SELECT account_id, 'transactions', 'public.transactions'::regclass, '10 hours', false FROM a RETURNING model_id) "
            . "INSERT INTO upstream.model_state (model_id, next_due_at) SELECT model_id, now() + interval '5 hours' * (1 + random()) FROM m",
        'VACUUM ANALYZE upstream.model_state', 'VACUUM ANALYZE upstream.models', 'VACUUM ANALYZE upstream.accounts');
}

# The worker's look-up as it stands in its claim, some models all over the table being due: this transaction makes them so, and nobody else sees it. Median of 21, in ms.
sub look_up
{
    my ($self, $due, $size) = @_;
    my $each = int($size / ($due || 1)) || 1;
    return $self->{pg}->sql('BEGIN', "UPDATE upstream.model_state SET next_due_at = now() - interval '1 minute' WHERE model_id IN (SELECT model_id FROM upstream.models "
            . "WHERE NOT paused AND model_id % $each = 0 LIMIT $due)",
        "DO \$\$ DECLARE began timestamptz; took float8[]; BEGIN FOR i IN 1 .. 21 LOOP began := clock_timestamp(); "
            . "PERFORM d.model_id FROM upstream.models_needing_sync d ORDER BY d.priority DESC, d.due_since LIMIT 64; "
            . "took := took || extract(epoch FROM clock_timestamp() - began)::float8 * 1000; END LOOP; "
            . "PERFORM set_config('bench.ms', (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY t) FROM unnest(took) t)::text, false); END \$\$",
        "SELECT current_setting('bench.ms')", 'ROLLBACK') + 0;
}

# What it takes to find the due ones among ever more models, several times each. The models stay: this comes last.
sub due_look_up
{
    my ($self, $times, @sizes) = @_;
    $self->prepare('due', 1);
    my ($there, @results) = 1;
    for my $size (sort { $a <=> $b } @sizes)
    {
        $self->grow($there, $size);
        $there = $size;
        for (1 .. $times)
        {
            push @results, [ "due_look_up/none/$size", $self->look_up(0, $size), 'ms' ], [ "due_look_up/50/$size", $self->look_up(50, $size), 'ms' ];
        }
        push @results, $self->idle($size) if $size == $self->{idle_models};
    }
    return @results;
}

# How often a worker wakes that has nothing to do, and what that costs. Its last look may still be under way; and the alarm of its last write (upstream.write_timeout)
# rings once after a minute, as Postgres leaves a timer running that nobody needs any more.
sub idle
{
    my ($self, $size) = @_;
    my $pg = $self->{pg};
    my $wakeups = 'SELECT sum(wakeups) FROM upstream.pg_stat_upstream_workers';
    sleep $self->{settle_seconds};
    my ($before, $now) = (-1, $pg->sql($wakeups));
    for (1 .. 30) { last if $before == $now; $before = $now; sleep 1; $now = $pg->sql($wakeups); }
    my @workers = $pg->workers;
    my $cpu = Meters::cpu(@workers);
    sleep $self->{idle_seconds};
    my $woken = $pg->sql($wakeups) - $now;
    return ([ "idle/wakeups_per_minute/$size", $woken * 60 / $self->{idle_seconds}, '' ], [ "idle/worker_cpu_ms/$size", (Meters::cpu(@workers) - $cpu) * 1000, 'ms' ]);
}

1;
