// Shapes of short texts in a spec: names, hosts, intervals, instants, SQL types.
//
// The same languages as the patterns of the JSON Schema, as loops over characters: std::regex recurses once per character.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace upstream::core::shape {

// A name of ours: a source, a stream, a setting. At most 63 characters, so that it fits wherever Postgres wants a name.
[[nodiscard]] bool is_name(std::string_view text);

// A column; the same limit.
[[nodiscard]] bool is_column(std::string_view text);

// A column that the extension fills itself.
[[nodiscard]] bool is_reserved_column(std::string_view text);

// A table or view, with or without its schema.
[[nodiscard]] bool is_relation(std::string_view text);

// A host name or "*." before a domain, with or without a port. Braces are left to the placeholder check.
[[nodiscard]] bool is_host(std::string_view text);

// The name of a header (RFC 9110 5.1).
[[nodiscard]] bool is_token(std::string_view text);

// Whether the text could split a header: CR, LF or NUL.
[[nodiscard]] bool breaks_header(std::string_view text);

// Number, space, unit, optional s.
[[nodiscard]] bool is_interval(std::string_view text);

// An ISO date or timestamp with its zone, "now", or "<interval> ago".
[[nodiscard]] bool is_instant(std::string_view text);

// "now" or "<interval> ago".
[[nodiscard]] bool is_relative_instant(std::string_view text);

[[nodiscard]] bool is_uuid(std::string_view text);

// "1xx".."5xx".
[[nodiscard]] bool is_status_class(std::string_view text);

// Postgres' own name of a column type, e.g. "double precision" for "double"; nothing if we do not write that type.
[[nodiscard]] std::optional<std::string> sql_type(std::string_view text);

// The types that sql_type() knows, for messages.
inline constexpr std::string_view kSqlTypes =
    "text, varchar(n), smallint, integer, bigint, numeric, numeric(p,s), real, double precision, boolean, date, timestamp, "
    "timestamptz, uuid and jsonb";

}  // namespace upstream::core::shape
