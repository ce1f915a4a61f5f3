// The books for a SQL function: read, and kept, in its caller's transaction.
#pragma once

#include "pg/role.hpp"
#include "pg/transaction.hpp"
#include "worker/catalog.hpp"
#include "worker/unit.hpp"

namespace upstream::worker {

// Calls `work` with the catalog, as the keeper.
template <class Work>
auto with_catalog(Work&& work) {
    const pg::SpiScope spi;
    const pg::RoleScope keeper{pg::role_oid(kKeeperRole), pg::Constraints::as_they_are};
    Catalog catalog{this_process("session")};
    return work(catalog);
}

}  // namespace upstream::worker
