// What a spec names outside itself is there and may be used (grammar, section 8, rules 13 and 14).
//
// Hosts are judged when a source is made, and again with an account's settings. Functions and tables are looked for when an account is
// made: they are used as the owner of a target, who is known then.
#pragma once

#include <string>
#include <vector>

#include "core/source.hpp"
#include "core/text.hpp"
#include "pg/relation.hpp"

namespace upstream::worker {

// Raises 22023 if a request of the source could not be sent under the server's settings. URLs with a placeholder that has no value are
// left for when it has one.
void check_hosts(const core::Source& source, const core::Lookup& lookup);

// Raises 42883, 42P01, 42703 or 42501 if a function, table or column that the stream names is missing or not for the target's owner.
// `parent` is the target of the parent stream, if it has one that exists.
struct ParentTable {
    Oid oid = InvalidOid;
    std::string qualified{};
};
void check_objects(const core::Stream& stream, const pg::Table& target, const std::string& schema, ParentTable parent);

}  // namespace upstream::worker
