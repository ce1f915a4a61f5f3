// Placeholders: which may stand where, and whether they resolve (grammar, section 7).
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/source_parts.hpp"

namespace upstream::core::parts {

namespace {

struct Rule {
    std::string_view name;  // for messages
    bool secret;
    bool cursor;
    bool page;
    bool run;
};

// {account.x} may stand everywhere.
constexpr Rule rule_of(Spot spot) {
    switch (spot) {
        case Spot::base_url: return {"base_url", false, false, false, false};
        case Spot::source_header: return {"the source's headers", true, false, false, true};
        case Spot::auth: return {"auth", true, false, false, false};
        case Spot::path: return {"path", false, true, true, true};
        case Spot::param: return {"params", true, true, true, true};
        case Spot::header: return {"headers", true, true, true, true};
        case Spot::bound: return {"a cursor's bounds", false, false, false, true};
        case Spot::column: break;
    }
    return {"columns", false, true, false, true};
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
        const std::string& root = placeholder.root;
        if (root == "parent" || root == "parents" || root == "partition") {
            problem(written(placeholder) + " is not supported yet");
        } else if (!may_stand(root)) {
            problem(written(placeholder) + " is not allowed in " + std::string(rule_of(use_.spot).name), place_hint(root));
        } else if (root == "account") {
            account(placeholder);
        } else if (root != "secret") {
            closed_word(placeholder);
        }
        format(placeholder);
    }

  private:
    void problem(std::string message, std::string hint = {}) const {
        reader_.problems.add(use_.where, std::move(message), std::move(hint));
    }

    [[nodiscard]] bool may_stand(std::string_view root) const {
        const Rule rule = rule_of(use_.spot);
        if (root == "secret") return rule.secret;
        if (root == "cursor") return rule.cursor;
        if (root == "page") return rule.page;
        return root == "run" ? rule.run : true;
    }

    [[nodiscard]] std::string place_hint(std::string_view root) const {
        if (root == "secret") return "Secrets may stand in \"auth\", \"headers\" and \"params\" only.";
        if (use_.spot == Spot::source_header) return "Put the header into the stream.";
        return {};
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
        if (!draft_->has_cursor) {
            problem(written(placeholder) + " needs a cursor" + about(use_, *draft_), "State \"cursor\".");
        } else if (draft_->stream.cursor && draft_->stream.cursor->type == Cursor::Type::integer) {
            if (placeholder.word == "end") {
                problem("{cursor.end} has no value for a cursor of type \"integer\"" + about(use_, *draft_));
            } else if (!placeholder.format.empty()) {
                problem("a cursor of type \"integer\" takes no format" + about(use_, *draft_), "Write {cursor.start}.");
            }
        }
    }

    void page(const Placeholder& placeholder) const {
        using Type = Pagination::Type;
        if (!draft_->pagination_ok) return;
        const Type type = draft_->stream.pagination.type;
        if (type != Type::cursor && type != Type::page && type != Type::offset) {
            problem(written(placeholder) + " needs pagination of type \"cursor\", \"page\" or \"offset\"" + about(use_, *draft_));
        } else if (placeholder.word == "size" && !draft_->size) {
            problem("{page.size} needs \"size\" in pagination" + about(use_, *draft_));
        }
    }

    void format(const Placeholder& placeholder) const {
        if (placeholder.format.empty()) return;
        const bool is_time = time_format(placeholder.format).has_value();
        const std::vector<std::string> known{"iso", "iso_ms", "date", "epoch", "epoch_ms", "csv", "json", "url"};
        if (std::find(known.begin(), known.end(), placeholder.format) == known.end()) {
            std::string hint = perhaps(placeholder.format, known);
            if (hint.empty()) hint = "Known formats are " + list_words(known, " and ") + "; formats of your own are not supported yet.";
            problem("unknown format \"" + placeholder.format + "\"", std::move(hint));
        } else if (((placeholder.root == "cursor" || placeholder.root == "run") && !is_time) || (placeholder.root == "page" && is_time)) {
            problem("format \"" + placeholder.format + "\" does not apply to {" + placeholder.root + "." + placeholder.word + "}");
        }
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
