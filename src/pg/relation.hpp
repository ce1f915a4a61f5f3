// A table as values: what a writer needs to know of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/postgres.hpp"

namespace upstream::pg {

struct Attribute {
    bool operator==(const Attribute&) const = default;
    std::string name;
    Oid type = InvalidOid;
    std::int32_t typmod = -1;
    std::string type_name;    // format_type
    bool not_null = false;
    bool has_default = false;
    bool generated = false;   // generated always: cannot be written
    bool is_json = false;     // jsonb, or a domain over it
    bool has_equality = true; // its type has a default equality operator
};

struct Table {
    bool operator==(const Table&) const = default;
    Oid oid = InvalidOid;
    std::string qualified{};    // quoted schema.table
    char kind = 0;            // relkind
    Oid owner = InvalidOid;
    std::vector<Attribute> attributes{};                // live columns in order
    std::vector<std::vector<std::string>> unique_keys{};  // columns of each valid, immediate, unpartial unique index

    [[nodiscard]] const Attribute* attribute(const std::string& name) const;
    [[nodiscard]] bool has_key(std::vector<std::string> columns) const;  // in any order
};

// Describes a table that the caller has locked; raises 42P01 if it is gone.
[[nodiscard]] Table describe(Oid table);

// Locks a table in ROW EXCLUSIVE mode till the end of the transaction; false if it does not exist.
[[nodiscard]] bool lock_for_write(Oid table);

// The same without waiting; nothing if somebody else has a lock against it.
[[nodiscard]] std::optional<bool> try_lock_for_write(Oid table);

// Grows whenever anything about any relation may have changed; a description older than that must be made anew.
[[nodiscard]] std::uint64_t relation_changes();

// A quoted identifier.
[[nodiscard]] std::string quote_name(const std::string& name);

}  // namespace upstream::pg
