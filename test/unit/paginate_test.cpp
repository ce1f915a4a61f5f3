// The next page, and the end of a read, for every kind of pagination.
#include "core/paginate.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/support.hpp"

namespace upstream::core {
namespace {

using test::answer;
using test::source_of;

constexpr const char* kUrl = "https://api.shop.test/v1/items?sort=id";

const Page kFirst{};
const Page kThird{.token = "3", .pages_before = 2, .records_before = 20};

std::string paginated(const std::string& members) { return R"("records": "$.data", "pagination": {)" + members + "}"; }

const std::string kInject = R"("inject": {"in": "query", "name": "p"})";

// The next page's token; "end", or the error's code.
std::string next(const Source& source, const Page& page, std::size_t records, const Response& response) {
    const auto body = test::parse(response.body);
    const auto found = next_page(source, source.streams.front(), page, kUrl, response, body.root(), records);
    if (!found) return "error: " + std::string{name(found.error().code)};
    if (!*found) return "end";
    EXPECT_EQ((*found)->pages_before, page.pages_before + 1);
    EXPECT_EQ((*found)->records_before, page.records_before + static_cast<std::int64_t>(records));
    return (*found)->token;
}

std::string next(const std::string& pagination, const Page& page, std::size_t records, const std::string& body) {
    return next(source_of(paginated(pagination)), page, records, answer(body));
}

TEST(NoPagination, OnePageIsAll) { EXPECT_EQ(next(R"("type": "none")", kFirst, 50, R"({"next": "x"})"), "end"); }

TEST(ByToken, EndsWhereThereIsNone) {
    const std::string pagination = R"("type": "cursor", "path": "$.next", )" + kInject;
    EXPECT_EQ(next(pagination, kFirst, 10, R"({"next": "abc"})"), "abc");
    EXPECT_EQ(next(pagination, kFirst, 10, R"({"next": 17})"), "17");
    EXPECT_EQ(next(pagination, kFirst, 0, R"({"next": "abc"})"), "abc") << "an empty page is not the end";
    EXPECT_EQ(next(pagination, kFirst, 10, R"({"next": 0})"), "0") << "the number 0 is a token like any other";
    for (const char* none : {"{}", R"({"next": null})", R"({"next": ""})", R"({"next": false})", R"({"next": []})", R"({"next": {}})"})
        EXPECT_EQ(next(pagination, kFirst, 10, none), "end") << none;
}

TEST(ByToken, HasMoreDecidesWhereTheTokenIsTheLastRecordsId) {
    const std::string pagination = R"("type": "cursor", "path": "$.data[-1].id", "has_more": "$.has_more", )" + kInject;
    EXPECT_EQ(next(pagination, kFirst, 2, R"({"data": [{"id": 1}, {"id": 2}], "has_more": true})"), "2");
    EXPECT_EQ(next(pagination, kFirst, 2, R"({"data": [{"id": 1}, {"id": 2}], "has_more": false})"), "end");
    EXPECT_EQ(next(pagination, kFirst, 2, R"({"data": [{"id": 1}, {"id": 2}]})"), "end");
    EXPECT_EQ(next(pagination, kFirst, 0, R"({"data": [], "has_more": true})"), "end");
}

TEST(ByToken, TheTokenMayStandInAHeader) {
    const Source source = source_of(paginated(R"("type": "cursor", "path": "header:X-Next", )" + kInject));
    EXPECT_EQ(next(source, kFirst, 1, answer("{}", 200, {{"x-next", "abc"}})), "abc");
    EXPECT_EQ(next(source, kFirst, 1, answer("{}", 200, {{"x-next", ""}})), "end");
    EXPECT_EQ(next(source, kFirst, 1, answer("{}")), "end");
}

TEST(HasMore, IsJudgedByTruth) {
    const std::string pagination = R"("type": "page", "has_more": "$.more", )" + kInject;
    for (const char* yes : {"true", "1", R"("https://next")", "[0]", R"({"a": 1})", R"("false")"})
        EXPECT_EQ(next(pagination, kThird, 10, std::string{R"({"more": )"} + yes + "}"), "4") << yes;
    for (const char* no : {"false", "null", "0", R"("")", "[]", "{}"})
        EXPECT_EQ(next(pagination, kThird, 10, std::string{R"({"more": )"} + no + "}"), "end") << no;
    EXPECT_EQ(next(pagination, kThird, 10, "{}"), "end") << "missing";
}

TEST(ByPage, CountsFromItsStart) {
    EXPECT_EQ(next(R"("type": "page", )" + kInject, kFirst, 10, "{}"), "2");
    EXPECT_EQ(next(R"("type": "page", "start": 0, )" + kInject, kFirst, 10, "{}"), "1");
    EXPECT_EQ(next(R"("type": "page", )" + kInject, kThird, 10, "{}"), "4");
}

TEST(ByOffset, CountsTheRecordsReceived) {
    EXPECT_EQ(next(R"("type": "offset", )" + kInject, kFirst, 7, "{}"), "7");
    EXPECT_EQ(next(R"("type": "offset", "start": 1, )" + kInject, kFirst, 7, "{}"), "8");
    EXPECT_EQ(next(R"("type": "offset", )" + kInject, {.token = "20", .pages_before = 1, .records_before = 20}, 7, "{}"), "27");
}

TEST(NumberedPages, WithASizeAShortPageIsTheLast) {
    for (const std::string type : {"page", "offset"}) {
        const std::string pagination = R"("type": ")" + type + R"(", "size": 10, )" + kInject;
        EXPECT_NE(next(pagination, kThird, 10, "{}"), "end") << type;
        EXPECT_EQ(next(pagination, kThird, 9, "{}"), "end") << type;
        EXPECT_EQ(next(pagination, kThird, 0, "{}"), "end") << type;
    }
}

TEST(NumberedPages, WithoutASizeAnEmptyPageIsTheLast) {
    EXPECT_EQ(next(R"("type": "page", )" + kInject, kThird, 1, "{}"), "4");
    EXPECT_EQ(next(R"("type": "page", )" + kInject, kThird, 0, "{}"), "end");
}

TEST(NumberedPages, HasMoreDecidesEvenIfAPageIsShortOrEmpty) {
    const std::string pagination = R"("type": "page", "size": 10, "has_more": "$.more", )" + kInject;
    EXPECT_EQ(next(pagination, kThird, 3, R"({"more": true})"), "4");
    EXPECT_EQ(next(pagination, kThird, 0, R"({"more": true})"), "4");
    EXPECT_EQ(next(pagination, kThird, 10, R"({"more": false})"), "end");
}

TEST(NumberedPages, ATotalDecidesByTheRecordsSoFar) {
    const std::string pagination = R"("type": "page", "size": 10, "total": "$.total", )" + kInject;
    EXPECT_EQ(next(pagination, kThird, 10, R"({"total": 31})"), "4");
    EXPECT_EQ(next(pagination, kThird, 10, R"({"total": 30})"), "end");
    EXPECT_EQ(next(pagination, kThird, 10, R"({"total": "31"})"), "4");
    EXPECT_EQ(next(pagination, kThird, 3, R"({"total": 31})"), "4") << "a short page is not the end";
}

TEST(NumberedPages, ATotalThatIsMissingIsAnError) {
    const std::string pagination = R"("type": "offset", "total": "$.total", )" + kInject;
    EXPECT_EQ(next(pagination, kThird, 10, "{}"), "error: shape");
    EXPECT_EQ(next(pagination, kThird, 10, R"({"total": "many"})"), "error: shape");
}

TEST(Done, EndsAnyRead) {
    const std::string done = R"(, "done": {"path": "$.end", "equals": true})";
    EXPECT_EQ(next(R"("type": "cursor", "path": "$.next", )" + kInject + done, kFirst, 1, R"({"next": "a", "end": true})"), "end");
    EXPECT_EQ(next(R"("type": "cursor", "path": "$.next", )" + kInject + done, kFirst, 1, R"({"next": "a", "end": false})"), "a");
    EXPECT_EQ(next(R"("type": "page", )" + kInject + done, kFirst, 1, R"({"end": true})"), "end");
    EXPECT_EQ(next(R"("type": "next_url", "path": "$.next")" + done, kFirst, 1, R"({"next": "/v1/items?p=2", "end": true})"), "end");
}

TEST(ByLink, FollowsTheRelation) {
    const Source source = source_of(paginated(R"("type": "link_header")"));
    EXPECT_EQ(next(source, kFirst, 1, answer("{}", 200, {{"Link", R"(<https://api.shop.test/v1/items?p=2>; rel="next")"}})),
              "https://api.shop.test/v1/items?p=2");
    EXPECT_EQ(next(source, kFirst, 1, answer("{}", 200, {{"Link", R"(</v1/items?p=2>; rel="next")"}})), "https://api.shop.test/v1/items?p=2");
    EXPECT_EQ(next(source, kFirst, 1, answer("{}", 200, {{"Link", R"(</v1/items?p=1>; rel="prev")"}})), "end");
    EXPECT_EQ(next(source, kFirst, 1, answer("{}")), "end");
}

TEST(ByLink, TheRelationMayHaveAnotherName) {
    const Source source = source_of(paginated(R"("type": "link_header", "rel": "more")"));
    EXPECT_EQ(next(source, kFirst, 1, answer("{}", 200, {{"Link", R"(</a>; rel="next", </b>; rel="more")"}})), "https://api.shop.test/b");
}

TEST(ByUrl, FollowsTheUrlInTheBody) {
    const std::string pagination = R"("type": "next_url", "path": "$.paging.next")";
    EXPECT_EQ(next(pagination, kFirst, 1, R"({"paging": {"next": "https://api.shop.test/v1/items?p=2"}})"), "https://api.shop.test/v1/items?p=2");
    EXPECT_EQ(next(pagination, kFirst, 1, R"({"paging": {"next": "?p=2"}})"), "https://api.shop.test/v1/items?p=2");
    EXPECT_EQ(next(pagination, kFirst, 1, R"({"paging": {}})"), "end");
    EXPECT_EQ(next(pagination, kFirst, 1, R"({"paging": {"next": null}})"), "end");
}

TEST(NextUrl, MustNotLeaveTheOrigin) {
    const std::string pagination = R"("type": "next_url", "path": "$.next")";
    for (const char* elsewhere : {"https://evil.test/v1/items", "//evil.test/x", "http://api.shop.test/v1/items", "https://api.shop.test:8443/v1",
                                  "https://api.shop.test@evil.test/", "https://api.shop.test.evil.test/", "file:///etc/passwd", "https://"})
        EXPECT_EQ(next(pagination, kFirst, 1, std::string{R"({"next": ")"} + elsewhere + "\"}"), "error: shape") << elsewhere;
}

TEST(NextUrl, MayGoToAnAllowedHostByHttpsOnly) {
    const Source source = source_of(paginated(R"("type": "next_url", "path": "$.next")"),
                                    R"("auth": {"type": "none"}, "allowed_hosts": ["cdn.shop.test", "*.files.test", "port.test:8443"])");
    const auto to = [&](const std::string& url) { return next(source, kFirst, 1, answer(R"({"next": ")" + url + "\"}")); };
    for (const char* good : {"https://cdn.shop.test/2", "https://a.files.test/2", "https://port.test:8443/2"}) EXPECT_EQ(to(good), good);
    for (const char* bad : {"http://cdn.shop.test/2", "https://files.test/2", "https://evilfiles.test/2", "https://port.test/2"})
        EXPECT_EQ(to(bad), "error: shape") << bad;
}

TEST(NextUrl, ACredentialInItsQueryIsNotKept) {
    const Source source = source_of(paginated(R"("type": "next_url", "path": "$.next")"),
                                    R"("auth": {"type": "api_key", "in": "query", "name": "key", "value": "{secret.key}"})");
    EXPECT_EQ(next(source, kFirst, 1, answer(R"({"next": "/v1/items?key=s3cret&p=2"})")), "https://api.shop.test/v1/items?p=2");
}

TEST(Holds, TestsValuesOfTheAnswer) {
    struct Case {
        std::string condition, body;
        bool expected;
    };
    const std::vector<Case> cases{
        {R"("path": "$.code", "equals": 1)", R"({"code": 1})", true},
        {R"("path": "$.code", "equals": 1)", R"({"code": "1"})", false},
        {R"("path": "$.code", "equals": null)", R"({})", true},
        {R"("path": "$.code", "in": ["a", "b"])", R"({"code": "b"})", true},
        {R"("path": "$.code", "not_in": [0])", R"({"code": 7})", true},
        {R"("path": "$.code", "not_in": [0])", R"({"code": 0})", false},
        {R"("path": "$.code", "exists": true)", R"({"code": null})", false},
        {R"("path": "$.code", "exists": false)", R"({})", true},
        {R"("path": "$.text", "contains": "late")", R"({"text": "too late"})", true},
        {R"("path": "$.tags", "contains": "late")", R"({"tags": ["too late"]})", false},
        {R"("path": "$.tags", "contains": "late")", R"({"tags": ["early", "late"]})", true},
        {R"("path": "$.data[*].last", "equals": true)", R"({"data": [{"last": false}, {"last": true}]})", true},
        {R"("path": "$.data[*].last", "equals": true)", R"({"data": []})", false},
        {R"("path": "header:X-End", "equals": "yes")", R"({})", true},
        {R"("path": "header:X-Missing", "exists": true)", R"({})", false},
    };
    for (const Case& c : cases) {
        const Source source = source_of(R"("pagination": {"type": "none", "done": {)" + c.condition + "}}");
        const Response response = answer(c.body, 200, {{"x-end", "yes"}});
        const auto body = test::parse(c.body);
        EXPECT_EQ(holds(*source.streams.front().pagination.done, response, body.root()), c.expected) << c.condition << c.body;
    }
}

}  // namespace
}  // namespace upstream::core
