# install_source(): everything that a source needs, in the schema of one's choice, by a role that is no superuser; again and again.
use strict;
use warnings;
use Dialect;
use Upstream;
use Test::More;

my $upstream = Upstream->new('install', databases => '');
my $node = $upstream->node;
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->sql(q(CREATE ROLE app LOGIN; GRANT CREATE ON DATABASE app TO app; GRANT USAGE ON SCHEMA upstream TO app;
    GRANT SELECT ON ALL TABLES IN SCHEMA upstream TO app; REVOKE SELECT ON upstream.secrets, upstream.tokens FROM app; GRANT EXECUTE ON ALL ROUTINES IN SCHEMA upstream TO app;
    GRANT SELECT (account_id, expires_at, reason) ON upstream.tokens TO app));
my $objects = q(SELECT string_agg(x, ' ' ORDER BY x) FROM (
    SELECT c.relkind::text || ':' || c.relname FROM pg_class c WHERE c.relnamespace = 'things'::regnamespace AND c.relkind IN ('r', 'v', 'i')
    UNION ALL SELECT 'f:' || p.proname FROM pg_proc p WHERE p.pronamespace = 'things'::regnamespace AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')) o (x));

sub as_app { my ($sql) = @_; return $node->psql('app', $sql, extra_params => [ '-U', 'app' ]); }

for my $name (qw(directus fanvue github messenger shipbob shopify stripe))
{
    is($upstream->sql("SELECT count(*) FROM upstream.validate_source((upstream.shipped_source('$name')).spec)"), 0, "$name has no problem, not even a warning");
    my ($status, $out, $error) = as_app("SELECT upstream.install_source('$name', 'things') > 0");
    is("$status $out $error", '0 t ', "$name is installed");
}
my $first = $upstream->sql($objects);
like($first, qr/r:fanvue_transactions.*v:shipbob_shipments_due/, 'with its tables and views');
for my $name (qw(fanvue messenger shipbob stripe))
{
    my ($status, $out, $error) = as_app("SELECT upstream.install_source('$name', 'things') = (SELECT source_id FROM upstream.sources WHERE name = '$name')");
    is("$status $out $error", '0 t ', "$name is installed again");
}
is($upstream->sql($objects), $first, 'which makes nothing twice');
is($upstream->sql(q(SELECT max(revision) FROM upstream.sources)), 1, 'and changes no source');

is($upstream->sql(q(SELECT string_agg(c.relname, ' ') FROM pg_class c WHERE c.relnamespace = 'things'::regnamespace AND c.relkind IN ('r', 'v') AND c.relowner <> 'app'::regrole)), '', 'its caller owns it all');
is($upstream->sql(q(SELECT string_agg(c.relname, ' ') FROM pg_class c WHERE c.relnamespace = 'things'::regnamespace AND c.relkind IN ('r', 'v') AND obj_description(c.oid, 'pg_class') IS NULL)), '',
    'every table and view has a comment');
is($upstream->sql(q(SELECT string_agg(p.proname, ' ') FROM pg_proc p WHERE p.pronamespace = 'things'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e'))), '', 'every function, too');
is($upstream->sql(q(SELECT string_agg(s.key || '.' || h.key || '=' || (h.value #>> '{}'), ' ') FROM upstream.sources o, jsonb_each(o.spec->'streams') s, jsonb_each(s.value) h
    WHERE h.key IN ('after_page', 'transform') AND h.value #>> '{}' NOT LIKE 'things.%')), '', 'hooks are those of the schema');

# Targets are what the specs write: an account of each can be created.
my %accounts = (
    directus => '{"base_url": "http://127.0.0.1:1"}', fanvue => '{}', github => '{"owner": "o", "repo": "r"}', messenger => '{"page_id": "1"}',
    shipbob => '{}', shopify => '{"shop": "s", "api_version": "2026-01"}', stripe => '{}');
for my $name (sort keys %accounts)
{
    my ($status, $out, $error) = as_app("SELECT upstream.create_account('$name', 'one', '$accounts{$name}') > 0");
    is("$status $out $error", '0 t ', "an account of $name fits its tables");
}

my ($status, $out, $error) = as_app(q(SELECT upstream.install_source('fanvue', 'elsewhere')));
like($error, qr/already installed in schema "things"/, 'a source lies in one schema');
($status, $out, $error) = as_app(q(SELECT upstream.install_source('fanview')));
like($error, qr/no source "fanview" comes with pg_upstream.*Known are: directus, fanvue/s, 'an unknown name is told the known ones');
as_app(q(SELECT upstream.install_source('github', 'things', '{"base_url": "https://github.example/api/v3", "streams": {"issues": {"every": "1 hour", "conditional": null}}}')));
is($upstream->sql(q(SELECT spec->>'base_url', spec #>> '{streams,issues,every}', spec #> '{streams,issues}' ? 'conditional' FROM upstream.sources WHERE name = 'github')),
    'https://github.example/api/v3|1 hour|f', 'overrides are merged into the spec');

is($upstream->sql(q(SELECT upstream.merge_spec('{"a": {"b": 1, "c": [1]}, "d": 2}', '{"a": {"b": null, "c": [2], "e": {"f": 3}}, "d": {"g": 4}}'))),
    '{"a": {"c": [2], "e": {"f": 3}}, "d": {"g": 4}}', 'object by object, lists as a whole; null takes out');

done_testing();
