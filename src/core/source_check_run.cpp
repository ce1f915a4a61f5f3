// Checks of what a run reads: cursor, slices, parents, partitions, schedule.
#include <algorithm>

#include "core/source_check.hpp"

namespace upstream::core::parts {

namespace {

using Filter = Cursor::Filter;

bool is_time(const Cursor& cursor) { return cursor.type == Cursor::Type::timestamp || cursor.type == Cursor::Type::date; }

}  // namespace

// Rule 6.
void StreamCheck::filter() {
    if (!stream_.cursor || !draft_.request_ok) return;
    Cursor& cursor = *stream_.cursor;
    const bool bounded = sends("cursor", "start");
    cursor.filter = draft_.stated_filter.value_or(bounded ? Filter::server : Filter::client);
    const std::string_view place = draft_.states("cursor.filter") ? "cursor.filter" : "cursor";
    if (cursor.filter == Filter::server && !bounded)
        add(place, "filter \"server\" needs {cursor.start} in the request", "Write it into \"params\", or state \"filter\": \"client\".");
    if (cursor.type == Cursor::Type::opaque && cursor.filter != Filter::server)
        add(place, "a cursor of type \"opaque\" needs a server that filters, because its values cannot be compared", "Send {cursor.start}.");
    if (cursor.type == Cursor::Type::opaque && cursor.order == Cursor::Order::unknown)
        add(draft_.states("cursor.order") ? "cursor.order" : "cursor", "a cursor of type \"opaque\" needs an order",
            "State \"asc\" if the last record is the newest, \"desc\" if the first one is.");
    if (stream_.incremental && cursor.filter == Filter::client && cursor.order == Cursor::Order::unknown && cursor.type != Cursor::Type::opaque)
        warn("cursor", "every run reads everything, because the order of the list is unknown",
             "State \"order\" if the list is sorted by the cursor's field, or send {cursor.start}.");
}

// Rule 7, and what else asks for windows.
void StreamCheck::slices() {
    if (!stream_.cursor || !draft_.request_ok) return;
    const Cursor& cursor = *stream_.cursor;
    const bool has_step = cursor.step || cursor.step_from;
    if (has_step && !sends("cursor", "end")) {
        add("cursor.step", "\"step\" needs {cursor.end} in the request", "Each slice has to end somewhere.");
    } else if (has_step && !cursor.initial) {
        add("cursor.step", "\"step\" needs \"initial\", because slices begin somewhere", "State it as in \"initial\": \"365 days ago\".");
    }
    if (cursor.advance_to_slice_end && !is_time(cursor)) {
        add("cursor.advance_to", "only a cursor of type \"timestamp\" or \"date\" can advance to the end of its slice");
    } else if (cursor.advance_to_slice_end && cursor.filter != Filter::server) {
        add("cursor.advance_to", "\"slice_end\" needs a server that filters", "Send {cursor.start} and {cursor.end}.");
    }
    if (cursor.step && cursor.lookback > cursor.step->count() && cursor.advance_to_slice_end)
        warn("cursor.step", "each run reads several slices again, because \"lookback\" is longer than \"step\"");
}

void StreamCheck::rescan() {
    if (stream_.rescan.empty()) return;
    if (!draft_.states("cursor") || !stream_.incremental) {
        add("rescan", "\"rescan\" needs a cursor, because it looks back behind it", "State \"cursor\"; a full refresh reads everything anyway.");
    } else if (stream_.cursor && !is_time(*stream_.cursor)) {
        add("rescan", "\"rescan\" needs a cursor of type \"timestamp\" or \"date\"");
    }
}

void StreamCheck::sync_mode() {
    if (!draft_.states("sync_mode")) return;
    if (stream_.incremental && !draft_.states("cursor")) {
        add("sync_mode", "sync_mode \"incremental\" needs a cursor", "State \"cursor\".");
    } else if (!stream_.incremental && draft_.states("cursor")) {
        warn("cursor", "the cursor is not used, because \"sync_mode\" is \"full_refresh\"");
    }
}

// Rule 12, the half that no placeholder shows.
void StreamCheck::parent() {
    if (!stream_.parent || !draft_.parent_ok || !draft_.request_ok) return;
    const Parent& parent = *stream_.parent;
    if (!sends("parent", "") && !sends("parents", "")) {
        const std::string word = parent.key.empty() ? "x" : parent.key[0].first;
        add("parent", "every request would be the same, because none names its parent",
            "Write {" + std::string(parent.batch_size ? "parents." + word + "|csv" : "parent." + word) + "} into \"path\", \"params\" or \"body\".");
    }
    if (parent.batch_size && stream_.cursor && stream_.incremental)
        add("parent.batch_size", "a batch of rows has no cursor of its own", "State \"sync_mode\": \"full_refresh\", or leave \"batch_size\" out.");
    if (!parent.order_by.empty()) return;
    if (parent.limit)
        warn("parent.limit", "\"limit\" without \"order_by\" may leave out the same rows each time", "State \"order_by\", least recently read first.");
}

void StreamCheck::partitions() {
    if (!draft_.parent_ok || !draft_.request_ok) return;
    for (const Partition& partition : stream_.partitions) {
        if (!sends("partition", partition.name))
            warn("partitions." + partition.name, "the same is read for each value, because {partition." + partition.name + "} is not sent");
    }
}

void StreamCheck::schedule() {
    if (draft_.states("jitter") && !stream_.every_from && stream_.jitter > stream_.every) warn("jitter", "\"jitter\" is longer than \"every\"");
}

void StreamCheck::responses() {
    using Do = ResponseRule::Do;
    const auto says = [this](Do action) {
        return std::any_of(stream_.responses.begin(), stream_.responses.end(), [action](const ResponseRule& rule) { return rule.action == action; });
    };
    if (says(Do::skip_partition) && !stream_.is_partitioned())
        add("responses", "\"skip_partition\" needs \"parent\" or \"partitions\"", "\"empty\" ends the list without records.");
    if (says(Do::shrink_page) && draft_.pagination_ok && draft_.request_ok && !(stream_.pagination.size && sends("page", "size")))
        add("responses", "\"shrink_page\" needs a page size that is sent", "State \"size\" in \"pagination\" and send {page.size}.");
}

void StreamCheck::run() {
    filter();
    slices();
    rescan();
    sync_mode();
    parent();
    partitions();
    schedule();
    responses();
}

}  // namespace upstream::core::parts
