// COPY in process: rows go through Postgres' own COPY machinery without a file, a connection or a text between.
//
// As the table synchronisation of logical replication does, it hands COPY a data source callback, so that defaults, generated columns, identity, triggers,
// constraints, partition routing and the batching of index inserts are Postgres' business and not ours. The binary format carries what a column's receive
// function takes; since these rows never leave the process, that is the value itself (a Datum), and the receive function only picks it up.
//
// It acts with the rights of the current role and asks for INSERT, as DoCopy() would. It bypasses rules, and row security where the current role
// is subject to it: bulk_facts() tells whether a table can be written like that.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "pg/postgres.hpp"
#include "pg/row_buffer.hpp"

namespace upstream::pg {

// Inserts the rows `order` names, in that order, into a table that the caller has locked for writing. Returns the number of rows that were inserted, which is
// lower if a trigger suppressed some. Errors come as pg::Error, with "COPY table, line N" as the context; then only a rolled back (Sub)transaction may go on.
std::uint64_t copy_into(Oid table, const RowBuffer& rows, std::span<const std::uint32_t> order);

}  // namespace upstream::pg
