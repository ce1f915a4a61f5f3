# Stripe: a list that finds new subscriptions only, and events that say which of the others to fetch again.
use strict;
use warnings;
use Dialect;
use Test::More;

my $stripe = Dialect->new('stripe',
    accounts => [qw(s1 s2)],
    setup => { subscriptions => 260, days => 60 },
    streams => [qw(subscriptions events changed_subscriptions)],
    tables => {
        subscriptions => [ 'id text, customer text, status text, created timestamptz, quantity bigint',
            'SELECT a.name, t.id, t.customer, t.status, t.created, t.quantity FROM stripe_subscriptions t JOIN upstream.accounts a USING (account_id)' ],
        events => [ 'id text, type text, created timestamptz, object text',
            'SELECT a.name, t.id, t.type, t.created, t.object_id FROM stripe_events t JOIN upstream.accounts a USING (account_id)' ] });

is($stripe->sync, '', 'the first sync succeeds');
is($stripe->differences, '', 'and every table equals the oracle');
for my $change ([ 'new ones and changes', create => 4, update => 5 ], [ 'cancellations', cancel => 6 ], [ 'all of it', create => 2, update => 7, cancel => 3 ])
{
    my ($what, %what) = @$change;
    $stripe->mutate(%what);
    is($stripe->sync, '', "an incremental sync after $what");
    is($stripe->differences, '', 'equals the oracle');
}
$stripe->{upstream}->control('reset_stats');
is($stripe->sync('changed_subscriptions'), '', 'with nothing changed');
is($stripe->stats->{requests}, 0, 'no subscription is fetched again');
$stripe->keeps_budget(25, 'Stripe') if %{ $stripe->stats->{budgets} };
is($stripe->refusals, '', 'check_account() says that the credentials are good');

done_testing();
