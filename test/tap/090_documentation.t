# Each example of docs/sources.md is valid, makes a source and an account, and explains itself.
use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $json = JSON::PP->new->canonical;
my $node = PostgreSQL::Test::Cluster->new('documentation');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_upstream'");
$node->start;

# What the examples name: functions, and a table that is a parent.
$node->safe_psql('postgres', q{
    CREATE EXTENSION pg_upstream;
    CREATE SCHEMA app;
    CREATE FUNCTION app.clean_order(record jsonb, context jsonb) RETURNS SETOF jsonb LANGUAGE sql AS 'SELECT record';
    CREATE FUNCTION app.count_orders(account_id integer, run_id bigint) RETURNS void LANGUAGE sql AS '';
    CREATE TABLE shipments (id bigint PRIMARY KEY, created_at timestamptz, delivered_at timestamptz, checked_at timestamptz);
});

# Everything in one transaction that is rolled back, so that no worker asks a host that does not exist.
sub try_out
{
    my ($spec, $streams) = @_;
    my %credentials = map { $_ => "the-$_" } $spec =~ /\{secret\.(\w+)\}/g;
    $credentials{access_token} = 'the-access-token' if $spec =~ /"oauth2"/;
    my $explain = join '', map { "SELECT count(*) FROM upstream.explain_sync('main', '$_');\n" } @$streams;
    my ($status, $out, $error) = $node->psql('postgres', qq{
        \\set VERBOSITY verbose
        BEGIN;
        SELECT path || ': ' || message FROM upstream.validate_source(\$spec\$$spec\$spec\$) WHERE severity = 'error';
        SELECT upstream.create_source('shop', \$spec\$$spec\$spec\$);
        SELECT upstream.create_account('shop', 'main', '{}', \$\$@{[ $json->encode(\%credentials) ]}\$\$);
        $explain
        ROLLBACK;
    }, on_error_die => 0, on_error_stop => 1);
    return $error;
}

my @files = sort glob "$ENV{TESTDIR}/examples/*.json";
cmp_ok(scalar @files, '>', 30, 'the documentation has examples');
for my $file (@files)
{
    my ($line) = $file =~ /(\d+)\.json$/;
    my $text = slurp_file($file);
    my $error = try_out($text, [ sort keys %{ $json->decode($text)->{streams} } ]);
    is($error, '', 'docs/sources.md, line ' . ($line + 0));
}

done_testing();
