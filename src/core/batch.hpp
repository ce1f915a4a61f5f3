// A batch: the rows of one page as columns of text, ready for the types of their table. And the layout, which says how records become rows.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/json.hpp"
#include "core/path.hpp"
#include "core/source.hpp"
#include "core/text.hpp"
#include "core/time.hpp"

namespace upstream::core {

// How one column of the target is filled. Made from the spec and the table by worker/target.
struct Field {
    std::string column;
    std::vector<Path> paths{};           // the first with a value counts
    std::optional<Text> value{};         // instead of paths: the same for every row of a page
    std::optional<TimeFormat> format{};  // times become ISO text
    std::vector<Path> hash{};            // instead of paths: the values that make the key of rows without identity, as one JSON list
    std::vector<Text> scope{};           // of a hash: further values, which rows of different reads differ by
    bool numbered = false;               // of a hash: rows that are equal get a number each (core/occurrences)
    bool json = false;                   // the column holds JSON: strings keep their quotes
    bool whole = false;                  // the column takes the whole record
    bool key = false;                    // part of the primary key: must have a value
    bool outer = false;                  // of an inner list: read from the outer record
};

// How a list inside the records becomes rows of a table of its own (`expand`).
struct InnerLayout {
    std::string name;
    Path records;
    std::vector<Field> fields{};  // those with `outer` first
    std::optional<Path> more{};   // true in the outer record: the list goes on elsewhere
};

// Which rows of another stream the records say are gone (deletes.mode feed). One that is newer than the record stays, where that can be told: the position of a
// record is compared with a column of the row. What a record states in whole seconds, or days, may have been at their end.
struct DeletionLayout {
    std::string stream{};                  // whose rows
    std::optional<Condition> when{};       // for which this holds; absent: all
    std::vector<Field> fields{};           // that stream's whole key and, if there is a position, the column that it is compared with
    std::optional<Cursor> position{};
    bool soft = true;                      // they are marked, not deleted
};

// How records become rows.
struct Layout {
    Layout() = default;
    Layout(std::vector<Field> of_fields) : fields(std::move(of_fields)) {}
    Layout(std::initializer_list<Field> of_fields) : fields(of_fields) {}
    std::vector<Field> fields{};
    std::vector<InnerLayout> inner{};
    std::optional<Condition> gone{};                 // a record for which this holds says that its row is deleted
    std::vector<DeletionLayout> deletions{};         // or that rows of other streams are
    bool partial = false;                            // a missing member says nothing (absent: keep), so it is noted which were there
    bool transformed = false;                        // the records go through a SQL function first: no rows are made of them yet
    std::optional<std::set<std::string>> members{};  // those that some column takes; others are noted. Absent: nobody asks
};

using Values = std::vector<std::optional<std::string_view>>;

// A record that made no row, or a row that its table did not take.
struct Reject {
    std::size_t record = 0;  // in the page, from 0
    std::string list{};      // name of the inner list, "" for the record itself
    std::string key{};       // values of the primary key, as far as they can be read
    std::string sqlstate{};
    std::string column{};
    std::string path{};
    std::string value{};  // what was there, cut
    std::string message{};
};

struct Batch {
    std::vector<Values> columns{};                 // one per Field, each with `rows` values
    std::size_t rows = 0;
    std::vector<std::size_t> origin{};             // of each row: its record in the page; of an inner row: the outer row
    std::vector<std::vector<bool>> present{};      // like columns, if the layout is partial: whether the record had the member
    std::vector<bool> gone{};                      // of each row, if the layout has such a condition
    std::vector<Batch> inner{};                    // one per InnerLayout
    std::vector<Batch> deletions{};                // one per DeletionLayout
    std::vector<Values> heads{};                   // of an inner batch: the fields with `outer`, of each outer row whose list is known
    std::vector<std::size_t> head_of{};            // and which outer row that is
    std::vector<std::size_t> cut{};                // of an inner batch: outer rows whose list goes on elsewhere
    std::vector<Reject> rejects{};                 // records that made no row
    std::vector<Values> unfit{};                   // like columns, but for the keys alone: of those of them that have one, so that their rows are not taken for gone
    std::vector<std::pair<std::string, std::string>> new_members{};  // that no column takes, each with a first value; a few

    // What the views point into.
    std::size_t page_records = 0;          // before any was rejected
    std::vector<std::shared_ptr<const json::Text>> texts{};
    std::vector<json::Value> records{};    // if the layout is transformed; then with their documents
    std::optional<json::Value> envelope{};
    std::vector<std::shared_ptr<const json::Document>> documents{};
    std::list<std::string> made{};  // they stay where they are when a batch is moved, and a list is moved without a copy even by a vector that grows
};
static_assert(std::is_nothrow_move_constructible_v<Batch>, "a vector that grows would copy batches, whose views would point into what it frees");

}  // namespace upstream::core
