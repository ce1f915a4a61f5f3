// Building arrays through input functions; see array.hpp.
//
// A column is read in one call(), so that the bridge costs nothing per value; a volatile index tells which value raised. What the
// input functions leave behind goes with a scope at the end of the column.
#include "pg/array.hpp"

#include "pg/compat.hpp"
#include "pg/memory.hpp"
#include "pg/value_reader.hpp"

extern "C" {
#include "utils/array.h"
#include "utils/lsyscache.h"
}

namespace upstream::pg {

namespace {

using Values = std::span<const std::optional<std::string_view>>;

Datum build(Oid type, std::int32_t typmod, Values values, volatile std::size_t& row, MemoryContext result) {
    if (values.empty()) {
        MemoryContextSwitchTo(result);
        return PointerGetDatum(construct_empty_array(type));
    }
    ValueReader reader;
    reader.prepare(type, typmod, ValueReader::Texts::unverified);
    Room room{Room::Headers::plain};
    if (values.size() > MaxAllocSize / sizeof(Datum)) ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("array is too long"));
    auto* const datums = static_cast<Datum*>(palloc(sizeof(Datum) * values.size()));
    auto* const nulls = static_cast<bool*>(palloc(sizeof(bool) * values.size()));
    for (std::size_t i = 0; i < values.size(); ++i) {
        row = i;
        nulls[i] = !values[i].has_value();
        datums[i] = values[i] ? reader.read(*values[i], room) : reader.read_null();
    }
    row = values.size();
    int dimensions[1] = {static_cast<int>(values.size())};
    int lower_bounds[1] = {1};
    MemoryContextSwitchTo(result);
    return PointerGetDatum(construct_md_array(datums, nulls, 1, dimensions, lower_bounds, type, reader.length(), reader.by_value(), reader.align()));
}

}  // namespace

Param array_of(Oid type, std::int32_t typmod, std::span<const std::optional<std::string_view>> values) {
    const MemoryContext result = CurrentMemoryContext;
    volatile std::size_t row = values.size();  // while no value is being read
    const MemoryScope scratch;
    try {
        const Datum array = call([&] { return build(type, typmod, values, row, result); });
        return Param{.value = array};
    } catch (const Error& error) {
        if (row >= values.size() || !blames_value(error.sqlerrcode())) throw;
        throw BadValue{error, row};
    }
}

std::optional<BadValue> first_bad(Oid type, std::int32_t typmod, std::span<const std::optional<std::string_view>> values, std::size_t from) {
    volatile std::size_t row = values.size();
    const MemoryScope scratch;
    try {
        call([&] {
            ValueReader reader;
            reader.prepare(type, typmod, ValueReader::Texts::unverified);
            Room room{Room::Headers::plain};
            for (std::size_t i = from; i < values.size(); ++i) {
                row = i;
                static_cast<void>(values[i] ? reader.read(*values[i], room) : reader.read_null());
            }
        });
        return std::nullopt;
    } catch (const Error& error) {
        if (row >= values.size() || !blames_value(error.sqlerrcode())) throw;
        return BadValue{error, row};
    }
}

Oid array_type(Oid type) {
    return call([&] { return get_array_type(type); });
}

}  // namespace upstream::pg
