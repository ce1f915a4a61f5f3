# Runs the benchmark's scenarios and reports them. Called by script/bench, which builds what is needed; see there for the options.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Getopt::Long;
use JSON::PP;
use Bench;
use Scenarios;
use Report;

$| = 1;
my %o = (rows => 1_000_000, rounds => 3, only => '.', out => '', node_rows => 20_000, accounts => 50, models => 1000, due => '1000,100000,1000000', former => '');
GetOptions(\%o, 'rows=i', 'rounds=i', 'only=s', 'out=s', 'node_rows=i', 'accounts=i', 'models=i', 'due=s', 'work=s', 'bin=s', 'peers=s', 'commit=s', 'smoke') or die;
%o = (%o, rows => 2000, rounds => 1, node_rows => 200, accounts => 5, models => 10, due => '100') if $o{smoke};

my $web_port = 20000 + $$ % 10000;
my $nginx = Bench::start_nginx($o{work}, $web_port);
my $pg = Bench->new(work => $o{work}, bin => $o{bin}, name => 'server', preload => 1, conf => "upstream.run_history = '1d'\nupstream.max_in_flight = 64\n");
$pg->sql('CREATE EXTENSION pg_upstream');
$pg->psql('postgres', 'SELECT pg_reload_conf()');
my $scenarios = Scenarios->new(work => $o{work}, pg => $pg, web_port => $web_port, nginx => $nginx, peers => $o{peers}, node_rows => $o{node_rows});

my (%values, %units);
sub note
{
    for my $result (@_)
    {
        my ($name, $value, $unit) = @$result;
        push @{ $values{$name} }, $value;
        $units{$name} = $unit;
        printf "%-48s %12.3f %s\n", $name, $value, $unit;
    }
}

my $ok = eval {
    my $pages100 = $o{rows} / $o{accounts} / 100 || 1;
    my $pages1000 = $o{rows} / $o{accounts} / 1000;
    for my $round (1 .. $o{rounds})
    {
        print "-- round $round\n";
        my %random = (accounts => $o{accounts}, pages => $pages100, rows => 100);
        note($scenarios->load('random100', %random)) if 'random100' =~ $o{only};
        note($scenarios->peers('random100', %random)) if 'peers' =~ $o{only};
        note($scenarios->load('random1000', accounts => $o{accounts}, pages => $pages1000, rows => 1000)) if $pages1000 >= 1 && 'random1000' =~ $o{only};
        note($scenarios->load('increasing100', %random, keys => 'increasing')) if 'increasing100' =~ $o{only};
        note($scenarios->latency($o{smoke} ? 5 : 100)) if 'latency' =~ $o{only};
        note($scenarios->small_models($o{models})) if 'small' =~ $o{only};
    }
    note($scenarios->due_lookup(split /,/, $o{due})) if 'due' =~ $o{only};
    1;
};
my $error = $@;
$pg->stop;
kill 'TERM', $nginx;
waitpid $nginx, 0;
die $error unless $ok;

my @ratios = Report::ratios(\%values);
Report::table(@ratios);
if ($o{out} ne '')
{
    my %shape = (rows => $o{rows}, accounts => $o{accounts}, rounds => $o{rounds}, commit => $o{commit}, processors => `nproc` + 0, load => (split ' ', `cat /proc/loadavg`)[0],
        server => $pg->run("$o{bin}/postgres --version") =~ s/\s+$//r);
    Bench::write_json("$o{out}/latest.json", { shape => \%shape, measured => \%values, units => \%units, ratios => \@ratios });
    Report::plot("$o{out}/latest.svg", @ratios);
}
