// The derived columns of a row. They are chosen to be awkward: numbers a double cannot hold, quotes, backslashes,
// line breaks, emoji, text that looks like COPY's null; half of the rows write other characters as \u escapes.
#include "row.hpp"

#include <array>
#include <cstdio>
#include <string_view>

#include "clock.hpp"
#include "random.hpp"
#include "text.hpp"

namespace simulator {

namespace {

constexpr std::array<std::string_view, 16> kNames = {
    "Plain name",      "Caf\u00e9 Z\u00fcrich", "She said \"yes\"", "O'Brien & Sons",      "back\\slash",
    "tab\tand\nlines", "\U0001F600 smile",      "\u65e5\u672c\u8a9e", "NULL",                "\\N",
    "{curly,\"json\"}", "e\u0301 combining",    "\u05e9\u05dc\u05d5\u05dd", "50% off; DROP --", "<b>&amp;</b>",
    "\U0001F468\u200D\U0001F469\u200D\U0001F467 family"};
constexpr std::array<std::string_view, 6> kCities = {"Berlin", "S\u00e3o Paulo", "\u041c\u043e\u0441\u043a\u0432\u0430",
                                                     "New \"York\"", "K\u00f8benhavn", ""};
constexpr std::array<std::string_view, 5> kTags = {"a", "b", "long tag", "\u00fc", "q\"uote"};

struct Columns {
    std::string name;
    std::string amount;
    std::int64_t quantity = 0;
    bool active = false;
    std::string uuid;
    std::string tags;
    std::string nested;
};

void append_digits(std::string& out, Random& random, int count) {
    out += static_cast<char>('1' + random.below(9));  // a number does not begin with 0
    for (int i = 1; i < count; ++i) out += static_cast<char>('0' + random.below(10));
}

std::string make_amount(Random& random) {
    std::string out;
    switch (random.below(6)) {
        case 0:  // just above what a double holds exactly
            out = "9007199254740993.";
            append_digits(out, random, 2);
            break;
        case 1:
            append_digits(out, random, 18);
            out += '.';
            append_digits(out, random, 2);
            break;
        case 2:
            out = "-";
            append_digits(out, random, 5);
            out += '.';
            append_digits(out, random, 4);
            break;
        case 3:
            append_digits(out, random, 22);
            out += '.';
            append_digits(out, random, 8);
            break;
        case 4:
            out = "0.0000";
            append_digits(out, random, 6);
            break;
        default: append_digits(out, random, 4);
    }
    return out;
}

std::string make_uuid(Random& random) {
    const std::uint64_t high = random();
    const std::uint64_t low = random();
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%08x-%04x-4%03x-%04x-%04x%08x", static_cast<unsigned>(high >> 32),
                  static_cast<unsigned>(high >> 16 & 0xffffU), static_cast<unsigned>(high & 0xfffU),
                  static_cast<unsigned>((low >> 48 & 0x3fffU) | 0x8000U), static_cast<unsigned>(low >> 32 & 0xffffU),
                  static_cast<unsigned>(low & 0xffffffffU));
    return text.data();
}

std::string make_tags(Random& random, bool ascii) {
    std::string out = "[";
    const std::size_t count = random.below(4);
    for (std::size_t i = 0; i < count; ++i) {
        if (i > 0) out += ',';
        append_json_string(out, kTags[random.below(kTags.size())], ascii);
    }
    return out + "]";
}

std::string make_nested(Random& random, bool ascii) {
    std::string out = R"({"city":)";
    append_json_string(out, kCities[random.below(kCities.size())], ascii);
    out += R"(,"score":)";
    if (random.below(3) == 0) {
        out += "null";
    } else {
        append_digits(out, random, 2);
        out += '.';
        append_digits(out, random, 1);
    }
    return out + "}";
}

bool writes_ascii(const Row& row) { return row.key % 2 == 1; }

Columns derive(const Row& row) {
    Random lasting(row.key);
    Random changing(row.key ^ (static_cast<std::uint64_t>(row.revision) * 0x9e3779b97f4a7c15ULL));
    Columns columns;
    columns.uuid = make_uuid(lasting);
    columns.quantity = static_cast<std::int64_t>(lasting.below(100000)) - 1000;
    columns.active = lasting.below(2) == 0;
    columns.tags = make_tags(lasting, writes_ascii(row));
    columns.nested = make_nested(lasting, writes_ascii(row));
    columns.name = kNames[changing.below(kNames.size())];
    columns.name += " ";
    columns.name += std::to_string(changing.below(1000));
    columns.amount = make_amount(changing);
    return columns;
}

}  // namespace

void render_json(Row& row) {
    const Columns columns = derive(row);
    const std::string updated = format_time(row.updated_us);
    std::string& out = row.json;
    out.clear();
    out += R"({"id":)";
    append_json_string(out, row.id);
    out += R"(,"seq":)" + std::to_string(row.seq) + R"(,"name":)";
    append_json_string(out, columns.name, writes_ascii(row));
    out += R"(,"amount":)" + columns.amount + R"(,"quantity":)" + std::to_string(columns.quantity);
    out += columns.active ? R"(,"active":true)" : R"(,"active":false)";
    out += R"(,"created_at":")" + format_time(row.created_us) + R"(","updated_at":")" + updated;
    out += R"(","day":")" + updated.substr(0, 10) + R"(","uuid":")" + columns.uuid;
    out += R"(","tags":)" + columns.tags + R"(,"nested":)" + columns.nested;
    out += R"(,"rev":)" + std::to_string(row.revision) + "}";
    out.shrink_to_fit();  // there may be a million of them
}

void append_copy_line(std::string& out, const Row& row) {
    const Columns columns = derive(row);
    append_copy_field(out, row.id);
    out += '\t' + std::to_string(row.seq) + '\t';
    append_copy_field(out, columns.name);
    out += '\t' + columns.amount + '\t' + std::to_string(columns.quantity);
    out += columns.active ? "\tt\t" : "\tf\t";
    out += format_time(row.created_us) + '\t' + format_time(row.updated_us) + '\t' + format_day(row.updated_us) + '\t';
    out += columns.uuid + '\t';
    append_copy_field(out, columns.tags);
    out += '\t';
    append_copy_field(out, columns.nested);
    out += '\t' + std::to_string(row.revision) + '\n';
}

}  // namespace simulator
