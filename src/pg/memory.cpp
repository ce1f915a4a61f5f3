// A memory context owned by a scope; see memory.hpp.
#include "pg/memory.hpp"

#include "pg/error.hpp"

namespace upstream::pg {

MemoryScope::MemoryScope(MemoryContext parent) : before_(CurrentMemoryContext) {
    own_ = call([&] { return AllocSetContextCreate(parent, "upstream scope", ALLOCSET_DEFAULT_SIZES); });
    gone_.func = [](void* scope) { static_cast<MemoryScope*>(scope)->own_ = nullptr; };
    gone_.arg = this;
    MemoryContextRegisterResetCallback(own_, &gone_);
    MemoryContextSwitchTo(own_);
}

MemoryScope::~MemoryScope() {
    if (own_ == nullptr) return;  // died with its parent; who aborted has chosen the current context
    MemoryContextSwitchTo(before_);
    MemoryContextDelete(own_);
}

}  // namespace upstream::pg
