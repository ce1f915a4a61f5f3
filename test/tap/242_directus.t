# Directus: dates that are null at first, pages by offset, and a list of ids that finds what was deleted.
use strict;
use warnings;
use Dialect;
use Test::More;

my $directus = Dialect->new('directus',
    accounts => [qw(d1 d2)],
    setup => { articles => 450 },
    streams => [qw(articles article_ids)],
    tables => { articles => [ 'id bigint, title text, status text, views bigint, created timestamptz, updated timestamptz',
        'SELECT a.name, t.id, t.title, t.status, t.views, t.date_created, t.date_updated FROM directus_articles t JOIN upstream.accounts a USING (account_id)' ] });

is($directus->sync, '', 'the first sync succeeds');
is($directus->differences, '', 'and the table equals the oracle');
for my $change ([ 'new articles and edits', create => 5, edit => 6 ], [ 'deletes', delete => 7, edit => 2 ], [ 'all of it', create => 3, edit => 250, delete => 4 ])
{
    my ($what, %what) = @$change;
    $directus->mutate(%what);
    is($directus->sync, '', "an incremental sync after $what");
    is($directus->differences, '', 'equals the oracle');
}

done_testing();
