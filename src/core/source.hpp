// A source: one upstream API as its spec describes it, checked and ready to use.
//
// The grammar is documented in docs/sources.md. read_source() is the authority on what is valid: it reports every problem at once, each with
// its JSON path, what is wrong and a hint; an unknown key comes with the nearest known one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/cursor.hpp"
#include "core/json.hpp"
#include "core/json_text.hpp"
#include "core/path.hpp"
#include "core/result.hpp"
#include "core/text.hpp"
#include "core/time.hpp"

namespace upstream::core {

using Params = std::vector<std::pair<std::string, std::vector<Text>>>;  // an array repeats the name
using HeaderTexts = std::vector<std::pair<std::string, Text>>;
using Texts = std::vector<std::pair<std::string, Text>>;
using Formats = std::map<std::string, TimeFormat, std::less<>>;  // key `formats`: a spec's own time formats by name

// A span of time that a spec states, or leaves to a setting of the account ("{account.x}").
struct Interval {
    Duration span{0};
    std::optional<Text> from{};  // instead of span
};

// ---------------------------------------------------------------- signing in

enum class BodyFormat { json, form, text };

// Part of a request that a value goes into.
enum class Place { header, query, cookie, body };

// Where a credential goes. A name in a body is dotted for nested members.
struct Send {
    Place in = Place::header;
    std::string name = "Authorization";
    std::string prefix = "Bearer";  // before the value, with one space; "" for none
};

// Account settings that are taken from a token's answer: setting, and where its value is.
using Remember = std::vector<std::pair<std::string, Path>>;

struct OAuth2 {
    enum class Grant { refresh_token, client_credentials, password };
    enum class ClientAuth { basic, body, none };
    enum class TokenFormat { form, json, query };
    Grant grant = Grant::refresh_token;
    Text token_url;
    std::optional<Text> refresh_url{};
    Text client_id = *Text::parse("{secret.client_id}");
    Text client_secret = *Text::parse("{secret.client_secret}");
    ClientAuth client_auth = ClientAuth::basic;
    TokenFormat token_format = TokenFormat::form;
    std::vector<std::string> scopes{};
    std::string scope_separator = " ";
    Texts params{};   // further members of the token request
    Texts headers{};  // further headers of it
    Duration refresh_at_most = std::chrono::minutes(5);  // margin before expiry: the smaller of this
    double refresh_fraction = 0.2;                       // and this part of the lifetime
    bool rotates_refresh_token = false;
    std::vector<std::string> reauth_errors{"invalid_grant"};
    Duration lifetime = std::chrono::hours(1);  // if the answer names none
    std::string prefix = "Bearer";
    std::optional<Send> send{};  // instead of the Authorization header

    // Where the answer holds what; the standard names where absent.
    struct Answer {
        std::optional<Path> access_token{}, refresh_token{}, expires_in{}, expires_at{};
        TimeFormat expires_at_format = TimeFormat::iso;
    };
    Answer answer{};
    Remember remember{};
};

struct Auth;

// A session token is asked for first, then sent.
struct Login {
    std::string method = "POST";
    Text url;  // whole, or a path under base_url
    Params params{};
    HeaderTexts headers{};
    std::optional<JsonText> body{};
    BodyFormat body_format = BodyFormat::json;
    std::shared_ptr<const Auth> auth{};  // of the login request itself; null for none
    Path token;
    std::optional<Path> expires_in{};
    Duration lifetime = std::chrono::hours(1);
    Send send{};
    Remember remember{};
};

// A token that we sign ourselves; with token_url it is exchanged for an access token (RFC 7523).
struct Jwt {
    enum class Algorithm { hs256, hs384, hs512, rs256, rs384, rs512, es256, es384 };
    enum class KeyEncoding { text, base64, hex };
    Algorithm algorithm = Algorithm::hs256;
    Text key;
    KeyEncoding key_encoding = KeyEncoding::text;
    Texts headers{};  // further members of its header, such as kid
    std::vector<std::pair<std::string, JsonText>> claims{};
    Duration lifetime = std::chrono::minutes(5);  // exp minus iat
    std::optional<Text> token_url{};
    Send send{};
};

struct Auth {
    enum class Type { none, bearer, api_key, basic, oauth2, login, jwt };
    using Place = core::Place;
    Type type = Type::none;
    Text token{};                      // bearer
    std::string prefix{};              // bearer ("Bearer" if absent), api_key
    Place place = Place::header;       // api_key
    std::string name{};                // api_key
    Text value{};                      // api_key
    Text username = *Text::parse("{secret.username}");  // basic
    Text password = *Text::parse("{secret.password}");
    std::optional<OAuth2> oauth2{};
    std::optional<Login> login{};
    std::optional<Jwt> jwt{};

    // Whether a token has to be had before the first request, and is kept for the account.
    [[nodiscard]] bool has_token() const { return oauth2 || login || (jwt && jwt->token_url); }
};

// ---------------------------------------------------------------- answers

// A test on the answer or a record. Exactly one of the tests is stated.
struct Condition {
    Path path;
    std::optional<std::vector<std::string>> in{};      // raw JSON scalars ("null", "true", "1", "\"x\"")
    std::optional<std::vector<std::string>> not_in{};
    std::optional<bool> exists{};
    std::optional<std::string> contains{};
};

// A status code or a class of them: 404, or 4 for "4xx".
using StatusClass = int;

// One reaction to an answer; of all that apply the first decides: the stream's, then the source's, then the built-in ones.
struct ResponseRule {
    enum class Do { ok, empty, retry, rate_limited, reauth, refresh_then_retry, reset_pagination, shrink_page, skip_partition, fail };
    std::vector<StatusClass> status{};    // any of these; empty: whatever the status
    std::optional<Condition> condition{};
    Do action = Do::fail;
};
using ResponseRules = std::vector<ResponseRule>;

struct Pagination {
    enum class Type { none, cursor, page, offset, link_header, next_url };
    enum class Drift { ignore, overlap, restart_slice };
    using Place = core::Place;  // query, header or body
    struct Inject {
        Place in = Place::query;
        std::string name;  // in a body dotted: "variables.after"
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
    Drift drift = Drift::ignore;       // what to do about rows that change page while we read
    std::vector<std::string> first_params{};  // first_request_only: parameters
    bool first_body = false;                  // first_request_only: the whole body
};

// ---------------------------------------------------------------- streams

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

// A wider re-read for rows that change behind the cursor, on its own schedule; it never moves the cursor.
struct Rescan {
    Interval every{};
    Interval lookback{};
};

// How rows that are gone upstream are noticed.
struct Deletes {
    enum class Mode { none, field, missing, feed };
    Mode mode = Mode::none;
    std::optional<Condition> when{};                   // field, feed: the record means a deletion
    std::string stream{};                              // feed: the stream that lists deletions
    std::vector<std::pair<std::string, Path>> key{};   // feed: column of the primary key, path in the feed's record
    bool soft = true;                                  // sets _deleted_at; else the row goes
    double max_fraction = 0.5;                         // more than this part of the account's rows at once stops the run
};

// Read once for each row of another stream's target, or of any table or view.
struct Parent {
    std::string stream{};                                   // either this
    std::string table{};                                    // or that
    std::vector<std::pair<std::string, std::string>> key{};  // placeholder, column
    std::optional<Text> where{};                            // SQL; placeholders are bound
    std::string order_by{};
    std::optional<std::int64_t> limit{};                    // rows per run
    std::optional<std::int64_t> batch_size{};               // rows per request, {parents.x|csv}
    std::string only_changed{};                             // column that is newer than at the last read of that row
    std::string touch{};                                    // column that is set to the run's start in the same commit
};

// Read once for each value of a list. Several lists, and a parent, multiply.
struct Partition {
    std::string name;
    std::vector<std::string> values{};
    std::optional<Text> from{};  // instead of values: a setting that is a list
};

// A list inside a record, into a table of its own.
struct Expand {
    std::string name;
    Path records;
    std::string target;
    std::vector<std::string> primary_key{};
    std::vector<std::pair<std::string, Path>> inherit{};  // column, path in the outer record
    std::vector<Column> columns{};
    std::string raw{};
    bool replace = false;  // rows of the outer record that are no longer listed go
    std::optional<Path> more_path{};  // true when the inner list was cut:
    std::string more_stream{};        // then this stream reads that parent
};

struct Stream {
    enum class Write { upsert, append, insert_only, replace, replace_window };
    enum class OnNewField { ignore, raw, add_column, fail };
    enum class Conditional { off, etag, last_modified };

    std::string name;
    std::optional<Text> base_url{};   // instead of the source's
    std::optional<Auth> auth{};       // instead of the source's
    std::string method = "GET";
    Text path;
    Params params{};
    HeaderTexts headers{};
    std::optional<JsonText> body{};
    BodyFormat body_format = BodyFormat::json;
    bool jsonl = false;                 // response: one record a line
    Path records = *Path::parse("$");
    bool records_missing_is_empty = false;
    ResponseRules responses{};
    Pagination pagination{};
    bool incremental = false;           // sync_mode: incremental if there is a cursor
    std::optional<Cursor> cursor{};
    std::vector<Rescan> rescan{};
    std::vector<std::string> primary_key{};  // empty with key_hash
    std::vector<Path> key_hash{};            // primary_key.hash: values that make the key of rows without identity
    bool key_occurrence = false;             // equal rows are numbered and kept
    Write write = Write::upsert;
    std::string newer_by{};             // column; an incoming row whose value is smaller than the stored one is dropped
    bool absent_keeps = false;          // absent: a missing member leaves the stored value
    Deletes deletes{};
    std::optional<Parent> parent{};
    std::vector<Partition> partitions{};
    std::vector<Expand> expand{};
    std::string transform{};            // schema.function(record jsonb, context jsonb) returns setof jsonb
    std::string after_page{};           // schema.function(account_id integer, run_id bigint)
    std::string target{};               // as written: "table" or "schema.table"
    std::vector<Column> columns{};      // empty: every column of the target takes the member of its name
    std::string raw{};                  // jsonb column for the whole record, "" for none
    OnNewField on_new_field = OnNewField::ignore;
    Duration every = std::chrono::hours(1);
    std::optional<Text> every_from{};   // instead of every
    std::string at{};                   // times of day or a cron line, "" for none
    Duration jitter = Duration{0};
    int priority = 0;
    Conditional conditional = Conditional::off;

    // Whether rows replace what was there of the account: as a whole, or within the bounds of a slice.
    [[nodiscard]] bool replaces() const { return write == Write::replace || write == Write::replace_window; }

    // Whether each row is known by a key; else all that comes is added.
    [[nodiscard]] bool has_identity() const { return write != Write::append && (!replaces() || !primary_key.empty() || !key_hash.empty()); }

    // Whether a full run takes out what it has not met.
    [[nodiscard]] bool sweeps() const { return deletes.mode == Deletes::Mode::missing; }

    // Whether one run consists of several reads, each with a cursor of its own.
    [[nodiscard]] bool is_partitioned() const { return parent || !partitions.empty(); }
};

// ---------------------------------------------------------------- the source

struct Setting {  // account.properties
    std::string name;
    std::string type = "string";  // string integer number boolean array
    std::string format{};         // host url date timestamp interval uuid
    std::optional<std::string> fallback{};  // "default", as text
    bool required = false;
    std::vector<std::string> allowed{};     // "enum", as texts
    std::string pattern{};
};

// account.derived: a setting computed from another by a closed table.
struct Derived {
    std::string name;
    std::string from;
    std::vector<std::pair<std::string, Text>> map{};  // value, text; "*" is any other value, "" is none
};

// The request that proves that an account works.
struct AccountCheck {
    Text path;
    std::string method = "GET";
    Params params{};
    std::optional<JsonText> body{};
};

struct RateLimit {
    enum class Scope { source, app, account };
    enum class Algorithm { fixed_window, sliding_window, token_bucket };
    enum class ResetFormat { epoch, epoch_ms, seconds, ms, iso };
    enum class WaitFormat { automatic, seconds, ms, epoch, iso };
    enum class UsageFormat { meta_buc, used_over_limit, percent };
    struct Budget {
        Scope scope = Scope::account;
        double limit = 0;  // requests, or units of cost
        Interval per{};
        Algorithm algorithm = Algorithm::sliding_window;
        std::string match_method{};  // only these requests
        std::string match_path{};    // "*" one segment, a final "**" the rest
        double cost = 1;
    };
    std::vector<Budget> budgets{};
    std::vector<std::string> remaining{}, limit{}, reset{}, retry_after{"Retry-After"};  // names of headers
    ResetFormat reset_format = ResetFormat::epoch;
    WaitFormat retry_after_format = WaitFormat::automatic;
    struct Usage {
        std::string name;
        UsageFormat format = UsageFormat::percent;
        double slow_down_at_percent = 80;
    };
    std::optional<Usage> usage{};
    double reserve = 0;  // part of each budget that is left to others
};

struct Concurrency {
    std::optional<std::int64_t> source{}, account{}, stream{};
};

struct Breaker {
    enum class Scope { source, account, stream };
    std::int64_t failures = 5;  // in a row
    Duration cooldown = std::chrono::minutes(1);
    Scope scope = Scope::source;
};

// Several requests in one HTTP call, in the form of Meta's Graph API.
struct BatchCalls {
    std::int64_t max = 50;
    bool counts_each = true;  // what the upstream charges: each request, or one
};

struct Webhook {
    enum class Handshake { none, meta_hub, echo };
    enum class Scheme { hmac, standard_webhooks, shared_secret };
    enum class Hash { sha1, sha256, sha512 };
    struct Event {
        enum class Do { upsert, erase, mark_due, ignore };
        std::optional<Condition> when{};
        Do action = Do::ignore;
        std::string stream{};
        Path records = *Path::parse("$");
        std::vector<std::pair<std::string, Path>> map{};  // dotted member of the stream's record, path in the call
        std::optional<Path> occurred_at{};
        TimeFormat occurred_at_format = TimeFormat::iso;
    };
    std::string path;
    Handshake handshake = Handshake::none;
    Text verify_token{};
    std::optional<Path> echo{};
    Scheme scheme = Scheme::hmac;
    Hash hash = Hash::sha256;
    std::string header{};  // hmac: with the signature; standard_webhooks: signature's
    std::string prefix{};
    std::string field_timestamp{}, field_signature{};  // the header is a list "a=...,b=..."
    std::string signed_text = "{body}";                // of {body}, {timestamp}, {id}, {url}
    std::string timestamp_header{};
    std::string id_header{};
    bool base64 = false;  // of the signature; else hex
    Text key{};
    Jwt::KeyEncoding key_encoding = Jwt::KeyEncoding::text;
    std::optional<Duration> tolerance{};
    Place secret_in = Place::header;  // shared_secret
    std::string secret_name{};
    std::optional<Path> dedup_key{};
    Duration dedup_keep = std::chrono::hours(24 * 7);
    std::optional<Path> route_path{};
    std::string route_setting{};
    std::vector<Event> events{};
};

struct Source {
    std::string name;
    Text base_url;
    std::vector<std::string> allowed_hosts{};
    HeaderTexts headers{};
    std::optional<Duration> connect_timeout{};
    std::optional<Duration> first_byte_timeout{};
    std::optional<Duration> total_timeout{};
    std::vector<Setting> settings{};
    std::vector<Derived> derived{};
    Formats formats{};
    Auth auth{};                                          // the first of `ways`, if there are several
    std::vector<std::pair<std::string, Auth>> ways{};     // auth.one_of: an account names one in its config key "auth"
    std::optional<AccountCheck> check{};
    std::optional<RateLimit> rate_limit{};
    Concurrency concurrency{};
    Retry retry{};
    ResponseRules responses{};
    std::optional<Breaker> breaker{};
    std::optional<BatchCalls> batch{};
    std::optional<Webhook> webhook{};
    std::vector<Stream> streams{};

    [[nodiscard]] const Stream* stream(std::string_view name) const;
    [[nodiscard]] std::optional<std::string> nearest_stream(std::string_view name) const;

    // The time format of that name: one that every spec knows, or one of `formats`.
    [[nodiscard]] std::optional<TimeFormat> time_format(std::string_view name) const;
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

// What is wrong with an account's config for these streams of that source: unknown, missing or ill-typed settings. Empty if nothing is.
[[nodiscard]] std::vector<Problem> check_account(const Source& source, json::Value config, std::span<const Stream* const> streams = {});

}  // namespace upstream::core
