#include "pg/lookup.hpp"

#include "pg/error.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include "utils/guc.h"
}

namespace upstream::pg {

namespace {

constexpr const char* kOff[] = {"enable_seqscan", "enable_bitmapscan"};

}  // namespace

LookupScope::LookupScope() : nest_level_(NewGUCNestLevel()) {
    try {
        call([] {
            for (const char* name : kOff) set_config_option(name, "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
        });
    } catch (...) {
        restore();
        throw;
    }
}

LookupScope::~LookupScope() { restore(); }

void LookupScope::restore() noexcept {
    quietly([this] { AtEOXact_GUC(false, nest_level_); });  // false: back to the values before, as they were
}

}  // namespace upstream::pg
