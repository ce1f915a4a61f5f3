# Conversations that come with the newest of their messages: with expand.more their run reads the rest, however often the worker is killed between the pages.
use strict;
use warnings;
use Dialect;
use Test::More;

my $join = 'JOIN upstream.accounts a USING (account_id)';
my $messenger = Dialect->new('messenger',
    node => 'rest', databases => 'app',
    accounts => [qw(110000000000001 110000000000002)],
    setup => { conversations => 60, messages => 45, limit => 0, latency_ms => 3 },
    overrides => { rate_limit => undef, batch => undef, concurrency => undef, streams => {
        conversations => { pagination => { type => 'cursor', size => 20, path => '$.paging.cursors.after', has_more => '$.paging.next', inject => { in => 'query', name => 'after' } },
            expand => { messages => { more => { path => 'messages.paging.next', stream => 'messages' } } } },
        messages => { every => '1 day', parent => { table => undef, stream => 'conversations', order_by => undef, limit => undef, touch => undef, only_changed => 'updated_time' },
            pagination => { type => 'cursor', size => 10, path => '$.paging.cursors.after', has_more => '$.paging.next', inject => { in => 'query', name => 'after' } } } } },
    streams => [qw(conversations messages)],
    tables => {
        messages => [ 'id text, conversation text, created timestamptz, sender text, recipient text, message text',
            "SELECT a.name, t.id, t.conversation_id, t.created_time, t.from_id, t.to_id, t.message FROM messenger.messenger_messages t $join" ] });
my $upstream = $messenger->{upstream};

# The messages' own stream is paused: what is there, the conversations' run has read.
$messenger->sql(q(SELECT sum(upstream.pause(name, 'messages')) FROM upstream.accounts));
srand 20261125;
my $kills = 0;
for my $round (1 .. 12)
{
    my $before;
    last unless $upstream->poll('a worker runs', sub { defined($before = $upstream->worker_pid) }, 30);
    $upstream->control('fault', { account => '*', stream => $round % 3 ? 'messages' : '*', skip => int rand(20), times => 1, kind => 'kill', pid => $before + 0, signal => 9,
        when => $round % 2 ? 'request' : 'response' });
    my $idle_from = time + 3;
    $kills++ if $upstream->poll("worker $before is gone", sub {
        return 1 if !kill(0, $before);
        return 0 if time < $idle_from;
        $upstream->node->psql('app', q(SELECT sum(upstream.full_refresh(name, 'conversations')) FROM upstream.accounts));
        $messenger->mutate(burst => 40);
        $idle_from = time + 3;
        return 0;
    }, 20);
    $upstream->control('clear_faults');
}
is($kills, 12, 'the worker was killed 12 times');
ok($upstream->poll('the server is back', sub { defined $upstream->worker_pid }, 30), 'the server came back by itself');
ok($upstream->poll('all conversations are read', sub {
    my ($status, $out) = $upstream->node->psql('app', q(SELECT bool_and(state = 'fresh' AND NOT half_done AND failures = 0) FROM upstream.model_status WHERE stream = 'conversations'));
    return $status == 0 && $out eq 't';
}, 60), 'the conversations get fresh, and nobody helped');
is($messenger->differences, '', 'with all of their messages');
is($messenger->sql(q(SELECT coalesce(sum(received), 0) FROM upstream.sync_runs WHERE stream = 'messages')), 0, 'of which their own stream has read none');
is($messenger->sql(q(SELECT count(*) FROM upstream.sync_runs WHERE status = 'failed')), 0, 'no run failed');
cmp_ok($messenger->sql(q(SELECT count(*) FROM upstream.sync_runs WHERE resumed)), '>', 0, 'reads were resumed');

sub again
{
    $upstream->control('reset_stats');
    my $result = $upstream->call("NULL, 'conversations'");
    return join ' ', map { "$_->{message}" } @{ $result->{results} };
}
is(again(), 'ok ok', 'a run with no news');
is($messenger->differences, '', 'changes nothing');
$messenger->mutate(burst => 70);
is(again(), 'ok ok', 'a run after a burst of messages in one conversation of each');
is($messenger->differences, '', 'has those beyond the cut list, too');
my %asked = map { ($_ => 1) } $upstream->get('/_control/log?since=0') =~ m{/(t_\w+)/messages\?}g;
is(keys %asked, 2, 'and reads no other list');
is($upstream->stats->{overlaps}, 0, 'never two requests of one model at a time');

# The stream of its own goes on where they have come.
$messenger->sql(q(SELECT sum(upstream.resume(name, 'messages')) FROM upstream.accounts));
is($messenger->sync('messages'), '', 'the stream of messages by itself');
is($messenger->differences, '', 'finds nothing missing');


# Both at once, in one worker: each of them asks for messages.
$messenger->mutate(burst => 60, messages => 20);
$messenger->sql(q(SELECT upstream.reset_cursor(name, 'messages'), upstream.full_refresh(name, 'conversations') FROM upstream.accounts));
ok($upstream->recovers, 'both streams read at the same time');
is($messenger->differences, '', 'have it all');
is($upstream->stats->{overlaps}, 0, 'and still there are never two requests for the messages of one page');

done_testing();
