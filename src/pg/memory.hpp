// MemoryScope: a memory context of its own for a unit of work, freed at its end.
//
// It makes its context the current one and puts the former back. If the parent dies first (a transaction that aborts takes its
// contexts along), the scope notices and does nothing at its end.
#pragma once

#include "pg/postgres.hpp"

namespace upstream::pg {

class MemoryScope {
  public:
    explicit MemoryScope(MemoryContext parent = CurrentMemoryContext);
    ~MemoryScope();
    MemoryScope(const MemoryScope&) = delete;
    MemoryScope& operator=(const MemoryScope&) = delete;
    [[nodiscard]] MemoryContext context() const { return own_; }

  private:
    MemoryContext before_;
    MemoryContext own_ = nullptr;
    MemoryContextCallback gone_{};  // forgets own_ when it dies with its parent
};

}  // namespace upstream::pg
