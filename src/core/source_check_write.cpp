// Checks of what is written: keys, columns, write modes, deletes.
#include <algorithm>

#include "core/source_check.hpp"

namespace upstream::core::parts {

namespace {

using Write = Stream::Write;

std::string_view name_of(Write write) {
    switch (write) {
        case Write::upsert: return "upsert";
        case Write::append: return "append";
        case Write::insert_only: return "insert_only";
        case Write::replace: return "replace";
        case Write::replace_window: break;
    }
    return "replace_window";
}

bool has(const std::vector<std::string>& names, std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); }

}  // namespace

bool StreamCheck::lacks_column(std::string_view name) const {
    if (stream_.columns.empty() || !draft_.columns_ok || name == stream_.raw) return false;
    return std::none_of(stream_.columns.begin(), stream_.columns.end(), [name](const Column& column) { return column.name == name; });
}

std::string StreamCheck::column_hint(std::string_view name) const {
    std::vector<std::string> known;
    for (const Column& column : stream_.columns) known.push_back(column.name);
    const std::string hint = perhaps(name, known);
    return hint.empty() ? "Say where its value comes from." : hint;
}

void StreamCheck::key() {
    const bool needs_key = stream_.write == Write::upsert || stream_.write == Write::insert_only;
    if (!draft_.states("primary_key")) {
        if (needs_key) add("write", "write \"" + std::string(name_of(stream_.write)) + "\" needs a primary key", "State \"primary_key\".");
        return;
    }
    if (stream_.write == Write::append)
        warn("write", "\"append\" adds rows whose key is there already", "State \"insert_only\" to keep the first of each key, or leave \"primary_key\" out.");
}

// Rule 3.
void StreamCheck::key_columns() {
    for (const std::string& name : stream_.primary_key) {
        if (lacks_column(name)) add("primary_key", "column \"" + name + "\" is not in \"columns\"", column_hint(name));
    }
}

// Equal rows are numbered within a slice: it must hold all of them or none (core/occurrences.hpp).
void StreamCheck::occurrence() {
    if (!stream_.key_occurrence) return;
    using Type = Pagination::Type;
    const auto hashed = [this](const Path& path) {
        return std::any_of(stream_.key_hash.begin(), stream_.key_hash.end(), [&](const Path& each) { return each.text() == path.text(); });
    };
    if (stream_.cursor && draft_.request_ok && (stream_.incremental || stream_.cursor->step || stream_.cursor->step_from)) {
        std::vector<Path> fields = stream_.cursor->max_of;
        if (fields.empty()) fields.push_back(stream_.cursor->field);
        if (!std::all_of(fields.begin(), fields.end(), hashed))
            add("primary_key", "\"occurrence\" needs the cursor's field in \"hash\"", "Equal rows are numbered within what one read asks for, which must hold all of them or none.");
    }
    if (!stream_.transform.empty()) add("primary_key", "\"occurrence\" numbers records, and \"transform\" makes others of them", "Leave one of them out.");
    if (stream_.parent && stream_.parent->batch_size)
        add("primary_key", "\"occurrence\" cannot tell whose rows are equal where several parents are read at once", "Leave \"parent.batch_size\" out.");
    const Pagination& pagination = stream_.pagination;
    if (pagination.type == Type::page && pagination.drift != Pagination::Drift::ignore)
        add("primary_key", "\"occurrence\" would number rows anew whose page is read once more because of \"drift\"", "Leave \"drift\" out, or page by offset.");
    else if (pagination.type == Type::page || pagination.type == Type::offset)
        warn("primary_key", "with numbered pages a row that changes its place while the list is read may be taken for an equal one");
}

void StreamCheck::raw() {
    if (!stream_.raw.empty()) {
        const auto is_it = [this](const Column& column) { return column.name == stream_.raw; };
        if (std::any_of(stream_.columns.begin(), stream_.columns.end(), is_it)) add("raw", "column \"" + stream_.raw + "\" stands in \"columns\" too");
        if (has(stream_.primary_key, stream_.raw)) add("raw", "column \"" + stream_.raw + "\" is part of the primary key");
    }
    if (stream_.on_new_field == Stream::OnNewField::raw && stream_.raw.empty())
        add("on_new_field", "\"raw\" needs a column that gets the whole record", "State \"raw\".");
}

void StreamCheck::newer_by() {
    if (stream_.newer_by.empty()) return;
    if (lacks_column(stream_.newer_by)) add("newer_by", "column \"" + stream_.newer_by + "\" is not in \"columns\"", column_hint(stream_.newer_by));
    if (stream_.write != Write::upsert)
        add("newer_by", "\"newer_by\" compares with a stored row, which write \"" + std::string(name_of(stream_.write)) + "\" does not", "Leave it out.");
}

void StreamCheck::modes() {
    if (stream_.write == Write::append && stream_.incremental && stream_.cursor && stream_.cursor->lookback > 0)
        warn("write", "\"append\" stores again what \"lookback\" reads again", "State \"primary_key\" and \"insert_only\", or \"lookback\": \"0 seconds\".");
    if (stream_.absent_keeps && stream_.write != Write::upsert)
        add("absent", "\"keep\" has nothing to keep with write \"" + std::string(name_of(stream_.write)) + "\"", "Leave it out.");
    if (stream_.write == Write::replace && stream_.incremental && stream_.cursor)
        add("write", "\"replace\" replaces every row, so it needs a full read", "State \"sync_mode\": \"full_refresh\", or \"replace_window\".");
    if (stream_.write == Write::replace && (!stream_.expand.empty()))
        warn("write", "rows of \"expand\" are merged, not replaced with the record that they came from");
}

// Rule 8: the rows of a window can be replaced only if all of them come.
void StreamCheck::window() {
    if (stream_.write != Write::replace_window) return;
    if (!draft_.states("cursor") || !stream_.incremental) {
        add("write", "\"replace_window\" needs a cursor, which says what the window is", "State \"cursor\".");
    } else if (stream_.cursor && draft_.request_ok && stream_.cursor->filter != Cursor::Filter::server) {
        add("write", "\"replace_window\" needs a server that filters", "Send {cursor.start} and {cursor.end}.");
    } else if (stream_.cursor && (stream_.cursor->type == Cursor::Type::opaque || stream_.cursor->field.text().empty())) {
        add("write", "\"replace_window\" needs a cursor with one field that can be compared", "State \"field\" and a \"type\" other than \"opaque\".");
    }
}

// Rule 9: rows that were not asked for are not missing.
void StreamCheck::deletes() {
    using Mode = Deletes::Mode;
    const Deletes& deletes = stream_.deletes;
    if (deletes.mode == Mode::none) return;
    if (!draft_.states("primary_key")) add("deletes", "deletes need a primary key", "State \"primary_key\".");
    if (stream_.write == Write::append) add("deletes", "deletes need rows that are known by their key, which \"append\" does not look at", "State another \"write\".");
    if (draft_.states("deletes.max_fraction") && deletes.mode != Mode::missing)
        warn("deletes.max_fraction", "\"max_fraction\" is for mode \"missing\": what a record says is believed");
    if (deletes.mode == Mode::feed) feed();
    if (deletes.mode != Mode::missing) return;
    if (stream_.parent && !stream_.parent->only_changed.empty())
        add("deletes.mode", "\"missing\" would delete what was not asked for: \"parent.only_changed\" leaves out rows", "Leave one of them out.");
    if (stream_.cursor && (stream_.cursor->step || stream_.cursor->step_from))
        add("deletes.mode", "\"missing\" would delete what was not asked for: slices begin at \"initial\" or \"retention\"", "Leave \"cursor.step\" out.");
    if (stream_.write == Write::replace) add("deletes.mode", "\"missing\" is what write \"replace\" does by itself", "Leave \"deletes\" out.");
    const std::string message = "\"missing\" would delete what was not asked for: ";
    if (stream_.parent && stream_.parent->where) add("deletes.mode", message + "\"parent.where\" leaves out rows", "Leave one of them out.");
    if (stream_.parent && stream_.parent->limit) add("deletes.mode", message + "\"parent.limit\" leaves out rows", "Leave one of them out.");
    if (stream_.incremental && stream_.cursor && draft_.request_ok && stream_.cursor->filter == Cursor::Filter::server)
        add("deletes.mode", message + "the server filters by the cursor", "State \"sync_mode\": \"full_refresh\", or notice deletes otherwise.");
}

void StreamCheck::feed() {
    const Deletes& deletes = stream_.deletes;
    if (!stream_.key_hash.empty()) {
        add("deletes.mode", "\"feed\" needs a primary key of columns, because a feed tells no hashes");
        return;
    }
    std::vector<std::string> stated;
    for (const auto& [column, path] : deletes.key) {
        stated.push_back(column);
        if (!has(stream_.primary_key, column) && !stream_.primary_key.empty())
            add("deletes.key", "column \"" + column + "\" is not part of the primary key", perhaps(column, stream_.primary_key));
    }
    if (stated.empty()) return;
    for (const std::string& column : stream_.primary_key) {
        if (!has(stated, column)) add("deletes.key", "column \"" + column + "\" of the primary key is missing", "A row is found by its whole key.");
    }
}

void StreamCheck::write() {
    key();
    key_columns();
    occurrence();
    raw();
    newer_by();
    modes();
    window();
    deletes();
}

}  // namespace upstream::core::parts
