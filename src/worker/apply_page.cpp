#include "pg/postgres.hpp"

#include "worker/apply_page.hpp"

#include <algorithm>

#include "core/excerpt.hpp"
#include "core/json.hpp"
#include "core/rows.hpp"
#include "pg/error.hpp"
#include "pg/transaction.hpp"
#include "worker/settings.hpp"

namespace upstream::worker {
namespace {

using core::Batch;
using core::Reject;

constexpr std::size_t kFewBadRows = 10;     // never too many
constexpr std::size_t kShownValue = 200;    // bytes
constexpr std::size_t kShownMessage = 500;  // bytes

std::size_t most_rejects(std::size_t records) {
    return std::max(kFewBadRows, records * static_cast<std::size_t>(settings().rejected_threshold) / 100);
}

// The value that an error's detail names: "Key (parent)=(42) is not present ...".
std::string key_in(const std::string& detail) {
    const auto from = detail.find(")=(");
    const auto to = from == std::string::npos ? from : detail.find(") ", from);
    return to == std::string::npos ? "" : detail.substr(from + 3, to - from - 3);
}

// Whether a value stands between the commas and parentheses of "Failing row contains (1, 42, x)".
bool lists(const std::string& detail, std::string_view value) {
    for (auto at = detail.find(value); at != std::string::npos && !value.empty(); at = detail.find(value, at + 1)) {
        const auto end = at + value.size();
        if (at > 0 && (detail[at - 1] == '(' || detail[at - 1] == ' ') && end < detail.size() && (detail[end] == ',' || detail[end] == ')')) return true;
    }
    return false;
}

core::Error drift(const std::vector<Reject>& rejects, std::size_t records) {
    const Reject& first = rejects.front();
    std::string detail = "Record " + std::to_string(first.record + 1);
    if (!first.list.empty()) detail += " in list \"" + first.list + "\"";
    if (!first.column.empty()) detail += ", column \"" + first.column + "\"";
    if (!first.value.empty()) detail += ", value: " + first.value;
    return core::Error{.code = core::Code::schema_drift,
                       .message = "at least " + std::to_string(rejects.size()) + " of " + std::to_string(records) + " records do not fit: " + first.message,
                       .detail = detail,
                       .hint = "Compare the stream's columns and its target with what the upstream sends; the cursor has not moved.",
                       .sqlstate = first.sqlstate};
}

// A batch of which only the key's fields have values, so that none of the others can be bad; with the keys of records that made no row.
Batch keys_of(const Batch& batch, const std::vector<core::Field>& fields) {
    const std::size_t unfit = batch.unfit.empty() ? 0 : batch.unfit.front().size();
    Batch keys;
    keys.rows = batch.rows + unfit;
    keys.gone = batch.gone;
    keys.gone.resize(batch.gone.empty() ? 0 : keys.rows);
    keys.present = batch.present;
    for (auto& flags : keys.present) flags.resize(keys.rows);
    for (std::size_t i = 0; i < fields.size(); ++i) {
        core::Values& column = keys.columns.emplace_back(keys.rows);
        if (!fields[i].key) continue;
        std::copy(batch.columns[i].begin(), batch.columns[i].end(), column.begin());
        if (unfit > 0) std::copy(batch.unfit[i].begin(), batch.unfit[i].end(), column.begin() + static_cast<std::ptrdiff_t>(batch.rows));
    }
    return keys;
}

}  // namespace

RowNumbers all_of(std::size_t count) {
    RowNumbers numbers(count);
    for (std::size_t i = 0; i < count; ++i) numbers[i] = i;
    return numbers;
}

template <class Write>
RowNumbers Applier::Page::carefully(Target& target, const Batch& batch, RowNumbers rows, const std::vector<std::size_t>* outer, const Write& write) {
    if (care_ == Care::hopeful) {
        written_ += write(rows);
        return rows;
    }
    drop_bad_cells(target, batch, rows, outer);
    Halving halving{write,
                    [&](const pg::Error& error, const RowNumbers& some) { return suspects(target, batch, error, some); }, most_ - rejects_.size()};
    try {
        written_ += halving.run(rows);
    } catch (TooManyMisfits& many) {
        for (const Misfit& misfit : many.found) rejects_.push_back(reject_of(target, batch, outer, misfit.row, misfit.error));
        throw PageRefused{drift(rejects_, batch_.page_records)};
    }
    for (const Misfit& misfit : halving.misfits()) {
        add(reject_of(target, batch, outer, misfit.row, misfit.error));
        std::erase(rows, misfit.row);
    }
    return rows;
}

Applier::Page::Page(const core::Account& account, const Batch& batch, std::int32_t account_id, Care care)
    : account_(account), batch_(batch), account_id_(account_id), care_(care), most_(most_rejects(batch.page_records)) {
    for (const Reject& reject : batch.rejects) add(reject);
}

Batch Applier::Page::transform(Transform& transform, const core::Layout& layout, const std::string& context, const core::Lookup& lookup) {
    Transform::Made made;
    const auto run = [&](const RowNumbers& some) {
        for (auto& each : transform.run(batch_, some, context)) made.push_back(std::move(each));
        return Written{};
    };
    if (care_ == Care::hopeful) {
        run(all_of(batch_.records.size()));
    } else {
        Halving halving{run, [](const pg::Error&, const RowNumbers&) { return RowNumbers{}; }, most_ - rejects_.size()};
        try {
            halving.run(all_of(batch_.records.size()));
        } catch (TooManyMisfits& many) {
            for (const Misfit& misfit : many.found) rejects_.push_back(reject_of_record(misfit));
            throw PageRefused{drift(rejects_, batch_.page_records)};
        }
        for (const Misfit& misfit : halving.misfits()) add(reject_of_record(misfit));
        lost_records_ = !halving.misfits().empty();
    }
    return rows_of(made, layout, lookup);
}

void Applier::Page::take_rejects(const Batch& batch) {
    for (const Reject& reject : batch.rejects) add(reject);
}

bool Applier::Page::rejected(std::size_t record, const std::string& list) const {
    return std::any_of(rejects_.begin(), rejects_.end(), [&](const Reject& reject) { return reject.record == record && reject.list == list; });
}

void Applier::Page::replace_inner(Target& target, const Batch& batch, const RowNumbers& rows, const RowNumbers& heads) {
    written_.deleted += target.writer.replace_inner(account_id_, batch, rows, heads);
}

RowNumbers Applier::Page::write(Target& target, const Batch& batch, RowNumbers rows, const std::vector<std::size_t>* outer) {
    return carefully(target, batch, std::move(rows), outer, [&](const RowNumbers& some) { return target.writer.write(account_id_, batch, some); });
}

void Applier::Page::erase(Target& target, const Batch& batch) {
    (void)carefully(target, batch, all_of(batch.rows), nullptr, [&](const RowNumbers& some) { return target.writer.erase(account_id_, batch, some); });
}

std::vector<std::string> Applier::Page::known_keys(Target& target, const Batch& batch) {
    const Batch keys = keys_of(batch, target.writer.fields());
    RowNumbers rows = all_of(keys.rows);
    if (care_ == Care::each_row) {
        for (TableWriter::Place from;;) {
            const pg::Subtransaction look;
            const auto bad = target.writer.next_bad_cell(keys, rows, from);
            if (!bad) break;
            std::erase(rows, bad->row());
            from = {.field = bad->field(), .row = 0};
        }
    }
    return rows.empty() ? std::vector<std::string>{} : target.writer.known_keys(account_id_, keys, rows);
}

RowNumbers Applier::Page::within(Target& target, const Batch& batch, const Sweep& sweep, const Scope& scope) {
    RowNumbers rows = all_of(batch.rows);
    const std::size_t cursor = sweep.cursor_field();
    for (const std::size_t row : all_of(batch.rows)) {
        if (batch.columns[cursor][row]) continue;
        std::erase(rows, row);
        add(Reject{.record = batch.origin[row], .sqlstate = "23502", .column = target.writer.fields()[cursor].column,
                   .message = "the record has no value for the cursor, which says to which slice it belongs"});
    }
    if (care_ == Care::each_row) drop_bad_cells(target, batch, rows, nullptr);
    return rows.empty() ? rows : sweep.within(scope, batch, rows);
}

Batch Applier::Page::rows_of(const Transform::Made& made, const core::Layout& layout, const core::Lookup& lookup) const {
    std::string text = "[";
    for (const auto& [number, record] : made) text += (text.size() > 1 ? "," : "") + record;
    auto parsed = core::json::Document::parse(text + "]");
    if (!parsed) throw PageRefused{parsed.error()};
    const auto document = std::make_shared<const core::json::Document>(std::move(*parsed));
    Batch rows;
    rows.page_records = batch_.page_records;
    rows.documents = batch_.documents;
    rows.documents.push_back(document);
    core::RowMaker maker{layout, *batch_.envelope, lookup, rows};
    std::size_t next = 0;
    for (const core::json::Value record : document->root()) maker.add(record, batch_.origin[made[next++].first]);
    return rows;
}

Reject Applier::Page::reject_of_record(const Misfit& misfit) const {
    return Reject{.record = batch_.origin[misfit.row], .sqlstate = misfit.error.sqlstate(),
                  .value = core::excerpt(batch_.records[misfit.row].raw(), kShownValue), .message = misfit.error.message()};
}

void Applier::Page::drop_bad_cells(const Target& target, const Batch& batch, RowNumbers& rows, const std::vector<std::size_t>* outer) {
    RowNumbers bad_rows;
    TableWriter::Place from;
    for (;;) {
        const pg::Subtransaction look;
        const auto bad = target.writer.next_bad_cell(batch, rows, from);
        if (!bad) break;
        if (std::find(bad_rows.begin(), bad_rows.end(), bad->row()) != bad_rows.end()) continue;
        bad_rows.push_back(bad->row());
        add(reject_of(target, batch, outer, bad->row(), *bad, target.writer.fields()[bad->field()].column));
    }
    std::erase_if(rows, [&](std::size_t row) { return std::find(bad_rows.begin(), bad_rows.end(), row) != bad_rows.end(); });
}

RowNumbers Applier::Page::suspects(const Target& target, const Batch& batch, const pg::Error& error, const RowNumbers& rows) {
    RowNumbers found;
    const std::string detail = error.detail();
    const std::string key = key_in(detail);
    const bool row_shown = detail.starts_with("Failing row contains");
    if (key.empty() && !row_shown) return found;
    const std::vector<core::Field>& fields = target.writer.fields();
    for (const std::size_t row : rows) {
        bool meant = row_shown;
        for (std::size_t i = 0; i < fields.size(); ++i) {
            const std::string_view value = batch.columns[i][row].value_or("");
            if (row_shown && fields[i].key) meant = meant && lists(detail, value);
            if (!row_shown && !value.empty() && (value == key || lists("(" + key + ")", value))) meant = true;
        }
        if (meant) found.push_back(row);
    }
    return found;
}

Reject Applier::Page::reject_of(const Target& target, const Batch& batch, const std::vector<std::size_t>* outer, std::size_t row, const pg::Error& error, std::string column) {
    Reject reject{.record = outer == nullptr ? batch.origin[row] : (*outer)[batch.origin[row]], .list = target.list, .sqlstate = error.sqlstate(), .column = column.empty() ? error.column() : std::move(column),
                  .message = error.message()};
    const std::vector<core::Field>& fields = target.writer.fields();
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const std::string value = core::excerpt(batch.columns[i][row].value_or(""), kShownValue);
        if (fields[i].key) reject.key += (reject.key.empty() ? "" : ", ") + value;
        if (fields[i].column != reject.column) continue;
        reject.value = value;
        reject.path = fields[i].paths.empty() ? "" : fields[i].paths.front().text();
    }
    return reject;
}

void Applier::Page::add(Reject reject) {
    const auto shown = [&](const std::string& text, std::size_t bytes) { return core::excerpt(core::without_secrets(text, account_), bytes); };
    reject.key = shown(reject.key, kShownValue);
    reject.value = shown(reject.value, kShownValue);
    reject.message = shown(reject.message, kShownMessage);
    rejects_.push_back(std::move(reject));
    if (rejects_.size() > most_) throw PageRefused{drift(rejects_, batch_.page_records)};
}

}  // namespace upstream::worker
