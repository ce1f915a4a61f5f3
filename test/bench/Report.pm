# From measurements to ratios: a table, and a plot.
package Report;

use strict;
use warnings;
use Meters;

# What is compared: name, dividend, divisor (both of the same round), the floor, and whether more or less is better.
our @COMPARISONS = (
    [ 'first load / COPY text', 'random100/copy_text', 'random100/first_load', 1.1, 'more' ],
    [ 'first load / COPY binary', 'random100/copy_binary', 'random100/first_load', undef, 'more' ],
    [ 'first load, pages of 1,000 / COPY text', 'random1000/copy_text', 'random1000/first_load', undef, 'more' ],
    [ 'first load, increasing keys / COPY text', 'increasing100/copy_text', 'increasing100/first_load', undef, 'more' ],
    [ 'first load, pages of 1,000 / of 100', 'random100/first_load', 'random1000/first_load', undef, 'more' ],
    [ 'first load, increasing keys / random keys', 'random100/first_load', 'increasing100/first_load', undef, 'more' ],
    [ 'first load / pgsql-http + PL/pgSQL, in PostgreSQL 17', 'random100/pgsql_http_in_17', 'random100/first_load', 3, 'more' ],
    [ 'COPY text in PostgreSQL 17 / here, rows a second', 'random100/copy_text', 'random100/copy_text_in_17', undef, 'more' ],
    [ 'first load / Node, a page a statement, 8 connections', 'random100/node_pages', 'random100/first_load', 2.5, 'more' ],
    [ 'first load / Node, a row a statement (extrapolated)', 'random100/node_rows_extrapolated', 'random100/first_load', 40, 'more' ],
    [ 'first load / the same by statements', 'random100/statements', 'random100/first_load', undef, 'more' ],
    [ 'first load / by the former commit', 'random100/former_first_load', 'random100/first_load', undef, 'more' ],
    [ 'unchanged / by the former commit', 'random100/former_unchanged', 'random100/unchanged', undef, 'more' ],
    [ 'worker\'s CPU, first load / by the former commit', 'random100/former_first_load_worker_cpu_per_million', 'random100/first_load_worker_cpu_per_million', undef, 'more' ],
    [ 'worker\'s CPU, unchanged / by the former commit', 'random100/former_unchanged_worker_cpu_per_million', 'random100/unchanged_worker_cpu_per_million', undef, 'more' ],
    [ 'first load, two workers / one', 'random100/first_load', 'random100/two_workers', 1.7, 'more' ],
    [ 'first load, two workers / one, pages of 1,000', 'random1000/first_load', 'random1000/two_workers', undef, 'more' ],
    [ 'CPU s of the machine per 1,000,000 rows', 'random100/first_load_cpu_per_million', undef, 7, 'less' ],
    [ 'CPU s of the machine, pages of 1,000', 'random1000/first_load_cpu_per_million', undef, undef, 'less' ],
    [ 'CPU of COPY text / CPU of first load', 'random100/copy_text_cpu_per_million', 'random100/first_load_cpu_per_million', undef, 'more' ],
    [ 'CPU of pgsql-http / of first load', 'random100/pgsql_http_in_17_cpu_per_million', 'random100/first_load_cpu_per_million', undef, 'more' ],
    [ 'CPU of Node, a page a statement / of first load', 'random100/node_pages_cpu_per_million', 'random100/first_load_cpu_per_million', undef, 'more' ],
    [ 'unchanged / first load, rows a second', 'random100/first_load', 'random100/unchanged', 1.5, 'more' ],
    [ '1 % changed / first load, rows a second', 'random100/first_load', 'random100/one_percent_changed', undef, 'more' ],
    [ 'WAL MB per 1,000,000 unchanged rows', 'random100/unchanged_wal_per_million', undef, 2, 'less' ],
    [ 'worker\'s memory above its start, pages of 1,000, MB', 'random1000/first_load_memory', undef, 80, 'less' ],
    [ '50 x 20 pages of 100 ms / ideal', 'latency/seconds', 'latency/ideal', 1.08, 'less' ],
    [ 'CPU ms of the worker a model with nothing new', 'nothing_new/worker_cpu_ms_per_model', undef, 1.5, 'less' ],
    [ 'due look-up, 1,000,000 / 1,000 models, 50 due', 'due_look_up/50/1000000', 'due_look_up/50/1000', 2, 'less' ],
    [ 'due look-up, 1,000,000 / 1,000 models, none due', 'due_look_up/none/1000000', 'due_look_up/none/1000', 2, 'less' ],
    [ 'due look-up among 1,000,000 models, 50 due, ms', 'due_look_up/50/1000000', undef, 5, 'less' ],
    [ 'wake-ups a minute, 100,000 models, none due', 'idle/wakeups_per_minute/100000', undef, 0, 'less' ]);

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
        my $median = Meters::median(@each);
        my $met = !defined $floor ? '' : ($better eq 'more' ? $median >= $floor : $median <= $floor) ? 'yes' : 'no';
        push @ratios, { name => $name, min => $least, median => $median, max => $most, floor => $floor, better => $better, met => $met };
    }
    return @ratios;
}

sub floor_text { my ($ratio) = @_; return defined $ratio->{floor} ? ($ratio->{better} eq 'more' ? '>= ' : '<= ') . $ratio->{floor} : ''; }

sub table
{
    printf "\n%-53s %9s %9s %9s %8s %s\n", 'ratio', 'min', 'median', 'max', 'floor', 'met';
    printf "%-53s %9.3f %9.3f %9.3f %8s %s\n", @{$_}{qw(name min median max)}, floor_text($_), $_->{met} for @_;
}

# How many times as good as its floor a figure is, for the plot: from half to eight times.
sub times_floor
{
    my ($ratio, $figure) = @_;
    my $times = $ratio->{better} eq 'more' ? $figure / $ratio->{floor} : $figure <= $ratio->{floor} && $figure == 0 ? 8 : $ratio->{floor} / $figure;
    return $times < 0.5 ? 0.5 : $times > 8 ? 8 : $times;
}

# One bar a figure that has a floor, from the floor (the line) to the median, on a logarithmic scale; a whisker from the worst to the best round.
sub plot
{
    my ($file, $caption, @ratios) = @_;
    my @bars = grep { defined $_->{floor} } @ratios;
    my ($left, $octave, $step, $top) = (370, 90, 28, 46);
    my $x = sub { $left + $octave * (1 + log($_[0]) / log(2)) };
    my ($height, $width) = ($top + $step * @bars + 34, 1000);
    my $bottom = $top + $step * @bars;
    my $svg = qq(<svg xmlns="http://www.w3.org/2000/svg" width="$width" height="$height" viewBox="0 0 $width $height" font-family="sans-serif" font-size="13">\n)
        . qq(<rect width="$width" height="$height" fill="white"/>\n) . text(16, 24, 'start', $caption);
    for my $times (0.5, 1, 2, 4, 8)
    {
        my $at = $x->($times);
        $svg .= sprintf qq(<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s"/>\n), $at, $top - 6, $at, $bottom, $times == 1 ? 'black' : '#dddddd';
        $svg .= text($at, $bottom + 18, 'middle', $times == 1 ? 'floor' : $times == 0.5 ? 'half as good' : "$times times");
    }
    for my $i (0 .. $#bars)
    {
        my ($bar, $y) = ($bars[$i], $top + $step * $i);
        my ($from, $to) = sort { $a <=> $b } $x->(1), $x->(times_floor($bar, $bar->{median}));
        my ($worst, $best) = sort { $a <=> $b } map { $x->(times_floor($bar, $bar->{$_})) } qw(min max);
        $svg .= text($left - 8, $y + 15, 'end', $bar->{name});
        $svg .= sprintf qq(<rect x="%.1f" y="%d" width="%.1f" height="18" fill="%s"/>\n), $from, $y + 1, $to - $from || 1, $bar->{met} eq 'yes' ? '#4477aa' : '#cc6677';
        $svg .= sprintf qq(<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="black"/>\n), $worst, $y + 10, $best, $y + 10;
        $svg .= text($x->(8) + 10, $y + 15, 'start', sprintf '%.4g (%.4g to %.4g), %s', @{$bar}{qw(median min max)}, floor_text($bar));
    }
    open my $out, '>', $file or die "$file: $!";
    print $out "$svg</svg>\n";
    close $out or die "$file: $!";
}

sub text
{
    my ($x, $y, $anchor, $text) = @_;
    my %entity = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;');
    return sprintf qq(<text x="%.1f" y="%d" text-anchor="%s">%s</text>\n), $x, $y, $anchor, $text =~ s/([&<>])/$entity{$1}/gr;
}

1;
