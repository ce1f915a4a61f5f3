// Time formats of a spec's own, in the letters of Postgres' to_char: YYYY MM DD HH24 MI SS MS US TZH TZM.
//
// Text in double quotes stands for itself, and so does whatever is no letter. Other letters are refused: to_char would take the "TH" of
// "DDTHH24" for an ordinal. Times are written in UTC; a zone that is read counts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/time.hpp"

namespace upstream::core {

struct TimePattern {
    enum class Field { literal, year, month, day, hour, minute, second, millisecond, microsecond, zone_hour, zone_minute };
    struct Part {
        Field field = Field::literal;
        std::string text{};  // of a literal
    };
    std::string written{};
    std::vector<Part> parts{};

    // Code::invalid_spec with what is wrong and a hint.
    static Result<TimePattern> parse(std::string_view text);

    // What it has no field for is the first of its kind: month 1, day 1, midnight, UTC. Nothing if the text does not fit to its last character.
    [[nodiscard]] std::optional<Timestamp> read(std::string_view text) const;

    // Rounded to the smallest field.
    [[nodiscard]] std::string print(Timestamp time, Round round) const;
};

}  // namespace upstream::core
