// Rows: from records to a batch, as a layout says.
//
// A record that does not fit (no object, no key, a time that cannot be read) becomes a Reject and leaves the others alone: nothing is dropped
// without a word, and one bad record stops nobody.
#pragma once

#include <span>
#include <string>

#include "core/batch.hpp"
#include "core/cursor.hpp"
#include "core/members.hpp"
#include "core/text.hpp"

namespace upstream::core {

class RowMaker {
  public:
    // `layout` must outlive the object and the batch made. `envelope` is what "$" in a column means; `lookup` gives the values of
    // placeholders in columns, asked for once a page. The batch holds the documents, or their texts if the layout is not transformed.
    RowMaker(const Layout& layout, json::Value envelope, const Lookup& lookup, Batch& batch);

    // Another envelope, for an answer that holds several.
    void within(json::Value envelope) { envelope_ = envelope; }

    // So many records are about to come.
    void expect(std::size_t records);

    // Adds the record's rows, or a reject.
    void add(json::Value record, std::size_t index);

    // Adds a reject for a record that somebody else found bad.
    void reject(json::Value record, std::size_t index, Reject why);

  private:
    // The fields of one table, and how their values are found.
    struct Columns {
        Columns(const std::vector<Field>& fields, const Lookup& lookup);
        const std::vector<Field>& fields;
        std::vector<std::optional<std::string>> constants{};
        std::vector<std::vector<std::optional<std::size_t>>> starts{};  // of each path of each field: the member of the record that it begins with, if it does
        Members members{};
    };
    struct Cell {
        std::optional<std::string_view> text{};
        bool present = false;
        std::optional<std::string_view> unreadable{};  // a time, as it stands in the record
    };
    Cell cell(const Columns& columns, std::size_t which, json::Value record, json::Value from);
    Cell of_paths(const Columns& columns, std::size_t which, json::Value from);
    std::optional<std::string_view> latest(const Cursor& cursor, json::Value record);
    std::string_view list_of(const Path& path, json::Value record);
    std::string_view hash_input(const std::vector<Path>& paths, json::Value record);
    [[nodiscard]] std::string key_text(json::Value record) const;
    bool add_row(Columns& columns, Batch& batch, json::Value record, json::Value outer, std::size_t index, const std::string& list, bool gone);
    void keep_key(json::Value record);
    void add_inner(std::size_t which, json::Value record, std::size_t index);
    void add_deletion(std::size_t which, json::Value record, std::size_t index);
    void note_new_members(json::Value record);
    [[nodiscard]] json::Value start(const Path& path, json::Value record) const;

    const Layout& layout_;
    json::Value envelope_;
    Batch& batch_;
    Columns columns_;
    std::vector<Columns> inner_;      // of each inner list
    std::vector<Columns> deletions_;  // of each other stream
    std::string scope_;  // values of the parent and partition: rows of different ones are never equal
};

}  // namespace upstream::core
