// What the placeholders of a request stand for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/account.hpp"
#include "core/json_text.hpp"
#include "core/partition.hpp"
#include "core/source.hpp"

namespace upstream::core {

// Which page of a slice comes next. Part of what is kept of a read that is half done.
struct Page {
    std::string token{};              // cursor: the token; page and offset: digits; link_header and next_url: the URL; "" on the first page
    std::int64_t pages_before = 0;    // pages of this slice that came before
    std::int64_t records_before = 0;  // and their records
    std::optional<std::int64_t> size{};    // instead of pagination.size, once the upstream found that too much
    std::optional<std::string> resume{};   // drift: this page is read once more; the token that comes after it, "" at the end
    std::optional<std::int64_t> total{};   // drift: what the page before said
    std::vector<std::uint64_t> anchors{};  // drift: marks of the last records before it, one of which must come again
    std::vector<std::uint64_t> ahead{};    // drift: the same of the page that was read before this one is read once more
    int steps_back = 0;                    // drift: how often in a row none did

    [[nodiscard]] bool first() const { return token.empty(); }
};

// Lower and upper bound of a read; absent where none is sent.
struct Bounds {
    std::optional<Position> start{};
    std::optional<Position> end{};
    std::optional<std::string> opaque{};  // instead of start, for a cursor of type opaque
};

// What stands for the page token: its start value on the first page of numbered reads.
[[nodiscard]] std::optional<TypedText> page_token(const Pagination& pagination, const Page& page);

// {account.x} with the type of its setting, {secret.x} as text; other roots have no value. Formats are applied; times are read as instants relative to
// `now`. The source and the account must outlive it.
[[nodiscard]] TypedLookup account_values(const Source& source, const Account& account, Timestamp now);

// All that a request of a stream may name. Everything must outlive it.
[[nodiscard]] TypedLookup request_values(const Source& source, const Stream& stream, const Account& account, const Page& page,
                                         const Bounds& bounds, Timestamp run_started_at, const PartitionValues& partition);

// The same without the types.
[[nodiscard]] Lookup as_texts(TypedLookup lookup);

// A value in one of the formats of a placeholder ("" for none); what is no time stays as it is under a time's format.
[[nodiscard]] TypedText formatted(TypedText value, std::string_view format, const Source& source, Timestamp now);

}  // namespace upstream::core
