# Loads of many rows: against COPY, again unchanged, a little changed, by two workers, and by another build of pg_upstream.
package Loads;

use strict;
use warnings;
use parent 'Round';

my $times = 3;  # that COPY and a first load are done: what one of them takes differs by a few per cent from the next, so the one in the middle counts

sub middle { my @runs = sort { $a->{seconds} <=> $b->{seconds} } @_; return $runs[ $#runs / 2 ]; }

# First load, then the same again, then one per cent changed. COPY in text format comes right before the first load, as what that is divided by.
sub load
{
    my ($self, $name, $accounts, %shape) = @_;
    my $rows = $self->pages($name, accounts => $accounts, %shape);
    my $million = 1e6 / $rows;
    my $copy = middle(map { $self->copy($name, 'text') } 1 .. $times);
    my ($first, $again, $changed) = $self->first_and_again($name, $accounts, $rows);
    return (
        [ "$name/rows", $rows, 'rows' ],
        [ "$name/copy_text", $copy->{seconds}, 's' ],
        [ "$name/copy_text_cpu_per_million", $copy->{machine_cpu} * $million, 's' ],
        [ "$name/first_load", $first->{seconds}, 's' ],
        [ "$name/first_load_cpu_per_million", $first->{machine_cpu} * $million, 's' ],
        [ "$name/first_load_worker_cpu_per_million", $first->{worker_cpu} * $million, 's' ],
        [ "$name/first_load_memory", $first->{memory_mb}, 'MB' ],
        [ "$name/unchanged", $again->{seconds}, 's' ],
        [ "$name/unchanged_cpu_per_million", $again->{machine_cpu} * $million, 's' ],
        [ "$name/unchanged_worker_cpu_per_million", $again->{worker_cpu} * $million, 's' ],
        [ "$name/unchanged_wal_per_million", $again->{wal_mb} * $million, 'MB' ],
        [ "$name/one_percent_changed", $changed->{seconds}, 's' ],
        [ "$name/one_percent_changed_wal_per_million", $changed->{wal_mb} * $million, 'MB' ]);
}

# The first load, several times; each of them. The rows of the last one stay.
sub first_loads
{
    my ($self, $name, $accounts, $rows, $number) = @_;
    my @runs;
    for my $i (1 .. $number)
    {
        $self->drop($name) if $i > 1;
        $self->prepare($name, $accounts);
        push @runs, $self->sync;
        Round::expect('inserted', $runs[-1]{inserted}, $rows);
    }
    return @runs;
}

# The three syncs, each checked to have done what it is taken for.
sub first_and_again
{
    my ($self, $name, $accounts, $rows) = @_;
    my $pg = $self->{pg};
    my $first = middle($self->first_loads($name, $accounts, $rows, $times));
    $self->expect_rows($rows);
    # What autovacuum does after a load: else the first who reads the rows marks them as committed, and with checksums that is logged.
    $pg->sql('VACUUM ANALYZE transactions');
    my $again = $self->sync;
    Round::expect('unchanged', $again->{unchanged}, $rows);
    my $different = $pg->sql('WITH u AS (UPDATE transactions SET amount = amount + 1 WHERE hashtext(id) % 100 = 0 RETURNING 1) SELECT count(*) FROM u');
    $pg->sql('VACUUM transactions');
    my $changed = $self->sync;
    Round::expect('updated', $changed->{updated}, $different);
    $self->drop($name);
    return ($first, $again, $changed);
}

# The same by another build of pg_upstream, in a server of its own.
sub former
{
    my ($self, $name, $accounts, %shape) = @_;
    my $rows = $self->pages($name, accounts => $accounts, %shape);
    my ($first, $again) = Loads->new(%$self, pg => $self->{former_pg})->first_and_again($name, $accounts, $rows);
    return (
        [ "$name/former_first_load", $first->{seconds}, 's' ],
        [ "$name/former_first_load_worker_cpu_per_million", $first->{worker_cpu} / $rows * 1e6, 's' ],
        [ "$name/former_unchanged", $again->{seconds}, 's' ],
        [ "$name/former_unchanged_worker_cpu_per_million", $again->{worker_cpu} / $rows * 1e6, 's' ]);
}

# The first load by two workers, to be compared with that by one in the same round; and how many of the accounts the busier one ran. They do it once more than is
# measured: the one of them that has just begun touches memory for the first time, the server's and its own, which the one that they are compared with did long ago.
sub two_workers
{
    my ($self, $name, $accounts, %shape) = @_;
    my $rows = $self->pages($name, accounts => $accounts, %shape);
    $self->{pg}->set_workers(2);
    my (undef, @runs) = $self->first_loads($name, $accounts, $rows, $times + 1);
    my $run = middle(@runs);
    $self->drop($name);
    $self->{pg}->set_workers(1);
    return (
        [ "$name/two_workers", $run->{seconds}, 's' ],
        [ "$name/two_workers_worker_cpu_per_million", $run->{worker_cpu} / $rows * 1e6, 's' ],
        [ "$name/two_workers_accounts_of_the_busier", $run->{shares}[-1], 'accounts' ]);
}

sub copy_binary
{
    my ($self, $name, $accounts, %shape) = @_;
    $self->pages($name, accounts => $accounts, %shape);
    my $copy = $self->copy($name, 'binary');
    return ([ "$name/copy_binary", $copy->{seconds}, 's' ]);
}

1;
