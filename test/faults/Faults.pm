# What the tests of faults share: a connection that survives crashes, stop points, and the invariants that hold after every fault.
package Faults;

use strict;
use warnings;
use DBI;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);
use Upstream;

our @ISA = ('Upstream');

# new(name, conf => [...]): as Upstream's, with the extension, and a worker whose pauses are short.
sub new
{
    my ($class, $name, %options) = @_;
    my $self = Upstream::new($class, $name, %options,
        conf => [ "log_min_messages = warning\nlog_statement = none\nmax_connections = 100\nshared_buffers = 64MB\nfsync = off\nwal_keep_size = 0\n", @{ $options{conf} // [] } ]);
    $self->sql('CREATE EXTENSION pg_upstream');
    return $self;
}

# Statements go through one connection that is made anew when the server was restarted.
sub connect { my ($self, %more) = @_; return DBI->connect('dbi:Pg:' . $self->node->connstr('app') =~ s/ /;/gr =~ s/'//gr, undef, undef, { PrintError => 0, PrintWarn => 0, RaiseError => 1, AutoCommit => 1, %more }); }

sub dbh
{
    my ($self) = @_;
    return $self->{dbh} if $self->{dbh} && eval { $self->{dbh}->ping };
    $self->poll('the server takes connections', sub { $self->{dbh} = eval { $self->connect }; return defined $self->{dbh}; }, 60) or die 'the server does not come back';
    $self->{dbh}->do("SET client_min_messages = error; SET TimeZone = 'UTC'");
    return $self->{dbh};
}

# A statement's rows; once more if the server went away meanwhile.
sub rows
{
    my ($self, $sql) = @_;
    for (1 .. 5)
    {
        my $rows;
        my $done = eval {
            my $statement = $self->dbh->prepare($sql, { pg_direct => 1 });
            $statement->execute;
            $rows = $statement->{NUM_OF_FIELDS} ? $statement->fetchall_arrayref : [];
            1;
        };
        return $rows if $done;
        my $error = $@;
        die $error if $self->{dbh} && eval { $self->{dbh}->ping };
    }
    die "the server went away five times: $@";
}

sub sql { my ($self, $sql) = @_; my $rows = $self->rows($sql); return @$rows ? $rows->[0][0] // '' : ''; }
sub column { my ($self, $sql) = @_; return map { $_->[0] } @{ $self->rows($sql) }; }

sub status
{
    my ($self, $account) = @_;
    my $text = $self->sql("SELECT to_json(m) FROM upstream.model_status m WHERE account = '$account'");
    return $text eq '' ? undef : JSON::PP->new->decode($text);
}

sub worker_pid { my ($self) = @_; return $self->sql('SELECT min(pid) FROM upstream.pg_stat_upstream_workers WHERE datname = current_database()') || undef; }

# arm(action, skip, point): see src/pg/stop_point.hpp.
sub arm
{
    my ($self, @order) = @_;
    my $file = $self->node->data_dir . '/upstream_stop';
    open my $out, '>', "$file.new" or die "$file: $!";
    print $out "@order\n";
    close $out;
    rename "$file.new", $file or die "$file: $!";
}

sub is_armed { my ($self) = @_; return -e $self->node->data_dir . '/upstream_stop'; }
sub disarm { my ($self) = @_; unlink $self->node->data_dir . '/upstream_stop'; }

# The state of a process as the kernel has it: R, S, T for stopped; undef if there is none.
sub process_state
{
    my ($self, $pid) = @_;
    open my $in, '<', "/proc/$pid/stat" or return undef;
    my $line = <$in> // return undef;
    return $line =~ /\) (\S)/ ? $1 : undef;
}

# Starts the server again after a fault that takes it down.
sub restart
{
    my ($self) = @_;
    my $file = $self->node->data_dir . '/postmaster.pid';
    my $pid = $self->{node}->{_pid};
    $self->poll('the postmaster has ended', sub { !defined $pid || !kill(0, $pid) || ($self->process_state($pid) // 'Z') eq 'Z' }, 30);
    delete $self->{dbh};
    $self->poll('its processes are gone', sub { !-e $file || !grep { /^\d+$/ && $self->is_of_server($_) } map { m{/proc/(\d+)} ? $1 : () } glob '/proc/[0-9]*' }, 30);
    # Its own start would refuse while the dead process is still in the table of processes.
    unlink $file, glob($self->node->host . '/.s.PGSQL.' . $self->node->port . '*');
    $self->node->{_pid} = undef;
    $self->node->start;
}

sub is_of_server
{
    my ($self, $pid) = @_;
    my $cwd = readlink "/proc/$pid/cwd" // return 0;
    return $cwd eq $self->node->data_dir;
}

# Rows of one account against the oracle, in their last version: "" if they are the same, each once.
sub account_differences
{
    my ($self, $account, $table) = @_;
    $table //= 'orders';
    my %expected = map { my @values = split /\t/; ("$values[0] in version $values[-1]" => 1) } split /\n/, $self->get("/_oracle/$account/orders");
    my %have;
    $have{$_}++ for $self->column("SELECT t.id || ' in version ' || t.rev FROM public.$table t JOIN upstream.accounts a USING (account_id) WHERE a.name = '$account' ORDER BY 1");
    my @wrong = ((map { "lacks $_" } grep { !$have{$_} } sort keys %expected), (map { "has $_ too much" } grep { !$expected{$_} || $have{$_} > 1 } sort keys %have));
    return join ', ', @wrong[ 0 .. ($#wrong > 3 ? 3 : $#wrong) ];
}

# I3 for an account: every row that the upstream has before the committed cursor is here (those at the cursor are read again). Returns what is missing.
sub ahead
{
    my ($self, $account, $table) = @_;
    $table //= 'orders';
    # One snapshot for both: a crash between two statements may take the last asynchronous commits back, cursor and rows together.
    my $rows = $self->rows("SELECT m.cursor, t.id FROM upstream.model_status m JOIN upstream.accounts a ON a.name = m.account
        LEFT JOIN public.$table t USING (account_id) WHERE a.name = '$account' AND m.stream = 'orders'");
    my $cursor = @$rows ? $rows->[0][0] : undef;
    return '' unless defined $cursor;
    my %have = map { ($_->[1] => 1) } grep { defined $_->[1] } @$rows;
    my $column = (grep { $Upstream::COLUMNS[$_][0] eq 'updated_at' } 0 .. $#Upstream::COLUMNS)[0];
    my $normal = sub { my $text = shift; $text =~ s/ /T/; $text =~ s/(\.\d*?)0*(?=Z|\+|$)/$1 eq '.' ? '' : $1/e; $text =~ s/\.(?=Z|\+|$)//; $text =~ s/\+00(:00)?$/Z/; return $text; };
    my @missing = grep { $normal->($_->[1]) lt $normal->($cursor) && !$have{ $_->[0] } }
        map { my @values = split /\t/; [ $values[0], $values[$column] ] } split /\n/, $self->get("/_oracle/$account/orders");
    return join ', ', map { $_->[0] } @missing[ 0 .. ($#missing > 3 ? 3 : $#missing) ];
}

1;
