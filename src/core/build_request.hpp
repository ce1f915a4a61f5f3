// From a stream, a page and the bounds of a run to the request that reads it.
#pragma once

#include <optional>

#include "core/account.hpp"
#include "core/request.hpp"
#include "core/request_values.hpp"
#include "core/source.hpp"

namespace upstream::core {

// The request for a page, signed. A parameter, header or member of the body whose placeholder has no value is left out; in path, base_url or auth that
// is an error (Code::invalid_spec). `now` is when a token that we sign ourselves is issued; the run's start if absent.
Result<Request> build_request(const Source& source, const Stream& stream, const Account& account, const Page& page, const Bounds& bounds,
                              Timestamp run_started_at, const PartitionValues& partition = {}, std::optional<Timestamp> now = std::nullopt);

// The request that proves that an account works; the source must have a check.
Result<Request> check_request(const Source& source, const Account& account, Timestamp now);

}  // namespace upstream::core
