# Values: what our decoder and the columns' types make of generated JSON documents is what Postgres' own jsonb and the same types make of them. UPSTREAM_DOCUMENTS says how many.
use strict;
use warnings;
use Upstream;
use JSON::PP;
use Test::More;

my $count = $ENV{UPSTREAM_DOCUMENTS} // 2000;
my $upstream = Upstream->new('values');
$upstream->sql('CREATE EXTENSION pg_upstream');

# Members as texts, as an upstream might write them: the server takes them as they are.
srand($ENV{UPSTREAM_SEED} // 20261125);
sub one_of { return $_[ rand @_ ] }
sub digits { my ($most) = @_; my $n = 1 + int rand $most; return join '', 1 + int rand 9, map { int rand 10 } 2 .. $n }
sub number { return one_of('', '-') . one_of('0', digits(3), digits(18), digits(40)) . one_of('', '', '.' . digits(20), '.0', '.' . '0' x 5 . digits(4)) . one_of('', '', '', 'e' . int(rand 20), 'E-' . int(rand 20), 'e+' . int(rand 9)) }
sub string
{
    my @pieces = map { one_of('a', 'ü', '你', '😀', ' ', '\n', '\t', '\\\\', '\"', '/', '\/', '\u00e9', '\ud83d\ude00', '\u2028', "'", '%', 'null', '\b', '{}', "\x7f") } 1 .. int rand 12;
    return '"' . join('', @pieces) . '"';
}
sub blank { return one_of('', '', '', ' ', "\n", "\t  ", "\r\n") }
sub value
{
    my ($depth) = @_;
    my $kind = int rand($depth > 3 ? 5 : 7);
    return number() if $kind == 0;
    return string() if $kind < 3;
    return one_of('true', 'false', 'null') if $kind < 5;
    my @values = map { blank() . value($depth + 1) . blank() } 1 .. int rand 4;
    return '[' . join(',', @values) . ']' if $kind == 5;
    my $n = 0;
    return '{' . join(',', map { blank() . '"k' . $n++ . '"' . blank() . ':' . $_ } @values) . '}';
}
my @zones = ('Z', '+00:00', '-08:00', '+05:30', '+0000', '');
sub timestamp
{
    return sprintf '"%04d-%02d-%02d%s%02d:%02d:%02d%s%s"', 1 + int rand 9998, 1 + int rand 12, 1 + int rand 28, one_of('T', ' '), rand 24, rand 60, rand 60,
        one_of('', '.5', '.123456', '.999999', '.1234567'), one_of(@zones);
}
my %kinds = (
    a_text => sub { string() }, a_numeric => sub { number() }, a_bigint => sub { one_of('', '-') . one_of(digits(18), '9223372036854775807', '0') },
    an_integer => sub { one_of('', '-') . digits(9) }, a_double => sub { one_of('', '-') . digits(3) . '.' . digits(16) . one_of('', 'e' . int(rand 100)) }, a_boolean => sub { one_of('true', 'false') },
    a_time => sub { timestamp() }, a_day => sub { sprintf '"%04d-%02d-%02d"', 1 + int rand 9998, 1 + int rand 12, 1 + int rand 28 }, a_jsonb => sub { value(0) },
    deep => sub { '{"er":' . blank() . '[' . value(2) . ',' . blank() . string() . ']}' });
my %types = (a_text => 'text', a_numeric => 'numeric', a_bigint => 'bigint', an_integer => 'integer', a_double => 'float8', a_boolean => 'boolean', a_time => 'timestamptz', a_day => 'date', a_jsonb => 'jsonb', deep => 'text');
my @documents = map {
    my $id = $_;
    my @members = map { rand() < 0.1 ? one_of("\"$_\":null", ()) : "\"$_\"" . blank() . ':' . blank() . $kinds{$_}->() } sort { rand() <=> 0.5 } sort keys %kinds;
    '{' . join(',' . blank(), "\"id\":$id", @members) . '}'
} 1 .. $count;

# A server that has one page.
my $folder = "$ENV{TESTDATADIR}/values";
mkdir $folder;
open my $page, '>', "$folder/page" or die $!;
print $page '{"data":[' . join(",\n", @documents) . ']}';
close $page;
my $server = fork() // die $!;
if ($server == 0)
{
    open STDERR, '>', '/dev/null';
    exec 'python3', '-c', q(
import functools, http.server, os, sys
server = http.server.HTTPServer(("127.0.0.1", 0), functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1]))
open(sys.argv[1] + "/port.new", "w").write(str(server.server_port))
os.rename(sys.argv[1] + "/port.new", sys.argv[1] + "/port")
server.serve_forever()), $folder or die $!;
}
END { kill 'TERM', $server if $server }
$upstream->poll('the server listens', sub { -s "$folder/port" }, 30);
my $port = PostgreSQL::Test::Utils::slurp_file("$folder/port");
my $spec = JSON::PP->new->encode({
    spec_version => 1, source => 'values', base_url => "http://127.0.0.1:$port", auth => { type => 'none' },
    streams => { documents => { path => '/page', records => '$.data', primary_key => ['id'], target => 'documents', every => '1 hour',
        columns => { id => { path => 'id', type => 'bigint' }, raw => { path => '@', type => 'jsonb' },
            map { ($_ => { path => $_ eq 'deep' ? 'deep.er[1]' : $_, type => $types{$_} }) } keys %kinds } } } });
$upstream->sql("SELECT upstream.create_source('values', \$spec\$$spec\$spec\$)");
$upstream->sql(q(SELECT upstream.create_account('values', 'all', '{}', '{}')));
ok($upstream->recovers(20), 'all documents are read') or diag explain $upstream->status('all', 'documents');
is($upstream->sql('SELECT count(*) FROM upstream.rejected_rows'), 0, 'each of them');

# The same documents, by Postgres alone.
open my $copy, '>', "$folder/copy.sql" or die $!;
print $copy "CREATE TABLE by_postgres (document jsonb);\nCOPY by_postgres FROM STDIN WITH (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02');\n";
for my $document (@documents) { print $copy $document =~ s/[\r\n]/ /gr, "\n"; }
print $copy "\\.\n";
close $copy;
PostgreSQL::Test::Utils::system_or_bail('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$folder/copy.sql", $upstream->node->connstr('app'));
is($upstream->sql('SELECT count(*) FROM documents'), $count, "$count rows");
for my $column (sort keys %kinds)
{
    my $expected = $column eq 'a_jsonb' ? "nullif(p.document->'a_jsonb', 'null')" : $column eq 'deep' ? "p.document#>>'{deep,er,1}'" : "(p.document->>'$column')::$types{$column}";
    is($upstream->sql("SET TimeZone = 'UTC'; SELECT d.id, d.${column}::text, ($expected)::text FROM documents d JOIN by_postgres p ON (p.document->>'id')::bigint = d.id
        WHERE d.${column}::text IS DISTINCT FROM ($expected)::text LIMIT 3"), '', "$types{$column}: $column");
}
is($upstream->sql('SELECT d.id FROM documents d JOIN by_postgres p ON (p.document->>$$id$$)::bigint = d.id WHERE d.raw IS DISTINCT FROM p.document LIMIT 3'), '', 'the whole document');
done_testing();
