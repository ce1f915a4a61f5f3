// The HTTP client against a server in this process, on loopback.
#include "unit/http_server.hpp"

#include <latch>
#include <set>

#include <zlib.h>

#include "http/global.hpp"

namespace upstream::http {
namespace {

std::string gzip(const std::string& text) {
    z_stream stream{};
    if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::runtime_error("zlib");
    std::string result(deflateBound(&stream, text.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(result.data());
    stream.avail_out = static_cast<uInt>(result.size());
    const int code = deflate(&stream, Z_FINISH);
    result.resize(stream.total_out);
    deflateEnd(&stream);
    if (code != Z_STREAM_END) throw std::runtime_error("zlib");
    return result;
}

TEST(HttpClient, GetsWithHeaders) {
    Server server(echo);
    core::Request request = get(server.url("/items?page=2"));
    request.headers = {{"X-One", "1"}, {"X-Empty", ""}, {"X-Blank", " \t"}, {"Accept", "application/json"}};
    const auto result = fetch(request);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, 200);
    EXPECT_TRUE(result->body.starts_with("GET /items?page=2 HTTP/1.1\r\n"));
    for (const char* header : {"\r\nX-One: 1\r\n", "\r\nX-Empty:\r\n", "\r\nX-Blank:\r\n", "\r\nAccept: application/json\r\n",
                               "\r\nUser-Agent: pg_upstream\r\n"})
        EXPECT_NE(result->body.find(header), std::string::npos) << header << result->body;
    EXPECT_NE(result->body.find("gzip"), std::string::npos);
    EXPECT_EQ(result->wire_bytes, result->body.size());
}

TEST(HttpClient, ReadsHeadersOfTheFinalAnswerOnly) {
    Server server(
        once("HTTP/1.1 100 Continue\r\nX-Leak: a\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"
             "HTTP/1.1 201 Created\r\nLink: <a>\r\nlink:  <b> \r\nX-Folded: a\r\n  b\r\nTransfer-Encoding: chunked\r\n\r\n"
             "2\r\nhi\r\n0\r\nX-Trailer: t\r\n\r\n"));
    const auto result = fetch(get(server.url()));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, 201);
    EXPECT_EQ(result->body, "hi");
    EXPECT_EQ(result->all_headers("LINK"), (std::vector<std::string>{"<a>", "<b>"}));
    EXPECT_EQ(result->header("Link"), "<a>");
    EXPECT_EQ(result->header("x-folded"), "a b");
    EXPECT_FALSE(result->header("X-Leak"));
    EXPECT_FALSE(result->header("X-Trailer"));
}

TEST(HttpClient, PostsABodyByItsSize) {
    Server server(echo);
    core::Request request = get(server.url());
    request.method = "POST";
    request.body = std::string("a\0b", 3) + std::string(2 * 1024 * 1024, 'x');
    const auto result = fetch(request);
    ASSERT_TRUE(result);
    EXPECT_TRUE(result->body.starts_with("POST / HTTP/1.1\r\n"));
    EXPECT_TRUE(result->body.ends_with("\r\n\r\n" + *request.body));
    EXPECT_EQ(result->body.find("Expect:"), std::string::npos);
    EXPECT_EQ(result->body.find("Content-Type:"), std::string::npos);
}

TEST(HttpClient, SendsOtherMethods) {
    Server server(echo);
    Client client(local());
    const auto starts = [&](const char* method, std::optional<std::string> body, const std::string& line) {
        core::Request request = get(server.url());
        request.method = method;
        request.body = std::move(body);
        const auto result = fetch(client, request);
        ASSERT_TRUE(result);
        EXPECT_TRUE(result->body.starts_with(line)) << result->body;
        EXPECT_TRUE(result->body.ends_with("\r\n\r\n" + request.body.value_or("")));
    };
    starts("POST", std::nullopt, "POST / ");
    starts("PATCH", "{}", "PATCH / ");
    starts("GET", "{}", "GET / ");
    starts("DELETE", std::nullopt, "DELETE / ");
    starts("GET", std::nullopt, "GET / ");  // nothing is left over from the handle's earlier uses
    EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, HeadHasNoBody) {
    Server server(always("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
    core::Request request = get(server.url());
    request.method = "HEAD";
    const auto result = fetch(request);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->header("content-length"), "5");
}

TEST(HttpClient, SendsBasicCredentials) {
    Server server(echo);
    core::Request request = get(server.url());
    request.basic = {"user", "pass:word"};
    const auto result = fetch(request);
    ASSERT_TRUE(result);
    EXPECT_NE(result->body.find("Authorization: Basic dXNlcjpwYXNzOndvcmQ=\r\n"), std::string::npos) << result->body;
    request.basic = {"", "k"};
    const auto no_user = fetch(request);
    ASSERT_TRUE(no_user);
    EXPECT_NE(no_user->body.find("Authorization: Basic Oms=\r\n"), std::string::npos) << no_user->body;
}

TEST(HttpClient, DecodesGzip) {
    const std::string text(100000, 'a');
    const std::string packed = gzip(text);
    Server server(always(answer(packed, "Content-Encoding: gzip\r\n")));
    const auto result = fetch(get(server.url()));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->body, text);
    EXPECT_EQ(result->wire_bytes, packed.size());
}

TEST(HttpClient, ReportsBrokenGzip) {
    Server server(always(answer("this is not gzip", "Content-Encoding: gzip\r\n")));
    expect_error(fetch(get(server.url())), Code::decode, "answer of " + server.authority() + " could not be decompressed");
}

TEST(HttpClient, CapsTheBody) {
    Server server(always(answer(std::string(1001, 'a'))));
    Options options = local();
    options.max_body = 1000;
    expect_error(fetch(get(server.url()), options), Code::too_large, "answer is larger than 1000 bytes");
    options.max_body = 1001;
    EXPECT_TRUE(fetch(get(server.url()), options));
}

TEST(HttpClient, CapsTheDecodedBody) {
    const std::string bomb = gzip(std::string(64 * 1024 * 1024, '\0'));
    ASSERT_LT(bomb.size(), 100000U);
    Server server(once(answer(bomb, "Content-Encoding: gzip\r\n")));
    Options options = local();
    options.max_body = 1024 * 1024;
    expect_error(fetch(get(server.url()), options), Code::too_large, "answer is larger than 1048576 bytes");
}

TEST(HttpClient, CapsTheHeaders) {
    std::string headers;
    for (int i = 0; i < 1000; ++i) headers += "X-Many: 1234567890\r\n";
    Server many(once(answer("", headers)));
    Options options = local();
    options.max_header = 10000;
    expect_error(fetch(get(many.url()), options), Code::too_large, "answer's headers are larger than 10000 bytes");
    Server one(once(answer("", "X-Long: " + std::string(400000, 'a') + "\r\n")));
    expect_error(fetch(get(one.url())), Code::too_large, "answer's headers are larger than 102400 bytes");
}

TEST(HttpClient, ReportsATruncatedBody) {
    Server server(once("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789"));
    expect_error(fetch(get(server.url("/?key=sesame"))), Code::net_partial, "answer of " + server.authority() + " broke off");
    Server chunked(once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n0123456789"));
    expect_error(fetch(get(chunked.url())), Code::net_partial, "broke off");
}

TEST(HttpClient, ReportsAReset) {
    Server server([](Peer& peer) {
        peer.read_request();
        peer.reset_on_close();
    });
    expect_error(fetch(get(server.url())), Code::net_partial, "broke off");
}

TEST(HttpClient, ReportsAnEmptyAnswer) {
    Server server([](Peer& peer) { peer.read_request(); });
    expect_error(fetch(get(server.url())), Code::net_partial, "broke off");
}

TEST(HttpClient, ReportsWhatIsNotHttp) {
    Server server(once("hello\r\n"));
    expect_error(fetch(get(server.url())), Code::net_partial, "broke off");
}

TEST(HttpClient, ReportsARefusedPort) {
    const Socket unused(socket(AF_INET, SOCK_STREAM, 0));
    const std::string authority = "127.0.0.1:" + std::to_string(bind_loopback(unused.fd()));  // bound, but nobody listens
    expect_error(fetch(get("http://" + authority + "/?key=sesame")), Code::net_connect, "could not connect to " + authority);
}

TEST(HttpClient, ReportsTlsToAPlainServer) {
    Server server([](Peer& peer) {
        peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
        peer.wait_for_close();
    });
    expect_error(fetch(get("https://" + server.authority() + "/")), Code::net_tls,
                 "could not set up a trusted connection to " + server.authority());
}

TEST(HttpClient, ReportsAnUnknownName) {
    expect_error(fetch(get("http://unknown.test/sesame")), Code::net_dns, "could not find the address of unknown.test:80");
}

TEST(HttpClient, RefusesMalformedRequests) {
    std::atomic<int> requests = 0;
    Server server([&](Peer& peer) {
        while (!peer.read_request().empty()) ++requests;
    });
    const auto refused = [&](const std::function<void(core::Request&)>& change, const std::string& message) {
        core::Request request = get(server.url());
        change(request);
        expect_error(fetch(request), Code::invalid_spec, message);
    };
    for (const std::string& value : {std::string("sesame\r\nX-Evil: 1"), std::string("sesame\n"), std::string("sesame\r"),
                                     std::string("sesame\0", 7), std::string("sesame\x01"), std::string("sesame\x7f")})
        refused(
            [&](core::Request& r) {
                r.headers = {{"X-Key", value}};
            },
            "value of header \"X-Key\" contains a control character");
    for (const char* name : {"", "X Y", "X:Y", "X\r\nY", "X\n", "X;", "\xc3\xa4"})
        refused([&](core::Request& r) { r.headers = {{name, "sesame"}}; }, "header has an invalid name");
    for (const char* name : {"Host", "content-length", "Transfer-Encoding", "Connection"})
        refused([&](core::Request& r) { r.headers = {{name, "sesame"}}; }, "cannot be set");
    for (const char* method : {"", "GET /", "GET\r\n", "G\tT"})
        refused([&](core::Request& r) { r.method = method; }, "request method is not valid");
    refused([](core::Request& r) { r.method = "HEAD", r.body = ""; }, "a HEAD request cannot have a body");
    refused([](core::Request& r) { r.basic = {"sesame:", "x"}; }, "user name");
    refused([](core::Request& r) { r.basic = {"x", "sesame\n"}; }, "password");
    refused([](core::Request& r) { r.url += "\r\nX-Evil: sesame"; }, "URL contains a control character");
    refused([](core::Request& r) { r.url += std::string("\0sesame", 7); }, "URL contains a control character");
    refused([&](core::Request& r) { r.url = "http://user:sesame@" + server.authority(); }, "URL contains a user name or password");
    refused([](core::Request& r) { r.url = "file:///etc/sesame"; }, "URL");
    EXPECT_EQ(requests, 0);
    EXPECT_EQ(server.connections(), 0);
}

TEST(HttpClient, DoesNotFollowRedirects) {
    Server target(always(answer("")));
    Server server(always(answer("moved", "Location: " + target.url() + "\r\n", "302 Found")));
    const auto result = fetch(get(server.url()));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, 302);
    EXPECT_EQ(result->body, "moved");
    EXPECT_EQ(result->header("location"), target.url());
    EXPECT_EQ(target.connections(), 0);
}

TEST(HttpClient, RefusesAddressesThatAreNotGlobal) {
    Server server(always(answer("")));
    Options options = local();
    options.egress.allow_private = false;
    const std::string port = std::to_string(server.port());
    for (const char* host : {"127.0.0.1", "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "127%2e0.0.1", "0.0.0.0", "localhost",
                             "loopback.test", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[fe80::1%251]"}) {
        SCOPED_TRACE(host);
        const auto result = fetch(get("http://" + std::string(host) + ":" + port + "/?key=sesame"), options);
        expect_error(result, Code::net_connect, "is not allowed");
        EXPECT_NE(result.error().hint.find("upstream.allow_private_addresses"), std::string::npos);
    }
    expect_error(fetch(get("http://loopback.test:" + port + "/"), options), Code::net_connect,
                 "address 127.0.0.1 of host loopback.test is not allowed");
    EXPECT_EQ(server.connections(), 0);
}

TEST(HttpClient, RefusesPlainHttpAndOtherHosts) {
    Server server(always(answer("")));
    Options options = local();
    options.egress.allow_http = false;
    expect_error(fetch(get(server.url()), options), Code::invalid_spec, "plain http to " + server.authority() + " is not allowed");
    options.egress.allow_http = true;
    options.egress.allowed_hosts = {"api.x.com"};
    expect_error(fetch(get(server.url()), options), Code::invalid_spec, "host 127.0.0.1 is not allowed");
    options.egress.allowed_hosts = {"127.0.0.1"};
    EXPECT_TRUE(fetch(get(server.url()), options));
    EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, ReusesConnections) {
    Server server(always(answer("x")));
    Client client(local());
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(fetch(client, get(server.url())));
    EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, KeepsConnectionsThatAreNotNeededForAWhile) {
    constexpr int kAtOnce = 12;
    std::latch first(kAtOnce), second(kAtOnce);  // requests that need a connection each
    Server server([&](Peer& peer) {
        for (std::string request; !(request = peer.read_request()).empty(); peer.send(answer("x"))) {
            if (request.starts_with("GET /first")) first.arrive_and_wait();
            if (request.starts_with("GET /second")) second.arrive_and_wait();
        }
    });
    Options options = local();
    options.max_connections_per_host = kAtOnce;
    Client client(options);
    for (int i = 0; i < kAtOnce; ++i) client.start(get(server.url("/first")));
    drive(client, kAtOnce);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(fetch(client, get(server.url("/alone"))));
    for (int i = 0; i < kAtOnce; ++i) client.start(get(server.url("/second")));
    drive(client, kAtOnce);
    EXPECT_EQ(server.connections(), kAtOnce);
}

TEST(HttpClient, FinishesManyTransfersOverFewConnections) {
    Server server(echo);
    Client client(local());
    std::set<TransferId> started;
    for (int i = 0; i < 200; ++i) started.insert(client.start(get(server.url("/" + std::to_string(i)))));
    EXPECT_EQ(client.in_flight(), 200U);
    std::set<TransferId> ended;
    for (const Finished& finished : drive(client, 200)) {
        EXPECT_TRUE(finished.result);
        ended.insert(finished.id);
    }
    EXPECT_EQ(ended, started);
    EXPECT_EQ(client.in_flight(), 0U);
    EXPECT_LE(server.connections(), 16);
}

TEST(HttpClient, CancelsATransfer) {
    Server hanging(silence);
    Server server(always(answer("x")));
    Client client(local());
    const TransferId cancelled = client.start(get(hanging.url()));
    while (hanging.connections() == 0) turn(client);
    const TransferId kept = client.start(get(server.url()));
    client.cancel(cancelled);
    client.cancel(cancelled);
    client.cancel(12345);
    const auto finished = drive(client, 1);
    EXPECT_EQ(finished.front().id, kept);
    EXPECT_EQ(client.in_flight(), 0U);

    client.cancel(client.start(get("http://user@x/")));  // ended already, but not taken yet
    EXPECT_TRUE(client.take_finished().empty());
    client.cancel(client.start(get(server.url())));  // not begun yet
    EXPECT_TRUE(client.take_finished().empty());
}

TEST(HttpClient, CancellingGivesTheConnectionToTheNext) {
    Server hanging(silence);
    Options options = local();
    options.max_connections_per_host = 1;
    Client client(options);
    const TransferId first = client.start(get(hanging.url()));
    while (hanging.connections() == 0) turn(client);
    const TransferId second = client.start(get(hanging.url()));
    client.start(get(hanging.url()));
    turn(client);  // both wait for the connection now
    client.cancel(first);
    client.cancel(second);
    while (hanging.connections() < 2) turn(client);
    EXPECT_EQ(client.in_flight(), 1U);
}

TEST(HttpClient, EndsWithTransfersInFlight) {
    std::atomic<int> requests = 0;
    Server server([&](Peer& peer) {
        if (!peer.read_request().empty()) ++requests;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
        peer.wait_for_close();
    });
    Client client(local());
    for (int i = 0; i < 20; ++i) client.start(get(server.url()));
    client.start(get("http://loopback.test:" + std::to_string(server.port()) + "/"));
    while (requests < 5) turn(client);
    EXPECT_EQ(client.in_flight(), 21U);
}

TEST(HttpClient, OutlivesAnIdleConnectionThatTheServerCloses) {
    Server server(once(answer("x")));
    Client client(local());
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(fetch(client, get(server.url())));
    EXPECT_EQ(server.connections(), 5);
}

TEST(HttpClient, ResolvesWithAllSignalsBlocked) {
    Server server(always(answer("x")));
    ASSERT_TRUE(fetch(get("http://loopback.test:" + std::to_string(server.port()) + "/")));
    EXPECT_FALSE(g_lookup_had_signals);
}

TEST(SignalMask, RestoresTheMask) {
    const auto blocked = [](int signal) {
        sigset_t set;
        pthread_sigmask(SIG_SETMASK, nullptr, &set);
        return sigismember(&set, signal) == 1;
    };
    ASSERT_FALSE(blocked(SIGTERM));
    {
        const SignalMask outer;
        EXPECT_TRUE(blocked(SIGTERM));
        { const SignalMask inner; }
        EXPECT_TRUE(blocked(SIGTERM));
    }
    EXPECT_FALSE(blocked(SIGTERM));
}

}  // namespace
}  // namespace upstream::http
