#include "core/partition.hpp"

#include <utility>

#include "core/json.hpp"

namespace upstream::core {
namespace {

std::optional<std::string> word_of(const Words& words, const std::string& name) {
    const auto found = words.find(name);
    if (found == words.end()) return std::nullopt;
    return found->second;
}

void append_members(std::string& json, const Words& words, const char* prefix) {
    for (const auto& [name, value] : words) {
        if (json.size() > 1) json += ",";
        json += json::quote(prefix + name) + ":" + json::quote(value);
    }
}

// The values of one list; a setting holds a JSON list, or a single value.
Result<std::vector<std::string>> values_of(const Partition& list, const Account& account) {
    if (!list.from) return list.values;
    const auto text = list.from->render(account_lookup(account));
    const auto wrong = [&](const char* what) {
        return Error{.code = Code::invalid_spec,
                     .message = "partitions." + list.name + " \"" + list.from->source() + "\" " + what,
                     .hint = "Set the account's setting to a list such as [\"eu\", \"us\"]."};
    };
    if (!text) return wrong("has no value");
    const auto document = json::Document::parse(*text);
    if (!document || document->root().is_object()) return std::vector{*text};
    const json::Value root = document->root();
    if (!root.is_array()) return std::vector{std::string{root.text()}};
    std::vector<std::string> values;
    for (const json::Value item : root) {
        if (item.is_array() || item.is_object() || item.is_null()) return wrong("holds something that is no value");
        values.emplace_back(item.text());
    }
    return values;
}

}  // namespace

std::optional<std::string> PartitionValues::find(const Placeholder& placeholder) const {
    if (placeholder.root == "partition") return word_of(lists, placeholder.word);
    if (placeholder.root == "parent" && parents.size() == 1) return word_of(parents.front(), placeholder.word);
    if (placeholder.root != "parents" || parents.empty()) return std::nullopt;
    std::string list = "[";
    for (const Words& parent : parents)
        if (const auto word = word_of(parent, placeholder.word)) list += (list.size() > 1 ? "," : "") + json::quote(*word);
    return list + "]";
}

Result<std::vector<Words>> combinations(const Stream& stream, const Account& account) {
    std::vector<Words> all(1);
    for (const Partition& list : stream.partitions) {
        const Result<std::vector<std::string>> values = values_of(list, account);
        if (!values) return values.error();
        std::vector<Words> longer;
        longer.reserve(all.size() * values->size());
        for (const Words& words : all) {
            for (const std::string& value : *values) {
                longer.push_back(words);
                longer.back().insert_or_assign(list.name, value);
            }
        }
        all = std::move(longer);
    }
    return all;
}

std::string partition_id(const Words& parent, const Words& lists) {
    std::string json = "{";
    append_members(json, parent, "parent.");
    append_members(json, lists, "partition.");
    return json + "}";
}

}  // namespace upstream::core
