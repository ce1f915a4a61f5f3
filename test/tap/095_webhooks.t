# Webhooks while a sync is running: out of order, twice, and for rows that the sync has read, is reading and has not read yet. The tables end equal to the
# upstream, though no run reads again what the calls brought.
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_hex);
use Upstream;
use Test::More;

my $upstream = Upstream->new('webhooks');
my @accounts = map { "shop$_" } 1 .. 3;
my @streams = qw(orders notes);
$upstream->setup(auth => 'none', accounts => \@accounts, streams => { map { ($_ => Upstream::rows(3000)) } @streams });
$upstream->sql('CREATE EXTENSION pg_upstream');

# orders have newer_by, notes are told apart by the times of events alone.
my $events = [ map { { when => { path => 'topic', equals => $_ }, do => 'upsert', stream => $_, records => '$.events[*]', occurred_at => 'updated_at' } } @streams ];
$upstream->create_source('shops', { Upstream::stream('orders', 'cursor', size => 50, newer_by => 'updated_at'), Upstream::stream('notes', 'page', size => 50) },
    auth => { type => 'none' }, concurrency => { source => 8 },
    webhook => { path => 'shops', dedup => { key => 'event', keep => '1 day' }, route => { path => '$.shop', setting => 'shop' }, events => $events,
        verify => { scheme => 'hmac', algorithm => 'sha256', header => 'X-Signature', fields => { timestamp => 't', signature => 'v1' },
            signed => '{timestamp}.{body}', encoding => 'hex', key => '{secret.hook}', tolerance => '5 minutes' } });

my $event = 0;
my %latest;  # updated_at of the last change that was seen, of each list

# What has changed in a list since the last look, as calls; of the first look there are none.
sub calls
{
    my ($account, $stream) = @_;
    my $since = $latest{"$account/$stream"};
    my $body = $upstream->get("/v1/$account/$stream/none" . ($since ? "?since=$since" : '?order=desc&limit=1'));
    my @calls;
    while ($body =~ /(\{"id":"([^"]+)".*?"updated_at":"([^"]+)".*?"rev":(\d+)\})/g)
    {
        push @calls, call($account, $stream, $1) if $since && $3 gt $since;
        $latest{"$account/$stream"} = $3 if $3 gt ($latest{"$account/$stream"} // '');
    }
    return @calls;
}

sub call
{
    my ($account, $stream, $row) = @_;
    $event++;
    $row =~ s/\A\{/{"event":"e$event","topic":"$stream",/;
    my $body = qq({"shop":"$account","events":[$row]});
    my $now = time;
    my $signature = "t=$now,v1=" . hmac_sha256_hex("$now.$body", 'key-of-the-app');
    my $hex = unpack 'H*', $body;
    return qq(SELECT status FROM upstream.receive_webhook('shops', '{"x-signature": "$signature"}', '\\x$hex');\n);
}

sub shuffled
{
    my @list = @_;
    for my $i (reverse 1 .. $#list) { my $j = int rand($i + 1); @list[ $i, $j ] = @list[ $j, $i ]; }
    return @list;
}

srand 1;
my @lists = map { my $account = $_; map { [ $account, $_ ] } @streams } @accounts;
# The rows to begin with, all older than any change.
calls(@$_) for @lists;

# Each list stops after some pages: an answer is made and does not come. Meanwhile rows change, and calls tell so.
sub stop_lists
{
    my ($pages) = @_;
    $upstream->control('fault', { account => $_->[0], stream => $_->[1], kind => 'hang', skip => $pages, times => 1 }) for @lists;
}

stop_lists(0);
$upstream->create_account('shops', $_, credentials => { hook => 'key-of-the-app' }) for @accounts;

my (@held_back, $statuses);
for my $round (1 .. 8)
{
    $upstream->poll('all lists have stopped', sub { $upstream->stats->{faults} == $round * @lists })
        or BAIL_OUT('the lists do not stop');
    $upstream->control('mutate', { account => '*', stream => '*', count => 4, insert => 1 });
    # Every third call comes a round later than others, every fourth twice.
    my @now = shuffled((splice @held_back), map { calls(@$_) } @lists);
    @held_back = splice @now, 0, int(@now / 3) if $round < 8;
    push @now, @now[ grep { $_ % 4 == 0 } 0 .. $#now ];
    $statuses .= $upstream->sql(join '', shuffled(@now)) . "\n";
    stop_lists(6) if $round < 8;
    $upstream->control('release');
}
is(join(' ', sort keys %{ { map { ($_ => 1) } split /\s+/, $statuses } }), '200', "$event events were taken while the lists were read");

ok($upstream->recovers(120), 'all models get fresh');
is($upstream->differences, '', 'every target equals the upstream');
is($upstream->sql('SELECT count(*) FROM upstream.rejected_rows'), 0, 'and nothing was put aside');
is($upstream->sql(q(SELECT count(*) FROM upstream.sync_runs WHERE status NOT IN ('running', 'succeeded'))), 0, 'no run failed by them');
is($upstream->sql('SELECT count(*) FROM upstream.model_status WHERE cursor::timestamptz > (SELECT max(updated_at) FROM orders) AND stream = $$orders$$'), 0, 'no cursor is ahead of the rows');

# Afterwards a call alone brings a change.
$upstream->control('mutate', { account => 'shop2', stream => 'orders', count => 5, insert => 2 });
my $runs = $upstream->sql('SELECT count(*) FROM upstream.sync_runs');
is($upstream->sql(join '', calls('shop2', 'orders')), join("\n", (200) x 7), 'calls while nothing runs');
is($upstream->differences, '', 'bring what they tell');
is($upstream->sql('SELECT count(*) FROM upstream.sync_runs'), $runs, 'and no run');

done_testing();
