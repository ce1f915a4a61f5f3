// Targets: the tables that a stream's rows land in. How their columns are filled, whether they fit, how they are made.
#pragma once

#include <string>
#include <vector>

#include "core/batch.hpp"
#include "core/result.hpp"
#include "core/source.hpp"
#include "pg/relation.hpp"
#include "worker/write_sql.hpp"

namespace upstream::worker {

inline constexpr const char* kAccountColumn = "account_id";
inline constexpr const char* kSyncedAtColumn = "_synced_at";
inline constexpr const char* kDeletedAtColumn = "_deleted_at";  // deletes with action soft
inline constexpr const char* kHashColumn = "_upstream_key";     // primary_key.hash: SHA-256 of the values, in hex

// The schema and name of a table that a spec names: "name" lies in the source's target schema.
struct TargetName {
    std::string schema;
    std::string name;
    [[nodiscard]] std::string quoted() const;
};
[[nodiscard]] TargetName table_name(const std::string& written, const std::string& target_schema);
[[nodiscard]] TargetName target_name(const core::Stream& stream, const std::string& target_schema);

// How each column is filled, of the target and of the tables of its inner lists, in the order of `expand`. An error (Code::target_error) tells why a
// table cannot take the stream: not a table, a column missing, no unique key on (account_id, key...), or a NOT NULL column that nothing fills.
core::Result<core::Layout> layout_of(const core::Stream& stream, const pg::Table& table, const std::vector<pg::Table>& inner);

// How rows are written.
[[nodiscard]] WriteRule rule_of(const core::Stream& stream, const pg::Table& table);
[[nodiscard]] WriteRule rule_of(const core::Expand& expand, const pg::Table& table);

// The columns that identify a row in this table: account_id if it has that, then the stream's key.
[[nodiscard]] std::vector<std::string> key_of(const core::Stream& stream, const pg::Table& table);

// CREATE TABLE for a target that does not exist: account_id, the stream's columns, _synced_at, _deleted_at if rows are deleted softly; primary key
// (account_id, key...), key texts in COLLATE "C". Without a key, as for append, an index on account_id.
core::Result<std::string> create_table(const core::Stream& stream, const TargetName& name);
core::Result<std::string> create_table(const core::Stream& stream, const core::Expand& expand, const TargetName& name);

}  // namespace upstream::worker
