# GitHub: issues by their last update, behind Link headers; what has not changed costs nothing.
use strict;
use warnings;
use Dialect;
use Test::More;

my $github = Dialect->new('github',
    accounts => [qw(core docs)],
    setup => { issues => 250 },
    streams => ['issues'],
    tables => { issues => [ 'id bigint, number integer, title text, state text, comments integer, pull boolean, updated timestamptz',
        'SELECT a.name, t.id, t.number, t.title, t.state, t.comments, t.pull_request IS NOT NULL, t.updated_at FROM github_issues t JOIN upstream.accounts a USING (account_id)' ] });

is($github->sync, '', 'the first sync succeeds');
is($github->differences, '', 'and the table equals the oracle');
sub changes
{
    my ($what, %what) = @_;
    $github->mutate(%what);
    is($github->sync, '', "an incremental sync after $what");
    is($github->differences, '', 'equals the oracle');
}
changes('new issues and edits', open => 4, edit => 7);
changes('closed ones', close => 6);
# The overlap is read again each time; while it is one page, its ETag tells that nothing has changed.
is($github->sync, '', 'with nothing new');
is($github->sync, '', 'and again');
cmp_ok($github->stats->{not_modified}, '>=', 2, 'the upstream says so, and charges nothing');
changes('more than a page', edit => 130, open => 3);
$github->keeps_budget(5000, 'GitHub');
is($github->refusals, '', 'check_account() says that the credentials are good');

done_testing();
