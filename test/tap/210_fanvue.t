# Fanvue as a whole: earnings with and without ids that change and are taken back, chats, messages, subscribers.
use strict;
use warnings;
use Dialect;
use Test::More;

my $fanvue = Dialect->new('fanvue',
    accounts => [qw(c1 c2)],
    setup => { transactions => 300, chats => 30, messages => 60, subscribers => 120, days => 60 },
    overrides => { streams => { transactions => { rescan => [ { every => '1 millisecond', lookback => '130 days' } ] } } },
    streams => [qw(transactions chats messages subscribers)],
    tables => {
        transactions => [
            'occurred_at timestamptz, source text, gross numeric, net numeric, currency text, order_id text, status text, reversed text, fan uuid, message uuid, post uuid',
            'SELECT a.name, t.occurred_at, t.source, t.gross_cents, t.net_cents, t.currency, t.transaction_order_id, t.status, t.reversed_order_id, t.fan_uuid, t.message_uuid, t.post_uuid
             FROM fanvue_transactions t JOIN upstream.accounts a USING (account_id)' ],
        chats => [ 'fan uuid, handle text, last timestamptz',
            'SELECT a.name, t.fan_uuid, t.handle, t.last_message_at FROM fanvue_chats t JOIN upstream.accounts a USING (account_id)' ],
        messages => [ 'uuid uuid, fan uuid, sent timestamptz, body text, sender uuid, price numeric, purchased timestamptz',
            'SELECT a.name, t.uuid, t.fan_uuid, t.sent_at, t.body, t.sender_uuid, t.price_cents, t.purchased_at FROM fanvue_messages t JOIN upstream.accounts a USING (account_id)' ],
        subscribers => [ 'uuid uuid, handle text, name text',
            'SELECT a.name, t.fan_uuid, t.handle, t.display_name FROM fanvue_subscribers t JOIN upstream.accounts a USING (account_id) WHERE t._deleted_at IS NULL' ] });

is($fanvue->sync, '', 'the first sync succeeds');
is($fanvue->differences, '', 'and every table equals the oracle');
cmp_ok($fanvue->sql('SELECT count(*) FROM fanvue_transactions WHERE transaction_order_id IS NULL'), '>', 50, 'many earnings have no id');
cmp_ok($fanvue->sql('SELECT count(*) FROM (SELECT FROM fanvue_transactions GROUP BY account_id, payload HAVING count(*) > 1) twice'), '>', 0, 'some are the very same twice');

$fanvue->mutate(sales => 7, late => 5, settle => 9, messages => 8);
is($fanvue->sync, '', 'an incremental sync after sales, late rows, settled balances and messages');
is($fanvue->differences, '', 'equals the oracle');

$fanvue->mutate(refunds => 4, sales => 2, chats => 2, subscribe => 3, unsubscribe => 5);
is($fanvue->sync, '', 'one after refunds, new chats, subscribers who came and went');
is($fanvue->differences, '', 'equals the oracle');
is($fanvue->sql('SELECT count(*) FROM fanvue_transactions WHERE reversed_order_id IS NOT NULL AND gross_cents < 0'), 8, 'refunds are rows of their own, negative');
is($fanvue->sql('SELECT count(*) FROM fanvue_subscribers WHERE _deleted_at IS NOT NULL'), 10, 'who unsubscribed is marked, not lost');

$fanvue->mutate(settle => 50, late => 3, refunds => 1, messages => 3, unsubscribe => 1);
is($fanvue->sync, '', 'and one after more of it');
is($fanvue->differences, '', 'equals the oracle');

is($fanvue->stats->{marked_as_read}, 0, 'no message was marked as read');
$fanvue->keeps_budget(200, 'Fanvue');
is($fanvue->sql('SELECT count(*) FROM fanvue_creators WHERE last_transaction_sync IS NOT NULL AND last_messages_sync IS NOT NULL AND last_subscribers_sync IS NOT NULL
    AND token_expires_at > now()'), 2, 'fanvue_creators tells how fresh everything is');
is($fanvue->stats->{accounts}{c1}{refreshes}, 1, 'one refresh of the token was enough');
is($fanvue->refusals, '', 'check_account() says that the credentials are good');

done_testing();
