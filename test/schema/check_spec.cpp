// The reader of source specs as a program, for the test that compares it with the JSON Schema: a spec a line comes in, a line with the
// list of its problems goes out.
#include <iostream>
#include <string>

#include "core/json.hpp"
#include "core/source.hpp"

namespace {

using upstream::core::Problem;
namespace json = upstream::core::json;

std::string written(const Problem& problem) {
    return "{\"path\": " + json::quote(problem.path) + ", \"message\": " + json::quote(problem.message) +
           ", \"hint\": " + json::quote(problem.hint) + ", \"warning\": " + (problem.warning ? "true" : "false") + "}";
}

}  // namespace

int main() {
    std::string line;
    while (std::getline(std::cin, line)) {
        const auto document = json::Document::parse(line);
        std::string list;
        if (!document) {
            list = written({.path = "$", .message = "cannot be read", .hint = document.error().detail});
        } else {
            for (const Problem& problem : upstream::core::read_source(document->root()).problems)
                list += (list.empty() ? "" : ", ") + written(problem);
        }
        std::cout << "[" << list << "]" << std::endl;
    }
    return 0;
}
