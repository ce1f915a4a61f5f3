// decode(): the body of an answer. The first byte chooses the stream, the rest is the body.
#include <algorithm>
#include <array>
#include <vector>

#include "core/decode.hpp"
#include "fuzz/fuzz.hpp"

namespace {

using namespace upstream;
using fuzz::promise;

struct Case {
    core::Stream stream;
    core::Layout layout;
};

core::Path path(std::string_view text) { return *core::Path::parse(text); }

core::Stream stream_of(const std::string& members) {
    const auto spec = core::json::Document::parse(R"({"spec_version": 1, "source": "shop", "base_url": "https://shop.test", "auth": {"type": "none"}, "streams": {)"
                                                  R"("items": {"path": "/items", "target": "items", "primary_key": ["id"], )" + members + "}}}");
    core::Reading reading = core::read_source(spec->root());
    for (const core::Problem& problem : reading.problems) std::fprintf(stderr, "%s: %s\n", problem.path.c_str(), problem.message.c_str());
    promise(reading.source.has_value(), "the fuzzer's own source is valid");
    return std::move(reading.source->streams.front());
}

std::vector<core::Field> fields() {
    return {{.column = "id", .paths = {path("id")}, .key = true},
            {.column = "name", .paths = {path("name"), path("title")}},
            {.column = "city", .paths = {path("address.city")}},
            {.column = "tags", .paths = {path("tags[*].name")}, .json = true},
            {.column = "document", .paths = {path("$.meta")}, .json = true},
            {.column = "at", .paths = {path("at")}, .format = core::TimeFormat::epoch},
            {.column = "day", .paths = {path("day")}, .format = core::TimeFormat::iso},
            {.column = "whole", .json = true, .whole = true},
            {.column = "shop", .value = core::Text::constant("a1")}};
}

const std::array<Case, 4>& cases() {
    static const std::array<Case, 4> all{
        Case{stream_of(R"("records": "$.data", "cursor": {"field": "updated_at", "type": "timestamp"})"), fields()},
        Case{stream_of(R"("records": "$", "cursor": {"field": "seq", "type": "integer"})"), fields()},
        Case{stream_of(R"("records": "$.data[*].items", "cursor": {"field": "day", "type": "date"})"), fields()},
        Case{stream_of(R"("records": "$.data.list[-1]", "records_missing": "empty")"), fields()},
    };
    return all;
}

// Every value of a page stands in the body, and is what it says when it is read alone.
void check_values(const core::Batch& batch) {
    for (const core::Values& column : batch.columns) {
        promise(column.size() == batch.rows, "every column has a value for each row");
        for (const auto& value : column)
            if (value) promise(fuzz::is_utf8(*value), "values are UTF-8");
    }
    for (std::size_t row = 0; row < std::min<std::size_t>(batch.rows, 4); ++row) {
        promise(batch.columns[0][row].has_value(), "keys have values");
        for (const std::size_t column : {3U, 4U, 7U}) {
            const auto& value = batch.columns[column][row];
            if (value) promise(static_cast<bool>(core::json::Document::parse(std::string{*value}, {.depth = 66})), "what goes into a JSON column is JSON");
        }
    }
}

void check_positions(const core::Decoded& decoded, core::Position ceiling) {
    promise(decoded.first.has_value() == decoded.last.has_value(), "the first position comes with a last one");
    if (!decoded.first) return;
    promise(*decoded.lowest <= *decoded.first && *decoded.lowest <= *decoded.last, "no position is below the lowest");
    if (decoded.highest) promise(*decoded.highest <= ceiling, "the cursor never passes its ceiling");
    if (decoded.ascending) promise(*decoded.first <= *decoded.last, "ascending pages end high");
    if (decoded.descending) promise(*decoded.first >= *decoded.last, "descending pages end low");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    const Case& chosen = cases()[input.byte() % cases().size()];
    const core::Position ceiling = core::Position{1} << 52;
    const auto decoded = core::decode(chosen.stream, chosen.layout, std::string{input.rest()}, ceiling, {});
    if (!decoded) {
        promise(!decoded.error().message.empty(), "a failure says why");
        promise(fuzz::is_utf8(decoded.error().message) && fuzz::is_utf8(decoded.error().detail), "a failure can be stored");
        promise(decoded.error().detail.find('\n') == std::string::npos, "a failure is one line");
        return 0;
    }
    promise(decoded->records == decoded->batch.rows + decoded->batch.rejects.size(), "a record makes a row, or is rejected");
    for (const core::Reject& reject : decoded->batch.rejects) promise(fuzz::is_utf8(reject.value) && fuzz::is_utf8(reject.key), "a reject can be stored");
    check_values(decoded->batch);
    check_positions(*decoded, ceiling);
    return 0;
}
