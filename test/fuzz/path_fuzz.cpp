// Paths and texts with placeholders: a path, a text, and a document to follow the path in, a line each.
#include <algorithm>

#include "core/path.hpp"
#include "core/text.hpp"
#include "fuzz/fuzz.hpp"

using namespace upstream;
using fuzz::promise;

namespace {

void follow(const core::Path& path, const core::json::Document& document) {
    const auto first = path.find(document.root());
    const auto all = path.find_all(document.root());
    if (!path.has_wildcard()) promise(first.has_value() ? all.size() == 1 && all.front().raw() == first->raw() : all.empty(), "a path without [*] leads to one value or none");
    for (const core::json::Value value : all) promise(value.raw().data() >= document.root().raw().data(), "values stand in their document");
}

void read_text(std::string_view line) {
    const auto text = core::Text::parse(line);
    if (!text) return;
    promise(text->source() == line, "a text remembers how it was written");
    const auto rendered = text->render([](const core::Placeholder&) { return std::optional<std::string>{"x"}; });
    promise(rendered.has_value(), "a text whose placeholders have values has one");
    const auto without = text->render([](const core::Placeholder&) { return std::optional<std::string>{}; });
    promise(without.has_value() == text->placeholders().empty(), "a text with a placeholder without value has none");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    const auto path = core::Path::parse(input.line());
    read_text(input.line());
    if (!path) return 0;
    const auto again = core::Path::parse(path->text());
    promise(again && again->root() == path->root() && again->has_wildcard() == path->has_wildcard(), "a path can be read from its own text");
    if (path->root() == core::Path::Root::header) return 0;
    const auto document = core::json::Document::parse(std::string{input.rest()});
    if (document) follow(*path, *document);
    return 0;
}
