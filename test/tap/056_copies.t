# Copies of a database: whoever restores a dump, makes a database from a template, or starts a base backup has its models and maybe its refresh tokens.
# A copy sends nothing until somebody adopts it.
use strict;
use warnings;
use Upstream;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $upstream = Upstream->new('copies', conf => ["upstream.instance_id = 'production'", "wal_level = replica\nmax_wal_senders = 4"]);
my $node = $upstream->node;
$upstream->setup(accounts => ['a1'], streams => { orders => Upstream::rows(30) });
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor') });
$upstream->create_account('shops', 'a1');
ok($upstream->poll('a1 is synced', sub { $upstream->sql('SELECT count(*) FROM orders') == 30 }), 'the original syncs');

sub asked { my $stats = $upstream->stats; return $stats->{requests} + $stats->{token_requests}; }

# What a copy says, with its model due: its worker, its status, and whoever calls it.
sub keeps_still
{
    my ($copy, $database, $preview) = @_;
    my $before = asked();
    my $sql = sub { return $copy->safe_psql($database, $_[0]) };
    $sql->(q(UPDATE upstream.model_state SET next_due_at = now()));
    my $state = q(SELECT string_agg(state, ',') FROM upstream.pg_stat_upstream_workers WHERE datname = current_database());
    ok($upstream->poll('its worker looks', sub { $sql->($state) eq 'foreign_instance' }, 30), 'its worker says foreign_instance');
    is($sql->('SELECT state FROM upstream.model_status'), 'foreign_instance', 'so does the model');
    my ($status, $out, $error) = $copy->psql($database, q(CALL upstream.sync('a1')), on_error_stop => 1);
    like($error, qr/this database is a copy of another.*upstream\.adopt_instance\(\)/s, 'CALL sync() is an error that says what to do');
    ($status, $out, $error) = $copy->psql($database, q(SELECT * FROM upstream.preview('a1', 'orders')), on_error_stop => 1);
    like($error, $preview // qr/this database is a copy of another/, 'and so is preview()');
    is(asked(), $before, 'nothing was sent');
}

sub syncs_once_adopted
{
    my ($copy, $database) = @_;
    my $pair = $upstream->control('reseed_token', { account => 'a1' });
    $copy->safe_psql($database, "SELECT upstream.update_token('a1', '$pair->{access_token}', '$pair->{refresh_token}')");
    my $before = asked();
    $copy->safe_psql($database, 'SELECT upstream.adopt_instance()');
    ok($upstream->poll('it syncs', sub { asked() > $before && $copy->safe_psql($database, 'SELECT state FROM upstream.model_status') eq 'fresh' }, 30), 'adopt_instance() lets it sync');
}

subtest 'a restored dump' => sub {
    my $file = "$ENV{TESTDATADIR}/app.sql";
    PostgreSQL::Test::Utils::system_or_bail('pg_dump', '-f', $file, $node->connstr('app'));
    $node->safe_psql('postgres', 'CREATE DATABASE restored');
    PostgreSQL::Test::Utils::system_or_bail('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', "$file.out", '-f', $file, $node->connstr('restored'));
    is($node->safe_psql('restored', 'SELECT count(*) FROM upstream.tokens'), 0, 'has no tokens');
    $node->append_conf('postgresql.conf', q(upstream.databases = 'app, restored'));
    $node->reload;
    keeps_still($node, 'restored', qr/no access token/);
    syncs_once_adopted($node, 'restored');
};

subtest 'a database from a template' => sub {
    $node->append_conf('postgresql.conf', q(upstream.databases = ''));
    $node->reload;
    $upstream->poll('no worker is connected', sub { $node->safe_psql('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE datname = 'app')) == 0 }, 30);
    $node->safe_psql('postgres', 'CREATE DATABASE made TEMPLATE app');
    is($node->safe_psql('made', 'SELECT count(*) FROM upstream.tokens'), 1, 'has the tokens of the original');
    $node->append_conf('postgresql.conf', q(upstream.databases = 'made'));
    $node->reload;
    keeps_still($node, 'made');
    syncs_once_adopted($node, 'made');
    $node->append_conf('postgresql.conf', q(upstream.databases = 'app'));
    $node->reload;
};

subtest 'a base backup that is started' => sub {
    $node->backup('base');
    my $copy = PostgreSQL::Test::Cluster->new('staging');
    $copy->init_from_backup($node, 'base');
    $copy->append_conf('postgresql.conf', q(upstream.instance_id = 'staging'));
    $copy->start;
    keeps_still($copy, 'app');
    syncs_once_adopted($copy, 'app');
    $copy->stop;
};

done_testing();
