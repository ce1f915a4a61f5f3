// What a spec names outside itself: functions, tables, columns. Read from Postgres' own catalogs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/spi.hpp"

namespace upstream::worker {

class ObjectCatalog {
  public:
    ObjectCatalog();

    struct Function {
        std::string arguments;     // types, as in "jsonb, jsonb"
        bool returns_set = false;
        std::string result;        // type
        bool may_execute = false;  // by the role that was asked for
    };
    // Functions of that name in that schema.
    std::vector<Function> functions(const std::string& schema, const std::string& name, Oid role);

    struct Column {
        bool exists = false;
        bool may_select = false;
        bool may_update = false;
    };
    Column column(Oid table, const std::string& name, Oid role);

    // A table, view, materialized view or foreign table by its quoted name; InvalidOid if there is none.
    Oid find_readable(const std::string& qualified);

  private:
    pg::Statement<std::string, std::string, std::int64_t> functions_;
    pg::Statement<std::int64_t, std::string, std::int64_t> column_;
    pg::Statement<std::string> find_readable_;
};

}  // namespace upstream::worker
