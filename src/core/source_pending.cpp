// The list of keys that nothing carries out yet.
//
// Whoever makes a key work deletes its line here, in the same commit as the tests that prove it. When kPending is empty, this file and
// its header go, with their one use in worker/configure.cpp.
#include "core/source_pending.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "core/spec_reader.hpp"

namespace upstream::core {

namespace {

struct Pending {
    std::string_view path;      // "*" is any member or element
    std::string_view value{};   // only this word; "{" is any text that begins with a placeholder; absent: whatever it is
};

constexpr auto kPending = std::to_array<Pending>({
    // receiving
    {"webhook.events.*.do", "upsert"},
    {"webhook.events.*.do", "delete"},
});

bool has_value(const Node& node, std::string_view value) {
    if (value.empty()) return true;
    if (!node.value.is_string()) return false;
    const std::string_view text = node.value.text();
    return value == "{" ? text.starts_with('{') : text == value;
}

// Notes every place that `path` leads to from `node`.
void find(const Node& node, std::string_view path, std::string_view value, std::vector<Node>& found) {
    if (path.empty()) {
        if (has_value(node, value)) found.push_back(node);
        return;
    }
    const std::size_t dot = std::min(path.find('.'), path.size());
    const std::string_view step = path.substr(0, dot);
    const std::string_view rest = path.substr(std::min(dot + 1, path.size()));
    if (node.value.is_array() && step == "*") {
        for (const Node& element : elements(node)) find(element, rest, value, found);
    } else if (node.value.is_object()) {
        for (const Node& member : members(node)) {
            if (step == "*" || step == member.value.key()) find(member, rest, value, found);
        }
    }
}

// "streams.*" stands for "defaults", too, and "auth" for every way to sign in.
void find_everywhere(const Node& root, const std::string& path, std::string_view value, std::vector<Node>& found) {
    constexpr std::string_view kEveryStream = "streams.*.";
    constexpr std::string_view kAuth = "auth.";
    find(root, path, value, found);
    if (path.starts_with(kEveryStream)) find(root, "defaults." + path.substr(kEveryStream.size()), value, found);
    if (path.starts_with(kAuth)) {
        find(root, "auth.one_of.*." + path.substr(kAuth.size()), value, found);
        find_everywhere(root, "streams.*." + path, value, found);
    }
}

}  // namespace

std::vector<Problem> pending_keys(json::Value spec) {
    Problems problems;
    const Node root = root_node(spec);
    for (const Pending& pending : kPending) {
        std::vector<Node> found;
        find_everywhere(root, std::string(pending.path), pending.value, found);
        for (const Node& node : found) {
            const bool is_word = !pending.value.empty() && pending.value != "{";
            const std::string what = is_word ? "\"" + std::string(pending.value) + "\"" : "this key";
            problems.add(node.where, what + (pending.value == "{" ? " with a placeholder" : "") + " is not carried out yet");
        }
    }
    return problems.in_order();
}

}  // namespace upstream::core
