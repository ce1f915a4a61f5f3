// A source: one upstream API as its spec describes it, checked and ready to use.
//
// The grammar is documented in docs/sources.md. read_source() is the authority on what is valid: it reports every problem at once, each with
// its JSON path, what is wrong and a hint; an unknown key comes with the nearest known one, and a key of the grammar that this version
// does not carry out yet is refused by name rather than ignored.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/cursor.hpp"
#include "core/json.hpp"
#include "core/path.hpp"
#include "core/result.hpp"
#include "core/text.hpp"
#include "core/time.hpp"

namespace upstream::core {

using Params = std::vector<std::pair<std::string, std::vector<Text>>>;  // an array repeats the name
using HeaderTexts = std::vector<std::pair<std::string, Text>>;

struct OAuth2 {
    enum class ClientAuth { basic, body, none };
    Text token_url;
    std::optional<Text> refresh_url{};
    Text client_id = *Text::parse("{secret.client_id}");
    Text client_secret = *Text::parse("{secret.client_secret}");
    ClientAuth client_auth = ClientAuth::basic;
    std::vector<std::string> scopes{};
    std::string scope_separator = " ";
    std::vector<std::pair<std::string, Text>> params{};
    Duration refresh_at_most = std::chrono::minutes(5);  // margin before expiry: the smaller of this
    double refresh_fraction = 0.2;                       // and this part of the lifetime
    bool rotates_refresh_token = false;
    std::vector<std::string> reauth_errors{"invalid_grant"};
    Duration lifetime = std::chrono::hours(1);  // if the answer names none
    std::string prefix = "Bearer";
};

struct Auth {
    enum class Type { none, bearer, api_key, basic, oauth2 };
    enum class Place { header, query, cookie };
    Type type = Type::none;
    Text token{};                      // bearer
    std::string prefix{};              // bearer ("Bearer" if absent), api_key
    Place place = Place::header;       // api_key
    std::string name{};                // api_key
    Text value{};                      // api_key
    Text username = *Text::parse("{secret.username}");  // basic
    Text password = *Text::parse("{secret.password}");
    std::optional<OAuth2> oauth2{};
};

// A test on the answer. Exactly one of the tests is stated.
struct Condition {
    Path path;
    std::optional<std::vector<std::string>> in{};      // raw JSON scalars ("null", "true", "1", "\"x\"")
    std::optional<std::vector<std::string>> not_in{};
    std::optional<bool> exists{};
    std::optional<std::string> contains{};
};

struct Pagination {
    enum class Type { none, cursor, page, offset, link_header, next_url };
    enum class Place { query, header };
    struct Inject {
        Place in = Place::query;
        std::string name;
    };
    Type type = Type::none;
    std::optional<Path> path{};      // cursor: the token; next_url: the URL
    std::optional<Inject> inject{};  // absent where {page.token} stands in the request
    std::optional<Path> has_more{};
    std::optional<Path> total{};
    std::optional<Condition> done{};
    std::optional<std::int64_t> size{};
    std::int64_t start = 0;          // page: 1 unless stated, offset: 0
    std::string rel = "next";
    std::int64_t max_pages = 100'000;  // more pages than this fail the run
};

struct Column {
    std::string name;
    std::vector<Path> paths{};     // the first with a value counts
    std::optional<Text> value{};   // instead of a path
    std::string type{};            // SQL type for a table that we create; "text" if none is stated
    std::optional<TimeFormat> format{};
};

struct Retry {
    int max_attempts = 5;  // in one CALL; the worker never gives up
    Duration base = std::chrono::seconds(1);
    Duration max = std::chrono::minutes(5);
    double jitter = 1.0;             // part of the wait that is random
    std::vector<std::string> on{};   // statuses that are retried besides 408, 429 and 5xx: "409", "4xx"
};

struct Stream {
    std::string name;
    Text path;
    Params params{};
    HeaderTexts headers{};
    Path records = *Path::parse("$");
    bool records_missing_is_empty = false;
    Pagination pagination{};
    bool incremental = false;           // sync_mode: incremental if there is a cursor
    std::optional<Cursor> cursor{};
    std::vector<std::string> primary_key{};
    std::string target{};               // as written: "table" or "schema.table"
    std::vector<Column> columns{};      // empty: every column of the target takes the member of its name
    std::string raw{};                  // jsonb column for the whole record, "" for none
    Duration every = std::chrono::hours(1);
    Duration jitter = Duration{0};
    int priority = 0;
};

struct Setting {  // account.properties
    std::string name;
    std::string type = "string";  // string integer number boolean array
    std::string format{};         // host url date timestamp interval uuid
    std::optional<std::string> fallback{};  // "default", as text
    bool required = false;
    std::vector<std::string> allowed{};     // "enum", as texts
    std::string pattern{};
};

struct Source {
    std::string name;
    Text base_url;
    std::vector<std::string> allowed_hosts{};
    HeaderTexts headers{};
    std::optional<Duration> connect_timeout{};
    std::optional<Duration> total_timeout{};
    std::vector<Setting> settings{};
    Auth auth{};
    Retry retry{};
    std::vector<Stream> streams{};

    [[nodiscard]] const Stream* stream(std::string_view name) const;
    [[nodiscard]] std::optional<std::string> nearest_stream(std::string_view name) const;
};

struct Problem {
    std::string path;     // "$.streams.orders.pagination.size"
    std::string message;  // Postgres' style
    std::string hint;     // "" if there is none
    bool warning = false; // the spec works, but probably not as meant
};

struct Reading {
    std::optional<Source> source;   // absent if a problem is not just a warning
    std::vector<Problem> problems;  // in document order
};

// Reads a spec.
[[nodiscard]] Reading read_source(json::Value spec);

// What is wrong with an account's config for that source: unknown, missing or ill-typed settings. Empty if nothing is.
[[nodiscard]] std::vector<Problem> check_account(const Source& source, json::Value config);

}  // namespace upstream::core
