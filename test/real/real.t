# Three accounts of a json-server behind an oidc-provider, whose refresh tokens rotate and whose access tokens live three seconds, while records change.
use strict;
use warnings;
use HTTP::Tiny;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Upstream;

my $json = JSON::PP->new->canonical->utf8;
my $http = HTTP::Tiny->new(timeout => 30);
mkdir $ENV{TESTDATADIR};

my $ready_file = "$ENV{TESTDATADIR}/ready.json";
my $servers = fork() // die "fork: $!";
if ($servers == 0)
{
    open STDOUT, '>', 'servers.log';
    open STDERR, '>&', \*STDOUT;
    exec $ENV{NODE}, 'servers.js', '--ready', $ready_file, '--ttl', '3' or die "exec: $!";
}
END { local $?; if ($servers) { kill 'TERM', $servers; waitpid $servers, 0; } }

sub poll { return Upstream::poll(undef, @_); }
poll('the servers are ready', sub { -s $ready_file || waitpid($servers, 1) > 0 }, 30);
ok(-s $ready_file, 'oidc-provider and json-server run') or BAIL_OUT(slurp_file('servers.log'));
my $ready = $json->decode(slurp_file($ready_file));

my $node = PostgreSQL::Test::Cluster->new('real');
$node->init;
$node->append_conf('postgresql.conf', qq(
shared_preload_libraries = 'pg_upstream'
upstream.databases = 'app'
upstream.allow_http = on
upstream.allow_private_addresses = on
));
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE app');
$node->reload;
sub sql { return $node->safe_psql('app', $_[0]); }
sub command { my ($path, $arguments) = @_; my $r = $http->post("$ready->{control}$path", { content => $json->encode($arguments) }); die "$path: $r->{content}" unless $r->{success}; return $json->decode($r->{content}); }
sub stats { return $json->decode($http->get("$ready->{control}/stats")->{content}); }

(my $spec = slurp_file('source.json.in')) =~ s/\@TOKEN_URL\@/$ready->{token_url}/g;
sql('CREATE EXTENSION pg_upstream');
is(sql("SELECT count(*) FROM upstream.validate_source(\$s\$$spec\$s\$) WHERE severity = 'error'"), 0, 'the spec is valid');
sql("SELECT upstream.create_source('real', \$s\$$spec\$s\$)");
my @accounts = sort keys %{ $ready->{accounts} };
for my $account (@accounts)
{
    my $config = $json->encode({ base_url => $ready->{api}, owner => $account });
    my $credentials = $json->encode({ refresh_token => $ready->{accounts}{$account}{refresh_token}, client_id => $ready->{client_id}, client_secret => $ready->{client_secret} });
    sql("SELECT upstream.create_account('real', '$account', \$c\$$config\$c\$, \$c\$$credentials\$c\$)");
}

# Every model is fresh after a run that was asked for now.
sub settle
{
    my ($request) = @_;
    my $since = sql('SELECT clock_timestamp()');
    sql("SELECT upstream.$request(name) FROM upstream.accounts");
    my $settled = poll('models are fresh', sub { sql("SELECT bool_and(state = 'fresh' AND last_success_at > '$since') FROM upstream.model_status") eq 't' }, 60);
    diag sql(q(SELECT account, stream, state, error_code, error_message, error_detail FROM upstream.model_status WHERE state <> 'fresh')) unless $settled;
    return $settled;
}

# Rows that are not the same on both sides, by their JSON as jsonb, which compares numbers by value.
sub differences
{
    my ($collection) = @_;
    my $found = '';
    for my $account (@accounts)
    {
        my $rows = $http->get("$ready->{control}/rows?collection=$collection&owner=$account")->{content};
        my $file = "$ENV{TESTDATADIR}/rows.sql";
        open my $out, '>', $file or die $!;
        print $out "SET client_encoding = 'UTF8';\nCREATE TEMP TABLE expected AS SELECT r->>'id' AS id, r AS record FROM jsonb_array_elements(\$rows\$$rows\$rows\$) r;\n",
            "SELECT '$account lacks', * FROM expected e WHERE NOT EXISTS (SELECT FROM public.real_$collection t WHERE t.owner = '$account' AND t.id::text = e.id AND to_jsonb(t) @> (e.record - 'updated_at' - 'created_on') AND t.updated_at = (e.record->>'updated_at')::timestamptz) LIMIT 3;\n",
            "SELECT '$account has too much', id FROM public.real_$collection t WHERE t.owner = '$account' AND NOT EXISTS (SELECT FROM expected e WHERE e.id = t.id::text) LIMIT 3;\n";
        close $out;
        my ($stdout, $stderr) = run_command([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('app'), '-f', $file ]);
        $found .= $stdout . $stderr;
    }
    return $found;
}

command('/change_during', { every => 2, total => 30 });
ok(settle('full_refresh'), 'the worker syncs while records change');
ok(poll('the changes are over', sub { sql('SELECT sum(upstream.request_sync(name)) FROM upstream.accounts'); stats()->{change_during}{left} == 0 }, 60), 'until no more change');
# Pages of json-server are positions: a record can hide between two of them while others move. A full read afterwards is exact.
ok(settle('full_refresh'), 'a full refresh after the changes');
is(differences($_), '', "every row of $_ is as it is at the server") for qw(orders customers);

my $changed = command('/change', { collection => 'orders', owner => 'alice', count => 7 })->{ids};
ok(settle('request_sync'), 'seven orders of alice change');
is(sql(q(SELECT sync_mode || ' ' || updated + inserted FROM upstream.sync_runs WHERE account = 'alice' AND stream = 'orders' AND status = 'succeeded' ORDER BY run_id DESC LIMIT 1)),
    'incremental 7', 'the next run writes those seven');
cmp_ok(sql(q(SELECT received FROM upstream.sync_runs WHERE account = 'alice' AND stream = 'orders' AND status = 'succeeded' ORDER BY run_id DESC LIMIT 1)), '<', 60, 'and reads hardly more');
is(differences('orders'), '', 'every row of orders is as it is at the server');

# Tokens: dead after three seconds, refreshed, never twice.
poll('tokens have ended', sub { sql('SELECT bool_and(expires_at < now()) FROM upstream.tokens') eq 't' }, 20);
ok(settle('request_sync'), 'tokens that have ended are refreshed');
my $stats = stats();
cmp_ok($stats->{refreshes}{$_}{granted}, '>=', 2, "the token of $_ was refreshed") for @accounts;
is($stats->{token_requests}{refused} // 0, 0, 'no refresh was refused');
is($stats->{grants_revoked} // 0, 0, 'no refresh token was used twice');

# Somebody else spends bob's first refresh token again: his family dies.
$http->post_form($ready->{token_url}, { grant_type => 'refresh_token', refresh_token => $ready->{accounts}{bob}{refresh_token}, client_id => $ready->{client_id}, client_secret => $ready->{client_secret} });
sql('SELECT upstream.request_sync(name) FROM upstream.accounts');
ok(poll('bob is parked', sub { sql(q(SELECT bool_and(state = 'needs_reauth') FROM upstream.model_status WHERE account = 'bob')) eq 't' }, 30), 'bob needs to sign in again');
ok(poll('the others are fresh', sub { sql(q(SELECT bool_and(state = 'fresh') FROM upstream.model_status WHERE account <> 'bob')) eq 't' }, 30), 'alice and carol do not');
my $signed_in = command('/sign_in', { account => 'bob' });
sql("SELECT upstream.update_token('bob', '$signed_in->{access_token}', '$signed_in->{refresh_token}', now() + interval '2 seconds')");
ok(settle('request_sync'), 'update_token() lets bob go on');
is(differences('orders'), '', 'every row of orders is as it is at the server');

$node->stop;
done_testing();
