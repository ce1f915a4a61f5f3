# The sanitizers watch the server's processes: a library with a bug ends the process that loads it, and a report says why. Without this the runs that follow would prove nothing.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('reports');
$node->init;
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->start;
my ($status) = $node->psql('postgres', "LOAD 'overread'");
isnt($status, 0, 'the process ends');
$node->poll_query_until('postgres', 'SELECT true') or die 'the server does not come back';
my @reports = glob "$ENV{UPSTREAM_REPORTS}/*";
is(scalar @reports, 1, 'one report is written');
like(slurp_file($reports[0]), qr/heap-buffer-overflow.*_PG_init/s, 'which names the function');
unlink @reports;
done_testing();
