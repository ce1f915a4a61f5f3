// Targets: the tables that a stream's rows land in. How its columns are filled, whether it fits, how it is made.
#pragma once

#include <string>
#include <vector>

#include "core/account.hpp"
#include "core/batch.hpp"
#include "core/result.hpp"
#include "core/source.hpp"
#include "pg/relation.hpp"

namespace upstream::worker {

inline constexpr const char* kAccountColumn = "account_id";
inline constexpr const char* kSyncedAtColumn = "_synced_at";

// The schema and name of a stream's target: "name" lies in the source's target schema.
struct TargetName {
    std::string schema;
    std::string name;
    [[nodiscard]] std::string quoted() const;
};
[[nodiscard]] TargetName target_name(const core::Stream& stream, const std::string& target_schema);

// How each column is filled. An error (Code::target_error) tells why the table cannot take the stream: not a table, a column missing, no
// unique key on (account_id, key...), or a NOT NULL column that nothing fills.
core::Result<std::vector<core::Field>> fields_of(const core::Stream& stream, const pg::Table& table, const core::Account& account,
                                                 core::Timestamp run_started_at);

// The columns that identify a row in this table: account_id if it has that, then the stream's primary key.
[[nodiscard]] std::vector<std::string> key_of(const core::Stream& stream, const pg::Table& table);

// CREATE TABLE for a target that does not exist: primary key (account_id, key...), key texts in COLLATE "C", _synced_at.
core::Result<std::string> create_table(const core::Stream& stream, const TargetName& name);

}  // namespace upstream::worker
