// Joining, resolving, comparing and cleaning URLs, and Link headers.
#include "core/url.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace upstream::core {
namespace {

std::string show(const std::optional<Origin>& origin) {
    return origin ? origin->scheme + " " + origin->host + " " + std::to_string(origin->port) : "nothing";
}

std::string resolve(std::string_view base, std::string_view reference) { return resolve_url(base, reference).value_or("nothing"); }

std::string link(const std::vector<std::string>& headers, std::string_view rel = "next") {
    return link_target(headers, rel).value_or("nothing");
}

TEST(PercentEncode, KeepsOnlyUnreservedCharacters) {
    EXPECT_EQ(percent_encode("AZaz09-._~"), "AZaz09-._~");
    EXPECT_EQ(percent_encode("a b/c?d=e&f+g%h"), "a%20b%2Fc%3Fd%3De%26f%2Bg%25h");
    EXPECT_EQ(percent_encode("é"), "%C3%A9");
    EXPECT_EQ(percent_encode(std::string("\0\r\n", 3)), "%00%0D%0A");
    EXPECT_EQ(percent_encode(""), "");
}

TEST(Authority, NamesAPortThatIsNotTheSchemes) {
    EXPECT_EQ(authority("https://X.com:443/a?b"), "x.com");
    EXPECT_EQ(authority("http://x.com:443"), "x.com:443");
    EXPECT_EQ(authority("http://127.0.0.1:80/"), "127.0.0.1");
    EXPECT_EQ(authority("no url"), "");
}

TEST(JoinUrl, PutsExactlyOneSlashBetween) {
    for (const char* base : {"https://x.com/v1", "https://x.com/v1/", "https://x.com/v1//"})
        for (const char* path : {"a/b", "/a/b", "//a/b"}) EXPECT_EQ(join_url(base, path, {}), "https://x.com/v1/a/b") << base << path;
    EXPECT_EQ(join_url("https://x.com", "a", {}), "https://x.com/a");
    EXPECT_EQ(join_url("https://x.com", "/", {}), "https://x.com/");
    EXPECT_EQ(join_url("https://x.com/v1/", "a/", {}), "https://x.com/v1/a/");
}

TEST(JoinUrl, WithoutAPathIsTheBase) {
    EXPECT_EQ(join_url("https://x.com/v1", "", {}), "https://x.com/v1");
    EXPECT_EQ(join_url("https://x.com/graphql/", "", {}), "https://x.com/graphql/");
    EXPECT_EQ(join_url("https://x.com/v1", "?a=1", {}), "https://x.com/v1?a=1");
}

TEST(JoinUrl, EncodesTheQuery) {
    EXPECT_EQ(join_url("https://x.com", "a", {{"q", "a b&c"}, {"tag[]", "1"}, {"tag[]", "2"}, {"empty", ""}}),
              "https://x.com/a?q=a%20b%26c&tag%5B%5D=1&tag%5B%5D=2&empty=");
}

TEST(JoinUrl, ExtendsAQuery) {
    EXPECT_EQ(join_url("https://x.com", "a?b=1", {{"c", "2"}}), "https://x.com/a?b=1&c=2");
    EXPECT_EQ(join_url("https://x.com", "a?b=1&", {{"c", "2"}}), "https://x.com/a?b=1&c=2");
    EXPECT_EQ(join_url("https://x.com", "a?", {{"c", "2"}}), "https://x.com/a?c=2");
    EXPECT_EQ(join_url("https://x.com", "a?", {}), "https://x.com/a");
    EXPECT_EQ(join_url("https://x.com/v1?k=0", "a?b=1", {{"c", "2"}}), "https://x.com/v1/a?k=0&b=1&c=2");
}

TEST(JoinUrl, DropsAFragment) { EXPECT_EQ(join_url("https://x.com/#top", "a?b=1#c", {{"d", "2"}}), "https://x.com/a?b=1&d=2"); }

TEST(Origin, IsSchemeHostAndPort) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"https://api.x.com/v1?a=b#c", "https api.x.com 443"},
        {"http://api.x.com", "http api.x.com 80"},
        {"HTTPS://API.X.com:8443/", "https api.x.com 8443"},
        {"https://x.com:443", "https x.com 443"},
        {"https://x.com:/a", "https x.com 443"},
        {"https://x.com?a@b", "https x.com 443"},
        {"https://x.com/@user:1", "https x.com 443"},
        {"http://127.0.0.1:9/", "http 127.0.0.1 9"},
        {"http://[::1]:8080/a", "http ::1 8080"},
        {"https://[2001:DB8::A]", "https 2001:db8::a 443"},
    };
    for (const auto& [url, expected] : cases) EXPECT_EQ(show(origin(url)), expected) << url;
}

TEST(Origin, RefusesWhatIsNoPlainHttpUrl) {
    for (const char* url :
         {"", "x.com", "//x.com/a", "/a", "ftp://x.com", "file:///etc/passwd", "https:", "https:/x.com", "https://", "https:///a",
          "https://:443", "https://user@x.com", "https://user:pw@x.com", "https://x.com@evil.com", "https://x.com:0", "https://x.com:65536",
          "https://x.com:99999999999", "https://x.com:8a", "https://x.com:-1", "https://x.com:80:90", "https://x.com\\@evil.com",
          "https://x%2ecom", "https://ｘ.com", "https://x.com /", " https://x.com", "https://x.com/a b", "https://x.com/\n",
          "https://x.com/\x7F", "https://[::1", "https://::1]", "https://[]", "https://[x.com]", "https://[fe80::1%25eth0]",
          "https://[::1]x", "javascript:alert(1)"})
        EXPECT_EQ(show(origin(url)), "nothing") << url;
    EXPECT_EQ(show(origin(std::string_view("https://x.com\0.y.com", 19))), "nothing");
}

TEST(Origin, ComparesAllThree) {
    EXPECT_EQ(origin("https://x.com/a"), origin("HTTPS://X.COM:443/b"));
    EXPECT_NE(origin("https://x.com"), origin("http://x.com:443"));
    EXPECT_NE(origin("https://x.com"), origin("https://x.com:444"));
    EXPECT_NE(origin("https://x.com"), origin("https://y.com"));
}

TEST(ResolveUrl, PassesTheExamplesOfRfc3986) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"g", "http://a/b/c/g"},          {"./g", "http://a/b/c/g"},      {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},             {"//g", "http://g"},            {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},      {"#s", "http://a/b/c/d;p?q#s"}, {"g#s", "http://a/b/c/g#s"},
        {"g?y#s", "http://a/b/c/g?y#s"},  {";x", "http://a/b/c/;x"},      {"g;x", "http://a/b/c/g;x"},
        {"g;x?y#s", "http://a/b/c/g;x?y#s"}, {"", "http://a/b/c/d;p?q"},  {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},          {"..", "http://a/b/"},          {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},         {"../..", "http://a/"},         {"../../", "http://a/"},
        {"../../g", "http://a/g"},        {"../../../g", "http://a/g"},   {"../../../../g", "http://a/g"},
        {"/./g", "http://a/g"},           {"/../g", "http://a/g"},        {"g.", "http://a/b/c/g."},
        {".g", "http://a/b/c/.g"},        {"g..", "http://a/b/c/g.."},    {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},       {"./g/.", "http://a/b/c/g/"},   {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},     {"g;x=1/./y", "http://a/b/c/g;x=1/y"}, {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/./x", "http://a/b/c/g?y/./x"}, {"g#s/../x", "http://a/b/c/g#s/../x"}};
    for (const auto& [reference, expected] : cases) EXPECT_EQ(resolve("http://a/b/c/d;p?q", reference), expected) << reference;
}

TEST(ResolveUrl, TakesAnAbsoluteUrl) {
    EXPECT_EQ(resolve("https://x.com/a", "http://y.com:81/b/../c?d"), "http://y.com:81/c?d");
    EXPECT_EQ(resolve("https://x.com/a", "HTTPS://y.com"), "HTTPS://y.com");
}

TEST(ResolveUrl, FromAnEmptyPathBeginsAtTheRoot) {
    EXPECT_EQ(resolve("https://x.com", "a"), "https://x.com/a");
    EXPECT_EQ(resolve("https://x.com?q", "../a//b"), "https://x.com/a//b");
    EXPECT_EQ(resolve("https://x.com?q", ""), "https://x.com?q");
}

TEST(ResolveUrl, RefusesWhatIsNoHttpUrl) {
    for (const char* base : {"", "x.com", "/a", "ftp://x.com/", "https://user@x.com/"}) EXPECT_EQ(resolve(base, "a"), "nothing") << base;
    for (const char* reference : {"mailto:a@x.com", "javascript:alert(1)", "file:///etc/passwd", "http:a", "//user@y.com/", "//", "///a",
                                  "a b", "a\r\nb", "https://"})
        EXPECT_EQ(resolve("https://x.com/", reference), "nothing") << reference;
}

TEST(ResolveUrl, StaysWithinTheBasesOrigin) {
    for (const char* reference : {"a", "../../../a", "/a", "?a=https://y.com", "a/@y.com", ".//y.com", "/\\y.com", "", "/.//y.com"}) {
        const auto url = resolve_url("https://x.com/b/c", reference);
        ASSERT_TRUE(url.has_value()) << reference;
        EXPECT_EQ(origin(*url), origin("https://x.com")) << reference << " -> " << *url;
    }
}

TEST(ResolveUrl, WhatIsEncodedStaysOneSegment) {
    for (const char* value : {"a/b", "?q", "#f", "a b", "é", "%2e", "..%2f", "a:b"}) {
        const std::string encoded = percent_encode(value);
        EXPECT_EQ(resolve("https://x.com/p/", "./" + encoded), "https://x.com/p/" + encoded) << value;
    }
}

TEST(WithoutParams, RemovesThemAndNothingElse) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"https://x.com/a?key=s", "https://x.com/a"},
        {"https://x.com/a?key=s&b=1", "https://x.com/a?b=1"},
        {"https://x.com/a?b=1&key=s&c=%20", "https://x.com/a?b=1&c=%20"},
        {"https://x.com/a?b=1&key=s&key=t#f", "https://x.com/a?b=1#f"},
        {"https://x.com/a?key", "https://x.com/a"},
        {"https://x.com/a?k%65y=s&token=t", "https://x.com/a"},
        {"https://x.com/a?keys=1&Key=2&b=key", "https://x.com/a?keys=1&Key=2&b=key"},
        {"https://x.com/key=s", "https://x.com/key=s"},
        {"https://x.com/a#?key=s", "https://x.com/a#?key=s"},
        {"/a?key=s", "/a"},
        {"", ""},
    };
    for (const auto& [url, expected] : cases) EXPECT_EQ(without_params(url, {"key", "token"}), expected) << url;
    EXPECT_EQ(without_params("https://x.com/a?key=s", {}), "https://x.com/a?key=s");
}

TEST(LinkTarget, FindsTheRelation) {
    const std::string github = "<https://x.com/a?page=3>; rel=\"next\", <https://x.com/a?page=9>; rel=\"last\"";
    EXPECT_EQ(link({github}), "https://x.com/a?page=3");
    EXPECT_EQ(link({github}, "last"), "https://x.com/a?page=9");
    EXPECT_EQ(link({github}, "prev"), "nothing");
    EXPECT_EQ(link({}), "nothing");
}

TEST(LinkTarget, ReadsEveryNotation) {
    for (const char* header :
         {"</n>; rel=next", "</n>;rel=\"next\"", "</n> ; rel = \"next\" ", "</n>; REL=\"NeXt\"", "</n>; rel=\"prev next\"",
          "</n>; rel=\" next \"", "</n>; title=\"a, b; rel=prev\"; rel=\"next\"", "</n>; rel=\"next\"; title=\"x\"",
          "</n>; title=\"q\\\"; rel=prev, <x>\"; rel=next", "</n>; crossorigin; rel=next", "</n>; rel=\"ne\\xt\"", "< /n >; rel=next",
          "</o>; rel=prev,</n>; rel=next", ",, </n>; rel=next,,", "</o>, </n>; rel=next", "</n>;; rel=next", "</n>; rel=next; rel=prev",
          "</n>; results=\"true\"; rel=next", "</n>; rel=\"next"})
        EXPECT_EQ(link({header}), "/n") << header;
}

TEST(LinkTarget, KeepsCommasAndSemicolonsOfTheTarget) {
    EXPECT_EQ(link({"<https://x.com/a;b,c?d=1,2>; rel=next"}), "https://x.com/a;b,c?d=1,2");
}

TEST(LinkTarget, LooksThroughAllHeadersAndTakesTheFirst) {
    EXPECT_EQ(link({"</p>; rel=prev", "</n>; rel=next", "</m>; rel=next"}), "/n");
}

TEST(LinkTarget, FindsNothingInWhatIsNoLink) {
    for (const char* header : {"", ",", "next", "</n>", "</n>; rel", "</n>; rel=", "</n>; rel=nextpage", "</n>; rel=\"next-page\"",
                               "</n>; rev=next", "</n; rel=next", "/n; rel=next", "</n>; title=\"rel=next\"", "</n>; rel=prev; rel=next",
                               "</n>; title=\"; rel=next"})
        EXPECT_EQ(link({header}), "nothing") << header;
}

}  // namespace
}  // namespace upstream::core
