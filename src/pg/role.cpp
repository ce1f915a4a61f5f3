// Acting as another role, after the model of logical replication's usercontext.c (which 15 does not have); see role.hpp.
//
// That file leaves the restrictions away where each of both roles may become the other. Here they always hold. Whether the process may act as this
// role at all is not asked here: the caller decides that.
#include "pg/role.hpp"

#include "pg/error.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "utils/acl.h"
#include "utils/guc.h"
}

namespace upstream::pg {

namespace {

struct Setting {
    const char* name;
    const char* value;
};

// Settings any user may change, so the new role may too; what the pinned values are for is the meaning of our own statements.
constexpr Setting kPinned[] = {
    {"search_path", "pg_catalog, pg_temp"},
    {"TimeZone", "UTC"},
    {"DateStyle", "ISO, YMD"},
    {"IntervalStyle", "postgres"},
    {"extra_float_digits", "1"},
    {"row_security", "on"},
};

}  // namespace

RoleScope::RoleScope(Oid role) {
    GetUserIdAndSecContext(&before_, &context_);
    nest_level_ = NewGUCNestLevel();
    SetUserIdAndSecContext(role, context_ | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    try {
        call([] {
            for (const Setting& setting : kPinned)
                set_config_option(setting.name, setting.value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
        });
    } catch (...) {
        restore();
        throw;
    }
}

RoleScope::~RoleScope() {
    if (active_) restore();
}

void RoleScope::restore() noexcept {
    active_ = false;
    quietly([this] { AtEOXact_GUC(false, nest_level_); });  // false: back to the values before, as they were
    SetUserIdAndSecContext(before_, context_);
}

void RoleScope::leave() {
    // Through SPI like any statement, which also advances the command counter; a restricted operation may do this. Constraints stay
    // immediate till the end of the transaction, which is right: whatever follows must not be left to a later role either.
    execute("SET CONSTRAINTS ALL IMMEDIATE");
    restore();
}

Oid role_oid(const char* name) {
    return call([&] { return get_role_oid(name, true); });
}

}  // namespace upstream::pg
