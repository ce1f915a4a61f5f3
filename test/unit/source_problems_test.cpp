// What is wrong with a spec, and how it is told. Each row is one mistake in an otherwise good spec: the fragment is appended to the
// members of the source, the stream, its cursor or its pagination, and of a member that comes twice the last one counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "core/source.hpp"

namespace upstream::core {
namespace {

enum class In { source, settings, auth, oauth2, stream, pagination, cursor, integer_cursor, column };

struct Mistake {
    In in;
    std::string fragment;
    std::string path;
    std::string message;  // a part of it
    std::string hint{};   // a part of it
    bool warning = false;
};

std::ostream& operator<<(std::ostream& out, const Mistake& mistake) { return out << mistake.fragment; }

std::string stream_members(const std::string& more) {
    return R"("path": "/orders", "target": "orders", "primary_key": ["id"])" + more;
}

std::string source_members(const std::string& stream, const std::string& more) {
    return R"({"spec_version": 1, "source": "shop", "base_url": "https://api.example.com",
               "account": {"properties": {"region": {"type": "string"}}}, "auth": {"type": "none"},
               "streams": {"orders": {)" +
           stream + "}}" + more + "}";
}

std::string spec_with(const Mistake& mistake) {
    const std::string more = ", " + mistake.fragment;
    switch (mistake.in) {
        case In::source: return source_members(stream_members(""), more);
        case In::settings: return source_members(stream_members(""), R"(, "account": {"properties": {)" + mistake.fragment + "}}");
        case In::auth: return source_members(stream_members(""), R"(, "auth": {)" + mistake.fragment + "}");
        case In::oauth2:
            return source_members(stream_members(""), R"(, "auth": {"type": "oauth2", "grant_type": "refresh_token",
                                                         "token_url": "https://id.example.com/token")" + more + "}");
        case In::stream: return source_members(stream_members(more), "");
        case In::pagination:
            return source_members(
                stream_members(R"(, "params": {"limit": "{page.size}"}, "pagination": {"type": "page", "size": 10,
                                  "inject": {"in": "query", "name": "page"})" + more + "}"), "");
        case In::cursor:
            return source_members(stream_members(R"(, "params": {"since": "{cursor.start}"}, "cursor": {"field": "at",
                                                    "type": "timestamp", "order": "asc")" + more + "}"), "");
        case In::integer_cursor:
            return source_members(stream_members(R"(, "params": {"since": "{cursor.start}"}, "cursor": {"field": "id",
                                                    "type": "integer", "order": "asc")" + more + "}"), "");
        case In::column: return source_members(stream_members(R"(, "columns": {"id": "id")" + more + "}"), "");
    }
    return {};
}

std::vector<Problem> problems_of(const std::string& text) {
    const Result<json::Document> document = json::Document::parse(text);
    if (!document) {
        ADD_FAILURE() << document.error().message << ", " << document.error().detail << ": " << text;
        return {};
    }
    return read_source(document->root()).problems;
}

class SourceProblems : public testing::TestWithParam<Mistake> {};

TEST_P(SourceProblems, TellsWhereAndWhat) {
    const Mistake& mistake = GetParam();
    const std::vector<Problem> problems = problems_of(spec_with(mistake));
    ASSERT_EQ(problems.size(), 1U) << testing::PrintToString([&] {
        std::string all;
        for (const Problem& problem : problems) all += problem.path + ": " + problem.message + "\n";
        return all;
    }());
    EXPECT_EQ(problems[0].path, mistake.path);
    EXPECT_NE(problems[0].message.find(mistake.message), std::string::npos) << problems[0].message;
    EXPECT_NE(problems[0].hint.find(mistake.hint), std::string::npos) << problems[0].hint;
    EXPECT_EQ(problems[0].warning, mistake.warning);
}

// Postgres' style: a message begins in lower case and has no full stop, a hint is a sentence.
TEST_P(SourceProblems, SpeaksLikePostgres) {
    for (const Problem& problem : problems_of(spec_with(GetParam()))) {
        ASSERT_FALSE(problem.message.empty());
        EXPECT_FALSE(problem.message[0] >= 'A' && problem.message[0] <= 'Z') << problem.message;
        EXPECT_NE(problem.message.back(), '.') << problem.message;
        if (!problem.hint.empty()) {
            EXPECT_EQ(problem.hint.back(), '.') << problem.hint;
        }
    }
}

const std::string kOrders = "$.streams.orders";

INSTANTIATE_TEST_SUITE_P(
    Source, SourceProblems,
    testing::ValuesIn(std::vector<Mistake>{
        Mistake{In::source, R"("retyr": {})", "$.retyr", "unknown key \"retyr\"", "Perhaps you meant \"retry\"."},
        Mistake{In::source, R"("odd key": 1)", "$['odd key']", "unknown key \"odd key\""},
        Mistake{In::source, R"("it's": 1)", R"($['it\'s'])", "unknown key"},
        Mistake{In::source, R"("batch": {"encoder": "meta_graph", "max": 1, "counts_as": "each"})", "$.batch.max", "must not be less than 2"},
        Mistake{In::source, R"("formats": {"iso": "YYYY"})", "$.formats.iso", "format \"iso\" is known already"},
        Mistake{In::source, R"("webhook": 1)", "$.webhook", "must be an object"},
        Mistake{In::source, R"("spec_version": 2)", "$.spec_version", "must be 1"},
        Mistake{In::source, R"("spec_version": "1")", "$.spec_version", "must be 1"},
        Mistake{In::source, R"("source": "Shop")", "$.source", "\"Shop\" is not a valid name", "a-z"},
        Mistake{In::source, R"("source": 7)", "$.source", "must be a string"},
        Mistake{In::source, R"("description": [])", "$.description", "must be a string"},
        Mistake{In::source, R"("base_url": "api.example.com")", "$.base_url", "must be an http or https URL", "https://"},
        Mistake{In::source, R"("base_url": "ftp://api.example.com")", "$.base_url", "must be an http or https URL"},
        Mistake{In::source, R"("base_url": "https://u:p@api.example.com")", "$.base_url", "without user and password"},
        Mistake{In::source, R"("base_url": "https://api.example.com?v=1")", "$.base_url", "must not have a query", "params"},
        Mistake{In::source, R"("base_url": "https://api.example.com/a b")", "$.base_url", "must not hold spaces"},
        Mistake{In::source, R"("base_url": "https://{account.regio}.example.com")", "$.base_url", "no account setting \"regio\"",
                "Perhaps you meant {account.region}."},
        Mistake{In::source, R"("base_url": "https://{secret.host}.example.com")", "$.base_url", "{secret.host} is not allowed in base_url",
                "Secrets may stand in"},
        Mistake{In::source, R"("base_url": "https://{acount.region}.example.com")", "$.base_url", "{acount.region} is not valid",
                "Perhaps you meant \"account\"."},
        Mistake{In::source, R"("allowed_hosts": [])", "$.allowed_hosts", "must not be empty"},
        Mistake{In::source, R"("allowed_hosts": ["https://cdn.example.com"])", "$.allowed_hosts[0]", "must be a host name", "cdn."},
        Mistake{In::source, R"("allowed_hosts": ["a.com", "b.com:70000"])", "$.allowed_hosts[1]", "must be a host name"},
        Mistake{In::source, R"("allowed_hosts": ["{account.region}.com"])", "$.allowed_hosts[0]", "a host must not hold a placeholder"},
        Mistake{In::source, R"("headers": {"Bad Name": "x"})", "$.headers['Bad Name']", "is not a valid header name"},
        Mistake{In::source, R"("headers": {"X": "a\nb"})", "$.headers.X", "must not hold line breaks"},
        Mistake{In::source, R"("headers": {"X": null})", "$.headers.X", "must be a string, a number, true or false"},
        Mistake{In::source, R"("headers": {"X-A": "1", "x-a": "2"})", "$.headers['x-a']", "stated twice"},
        Mistake{In::source, R"("headers": {"X": "{cursor.start}"})", "$.headers.X", "{cursor.start} is not allowed",
                "Put the header into the stream."},
        Mistake{In::source, R"("timeouts": {"connect": "ten seconds"})", "$.timeouts.connect", "must be an interval", "5 minutes"},
        Mistake{In::source, R"("timeouts": {"total": "0 seconds"})", "$.timeouts.total", "must be longer than zero"},
        Mistake{In::source, R"("timeouts": {"first_byte": 1})", "$.timeouts.first_byte", "must be a string"},
        Mistake{In::source, R"("timeouts": {"conect": "1 second"})", "$.timeouts.conect", "unknown key", "\"connect\""},
        Mistake{In::source, R"("timeouts": "1 minute")", "$.timeouts", "must be an object"},
        Mistake{In::source, R"("retry": {"max_attempts": 0})", "$.retry.max_attempts", "must not be less than 1"},
        Mistake{In::source, R"("retry": {"max_attempts": 1.5})", "$.retry.max_attempts", "must be an integer"},
        Mistake{In::source, R"("retry": {"jitter": 2})", "$.retry.jitter", "must be from 0 to 1"},
        Mistake{In::source, R"("retry": {"base": "1 hour", "max": "1 minute"})", "$.retry.max", "must not be shorter than \"base\""},
        Mistake{In::source, R"("retry": {"max": "1 millisecond"})", "$.retry.max", "must not be shorter than \"base\""},
        Mistake{In::source, R"("retry": {"on": [409, "6xx"]})", "$.retry.on[1]", "must be a status"},
        Mistake{In::source, R"("retry": {"on": [600]})", "$.retry.on[0]", "must be a status"},
        Mistake{In::source, R"("streams": {})", "$.streams", "must not be empty"},
        Mistake{In::source, R"("streams": [])", "$.streams", "must be an object"},
        Mistake{In::source, R"("streams": {"Orders": {"path": "/", "target": "t", "primary_key": ["id"]}})", "$.streams.Orders",
                "is not a valid name"},
        Mistake{In::source, R"("streams": {"orders": []})", "$.streams.orders", "must be an object"},
        Mistake{In::source, R"("streams": {"orders": {"path": "/", "primary_key": ["id"]}})", kOrders, "key \"target\" is missing"},
        Mistake{In::source, R"("streams": {"orders": {"target": "t", "primary_key": ["id"]}})", kOrders, "key \"path\" is missing"},
        Mistake{In::source, R"("streams": {"orders": {"target": "t", "path": "/", "write": "upsert"}})", kOrders + ".write", "\"upsert\" needs a primary key",
                "State \"primary_key\"."},
        Mistake{In::source, R"("defaults": {"evry": "1 hour"})", "$.defaults.evry", "unknown key \"evry\"", "\"every\""},
        Mistake{In::source, R"("defaults": {"every": 60})", "$.defaults.every", "must be a string"},
        Mistake{In::source, R"("defaults": {"params": {"since": "{cursor.start}"}})", "$.defaults.params.since",
                "{cursor.start} needs a cursor (stream \"orders\")"},
        Mistake{In::source, R"("defaults": {"target": "Bad"})", "$.defaults.target", "must be the name of a table"}}));

INSTANTIATE_TEST_SUITE_P(
    Settings, SourceProblems,
    testing::ValuesIn(std::vector<Mistake>{
        Mistake{In::source, R"("account": {"derived": {"host": {"from": "region", "map": {}}}})", "$.account.derived.host.from",
                "no account setting \"region\""},
        Mistake{In::source, R"("account": {"required": ["region"], "properties": {"reglon": {}}})", "$.account.required[0]",
                "no account setting \"region\"", "\"reglon\""},
        Mistake{In::settings, R"("Region": {})", "$.account.properties.Region", "is not a valid name"},
        Mistake{In::settings, R"("region": "string")", "$.account.properties.region", "must be an object"},
        Mistake{In::settings, R"("region": {"type": "text"})", "$.account.properties.region.type",
                "must be one of \"string\", \"integer\""},
        Mistake{In::settings, R"("region": {"type": "interger"})", "$.account.properties.region.type", "must be one of",
                "Perhaps you meant \"integer\"."},
        Mistake{In::settings, R"("region": {"format": "email"})", "$.account.properties.region.format", "must be one of \"host\""},
        Mistake{In::settings, R"("region": {"enum": []})", "$.account.properties.region.enum", "must not be empty"},
        Mistake{In::settings, R"("region": {"enum": ["eu", {}]})", "$.account.properties.region.enum[1]", "must be a string, a number"},
        Mistake{In::settings, R"("region": {"pattern": "(["})", "$.account.properties.region.pattern", "not a valid regular expression"},
        Mistake{In::settings, R"("region": {"enum": ["eu", "us"], "default": "asia"})", "$.account.properties.region.default",
                "must be one of \"eu\" or \"us\""},
        Mistake{In::settings, R"("region": {"type": "integer", "default": "1"})", "$.account.properties.region.default",
                "must be an integer"},
        Mistake{In::settings, R"("region": {"format": "date", "default": "yesterday"})", "$.account.properties.region.default",
                "must be a date"},
        Mistake{In::settings, R"("region": {"requierd": true})", "$.account.properties.region.requierd", "unknown key"}}));

INSTANTIATE_TEST_SUITE_P(
    Auth, SourceProblems,
    testing::ValuesIn(std::vector<Mistake>{
        Mistake{In::source, R"("auth": "none")", "$.auth", "must be an object"},
        Mistake{In::auth, R"("typ": "none")", "$.auth", "key \"type\" is missing"},
        Mistake{In::auth, R"("type": "baerer")", "$.auth.type", "must be one of", "Perhaps you meant \"bearer\"."},
        Mistake{In::auth, R"("type": "login", "request": {"url": "/login"})", "$.auth", "key \"token\" is missing"},
        Mistake{In::auth, R"("type": "jwt", "algorithm": "HS256")", "$.auth", "key \"key\" is missing"},
        Mistake{In::auth, R"("one_of": {"token": {"type": "none"}})", "$.auth.one_of", "must have two members at least"},
        Mistake{In::auth, R"("type": "none", "token": "x")", "$.auth.token", "unknown key \"token\"", "Type \"none\" has no such key."},
        Mistake{In::auth, R"("type": "bearer")", "$.auth", "key \"token\" is missing"},
        Mistake{In::auth, R"("type": "bearer", "token": 5)", "$.auth.token", "must be a string"},
        Mistake{In::auth, R"("type": "bearer", "token": "{cursor.start}")", "$.auth.token", "{cursor.start} is not allowed in auth"},
        Mistake{In::auth, R"("type": "bearer", "token": "x", "prefix": "a\rb")", "$.auth.prefix", "line breaks"},
        Mistake{In::auth, R"("type": "api_key", "in": "body", "name": "", "value": "v")", "$.auth.name", "must not be empty"},
        Mistake{In::auth, R"("type": "api_key", "in": "header", "name": "a b", "value": "v")", "$.auth.name", "not a valid header name"},
        Mistake{In::auth, R"("type": "api_key", "in": "query", "name": "", "value": "v")", "$.auth.name", "must not be empty"},
        Mistake{In::auth, R"("type": "api_key", "in": "query", "name": "k")", "$.auth", "key \"value\" is missing"},
        Mistake{In::auth, R"("type": "basic", "user": "u")", "$.auth.user", "unknown key \"user\"", "\"username\""},
        Mistake{In::oauth2, R"("grant_type": "client_credential")", "$.auth.grant_type", "must be one of", "\"client_credentials\""},
        Mistake{In::oauth2, R"("token_url": "id.example.com")", "$.auth.token_url", "must be an http or https URL"},
        Mistake{In::oauth2, R"("pkce": "S512")", "$.auth.pkce", "must be one of \"S256\" or \"plain\""},
        Mistake{In::oauth2, R"("client_auth": "post")", "$.auth.client_auth", "must be one of"},
        Mistake{In::oauth2, R"("token_format": "xml")", "$.auth.token_format", "must be one of \"form\""},
        Mistake{In::oauth2, R"("headers": {"Bad Name": "x"})", "$.auth.headers['Bad Name']", "is not a valid header name"},
        Mistake{In::oauth2, R"("remember": {"url": "instance_url"})", "$.auth.remember.url", "must be a path from the whole answer"},
        Mistake{In::oauth2, R"("scopes": "read")", "$.auth.scopes", "must be an array"},
        Mistake{In::oauth2, R"("scopes": [1])", "$.auth.scopes[0]", "must be a string"},
        Mistake{In::oauth2, R"("reauth_errors": [])", "$.auth.reauth_errors", "must not be empty"},
        Mistake{In::oauth2, R"("refresh_before_expiry": {"fraction": 0.6})", "$.auth.refresh_before_expiry.fraction", "at most 0.5"},
        Mistake{In::oauth2, R"("refresh_before_expiry": {"fraction": 0})", "$.auth.refresh_before_expiry.fraction", "greater than 0"},
        Mistake{In::oauth2, R"("rotates_refresh_token": "yes")", "$.auth.rotates_refresh_token", "must be true or false"},
        Mistake{In::oauth2, R"("params": {"a": 1})", "$.auth.params.a", "must be a string"},
        Mistake{In::oauth2, R"("lifetime": "{account.region}")", "$.auth.lifetime", "must be an interval without a placeholder"},
        Mistake{In::oauth2, R"("client_di": "x")", "$.auth.client_di", "unknown key", "\"client_id\""}}));

INSTANTIATE_TEST_SUITE_P(
    Stream, SourceProblems,
    testing::ValuesIn(std::vector<Mistake>{
        Mistake{In::stream, R"("paginaton": {})", kOrders + ".paginaton", "unknown key \"paginaton\"", "Perhaps you meant \"pagination\"."},
        Mistake{In::stream, R"("body": {})", kOrders + ".body", "a GET request with a body", "\"POST\"", true},
        Mistake{In::stream, R"("path": "/{parent.id}", "parent": {"table": "shops", "key": {}})", kOrders + ".parent.key", "must not be empty"},
        Mistake{In::stream, R"("newer_by": "at", "columns": {"id": "id"})", kOrders + ".newer_by", "column \"at\" is not in \"columns\""},
        Mistake{In::stream, R"("method": "DELETE")", kOrders + ".method", "must be one of \"GET\""},
        Mistake{In::stream, R"("method": "get")", kOrders + ".method", "must be one of \"GET\""},
        Mistake{In::stream, R"("response": "xml")", kOrders + ".response", "must be one of \"json\" or \"jsonl\""},
        Mistake{In::stream, R"("conditional": "on")", kOrders + ".conditional", "must be one of \"off\""},
        Mistake{In::stream, R"("absent": "keep", "write": "insert_only")", kOrders + ".absent", "\"keep\" has nothing to keep"},
        Mistake{In::stream, R"("on_new_field": "raw")", kOrders + ".on_new_field", "needs a column that gets the whole record"},
        Mistake{In::stream, R"("write": "replace_window")", kOrders + ".write", "\"replace_window\" needs a cursor"},
        Mistake{In::stream, R"("deletes": {"mode": "field"})", kOrders + ".deletes", "key \"when\" is missing"},
        Mistake{In::stream, R"("deletes": {})", kOrders + ".deletes", "key \"mode\" is missing"},
        Mistake{In::stream, R"("path": "https://other.example.com/x")", kOrders + ".path", "must be a path", "base_url"},
        Mistake{In::stream, R"("path": "/{secret.key}/orders")", kOrders + ".path", "{secret.key} is not allowed in path"},
        Mistake{In::stream, R"("path": "/{parent.id}/orders")", kOrders + ".path", "{parent.id} needs a parent"},
        Mistake{In::stream, R"("path": "/{account.zone}/orders")", kOrders + ".path", "no account setting \"zone\"", "Declare it"},
        Mistake{In::stream, R"("params": {"a": {}})", kOrders + ".params.a", "must be a string, a number, true or false"},
        Mistake{In::stream, R"("params": {"a": ["x", null]})", kOrders + ".params.a[1]", "must be a string"},
        Mistake{In::stream, R"("params": {"": "x"})", kOrders + ".params['']", "a parameter needs a name"},
        Mistake{In::stream, R"("params": {"{account.region}": "x"})", kOrders + ".params['{account.region}']", "no meaning"},
        Mistake{In::stream, R"("params": {"since": "{cursor.start}"})", kOrders + ".params.since", "{cursor.start} needs a cursor"},
        Mistake{In::stream, R"("params": {"a": "{page.token}"})", kOrders + ".params.a", "{page.token} needs pagination of type"},
        Mistake{In::stream, R"("params": {"a": "{page.number}"})", kOrders + ".params.a", "unknown placeholder {page.number}",
                "{page.token} and {page.size}"},
        Mistake{In::stream, R"("params": {"a": "{run.started}"})", kOrders + ".params.a", "unknown placeholder {run.started}",
                "{run.started_at}"},
        Mistake{In::stream, R"("params": {"a": "{account.region|isoo}"})", kOrders + ".params.a", "unknown format \"isoo\"", "\"iso\""},
        Mistake{In::stream, R"("params": {"a": "{run.started_at|csv}"})", kOrders + ".params.a", "format \"csv\" does not apply"},
        Mistake{In::stream, R"("records": "/data")", kOrders + ".records", "is not valid", "write $.data"},
        Mistake{In::stream, R"("records": "data")", kOrders + ".records", "must be a path from the whole answer", "\"$\""},
        Mistake{In::stream, R"("records": "$.data[?(@.x)]")", kOrders + ".records", "is not valid", "Filter expressions"},
        Mistake{In::stream, R"("records_missing": "ignore")", kOrders + ".records_missing", "must be one of \"error\" or \"empty\""},
        Mistake{In::stream, R"("sync_mode": "incremental")", kOrders + ".sync_mode", "needs a cursor"},
        Mistake{In::stream, R"("sync_mode": "full")", kOrders + ".sync_mode", "must be one of"},
        Mistake{In::stream, R"("primary_key": "id")", kOrders + ".primary_key", "must be an array"},
        Mistake{In::stream, R"("primary_key": [])", kOrders + ".primary_key", "must not be empty"},
        Mistake{In::stream, R"("primary_key": ["id", "id"])", kOrders + ".primary_key[1]", "stated twice"},
        Mistake{In::stream, R"("primary_key": ["user.id"])", kOrders + ".primary_key[0]", "not a valid column name"},
        Mistake{In::stream, R"("primary_key": ["account_id"])", kOrders + ".primary_key[0]", "is reserved"},
        Mistake{In::stream, R"("primary_key": {"hash": []})", kOrders + ".primary_key.hash", "must not be empty"},
        Mistake{In::stream, R"("target": "Orders")", kOrders + ".target", "must be the name of a table"},
        Mistake{In::stream, R"("target": "a.b.c")", kOrders + ".target", "must be the name of a table"},
        Mistake{In::stream, R"("every": "0 minutes")", kOrders + ".every", "must be longer than zero"},
        Mistake{In::stream, R"("every": "1hour")", kOrders + ".every", "must be an interval"},
        Mistake{In::stream, R"("every": "{account.regio}")", kOrders + ".every", "no account setting \"regio\"", "{account.region}"},
        Mistake{In::stream, R"("jitter": "2 hours")", kOrders + ".jitter", "longer than \"every\"", "", true},
        Mistake{In::stream, R"("priority": "high")", kOrders + ".priority", "must be an integer"},
        Mistake{In::stream, R"("priority": 99999999999)", kOrders + ".priority", "must not be greater than"},
        Mistake{In::stream, R"("raw": "_synced_at")", kOrders + ".raw", "is reserved"},
        Mistake{In::stream, R"("raw": "id")", kOrders + ".raw", "part of the primary key"},
        Mistake{In::stream, R"("raw": "doc", "columns": {"id": "id", "doc": "doc"})", kOrders + ".raw", "stands in \"columns\" too"}}));

INSTANTIATE_TEST_SUITE_P(
    Pagination, SourceProblems,
    testing::ValuesIn(std::vector<Mistake>{
        Mistake{In::stream, R"("pagination": {})", kOrders + ".pagination", "key \"type\" is missing"},
        Mistake{In::stream, R"("pagination": {"type": "link"})", kOrders + ".pagination.type", "must be one of"},
        Mistake{In::stream, R"("pagination": {"type": "page"})", kOrders + ".pagination", "the page token is not sent", "inject"},
        Mistake{In::stream, R"("pagination": {"type": "cursor", "inject": {"in": "query", "name": "c"}})", kOrders + ".pagination",
                "key \"path\" is missing"},
        Mistake{In::stream, R"("pagination": {"type": "next_url"})", kOrders + ".pagination", "key \"path\" is missing"},
        Mistake{In::stream, R"("pagination": {"type": "next_url", "path": "next"})", kOrders + ".pagination.path",
                "must be a path from the whole answer, or a header"},
        Mistake{In::stream, R"("pagination": {"type": "next_url", "path": "$.links[*]"})", kOrders + ".pagination.path",
                "\"[*]\" is not allowed here"},
        Mistake{In::stream, R"("pagination": {"type": "link_header", "inject": {}})", kOrders + ".pagination.inject",
                "unknown key \"inject\"", "Type \"link_header\" has no such key."},
        Mistake{In::stream, R"("pagination": {"type": "link_header"}, "params": {"p": "{page.size}"})", kOrders + ".params.p",
                "{page.size} needs pagination of type"},
        Mistake{In::stream, R"("pagination": {"type": "page"}, "params": {"p": "{page.token}", "s": "{page.size}"})", kOrders + ".params.s",
                "{page.size} needs \"size\""},
        Mistake{In::pagination, R"("drift": "restart")", kOrders + ".pagination.drift", "must be one of \"ignore\""},
        Mistake{In::pagination, R"("first_request_only": {})", kOrders + ".pagination.first_request_only", "must not be empty"},
        Mistake{In::pagination, R"("sise": 5)", kOrders + ".pagination.sise", "unknown key \"sise\"", "\"size\""},
        Mistake{In::pagination, R"("size": 0)", kOrders + ".pagination.size", "must not be less than 1"},
        Mistake{In::pagination, R"("start": -1)", kOrders + ".pagination.start", "must not be less than 0"},
        Mistake{In::pagination, R"("max_pages": 99999999999999999999)", kOrders + ".pagination.max_pages", "must be an integer"},
        Mistake{In::pagination, R"("inject": {"in": "cookie", "name": "p"})", kOrders + ".pagination.inject.in", "must be one of"},
        Mistake{In::pagination, R"("inject": {"in": "path", "name": "p"})", kOrders + ".pagination.inject.in", "must be one of"},
        Mistake{In::pagination, R"("inject": {"in": "query"})", kOrders + ".pagination.inject", "key \"name\" is missing"},
        Mistake{In::pagination, R"("inject": {"in": "header", "name": "a b"})", kOrders + ".pagination.inject.name",
                "not a valid header"},
        Mistake{In::pagination, R"("inject": {"in": "query", "name": "limit"})", kOrders + ".pagination.inject",
                "parameter \"limit\" stands in \"params\" too"},
        Mistake{In::pagination, R"("total": "total")", kOrders + ".pagination.total", "must be a path from the whole answer"},
        Mistake{In::pagination, R"("done": {"path": "$.end"})", kOrders + ".pagination.done", "needs a test"},
        Mistake{In::pagination, R"("done": {"path": "$.end", "equals": 1, "exists": true})", kOrders + ".pagination.done",
                "exactly one test"},
        Mistake{In::pagination, R"("done": {"equals": 1})", kOrders + ".pagination.done", "key \"path\" is missing"},
        Mistake{In::pagination, R"("done": {"path": "$.end", "in": []})", kOrders + ".pagination.done.in", "must not be empty"},
        Mistake{In::pagination, R"("done": {"path": "$.end", "in": [[]]})", kOrders + ".pagination.done.in[0]", "must be a string"},
        Mistake{In::pagination, R"("done": {"path": "end", "exists": true})", kOrders + ".pagination.done.path", "must be a path"},
        Mistake{In::stream, R"("params": {"p": "{page.token}"}, "pagination": {"type": "page", "inject": {"in": "query", "name": "q"}})",
                kOrders + ".pagination.inject", "the page token is sent twice"},
        Mistake{In::stream, R"("pagination": {"type": "page", "size": 5, "inject": {"in": "query", "name": "q"}})",
                kOrders + ".pagination.size", "the page size is not sent", "{page.size}", true}}));

INSTANTIATE_TEST_SUITE_P(
    Cursor, SourceProblems,
    testing::ValuesIn(std::vector<Mistake>{
        Mistake{In::cursor, R"("feild": "x")", kOrders + ".cursor.feild", "unknown key \"feild\"", "\"field\""},
        Mistake{In::cursor, R"("step": "1 day")", kOrders + ".cursor.step", "\"step\" needs {cursor.end} in the request"},
        Mistake{In::cursor, R"("granularity": "0 seconds")", kOrders + ".cursor.granularity", "must be longer than zero"},
        Mistake{In::cursor, R"("retention": "{run.started_at}")", kOrders + ".cursor.retention", "{run.started_at} is not allowed in an interval"},
        Mistake{In::cursor, R"("advance_to": "slice_end", "filter": "client")", kOrders + ".cursor.advance_to", "\"slice_end\" needs a server that filters"},
        Mistake{In::cursor, R"("boundary": "open")", kOrders + ".cursor.boundary", "must be one of"},
        Mistake{In::cursor, R"("type": "opaque", "order": "unknown")", kOrders + ".cursor.order", "needs an order"},
        Mistake{In::cursor, R"("type": "datetime")", kOrders + ".cursor.type", "must be one of"},
        Mistake{In::cursor, R"("field": {"max_of": []})", kOrders + ".cursor.field.max_of", "must not be empty"},
        Mistake{In::cursor, R"("field": "$.at")", kOrders + ".cursor.field", "must be a path from the record"},
        Mistake{In::cursor, R"("field": "items[*].at")", kOrders + ".cursor.field", "\"[*]\" is not allowed here"},
        Mistake{In::cursor, R"("format": "sql")", kOrders + ".cursor.format", "unknown time format \"sql\"", "declare others in \"formats\""},
        Mistake{In::cursor, R"("format": "epochms")", kOrders + ".cursor.format", "unknown time format", "\"epoch_ms\""},
        Mistake{In::cursor, R"("filter": "upstream")", kOrders + ".cursor.filter", "must be one of"},
        Mistake{In::cursor, R"("lookback": 300)", kOrders + ".cursor.lookback", "must be an interval", "\"integer\""},
        Mistake{In::cursor, R"("lookback": "{account.region|date}")", kOrders + ".cursor.lookback", "an interval takes no format"},
        Mistake{In::cursor, R"("lookback": "-5 minutes")", kOrders + ".cursor.lookback", "must be an interval"},
        Mistake{In::cursor, R"("initial": "yesterday")", kOrders + ".cursor.initial", "must be a point in time", "90 days ago"},
        Mistake{In::cursor, R"("initial": "2024-13-01")", kOrders + ".cursor.initial", "out of range"},
        Mistake{In::cursor, R"("initial": "2024-01-01T00:00:00")", kOrders + ".cursor.initial", "must be a point in time"},
        Mistake{In::cursor, R"("initial": 5)", kOrders + ".cursor.initial", "must be a point in time"},
        Mistake{In::cursor, R"("initial": "{account.region}-01-01")", kOrders + ".cursor.initial", "one placeholder and nothing else"},
        Mistake{In::cursor, R"("initial": "{account.start}")", kOrders + ".cursor.initial", "no account setting \"start\""},
        Mistake{In::cursor, R"("end": "{cursor.start}")", kOrders + ".cursor.end", "is not allowed in a cursor's bounds"},
        Mistake{In::integer_cursor, R"("lookback": "1 hour")", kOrders + ".cursor.lookback", "must be an integer"},
        Mistake{In::integer_cursor, R"("lookback": -1)", kOrders + ".cursor.lookback", "must not be less than 0"},
        Mistake{In::integer_cursor, R"("initial": "2024-01-01")", kOrders + ".cursor.initial", "must be an integer"},
        Mistake{In::integer_cursor, R"("end": "now")", kOrders + ".cursor.end", "has no \"end\""},
        Mistake{In::integer_cursor, R"("format": "iso")", kOrders + ".cursor.format", "no effect", "", true},
        Mistake{In::stream, R"("cursor": {"type": "timestamp", "order": "asc"})", kOrders + ".cursor", "key \"field\" is missing"},
        Mistake{In::stream, R"("cursor": {"field": "at", "order": "asc"})", kOrders + ".cursor", "key \"type\" is missing"},
        Mistake{In::stream, R"("cursor": {"field": "at", "type": "timestamp"})", kOrders + ".cursor", "every run reads everything",
                "State \"order\"", true},
        Mistake{In::stream, R"("cursor": {"field": "at", "type": "timestamp", "filter": "server"})", kOrders + ".cursor.filter",
                "needs {cursor.start} in the request", "params"},
        Mistake{In::stream, R"("sync_mode": "full_refresh", "cursor": {"field": "at", "type": "timestamp"})", kOrders + ".cursor",
                "the cursor is not used", "", true},
        Mistake{In::stream, R"("params": {"s": "{cursor.start|iso}"}, "cursor": {"field": "id", "type": "integer"})", kOrders + ".params.s",
                "takes no format"},
        Mistake{In::stream, R"("params": {"s": "{cursor.start}", "e": "{cursor.end}"}, "cursor": {"field": "id", "type": "integer"})",
                kOrders + ".params.e", "{cursor.end} has no value"}}));

INSTANTIATE_TEST_SUITE_P(
    Columns, SourceProblems,
    testing::ValuesIn(std::vector<Mistake>{
        Mistake{In::stream, R"("columns": ["id"])", kOrders + ".columns", "must be an object"},
        Mistake{In::stream, R"("columns": {"user_id": "id"})", kOrders + ".primary_key", "column \"id\" is not in \"columns\""},
        Mistake{In::column, R"("odd name": "x")", kOrders + ".columns['odd name']", "not a valid column name"},
        Mistake{In::column, R"("account_id": "x")", kOrders + ".columns.account_id", "is reserved"},
        Mistake{In::column, R"("_upstream_run": "x")", kOrders + ".columns._upstream_run", "is reserved"},
        Mistake{In::column, R"("a": 1)", kOrders + ".columns.a", "must be a path or an object"},
        Mistake{In::column, R"("a": {})", kOrders + ".columns.a", "needs \"path\" or \"value\""},
        Mistake{In::column, R"("a": {"path": "a", "value": 1})", kOrders + ".columns.a", "not both"},
        Mistake{In::column, R"("a": {"path": []})", kOrders + ".columns.a.path", "must not be empty"},
        Mistake{In::column, R"("a": {"path": ["a", "b c"]})", kOrders + ".columns.a.path[1]", "is not valid"},
        Mistake{In::column, R"("a": "@.b")", kOrders + ".columns.a", "is not valid", "write b"},
        Mistake{In::column, R"("a": "items[*].id")", kOrders + ".columns.a", "\"[*]\" gives a list", "\"jsonb\""},
        Mistake{In::column, R"("a": {"path": "items[*].id", "type": "text"})", kOrders + ".columns.a.path", "\"[*]\" gives a list"},
        Mistake{In::column, R"("a": {"path": "a", "type": "json"})", kOrders + ".columns.a.type", "unknown column type \"json\"",
                "Perhaps you meant \"jsonb\"."},
        Mistake{In::column, R"("a": {"path": "a", "type": "string"})", kOrders + ".columns.a.type", "unknown column type \"string\"",
                "Known types are text"},
        Mistake{In::column, R"("a": {"path": "a", "type": "text; drop table x"})", kOrders + ".columns.a.type", "unknown column type"},
        Mistake{In::column, R"x("a": {"path": "a", "type": "varchar(0)"})x", kOrders + ".columns.a.type", "unknown column type"},
        Mistake{In::column, R"x("a": {"path": "a", "type": "numeric(5,9)"})x", kOrders + ".columns.a.type", "unknown column type"},
        Mistake{In::column, R"("a": {"path": "a", "format": "dd.mm"})", kOrders + ".columns.a.format", "unknown time format"},
        Mistake{In::column, R"("a": {"path": "a", "typ": "text"})", kOrders + ".columns.a.typ", "unknown key", "\"type\""},
        Mistake{In::column, R"("a": {"value": "{secret.token}"})", kOrders + ".columns.a.value",
                "{secret.token} is not allowed in columns"},
        Mistake{In::column, R"("a": {"value": "{page.token}"})", kOrders + ".columns.a.value", "{page.token} is not allowed in columns"},
        Mistake{In::column, R"("a": {"value": null})", kOrders + ".columns.a.value", "must be a string, a number, true or false"},
        Mistake{In::column, R"("a": {"value": "{parent.id}"})", kOrders + ".columns.a.value", "{parent.id} needs a parent"}}));

TEST(SourceProblemsTogether, AreAllToldInDocumentOrder) {
    const std::vector<Problem> problems = problems_of(R"({
        "spec_version": 2, "sorce": "shop", "base_url": "nowhere", "auth": {"type": "bearer"},
        "streams": {"b": {"path": "/b", "target": "b", "primary_key": ["id"], "every": "soon"},
                    "a": {"path": "/a", "target": "a", "primary_key": ["id"], "pagination": {"type": "page"}, "method": "PSOT"}}})");
    std::vector<std::string> paths;
    for (const Problem& problem : problems) paths.push_back(problem.path);
    EXPECT_EQ(paths, (std::vector<std::string>{"$", "$.spec_version", "$.sorce", "$.base_url", "$.auth", "$.streams.b.every",
                                               "$.streams.a.pagination", "$.streams.a.method"}));
}

TEST(SourceProblemsTogether, OfSharedDefaultsAreToldOnce) {
    const std::vector<Problem> problems = problems_of(R"({
        "spec_version": 1, "source": "s", "base_url": "https://a.b", "auth": {"type": "none"},
        "defaults": {"primary_key": ["id"], "every": "soon", "params": {"x": "{account.y}"}},
        "streams": {"a": {"path": "/a", "target": "a"}, "b": {"path": "/b", "target": "b"}}})");
    ASSERT_EQ(problems.size(), 2U);
    EXPECT_EQ(problems[0].path, "$.defaults.every");
    EXPECT_EQ(problems[1].path, "$.defaults.params.x");
}

TEST(SourceProblemsTogether, OfDefaultsThatNoStreamTakesAreToldToo) {
    const std::vector<Problem> problems = problems_of(R"({
        "spec_version": 1, "source": "s", "base_url": "https://a.b", "auth": {"type": "none"},
        "defaults": {"every": "soon"},
        "streams": {"a": {"path": "/a", "target": "a", "primary_key": ["id"], "every": "1 hour"}}})");
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_EQ(problems[0].path, "$.defaults.every");
}

TEST(SourceProblemsTogether, KeysThatAreMissingAreNamed) {
    std::vector<std::string> messages;
    for (const Problem& problem : problems_of("{}")) messages.push_back(problem.message);
    EXPECT_EQ(messages, (std::vector<std::string>{"key \"spec_version\" is missing", "key \"source\" is missing",
                                                  "key \"base_url\" is missing", "key \"auth\" is missing",
                                                  "key \"streams\" is missing"}));
}

TEST(SourceProblemsTogether, ASpecHasToBeAnObject) {
    for (const char* text : {"[]", "null", "\"spec\"", "1"}) {
        const std::vector<Problem> problems = problems_of(text);
        ASSERT_EQ(problems.size(), 1U);
        EXPECT_EQ(problems[0].path, "$");
        EXPECT_EQ(problems[0].message, "must be an object");
    }
}

TEST(SourceProblemsTogether, ParametersMayNotCollideWithTheApiKey) {
    const std::string auth = R"(, "auth": {"type": "api_key", "in": "query", "name": "key", "value": "{secret.k}"})";
    const std::vector<Problem> problems = problems_of(source_members(stream_members(R"(, "params": {"key": 1})"), auth));
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_NE(problems[0].message.find("would be sent twice"), std::string::npos);
}

TEST(SourceProblemsTogether, ValuesOfEveryKindInEveryPlaceAreRefusedNotCrashedOn) {
    const std::vector<std::string> values{"null", "true", "0",  "-1e5",            "\"\"",         "\"{\"",
                                          "[]",   "[[]]", "{}", R"({"type": 1})", R"({"x": {}})"};
    const std::vector<std::string> keys{"spec_version", "source", "base_url", "headers", "timeouts", "account", "auth",
                                        "retry",        "defaults", "streams", "allowed_hosts", "check"};
    const std::vector<std::string> stream_keys{"path",        "params", "headers", "records", "pagination", "cursor",
                                               "primary_key", "write",  "target",  "columns", "raw",        "every",
                                               "deletes",     "priority", "method", "sync_mode"};
    for (const std::string& value : values) {
        for (const std::string& key : keys) (void)problems_of(source_members(stream_members(""), ", \"" + key + "\": " + value));
        for (const std::string& key : stream_keys) {
            (void)problems_of(source_members(stream_members(", \"" + key + "\": " + value), ""));
            (void)problems_of(source_members(stream_members(""), R"(, "defaults": {")" + key + "\": " + value + "}"));
        }
    }
}

}  // namespace
}  // namespace upstream::core
