# Other ways to the same rows, over the same pages: Node with `pg`, pgsql-http with PL/pgSQL, and pg_upstream's own way by statements.
package Peers;

use strict;
use warnings;
use parent 'Round';

sub node
{
    my ($self, $mode, $set, $accounts, $connections) = @_;
    my $pg = $self->{pg};
    $pg->target;
    $pg->sql('CHECKPOINT');
    local @ENV{qw(PGHOST PGPORT PGUSER PGDATABASE)} = ($self->{work}, $pg->{port}, 'bench', 'bench');
    my $cpu = $self->machine_cpu;
    open my $out, '-|', 'node', "$self->{peers}/bulk_peer.js", $mode, $self->url($set), $accounts, $connections or die $!;
    my $seconds = <$out>;
    close $out or die 'node';
    return { seconds => $seconds + 0, machine_cpu => $self->machine_cpu - $cpu };
}

# A page a statement by eight connections; and a row a statement with fewer rows, extrapolated.
sub node_peers
{
    my ($self, $name, $accounts, %shape) = @_;
    my $rows = $self->pages($name, accounts => $accounts, %shape);
    my $pages = $self->node('pages', $name, $accounts, 8);
    $self->expect_rows($rows);
    my $few = "${name}_few";
    my $loaded = $self->pages($few, accounts => $accounts, %shape, pages => int($self->{node_rows} / $accounts / $shape{rows}) || 1);
    my $one = $self->node('rows', $few, $accounts, 1);
    $self->expect_rows($loaded);
    return (
        [ "$name/node_pages", $pages->{seconds}, 's' ],
        [ "$name/node_pages_cpu_per_million", $pages->{machine_cpu} / $rows * 1e6, 's' ],
        [ "$name/node_rows_extrapolated", $one->{seconds} * $rows / $loaded, 's' ]);
}

# pgsql-http with PL/pgSQL, in another server of another version: COPY there tells how far the two servers can be compared.
sub http
{
    my ($self, $name, $accounts, %shape) = @_;
    my $rows = $self->pages($name, accounts => $accounts, %shape);
    my $there = Round->new(%$self, pg => $self->{http_pg});
    my $copy = $there->copy($name, 'text');
    my $http = $there->timed("CALL sync_pages('" . $self->url($name) . "', $accounts)");
    $there->expect_rows($rows);
    return (
        [ "$name/copy_text_in_17", $copy->{seconds}, 's' ],
        [ "$name/pgsql_http_in_17", $http->{seconds}, 's' ],
        [ "$name/pgsql_http_in_17_cpu_per_million", $http->{machine_cpu} / $rows * 1e6, 's' ]);
}

# The same worker, told to write by INSERT .. ON CONFLICT only.
sub statements
{
    my ($self, $name, $accounts, %shape) = @_;
    my $rows = $self->pages($name, accounts => $accounts, %shape);
    my $pg = $self->{pg};
    $pg->set('upstream.write_path', 'upsert');
    $self->prepare($name, $accounts);
    my $run = $self->sync;
    Round::expect('inserted', $run->{inserted}, $rows);
    Round::expect('copied', $pg->sql('SELECT coalesce(sum(copied), 0) FROM upstream.pg_stat_upstream'), 0);
    $self->drop($name);
    $pg->set('upstream.write_path', undef);
    return [ "$name/statements", $run->{seconds}, 's' ];
}

1;
