# What the scenarios are made of: pages, sources that read them, a sync by the worker with its meters, COPY.
package Round;

use strict;
use warnings;
use POSIX ':sys_wait_h';
use Time::HiRes qw(sleep);
use Meters;

my @columns = qw(id created_at amount currency kind status user_id user_name note);

# new(work => folder, pg => Server, web_port => nginx' port, nginx => its process, ...)
sub new { my ($class, %self) = @_; return bless {%self}, $class; }

# Pages of a kind, made once: accounts x pages x rows. Returns how many rows that are.
sub pages
{
    my ($self, $set, %shape) = @_;
    my $folder = "$self->{work}/pages/$set";
    -d $folder or system("$self->{work}/make_pages", $folder, map { ("--$_", $shape{$_}) } sort keys %shape) == 0 or die 'pages';
    return $shape{accounts} * $shape{pages} * $shape{rows};
}

sub url { my ($self, $set) = @_; return "http://127.0.0.1:$self->{web_port}/$set"; }

sub spec
{
    my ($self, $set, $base) = @_;
    return qq({"spec_version": 1, "source": "$set", "base_url": "$base", "auth": {"type": "none"},
        "account": {"properties": {"n": {"type": "string"}}, "required": ["n"]},
        "streams": {"transactions": {"path": "/{account.n}", "records": "\$.data", "primary_key": ["id"], "target": "public.transactions", "every": "10 hours",
            "pagination": {"type": "cursor", "path": "\$.next", "inject": {"in": "query", "name": "page"}},
            "columns": {) . join(', ', map { qq("$_": {"path": "$_"}) } @columns) . '}}}}';
}

# An empty target, and a source with its accounts, none of them due yet.
sub prepare
{
    my ($self, $set, $accounts, $base) = @_;
    my $spec = $self->spec($set, $base // $self->url($set));
    $self->{pg}->target;
    $self->{pg}->sql("SELECT upstream.create_source('$set', \$spec\$$spec\$spec\$)",
        "DO \$\$ BEGIN FOR i IN 1 .. $accounts LOOP PERFORM upstream.create_account('$set', '$set-' || i, jsonb_build_object('n', i::text)); "
        . "PERFORM upstream.pause('$set-' || i); END LOOP; END \$\$");
}

sub drop { my ($self, $set) = @_; $self->{pg}->sql("SELECT upstream.drop_source('$set', true)"); }

# CPU seconds so far of all that takes part: the server, nginx, and the clients that have ended.
sub machine_cpu
{
    my ($self) = @_;
    my (undef, undef, $user, $system) = times;
    return $self->{pg}->cpu + Meters::family_cpu($self->{nginx}) + $user + $system;
}

# Lets the worker run all models from the beginning; what it took, by its own books and by the meters.
sub sync
{
    my ($self) = @_;
    my $pg = $self->{pg};
    my @workers = $pg->workers;
    my @before = map { $pg->{fresh}{$_} } @workers;
    $pg->sql('CHECKPOINT');
    my $last = $pg->sql('SELECT coalesce(max(run_id), 0) FROM upstream.runs');
    my $wal = $pg->wal;
    my ($cpu, $worker_cpu) = ($self->machine_cpu, Meters::cpu(@workers));
    $pg->sql("DO \$\$ BEGIN UPDATE upstream.model_state SET cursor = NULL; PERFORM upstream.resume(name) FROM upstream.accounts; "
        . "PERFORM upstream.request_sync(name) FROM upstream.accounts; END \$\$");
    my $waiter = $pg->spawn("DO \$\$ BEGIN LOOP EXIT WHEN NOT EXISTS (SELECT FROM upstream.model_state WHERE next_due_at <= now() OR lease_pid IS NOT NULL); "
        . "COMMIT; PERFORM pg_sleep(0.1); END LOOP; END \$\$");
    my $peak = $self->peak_while($waiter, \@workers, \@before);
    my %run = (machine_cpu => $self->machine_cpu - $cpu, worker_cpu => Meters::cpu(@workers) - $worker_cpu, memory_mb => $peak / 1024);
    $run{wal_mb} = ($pg->wal - $wal) / 1e6;
    my $runs = "FROM upstream.runs WHERE run_id > $last";
    @run{qw(seconds runs succeeded inserted updated unchanged)} = split /\|/, $pg->sql("SELECT extract(epoch FROM max(ended_at) - min(started_at)), count(*), "
        . "count(*) FILTER (WHERE status = 'succeeded'), sum(inserted), sum(updated), sum(unchanged) $runs");
    $run{shares} = [ split /\n/, $pg->sql("SELECT count(*) $runs GROUP BY pid ORDER BY 1") ];
    $run{runs} == $run{succeeded} && $run{runs} == $pg->sql('SELECT count(*) FROM upstream.model_state')
        or die "of $run{runs} runs $run{succeeded} succeeded: " . $pg->sql("SELECT string_agg(DISTINCT message, '; ') $runs");
    $pg->sql("DO \$\$ BEGIN PERFORM upstream.pause(name) FROM upstream.accounts; END \$\$");
    return \%run;
}

# Waits for a client; the most that one of the workers has grown meanwhile, in kB.
sub peak_while
{
    my ($self, $client, $workers, $before) = @_;
    my $peak = 0;
    until (waitpid($client, WNOHANG))
    {
        for my $i (0 .. $#$workers)
        {
            my $more = Meters::own_memory_kb($workers->[$i]) - $before->[$i];
            $peak = $more if $more > $peak;
        }
        sleep 0.05;
    }
    die 'the runs do not end' if $? != 0;
    return $peak;
}

sub expect { my ($what, $is, $should) = @_; die "$what: $is, not $should" if $is != $should; }

sub expect_rows { my ($self, $rows) = @_; expect('rows', $self->{pg}->sql('SELECT count(*) FROM transactions'), $rows); }

# A statement into the empty target, with CPU of all that takes part.
sub timed
{
    my ($self, $statement) = @_;
    my $pg = $self->{pg};
    $pg->target;
    $pg->sql('CHECKPOINT');
    my $cpu = $self->machine_cpu;
    my $seconds = $pg->timed($statement);
    return { seconds => $seconds, machine_cpu => $self->machine_cpu - $cpu };
}

sub copy
{
    my ($self, $set, $format) = @_;
    return $self->timed("COPY transactions FROM '$self->{work}/pages/$set/rows." . ($format eq 'text' ? 'tsv' : 'bin') . "' (FORMAT $format)");
}

1;
