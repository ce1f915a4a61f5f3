# What serves the pages: nginx from files, so that the upstream is never the limit; and one that is slow on purpose.
package Upstreams;

use strict;
use warnings;
use Time::HiRes qw(sleep);

# Serves FOLDER/pages/SET/ACCOUNT/N.json as /SET/ACCOUNT?page=N; its process.
sub start_nginx
{
    my ($work, $port) = @_;
    open my $conf, '>', "$work/nginx.conf" or die $!;
    print $conf <<"CONF";
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
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
    open_file_cache max=12000 inactive=10m;
    open_file_cache_valid 10m;
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
    close $conf or die $!;
    my $pid = fork() // die $!;
    if ($pid == 0) { exec 'nginx', '-e', "$work/nginx.log", '-c', "$work/nginx.conf"; die; }
    for (1 .. 500) { return $pid if -s "$work/nginx.pid"; sleep 0.02; }
    die "nginx does not start: see $work/nginx.log";
}

# Serves the pages of one set, each after a fixed time; its process.
sub start_slow
{
    my ($script, $port, $folder, $milliseconds) = @_;
    my $pid = open my $out, '-|', 'node', $script, $port, $folder, $milliseconds or die $!;
    (<$out> // '') =~ /^ready/ or die 'slow.js does not start';
    return ($pid, $out);
}

sub stop
{
    my ($pid) = @_;
    kill 'TERM', $pid;
    waitpid $pid, 0;
}

1;
