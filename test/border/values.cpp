// Values, rows, arrays and tables.
#include "border.hpp"

#include "pg/array.hpp"
#include "pg/relation.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"

using namespace std::string_literals;
using namespace std::string_view_literals;

namespace border {
namespace {

template <class T>
std::string shown(const T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
        return value;
    } else if constexpr (std::is_same_v<T, pg::Time>) {
        return std::to_string(value.time_since_epoch().count());
    } else {
        return std::to_string(value);
    }
}

std::string shown(const pg::Bytes& value) {
    std::string text;
    for (const char byte : value.bytes) text += (text.empty() ? "" : " ") + std::to_string(static_cast<unsigned char>(byte));
    return text;
}

// Sends a value, reads it back as T and as text.
template <class P, class T = P>
std::string trip(const char* type, const P& value) {
    pg::Statement<P> send{"SELECT $1, $1::text, pg_catalog.pg_typeof($1)::text"};
    std::string line = type;
    for (int round = 0; round < 2; ++round) {  // the second time with the kept plan
        const pg::Rows rows = send.run(value);
        const auto back = rows[0].template get<std::optional<T>>(0);
        const auto text = rows[0].get<std::optional<std::string>>(1);
        if (round == 1) line += ": " + (back ? shown(*back) : "null"s) + " | " + text.value_or("null") + " | " + rows[0].get<std::string>(2);
    }
    return line + "\n";
}

template <class P, class T = P>
std::string both(const char* type, const P& value) {
    return trip<P, T>(type, value) + trip<std::optional<P>, T>(type, value) + trip<std::optional<P>, T>(type, std::nullopt);
}

Datum round_trips(FunctionCallInfo) {
    const pg::SpiScope spi;
    std::string text;
    text += both("bool", true);
    text += both("int32", std::int32_t{-2147483647});
    text += both("int64", std::int64_t{9007199254740993});
    text += both("double", 0.1);
    text += both("time", pg::Time{std::chrono::microseconds{1700000000123456}});
    text += trip("infinity", pg::Time::max());
    text += trip("-infinity", pg::Time::min());
    text += both<std::string_view, std::string>("string_view", "smörgås"sv);
    text += both<std::string>("string", "");
    text += trip<const char*, std::string>("const char*", "seven");
    text += trip<const char*, std::string>("const char*", nullptr);
    text += both<pg::Json, std::string>("json", pg::Json{R"({"b": 1.50, "a": [null]})"});
    text += both("bytea", pg::Bytes{"a\0\xff"s});
    text += both<std::vector<std::int32_t>, std::string>("int4[]", {1, -2, 3});
    text += both<std::vector<std::string>, std::string>("text[]", {"a,b", "", "c\"d"});
    text += trip<std::vector<std::string>, std::string>("text[]", {});
    return result(text);
}

// What Row::get and the parameters refuse.
Datum refusals(FunctionCallInfo) {
    const pg::SpiScope spi;
    std::string text;
    const auto refused = [&](auto&& attempt) {
        try {
            pg::Subtransaction part;
            attempt();
            text += "accepted\n";
        } catch (const pg::Error& error) {
            text += line(error) + "\n";
        } catch (const pg::Raise& error) {
            text += error.message() + "\n";
        }
    };
    pg::Statement<> row{"SELECT 1::int8 AS total, NULL::int4 AS missing"};
    refused([&] { return row.run()[0].get<std::int32_t>(0); });
    refused([&] { return row.run()[0].get<std::int32_t>(1); });
    refused([&] { return row.run()[0].get<std::int32_t>(2); });
    refused([&] { pg::Statement<std::string_view>{"SELECT $1"}.run("a\0b"sv); });
    refused([&] { pg::Statement<std::string_view>{"SELECT $1"}.run("\xc3\x28"sv); });
    refused([&] { pg::Statement<pg::Json>{"SELECT $1"}.run(pg::Json{"{]"}); });
    refused([&] { pg::Statement<>{"COMMIT"}.run(); });
    return result(text);
}

// Rows counted and iterated; rows that outlive their connection; affected rows.
Datum row_sets(FunctionCallInfo) {
    std::string text;
    std::optional<pg::Rows> survivor;
    {
        const pg::SpiScope spi;
        pg::Statement<std::int32_t> series{"SELECT i, 'row ' || i FROM pg_catalog.generate_series(1, $1) AS i"};
        const pg::Rows rows = series.run(3);
        for (const pg::Row row : rows) text += std::to_string(row.get<std::int32_t>(0)) + "=" + row.get<std::string>(1) + "\n";
        text += "empty: " + std::to_string(series.run(0).empty()) + "\n";
        pg::execute("CREATE TEMP TABLE border_rows ON COMMIT DROP AS SELECT i FROM pg_catalog.generate_series(1, 5) AS i");
        text += "affected: " + std::to_string(pg::Statement<>{"DELETE FROM border_rows WHERE i > 1"}.run().affected()) + "\n";
        survivor.emplace(series.run(2));
    }
    survivor.reset();  // no warning
    return result(text);
}

// The array of a type over texts, or what it says of the value that it cannot read.
Datum array(FunctionCallInfo fcinfo) {
    const Oid type = PG_GETARG_OID(0);
    const std::int32_t typmod = PG_GETARG_INT32(1);
    std::vector<std::optional<std::string>> texts;
    const pg::SpiScope spi;
    pg::Plan unnest{"SELECT v FROM pg_catalog.unnest($1) AS v", {TEXTARRAYOID}};
    const pg::Param values{.value = PG_GETARG_DATUM(2)};
    for (const pg::Row row : unnest.run(&values, 1)) {
        auto value = row.get<std::optional<std::string>>(0);
        if (value == "<nul>") value = "a\0b"s;
        if (value == "<bad>") value = "\xff";
        texts.push_back(std::move(value));
    }
    const std::vector<std::optional<std::string_view>> views(texts.begin(), texts.end());
    std::string text;
    try {
        pg::Subtransaction part;
        const pg::Param made = pg::array_of(type, typmod, views);
        pg::Plan show{"SELECT $1::text", {pg::array_type(type)}};
        text = show.run(&made, 1)[0].get<std::string>(0);
        part.release();
    } catch (const pg::BadValue& bad) {
        text = "row " + std::to_string(bad.row()) + ": " + line(bad);
    } catch (const pg::Error& error) {
        text = "not the value's fault: " + line(error);
    }
    return result(text);
}

Datum table(FunctionCallInfo fcinfo) {
    const Oid oid = PG_GETARG_OID(0);
    if (!pg::lock_for_write(oid)) return result("no such table");
    const pg::Table table = pg::describe(oid);
    std::string text = table.qualified + " (" + table.kind + ")\n";
    for (const pg::Attribute& each : table.attributes) {
        text += "  " + pg::quote_name(each.name) + " " + each.type_name + (each.not_null ? " not_null" : "") + (each.has_default ? " default" : "");
        text += (each.generated ? " generated"s : ""s) + (each.is_json ? " json" : "") + (each.has_equality ? "" : " no_equality") + "\n";
    }
    for (const std::vector<std::string>& key : table.unique_keys) {
        text += "  key:";
        for (const std::string& column : key) text += " " + column;
        text += table.has_key({key.rbegin(), key.rend()}) ? "\n" : " (not found)\n";
    }
    return result(text);
}

// Whether a statement changes what relation_changes() says.
Datum changes(FunctionCallInfo fcinfo) {
    const std::uint64_t before = pg::relation_changes();
    const pg::SpiScope spi;
    pg::execute(argument(fcinfo, 0));
    return result(pg::relation_changes() == before ? "same" : "changed");
}

}  // namespace
}  // namespace border

BORDER_FUNCTION(border_round_trips, border::round_trips)
BORDER_FUNCTION(border_refusals, border::refusals)
BORDER_FUNCTION(border_rows, border::row_sets)
BORDER_FUNCTION(border_array, border::array)
BORDER_FUNCTION(border_table, border::table)
BORDER_FUNCTION(border_changes, border::changes)
