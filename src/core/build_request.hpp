// From a stream, a page and the bounds of a run to the request that reads it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/account.hpp"
#include "core/partition.hpp"
#include "core/request.hpp"
#include "core/source.hpp"

namespace upstream::core {

// Which page of a read comes next. What model_state keeps of a read that is half done.
struct Page {
    std::string token{};              // cursor: the token; page and offset: digits; link_header and next_url: the URL; "" on the first page
    std::int64_t pages_before = 0;    // pages of this read that came before
    std::int64_t records_before = 0;  // and their records
    std::optional<std::int64_t> size{};  // instead of pagination.size, once the upstream found that too much

    [[nodiscard]] bool first() const { return token.empty(); }
};

// Lower and upper bound of a read; absent where none is sent.
struct Bounds {
    std::optional<Position> start{};
    std::optional<Position> end{};
    std::optional<std::string> opaque{};  // instead of start, for a cursor of type opaque
};

// The request for a page. A parameter or header whose placeholder has no value is left out; in path, base_url or auth that is an
// error (Code::invalid_spec).
Result<Request> build_request(const Source& source, const Stream& stream, const Account& account, const Page& page,
                              const Bounds& bounds, Timestamp run_started_at, const PartitionValues& partition = {});

// The name of the query parameter that carries the credential, if one does. It is cut out of URLs before they are kept.
[[nodiscard]] std::optional<std::string> secret_param(const Auth& auth);

// Adds the credential to a request.
Result<Request> sign(Request request, const Auth& auth, const Account& account);

}  // namespace upstream::core
