// Points and spans of time. The first byte chooses the format, the rest is the text.
#include <array>

#include "core/cursor.hpp"
#include "core/time.hpp"
#include "fuzz/fuzz.hpp"

namespace {

using namespace upstream;
using fuzz::promise;

constexpr std::array kFormats{core::TimeFormat::iso, core::TimeFormat::iso_ms, core::TimeFormat::date, core::TimeFormat::epoch, core::TimeFormat::epoch_ms};

// What is written reads as what was written, as far as the format's digits go; rounding goes to the side that was asked for. On the calendar's last day there is
// nothing to round up to.
void check_writing(core::Timestamp time, const core::TimeFormat& format) {
    const auto down = core::parse_time(core::format_time(time, format, core::Round::down), format);
    promise(down && *down <= time, "what is written can be read, and down is not later");
    if (format.known() == core::TimeFormat::iso) promise(*down == time, "iso keeps microseconds");
    if (time >= *core::parse_time("9999-12-31", core::TimeFormat::iso)) return;
    const auto up = core::parse_time(core::format_time(time, format, core::Round::up), format);
    promise(up && *up >= time, "what is written can be read, and up is not earlier");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    const core::TimeFormat format{kFormats[input.byte() % kFormats.size()]};
    const std::string_view text = input.rest();
    if (const auto time = core::parse_time(text, format)) {
        for (const auto known : kFormats) check_writing(*time, known);
        for (const auto type : {core::Cursor::Type::timestamp, core::Cursor::Type::date, core::Cursor::Type::integer}) {
            const auto position = time->time_since_epoch().count();
            const auto back = core::from_text(type, core::to_text(type, position));
            promise(back.has_value(), "a cursor's text can be read");
            promise(type == core::Cursor::Type::date ? *back <= position : *back == position, "a cursor's text is the cursor");
        }
    }
    if (const auto span = core::parse_interval(text)) promise(*span >= core::Duration{0}, "spans do not run backwards");
    const core::Timestamp now{std::chrono::seconds(1'790'000'000)};
    if (const auto instant = core::parse_instant(text, now)) check_writing(*instant, core::TimeFormat::iso);
    if (const auto date = core::parse_http_date(text)) promise(*date == core::parse_time(core::format_time(*date, core::TimeFormat::epoch), core::TimeFormat::epoch), "HTTP dates are whole seconds");
    return 0;
}
