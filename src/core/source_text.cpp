// Placeholders: which may stand where, and whether they resolve (grammar, section 7).
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/source_parts.hpp"

namespace upstream::core::parts {

namespace {

enum Root : unsigned { kAccount = 1, kSecret = 2, kCursor = 4, kPage = 8, kRun = 16, kParent = 32, kParents = 64, kPartition = 128 };

struct Rule {
    std::string_view name;  // for messages
    unsigned roots;         // what may stand there
};

constexpr unsigned kRequest = kAccount | kCursor | kPage | kRun | kParent | kParents | kPartition;

constexpr Rule rule_of(Spot spot) {
    switch (spot) {
        case Spot::base_url: return {"base_url", kAccount};
        case Spot::source_header: return {"the source's headers", kAccount | kSecret | kRun};
        case Spot::auth: return {"auth", kAccount | kSecret};
        case Spot::check_path: return {"check.path", kAccount};
        case Spot::check: return {"check", kAccount | kSecret};
        case Spot::path: return {"path", kRequest};
        case Spot::param: return {"params", kRequest | kSecret};
        case Spot::header: return {"headers", kRequest | kSecret};
        case Spot::body: return {"body", kRequest | kSecret};
        case Spot::bound: return {"a cursor's bounds", kAccount | kRun};
        case Spot::interval: return {"an interval", kAccount};
        case Spot::column: return {"columns", kAccount | kCursor | kRun | kParent | kPartition};
        case Spot::derived: return {"derived settings", kAccount};
        case Spot::partition: return {"partitions", kAccount};
        case Spot::where: return {"parent.where", kAccount | kRun};
        case Spot::webhook: break;
    }
    return {"webhook", kAccount | kSecret};
}

constexpr Root root_of(std::string_view name) {
    if (name == "account") return kAccount;
    if (name == "secret") return kSecret;
    if (name == "cursor") return kCursor;
    if (name == "page") return kPage;
    if (name == "run") return kRun;
    if (name == "parent") return kParent;
    return name == "parents" ? kParents : kPartition;
}

std::string written(const Placeholder& placeholder) {
    return "{" + placeholder.root + "." + placeholder.word + (placeholder.format.empty() ? "" : "|" + placeholder.format) + "}";
}

// Tells which stream a problem is about if its path does not, because the text stands in the defaults.
std::string about(const TextUse& use, const StreamDraft& draft) {
    return use.where.path.starts_with("$.defaults") ? " (stream \"" + draft.stream.name + "\")" : std::string{};
}

std::vector<std::string> words_of(std::string_view root) {
    if (root == "cursor") return {"start", "end"};
    if (root == "page") return {"token", "size"};
    return {"started_at"};
}

class Check {
  public:
    Check(const TextUse& use, const StreamDraft* draft, Reader& reader) : use_(use), draft_(draft), reader_(reader) {}

    void run(const Placeholder& placeholder) const {
        const Root root = root_of(placeholder.root);
        if ((rule_of(use_.spot).roots & root) == 0) {
            problem(written(placeholder) + " is not allowed in " + std::string(rule_of(use_.spot).name), place_hint(root));
        } else if (root == kAccount) {
            account(placeholder);
        } else if (root == kParent || root == kParents) {
            parent(placeholder);
        } else if (root == kPartition) {
            partition(placeholder);
        } else if (root != kSecret) {
            closed_word(placeholder);
        }
        format(placeholder, root);
    }

  private:
    void problem(std::string message, std::string hint = {}) const {
        reader_.problems.add(use_.where, std::move(message), std::move(hint));
    }

    // The same about what only a whole stream shows.
    void stream_problem(std::string message, std::string hint = {}) const { problem(message + about(use_, *draft_), std::move(hint)); }

    [[nodiscard]] std::string place_hint(Root root) const {
        if (root == kSecret) return "Secrets may stand in \"auth\", \"headers\", \"params\", \"body\" and webhook keys only.";
        if (use_.spot == Spot::source_header) return "Put the header into the stream.";
        return {};
    }

    // {parents.x} exactly when a request is for a batch of rows, {parent.x} exactly when not.
    void parent(const Placeholder& placeholder) const {
        if (!draft_ || !draft_->parent_ok) return;
        const std::optional<Parent>& parent = draft_->stream.parent;
        if (!parent) {
            stream_problem(written(placeholder) + " needs a parent", "State \"parent\".");
            return;
        }
        const bool is_batch = placeholder.root == "parents";
        if (is_batch != parent->batch_size.has_value()) {
            stream_problem(is_batch ? "{parents." + placeholder.word + "} needs \"batch_size\" in \"parent\""
                                    : "{parent." + placeholder.word + "} has no value, because a request is for a batch of rows",
                           "Write {" + std::string(is_batch ? "parent." : "parents.") + placeholder.word + (is_batch ? "}." : "|csv}."));
            return;
        }
        std::vector<std::string> words;
        for (const auto& [word, column] : parent->key) words.push_back(word);
        if (std::find(words.begin(), words.end(), placeholder.word) != words.end()) return;
        const std::string hint = perhaps(placeholder.word, words);
        stream_problem("\"parent.key\" has no \"" + placeholder.word + "\"", hint.empty() ? "Name the column there that gives its value." : hint);
    }

    void partition(const Placeholder& placeholder) const {
        if (!draft_ || !draft_->parent_ok) return;
        std::vector<std::string> words;
        for (const Partition& partition : draft_->stream.partitions) words.push_back(partition.name);
        if (std::find(words.begin(), words.end(), placeholder.word) != words.end()) return;
        const std::string hint = perhaps(placeholder.word, words);
        stream_problem("no partition \"" + placeholder.word + "\"", hint.empty() ? "Declare it in \"partitions\"." : hint);
    }

    void account(const Placeholder& placeholder) const {
        const std::vector<std::string>& settings = reader_.settings;
        if (!reader_.settings_known || std::find(settings.begin(), settings.end(), placeholder.word) != settings.end()) return;
        const std::optional<std::string> near = nearest(placeholder.word, settings);
        problem("no account setting \"" + placeholder.word + "\"",
                near ? "Perhaps you meant {account." + *near + "}." : std::string("Declare it in account.properties."));
    }

    // Roots whose words are given by the grammar.
    void closed_word(const Placeholder& placeholder) const {
        const std::vector<std::string> words = words_of(placeholder.root);
        if (std::find(words.begin(), words.end(), placeholder.word) == words.end()) {
            std::string known;
            for (const std::string& word : words)
                known += (known.empty() ? "{" : " and {") + placeholder.root + "." + word + "}";
            problem("unknown placeholder " + written(placeholder),
                    (words.size() == 1 ? "The only one of its kind is " : "There are ") + known + ".");
        } else if (draft_ && placeholder.root == "cursor") {
            cursor(placeholder);
        } else if (draft_ && placeholder.root == "page") {
            page(placeholder);
        }
    }

    void cursor(const Placeholder& placeholder) const {
        const std::optional<Cursor>& cursor = draft_->stream.cursor;
        if (!draft_->states("cursor")) {
            stream_problem(written(placeholder) + " needs a cursor", "State \"cursor\".");
        } else if (cursor && (cursor->type == Cursor::Type::integer || cursor->type == Cursor::Type::opaque)) {
            const std::string type = cursor->type == Cursor::Type::integer ? "integer" : "opaque";
            if (placeholder.word == "end") {
                stream_problem("{cursor.end} has no value for a cursor of type \"" + type + "\"");
            } else if (is_time_format(placeholder.format)) {
                stream_problem("a cursor of type \"" + type + "\" takes no format", "Write {cursor.start}.");
            }
        }
    }

    void page(const Placeholder& placeholder) const {
        using Type = Pagination::Type;
        if (!draft_->pagination_ok) return;
        const Type type = draft_->stream.pagination.type;
        if (type != Type::cursor && type != Type::page && type != Type::offset) {
            stream_problem(written(placeholder) + " needs pagination of type \"cursor\", \"page\" or \"offset\"");
        } else if (placeholder.word == "size" && !draft_->states("pagination.size")) {
            stream_problem("{page.size} needs \"size\" in pagination");
        }
    }

    [[nodiscard]] bool is_time_format(const std::string& format) const {
        return !format.empty() && (reader_.formats.contains(format) || time_format(format));
    }

    void format(const Placeholder& placeholder, Root root) const {
        if (root == kParents && placeholder.format.empty() && !use_.whole_json && draft_) {
            problem(written(placeholder) + " is a list", "Write {parents." + placeholder.word + "|csv}.");
        }
        if (placeholder.format.empty()) return;
        const bool is_time = is_time_format(placeholder.format);
        std::vector<std::string> known{"iso", "iso_ms", "date", "epoch", "epoch_ms", "csv", "json", "url"};
        for (const auto& [name, own] : reader_.formats) known.push_back(name);
        const bool is_list = placeholder.format == "csv" || placeholder.format == "json";
        if (std::find(known.begin(), known.end(), placeholder.format) == known.end()) {
            if (!reader_.formats_known) return;
            std::string hint = perhaps(placeholder.format, known);
            if (hint.empty()) hint = "Known formats are " + list_words(known, " and ") + "; declare others in \"formats\".";
            problem("unknown format \"" + placeholder.format + "\"", std::move(hint));
        } else if (use_.spot == Spot::interval) {
            problem("an interval takes no format", "Write {account." + placeholder.word + "}.");
        } else if (((root == kCursor || root == kRun) && !is_time && !is_opaque(root)) || (root == kPage && is_time) || (root == kParents && !is_list)) {
            problem("format \"" + placeholder.format + "\" does not apply to {" + placeholder.root + "." + placeholder.word + "}");
        }
    }

    // Text of the upstream's own, which may have to be encoded.
    [[nodiscard]] bool is_opaque(Root root) const {
        return root == kCursor && draft_ && draft_->stream.cursor && draft_->stream.cursor->type == Cursor::Type::opaque;
    }

    const TextUse& use_;
    const StreamDraft* draft_;
    Reader& reader_;
};

}  // namespace

void check_text(const TextUse& use, const StreamDraft* draft, Reader& reader) {
    const Check check(use, draft, reader);
    for (const Placeholder& placeholder : use.text.placeholders()) check.run(placeholder);
}

}  // namespace upstream::core::parts
