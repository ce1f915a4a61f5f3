# A private server, and what can be measured of it.
package Server;

use strict;
use warnings;
use POSIX ();
use Time::HiRes qw(sleep);
use Meters;

# new(work => folder, bin => folder of the server's programs, psql => ..., name => ..., port => ..., preload => bool, conf => text)
# There is no autovacuum, which would come upon one of two that are compared and not upon the other; what it does after a load is done where it is due.
sub new
{
    my ($class, %self) = @_;
    my $self = bless {%self}, $class;
    $self->{psql} //= "$self->{bin}/psql";
    $self->{data} = "$self->{work}/$self->{name}";
    $self->{as_server} //= $> == 0 ? 'runuser -u postgres --' : '';
    $self->run("$self->{bin}/initdb -D $self->{data} -A trust -U bench --encoding=UTF8 --locale=C.UTF-8 -k");
    open my $conf, '>>', "$self->{data}/postgresql.conf" or die $!;
    print $conf "listen_addresses = ''\nunix_socket_directories = '$self->{work}'\nport = $self->{port}\nshared_buffers = '1GB'\nwal_buffers = '64MB'\nmax_wal_size = '8GB'\n",
        "max_connections = 50\nmax_worker_processes = 16\nautovacuum = off\n", $self->{conf} // '';
    print $conf "shared_preload_libraries = 'pg_upstream'\nupstream.databases = 'bench'\nupstream.allow_http = on\nupstream.allow_private_addresses = on\n",
        "upstream.run_history = '1d'\n" if $self->{preload};
    close $conf or die $!;
    $self->run("$self->{bin}/pg_ctl -D $self->{data} -l $self->{work}/$self->{name}.log -w start");
    $self->psql('postgres', 'CREATE DATABASE bench');
    # Every shared buffer is touched once: memory that the machine has not used yet costs whoever comes first.
    $self->psql('bench', 'CREATE UNLOGGED TABLE warm (x text) WITH (fillfactor = 10)', "INSERT INTO warm SELECT repeat('x', 800) FROM generate_series(1, 131072)", 'DROP TABLE warm');
    if ($self->{preload})
    {
        $self->sql('CREATE EXTENSION pg_upstream');
        $self->set_workers(1);
    }
    return $self;
}

sub run
{
    my ($self, $command) = @_;
    my $out = `$self->{as_server} $command 2>&1 </dev/null`;
    die "$command: $out" if $? != 0;
    return $out;
}

sub stop { my ($self) = @_; $self->run("$self->{bin}/pg_ctl -D $self->{data} -m immediate -w stop") if -e "$self->{data}/postmaster.pid"; }

sub command { my ($self, $database, @statements) = @_;
    return ($self->{psql}, qw(-X -q -A -t -v ON_ERROR_STOP=1), '-h', $self->{work}, '-p', $self->{port}, '-U', 'bench', '-d', $database, map { ('-c', $_) } @statements); }

# What the statements answer, one line a row; each is a transaction, all are one session.
sub psql
{
    my ($self, $database, @statements) = @_;
    open my $out, '-|', $self->command($database, @statements) or die $!;
    local $/;
    my $text = <$out>;
    close $out or die "psql: @statements\n$text";
    chomp $text;
    return $text;
}

sub sql { my ($self, @statements) = @_; return $self->psql('bench', @statements); }

# A session that goes on by itself; its client's process.
sub spawn
{
    my ($self, $statement) = @_;
    my $pid = fork() // die $!;
    if ($pid == 0) { exec $self->command('bench', $statement) or POSIX::_exit(127); }
    return $pid;
}

# What a statement takes inside the server, its commit included. CPU may be read when its session has ended and the postmaster knows.
sub timed
{
    my ($self, $statement) = @_;
    my $clock = 'SELECT extract(epoch FROM clock_timestamp())';
    my ($pid, $began, $ended) = split /\n/, $self->sql('SELECT pg_backend_pid()', $clock, $statement, $clock);
    for (1 .. 500) { last unless -e "/proc/$pid"; sleep 0.01; }
    die "the session $pid does not end" if -e "/proc/$pid";
    return $ended - $began;
}

sub postmaster
{
    my ($self) = @_;
    open my $file, '<', "$self->{data}/postmaster.pid" or die "$self->{data}: $!";
    chomp(my $pid = <$file>);
    return $pid;
}

# CPU seconds so far of all processes of the server, ended sessions included.
sub cpu { my ($self) = @_; return Meters::family_cpu($self->postmaster); }

# The workers' processes. What memory each had at its start, more or less, is remembered: whoever starts one looks at it before it gets something to do.
sub workers
{
    my ($self) = @_;
    my @workers = split /\n/, $self->sql('SELECT pid FROM upstream.pg_stat_upstream_workers ORDER BY pid');
    $self->{fresh}{$_} //= Meters::own_memory_kb($_) for @workers;
    return @workers;
}

sub wal { my ($self) = @_; return $self->sql("SELECT pg_current_wal_lsn() - '0/0'"); }

# Changes a setting of the server; undef takes it back. The configuration is reloaded.
sub set
{
    my ($self, $name, $value) = @_;
    $self->psql('postgres', defined $value ? "ALTER SYSTEM SET $name = '$value'" : "ALTER SYSTEM RESET $name", 'SELECT pg_reload_conf()');
}

# Changes the number of workers, and waits until they are there and no others.
sub set_workers
{
    my ($self, $number) = @_;
    $self->set('upstream.workers', $number);
    for (1 .. 1000) { return if $self->workers == $number; sleep 0.05; }
    die "there are " . $self->workers . " workers, not $number";
}

# The table that everybody writes to, empty.
sub target
{
    my ($self) = @_;
    $self->sql('SET client_min_messages = error', 'DROP TABLE IF EXISTS transactions',
        'CREATE TABLE transactions (account_id integer NOT NULL, id text NOT NULL, created_at timestamptz, amount bigint, currency text, kind text, status text,
            user_id text, user_name text, note text, PRIMARY KEY (account_id, id))');
}

1;
