#include "pg/postgres.hpp"

#include "worker/apply.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/excerpt.hpp"
#include "core/json.hpp"
#include "core/rows.hpp"
#include "core/stored_batch.hpp"
#include "pg/error.hpp"
#include "pg/memory.hpp"
#include "pg/role.hpp"
#include "pg/transaction.hpp"
#include "worker/deletions.hpp"
#include "worker/settings.hpp"
#include "worker/target.hpp"

namespace upstream::worker {
namespace {

using core::Batch;
using core::Reject;

constexpr std::size_t kFewBadRows = 10;     // never too many
constexpr std::size_t kShownValue = 200;    // bytes
constexpr std::size_t kShownMessage = 500;  // bytes
constexpr std::size_t kMostColumns = 400;   // that a table may have for us to add one
constexpr std::size_t kLongestName = 63;    // of a column

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

RowNumbers all_of(std::size_t count) {
    RowNumbers numbers(count);
    for (std::size_t i = 0; i < count; ++i) numbers[i] = i;
    return numbers;
}

// A type for a column that takes members like this value, given as JSON.
const char* type_for(const std::string& value) {
    switch (value.empty() ? ' ' : value.front()) {
        case '"': return "text";
        case '{':
        case '[': return "jsonb";
        case 't':
        case 'f': return "boolean";
        default: return "numeric";
    }
}

std::string object_of(const core::Words& words) {
    std::string text = "{";
    for (const auto& [name, value] : words) text += (text.size() > 1 ? ", " : "") + core::json::quote(name) + ": " + core::json::quote(value);
    return text + "}";
}

// What a transform gets to know besides the record.
std::string context_of(const Model& model, const core::Account& account) {
    return "{\"account_id\": " + std::to_string(model.account_id) + ", \"account\": " + object_of(account.settings) + "}";
}

// What placeholders in columns mean to records that a transform made.
core::Lookup column_values(const core::Account& account, const core::Apply& page) {
    return [of_account = core::account_lookup(account), &page](const core::Placeholder& p) -> std::optional<std::string> {
        if (p.root == "run") return core::format_time(page.started_at, core::time_format(p.format).value_or(core::TimeFormat::iso));
        if (auto value = page.partition.find(p)) return value;
        return p.root == "account" ? of_account(p) : std::nullopt;
    };
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

core::Error too_many(const TooManyMissing& missing, std::int64_t rows, const core::Stream& stream) {
    std::string fraction = std::to_string(stream.deletes.max_fraction);
    fraction.erase(std::max(fraction.find_last_not_of('0'), fraction.find('.') + 1) + 1);
    return core::Error{.code = core::Code::too_many_missing,
                       .message = "a full read has not met at least " + std::to_string(missing.found) + " of " + std::to_string(rows) + " rows",
                       .detail = "deletes.max_fraction is " + fraction + "; nothing was deleted, and what was read is written.",
                       .hint = "Look at what the upstream answers. If the rows are gone, let a run delete them with a larger max_fraction.",
                       .sqlstate = "54000"};
}

}  // namespace

// One page while it is being applied.
class Applier::Page {
  public:
    Page(const core::Account& account, const Batch& batch, std::int32_t account_id, Care care)
        : account_(account), batch_(batch), account_id_(account_id), care_(care), most_(most_rejects(batch.page_records)) {
        for (const Reject& reject : batch.rejects) add(reject);
    }

    // What the transform makes of the page's records. A record that it fails on is put aside.
    Batch transform(Transform& transform, const core::Layout& layout, const std::string& context, const core::Lookup& lookup) {
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

    // Adds what making rows found bad.
    void take_rejects(const Batch& batch) {
        for (const Reject& reject : batch.rejects) add(reject);
    }

    [[nodiscard]] bool rejected(std::size_t record, const std::string& list) const {
        return std::any_of(rejects_.begin(), rejects_.end(), [&](const Reject& reject) { return reject.record == record && reject.list == list; });
    }

    void replace_inner(Target& target, const Batch& batch, const RowNumbers& rows, const RowNumbers& heads) {
        written_.deleted += target.writer.replace_inner(account_id_, batch, rows, heads);
    }

    // Writes these rows of a batch, as the owner of their table. Returns those that were written.
    // `outer`: of an inner list, the records of the outer rows that Batch::origin names.
    RowNumbers write(Target& target, const Batch& batch, RowNumbers rows, const std::vector<std::size_t>* outer = nullptr) {
        return carefully(target, batch, std::move(rows), outer, [&](const RowNumbers& some) { return target.writer.write(account_id_, batch, some); });
    }

    // Takes out the rows whose keys a batch holds.
    void erase(Target& target, const Batch& batch) {
        (void)carefully(target, batch, all_of(batch.rows), nullptr, [&](const RowNumbers& some) { return target.writer.erase(account_id_, batch, some); });
    }

    // Those of a batch's rows whose keys the target has, by their digests; also of rows that do not fit otherwise.
    std::vector<std::string> known_keys(Target& target, const Batch& batch) {
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

    // Those of a batch's rows that lie within a slice; one that does not say where it lies is put aside.
    RowNumbers within(Target& target, const Batch& batch, const Sweep& sweep, const Scope& scope) {
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

    // Whether records were put aside of which nobody knows which rows they would have made.
    [[nodiscard]] bool lost_records() const { return lost_records_; }

    [[nodiscard]] Written& written() { return written_; }
    [[nodiscard]] const std::vector<Reject>& rejects() const { return rejects_; }

  private:
    template <class Write>
    RowNumbers carefully(Target& target, const Batch& batch, RowNumbers rows, const std::vector<std::size_t>* outer, const Write& write) {
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

    Batch rows_of(const Transform::Made& made, const core::Layout& layout, const core::Lookup& lookup) const {
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

    Reject reject_of_record(const Misfit& misfit) const {
        return Reject{.record = batch_.origin[misfit.row], .sqlstate = misfit.error.sqlstate(),
                      .value = core::excerpt(batch_.records[misfit.row].raw(), kShownValue), .message = misfit.error.message()};
    }

    // What a column's type refuses is found without writing anything.
    void drop_bad_cells(const Target& target, const Batch& batch, RowNumbers& rows, const std::vector<std::size_t>* outer) {
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

    // The rows that an error's detail speaks of.
    static RowNumbers suspects(const Target& target, const Batch& batch, const pg::Error& error, const RowNumbers& rows) {
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

    static Reject reject_of(const Target& target, const Batch& batch, const std::vector<std::size_t>* outer, std::size_t row, const pg::Error& error,
                            std::string column = {}) {
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

    void add(Reject reject) {
        const auto shown = [&](const std::string& text, std::size_t bytes) { return core::excerpt(core::without_secrets(text, account_), bytes); };
        reject.key = shown(reject.key, kShownValue);
        reject.value = shown(reject.value, kShownValue);
        reject.message = shown(reject.message, kShownMessage);
        rejects_.push_back(std::move(reject));
        if (rejects_.size() > most_) throw PageRefused{drift(rejects_, batch_.page_records)};
    }

    const core::Account& account_;
    const Batch& batch_;
    std::int32_t account_id_;
    Care care_;
    std::size_t most_;
    Written written_{};
    std::vector<Reject> rejects_{};
    bool lost_records_ = false;
};

Applier::Applier(const core::Stream& stream, const Targets& targets, core::Layout layout)
    : stream_(stream), layout_(std::move(layout)), row_layout_(layout_), table_(targets.main.qualified), columns_(targets.main.attributes.size()),
      main_{.list = "", .owner = targets.main.owner, .writer = TableWriter{rule_of(stream, targets.main), targets.main, layout_.fields}} {
    row_layout_.transformed = false;
    for (std::size_t i = 0; i < layout_.inner.size(); ++i) {
        const pg::Table& table = targets.inner[i];
        inner_.push_back({.list = layout_.inner[i].name, .owner = table.owner, .writer = TableWriter{rule_of(stream.expand[i], table), table, layout_.inner[i].fields}});
    }
    for (std::size_t i = 0; i < layout_.deletions.size(); ++i) {
        const core::DeletionLayout& told = layout_.deletions[i];
        told_.push_back({.list = told.stream, .owner = targets.told[i].owner, .writer = TableWriter{rule_of(told, targets.told[i]), targets.told[i], told.fields}});
    }
    if (stream.replaces() || stream.sweeps()) sweep_.emplace(stream, targets.main, layout_.fields);
    if (!stream.transform.empty()) transform_.emplace(stream.transform);
    if (!stream.after_page.empty()) after_page_.emplace("SELECT " + quoted_function(stream.after_page) + "($1, $2)");
}

// What all pages that are written because of one have in common.
struct Applier::Work {
    Catalog& catalog;
    const Model& model;
    const core::Account& account;
    const core::Apply& what;
    Care care;
};

Written Applier::apply(Catalog& catalog, const Model& model, const core::Account& account, const core::Apply& what, Care care) {
    Work work{.catalog = catalog, .model = model, .account = account, .what = what, .care = care};
    Page page{account, what.batch, model.account_id, care};
    Batch made;
    const Batch& batch = transform_ ? made : what.batch;
    {
        pg::RoleScope owner{main_.owner};
        if (transform_) {
            made = page.transform(*transform_, row_layout_, context_of(model, account), column_values(account, what));
            page.take_rejects(made);
        }
        check_new_members(batch);
        if (!stream_.replaces()) write_rows(page, batch, all_of(batch.rows));
        delete_told(page, batch);
        if (!stream_.replaces()) run_after_page(work);
        owner.leave();
    }
    Written written;
    if (stream_.replaces()) written = replace(work, page, batch);
    if (stream_.sweeps() && what.full) see(work, page, batch);
    if (what.sweeps) written += take_out_missing(work);
    return written += settle(work, page);
}

void Applier::write_rows(Page& page, const Batch& batch, RowNumbers rows) {
    const RowNumbers written = page.write(main_, batch, std::move(rows));
    write_inner(page, batch, written);
}

void Applier::run_after_page(const Work& work) {
    if (after_page_) after_page_->run(work.model.account_id, work.model.run_id);
}

Written Applier::settle(Work& work, Page& page) {
    if (!page.rejects().empty()) work.catalog.reject_rows(work.model, page.rejects());
    Written written = page.written();
    written.rejected = static_cast<std::int64_t>(page.rejects().size());
    return written;
}

// The pages that wait, one at a time.
template <class Visit>
void Applier::for_each_staged(Work& work, const Visit& visit) {
    StagedPlace place;
    for (;;) {
        const pg::MemoryScope scratch;
        auto rows = work.catalog.next_staged(work.model.id, place);
        if (!rows) return;
        auto batch = core::batch_from_json(std::move(*rows), row_layout_);
        if (!batch) throw PageRefused{.error = batch.error(), .staged_is_void = true};
        visit(*batch);
    }
}

Written Applier::replace(Work& work, Page& page, const Batch& batch) {
    const core::Apply& what = work.what;
    const std::int32_t model = work.model.id;
    if (what.slice_begins) work.catalog.unstage(model, what.slice);
    if (!what.completes) {
        if (what.abandons) work.catalog.unstage(model, 0);
        else work.catalog.stage(model, what.slice, core::to_json(batch, row_layout_));
        return {};
    }
    const Scope scope = sweep_->replaced_by(what);
    Written written = take_out(work, page, batch, scope);
    for_each_staged(work, [&](const Batch& waited) {
        Page again{work.account, waited, work.model.account_id, work.care};
        write_within(work, again, waited, scope);
        written += settle(work, again);
    });
    write_within(work, page, batch, scope);
    work.catalog.unstage(model, 0);
    return written;
}

// Notes the keys of a page's rows that the target has.
void Applier::see(Work& work, Page& page, const Batch& batch) {
    std::vector<std::string> keys;
    {
        const pg::RoleScope owner{main_.owner, pg::Constraints::as_they_are};
        keys = page.known_keys(main_, batch);
    }
    work.catalog.see(work.model.id, keys, work.what.started_at);
    if (page.lost_records()) work.catalog.see_unknown(work.model.id, work.what.started_at);
}

// What a full run has not met.
Written Applier::take_out_missing(Work& work) {
    Written written;
    const core::Timestamp generation = work.what.started_at;
    if (work.catalog.has_seen_unknown(work.model.id, generation)) {
        written.notice = "the transform failed for some records: rows that are gone were not looked for";
    } else {
        std::int64_t rows = 0;
        {
            const pg::RoleScope owner{main_.owner, pg::Constraints::as_they_are};
            rows = sweep_->count(work.model.account_id);
        }
        const auto most = static_cast<std::int64_t>(stream_.deletes.max_fraction * static_cast<double>(rows));
        try {
            written.deleted = sweep_->run(work.catalog, work.model, sweep_->to_be_met(generation), generation, most);
        } catch (const TooManyMissing& missing) {
            throw PageRefused{too_many(missing, rows, stream_)};
        }
    }
    work.catalog.forget_seen(work.model.id);
    return written;
}

// What is not there any more, before anything is written that it may stand in the way of.
Written Applier::take_out(Work& work, Page& page, const Batch& batch, const Scope& scope) {
    Written written;
    if (!stream_.has_identity()) {
        pg::RoleScope owner{main_.owner};
        written.deleted = sweep_->clear(work.model.account_id, scope);
        owner.leave();
        return written;
    }
    for_each_staged(work, [&](const Batch& waited) {
        Page again{work.account, waited, work.model.account_id, work.care};
        see(work, again, waited);
    });
    see(work, page, batch);
    written.deleted = sweep_->run(work.catalog, work.model, scope, work.what.started_at);
    work.catalog.forget_seen(work.model.id);
    return written;
}

// Rows without a key that lie beyond the slice, because bounds are widened when they are sent, are another slice's.
void Applier::write_within(Work& work, Page& page, const Batch& batch, const Scope& scope) {
    pg::RoleScope owner{main_.owner};
    const bool all = stream_.has_identity() || scope.bounds.empty();
    write_rows(page, batch, all ? all_of(batch.rows) : page.within(main_, batch, *sweep_, scope));
    run_after_page(work);
    owner.leave();
}

Written Applier::write(std::int32_t account_id, const Batch& batch) { return main_.writer.write(account_id, batch, all_of(batch.rows)); }

Batch Applier::transformed(const Model& model, const core::Account& account, const core::Apply& what) {
    Page page{account, what.batch, model.account_id, Care::hopeful};
    pg::RoleScope owner{main_.owner};
    Batch made = page.transform(*transform_, row_layout_, context_of(model, account), column_values(account, what));
    owner.leave();
    return made;
}

// Members that no column takes, where the stream wants to know of them.
void Applier::check_new_members(const Batch& batch) const {
    if (batch.new_members.empty()) return;
    NewColumns wanted;
    std::string names, unfit;
    for (const auto& [name, value] : batch.new_members) {
        names += (names.empty() ? "\"" : ", \"") + core::excerpt(name, kLongestName) + "\"";
        if (name.empty() || name.size() > kLongestName || name.find('\0') != std::string::npos) unfit = core::excerpt(name, kLongestName);
        wanted.columns.emplace_back(name, type_for(value));
    }
    core::Error error{.code = core::Code::schema_drift, .message = "records have members that no column takes: " + names};
    if (stream_.on_new_field == core::Stream::OnNewField::fail) {
        error.hint = "Add columns for them, or state another on_new_field.";
    } else if (!unfit.empty()) {
        error.message = "a new member cannot be the name of a column: \"" + unfit + "\"";
        error.hint = "State columns, or another on_new_field.";
    } else if (columns_ + wanted.columns.size() > kMostColumns) {
        error.hint = "The target has " + std::to_string(columns_) + " columns, and no more than " + std::to_string(kMostColumns) + " are made: keep the rest in a raw column.";
    } else {
        throw wanted;
    }
    throw PageRefused{std::move(error)};
}

void Applier::add_columns(const NewColumns& wanted) {
    std::string sql = "ALTER TABLE " + table_;
    const char* separator = " ";
    for (const auto& [name, type] : wanted.columns) {
        sql += separator + ("ADD COLUMN IF NOT EXISTS " + pg::quote_name(name) + " " + type);
        separator = ", ";
    }
    pg::RoleScope owner{main_.owner};
    pg::execute(sql);
    owner.leave();
}

// The inner lists of the outer rows that were written. Of outer rows that stand in the page twice the last counts, as it did for themselves; a list that
// has a bad element is added to, but not shortened.
void Applier::write_inner(Page& page, const Batch& batch, const RowNumbers& rows) {
    if (inner_.empty()) return;
    std::map<std::string, std::size_t> last;
    for (const std::size_t row : rows) {
        std::string key;
        for (std::size_t i = 0; i < row_layout_.fields.size(); ++i)
            if (row_layout_.fields[i].key) key += std::string{batch.columns[i][row].value_or("")} + '\x1f';
        last.insert_or_assign(key.empty() ? std::to_string(row) : std::move(key), row);
    }
    std::set<std::size_t> outer;
    for (const auto& [key, row] : last) outer.insert(row);
    for (std::size_t i = 0; i < inner_.size(); ++i) {
        Target& target = inner_[i];
        const Batch& list = batch.inner[i];
        pg::RoleScope owner{target.owner};
        RowNumbers wanted, heads;
        for (std::size_t row = 0; row < list.rows; ++row)
            if (outer.contains(list.origin[row])) wanted.push_back(row);
        const RowNumbers written = page.write(target, list, std::move(wanted), &batch.origin);
        if (stream_.expand[i].replace) {
            for (std::size_t head = 0; head < list.head_of.size(); ++head)
                if (outer.contains(list.head_of[head]) && !std::binary_search(list.cut.begin(), list.cut.end(), list.head_of[head]) && !page.rejected(batch.origin[list.head_of[head]], target.list)) heads.push_back(head);
            page.replace_inner(target, list, written, heads);
        }
        owner.leave();
    }
}

// What the page's records say of rows of other streams.
void Applier::delete_told(Page& page, const Batch& batch) {
    for (std::size_t i = 0; i < told_.size(); ++i) {
        if (batch.deletions[i].rows == 0) continue;
        pg::RoleScope owner{told_[i].owner};
        page.erase(told_[i], batch.deletions[i]);
        owner.leave();
    }
}

}  // namespace upstream::worker
