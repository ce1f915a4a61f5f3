// What the tests of the spec reader share: a good spec with one stream, `items`, to which members are added.
#pragma once

#include <string>
#include <vector>

#include "core/source.hpp"
#include "unit/support.hpp"

namespace upstream::core::test {

// Members come without a comma at either end; of a member that comes twice the last one counts.
inline std::string spec_of(const std::string& stream, const std::string& source = "") {
    return R"({"spec_version": 1, "source": "shop", "base_url": "https://api.shop.test/v1", "auth": {"type": "none"}, )"
           R"("streams": {"items": {"path": "/items", "target": "items", "primary_key": ["id"])" +
           (stream.empty() ? "" : ", " + stream) + "}}" + (source.empty() ? "" : ", " + source) + "}";
}

// Every problem as "path: message", warnings with a "~" in front.
inline std::vector<std::string> problems_of(const std::string& stream, const std::string& source = "") {
    const json::Document spec = parse(spec_of(stream, source));
    std::vector<std::string> told;
    for (const Problem& problem : read_source(spec.root()).problems)
        told.push_back((problem.warning ? "~" : "") + problem.path + ": " + problem.message);
    return told;
}

inline std::vector<std::string> one(std::string problem) { return {std::move(problem)}; }

}  // namespace upstream::core::test
