// What the HTTP client does when time runs out, in every phase of a request.
#include "unit/http_server.hpp"

namespace upstream::http {
namespace {

void part_of_an_answer(Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
    peer.wait_for_close();
}

TEST(HttpClient, TimesOutBeforeTheFirstByte) {
    Server server(silence);
    core::Request request = get(server.url("/?key=sesame"));
    request.total_timeout = milliseconds(100);
    const auto result = fetch(request);
    expect_error(result, Code::net_timeout, "request to " + server.authority() + " timed out after 0.1");
    expect_error(result, Code::net_timeout, "while waiting for the first byte");
}

TEST(HttpClient, TimesOutByItsOwnLimitOfTheFirstByte) {
    Server server(silence);
    core::Request request = get(server.url("/?key=sesame"));
    request.first_byte_timeout = milliseconds(100);
    request.total_timeout = std::chrono::seconds(60);
    const auto result = fetch(request);
    expect_error(result, Code::net_timeout, "request to " + server.authority() + " timed out after 0.1");
    expect_error(result, Code::net_timeout, "while waiting for the first byte");
}

TEST(HttpClient, DoesNotSendWhatIsLate) {
    std::atomic<bool> asked = false;
    Server server([&](Peer& peer) { asked = !peer.read_request().empty(); });
    core::Request request = get(server.url("/?key=sesame"));
    request.send_by = std::chrono::duration_cast<core::Uptime>(std::chrono::steady_clock::now().time_since_epoch());
    Client client(local());
    client.start(request);
    const Finished finished = std::move(drive(client, 1).front());
    EXPECT_TRUE(finished.late);
    expect_error(finished.result, Code::net_timeout, "request to " + server.authority() + " was not sent: its time had passed");
    EXPECT_FALSE(asked);
}

TEST(HttpClient, AFirstByteInTimeEndsThatLimit) {
    Server server(part_of_an_answer);
    core::Request request = get(server.url());
    request.first_byte_timeout = milliseconds(500);
    request.total_timeout = milliseconds(800);
    expect_error(fetch(request), Code::net_timeout, "while waiting for the rest of the answer");
}

TEST(HttpClient, TimesOutInTheBody) {
    Server server(part_of_an_answer);
    core::Request request = get(server.url());
    request.total_timeout = milliseconds(400);
    expect_error(fetch(request), Code::net_timeout, "while waiting for the rest of the answer");
}

TEST(HttpClient, TimesOutInTheTlsHandshake) {
    Server server(silence);
    core::Request request = get("https://" + server.authority() + "/");
    request.connect_timeout = milliseconds(400);
    expect_error(fetch(request), Code::net_timeout, "while waiting for the TLS handshake");
}

TEST(HttpClient, TimesOutInTheNameLookupWithoutWaitingForIt) {
    {
        Client client(local());
        core::Request request = get("http://hang.test/");
        request.total_timeout = milliseconds(400);
        expect_error(fetch(client, request), Code::net_timeout, "while waiting for the name lookup");
    }
    // The client is gone while the lookup still hangs in its thread.
    std::unique_lock lock(g_lookup_mutex);
    EXPECT_EQ(g_lookups_hanging, 1);
    g_lookups_released = true;
    g_lookup_changed.notify_all();
    g_lookup_changed.wait(lock, [] { return g_lookups_hanging == 0; });
    g_lookups_released = false;
}

TEST(HttpClient, TimesOutWhileItWaitsForAConnection) {
    Server server(silence);
    Options options = local();
    options.max_connections_per_host = 1;
    Client client(options);
    client.start(get(server.url()));
    core::Request request = get(server.url());
    request.total_timeout = milliseconds(100);
    const TransferId second = client.start(request);
    const auto finished = drive(client, 1);
    EXPECT_EQ(finished.front().id, second);
    expect_error(finished.front().result, Code::net_timeout, "while waiting for a free connection");
}

TEST(HttpClient, TimesOutInTheConnection) {
    // A full queue of connections that nobody accepts: the kernel ignores further ones.
    const Socket listener(socket(AF_INET, SOCK_STREAM, 0));
    const int port = bind_loopback(listener.fd());
    ASSERT_EQ(listen(listener.fd(), 0), 0);
    const sockaddr_in address = loopback(port);
    std::vector<std::unique_ptr<Socket>> fillers;
    for (int i = 0; i < 4; ++i) {
        fillers.push_back(std::make_unique<Socket>(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)));
        static_cast<void>(connect(fillers.back()->fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
    }
    for (const char* scheme : {"http", "https"}) {
        core::Request request = get(std::string(scheme) + "://127.0.0.1:" + std::to_string(port) + "/");
        request.connect_timeout = milliseconds(100);
        expect_error(fetch(request), Code::net_timeout, "while waiting for the connection");
    }
}

}  // namespace
}  // namespace upstream::http
