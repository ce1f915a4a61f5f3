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

// A restricted operation may not leave a trigger for later: Postgres refuses to queue it ("cannot fire deferred trigger within
// security-restricted operation", since CVE-2020-25695). So constraints become immediate before the role is taken on: what is
// pending fires as who left it, and what this role's statements cause fires at the end of each statement, as this role.
RoleScope::RoleScope(Oid role, Constraints constraints) {
    if (!OidIsValid(role)) throw Raise{ERRCODE_UNDEFINED_OBJECT, "role does not exist"};
    if (constraints == Constraints::immediate) execute("SET CONSTRAINTS ALL IMMEDIATE");
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
    // Nothing is pending unless a trigger made constraints deferred again, and then an error has said so; but the next role's
    // safety is not to hang on that.
    execute("SET CONSTRAINTS ALL IMMEDIATE");
    restore();
}

Oid role_oid(const char* name) {
    return call([&] { return get_role_oid(name, true); });
}

}  // namespace upstream::pg
