// Parents: the rows that a partitioned stream is read for, out of a local table or view, and the note on them that they were read.
//
// Rows are read and touched as the owner of the stream's target, restricted as a target's writer is: a spec names tables, but gives no rights to them.
#pragma once

#include <vector>

#include "core/sync.hpp"
#include "worker/catalog.hpp"
#include "worker/writer.hpp"

namespace upstream::worker {

// Which partitions come next (core::FindParts), inside a transaction as the keeper. Error: Code::invalid_spec where a relation, a column or a setting that
// the spec names is not there; what Postgres says of the condition comes as pg::Error.
core::Result<std::vector<core::Part>> find_parts(Catalog& catalog, const RunContext& run, const core::FindParts& find);

// The partition of one parent whose list goes on (FindParts::list); `reader` is the context of the stream that reads it. Nothing if the parent is not there,
// because its row was put aside, or if only_changed says that its list has been complete since it changed.
std::vector<core::Part> find_list(Catalog& catalog, const RunContext& reader, const core::FindParts& find);

// Notes that partitions are read: in partition_state and, if the spec says so, in the parents' own rows. In the transaction of their last page.
// `done_at`: since when a run of the stream need not read them again.
void finish_part(Catalog& catalog, const RunContext& run, const core::PartEnd& end, core::Timestamp started_at, core::Timestamp done_at);

}  // namespace upstream::worker
