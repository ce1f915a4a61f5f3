// What the tests of the core share: sources read from JSON, points in time, answers, and names for what they compare.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/batch.hpp"
#include "core/json.hpp"
#include "core/request.hpp"
#include "core/result.hpp"
#include "core/source.hpp"
#include "core/time.hpp"

namespace upstream::core::test {

inline json::Document parse(std::string text) {
    auto document = json::Document::parse(std::move(text));
    if (!document) throw std::invalid_argument("not JSON: " + document.error().message);
    return std::move(*document);
}

// A source with one stream, `items`; both get further members, which end without a comma.
inline Source source_of(const std::string& stream, const std::string& source = R"("auth": {"type": "none"})") {
    const json::Document spec = parse(R"({"spec_version": 1, "source": "shop", "base_url": "https://api.shop.test/v1", )" + source +
                                      R"(, "streams": {"items": {"path": "/items", "target": "items", "primary_key": ["id"])" +
                                      (stream.empty() ? "" : ", " + stream) + "}}}");
    Reading reading = read_source(spec.root());
    std::string problems;
    for (const Problem& problem : reading.problems)
        if (!problem.warning) problems += problem.path + ": " + problem.message + "\n";
    if (!reading.source) throw std::invalid_argument(problems);
    return std::move(*reading.source);
}

inline Timestamp at(std::string_view iso) { return parse_time(iso, TimeFormat::iso).value(); }
inline Position position(std::string_view iso) { return at(iso).time_since_epoch().count(); }
inline std::string iso(std::optional<Timestamp> time) { return time ? format_time(*time, TimeFormat::iso) : "nothing"; }

inline Response answer(std::string body, int status = 200, Headers headers = {}) {
    const std::size_t size = body.size();
    return {.status = status, .headers = std::move(headers), .body = std::move(body), .wire_bytes = size};
}

inline std::string header_of(const Request& request, std::string_view name) {
    for (const auto& [key, value] : request.headers)
        if (key == name) return value;
    return "nothing";
}

// An error's code as model_status shows it; "ok" if there is none.
template <class T>
std::string code_of(const Result<T>& result) {
    return result ? "ok" : std::string{name(result.error().code)};
}

// The values of a batch's column, "null" for those that are absent.
inline std::vector<std::string> values_of(const Batch& batch, std::size_t column) {
    std::vector<std::string> values;
    for (const auto& value : batch.columns.at(column)) values.emplace_back(value.value_or("null"));
    return values;
}

}  // namespace upstream::core::test
