// Values from text; see value_reader.hpp.
//
// The short ways take only what is beyond doubt (plain digits; a time as ISO 8601 writes it, with a zone) and leave everything else, errors included,
// to the input function.
#include "pg/value_reader.hpp"

#include <charconv>
#include <cstring>
#include <optional>

#include "pg/compat.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
}

namespace upstream::pg {

namespace {

template <class Int>
std::optional<Int> plain_integer(std::string_view text) {
    Int value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// Two or four digits at `at`; negative if they are none.
int digits(std::string_view text, std::size_t at, std::size_t count) {
    int value = 0;
    for (std::size_t i = at; i < at + count; ++i) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

// Seconds east of UTC of "Z", "+hh:mm" or "+hhmm".
std::optional<int> zone(std::string_view text) {
    if (text == "Z") return 0;
    if ((text.size() != 6 && text.size() != 5) || (text[0] != '+' && text[0] != '-')) return std::nullopt;
    if (text.size() == 6 && text[3] != ':') return std::nullopt;
    const int hours = digits(text, 1, 2);
    const int minutes = digits(text, text.size() - 2, 2);
    if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59) return std::nullopt;
    return (hours * 3600 + minutes * 60) * (text[0] == '-' ? -1 : 1);
}

// YYYY-MM-DDThh:mm:ss[.ffffff](Z|+hh:mm), years 1583 to 9999.
std::optional<TimestampTz> iso_time(std::string_view text) {
    if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != ' ') || text[13] != ':' || text[16] != ':') return std::nullopt;
    const int year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
    const int hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
    if (year < 1583 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return std::nullopt;
    if (day > day_tab[isleap(year) ? 1 : 0][month - 1]) return std::nullopt;
    std::size_t at = 19;
    std::int64_t fraction = 0;
    if (text[at] == '.') {
        int places = 0;
        for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++places) fraction = fraction * 10 + (text[at] - '0');
        if (places < 1 || places > 6) return std::nullopt;  // more are rounded, which the input function does
        for (; places < 6; ++places) fraction *= 10;
    }
    const std::optional<int> east = zone(text.substr(at));
    if (!east) return std::nullopt;
    const std::int64_t days = date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
    return (days * SECS_PER_DAY + hour * 3600 + minute * 60 + second - *east) * USECS_PER_SEC + fraction;
}

}  // namespace

bool blames_value(int sqlerrcode) {
    const int category = ERRCODE_TO_CATEGORY(sqlerrcode);
    return category != ERRCODE_OPERATOR_INTERVENTION && category != ERRCODE_INSUFFICIENT_RESOURCES && category != ERRCODE_SYSTEM_ERROR &&
           category != ERRCODE_INTERNAL_ERROR && category != ERRCODE_TRANSACTION_ROLLBACK;
}

void ValueReader::prepare(Oid type, std::int32_t typmod, Texts texts) {
    type_ = type;
    typmod_ = typmod;
    Oid function;
    getTypeInputInfo(type, &function, &argument_);
    fmgr_info(function, &function_);
    get_typlenbyvalalign(type, &length_, &by_value_, &align_);
    as_it_is_ = texts == Texts::verified && GetDatabaseEncoding() == PG_UTF8;
}

Datum ValueReader::read(std::string_view text, Room& room) {
    switch (type_) {
        case INT8OID:
            if (const auto value = plain_integer<std::int64_t>(text)) return Int64GetDatum(*value);
            break;
        case INT4OID:
            if (const auto value = plain_integer<std::int32_t>(text)) return Int32GetDatum(*value);
            break;
        case BOOLOID:
            if (text == "true" || text == "false") return BoolGetDatum(text == "true");
            break;
        case TIMESTAMPTZOID:
            if (typmod_ < 0 || typmod_ == MAX_TIMESTAMP_PRECISION)
                if (const auto value = iso_time(text)) return TimestampTzGetDatum(*value);
            break;
        default: break;
    }
    return read_text(text, room);
}

Datum ValueReader::read_text(std::string_view text, Room& room) {
    if (text.size() >= MaxAllocSize - VARHDRSZ) ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("value is too long"));
    if (!text.empty() && std::memchr(text.data(), '\0', text.size()) != nullptr)
        ereport(ERROR, errcode(ERRCODE_UNTRANSLATABLE_CHARACTER), errmsg("null character cannot be stored"));
    if (!as_it_is_ && !text.empty()) {
        const char* const server = pg_any_to_server(text.data(), static_cast<int>(text.size()), PG_UTF8);
        if (server != text.data()) text = server;
    }
    if (type_ == TEXTOID) return room.text(text);
    if (buffer_.data == nullptr) initStringInfo(&buffer_);
    resetStringInfo(&buffer_);
    appendBinaryStringInfo(&buffer_, text.data(), static_cast<int>(text.size()));
    return InputFunctionCall(&function_, buffer_.data, argument_, typmod_);
}

Datum ValueReader::read_null() {
    if (function_.fn_strict) return Datum{0};
    return InputFunctionCall(&function_, nullptr, argument_, typmod_);
}

}  // namespace upstream::pg
