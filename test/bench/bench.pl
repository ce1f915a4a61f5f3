# Runs the benchmark's scenarios and reports them. Called by script/bench, which builds what is needed; see there for the options.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Getopt::Long;
use Time::HiRes qw(time);
use Server;
use Upstreams;
use Loads;
use Peers;
use Models;
use Report;

$| = 1;
my %o = (rows => 1_000_000, rounds => 3, only => '.*', out => '', node_rows => 10_000, accounts => 50, models => 1000, due => '1000,100000,1000000', milliseconds => 100,
    idle_models => 100_000, idle_seconds => 60, settle_seconds => 60, former => '');
GetOptions(\%o, 'rows=i', 'rounds=i', 'only=s', 'out=s', 'node_rows=i', 'accounts=i', 'models=i', 'due=s', 'idle_seconds=i', 'work=s', 'bin=s', 'peers=s', 'commit=s', 'former=s', 'smoke') or die;
%o = (%o, rows => 2000, rounds => 1, node_rows => 200, accounts => 5, models => 10, due => '50,100', milliseconds => 5, idle_models => 100, idle_seconds => 1, settle_seconds => 0) if $o{smoke};

my $web_port = 20000 + $$ % 10000;
my $nginx = Upstreams::start_nginx($o{work}, $web_port);
my @servers;
END { my $status = $?; eval { $_->stop } for @servers; Upstreams::stop($nginx) if $nginx; $? = $status; }
$SIG{INT} = $SIG{TERM} = sub { exit 130 };

sub server { my (%more) = @_; push @servers, Server->new(work => $o{work}, bin => $o{bin}, port => 5432 + @servers, %more); return $servers[-1]; }

# Another commit, built and installed next to this one.
sub former_server
{
    chomp(my $bin = `$FindBin::Bin/build-commit $o{former} $o{work}/former_build`);
    die "$o{former} cannot be built" if $? != 0;
    return server(name => 'former', preload => 1, bin => $bin);
}

# PostgreSQL 17 with pgsql-http, in a Debian that has both; without that it is left out.
sub http_server
{
    chomp(my $root = `$FindBin::Bin/debian13 make 2>&1`);
    if ($? != 0) { print "without pgsql-http: $root\n"; return; }
    my $server = server(name => 'http', bin => '/usr/lib/postgresql/17/bin', psql => "$o{bin}/psql", as_server => "$FindBin::Bin/debian13 run $root $o{work}");
    open my $file, '<', "$FindBin::Bin/http_peer.sql" or die $!;
    local $/;
    $server->sql(<$file>);
    return $server;
}

# Whether a part is wanted.
sub wanted { my ($part) = @_; return $part =~ /^(?:$o{only})$/; }

my $pg = server(name => 'server', preload => 1);
my $former = $o{former} ne '' && wanted('former') ? former_server() : undef;
my $http = !$o{smoke} && wanted('http') ? http_server() : undef;
my %shared = (http_pg => $http, former_pg => $former, %o{qw(work peers node_rows idle_models idle_seconds settle_seconds)}, pg => $pg, web_port => $web_port, nginx => $nginx);
my ($loads, $peers, $models) = (Loads->new(%shared), Peers->new(%shared), Models->new(%shared));

my $accounts = $o{accounts};
my @pages_of_100 = ($accounts, pages => int($o{rows} / $accounts / 100) || 1, rows => 100);
my @pages_of_1000 = ($accounts, pages => int($o{rows} / $accounts / 1000) || 1, rows => $o{smoke} ? 10 : 1000);

# What is measured in each round, in this order; what is divided by something stands near to it.
my @parts = (
    [ random100 => sub { map { $loads->$_('random100', @pages_of_100) } qw(copy_binary two_workers load) } ],
    $former ? [ former => sub { $loads->former('random100', @pages_of_100) } ] : (),
    $http ? [ http => sub { $peers->http('random100', @pages_of_100) } ] : (),
    [ node => sub { $peers->node_peers('random100', @pages_of_100) } ],
    [ statements => sub { $peers->statements('random100', @pages_of_100) } ],
    [ random1000 => sub { map { $loads->$_('random1000', @pages_of_1000) } qw(two_workers load) } ],
    [ increasing100 => sub { $loads->load('increasing100', @pages_of_100, keys => 'increasing') } ],
    [ latency => sub { $models->latency($o{milliseconds}) } ],
    [ nothing_new => sub { $models->nothing_new($o{models}) } ]);

my (%values, %units, %took);

sub measure
{
    my ($part) = @_;
    my ($name, $code) = @$part;
    return unless wanted($name);
    my $began = time;
    for my $result ($code->())
    {
        my ($what, $value, $unit) = @$result;
        push @{ $values{$what} }, $value;
        $units{$what} = $unit;
        printf "%-48s %12.3f %s\n", $what, $value, $unit;
    }
    $took{$name} += time - $began;
}

# Not measured: whoever comes first pays for memory and disk that the machine has not used yet.
$loads->two_workers('random100', @pages_of_100) if wanted('random100');
for my $round (1 .. $o{rounds})
{
    print "-- round $round\n";
    measure($_) for @parts;
}
measure([ due => sub { $models->due_look_up($o{rounds}, split /,/, $o{due}) } ]);

my @ratios = Report::ratios(\%values);
Report::table(@ratios);
print "these are figures of a size that shows only that all of this runs\n" if $o{smoke};
printf "\nthat took %s\n", join ', ', map { sprintf '%s %.0f s', $_, $took{$_} } sort { $took{$b} <=> $took{$a} } keys %took;
# Only what was measured at full size is written down.
if ($o{only} eq '.*' && $o{rows} >= 1_000_000)
{
    -d $o{out} || mkdir $o{out} or die "$o{out}: $!";
    my %shape = (%o{qw(rows accounts rounds commit)}, processors => `nproc` + 0, load => (split ' ', `cat /proc/loadavg`)[0], server => $pg->run("$o{bin}/postgres --version") =~ s/\s+$//r);
    Meters::write_json("$o{out}/latest.json", { shape => \%shape, measured => \%values, units => \%units, took => \%took, ratios => \@ratios });
    Report::plot("$o{out}/latest.svg", "pg_upstream $shape{commit}: $o{rows} rows, $o{rounds} rounds, $shape{processors} processors, $shape{server}", @ratios);
}
