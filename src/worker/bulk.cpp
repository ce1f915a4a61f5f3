#include "pg/postgres.hpp"

#include "worker/bulk.hpp"

#include <algorithm>
#include <map>

#include "core/excerpt.hpp"
#include "pg/copy.hpp"
#include "pg/error.hpp"
#include "pg/memory.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "worker/target.hpp"

namespace upstream::worker {
namespace {

// What a stream asks of writing that only statements do.
std::string obstacle_of(const core::Stream& stream, const core::Layout& layout) {
    if (stream.write != core::Stream::Write::upsert) return "the stream's write mode is not upsert";
    if (!stream.newer_by.empty()) return "the stream has newer_by";
    if (stream.absent_keeps) return "absent members keep the stored values";
    if (!stream.expand.empty()) return "the stream expands lists";
    if (!stream.transform.empty()) return "the stream has a transform function";
    if (!stream.after_page.empty()) return "the stream has an after_page function";
    if (stream.deletes.mode != core::Deletes::Mode::none) return "deletions are told by the records or by their absence";
    if (!stream.key_hash.empty()) return "rows are known by a hash";
    if (!layout.deletions.empty()) return "the records tell deletions of other streams' rows";
    if (layout.members) return "new members are looked for";
    return "";
}

// The rows of a batch that `rows` names, as a batch of views into the first one.
void append(core::Batch& to, const core::Batch& from, std::size_t row) {
    to.columns.resize(from.columns.size());
    for (std::size_t i = 0; i < from.columns.size(); ++i) to.columns[i].push_back(from.columns[i][row]);
    ++to.rows;
}

}  // namespace

// The rows of a chunk, as they lie in the buffer: share by share, page by page.
struct BulkWriter::Chunk {
    struct Page {
        std::size_t share;
        const core::Batch* batch;
        std::size_t first;  // row of the buffer
    };
    std::vector<BulkShare>& shares;
    std::vector<Page> pages{};
    std::optional<pg::RowBuffer> rows{};
    std::vector<std::uint32_t> page_of{};         // of each row
    std::vector<std::uint32_t> order{};           // the rows to write, sorted by the key; each key once
    std::vector<pg::Stored> stored{};             // what is known of each of `order`
    std::map<std::uint32_t, std::vector<std::uint32_t>> later{};  // page -> rows whose key an earlier page has, too

    [[nodiscard]] BulkShare& share_of(std::uint32_t row) { return shares[pages[page_of[row]].share]; }
    void add_to(core::Batch& batch, std::uint32_t row) const {
        const Page& page = pages[page_of[row]];
        append(batch, *page.batch, row - page.first);
    }
};

BulkWriter::BulkWriter(const core::Stream& stream, const pg::Table& table, const core::Layout& layout)
    : table_(table.oid), qualified_(table.qualified), fields_(layout.fields) {
    const std::vector<std::string> key = key_of(stream, table);
    facts_ = pg::bulk_facts(table.oid, key);
    if (std::string of_stream = obstacle_of(stream, layout); !of_stream.empty()) facts_.obstacle = std::move(of_stream);
    if (table.attribute(kAccountColumn) != nullptr) names_.emplace_back(kAccountColumn);
    first_field_ = names_.size();
    for (const core::Field& field : fields_) {
        if (!field.key) compared_.push_back(names_.size());
        names_.push_back(field.column);
    }
    with_time_ = table.attribute(kSyncedAtColumn) != nullptr;
    if (with_time_) names_.emplace_back(kSyncedAtColumn);
    for (const std::string& column : facts_.order)
        key_.push_back(static_cast<std::size_t>(std::find(names_.begin(), names_.end(), column) - names_.begin()));
    if (std::find(key_.begin(), key_.end(), names_.size()) != key_.end()) facts_.obstacle = "the stream does not fill the whole key";
}

// From text to values.
void BulkWriter::load(Chunk& chunk) const {
    std::size_t rows = 0;
    for (std::size_t share = 0; share < chunk.shares.size(); ++share) {
        for (const core::Batch* batch : chunk.shares[share].pages) {
            chunk.page_of.insert(chunk.page_of.end(), batch->rows, static_cast<std::uint32_t>(chunk.pages.size()));
            chunk.pages.push_back({.share = share, .batch = batch, .first = rows});
            rows += batch->rows;
        }
    }
    chunk.rows.emplace(pg::row_columns(table_, names_), rows);
    std::vector<pg::RowBuffer::Column> columns(names_.size());
    if (with_time_) columns.back().same = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
    for (const Chunk::Page& page : chunk.pages) {
        if (first_field_ > 0) columns.front().same = Int32GetDatum(chunk.shares[page.share].account_id);
        for (std::size_t i = 0; i < fields_.size(); ++i) columns[first_field_ + i].texts = page.batch->columns[i];
        try {
            chunk.rows->add(page.batch->rows, columns);
        } catch (const pg::BadRow& bad) {
            const std::size_t row = bad.row() - page.first, field = bad.column() - first_field_;
            const std::string value = core::excerpt(page.batch->columns[field][row].value_or(""));
            throw pg::Raise(bad.sqlerrcode(), "record " + std::to_string(row + 1) + ": " + bad.message(),
                            "Column \"" + fields_[field].column + "\", value: " + value + (bad.detail().empty() ? "" : "; " + bad.detail()), bad.hint());
        }
    }
}

void BulkWriter::sort(Chunk& chunk) const {
    struct Entry {
        pg::RowBuffer::Prefix prefix;
        std::uint32_t row;
    };
    const pg::RowBuffer& rows = *chunk.rows;
    std::vector<Entry> entries(rows.rows());
    for (std::uint32_t row = 0; row < entries.size(); ++row) entries[row] = {.prefix = rows.prefix(row, key_), .row = row};
    std::sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) {
        if (a.prefix != b.prefix) return a.prefix < b.prefix;
        const int order = rows.compare(a.row, b.row, key_);
        return order != 0 ? order < 0 : a.row < b.row;
    });
    const auto same_key = [&](const Entry& a, const Entry& b) { return a.prefix == b.prefix && rows.compare(a.row, b.row, key_) == 0; };
    chunk.order.reserve(entries.size());
    for (std::size_t i = 0, end = 0; i < entries.size(); i = end) {
        for (end = i + 1; end < entries.size() && same_key(entries[i], entries[end]);) ++end;
        bool first = true;
        for (std::size_t k = i; k < end; ++k) {
            const std::uint32_t row = entries[k].row;
            const bool replaced = k + 1 < end && chunk.page_of[entries[k + 1].row] == chunk.page_of[row];
            if (replaced) continue;  // by a later row of its page
            if (first) {
                chunk.order.push_back(row);
            } else {
                chunk.later[chunk.page_of[row]].push_back(row);
            }
            first = false;
        }
    }
}

// Asks the index about the rows that are not known to be new, or about all.
void BulkWriter::look_up(Chunk& chunk, bool all) const {
    std::vector<std::uint32_t> asked;
    std::vector<std::size_t> places;
    chunk.stored.resize(chunk.order.size(), pg::Stored::missing);
    for (std::size_t i = 0; i < chunk.order.size(); ++i) {
        if (!all && chunk.share_of(chunk.order[i]).expect_new) continue;
        asked.push_back(chunk.order[i]);
        places.push_back(i);
    }
    if (asked.empty()) return;
    if (!facts_.can_look_up) {  // a partitioned table: the statement finds out
        for (const std::size_t place : places) chunk.stored[place] = pg::Stored::different;
        return;
    }
    const std::vector<pg::Stored> found = pg::look_up(table_, facts_.index, *chunk.rows, asked, compared_);
    for (std::size_t i = 0; i < places.size(); ++i) chunk.stored[places[i]] = found[i];
}

// COPY of the new rows. The first violation says that somebody's expectation was wrong; the second, after every row was looked up, that somebody else is
// writing these keys at this moment: then the statement, which can wait for them, writes the rows.
void BulkWriter::copy_new(Chunk& chunk) const {
    for (int attempt = 0; attempt < 2; ++attempt) {
        std::vector<std::uint32_t> fresh;
        for (std::size_t i = 0; i < chunk.order.size(); ++i)
            if (chunk.stored[i] == pg::Stored::missing) fresh.push_back(chunk.order[i]);
        if (fresh.empty()) return;
        try {
            pg::Subtransaction part;
            std::uint64_t suppressed = fresh.size() - pg::copy_into(table_, *chunk.rows, fresh);
            part.release();
            for (const std::uint32_t row : fresh) {
                if (suppressed > 0) {  // by a trigger of a partition: it does not say which
                    --suppressed;
                    continue;
                }
                ++chunk.share_of(row).written.inserted;
                ++chunk.share_of(row).copied;
            }
            return;
        } catch (const pg::Error& error) {
            if (error.sqlerrcode() != ERRCODE_UNIQUE_VIOLATION) throw;
        }
        if (attempt == 0) {
            for (BulkShare& share : chunk.shares) share.expect_new = false;
            look_up(chunk, true);
        } else {
            std::replace(chunk.stored.begin(), chunk.stored.end(), pg::Stored::missing, pg::Stored::different);
        }
    }
}

void BulkWriter::write(std::vector<BulkShare>& shares, const Statement& statement) const {
    const pg::MemoryScope scratch;
    Chunk chunk{.shares = shares};
    load(chunk);
    sort(chunk);
    look_up(chunk, false);
    copy_new(chunk);

    std::vector<core::Batch> changed(shares.size());
    for (std::size_t i = 0; i < chunk.order.size(); ++i) {
        const std::uint32_t row = chunk.order[i];
        if (chunk.stored[i] == pg::Stored::same) ++chunk.share_of(row).written.unchanged;
        if (chunk.stored[i] == pg::Stored::different) chunk.add_to(changed[chunk.pages[chunk.page_of[row]].share], row);
    }
    for (std::size_t share = 0; share < shares.size(); ++share)
        if (changed[share].rows > 0) shares[share].written += statement(shares[share].account_id, changed[share]);
    for (const auto& [page, rows] : chunk.later) {
        core::Batch batch;
        for (const std::uint32_t row : rows) chunk.add_to(batch, row);
        BulkShare& share = shares[chunk.pages[page].share];
        share.written += statement(share.account_id, batch);
    }
}

bool BulkWriter::has_no_rows(std::int32_t account_id) const {
    const std::string condition = first_field_ > 0 ? " WHERE " + pg::quote_name(kAccountColumn) + " = " + std::to_string(account_id) : "";
    pg::Plan plan{"SELECT NOT EXISTS (SELECT FROM " + qualified_ + condition + ")", {}};
    return plan.run(nullptr, 0)[0].get<bool>(0);
}

}  // namespace upstream::worker
