// Rows as values, copied into tables and looked up by their key.
#include "border.hpp"

#include <numeric>

#include "pg/copy.hpp"
#include "pg/key_index.hpp"
#include "pg/relation.hpp"
#include "pg/row_buffer.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

namespace border {
namespace {

using Texts = std::vector<std::optional<std::string>>;

Texts texts(FunctionCallInfo fcinfo, int index) {
    Texts found;
    pg::Plan unnest{"SELECT v FROM pg_catalog.unnest($1) AS v", {TEXTARRAYOID}};
    const pg::Param values{.value = fcinfo->args[index].value};
    const pg::Rows rows = unnest.run(&values, 1);
    for (const pg::Row row : rows) found.push_back(row.get<std::optional<std::string>>(0));
    return found;
}

std::vector<std::string> names(FunctionCallInfo fcinfo, int index) {
    std::vector<std::string> found;
    for (const auto& text : texts(fcinfo, index)) found.push_back(text.value());
    return found;
}

// The rows lie one after the other in `cells`.
pg::RowBuffer buffer(Oid table, const std::vector<std::string>& columns, const Texts& cells) {
    const std::size_t count = cells.size() / columns.size();
    pg::RowBuffer rows{pg::row_columns(table, columns), count};
    std::vector<std::vector<std::optional<std::string_view>>> values(columns.size());
    std::vector<pg::RowBuffer::Column> added;
    for (std::size_t column = 0; column < columns.size(); ++column) {
        for (std::size_t row = 0; row < count; ++row) values[column].emplace_back(cells[row * columns.size() + column]);
        added.push_back({.texts = values[column]});
    }
    rows.add(count, added);
    return rows;
}

std::vector<std::uint32_t> all(const pg::RowBuffer& rows) {
    std::vector<std::uint32_t> order(rows.rows());
    std::iota(order.begin(), order.end(), 0U);
    return order;
}

// copy(table, columns, cells): how many rows went in, or why not.
Datum copy(FunctionCallInfo fcinfo) {
    const Oid table = PG_GETARG_OID(0);
    const pg::SpiScope spi;
    std::string text;
    try {
        const Guard guard;
        pg::Subtransaction part;
        const std::vector<std::string> columns = names(fcinfo, 1);
        const Texts cells = texts(fcinfo, 2);
        if (!pg::lock_for_write(table)) return result("no such table");
        const pg::RowBuffer rows = buffer(table, columns, cells);
        const std::vector<std::uint32_t> order = all(rows);
        text = std::to_string(pg::copy_into(table, rows, order)) + " copied";
        part.release();
    } catch (const pg::BadRow& bad) {
        text = "row " + std::to_string(bad.row()) + ", column " + std::to_string(bad.column()) + ": " + line(bad);
    } catch (const pg::Error& error) {
        text = line(error);
    }
    pg::execute("SELECT 1");  // SPI still serves
    return result(text);
}

// look_up(table, key, columns, cells): what the table says of each row.
Datum look_up(FunctionCallInfo fcinfo) {
    const Oid table = PG_GETARG_OID(0);
    const pg::SpiScope spi;
    const std::vector<std::string> key = names(fcinfo, 1), columns = names(fcinfo, 2);
    const Texts cells = texts(fcinfo, 3);
    if (!pg::lock_for_write(table)) return result("no such table");
    const pg::BulkFacts facts = pg::bulk_facts(table, key);
    if (!facts.obstacle.empty()) return result("obstacle: " + facts.obstacle);
    if (!facts.can_look_up) return result("cannot be searched");
    const pg::RowBuffer rows = buffer(table, columns, cells);
    std::vector<std::size_t> compared(columns.size());
    std::iota(compared.begin(), compared.end(), 0U);
    std::string text;
    for (const pg::Stored stored : pg::look_up(table, facts.index, rows, all(rows), compared))
        text += (text.empty() ? "" : " ") + std::string{stored == pg::Stored::missing ? "missing" : stored == pg::Stored::same ? "same" : "different"};
    return result(text);
}

// read_as(type's table, column, cells): what the reader of values makes of a text, and what the type's own input makes of it.
Datum compare_readers(FunctionCallInfo fcinfo) {
    const Oid table = PG_GETARG_OID(0);
    const pg::SpiScope spi;
    const std::vector<std::string> columns = names(fcinfo, 1);
    const Texts cells = texts(fcinfo, 2);
    std::string text;
    for (const auto& cell : cells) {
        try {
            pg::Subtransaction part;
            const pg::RowBuffer rows = buffer(table, columns, {cell});
            pg::Plan show{"SELECT $1::text", {rows.columns()[0].type}};
            const pg::Param value{.value = rows.values(0)[0], .null = rows.nulls(0)[0]};
            text += show.run(&value, 1)[0].get<std::optional<std::string>>(0).value_or("null");
            part.release();
        } catch (const pg::Error& error) {
            text += error.sqlstate();
        }
        text += "\n";
    }
    return result(text);
}

}  // namespace
}  // namespace border

BORDER_FUNCTION(border_copy, border::copy)
BORDER_FUNCTION(border_look_up, border::look_up)
BORDER_FUNCTION(border_read_as, border::compare_readers)
