# The dialects of the simulator are like the APIs that they stand for: what their documentation and people in the field say, one by one.
use strict;
use warnings;
use HTTP::Tiny;
use JSON::PP;
use Upstream;
use Test::More;

my $upstream = bless { name => 'dialects', http => HTTP::Tiny->new(timeout => 60) }, 'Upstream';
$upstream->start_simulator;
my $json = JSON::PP->new->canonical;

# One request; the answer with its body decoded.
sub ask
{
    my ($method, $path, %options) = @_;
    my $answer = $upstream->{http}->request($method, "$upstream->{url}$path", { headers => $options{headers} // {}, (exists $options{content} ? (content => $options{content}) : ()) });
    $answer->{json} = eval { $json->decode($answer->{content}) };
    return $answer;
}
sub setup { my ($dialect, %options) = @_; $upstream->control('setup', { dialect => $dialect, seed => 1, %options }); }
sub form { my (%members) = @_; return $upstream->{http}->www_form_urlencode(\%members); }

subtest 'Fanvue' => sub {
    setup('fanvue', accounts => ['c1'], initial_access_valid => JSON::PP::true, transactions => 120, chats => 3, messages => 4, subscribers => 5);
    my $get = sub { my ($path, %headers) = @_; ask('GET', $path, headers => { authorization => 'Bearer at-c1-0', 'x-fanvue-api-version' => '2025-06-26', %headers }) };
    is($get->('/insights/earnings', 'x-fanvue-api-version' => '2020-01-01')->{status}, 400, 'an unknown version is refused');
    is($get->('/insights/earnings', authorization => 'Bearer nonsense')->{status}, 401, 'as is an unknown token');
    is($get->('/insights/earnings?size=51')->{status}, 400, 'pages have at most 50 rows');
    is(scalar(@{ $get->('/v1/insights/earnings')->{json}{data} }), 20, 'and 20 by default; the prefix /v1 makes no difference');
    my ($all, $cursor, $rounds) = ([], undef, 0);
    do
    {
        my $page = $get->('/insights/earnings?size=50' . ($cursor ? "&cursor=$cursor" : ''))->{json};
        push @$all, @{ $page->{data} };
        $cursor = $page->{nextCursor};
    } while ($cursor && ++$rounds < 10);
    is(scalar(@$all), 120, 'following nextCursor till it is null gives all rows');
    my @dates = map { $_->{date} } @$all;
    isnt(join(' ', @dates), join(' ', sort @dates), 'in no order by date');
    my $middle = (sort @dates)[60];
    my $before = $get->("/insights/earnings?size=50&endDate=$middle")->{json}{data};
    is(scalar(grep { $_->{date} ge $middle } @$before), 0, 'endDate is exclusive');
    my $from = $get->("/insights/earnings?size=50&startDate=$middle")->{json}{data};
    is(scalar(grep { $_->{date} lt $middle } @$from), 0, 'startDate bounds');
    cmp_ok(scalar(grep { $_->{date} eq $middle } @$from), '>', 0, 'and is inclusive');
    cmp_ok(scalar(grep { !exists $_->{transactionOrderId} } @$all), '>', 10, 'some rows have no id at all');
    my $chat = $get->('/chats')->{json};
    is($json->encode($chat->{pagination}), '{"hasMore":false,"page":1,"size":15}', 'chats have numbered pages of 15');
    my $path = "/chats/$chat->{data}[0]{user}{uuid}/messages";
    $get->("$path?markAsRead=false");
    is($upstream->stats->{marked_as_read}, 0, 'reading messages without marking them is possible');
    my $messages = $get->($path)->{json}{data};
    is($upstream->stats->{marked_as_read}, 1, 'but not the default');
    is(join(' ', map { $_->{sentAt} } @$messages), join(' ', reverse sort map { $_->{sentAt} } @$messages), 'newest first');
    my $refresh = sub { ask('POST', '/oauth2/token', headers => { 'content-type' => 'application/x-www-form-urlencoded' }, content => form(grant_type => 'refresh_token', refresh_token => $_[0], client_id => 'client', client_secret => 'secret')) };
    my $pair = $refresh->('rt-c1-0')->{json};
    isnt($pair->{refresh_token}, 'rt-c1-0', 'a refresh gives a new refresh token');
    is($refresh->('rt-c1-0')->{json}{error}, 'invalid_grant', 'the old one is dead');
    is($refresh->($pair->{refresh_token})->{json}{error}, 'invalid_grant', 'and its use kills the new one, too');
    setup('fanvue', accounts => ['c1'], initial_access_valid => JSON::PP::true);
    my ($asked, $refused) = (0);
    do { $refused = $get->('/subscribers') } until $refused->{status} == 429 || ++$asked == 400;
    cmp_ok($asked, '>=', 200, 'after 200 requests the bucket is empty');
    ok($refused->{headers}{'retry-after'} && $refused->{headers}{'x-ratelimit-reset'}, 'and says when to come again');
    setup('fanvue', accounts => ['c1'], initial_access_valid => JSON::PP::true, retired => JSON::PP::true);
    is($get->('/chats')->{json}{nextVersion}, '2026-06-26', 'a version that is dead says which is next');
};

subtest 'Messenger' => sub {
    my ($page, $other) = qw(110000000000001 110000000000002);
    setup('messenger', accounts => [ $page, $other ], conversations => 60, messages => 4, empty_every => 2, null_every => 0, limit => 0);
    my $get = sub { my ($path, $token) = @_; ask('GET', "/v22.0/$path", headers => { authorization => 'Bearer static-' . ($token // $page) }) };
    my $fields = 'fields=id,updated_time,participants,messages.limit(2)%7Bid,from%7D';
    my $first = $get->("$page/conversations?limit=25&$fields");
    like($first->{json}{data}[0]{updated_time}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000$/, 'times have an offset without colon');
    is(scalar(@{ $first->{json}{data}[0]{messages}{data} }), 2, 'inner lists are cut');
    ok($first->{json}{data}[0]{messages}{paging}{next}, 'and have pages of their own');
    like($first->{json}{paging}{next}, qr/access_token=static-/, 'the next URL holds the token');
    is($upstream->get('/_control/log?since=0') =~ /static-/, '', 'which no log shows');
    my ($path, @times, $empty, $last) = ("$page/conversations?limit=25&$fields");
    for (1 .. 20)
    {
        $last = $get->($path)->{json};
        $empty++ unless @{ $last->{data} };
        push @times, map { $_->{updated_time} } @{ $last->{data} };
        last unless $last->{paging}{next};
        $path = "$page/conversations?limit=25&$fields&after=$last->{paging}{cursors}{after}";
    }
    is(scalar(@times), 60, 'all conversations come');
    is(join(' ', @times), join(' ', reverse sort @times), 'newest first');
    ok($empty, 'an empty page was not the end');
    ok($last->{paging}{cursors}{after}, 'and the last page has a cursor, too');
    is(scalar(@{ $get->("$page/conversations?limit=100&since=2030-01-01")->{json}{data} }), 60, 'since does nothing');
    is($get->("$page/conversations?limit=101")->{json}{error}{code}, 100, 'pages have at most 100 rows');
    is($get->("$page/conversations", 'nobody')->{json}{error}{code}, 190, 'a token that is none is error 190');
    is($get->("$page/conversations", 'nobody')->{status}, 400, 'with a status that says little');
    my $batch = sub { my (@items) = @_; ask('POST', '/', headers => { 'content-type' => 'application/x-www-form-urlencoded' }, content => form(access_token => "static-$page", batch => $json->encode(\@items))) };
    my $own = { method => 'GET', relative_url => "v22.0/$other/conversations?limit=1", access_token => "static-$other" };
    my $answers = $batch->({ method => 'GET', relative_url => "v22.0/$page/conversations?limit=1" }, $own, { method => 'GET', relative_url => "v22.0/$page/nothing" })->{json};
    is(join(' ', map { $_->{code} } @$answers), '200 200 400', 'each request of a batch has its own answer');
    is(ref $json->decode($answers->[0]{body}), 'HASH', 'whose body is a string of JSON');
    is($batch->(($own) x 51)->{status}, 400, 'fifty are the most');
    setup('messenger', accounts => [ $page, $other ], null_every => 2);
    is(join(' ', map { defined $_ ? $_->{code} : 'null' } @{ $batch->($own, $own)->{json} }), '200 null', 'one that does not finish is null');
    setup('messenger', accounts => [ $page, $other ], quota => 20);
    my @codes = map { $get->("$page/conversations")->{json}{error}{code} // 0 } 1 .. 5;
    is($codes[-1], 613, 'more than two calls a second are error 613');
    is($get->("$other/conversations", $other)->{status}, 200, 'for that page alone');
    like($get->("$page/conversations")->{headers}{'x-business-use-case-usage'}, qr/"call_count":30/, 'usage is told in percent, refused calls included');
};

subtest 'ShipBob' => sub {
    setup('shipbob', accounts => [qw(acme parent)], parent => 'parent', orders => 60, limit => 0);
    my $call = sub { my ($method, $path, %more) = @_; ask($method, "/2026-01/$path", headers => { authorization => 'Bearer static-' . ($more{as} // 'acme') }, %more) };
    my $orders = $call->('GET', 'order?Limit=25&Page=3');
    is(ref $orders->{json}, 'ARRAY', 'orders are a bare array');
    is("$orders->{headers}{'page-number'} $orders->{headers}{'total-pages'} $orders->{headers}{'total-count'}", '3 3 60', 'and headers say where it ends');
    is($json->encode($call->('GET', 'order?Limit=251')->{json}), '{"Limit":["Limit must be between 1 and 250."]}', 'errors name the field');
    my $some = $call->('GET', 'order?Limit=1&LastUpdateStartDate=2030-01-01')->{json};
    is(scalar(@$some), 0, 'orders are filtered by their last update');
    my $query = sub { my ($path, $body) = @_; $call->('POST', "transactions:query$path", content => $json->encode($body), as => 'parent') };
    my $week = $query->('', {})->{json}{items};
    my $all = $query->('', { from_date => '2020-01-01', page_size => 10, sort_order => 'Ascending', start_date => '2030-01-01' })->{json};
    cmp_ok(scalar(@$week), '<', 40, 'without dates charges are those of a week');
    cmp_ok($week->[0]{charge_date}, 'ge', $week->[-1]{charge_date}, 'newest first');
    is(scalar(@{ $all->{items} }), 10, 'members that it does not know are ignored');
    my $next = $query->("?Cursor=$all->{next}", { from_date => '2030-01-01', page_size => 500 })->{json};
    is(scalar(@{ $next->{items} }), 10, 'with a cursor the body does not count');
    is($query->('', { page_size => 1001 })->{json}{title}, 'Bad Request', 'errors of billing are problem details');
    my $open = (split /\n/, $upstream->get('/_oracle/acme/open'))[0];
    my $shipment = sub { my ($order) = grep { grep { $_->{id} == $open } @{ $_->{shipments} } } @{ $call->('GET', 'order?Limit=250')->{json} }; (grep { $_->{id} == $open } @{ $order->{shipments} })[0] };
    my $before = $shipment->()->{last_update_at};
    $upstream->control('mutate', { deliver => 1000 });
    is($call->('GET', "shipment/$open/timeline")->{json}[-1]{log_type_id}, 609, 'a parcel arrives');
    is($shipment->()->{last_update_at}, $before, 'and its last update does not move');
    is($call->('GET', "shipments-tracking?ShipmentIds=$open,1")->{json}[0]{status}, 'Delivered', 'trackings come several at a time');
    is($call->('GET', 'shipments-tracking?ShipmentIds=' . join(',', 1 .. 26))->{status}, 400, 'up to 25');
    setup('shipbob', accounts => ['acme']);
    my @left = map { $call->('GET', 'product?PageSize=1')->{headers}{'x-remaining-calls'} } 1 .. 152;
    is("@left[0, 149, 151]", '149 0 0', 'there are 150 calls in a minute');
    my $refused = $call->('GET', 'product');
    like("$refused->{status} $refused->{headers}{'x-retry-after'} $refused->{json}{message}", qr/^429 \d+ Rate limit is exceeded/, 'then it says in headers of its own how long to wait');
};

subtest 'Stripe' => sub {
    setup('stripe', accounts => ['s'], subscriptions => 30, days => 60, limit => 0);
    my $get = sub { ask('GET', "/v1/$_[0]", headers => { authorization => 'Bearer static-s' }) };
    my $page = $get->('subscriptions?limit=20')->{json};
    ok($page->{has_more}, 'a list says whether there is more');
    my $rest = $get->("subscriptions?limit=20&starting_after=$page->{data}[-1]{id}")->{json};
    is(scalar(@{ $rest->{data} }), 10, 'and goes on behind an id');
    cmp_ok($page->{data}[0]{created}, '>=', $rest->{data}[-1]{created}, 'newest first');
    is($get->('subscriptions?starting_after=sub_none')->{json}{error}{code}, 'resource_missing', 'behind one that it knows');
    $upstream->control('mutate', { cancel => 4 });
    is(scalar(@{ $get->('subscriptions?limit=100')->{json}{data} }), 26, 'cancelled ones are left out');
    is(scalar(@{ $get->('subscriptions?limit=100&status=all')->{json}{data} }), 30, 'unless all are asked for');
    my $events = $get->('events?limit=100&type=customer.subscription.deleted')->{json}{data};
    is(scalar(@$events), 4, 'events tell of it');
    my $since = $page->{data}[9]{created};
    is(scalar(grep { $_->{created} < $since } @{ $get->("subscriptions?limit=100&created%5Bgte%5D=$since")->{json}{data} }), 0, 'created[gte] bounds');
    my $oldest = $get->('events?limit=100')->{json}{data}[-1]{created};
    cmp_ok($oldest, '>', time - 31 * 86400, 'events are kept for thirty days');
};

subtest 'GitHub' => sub {
    setup('github', accounts => ['repo'], issues => 70);
    my $get = sub { my ($path, %headers) = @_; ask('GET', $path, headers => { authorization => 'Bearer static-repo', %headers }) };
    my $first = $get->('/repos/acme/repo/issues?state=all&per_page=30&sort=updated&direction=asc');
    is(scalar(@{ $first->{json} }), 30, 'issues are a bare array');
    my ($next) = $first->{headers}{link} =~ /<([^>]*)>; rel="next"/;
    is(scalar(@{ ask('GET', substr($next, length $upstream->{url}), headers => { authorization => 'Bearer static-repo' })->{json} }), 30, 'the Link header leads to the next page');
    my $used = $first->{headers}{'x-ratelimit-used'};
    my $again = $get->('/repos/acme/repo/issues?state=all&per_page=30&sort=updated&direction=asc', 'if-none-match' => $first->{headers}{etag});
    is($again->{status}, 304, 'what has not changed is not sent again');
    is($get->('/repos/acme/repo')->{headers}{'x-ratelimit-used'}, $used + 2, 'and not charged');
    is($get->('/repos/acme/repo/issues?since=2030-01-01T00:00:00Z')->{content}, '[]', 'since bounds the last update');
    is($get->('/repos/acme/other/issues')->{status}, 404, 'what one may not see is not there');
    setup('github', accounts => ['repo'], limit => 2);
    $get->('/repos/acme/repo') for 1 .. 2;
    my $refused = $get->('/repos/acme/repo');
    is("$refused->{status} $refused->{headers}{'x-ratelimit-remaining'}", '403 0', 'the limit is a 403 with nothing remaining');
};

subtest 'Directus' => sub {
    setup('directus', accounts => ['p'], articles => 40);
    my $get = sub { ask('GET', "/items/articles?$_[0]", headers => { authorization => 'Bearer static-p' }) };
    my $page = $get->('limit=5&meta=filter_count&fields=id,date_updated')->{json};
    is($page->{meta}{filter_count}, 40, 'the number of matches comes along');
    is(join(' ', sort keys %{ $page->{data}[0] }), 'date_updated id', 'fields are chosen');
    is(scalar(grep { !defined $_->{date_updated} } @{ $get->('limit=-1')->{json}{data} }), 30, 'most articles were never updated');
    my $since = '2020-01-01T00:00:00Z';
    is($get->("meta=filter_count&limit=1&filter%5Bdate_updated%5D%5B_gte%5D=$since")->{json}{meta}{filter_count}, 10, 'a comparison with null is never true');
    my $both = form(filter => $json->encode({ _or => [ { date_updated => { _gte => $since } }, { date_created => { _gte => $since } } ] }));
    is($get->("meta=filter_count&limit=1&$both")->{json}{meta}{filter_count}, 40, 'rules combine');
    is($get->(form(filter => '{"nothing": {"_eq": 1}}'))->{json}{errors}[0]{extensions}{code}, 'INVALID_QUERY', 'fields that are none are refused');
};

subtest 'Shopify' => sub {
    setup('shopify', accounts => ['shoes'], orders => 120);
    my $get = sub { ask('GET', "/admin/api/2026-01/$_[0]", headers => { 'x-shopify-access-token' => 'static-shoes' }) };
    my $first = $get->('orders.json?status=any&order=updated_at+asc&limit=50');
    my ($next) = $first->{headers}{link} =~ m{/admin/api/2026-01/([^>]*)>; rel="next"};
    is(scalar(@{ $get->($next)->{json}{orders} }), 50, 'the Link header leads to the next page');
    like($json->encode($get->("$next&status=any")->{json}), qr/status cannot be passed when page_info is present/, 'with which no filter may come');
    is($first->{headers}{'x-shopify-shop-api-call-limit'}, '1/40', 'what is used of the bucket stands in a header');
    $upstream->control('mutate', { delete => 3 });
    is(scalar(@{ $get->('events.json?filter=Order&verb=destroy')->{json}{events} }), 3, 'deletions are events');
    my ($asked, $refused) = (0);
    do { $refused = $get->('events.json?limit=1') } until $refused->{status} == 429 || ++$asked == 100;
    is("$refused->{status} $refused->{headers}{'retry-after'}", '429 2.0', 'a full bucket refuses, with a fraction of seconds to wait');
};

done_testing();
