#include "pg/postgres.hpp"

#include "worker/deletions.hpp"

#include "pg/error.hpp"
#include "worker/target.hpp"

namespace upstream::worker {
namespace {

// Whether positions of the cursor can be compared with values of the column.
bool comparable(const core::Cursor& cursor, Oid type) {
    if (cursor.field.text().empty() && cursor.max_of.empty()) return false;
    switch (cursor.type) {
        case core::Cursor::Type::timestamp:
        case core::Cursor::Type::date: return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID;
        case core::Cursor::Type::integer: return type == INT8OID || type == INT4OID || type == INT2OID || type == NUMERICOID;
        case core::Cursor::Type::opaque: break;
    }
    return false;
}

// What is read from the feed's records for rows of `table`, which `stream` fills.
core::DeletionLayout deletion_layout(const core::Stream& feed, const core::Stream& stream, const pg::Table& table) {
    core::DeletionLayout layout{.stream = stream.name, .when = stream.deletes.when, .soft = stream.deletes.soft};
    const auto add = [&](core::Field field) {
        const pg::Attribute* attribute = table.attribute(field.column);
        if (attribute == nullptr)
            throw pg::Raise(ERRCODE_UNDEFINED_COLUMN, "table " + table.qualified + " of stream \"" + stream.name + "\" has no column \"" + field.column + "\"", "",
                            "Stream \"" + feed.name + "\" tells which of its rows are gone.");
        field.json = attribute->is_json;
        layout.fields.push_back(std::move(field));
    };
    for (const auto& [column, path] : stream.deletes.key) add({.column = column, .paths = {path}, .key = true});
    const pg::Attribute* newer = table.attribute(stream.newer_by);
    if (newer != nullptr && feed.cursor && comparable(*feed.cursor, newer->type)) {
        layout.position = feed.cursor;
        add({.column = stream.newer_by});
    }
    return layout;
}

}  // namespace

std::vector<ToldTable> tables_told_of(Catalog& catalog, std::int32_t account, const core::Source& source, const core::Stream& feed) {
    std::vector<ToldTable> tables;
    for (const core::Stream& stream : source.streams) {
        if (stream.deletes.mode != core::Deletes::Mode::feed || stream.deletes.stream != feed.name) continue;
        if (const auto table = catalog.target_of(account, stream.name)) tables.emplace_back(stream.name, *table);
    }
    return tables;
}

void add_deletions(core::Layout& layout, const core::Source& source, const core::Stream& feed, const std::vector<ToldTable>& told,
                   const std::vector<pg::Table>& tables) {
    for (std::size_t i = 0; i < told.size(); ++i) {
        layout.deletions.push_back(deletion_layout(feed, *source.stream(told[i].first), tables[i]));
        if (!layout.members) continue;
        if (layout.deletions.back().when) layout.members->emplace(layout.deletions.back().when->path.member());
        for (const core::Field& field : layout.deletions.back().fields)
            for (const core::Path& path : field.paths) layout.members->emplace(path.member());
    }
}

WriteRule rule_of(const core::DeletionLayout& layout, const pg::Table& table) {
    WriteRule rule{.newer_by = layout.position ? layout.fields.back().column : "", .gone = true, .soft = layout.soft};
    if (table.attribute(kAccountColumn) != nullptr) rule.key.emplace_back(kAccountColumn);
    for (const core::Field& field : layout.fields)
        if (field.key) rule.key.push_back(field.column);
    return rule;
}

}  // namespace upstream::worker
