// The streams that read the rest of lists inside another one's records (expand.more), for an account.
//
// Their pages are those of the run that meets the list, and are committed with its state; their rows go where the stream's own go, as the owner of its table. When
// a list is complete, the stream's own partition of that parent is as far as if the stream had read it: its cursor, and the value of only_changed that was
// seen, but not that it is done, because a run of the stream itself counts what it has met.
#pragma once

#include <cstdint>
#include <vector>

#include "core/result.hpp"
#include "core/source.hpp"
#include "worker/catalog.hpp"
#include "worker/target_plan.hpp"

namespace upstream::worker {

struct ListStream {
    const core::Stream* stream = nullptr;
    std::int32_t model = 0;
    TargetOids tables{};
};

// Each once, in the order of `expand`. Code::invalid_spec if the account does not keep one.
core::Result<std::vector<ListStream>> list_streams(Catalog& catalog, std::int32_t account, const core::Source& source, const core::Stream& stream);

}  // namespace upstream::worker
