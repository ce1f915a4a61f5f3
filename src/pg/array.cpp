// Building arrays through input functions; see array.hpp.
//
// A column is read in one call(), so that the bridge costs nothing per value; a volatile index tells which value raised. What the
// input functions leave behind goes with a scope at the end of the column.
#include "pg/array.hpp"

#include <cstring>

#include "pg/compat.hpp"
#include "pg/memory.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
}

namespace upstream::pg {

namespace {

using Values = std::span<const std::optional<std::string_view>>;

// What reading a value of a type takes. Plain data.
struct Reader {
    Oid type;
    std::int32_t typmod;
    Oid argument = InvalidOid;
    FmgrInfo function{};
    std::int16_t length = 0;
    bool by_value = false;
    char align = 0;
    StringInfoData buffer{};  // reused by all values: input functions want a terminated string
};

void prepare(Reader& reader) {
    Oid function;
    getTypeInputInfo(reader.type, &function, &reader.argument);
    fmgr_info(function, &reader.function);
    get_typlenbyvalalign(reader.type, &reader.length, &reader.by_value, &reader.align);
    initStringInfo(&reader.buffer);
}

Datum read(Reader& reader, std::string_view value) {
    if (value.size() >= MaxAllocSize) ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("value is too long"));
    if (!value.empty() && std::memchr(value.data(), '\0', value.size()) != nullptr)
        ereport(ERROR, errcode(ERRCODE_UNTRANSLATABLE_CHARACTER), errmsg("null character cannot be stored"));
    const int size = static_cast<int>(value.size());
    const char* const server = size == 0 ? "" : pg_any_to_server(value.data(), size, PG_UTF8);
    const int server_size = server == value.data() ? size : static_cast<int>(std::strlen(server));
    if (reader.type == TEXTOID) return PointerGetDatum(cstring_to_text_with_len(server, server_size));
    resetStringInfo(&reader.buffer);
    appendBinaryStringInfo(&reader.buffer, server, server_size);
    return InputFunctionCall(&reader.function, reader.buffer.data, reader.argument, reader.typmod);
}

// A domain may refuse nulls, which only its input function knows.
Datum read_null(Reader& reader) {
    if (reader.function.fn_strict) return Datum{0};
    return InputFunctionCall(&reader.function, nullptr, reader.argument, reader.typmod);
}

// Whether an error says that the value is bad, and not that somebody cancelled or the server is in need.
bool blames_value(int sqlerrcode) {
    const int category = ERRCODE_TO_CATEGORY(sqlerrcode);
    return category != ERRCODE_OPERATOR_INTERVENTION && category != ERRCODE_INSUFFICIENT_RESOURCES && category != ERRCODE_SYSTEM_ERROR &&
           category != ERRCODE_INTERNAL_ERROR && category != ERRCODE_TRANSACTION_ROLLBACK;
}

Datum build(Reader& reader, Values values, volatile std::size_t& row, MemoryContext result) {
    prepare(reader);
    if (values.empty()) {
        MemoryContextSwitchTo(result);
        return PointerGetDatum(construct_empty_array(reader.type));
    }
    if (values.size() > MaxAllocSize / sizeof(Datum)) ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("array is too long"));
    auto* const datums = static_cast<Datum*>(palloc(sizeof(Datum) * values.size()));
    auto* const nulls = static_cast<bool*>(palloc(sizeof(bool) * values.size()));
    for (std::size_t i = 0; i < values.size(); ++i) {
        row = i;
        nulls[i] = !values[i].has_value();
        datums[i] = values[i] ? read(reader, *values[i]) : read_null(reader);
    }
    row = values.size();
    int dimensions[1] = {static_cast<int>(values.size())};
    int lower_bounds[1] = {1};
    MemoryContextSwitchTo(result);
    return PointerGetDatum(construct_md_array(datums, nulls, 1, dimensions, lower_bounds, reader.type, reader.length, reader.by_value, reader.align));
}

}  // namespace

Param array_of(Oid type, std::int32_t typmod, std::span<const std::optional<std::string_view>> values) {
    const MemoryContext result = CurrentMemoryContext;
    volatile std::size_t row = values.size();  // while no value is being read
    const MemoryScope scratch;
    Reader reader{.type = type, .typmod = typmod};
    try {
        const Datum array = call([&] { return build(reader, values, row, result); });
        return Param{.value = array};
    } catch (const Error& error) {
        if (row >= values.size() || !blames_value(error.sqlerrcode())) throw;
        throw BadValue{error, row};
    }
}

std::optional<BadValue> first_bad(Oid type, std::int32_t typmod, std::span<const std::optional<std::string_view>> values, std::size_t from) {
    volatile std::size_t row = values.size();
    const MemoryScope scratch;
    Reader reader{.type = type, .typmod = typmod};
    try {
        call([&] {
            prepare(reader);
            for (std::size_t i = from; i < values.size(); ++i) {
                row = i;
                static_cast<void>(values[i] ? read(reader, *values[i]) : read_null(reader));
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
