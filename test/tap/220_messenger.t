# Messenger as a whole: conversations newest first, cut inner lists, deletes, tags, the audit trail.
use strict;
use warnings;
use Dialect;
use Test::More;

my $join = 'JOIN upstream.accounts a USING (account_id)';
my $alive = 'JOIN messenger.messenger_conversations c ON c.account_id = t.account_id AND c.id = t.conversation_id AND c._deleted_at IS NULL';
my $messenger = Dialect->new('messenger',
    accounts => [qw(110000000000001 110000000000002)],
    setup => { conversations => 230, messages => 3, empty_every => 2 },
    streams => [qw(conversations messages)],
    tables => {
        conversations => [ 'id text, updated timestamptz, count integer',
            "SELECT a.name, t.id, t.updated_time, t.message_count FROM messenger.messenger_conversations t $join WHERE t._deleted_at IS NULL" ],
        participants => [ 'conversation text, id text, name text',
            "SELECT a.name, t.conversation_id, t.id, t.name FROM messenger.messenger_participants t $join $alive" ],
        messages => [ 'id text, conversation text, created timestamptz, sender text, recipient text, message text',
            "SELECT a.name, t.id, t.conversation_id, t.created_time, t.from_id, t.to_id, t.message FROM messenger.messenger_messages t $join $alive" ] });

is($messenger->sync, '', 'the first sync succeeds');
is($messenger->differences, '', 'and every table equals the oracle');
$messenger->sql(q(SELECT messenger.tag_conversations(ARRAY(SELECT id FROM messenger.messenger_conversations ORDER BY id LIMIT 5), '{vip}')));

$messenger->mutate(messages => 8, conversations => 3);
is($messenger->sync, '', 'an incremental sync after messages and new conversations');
is($messenger->differences, '', 'equals the oracle');
cmp_ok($messenger->{upstream}->call("NULL, 'conversations'")->{results}[0]{requests}, '<=', 1, 'it stops at the first page that has nothing new');

$messenger->mutate(burst => 130);
is($messenger->sync, '', 'one after 130 messages in one conversation');
is($messenger->differences, '', 'has those beyond the cut inner list, too');

$messenger->mutate(messages => 4, delete => 6);
is($messenger->sync, '', 'one after deletes');
is($messenger->{upstream}->call("NULL, 'conversations', true")->{totals}{failed} // 0, 0, 'and a full refresh');
is($messenger->differences, '', 'equals the oracle');
is($messenger->sql('SELECT count(*) FROM messenger.messenger_conversations WHERE _deleted_at IS NOT NULL'), 12, 'deleted conversations are marked');

is($messenger->sql(q(SELECT count(*) FROM messenger.messenger_conversations WHERE tags = '{vip}')), 5, 'no sync has touched the tags');
is($messenger->sql('SELECT count(*) FROM messenger.messenger_messages'), $messenger->sql(q(SELECT count(*) FROM messenger.messenger_interaction_events WHERE kind = 'message')),
    'each message is in the audit trail once');
is($messenger->sql(q(SELECT count(*) FROM messenger.messenger_interaction_events WHERE kind = 'tagged')), 5, 'and each tag');
$messenger->keeps_budget(2, 'Messenger');
is($messenger->refusals, '', 'check_account() says that the credentials are good');

done_testing();
