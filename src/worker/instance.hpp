// Which database this is, so that a copy of it keeps still.
//
// A restored dump, a database made from a template, a base backup that was started: each has the models, and maybe the refresh tokens, of the database that it is
// a copy of. If both synced, each would spend the tokens of the other. So upstream.instance says whose tables these are, and whoever sends anything looks first:
// the worker before it claims models, CALLs and functions before they begin. In a copy nothing is sent until adopt_instance().
#pragma once

#include <string>

namespace upstream::worker {

class Catalog;

// upstream.instance_id, or the cluster's system identifier where that is not set, and the database's oid.
[[nodiscard]] std::string this_instance();

// These tables belong to another database.
struct ForeignInstance {
    std::string owner;
    [[nodiscard]] std::string message() const;
    [[noreturn]] void raise() const;  // as an error of Postgres, for a session
};

// Throws ForeignInstance. In a transaction of the catalog's.
void require_own_instance(Catalog& catalog);

// The same for a function, in its caller's transaction: raises.
void check_may_send();

}  // namespace upstream::worker
