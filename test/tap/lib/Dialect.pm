# A source that we ship, against the dialect of the simulator that speaks its API; and the oracle for its tables.
package Dialect;

use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Upstream;

my $json = JSON::PP->new->canonical;

# How each source is pointed at the simulator, and how an account of it signs in there.
my %SOURCES = (
    fanvue => {
        overrides => sub { { base_url => $_[0], auth => { token_url => "$_[0]/oauth2/token" } } },
        config => sub { { handle => $_[0] } },
        credentials => sub { { refresh_token => "rt-$_[0]-0", client_id => 'client', client_secret => 'secret' } } },
    messenger => {
        schema => 'messenger',
        overrides => sub { { base_url => "$_[0]/{account.api_version}" } },
        config => sub { { page_id => $_[0] } },
        credentials => sub { { page_access_token => "static-$_[0]" } } },
    shipbob => {
        overrides => sub { { base_url => $_[0] } },
        config => sub { { client_id => $_[0] } },
        credentials => sub { { personal_access_token => "static-$_[0]" } } },
    stripe => {
        overrides => sub { { base_url => "$_[0]/v1" } },
        config => sub { {} },
        credentials => sub { { api_key => "static-$_[0]" } } },
    github => {
        overrides => sub { { base_url => $_[0] } },
        config => sub { { owner => 'acme', repo => $_[0] } },
        credentials => sub { { token => "static-$_[0]" } } },
    directus => {
        overrides => sub { {} },
        config => sub { { base_url => $_[1] } },
        credentials => sub { { static_token => "static-$_[0]" } } },
    shopify => {
        overrides => sub { { base_url => "$_[0]/admin/api/{account.api_version}" } },
        config => sub { { shop => $_[0], api_version => '2026-01' } },
        credentials => sub { { admin_access_token => "static-$_[0]" } } });

# new('fanvue', accounts => [...], setup => {...}, overrides => {...}, streams => [...], tables => {...})
# tables: name in the oracle => [ 'column type, ...' as the oracle has them, 'SELECT ... FROM ...' with the same columns and the account's name first ].
# streams: in the order in which they are to be synced; those that read from tables come after those that fill them.
sub new
{
    my ($class, $name, %options) = @_;
    my $known = $SOURCES{$name};
    my $upstream = Upstream->new($options{node} // $name, databases => $options{databases} // '', conf => $options{conf});
    my $self = bless { name => $name, upstream => $upstream, known => $known, schema => $known->{schema} // 'public', %options }, $class;
    $upstream->control('setup', { dialect => $name, seed => 1, accounts => $options{accounts}, %{ $options{setup} // {} } });
    $upstream->sql('CREATE EXTENSION pg_upstream');
    my $overrides = { %{ $known->{overrides}->($upstream->{url}) }, retry => { base => '200 milliseconds', max => '2 seconds' }, %{ $options{overrides} // {} } };
    my $text = $json->encode($overrides);
    $upstream->sql("SELECT upstream.install_source('$name', '$self->{schema}', \$json\$$text\$json\$)");
    $self->create_account($_) for @{ $options{accounts} };
    return $self;
}

sub create_account
{
    my ($self, $account) = @_;
    my $config = $json->encode($self->{known}{config}->($account, $self->{upstream}{url}));
    my $credentials = $json->encode($self->{known}{credentials}->($account));
    $self->{upstream}->sql("SELECT upstream.create_account('$self->{name}', '$account', \$j\$$config\$j\$, \$j\$$credentials\$j\$)");
}

sub sql { my ($self, $sql) = @_; return $self->{upstream}->sql($sql); }
sub stats { my ($self) = @_; return $self->{upstream}->stats; }
sub mutate { my ($self, %what) = @_; return $self->{upstream}->control('mutate', \%what); }

# What the upstream says to the credentials of each account; '' if it takes them all.
sub refusals
{
    my ($self) = @_;
    return $self->sql("SELECT name || ': ' || c.message FROM upstream.accounts, upstream.check_account(name) c WHERE NOT c.ok");
}

# Syncs the streams one after the other, each for all accounts at once. Returns what went wrong, '' if nothing did.
sub sync
{
    my ($self, @streams) = @_;
    my $wrong = '';
    for my $stream (@streams ? @streams : @{ $self->{streams} })
    {
        my $result = $self->{upstream}->call("NULL, '$stream'");
        $wrong .= "$_->{account}/$_->{stream}: $_->{message}\n" for grep { ($_->{message} // '') ne 'ok' } @{ $result->{results} };
        $self->{last} = $result;
    }
    return $wrong;
}

# The oracle: each table has the rows that it must have, equal ones as often, compared both ways. Returns the differences.
sub differences
{
    my ($self, @names) = @_;
    my ($script, $checks) = ('', '');
    for my $name (@names ? @names : sort keys %{ $self->{tables} })
    {
        my ($columns, $have) = @{ $self->{tables}{$name} };
        $script .= "CREATE TEMP TABLE oracle_$name (account text, $columns);\n";
        for my $account (@{ $self->{accounts} })
        {
            my $rows = $self->{upstream}->get("/_oracle/$self->{name}/$account/$name");
            $rows =~ s/^(?=.)/$account\t/mg;
            $script .= "COPY oracle_$name FROM STDIN;\n$rows\\.\n";
        }
        $checks .= "SELECT '$name lacks', * FROM (SELECT * FROM oracle_$name EXCEPT ALL ($have)) d LIMIT 3;\n"
            . "SELECT '$name has too much', * FROM (($have) EXCEPT ALL SELECT * FROM oracle_$name) d LIMIT 3;\n"
            . "SELECT '$name is empty' WHERE NOT EXISTS (SELECT FROM oracle_$name);\n";
    }
    my $file = "$ENV{TESTDATADIR}/$self->{name}.sql";
    open my $out, '>', $file or die "$file: $!";
    print $out $script, $checks;
    close $out;
    my ($stdout, $stderr) = run_command([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $self->{upstream}->node->connstr('app'), '-f', $file ]);
    return $stdout . $stderr;
}

# The requests stayed within the budget of each account in every window, and the upstream never had to say so.
sub keeps_budget
{
    my ($self, $limit, $what) = @_;
    my $budgets = $self->stats->{budgets};
    my @over = grep { $budgets->{$_}{refused} > 0 || $budgets->{$_}{max_in_window} > $limit } sort keys %$budgets;
    ok(scalar(%$budgets), "$what: requests were counted");
    is(join(', ', map { "$_: $budgets->{$_}{max_in_window} in a window, $budgets->{$_}{refused} refused" } @over), '', "$what: within the budget in every window");
}

1;
