// When to try again, and whether an answer is a failure at all.
#pragma once

#include <optional>

#include "core/request.hpp"
#include "core/result.hpp"
#include "core/source.hpp"
#include "core/time.hpp"

namespace upstream::core {

// The wait after the n-th failure in a row (n >= 1): base * 2^(n-1), at most max, of which the part `jitter` is random (full jitter: all of it; never
// less than a tenth). `random` is uniform in [0, 1).
[[nodiscard]] Duration backoff(const Retry& retry, int failures, double random);

// Whether a failure may pass by itself soon. The others are tried again, too, but slowly: somebody has to mend something first.
[[nodiscard]] bool is_transient(Code code);

// The retry rule for a failure: the spec's own for transient ones, 1 minute to 1 hour for the others.
[[nodiscard]] Retry retry_rule(const Retry& retry, Code code);

// The failure that a status means; nothing for 2xx.
[[nodiscard]] std::optional<Error> failure_of(const Response& response, const Retry& retry);

}  // namespace upstream::core
