// Which URLs, hosts and addresses a request may go to.
#include "http/egress.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace upstream::http {
namespace {

bool is_global_text(const char* text) {
    sockaddr_in v4{};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        return is_global(reinterpret_cast<const sockaddr*>(&v4));
    }
    sockaddr_in6 v6{};
    EXPECT_EQ(inet_pton(AF_INET6, text, &v6.sin6_addr), 1) << text;
    v6.sin6_family = AF_INET6;
    return is_global(reinterpret_cast<const sockaddr*>(&v6));
}

class SpecialAddress : public testing::TestWithParam<const char*> {};
TEST_P(SpecialAddress, IsNotGlobal) {
    EXPECT_FALSE(is_global_text(GetParam()));
}
INSTANTIATE_TEST_SUITE_P(V4, SpecialAddress,
                         testing::Values("0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
                                         "127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.169.254", "172.16.0.0",
                                         "172.31.255.255", "192.0.0.0", "192.0.0.255", "192.0.2.1", "192.88.99.1", "192.168.0.0",
                                         "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.1", "203.0.113.255",
                                         "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255"));
INSTANTIATE_TEST_SUITE_P(V6, SpecialAddress,
                         testing::Values("::", "::1", "::2", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::8.8.8.8",
                                         "64:ff9b:1::1", "100::1", "1fff:ffff::1", "2001::1",
                                         "2001:0:4136:e378::", "2001:1ff:ffff::1", "2001:db8::1", "2002:0808:0808::1", "3fff::1",
                                         "3fff:fff::1", "4000::1", "5f00::1", "fc00::1", "fdff::1", "fe80::1", "febf::1", "fec0::1",
                                         "ff02::1", "ffff::1"));

class GlobalAddress : public testing::TestWithParam<const char*> {};
TEST_P(GlobalAddress, IsGlobal) {
    EXPECT_TRUE(is_global_text(GetParam()));
}
// The neighbours of every range above.
INSTANTIATE_TEST_SUITE_P(V4, GlobalAddress,
                         testing::Values("1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
                                         "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
                                         "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.88.98.255", "192.88.100.0",
                                         "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255",
                                         "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255", "8.8.8.8"));
INSTANTIATE_TEST_SUITE_P(V6, GlobalAddress,
                         testing::Values("2000::", "2000:ffff::1", "2001:200::", "2001:db7:ffff::1", "2001:db9::", "2001:ffff::1",
                                         "2003::", "2606:4700::1111", "2a00:1450::1", "3ffe:ffff::1", "3fff:1000::"));

TEST(IsGlobal, RefusesWhatIsNoInternetAddress) {
    EXPECT_FALSE(is_global(nullptr));
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    EXPECT_FALSE(is_global(reinterpret_cast<const sockaddr*>(&local)));
}

EgressPolicy only(std::vector<std::string> hosts) {
    return EgressPolicy{.allow_http = true, .allow_private = false, .allowed_hosts = std::move(hosts)};
}

TEST(HostAllowed, WithoutAListIsAnyHost) {
    EXPECT_TRUE(host_allowed(only({}), "x.com"));
    EXPECT_TRUE(host_allowed(only({""}), "x.com"));
}

TEST(HostAllowed, EmptyEntryNextToAHostOpensNothing) {
    EXPECT_FALSE(host_allowed(only({"a.com", ""}), "x.com"));
    EXPECT_FALSE(host_allowed(only({"", "a.com"}), "x.com"));
}

TEST(HostAllowed, ComparesWholeNames) {
    const EgressPolicy policy = only({"api.x.com", "[2606:4700::1]"});
    EXPECT_TRUE(host_allowed(policy, "api.x.com"));
    EXPECT_TRUE(host_allowed(policy, "API.X.com."));
    EXPECT_TRUE(host_allowed(policy, "2606:4700::1"));
    EXPECT_FALSE(host_allowed(policy, "x.com"));
    EXPECT_FALSE(host_allowed(policy, "b.api.x.com"));
    EXPECT_FALSE(host_allowed(policy, "api.x.com.evil.org"));
    EXPECT_FALSE(host_allowed(policy, ""));
}

TEST(HostAllowed, StarStandsForNamesBelow) {
    const EgressPolicy policy = only({"*.x.com"});
    EXPECT_TRUE(host_allowed(policy, "a.x.com"));
    EXPECT_TRUE(host_allowed(policy, "a.b.x.com"));
    EXPECT_FALSE(host_allowed(policy, "x.com"));
    EXPECT_FALSE(host_allowed(policy, ".x.com"));
    EXPECT_FALSE(host_allowed(policy, "evilx.com"));
    EXPECT_FALSE(host_allowed(only({"*"}), "x.com"));
}

TEST(JudgeUrl, GivesTheOrigin) {
    const EgressPolicy policy = only({});
    EXPECT_EQ(*judge_url(policy, "HTTPS://API.x.com/a?b"), (core::Origin{"https", "api.x.com", 443}));
    EXPECT_EQ(*judge_url(policy, "http://x.com:8080"), (core::Origin{"http", "x.com", 8080}));
    EXPECT_EQ(*judge_url(policy, "http://2130706433/"), (core::Origin{"http", "127.0.0.1", 80}));
    EXPECT_EQ(*judge_url(policy, "https://[::1]:1/"), (core::Origin{"https", "::1", 1}));
}

TEST(JudgeUrl, RefusesWithoutQuotingTheUrl) {
    const EgressPolicy policy = only({});
    for (const std::string url :
         {"", "x.com", "/path", "ftp://x.com/sesame", "file:///etc/sesame", "gopher://x.com/sesame", "https:///sesame",
          "https:/sesame", "https:sesame", "https://u:sesame@x.com/", "https://u@x.com/sesame", "https://x.com/a b?sesame",
          "https://x.com/\r\nX: sesame", "https://x.com:99999/sesame", "https://x.com:0x50/sesame", "https://exa mple/sesame"}) {
        const auto result = judge_url(policy, url);
        ASSERT_FALSE(result) << url;
        EXPECT_EQ(result.error().code, core::Code::invalid_spec) << url;
        EXPECT_EQ((result.error().message + result.error().detail).find("sesame"), std::string::npos) << url;
    }
    EXPECT_FALSE(judge_url(policy, std::string("https://x.com/\0/a", 17)));
}

TEST(JudgeUrl, NamesTheSettingThatWouldAllowIt) {
    const EgressPolicy strict{.allow_http = false, .allow_private = false, .allowed_hosts = {"x.com"}};
    const auto http = judge_url(strict, "http://x.com/");
    ASSERT_FALSE(http);
    EXPECT_EQ(http.error().message, "plain http to x.com:80 is not allowed");
    EXPECT_NE(http.error().hint.find("upstream.allow_http"), std::string::npos);
    const auto host = judge_url(strict, "https://y.com/");
    ASSERT_FALSE(host);
    EXPECT_EQ(host.error().message, "host y.com is not allowed");
    EXPECT_NE(host.error().hint.find("upstream.allowed_hosts"), std::string::npos);
}

TEST(HostAndPort, PutsBracketsAroundV6) {
    EXPECT_EQ(host_and_port({"https", "x.com", 443}), "x.com:443");
    EXPECT_EQ(host_and_port({"https", "::1", 1}), "[::1]:1");
}

}  // namespace
}  // namespace upstream::http
