#include "worker/unit.hpp"

#include <algorithm>

#include "pg/error.hpp"
#include "worker/convert.hpp"
#include "worker/settings.hpp"
#include "worker/uptime.hpp"
#include "worker/version.hpp"

namespace upstream::worker {
namespace {

constexpr int kMomentMs = 20;
constexpr core::Duration kLately = std::chrono::seconds(1);

}  // namespace

bool ends_everything(const pg::Error& error, const pg::Session& session) {
    return error.sqlerrcode() == ERRCODE_QUERY_CANCELED && session.kind() == pg::Session::Kind::procedure;
}

bool Unit::waited_in_vain_lately() const { return waited_in_vain_ && uptime() - *waited_in_vain_ < kLately; }

void Unit::note_waiting(const pg::Error& error) {
    if (error.sqlerrcode() == ERRCODE_LOCK_NOT_AVAILABLE && session_.kind() == pg::Session::Kind::worker) waited_in_vain_ = uptime();
}

// Settles what the transaction needs before anything is read: which extension, which role, how durable, how long to wait for locks.
Oid Unit::enter(Durability durability, Patience patience) {
    const auto version = catalog_.extension_version();
    if (!version || *version != kVersion) throw ExtensionGone{version.value_or("")};
    const Oid keeper = pg::role_oid(kKeeperRole);
    if (!OidIsValid(keeper))
        throw pg::Raise(ERRCODE_UNDEFINED_OBJECT, std::string{"role \""} + kKeeperRole + "\" does not exist", "",
                        "Create it as the install script does, or install the extension anew.");
    pg::set_local("synchronous_commit", durability == Durability::synchronous ? "on" : "off");
    const int usual = settings().lock_timeout_ms;
    pg::set_local("lock_timeout", std::to_string(patience == Patience::usual ? usual : std::min(usual, kMomentMs)).c_str());
    return keeper;
}

void limit_write_time(const pg::Session& session) { session.limit_time(settings().write_timeout_ms); }

std::shared_ptr<const core::Source> Unit::source(std::int32_t id, std::int32_t revision) {
    auto& [known_revision, known] = sources_[id];
    if (known && known_revision == revision) return known;
    const StoredSource stored = catalog_.source(id);
    known = std::make_shared<const core::Source>(to_source(stored));
    known_revision = stored.revision;
    return known;
}

}  // namespace upstream::worker
