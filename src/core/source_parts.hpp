// What the files that read a source spec share. Nobody else includes this.
//
// Reading has two halves. The first takes each part by its shape and notes every text with placeholders; the second (source_text,
// source_check) judges what can only be judged with the whole stream at hand.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/source.hpp"
#include "core/spec_reader.hpp"

namespace upstream::core::parts {

// The part of a spec that a text stands in; it decides which placeholders the text may hold.
enum class Spot { base_url, source_header, auth, path, param, header, bound, column };

struct TextUse {
    Spot spot;
    Where where;
    Text text;
};

// What all parts need.
struct Reader {
    Problems problems{};
    std::vector<std::string> settings{};  // names that {account.x} may have
    bool settings_known = true;           // false if the account section is too broken to tell
};

// A stream as read, with what its cross checks need.
struct StreamDraft {
    Stream stream{};
    Where where{};
    std::vector<TextUse> texts{};
    bool request_ok = true;              // path, params and headers were readable
    bool pagination_ok = true;
    bool columns_ok = true;
    bool has_cursor = false;             // stated, readable or not
    std::optional<Where> pagination{};   // where each stands, if stated
    std::optional<Where> size{};
    std::optional<Where> inject{};
    std::optional<Where> cursor{};
    std::optional<Where> filter{};
    std::optional<Where> sync_mode{};
    std::optional<Where> primary_key{};
    std::optional<Where> write{};
    std::optional<Where> raw{};
    std::optional<Where> jitter{};
    std::optional<Cursor::Filter> stated_filter{};
};

// ---- values of the grammar (source_values.cpp)

// A span of time such as "5 minutes".
enum class Zero { allowed, refused };
std::optional<Duration> read_interval(const Node& node, Problems& problems, Zero zero);
std::optional<Duration> interval(const ObjectReader& object, std::string_view key, Problems& problems, Zero zero = Zero::refused);

// Text with placeholders. The first takes only strings, the second numbers, true and false too.
std::optional<Text> read_text(const Node& node, Spot spot, std::vector<TextUse>& uses, Problems& problems);
std::optional<Text> read_scalar(const Node& node, Spot spot, std::vector<TextUse>& uses, Problems& problems);

HeaderTexts read_headers(const Node& node, Spot spot, std::vector<TextUse>& uses, Problems& problems);
Params read_params(const Node& node, std::vector<TextUse>& uses, Problems& problems);

// The kinds of paths that the grammar knows, and whether [*] may stand in one.
enum class PathKind { document, record, answer, any };
enum class Wildcard { allowed, refused };
std::optional<Path> read_path(const Node& node, PathKind kind, Wildcard wildcard, Problems& problems);

// A format that a time can be read by.
std::optional<TimeFormat> read_time_format(const Node& node, Problems& problems);

// A column of the target that a spec may name.
std::optional<std::string> read_column_name(const Node& node, Problems& problems);
bool check_column_name(const Where& where, std::string_view name, Problems& problems);

// An http or https URL, as far as one can tell with placeholders in it.
enum class Query { allowed, refused };
void check_url(const Where& where, const Text& text, Query query, Problems& problems);

// A text that begins a header's value, such as "Bearer".
std::optional<std::string> read_header_part(const ObjectReader& object, std::string_view key, Problems& problems);

// ---- parts of a source

std::vector<Setting> read_account(const Node& node, Reader& reader);                      // source_account.cpp
Auth read_auth(const Node& node, std::vector<TextUse>& uses, Problems& problems);         // source_auth.cpp
OAuth2 read_oauth2(const ObjectReader& object, std::vector<TextUse>& uses, Problems& problems);  // source_oauth2.cpp

// `defaults` is null, or gives the members that the stream does not state. Without a name it is the defaults themselves.
StreamDraft read_stream(const Node& node, std::string_view name, const ObjectReader* defaults, Problems& problems);  // source_stream.cpp
void read_pagination(const Node& node, StreamDraft& draft, Problems& problems);           // source_pagination.cpp
void read_cursor(const Node& node, StreamDraft& draft, Problems& problems);               // source_cursor.cpp
void read_columns(const Node& node, StreamDraft& draft, Problems& problems);              // source_columns.cpp

// ---- checks

// Each placeholder of a text: is it known, may it stand there, does it resolve? Without a draft only what holds for every stream.
void check_text(const TextUse& use, const StreamDraft* draft, Reader& reader);            // source_text.cpp

// A stream as a whole (grammar.md section 8).
void check_stream(StreamDraft& draft, const Source& source, Reader& reader);              // source_check.cpp

// What is wrong with a setting's value; "" if nothing is.
struct Complaint {
    std::string message;
    std::string hint{};
};
std::optional<Complaint> check_setting(const Setting& setting, json::Value value);        // account.cpp

// Whether we can match texts against that regular expression.
std::optional<Complaint> check_pattern(const std::string& pattern);                       // account.cpp

}  // namespace upstream::core::parts
