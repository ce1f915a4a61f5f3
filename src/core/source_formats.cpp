// Time formats of the spec's own, in to_char's letters.
#include <algorithm>
#include <memory>
#include <utility>

#include "core/source_parts.hpp"
#include "core/time_pattern.hpp"

namespace upstream::core::parts {

namespace {

// A format of ours with that name would silently change what {cursor.start|iso} means.
bool is_taken(std::string_view name) { return time_format(name) || name == "csv" || name == "json" || name == "url"; }

bool is_format_name(std::string_view name) {
    const auto is_lower = [](char byte) { return byte >= 'a' && byte <= 'z'; };
    const auto is_part = [&](char byte) { return is_lower(byte) || (byte >= '0' && byte <= '9') || byte == '_'; };
    constexpr std::size_t kLongest = 63;
    return !name.empty() && name.size() <= kLongest && is_lower(name[0]) && std::all_of(name.begin(), name.end(), is_part);
}

}  // namespace

void read_formats(const Node& node, Source& source, Reader& reader) {
    Problems& problems = reader.problems;
    reader.formats_known = expect_object(node, problems);
    if (!reader.formats_known) return;
    for (const Node& member : members(node)) {
        const std::string name(member.value.key());
        if (!is_format_name(name))
            problems.add(member.where, "\"" + name + "\" is not a valid name", "Use a-z, 0-9 and \"_\", a letter first, at most 63 characters.");
        if (is_taken(name)) problems.add(member.where, "format \"" + name + "\" is known already", "Choose another name.");
        const std::optional<std::string> letters = read_string(member, problems);
        if (!letters) continue;
        Result<TimePattern> pattern = TimePattern::parse(*letters);
        if (!pattern) problems.add(member.where, pattern.error());
        // In its place, so that its uses are not called unknown.
        source.formats.emplace(name, pattern ? TimeFormat{std::make_shared<const TimePattern>(std::move(*pattern))} : TimeFormat{TimeFormat::iso});
    }
    reader.formats = source.formats;
}

}  // namespace upstream::core::parts
