// The statements that write a page to its table, as texts.
//
// Each takes the page as one array a field, so that it is one statement whatever the number of rows: $1 is the account, $2 and on are the fields in
// their order, then, where the rule asks for them, one boolean array that says which rows are gone, and one for each field that is no key that says
// whether the record had it. `page` keeps of the rows that have the same key the newest, or else the last (ON CONFLICT could not take two), and is
// sorted by the key, which is kind to the index.
#pragma once

#include <string>
#include <vector>

#include "core/batch.hpp"
#include "core/source.hpp"
#include "pg/relation.hpp"

namespace upstream::worker {

struct WriteRule {
    core::Stream::Write mode = core::Stream::Write::upsert;
    std::vector<std::string> key{};  // columns, the account's included; empty for append
    std::string newer_by{};          // column, "" for none
    bool partial = false;            // what a record does not have leaves the stored value
    bool gone = false;               // some rows say that they are deleted
    bool soft = true;                // such rows are marked, not deleted
    bool revives = false;            // a row that was marked is alive again when it comes
};

// Each gives one row of numbers; "" where the rule needs no such statement.
struct WriteSql {
    std::string write{};  // rows of the page, inserted, updated, stale
    std::string fill{};   // partial rows, after `write` updated what is there: inserted, and those that are there by now
    std::string erase{};  // rows that are gone: deleted or marked
};

// The keys of a page's rows that are in the table, each as key_digest() gives it. It takes what `write` takes.
[[nodiscard]] std::string known_keys_sql(const WriteRule& rule, const pg::Table& table, const std::vector<core::Field>& fields);

// An expression for the key of the row `t`, the account left out: 32 hexadecimal digits. Of the stored row and not of a record: what is equal to the key's
// index need not be the same text.
[[nodiscard]] std::string key_digest(const std::vector<std::string>& key);

[[nodiscard]] WriteSql write_sql(const WriteRule& rule, const pg::Table& table, const std::vector<core::Field>& fields);

// Deletes the rows of an inner list that its outer rows no longer list. $1 the account; the fields of the page; then once more those with `outer`,
// for the outer rows whose list is known.
[[nodiscard]] std::string replace_inner_sql(const std::vector<std::string>& key, const pg::Table& table, const std::vector<core::Field>& fields);

}  // namespace upstream::worker
