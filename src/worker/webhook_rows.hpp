// Rows that a webhook's events write: through the same writer as a page's, as the owner of their table, in the transaction of the call.
//
// A record tells what it has: a column that it does not give stays as it is (as with `absent: keep`), and what only the request of a page could know (its parent,
// its partition, its envelope) is not given. What happened is told in any order:
//   - newer_by decides as it does among pages, and, where the record does not have that column, the time of the event (occurred_at) stands in for it;
//   - of the events of one row none is carried out that is older than one that was (upstream.webhook_latest);
//   - a page that was fetched before the call could write an older row over the new one. So unless newer_by prevents that, a model that is being read is
//     requested once more. One whose read ends by deleting what it did not see is not written to while it is read, but requested, too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/account.hpp"
#include "core/source.hpp"
#include "core/webhook.hpp"
#include "worker/catalog.hpp"

namespace upstream::worker {

// What an event does to one row of a stream.
struct Change {
    const core::Webhook::Event* event = nullptr;
    std::string record{};  // JSON, as the stream knows it
    std::optional<core::Timestamp> at{};
    std::string unreadable_at{};
};

// Writes an account's changes of a stream, in the order in which they happened as far as that is known, else as given. True if the model has to be requested.
// As upstream_worker. Raises what a target raises that the stream does not fit, and 22023 if too many records do not fit it; records that do not fit
// alone go to rejected_rows.
bool write_changes(Catalog& catalog, const core::Source& source, const core::Account& account, const WebhookModel& target, std::vector<Change> changes);

}  // namespace upstream::worker
