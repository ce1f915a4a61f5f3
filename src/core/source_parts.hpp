// What the files that read a source spec share. Nobody else includes this.
//
// Reading has two halves. The first takes each part by its shape and notes every text with placeholders; the second (source_text,
// source_check*) judges what can only be judged with the whole stream, or with all of them, at hand.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/source.hpp"
#include "core/spec_reader.hpp"

namespace upstream::core::parts {

// The part of a spec that a text stands in; it decides which placeholders the text may hold.
enum class Spot {
    base_url,
    source_header,
    auth,
    check_path,
    check,
    path,
    param,
    header,
    body,
    bound,
    interval,
    column,
    derived,
    partition,
    where,
    webhook,
};

struct TextUse {
    Spot spot;
    Where where;
    Text text;
    bool whole_json = false;  // a body's string that is one placeholder and nothing else: it keeps the value's type
};

// What all parts need.
struct Reader {
    Problems problems{};
    std::vector<std::string> settings{};  // names that {account.x} may have
    bool settings_known = true;           // false if the account section is too broken to tell
    Formats formats{};                    // key `formats`
    bool formats_known = true;
    std::vector<std::pair<std::string, Auth>> ways{};  // auth.one_of
};

// A stream as read, with what its cross checks need.
struct StreamDraft {
    Stream stream{};
    Where where{};
    std::vector<TextUse> texts{};
    std::map<std::string, Where, std::less<>> keys{};  // where each key stands: "cursor", "pagination.size"
    bool request_ok = true;                            // path, params, headers and body were readable
    bool pagination_ok = true;
    bool columns_ok = true;
    bool parent_ok = true;
    std::optional<Cursor::Filter> stated_filter{};

    [[nodiscard]] bool states(std::string_view key) const { return keys.contains(key); }
    [[nodiscard]] const Where& at(std::string_view key) const {  // the stream itself, if the key is not stated
        const auto found = keys.find(key);
        return found == keys.end() ? where : found->second;
    }
};

// ---- values of the grammar (source_values.cpp)

// A span of time such as "5 minutes".
enum class Zero { allowed, refused };
std::optional<Duration> read_interval(const Node& node, Problems& problems, Zero zero);
std::optional<Duration> interval(const ObjectReader& object, std::string_view key, Problems& problems, Zero zero = Zero::refused);

// The same, or "{account.x}".
std::optional<Interval> read_span(const Node& node, Zero zero, std::vector<TextUse>& uses, Problems& problems);

// The kinds of paths that the grammar knows, and whether [*] may stand in one.
enum class PathKind { document, record, answer, any };
enum class Wildcard { allowed, refused };
std::optional<Path> read_path(const Node& node, PathKind kind, Wildcard wildcard, Problems& problems);
std::optional<Path> path(const ObjectReader& object, std::string_view key, PathKind kind, Problems& problems);  // without [*]

// A format that a time can be read by.
std::optional<TimeFormat> read_time_format(const Node& node, Reader& reader);

// Names: of ours; a column that a spec may fill, or one that it only reads; a table; a function.
bool check_name(const Where& where, std::string_view name, Problems& problems);
bool check_column_name(const Where& where, std::string_view name, Problems& problems);
std::optional<std::string> read_column_name(const Node& node, Problems& problems);
std::optional<std::string> read_any_column(const Node& node, Problems& problems);
std::optional<std::string> read_relation(const Node& node, Problems& problems);
std::optional<std::string> read_function(const Node& node, Problems& problems);

// Columns that are each stated once.
std::vector<std::string> read_key_columns(const Node& node, Problems& problems);

// An http or https URL, as far as one can tell with placeholders in it.
enum class Query { allowed, refused };
void check_url(const Where& where, const Text& text, Query query, Problems& problems);

// ---- what goes into a request (source_request.cpp)

// Whether a text is one placeholder and nothing else.
bool is_one_placeholder(const Text& text);

// Text with placeholders. The first takes only strings, the second numbers, true and false too.
std::optional<Text> read_text(const Node& node, Spot spot, std::vector<TextUse>& uses, Problems& problems);
std::optional<Text> read_scalar(const Node& node, Spot spot, std::vector<TextUse>& uses, Problems& problems);
std::optional<Text> text(const ObjectReader& object, std::string_view key, Spot spot, std::vector<TextUse>& uses, Problems& problems);

HeaderTexts read_headers(const Node& node, Spot spot, std::vector<TextUse>& uses, Problems& problems);
Params read_params(const Node& node, Spot spot, std::vector<TextUse>& uses, Problems& problems);
std::optional<JsonText> read_json(const Node& node, Spot spot, std::vector<TextUse>& uses, Problems& problems);
BodyFormat body_format(const ObjectReader& object);

// What a body in that format may be. Without a body nothing is wrong.
void check_body(const Where& where, const std::optional<JsonText>& body, BodyFormat format, Problems& problems);

// A text that begins a header's value, such as "Bearer".
std::optional<std::string> read_header_part(const ObjectReader& object, std::string_view key, Problems& problems);

// A header's name.
std::optional<std::string> read_header_name(const Node& node, Problems& problems);

// ---- tests and rules (source_condition.cpp)

std::optional<Condition> read_condition(const Node& node, PathKind kind, Problems& problems);
ResponseRules read_responses(const Node& node, Problems& problems);

// ---- parts of a source

std::vector<Setting> read_account(const Node& node, Reader& reader);                                              // source_account.cpp
std::vector<Derived> read_derived(const Node& node, std::vector<TextUse>& uses, Reader& reader);                  // source_account.cpp
void read_formats(const Node& node, Source& source, Reader& reader);                                              // source_formats.cpp
Auth read_auth(const Node& node, std::vector<TextUse>& uses, Reader& reader);                                     // source_auth.cpp
void read_ways(const Node& node, Source& source, std::vector<TextUse>& uses, Reader& reader);                     // source_auth.cpp
Send read_send(const Node& node, Problems& problems);                                                             // source_auth.cpp
Remember read_remember(const Node& node, Reader& reader);                                                         // source_auth.cpp
OAuth2 read_oauth2(const ObjectReader& object, std::vector<TextUse>& uses, Reader& reader);                       // source_oauth2.cpp
Login read_login(const ObjectReader& object, std::vector<TextUse>& uses, Reader& reader);                         // source_login.cpp
Jwt read_jwt(const ObjectReader& object, std::vector<TextUse>& uses, Reader& reader);                             // source_login.cpp
AccountCheck read_check(const Node& node, std::vector<TextUse>& uses, Problems& problems);                        // source.cpp
Retry read_retry(const Node& node, Problems& problems);                                                           // source_limits.cpp
Concurrency read_concurrency(const Node& node, Problems& problems);                                               // source_limits.cpp
Breaker read_breaker(const Node& node, Problems& problems);                                                       // source_limits.cpp
BatchCalls read_batch(const Node& node, Problems& problems);                                                      // source_limits.cpp
RateLimit read_rate_limit(const Node& node, std::vector<TextUse>& uses, Problems& problems);                      // source_rate_limit.cpp

struct WebhookDraft {
    Webhook webhook{};
    Where where{};
    std::optional<Where> route_setting{};
    std::vector<std::optional<Where>> event_streams{};  // of each event
};
WebhookDraft read_webhook(const Node& node, std::vector<TextUse>& uses, Reader& reader);                          // source_webhook.cpp

// ---- parts of a stream

// `defaults` is null, or gives the members that the stream does not state. Without a name it is the defaults themselves.
StreamDraft read_stream(const Node& node, std::string_view name, const ObjectReader* defaults, Reader& reader);   // source_stream.cpp
void read_pagination(const Node& node, StreamDraft& draft, Problems& problems);                                   // source_pagination.cpp
void read_cursor(const Node& node, StreamDraft& draft, Reader& reader);                                           // source_cursor.cpp
std::vector<Column> read_columns(const Node& node, std::vector<TextUse>& uses, Reader& reader);                   // source_columns.cpp
void read_writing(const ObjectReader& object, StreamDraft& draft, Reader& reader);                                // source_write.cpp
void read_parent(const Node& node, StreamDraft& draft, Problems& problems);                                       // source_parent.cpp
void read_partitions(const Node& node, StreamDraft& draft, Problems& problems);                                   // source_parent.cpp
void read_expand(const Node& node, StreamDraft& draft, Reader& reader);                                           // source_expand.cpp

// ---- checks

// Each placeholder of a text: is it known, may it stand there, does it resolve? Without a draft only what holds for every stream.
void check_text(const TextUse& use, const StreamDraft* draft, Reader& reader);            // source_text.cpp

// A stream as a whole (grammar, section 8).
void check_stream(StreamDraft& draft, const Source& source, Reader& reader);              // source_check.cpp

// How streams refer to each other, and what else refers to them.
void check_references(const std::vector<StreamDraft>& drafts, const std::optional<WebhookDraft>& webhook, Reader& reader);  // source_references.cpp

// What is wrong with a setting's value; "" if nothing is.
struct Complaint {
    std::string message;
    std::string hint{};
};
std::optional<Complaint> check_setting(const Setting& setting, json::Value value);        // account.cpp

// Whether we can match texts against that regular expression.
std::optional<Complaint> check_pattern(const std::string& pattern);                       // account.cpp

}  // namespace upstream::core::parts
