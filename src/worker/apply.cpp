#include "pg/postgres.hpp"

#include "worker/apply.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/excerpt.hpp"
#include "core/json.hpp"
#include "pg/error.hpp"
#include "pg/role.hpp"
#include "worker/apply_page.hpp"
#include "worker/deletions.hpp"
#include "worker/target.hpp"

namespace upstream::worker {
namespace {

using core::Batch;

constexpr std::size_t kMostColumns = 400;  // that a table may have for us to add one
constexpr std::size_t kLongestName = 63;   // of a column

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

}  // namespace

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

Written Applier::apply(const pg::Session* session, Catalog& catalog, const Model& model, const core::Account& account, const core::Apply& what, Care care) {
    Work work{.session = session, .catalog = catalog, .model = model, .account = account, .what = what, .care = care};
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

Written Applier::settle(Work& work, Page& page) {
    if (!page.rejects().empty()) work.catalog.reject_rows(work.model, page.rejects());
    Written written = page.written();
    written.rejected = static_cast<std::int64_t>(page.rejects().size());
    return written;
}

void Applier::write_rows(Page& page, const Batch& batch, RowNumbers rows) {
    const RowNumbers written = page.write(main_, batch, std::move(rows));
    write_inner(page, batch, written);
}

void Applier::run_after_page(const Work& work) {
    if (after_page_) after_page_->run(work.model.account_id, work.model.run_id);
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
