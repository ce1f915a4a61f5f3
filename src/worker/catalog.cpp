#include "worker/catalog.hpp"

#include "pg/extension.hpp"
#include "pg/process.hpp"
#include "worker/settings.hpp"

namespace upstream::worker {
namespace {

constexpr const char* kVersion = "SELECT e.extversion FROM pg_catalog.pg_extension e WHERE e.extname = 'pg_upstream'";

constexpr const char* kForeignOwner = "SELECT i.instance_id FROM upstream.instance i WHERE i.instance_id <> $1 LIMIT 1";

}  // namespace

Holder this_process(const char* kind) {
    return Holder{.incarnation = pg::postmaster_start(),
                  .pid = MyProcPid,
                  .started_at = pg::own_start(),
                  .lease_seconds = settings().lease_timeout_ms / 1000.0,
                  .kind = kind};
}

Catalog::Catalog(Holder holder) : ModelCatalog(holder), RunCatalog(holder), TokenCatalog(holder), LimitCatalog(holder), version_(kVersion), foreign_owner_(kForeignOwner) {}

std::optional<std::string> Catalog::extension_version() {
    if (!pg::lock_extension("pg_upstream")) return std::nullopt;
    const pg::Rows rows = version_.run();
    if (rows.empty()) return std::nullopt;
    return rows[0].get<std::string>(0);
}

std::optional<std::string> Catalog::foreign_owner(const std::string& instance) {
    const pg::Rows rows = foreign_owner_.run(instance);
    if (rows.empty()) return std::nullopt;
    return rows[0].get<std::string>(0);
}

}  // namespace upstream::worker
