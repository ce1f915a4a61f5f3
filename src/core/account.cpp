// Checks an account's config against the settings that its source declares.
#include <algorithm>
#include <regex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/source.hpp"
#include "core/source_parts.hpp"
#include "core/source_shape.hpp"
#include "core/time.hpp"
#include "core/url.hpp"

namespace upstream::core {

namespace {

using parts::Complaint;

// std::regex recurses per character, so both sides are kept short.
constexpr std::size_t kLongestPattern = 200;
constexpr std::size_t kLongestMatched = 200;

// Nothing can interrupt a match, and "(a+)+$" takes forever on 200 characters if it backtracks. libstdc++ can do without, at the price of
// back references.
constexpr auto kSyntax =
#ifdef __GLIBCXX__
    std::regex::ECMAScript | std::regex_constants::__polynomial;
#else
    std::regex::ECMAScript;
#endif

// Any point in time would do here: only what depends on it by thousands of years is refused.
constexpr Timestamp kSomeDay{std::chrono::sys_days{std::chrono::year{2024} / 1 / 1}};

bool is_valid_regex(const std::string& pattern) {
    try {
        const std::regex compiled(pattern, kSyntax);
        return true;
    } catch (const std::regex_error&) {
        return false;
    }
}

bool matches(const std::string& text, const std::string& pattern) {
    try {
        return std::regex_search(text, std::regex(pattern, kSyntax));
    } catch (const std::regex_error&) {
        return false;  // too complex for this text
    }
}

std::optional<Complaint> check_type(const Setting& setting, json::Value value) {
    const json::Kind kind = value.kind();
    if (setting.type == "string") return kind == json::Kind::string ? std::nullopt : std::optional(Complaint{"must be a string"});
    if (setting.type == "integer") return integer_of(value) ? std::nullopt : std::optional(Complaint{"must be an integer"});
    if (setting.type == "number") return kind == json::Kind::number ? std::nullopt : std::optional(Complaint{"must be a number"});
    if (setting.type == "boolean")
        return kind == json::Kind::boolean ? std::nullopt : std::optional(Complaint{"must be true or false"});
    if (kind != json::Kind::array) return Complaint{"must be an array"};
    for (const json::Value element : value) {
        if (element.is_array() || element.is_object() || element.is_null())
            return Complaint{"must be an array of strings, numbers, true or false"};
    }
    return std::nullopt;
}

bool is_host_of_setting(std::string_view text) {
    return shape::is_host(text) && text.find_first_of("*{}|") == std::string_view::npos;
}

std::optional<Complaint> check_format(const std::string& format, const std::string& text) {
    const auto complain = [](bool is_good, Complaint complaint) {
        return is_good ? std::nullopt : std::optional(std::move(complaint));
    };
    if (format == "host") return complain(is_host_of_setting(text), {"must be a host name", "Without \"https://\" and path."});
    if (format == "url") return complain(origin(text).has_value(), {"must be an http or https URL without user and password"});
    if (format == "interval")
        return complain(shape::is_interval(text) && parse_interval(text), {"must be an interval such as \"5 minutes\""});
    if (format == "uuid") return complain(shape::is_uuid(text), {"must be a UUID"});
    // "90 days ago" is a good start date as well.
    const bool is_instant = parse_instant(text, kSomeDay).has_value();
    if (format == "date") {
        constexpr std::size_t kDateSize = 10;
        const bool is_date = is_instant && (shape::is_relative_instant(text) || text.size() == kDateSize);
        return complain(is_date, {"must be a date such as \"2024-01-31\" or \"90 days ago\""});
    }
    return complain(is_instant, {"must be a timestamp such as \"2024-01-31T00:00:00Z\" or \"90 days ago\""});
}

std::optional<Complaint> check_text_value(const Setting& setting, const std::string& text) {
    if (!setting.allowed.empty() && std::find(setting.allowed.begin(), setting.allowed.end(), text) == setting.allowed.end()) {
        const std::string which = setting.allowed.size() == 1 ? "" : "one of ";
        return Complaint{"must be " + which + list_words(setting.allowed, " or "), perhaps(text, setting.allowed)};
    }
    if (!setting.pattern.empty()) {
        if (text.size() > kLongestMatched) return Complaint{"must not be longer than " + std::to_string(kLongestMatched) + " bytes"};
        if (!matches(text, setting.pattern)) return Complaint{"does not match the pattern " + json::quote(setting.pattern)};
    }
    return setting.format.empty() ? std::nullopt : check_format(setting.format, text);
}

// Settings without which a request of the account could not be built, whether the source says "required" or not.
class Needs {
  public:
    explicit Needs(const Source& source) : source_(source) {}

    void add(const Text& text) { texts_.push_back(&text); }

    void add(const Auth& auth) {
        for (const Text* text : {&auth.token, &auth.value}) add(*text);
        if (auth.type == Auth::Type::basic) {
            add(auth.username);
            add(auth.password);
        }
        if (auth.oauth2) {
            for (const Text* text : {&auth.oauth2->token_url, &auth.oauth2->client_id, &auth.oauth2->client_secret}) add(*text);
            if (auth.oauth2->refresh_url) add(*auth.oauth2->refresh_url);
        }
        if (auth.oauth2) remembered_.push_back(&auth.oauth2->remember);
        if (auth.login) {
            remembered_.push_back(&auth.login->remember);
            add(auth.login->url);
            if (auth.login->auth) add(*auth.login->auth);
        }
        if (auth.jwt) {
            add(auth.jwt->key);
            if (auth.jwt->token_url) add(*auth.jwt->token_url);
        }
    }

    // A derived setting is one of these if what it is derived from is, unless its table knows what to do without.
    [[nodiscard]] bool has(std::string_view name) const {
        const auto mentions = [this](std::string_view word) {
            return std::any_of(texts_.begin(), texts_.end(), [word](const Text* text) { return text->mentions("account", word); });
        };
        if (comes_with_token(name)) return false;
        if (mentions(name)) return true;
        return std::any_of(source_.derived.begin(), source_.derived.end(), [&](const Derived& derived) {
            const auto is_none = [](const auto& entry) { return entry.first.empty(); };
            return derived.from == name && mentions(derived.name) && std::none_of(derived.map.begin(), derived.map.end(), is_none);
        });
    }

  private:
    [[nodiscard]] bool comes_with_token(std::string_view name) const {
        const auto holds = [name](const Remember* remember) {
            return std::any_of(remember->begin(), remember->end(), [name](const auto& one) { return one.first == name; });
        };
        return std::any_of(remembered_.begin(), remembered_.end(), holds);
    }

    const Source& source_;
    std::vector<const Text*> texts_{};
    std::vector<const Remember*> remembered_{};
};

// The way to sign in that a config names, the first if it names none; nothing, and a problem, if there is no such way.
const Auth* way_of(const Source& source, const Node& config, Problems& problems) {
    if (source.ways.empty()) return &source.auth;
    const std::optional<Node> named = ObjectReader(config, problems).find("auth");
    if (!named) return &source.auth;
    std::vector<std::string> names;
    for (const auto& [name, way] : source.ways) {
        if (named->value.is_string() && named->value.text() == name) return &way;
        names.push_back(name);
    }
    problems.add(named->where, "must be one of " + list_words(names, " or "), perhaps(named->value.text(), names));
    return nullptr;
}

void check_member(const Source& source, const Node& member, Problems& problems) {
    const std::string name(member.value.key());
    if (name == "auth" && !source.ways.empty()) return;
    const auto setting = std::find_if(source.settings.begin(), source.settings.end(), [&](const Setting& s) { return s.name == name; });
    if (setting != source.settings.end()) {
        if (std::optional<Complaint> complaint = parts::check_setting(*setting, member.value))
            problems.add(member.where, std::move(complaint->message), std::move(complaint->hint));
        return;
    }
    if (std::any_of(source.derived.begin(), source.derived.end(), [&](const Derived& derived) { return derived.name == name; })) {
        problems.add(member.where, "setting \"" + name + "\" is derived from others", "Leave it out.");
        return;
    }
    std::vector<std::string> names;
    for (const Setting& known : source.settings) names.push_back(known.name);
    std::string hint = perhaps(name, names);
    if (hint.empty() && names.empty()) hint = "This source has no settings.";
    if (hint.empty()) hint = "Known settings are " + list_words(names, " and ") + ".";
    problems.add(member.where, "unknown setting \"" + name + "\"", std::move(hint));
}

}  // namespace

std::optional<Complaint> parts::check_pattern(const std::string& pattern) {
    if (pattern.size() > kLongestPattern)
        return Complaint{"regular expression is longer than " + std::to_string(kLongestPattern) + " bytes"};
    if (!is_valid_regex(pattern))
        return Complaint{"is not a valid regular expression", "The syntax is that of ECMAScript, without back references."};
    return std::nullopt;
}

std::optional<Complaint> parts::check_setting(const Setting& setting, json::Value value) {
    if (std::optional<Complaint> complaint = check_type(setting, value)) return complaint;
    if (!value.is_array()) return check_text_value(setting, std::string(value.text()));
    for (const json::Value element : value) {
        if (std::optional<Complaint> complaint = check_text_value(setting, std::string(element.text()))) return complaint;
    }
    return std::nullopt;
}

std::vector<Problem> check_account(const Source& source, json::Value config, std::span<const Stream* const> streams) {
    Problems problems;
    const Node root = root_node(config);
    if (!expect_object(root, problems)) return problems.in_order();
    for (const Node& member : members(root)) check_member(source, member, problems);
    Needs needs(source);
    needs.add(source.base_url);
    if (const Auth* way = way_of(source, root, problems)) needs.add(*way);
    for (const Stream* stream : streams) {
        needs.add(stream->path);
        if (stream->base_url) needs.add(*stream->base_url);
        if (stream->auth) needs.add(*stream->auth);
    }
    for (const Setting& setting : source.settings) {
        if (setting.fallback || config.member(setting.name)) continue;
        if (setting.required || needs.has(setting.name)) problems.add(root.where, "setting \"" + setting.name + "\" is missing");
    }
    return problems.in_order();
}

}  // namespace upstream::core
