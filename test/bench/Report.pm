# From measurements to ratios: a table, and a plot.
package Report;

use strict;
use warnings;
use Bench;

# What is compared: name, dividend, divisor (both of the same round), the floor, and whether more or less is better.
our @COMPARISONS = (
    [ 'first load / COPY text', 'random100/copy_text', 'random100/first_load', 1.1, 'more' ],
    [ 'first load / COPY binary', 'random100/copy_binary', 'random100/first_load', undef, 'more' ],
    [ 'CPU of COPY text / CPU of first load, HTTP included', 'random100/copy_text_cpu_per_million', 'random100/first_load_cpu_per_million', undef, 'more' ],
    [ 'first load, pages of 1000 / COPY text', 'random1000/copy_text', 'random1000/first_load', undef, 'more' ],
    [ 'first load, increasing keys / COPY text', 'increasing100/copy_text', 'increasing100/first_load', undef, 'more' ],
    [ 'first load / Node, pages by 8 connections', 'random100/node_pages', 'random100/first_load', 2.5, 'more' ],
    [ 'first load / Node, row by row (extrapolated)', 'random100/node_rows_extrapolated', 'random100/first_load', 40, 'more' ],
    [ 'first load / the same by statements', 'random100/upsert_path', 'random100/first_load', undef, 'more' ],
    [ 'unchanged / first load, rows a second', 'random100/first_load', 'random100/unchanged', 1.5, 'more' ],
    [ '1 % changed / first load, rows a second', 'random100/first_load', 'random100/one_percent_changed', undef, 'more' ],
    [ 'CPU s of server and nginx per 1,000,000 rows', 'random100/first_load_cpu_per_million', undef, 7, 'less' ],
    [ 'worker CPU s per 1,000,000 rows', 'random100/first_load_worker_cpu_per_million', undef, undef, 'less' ],
    [ 'WAL MB per 1,000,000 unchanged rows', 'random100/unchanged_wal_per_million', undef, 2, 'less' ],
    [ 'worker memory above its start, MB', 'random100/first_load_memory', undef, 80, 'less' ],
    [ '50 x 20 pages of 100 ms / ideal', 'latency/seconds', 'latency/ideal', 1.08, 'less' ],
    [ 'CPU ms a model with nothing new', 'small_models/worker_cpu_ms_per_model', undef, 1.5, 'less' ],
    [ 'due look-up, 1,000,000 / 1,000 models', 'due_lookup/ms/1000000', 'due_lookup/ms/1000', 2, 'less' ],
    [ 'due look-up among 1,000,000 models, ms', 'due_lookup/ms/1000000', undef, 5, 'less' ],
    [ 'wake-ups in 10 s, 100,000 models, none due', 'idle/wakeups_in_10s/100000', undef, 0, 'less' ]);

sub ratios
{
    my ($values) = @_;
    my @ratios;
    for my $comparison (@COMPARISONS)
    {
        my ($name, $above, $below, $floor, $better) = @$comparison;
        next unless $values->{$above} && (!$below || $values->{$below});
        my @each = map { $values->{$above}[$_] / ($below ? $values->{$below}[$_] || 1e-9 : 1) } 0 .. $#{ $values->{$above} };
        my ($least, $most) = (sort { $a <=> $b } @each)[ 0, -1 ];
        my $median = Bench::median(@each);
        my $met = !defined $floor ? '' : ($better eq 'more' ? $median >= $floor : $median <= $floor) ? 'yes' : 'no';
        push @ratios, { name => $name, min => $least, median => $median, max => $most, floor => $floor, better => $better, met => $met };
    }
    return @ratios;
}

sub table
{
    printf "\n%-46s %9s %9s %9s %8s %s\n", 'ratio', 'min', 'median', 'max', 'floor', 'met';
    printf "%-46s %9.3f %9.3f %9.3f %8s %s\n", @{$_}{qw(name min median max)}, defined $_->{floor} ? ($_->{better} eq 'more' ? '>= ' : '<= ') . $_->{floor} : '', $_->{met} for @_;
}

# One bar a ratio that has a floor, as a multiple of the floor (the line); longer is better.
sub plot
{
    my ($file, @ratios) = @_;
    my @bars = grep { $_->{floor} } @ratios;
    my $height = 30 + 26 * @bars;
    my $svg = qq(<svg xmlns="http://www.w3.org/2000/svg" width="760" height="$height" font-family="sans-serif" font-size="12">\n<rect width="760" height="$height" fill="white"/>\n);
    my ($left, $unit) = (320, 140);
    for my $i (0 .. $#bars)
    {
        my $bar = $bars[$i];
        my $times = $bar->{better} eq 'more' ? $bar->{median} / $bar->{floor} : $bar->{floor} / ($bar->{median} || 1e-9);
        my $width = $unit * ($times > 3 ? 3 : $times);
        my $y = 20 + 26 * $i;
        my $name = $bar->{name} =~ s/&/&amp;/gr =~ s/</&lt;/gr;
        my $colour = $bar->{met} eq 'yes' ? '#4477aa' : '#cc6677';
        $svg .= sprintf qq(<text x="%d" y="%d" text-anchor="end">%s</text><rect x="%d" y="%d" width="%.1f" height="16" fill="%s"/><text x="%.1f" y="%d">%.3g</text>\n),
            $left - 8, $y + 12, $name, $left, $y, $width, $colour, $left + $width + 5, $y + 12, $bar->{median};
    }
    $svg .= sprintf qq(<line x1="%d" y1="10" x2="%d" y2="%d" stroke="black" stroke-dasharray="4 3"/>\n</svg>\n), $left + $unit, $left + $unit, $height - 6;
    open my $out, '>', $file or die $!;
    print $out $svg;
}

1;
