#include "pg/postgres.hpp"

#include "worker/writer.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <type_traits>
#include <utility>

#include "core/schedule.hpp"
#include "pg/error.hpp"
#include "pg/process.hpp"
#include "pg/role.hpp"
#include "worker/convert.hpp"
#include "worker/heap.hpp"
#include "worker/parents.hpp"
#include "worker/settings.hpp"
#include "worker/shared.hpp"
#include "worker/uptime.hpp"

namespace upstream::worker {
namespace {

constexpr core::Duration kLongestWait = std::chrono::seconds(1);       // of a page for company
constexpr core::Duration kQuiet = std::chrono::milliseconds(20);       // nothing came for so long: there is time to write; less may only mean that the upstream waits for a processor
constexpr std::size_t kSmallestChunk = 64;                             // rows, below which a statement is as good

// When the model is due again after a run that ended well.
NextRun next_run(const RunContext& run, const core::Apply& page, const Written& written) {
    NextRun next{.notice = page.notice + (page.notice.empty() || written.notice.empty() ? "" : "; ") + written.notice, .read_began = page.read_began};
    if (run.stream->every_from) {
        const auto every = core::resolve_interval({.from = run.stream->every_from}, to_account(*run.source, run.model), "every");
        if (every) next.at = pg::now() + *every;  // that it can be read was checked when the run began
    }
    if (!run.stream->at.empty())
        if (const auto schedule = core::Schedule::parse(run.stream->at)) next.at = schedule->next(pg::now());
    for (const core::Timestamp due : page.state.kept.rescan_due) next.rescan = std::min(next.rescan.value_or(due), due);
    return next;
}

bool was_cancelled(const Verdict& verdict) {
    const auto* refused = std::get_if<core::Refused>(&verdict);
    return refused != nullptr && refused->error.sqlstate == "57014";
}

double milliseconds(std::chrono::microseconds span) { return static_cast<double>(span.count()) / 1000.0; }

// What a page takes until it is committed: its text, its views, and its rows as Postgres' values, with what sorting and searching them takes.
std::size_t bytes_of(const core::Batch& batch) {
    constexpr std::size_t kBooks = 96;  // of a row of a chunk, at most
    std::size_t bytes = batch.origin.capacity() * sizeof(batch.origin[0]) + batch.rows * kBooks;
    for (const core::Values& column : batch.columns) {
        bytes += column.capacity() * sizeof(core::Values::value_type) + batch.rows * sizeof(Datum);
        for (const auto& value : column)
            if (value) bytes += value->size() + VARHDRSZ;
    }
    for (const auto& text : batch.texts) bytes += text->memory();
    for (const auto& document : batch.documents) bytes += document->memory();
    return bytes;
}

// A page that completes what waited for it may be refused because of what waited: that is read again, for the upstream may have mended it by then.
core::Refused refused(core::Error error, const core::Stream& stream, const core::Apply& page, bool staged_is_void = false) {
    using From = core::Refused::From;
    const bool of_rows = error.code == core::Code::target_error || error.code == core::Code::schema_drift;
    const From whole = stream.write == core::Stream::Write::replace ? From::run : From::slice;
    if (error.code == core::Code::too_many_missing) return {.error = std::move(error), .from = From::run};
    return {.error = std::move(error), .from = page.completes && (of_rows || staged_is_void) ? whole : From::page};
}

core::Tally& operator+=(core::Tally& sum, const core::Tally& more) {
    sum.requests += more.requests;
    sum.pages += more.pages;
    sum.received += more.received;
    sum.bytes += more.bytes;
    return sum;
}

}  // namespace

RunContext& RunContext::context_of(const core::Stream* list) {
    if (list == nullptr) return *this;
    return *std::find_if(readers.begin(), readers.end(), [&](const RunContext& reader) { return reader.stream == list; });
}

void Writer::take(RunContext& run, core::Apply page) {
    static_assert(std::is_nothrow_move_constructible_v<core::Apply>, "else the queue would copy pages when it grows");
    newest_ = uptime();
    if (queue_.empty()) oldest_ = newest_;
    const std::size_t bytes = bytes_of(page.batch);
    bytes_ += bytes;
    RunContext& into = run.context_of(page.list);
    queue_.push_back(Waiting{.run = &run, .into = &into, .page = std::move(page), .bytes = bytes});
}

std::optional<core::Uptime> Writer::due() const {
    if (queue_.empty()) return std::nullopt;
    return std::min(oldest_ + kLongestWait, newest_ + kQuiet);
}

Oid Writer::first_table() const { return queue_.front().into->target->targets.main.oid; }

// Whether there is no room for a page like the last one, or half of the room is taken and no other worker is writing to the table.
bool Writer::is_full() const {
    const std::size_t limit = static_cast<std::size_t>(settings().memory_limit_kb) * 1024;
    if (bytes_ + reserved_ + queue_.back().bytes > limit) return true;
    if (bytes_ < limit / 2) return false;
    show_loading(first_table(), Loading::collecting);
    return loading_by_others(first_table()) == Loading::collecting;
}

void Writer::flush_if_due(bool idle) {
    if (queue_.empty()) return;
    const bool full = is_full();
    if (!idle && !full && uptime() < *due()) return;
    behind_ = full;
    const Oid table = first_table();
    if (behind_) show_loading(table, Loading::writing);
    flush();
    show_loading(table, behind_ ? Loading::collecting : Loading::none);
}

void Writer::forget(std::int32_t model) {
    if (flushing_) over_.push_back(model);
    std::erase_if(queue_, [&](const Waiting& waiting) {
        if (waiting.run->model.id != model) return false;
        bytes_ -= waiting.bytes;
        return true;
    });
}

void Writer::forget() {
    show_loading(InvalidOid, Loading::none);
    queue_.clear();
    over_.clear();
    flushing_ = false;
    bytes_ = 0;
}

// Whoever is told of a page may flush the others.
void Writer::flush() {
    const bool outermost = !std::exchange(flushing_, true);
    while (!queue_.empty()) {
        std::vector<Waiting> chunk = next_chunk();
        write_chunk(chunk);
    }
    if (!outermost) return;
    flushing_ = false;
    over_.clear();
}

// The waiting pages of one target, but for those of a run that has pages of another one before them: a run's pages are committed in their order.
std::vector<Writer::Waiting> Writer::next_chunk() {
    const TargetPlan* const target = queue_.front().into->target.get();
    std::set<const RunContext*> behind;
    std::vector<Waiting> chunk, others;
    for (Waiting& waiting : queue_) {
        if (waiting.into->target.get() != target) behind.insert(waiting.run);
        const bool now = !behind.contains(waiting.run);
        if (now) {
            bytes_ -= waiting.bytes;
            note_freed(waiting.bytes);
        }
        (now ? chunk : others).push_back(std::move(waiting));
    }
    queue_ = std::move(others);
    return chunk;
}

void Writer::write_chunk(std::vector<Waiting>& chunk) {
    std::vector<Share> shares;
    std::map<const RunContext*, std::size_t> places;
    for (Waiting& waiting : chunk) {
        const auto [place, is_new] = places.try_emplace(waiting.run, shares.size());
        if (is_new) shares.push_back(Share{.run = waiting.run, .into = waiting.into});
        shares[place->second].pages.push_back(&waiting.page);
    }
    if (write(shares, Path::chunk)) return write_singly(chunk);
    for (const Share& share : shares) tell(share);
}

// After a chunk that failed: each page alone, until one of its run fails. Once one took too long the others are not tried: a trigger that is slow for one
// account is slow for all, and each would hold up the other targets for as long.
void Writer::write_singly(std::vector<Waiting>& chunk) {
    std::optional<Verdict> too_slow;
    for (Waiting& waiting : chunk) {
        const std::int32_t model = waiting.run->model.id;
        if (std::find(over_.begin(), over_.end(), model) != over_.end()) continue;
        std::vector<Share> share{Share{.run = waiting.run, .into = waiting.into, .pages = {&waiting.page}}};
        std::optional<Verdict> failure = too_slow ? too_slow : write(share, Path::singly);
        if (failure) {
            if (was_cancelled(*failure)) too_slow = failure;
            over_.push_back(model);
            tell_(model, std::move(*failure));
        } else {
            tell(share.front());
        }
    }
}

// Each page is told of; the first tells of all.
void Writer::tell(const Share& share) {
    Committed committed{.written = share.written};
    for (const core::Apply* page : share.pages) committed.tally += page->tally;
    tell_(share.run->model.id, committed);
    for (std::size_t i = 1; i < share.pages.size(); ++i) tell_(share.run->model.id, Committed{});
}

// T4: rows, cursors and counters in one transaction. Nothing if it was committed.
std::optional<Verdict> Writer::write(std::vector<Share>& shares, Path path) {
    const core::Timestamp began = pg::now();
    const core::Stream& stream = *shares.front().into->stream;
    const core::Apply& page = *shares.front().pages.front();  // the only one, if what is refused matters
    try {
        const bool same_target = unit_.run("applying pages", Durability::asynchronous, [&](Catalog& catalog) {
            limit_write_time(unit_.session());
            for (const Share& share : shares) {
                const RunContext& into = *share.into;
                if (targets_.open(*into.source, into.model.revision, *into.stream, into.tables) != into.target) return false;
            }
            write_rows(catalog, shares, *shares.front().into->target, path);
            for (const Share& share : shares) save(catalog, share, began);
            return true;
        });
        if (!same_target)
            return core::Refused{core::Error{.code = core::Code::target_busy,
                                             .message = "the target was altered during the run",
                                             .hint = "The page is read again with the new definition."}};
    } catch (const LeaseLost&) {
        return Fenced{};
    } catch (PageRefused& why) {
        return refused(std::move(why.error), stream, page, why.staged_is_void);
    } catch (const NewColumns& wanted) {
        if (path == Path::chunk) return core::Refused{};
        return add_columns(*shares.front().into, wanted);
    } catch (const pg::Error& error) {
        if (ends_everything(error, unit_.session())) throw;
        return refused(to_error(error), stream, page);
    } catch (const pg::Raise& error) {
        return refused(to_error(error), stream, page);
    }
    for (const Share& share : shares) {
        share.run->fetched = std::chrono::microseconds{0};
        share.run->model.lease_until = began + lease_timeout();
    }
    return std::nullopt;
}

void Writer::write_rows(Catalog& catalog, std::vector<Share>& shares, TargetPlan& target, Path path) {
    for (Share& share : shares) share.written = {};
    if (path == Path::chunk && write_in_bulk(shares, target)) return;
    const Care care = path == Path::chunk ? Care::hopeful : Care::each_row;
    for (Share& share : shares)
        for (const core::Apply* page : share.pages) share.written += target.applier->apply(&unit_.session(), catalog, share.into->model, *share.run->account, *page, care);
}

// The target gets its new columns in a transaction of their own, which nobody waits in; then the page is read again with them.
Verdict Writer::add_columns(const RunContext& run, const NewColumns& wanted) {
    try {
        unit_.run("adding columns", Durability::asynchronous, [&](Catalog&) {
            limit_write_time(unit_.session());
            run.target->applier->add_columns(wanted);
        });
    } catch (const pg::Error& error) {
        if (ends_everything(error, unit_.session())) throw;
        return core::Refused{to_error(error)};
    } catch (const pg::Raise& error) {
        return core::Refused{to_error(error)};
    }
    return core::Refused{core::Error{.code = core::Code::target_busy,
                                     .message = "columns were added to the target for new members",
                                     .hint = "The page is read again with them."}};
}

// False if the rows have to go through the statement.
bool Writer::write_in_bulk(std::vector<Share>& shares, TargetPlan& target) {
    const auto chosen = static_cast<WritePath>(settings().write_path);
    if (chosen == WritePath::upsert) return false;
    std::size_t rows = 0;
    for (const Share& share : shares) {
        for (const core::Apply* page : share.pages) {
            if (!page->batch.rejects.empty()) return false;
            rows += page->batch.rows;
        }
    }
    if (rows < (chosen == WritePath::bulk ? 1 : kSmallestChunk)) return false;
    const RunContext& first = *shares.front().into;
    if (!target.bulk) target.bulk = std::make_unique<BulkWriter>(*first.stream, target.targets.main, target.applier->layout());
    if (!target.bulk->obstacle().empty()) return false;

    pg::RoleScope owner{target.targets.main.owner};
    std::vector<BulkShare> parts;
    for (const Share& share : shares) {
        RunContext& run = *share.into;
        if (!run.expect_new) run.expect_new = target.bulk->has_no_rows(run.model.account_id);
        BulkShare part{.account_id = run.model.account_id, .expect_new = *run.expect_new};
        for (const core::Apply* page : share.pages) part.pages.push_back(&page->batch);
        parts.push_back(std::move(part));
    }
    target.bulk->write(parts, [&](std::int32_t account, const core::Batch& batch) { return target.applier->write(account, batch); });
    owner.leave();
    for (std::size_t i = 0; i < shares.size(); ++i) {
        shares[i].written = parts[i].written;
        shares[i].copied = parts[i].copied;
        shares[i].into->expect_new = parts[i].expect_new;
    }
    return true;
}

// The books of one run, for all its pages; the last one says where the run is.
void Writer::save(Catalog& catalog, const Share& share, core::Timestamp began) {
    const RunContext& run = *share.run;
    const core::Apply& last = *share.pages.back();
    Entry entry{.state = to_stored(last.state, *run.stream),
                .inserted = share.written.inserted,
                .updated = share.written.updated,
                .unchanged = share.written.unchanged,
                .copied = share.copied,
                .fetch_ms = milliseconds(run.fetched),
                .apply_ms = milliseconds(pg::now() - began)};
    for (const core::Apply* page : share.pages) {
        entry.tally += page->tally;
        if (page->marks) catalog.keep_marks(run.model, *page->marks);
        if (page->part_end) finish_part(catalog, *share.into, *page->part_end, page->started_at, page->list == nullptr ? page->started_at : core::Timestamp{});
    }
    if (!catalog.save_page(run.model, entry) || (last.last && !catalog.finish_run(run.model, next_run(run, last, share.written)))) throw LeaseLost{};
    catalog.count(run.model, share.written);
}

}  // namespace upstream::worker
