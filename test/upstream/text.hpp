// Text as it is written on the wire: integers, percent and base64 encoding, forms, JSON strings, COPY fields.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace simulator {

[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);

// nullopt for a '%' that two hexadecimal digits do not follow. In a form '+' is a space, in a path it is itself.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text, bool form);
[[nodiscard]] std::string percent_encode(std::string_view text);

// The URL alphabet without padding; decoding takes the ordinary alphabet and padding as well.
[[nodiscard]] std::string base64url(std::string_view bytes);
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

// Appends `text` as a JSON string with its quotes; `ascii` writes everything else as \u escapes.
void append_json_string(std::string& out, std::string_view text, bool ascii = false);

// Appends `text` as a field of PostgreSQL's COPY text format.
void append_copy_field(std::string& out, std::string_view text);

// FNV-1a, to derive seeds and check sums from text.
[[nodiscard]] std::uint64_t hash_text(std::string_view text);

[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b);
[[nodiscard]] std::string_view trim(std::string_view text);

// The name=value pairs of a query string or a form body, decoded; the first of a name counts.
class Parameters {
  public:
    explicit Parameters(std::string_view form);

    [[nodiscard]] bool well_formed() const { return well_formed_; }
    [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
    [[nodiscard]] bool flag(std::string_view name) const { return find(name) == "1"; }

  private:
    std::vector<std::pair<std::string, std::string>> pairs_;
    bool well_formed_ = true;
};

}  // namespace simulator
