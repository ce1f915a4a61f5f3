#include "pg/extension.hpp"

#include "pg/error.hpp"

extern "C" {
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
}

namespace upstream::pg {

bool lock_extension(const char* name) {
    return call([&] {
        const Oid extension = get_extension_oid(name, true);
        if (!OidIsValid(extension)) return false;
        LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
        // It may have been dropped while we waited for the lock; a new one of that name has another oid.
        return get_extension_oid(name, true) == extension;
    });
}

}  // namespace upstream::pg
