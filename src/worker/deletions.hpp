// Deletions that a feed tells of (deletes.mode feed): the records of one stream say which rows of others are gone.
//
// They are carried out in the commit of the feed's page, as the owner of each table. The feed is read like any stream: what its cursor looks back on is
// told again, which takes out rows that were on their way into their table when they were deleted upstream. A row that is newer than the record (newer_by) stays,
// so that one that came back is not deleted again. An account that does not keep the other stream has nothing to delete.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/batch.hpp"
#include "core/source.hpp"
#include "pg/relation.hpp"
#include "worker/catalog.hpp"
#include "worker/write_sql.hpp"

namespace upstream::worker {

// A stream whose deletions another one lists, and the account's table of it.
using ToldTable = std::pair<std::string, Oid>;

// The tables that this stream's records delete from, in the order of the spec.
[[nodiscard]] std::vector<ToldTable> tables_told_of(Catalog& catalog, std::int32_t account, const core::Source& source, const core::Stream& feed);

// Adds what is read from the feed's records for the rows of each table.
void add_deletions(core::Layout& layout, const core::Source& source, const core::Stream& feed, const std::vector<ToldTable>& told,
                   const std::vector<pg::Table>& tables);

// How they are taken out.
[[nodiscard]] WriteRule rule_of(const core::DeletionLayout& layout, const pg::Table& table);

}  // namespace upstream::worker
