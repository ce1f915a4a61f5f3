# What the scenarios share: a private server, nginx over static pages, clocks and meters.
package Bench;

use strict;
use warnings;
use JSON::PP;
use Time::HiRes qw(time sleep);

my $json = JSON::PP->new->canonical->pretty;

# new(work => folder, bin => folder of the server's programs, name => ..., preload => bool, conf => text)
sub new
{
    my ($class, %self) = @_;
    my $self = bless { port => 5000 + $$ % 500, %self }, $class;
    $self->{data} = "$self->{work}/$self->{name}";
    $self->{as_server} = $> == 0 ? 'runuser -u postgres --' : '';
    $self->run("$self->{bin}/initdb -D $self->{data} -A trust -U bench --encoding=UTF8 --locale=C.UTF-8 -k");
    open my $conf, '>>', "$self->{data}/postgresql.conf" or die $!;
    print $conf "listen_addresses = ''\nunix_socket_directories = '$self->{work}'\nport = $self->{port}\nshared_buffers = '1GB'\nmax_wal_size = '8GB'\n",
        "max_connections = 50\nmax_worker_processes = 16\n", $self->{conf} // '';
    print $conf "shared_preload_libraries = 'pg_upstream'\nupstream.databases = 'bench'\nupstream.allow_http = on\nupstream.allow_private_addresses = on\n" if $self->{preload};
    close $conf;
    $self->start;
    $self->psql('postgres', 'CREATE DATABASE bench');
    return $self;
}

sub run
{
    my ($self, $command) = @_;
    my $out = `$self->{as_server} $command 2>&1 </dev/null`;
    die "$command: $out" if $? != 0;
    return $out;
}

sub start { my ($self) = @_; $self->run("$self->{bin}/pg_ctl -D $self->{data} -l $self->{work}/$self->{name}.log -w start"); }
sub stop { my ($self) = @_; $self->run("$self->{bin}/pg_ctl -D $self->{data} -m immediate -w stop") if -e "$self->{data}/postmaster.pid"; }

sub psql
{
    my ($self, $database, $sql, @options) = @_;
    my $pid = open my $out, '-|', "$self->{bin}/psql", '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-h', $self->{work}, '-p', $self->{port}, '-U', 'bench', '-d', $database, @options,
        '-c', $sql;
    local $/;
    my $text = <$out>;
    close $out or die "psql: $sql\n$text";
    chomp $text;
    return $text;
}

sub sql { my ($self, $sql) = @_; return $self->psql('bench', $sql); }

# The table that everybody writes to.
sub target
{
    my ($self) = @_;
    $self->sql(q(SET client_min_messages = error; DROP TABLE IF EXISTS transactions;
        CREATE TABLE transactions (account_id integer NOT NULL, id text NOT NULL, created_at timestamptz, amount bigint, currency text, kind text, status text,
            user_id text, user_name text, note text, PRIMARY KEY (account_id, id))));
    $self->sql('CHECKPOINT');
}

# CPU seconds of processes, and the memory that is their own.
sub cpu
{
    my (@pids) = @_;
    my $ticks = 0;
    for my $pid (@pids)
    {
        open my $stat, '<', "/proc/$pid/stat" or next;
        my @fields = split ' ', (<$stat> =~ s/^.*\) //r);
        $ticks += $fields[11] + $fields[12];
    }
    return $ticks / 100;
}

# CPU seconds of the server's processes that have ended, as those of sessions.
sub ended_cpu
{
    my ($self) = @_;
    my ($postmaster) = $self->processes;
    open my $stat, '<', "/proc/$postmaster/stat" or return 0;
    my @fields = split ' ', (<$stat> =~ s/^.*\) //r);
    return ($fields[13] + $fields[14]) / 100;
}

sub own_memory_kb
{
    my ($pid) = @_;
    open my $status, '<', "/proc/$pid/status" or return 0;
    while (my $line = <$status>) { return $1 if $line =~ /^RssAnon:\s+(\d+)/; }
    return 0;
}

# Backends of the server, the postmaster's children.
sub processes
{
    my ($self) = @_;
    open my $file, '<', "$self->{data}/postmaster.pid" or return ();
    chomp(my $postmaster = <$file>);
    return ($postmaster, split ' ', (`pgrep -P $postmaster` =~ s/\n/ /gr));
}

sub wal { my ($self) = @_; return $self->sql("SELECT pg_current_wal_lsn() - '0/0'"); }

# ---------------------------------------------------------------- nginx

sub start_nginx
{
    my ($work, $port) = @_;
    open my $conf, '>', "$work/nginx.conf" or die $!;
    print $conf <<"CONF";
daemon off;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/nginx.log warn;
events { worker_connections 512; }
http {
    access_log off;
    keepalive_requests 1000000;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path $work/nginx_body; proxy_temp_path $work/nginx_proxy; fastcgi_temp_path $work/nginx_fastcgi;
    uwsgi_temp_path $work/nginx_uwsgi; scgi_temp_path $work/nginx_scgi;
    open_file_cache max=2000;
    map \$arg_page \$number { "" 1; default \$arg_page; }
    default_type application/json;
    server {
        listen 127.0.0.1:$port;
        root $work/pages;
        location ~ ^/(?<set>[a-z0-9_]+)/(?<account>[0-9]+)\$ {
            try_files /\$set/\$account/\$number.json =404;
        }
    }
}
CONF
    close $conf;
    my $pid = fork() // die $!;
    if ($pid == 0) { exec 'nginx', '-e', "$work/nginx.log", '-c', "$work/nginx.conf"; die; }
    for (1 .. 200) { last if -s "$work/nginx.pid"; sleep 0.02; }
    return $pid;
}

sub write_json
{
    my ($file, $data) = @_;
    open my $out, '>', $file or die "$file: $!";
    print $out $json->encode($data);
}

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[ @sorted / 2 ]; }

1;
