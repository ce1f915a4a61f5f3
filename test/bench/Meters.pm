# Meters of processes, and what is done with figures.
package Meters;

use strict;
use warnings;
use JSON::PP;
use POSIX ();

my $ticks_a_second = POSIX::sysconf(&POSIX::_SC_CLK_TCK);

# The fields of /proc/PID/stat behind the command's name; none if there is no such process.
sub fields_of
{
    my ($pid) = @_;
    open my $stat, '<', "/proc/$pid/stat" or return ();
    my $line = <$stat> // return ();
    return split ' ', ($line =~ s/^.*\) //r);
}

sub children { my ($pid) = @_; return split ' ', (`pgrep -P $pid` =~ s/\n/ /gr); }

# CPU seconds of processes: living ones, and those that wait to be reaped.
sub cpu
{
    my $ticks = 0;
    for my $pid (@_)
    {
        my @fields = fields_of($pid) or next;
        $ticks += $fields[11] + $fields[12];
    }
    return $ticks / $ticks_a_second;
}

# CPU seconds of a process, its children, and those of its children that have ended: nothing is lost when one of them ends.
sub family_cpu
{
    my ($pid) = @_;
    my @fields = fields_of($pid) or return 0;
    return ($fields[13] + $fields[14]) / $ticks_a_second + cpu($pid, children($pid));
}

# Memory that is a process' own: what it shares with others, as Postgres' buffers, is not.
sub own_memory_kb
{
    my ($pid) = @_;
    open my $status, '<', "/proc/$pid/status" or return 0;
    while (my $line = <$status>) { return $1 if $line =~ /^RssAnon:\s+(\d+)/; }
    return 0;
}

sub write_json
{
    my ($file, $data) = @_;
    open my $out, '>', $file or die "$file: $!";
    print $out JSON::PP->new->canonical->pretty->encode($data);
    close $out or die "$file: $!";
}

sub median
{
    my @sorted = sort { $a <=> $b } @_;
    return @sorted % 2 ? $sorted[ @sorted / 2 ] : ($sorted[ @sorted / 2 - 1 ] + $sorted[ @sorted / 2 ]) / 2;
}

1;
