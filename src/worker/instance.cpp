#include "pg/postgres.hpp"

#include "worker/instance.hpp"

#include <utility>

#include "pg/error.hpp"
#include "pg/process.hpp"
#include "worker/books.hpp"
#include "worker/settings.hpp"

namespace upstream::worker {
namespace {

constexpr const char* kHint = "If that one does not sync any more, call upstream.adopt_instance().";

}  // namespace

std::string this_instance() {
    const std::string name = settings().instance_id == nullptr ? "" : settings().instance_id;
    return (name.empty() ? pg::system_identifier() : name) + "/" + std::to_string(MyDatabaseId);
}

std::string ForeignInstance::message() const { return "this database is a copy of another, \"" + owner + "\", which may be syncing"; }

void ForeignInstance::raise() const {
    throw pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, message(), "This one is \"" + this_instance() + "\"; nothing is sent from here.", kHint);
}

void require_own_instance(Catalog& catalog) {
    if (auto owner = catalog.foreign_owner(this_instance())) throw ForeignInstance{.owner = std::move(*owner)};
}

void check_may_send() {
    try {
        with_catalog(require_own_instance);
    } catch (const ForeignInstance& foreign) {
        foreign.raise();
    }
}

}  // namespace upstream::worker
