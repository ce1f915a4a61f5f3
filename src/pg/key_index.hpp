// The unique index by which a table's rows are identified: whether it serves for bulk writing, and looking rows up in it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pg/postgres.hpp"
#include "pg/row_buffer.hpp"

namespace upstream::pg {

// What decides whether a table's rows may be copied instead of inserted by a statement.
struct BulkFacts {
    Oid index = InvalidOid;      // the index of the key; invalid if there is none whose equality is that of bytes
    std::string obstacle{};      // why rows must go through statements; "" if they need not
    bool can_look_up = false;    // `index` can be searched directly (not that of a partitioned table)
    std::vector<std::string> order{};  // the key's columns as the index has them
};

// `key`: the columns of the key. Inside a transaction, the table locked.
[[nodiscard]] BulkFacts bulk_facts(Oid table, std::vector<std::string> key);

enum class Stored : std::uint8_t {
    missing,    // no row with this key is visible
    same,       // there is one, and all its values have the same bytes
    different,  // there is one; some value differs, or cannot be compared by its bytes
};

// Looks for each of the rows `order` names in the index, without a statement: at most one descent a row, none where the rows, sorted by the key, lie
// as close together as the index's entries. Sees what the active snapshot sees; locks and writes nothing. `compared` are the columns (of the buffer) that count; result[i] belongs to order[i].
[[nodiscard]] std::vector<Stored> look_up(Oid table, Oid index, const RowBuffer& rows, std::span<const std::uint32_t> order,
                                          std::span<const std::size_t> compared);

}  // namespace upstream::pg
