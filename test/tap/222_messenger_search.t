# search_conversations() finds what plain SQL finds, counts it in the same query, and reads indexes.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Dialect;
use Upstream;
use Test::More;

my $upstream = Upstream->new('search', databases => '');
my $node = $upstream->node;
$upstream->sql('CREATE EXTENSION pg_upstream');
$upstream->sql(q(SELECT upstream.install_source('messenger', 'messenger')));
$upstream->sql(q(
INSERT INTO messenger.messenger_conversations (account_id, id, page_id, updated_time, snippet, unread_count, message_count, tags)
SELECT 1 + i % 20, 't_' || (100000 + i), (1000 + i % 20)::text, timestamptz '2026-06-01' - (i / 2) * interval '1 hour', 'order ' || md5(i::text), 0, 1,
    CASE WHEN i % 10 = 0 THEN ARRAY['vip'] WHEN i % 50 = 3 THEN ARRAY['lead', 'new'] WHEN i % 300 = 7 THEN ARRAY['spam', 'vip'] ELSE '{}' END
FROM generate_series(1, 30000) i;
INSERT INTO messenger.messenger_participants (account_id, conversation_id, id, name)
SELECT 1 + i % 20, 't_' || (100000 + i), (24000000 + i)::text, 'Zoë ' || substr(md5((i / 3)::text), 1, 8) || CASE WHEN i = 77 THEN ' 100%_\ sure' ELSE '' END FROM generate_series(1, 30000) i
UNION ALL SELECT 1 + i % 20, 't_' || (100000 + i), (1000 + i % 20)::text, 'Page ' || i % 20 FROM generate_series(1, 30000) i;
UPDATE messenger.messenger_conversations SET _deleted_at = now() WHERE id LIKE '%99';
VACUUM ANALYZE messenger.messenger_conversations, messenger.messenger_participants));

# The same in plain SQL: every condition spelt out.
sub plainly
{
    my ($condition, $limit, $offset) = @_;
    return $upstream->sql(qq(SELECT string_agg(id, ' ' ORDER BY n), min(total) FROM (SELECT c.id, row_number() OVER (ORDER BY c.updated_time DESC, c.id) AS n, count(*) OVER () AS total
        FROM messenger.messenger_conversations c JOIN messenger.messenger_participants p ON p.account_id = c.account_id AND p.conversation_id = c.id AND p.id <> c.page_id
        WHERE c._deleted_at IS NULL AND ($condition)) x WHERE n > $offset AND n <= $offset + $limit));
}
sub found { my ($arguments) = @_; return $upstream->sql(qq(SELECT string_agg(id, ' ' ORDER BY updated_time DESC, id), min(total) FROM messenger.search_conversations($arguments))); }

my $name = $upstream->sql(q(SELECT substr(md5('1234'), 2, 6)));
for my $case (
    [ 'all', '', 'true', 50, 0 ],
    [ 'a page', q(page_ids => '{1003}'), q(page_id = '1003'), 50, 0 ],
    [ 'two pages, further down', q(page_ids => '{1003,1007}', page => 3, "limit" => 20), q(page_id IN ('1003', '1007')), 20, 40 ],
    [ 'any of two tags', q(include_tags => '{vip,new}'), q(tags && '{vip,new}'), 50, 0 ],
    [ 'a tag but not another', q(include_tags => '{vip}', exclude_tags => '{spam}'), q('vip' = ANY (tags) AND 'spam' <> ALL (tags)), 50, 0 ],
    [ 'without a tag', q(exclude_tags => '{lead}', page_ids => '{1003}'), q('lead' <> ALL (tags) AND page_id = '1003'), 50, 0 ],
    [ 'a time', q(start_date => '2026-05-01', end_date => '2026-05-02'), q(updated_time >= '2026-05-01' AND updated_time < '2026-05-02'), 50, 0 ],
    [ 'part of a name', "search => '$name'", "name ILIKE '%$name%' OR snippet ILIKE '%$name%'", 50, 0 ],
    [ 'a name in other case', q(search => 'ZOË', page_ids => '{1001}'), q(page_id = '1001'), 50, 0 ],
    [ 'what LIKE would take for a pattern', q(search => '100%_\\'), q(name LIKE '%100\%\_\\\\%'), 50, 0 ],
    [ 'part of a snippet with all the rest', "search => 'e', page_ids => '{1003}', include_tags => '{lead}', exclude_tags => '{spam}', start_date => '2025-06-01', end_date => '2026-03-01'",
        q(page_id = '1003' AND 'lead' = ANY (tags) AND 'spam' <> ALL (tags) AND updated_time >= '2025-06-01' AND updated_time < '2026-03-01'), 50, 0 ])
{
    my ($what, $arguments, $condition, $limit, $offset) = @$case;
    my $expected = plainly($condition, $limit, $offset);
    is(found($arguments), $expected, "finds $what") if isnt($expected, '|', "there is $what");
}
is(found(q(page_ids => '{1003}', page => 1000)), '|1500', 'behind the last page the total is still told');
is(found(q(search => 'nobody is called that')), '|0', 'no match is a total of 0');
my ($status, $out, $error) = $node->psql('app', 'SELECT * FROM messenger.search_conversations("limit" => 0)');
like($error, qr/limit from 1 to 1000/, 'a wrong limit is refused');

# Plans of the statements inside, as they were run.
sub plan_of
{
    my ($arguments) = @_;
    my ($status, $out, $notices) = $node->psql('app', qq(LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on;
        SET auto_explain.log_level = notice; SELECT count(*) FROM messenger.search_conversations($arguments)));
    return $notices;
}
my %plans = (
    q(page_ids => '{1003}') => qr/messenger_conversations_page_idx/,
    q(include_tags => '{lead}') => qr/messenger_conversations_tags_idx/,
    q(start_date => '2026-05-01', end_date => '2026-05-02') => qr/messenger_conversations_time_idx/,
    "search => '$name'" => qr/messenger_participants_name_idx.*messenger_conversations_snippet_idx/s);
for my $arguments (sort keys %plans)
{
    my $plan = plan_of($arguments);
    like($plan, $plans{$arguments}, "$arguments reads its index");
    unlike($plan, qr/Seq Scan on messenger_(conversations|participants)/, 'and no table as a whole');
}

# The audit trail takes no change.
for my $change ('UPDATE messenger.messenger_interaction_events SET kind = $$x$$', 'DELETE FROM messenger.messenger_interaction_events', 'TRUNCATE messenger.messenger_interaction_events')
{
    ($status, $out, $error) = $node->psql('app', $change);
    like($error, qr/only ever added to/, "the audit trail refuses: $change");
}
is($upstream->sql(q(SELECT messenger.tag_conversations('{t_100001,t_100002}', '{a,b}', '{c}'))), 2, 'two conversations are tagged');
is($upstream->sql(q(SELECT messenger.tag_conversations('{t_100001,t_100002}', '{a}', '{}'))), 0, 'again: nothing changes');
is($upstream->sql(q(SELECT messenger.tag_conversations('{t_100001}', '{d}', '{a}'))), 1, 'one tag comes and one goes');
is($upstream->sql(q(SELECT string_agg(kind || ' ' || (detail->>'tags'), ', ' ORDER BY event_id) FROM messenger.messenger_interaction_events WHERE conversation_id = 't_100001')),
    'tagged ["a", "b"], tagged ["d"], untagged ["a"]', 'and the audit trail says so');

done_testing();
