# An upstream that is signed in to in every way but the simulator's: by grants without a person, by a session, by a token that the client signs itself. It
# checks what it is shown by itself, knows which tokens it gave, and tells what it was asked.
package SignIn;

use strict;
use warnings;
use Digest::SHA qw(hmac_sha256);
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64 qw(decode_base64 decode_base64url);

my $json = JSON::PP->new->canonical;

sub new
{
    my ($class) = @_;
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64, ReuseAddr => 1) or die "listen: $!";
    my $self = bless { http => HTTP::Tiny->new(timeout => 20), url => 'http://127.0.0.1:' . $listener->sockport }, $class;
    my $pid = fork() // die "fork: $!";
    if ($pid == 0)
    {
        open STDOUT, '>', '/dev/null';
        $SIG{TERM} = sub { require POSIX; POSIX::_exit(0) };
        serve($listener, $self->{url});
    }
    $self->{pid} = $pid;
    return $self;
}

sub DESTROY { my ($self) = @_; local $?; if (my $pid = delete $self->{pid}) { kill 'TERM', $pid; waitpid $pid, 0; } }

sub url { $_[0]{url} }

# The requests since the last call of this, each { method, path, headers, body, status }.
sub log { my ($self) = @_; return @{ $json->decode($self->{http}->get("$self->{url}/_log")->{content}) }; }

# Every token and session that was given ends now.
sub revoke { my ($self) = @_; $self->{http}->get("$self->{url}/_revoke"); }

# ---- the server's process

my (%given, @log, $number);

sub serve
{
    my ($listener, $url) = @_;
    while (1)
    {
        my $client = $listener->accept or next;
        my $request = read_request($client) or next;
        my ($status, $answer) = answer($request, $url);
        push @log, { %$request, status => $status } unless $request->{path} =~ m{^/_};
        my $body = $json->encode($answer);
        print $client "HTTP/1.1 $status x\r\nContent-Type: application/json\r\nContent-Length: " . length($body) . "\r\nConnection: close\r\n\r\n$body";
        close $client;
    }
}

sub read_request
{
    my ($client) = @_;
    my $line = <$client> // return;
    my ($method, $target) = $line =~ m{^(\S+) (\S+) HTTP} or return;
    my %headers;
    while (defined(my $header = <$client>))
    {
        last if $header =~ /^\r?\n$/;
        $headers{ lc $1 } = $2 if $header =~ /^([^:]+):\s*(.*?)\r?\n$/;
    }
    my $body = '';
    read $client, $body, $headers{'content-length'} if $headers{'content-length'};
    my ($path, $query) = split /\?/, $target, 2;
    return { method => $method, path => $path, query => fields($query // ''), headers => \%headers, body => $body };
}

sub fields { return { map { my ($name, $value) = map { s/\+/ /gr =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger } split /=/, $_, 2; ($name => $value) } split /&/, $_[0] }; }

sub answer
{
    my ($request, $url) = @_;
    my $path = $request->{path};
    if ($path eq '/_log') { my @all = splice @log; return (200, \@all); }
    if ($path eq '/_revoke') { %given = (); return (200, {}); }
    return token($request, $url) if $path eq '/token';
    return session($request) if $path eq '/session';
    my ($where, $way, $stream) = $path =~ m{^(/instance)?/data/(\w+)/(\w+)$} or return (404, { error => 'no such path' });
    my $who = holder($request, $way, $url) or return (401, { error => 'not signed in' });
    return (200, { data => [ map { { id => "$stream-$_", who => $who, instance => $where // '', owner => $request->{query}{owner} } } 1 .. 3 ] });
}

# Whose data a request may have.
sub holder
{
    my ($request, $way, $url) = @_;
    my ($bearer) = ($request->{headers}{authorization} // '') =~ /^Bearer (.+)$/;
    my ($cookie) = ($request->{headers}{cookie} // '') =~ /^session=(\S+)$/;
    return $given{ $request->{headers}{'x-shop-token'} // '' } if $way eq 'header';
    return $given{ $cookie // '' } if $way eq 'cookie';
    return $given{ $bearer // '' } if $way eq 'bearer';
    if ($way eq 'signed') { my $claims = claims($bearer // '', 'the key of shop1', "$url/data"); return $claims && $claims->{iss}; }
    return ($request->{headers}{'x-key'} // '') eq 'the-key' ? 'the key' : undef if $way eq 'key';
    return;
}

sub give
{
    my ($who) = @_;
    $number++;
    $given{"token-$number"} = $who;
    return "token-$number";
}

sub token
{
    my ($request, $url) = @_;
    my $is_json = ($request->{headers}{'content-type'} // '') =~ /json/;
    my $form = $is_json ? $json->decode($request->{body}) : fields($request->{body});
    my ($basic) = ($request->{headers}{authorization} // '') =~ /^Basic (.+)$/;
    my ($id, $secret) = $basic ? split /:/, decode_base64($basic), 2 : @$form{qw(client_id client_secret)};
    my $grant = $form->{grant_type} // '';
    if ($grant eq 'urn:ietf:params:oauth:grant-type:jwt-bearer')
    {
        my $claims = claims($form->{assertion} // '', 'the key of shop1', "$url/token") or return (400, { error => 'invalid_grant' });
        return (200, { access_token => give("$claims->{iss} by assertion"), token_type => 'Bearer', expires_in => 3600 });
    }
    return (401, { error => 'invalid_client' }) unless ($id // '') eq 'client' && ($secret // '') eq 'secret';
    return (200, { data => { token => give("client for $form->{audience}"), until => time + 3600 } }) if $grant eq 'client_credentials';
    my $user = $grant eq 'password' && ($form->{password} // '') eq 'pw-of-' . ($form->{username} // '') ? $form->{username}
        : $grant eq 'refresh_token' && ($form->{refresh_token} // '') =~ /^refresh-(\w+)$/ ? $1 : undef;
    return (400, { error => 'invalid_grant' }) unless defined $user;
    return (200, { access_token => give($user), refresh_token => "refresh-$user", expires_in => 3600, instance_url => "$url/instance" });
}

sub session
{
    my ($request) = @_;
    my $form = fields($request->{body});
    return (403, { error => 'no such app' }) unless ($request->{headers}{'x-app'} // '') eq 'app-key';
    return (401, { error => 'wrong password' }) unless ($form->{password} // '') eq 'pw-of-' . ($form->{user} // '');
    return (200, { session => { id => give($form->{user}), ttl => 3600, user => "owner-of-$form->{user}" } });
}

# The claims of a token in the HS256 form, if it was signed with the key, is for us, and is valid now.
sub claims
{
    my ($token, $key, $audience) = @_;
    my ($head, $body, $signature) = $token =~ /^([\w-]+)\.([\w-]+)\.([\w-]+)$/ or return;
    my $header = $json->decode(decode_base64url($head));
    return unless $header->{alg} eq 'HS256' && hmac_sha256("$head.$body", $key) eq decode_base64url($signature);
    my $claims = $json->decode(decode_base64url($body));
    my $now = time;
    return $claims->{aud} eq $audience && $claims->{iat} <= $now + 1 && $claims->{exp} > $now ? $claims : undef;
}

1;
