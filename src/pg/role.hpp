// RoleScope: acts as another role, restricted, with the settings pinned that change the meaning of a statement.
//
// As logical replication applies rows: SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION, and a GUC nest level with
// search_path = pg_catalog, pg_temp; TimeZone = UTC; DateStyle = ISO, YMD; IntervalStyle = postgres; extra_float_digits;
// row_security on. Unless told otherwise, constraints and triggers are immediate from here to the end of the transaction, for a restricted operation may
// not defer any: they run at the end of each statement as this role, never at the commit as another. Needs an SPI connection.
#pragma once

#include "pg/postgres.hpp"

namespace upstream::pg {

// What happens to deferred constraints and triggers.
enum class Constraints {
    immediate,    // as said above: for a role that writes to tables of users
    as_they_are,  // for a role whose tables defer nothing: the caller's transaction keeps what it deferred
};

class RoleScope {
  public:
    explicit RoleScope(Oid role, Constraints constraints = Constraints::immediate);
    ~RoleScope();  // restores; never raises. A rollback of the (sub)transaction restores anyway
    RoleScope(const RoleScope&) = delete;
    RoleScope& operator=(const RoleScope&) = delete;

    // Makes sure that no trigger is left to fire as another role, then goes back to the former one. For Constraints::immediate.
    void leave();

  private:
    void restore() noexcept;
    Oid before_;
    int context_;
    int nest_level_;
    bool active_ = true;
};

// The role's oid; InvalidOid if there is none of that name.
[[nodiscard]] Oid role_oid(const char* name);

}  // namespace upstream::pg
