// LookupScope: queries that are planned while it lives find rows by an index.
//
// For queries that look up keys again and again, in tables of any size of which there may be no statistics: they may have been filled in this very transaction,
// and a plan that was kept from when a table was small would read all of it each time. Not for statements that fire triggers, which would be planned so, too.
// Settings are as they were when it ends.
#pragma once

namespace upstream::pg {

class LookupScope {
  public:
    LookupScope();
    ~LookupScope();  // restores; never raises. A rollback of the (sub)transaction restores anyway
    LookupScope(const LookupScope&) = delete;
    LookupScope& operator=(const LookupScope&) = delete;

  private:
    void restore() noexcept;
    int nest_level_;
};

}  // namespace upstream::pg
