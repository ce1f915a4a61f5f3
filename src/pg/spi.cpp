// Plans, rows and values over SPI; see spi.hpp and spi_traits.hpp.
#include "pg/spi.hpp"

#include <cstring>
#include <exception>
#include <utility>

#include "pg/compat.hpp"
#include "pg/error.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
}

namespace upstream::pg {

namespace {

constexpr std::int64_t kEpochShift = std::int64_t{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * USECS_PER_DAY;

std::uint64_t changes = 0;  // see detail::spi_changed

// These raise, so they are called inside call().
struct ServerText {
    char* data;
    std::size_t size;
};

// Checks UTF-8 and converts it. A null character is not valid either.
ServerText to_server(std::string_view text) {
    const int size = static_cast<int>(text.size());
    if (text.size() >= MaxAllocSize) ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("text is too long"));
    if (size == 0) return {pstrdup(""), 0};
    char* const converted = pg_any_to_server(text.data(), size, PG_UTF8);
    return {converted, converted == text.data() ? text.size() : std::strlen(converted)};
}

Datum text_datum(std::string_view text) {
    const ServerText server = to_server(text);
    return PointerGetDatum(cstring_to_text_with_len(server.data, static_cast<int>(server.size)));
}

Datum int4_datum(std::int32_t value) { return Int32GetDatum(value); }

Datum int8_datum(std::int64_t value) { return Int64GetDatum(value); }

template <class T, class ToDatum>
Param array_param(const std::vector<T>& values, Oid element, int length, bool by_value, ToDatum&& to_datum) {
    return call([&] {
        if (values.size() > MaxAllocSize / sizeof(Datum)) ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("array is too long"));
        auto* const datums = static_cast<Datum*>(palloc(sizeof(Datum) * (values.size() + 1)));
        for (std::size_t i = 0; i < values.size(); ++i) datums[i] = to_datum(values[i]);
        ArrayType* const made = construct_array(datums, static_cast<int>(values.size()), element, length, by_value, length == sizeof(std::int64_t) ? TYPALIGN_DOUBLE : TYPALIGN_INT);
        return Param{.value = PointerGetDatum(made)};
    });
}

std::string name_of(const SPITupleTable* table, int column) {
    return std::string{"column "} + std::to_string(column) + " (\"" + NameStr(TupleDescAttr(table->tupdesc, column)->attname) + "\")";
}

// SPI leaves its own memory context behind as the current one, in which whatever the caller makes next would die with the connection.
template <class Fn>
auto keeping_context(Fn&& fn) {
    const MemoryContext before = CurrentMemoryContext;
    const auto result = call(fn);
    MemoryContextSwitchTo(before);
    return result;
}

// Runs a function of SPI that executes something.
template <class Fn>
Rows run(Fn&& fn, const char* function) {
    detail::check_spi(keeping_context(fn), function);
    return Rows{SPI_tuptable, SPI_processed};
}

}  // namespace

namespace detail {

void check_spi(int code, const char* function) {
    if (code >= 0) return;
    throw Raise{ERRCODE_INTERNAL_ERROR, std::string{function} + " failed: " + SPI_result_code_string(code)};
}

void spi_changed() noexcept { ++changes; }

std::uint64_t spi_changes() noexcept { return changes; }

Param text_param(std::string_view text) {
    return {.value = call([&] { return text_datum(text); })};
}

Param jsonb_param(std::string_view text) {
    return {.value = call([&] {
                const ServerText server = to_server(text);
                return DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(server.data, server.size)));
            })};
}

Param bytes_param(std::string_view bytes) {
    return {.value = call([&] {
                if (bytes.size() >= MaxAllocSize - VARHDRSZ) ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("value is too long"));
                return PointerGetDatum(cstring_to_text_with_len(bytes.data(), static_cast<int>(bytes.size())));  // bytea and text are the same inside
            })};
}

std::string bytes_of(Datum value) {
    struct varlena* const stored = reinterpret_cast<struct varlena*>(DatumGetPointer(value));
    struct varlena* const plain = call([&] { return pg_detoast_datum_packed(stored); });
    std::string bytes(VARDATA_ANY(plain), VARSIZE_ANY_EXHDR(plain));
    if (plain != stored) call([&] { pfree(plain); });
    return bytes;
}

Param int4_array_param(const std::vector<std::int32_t>& values) { return array_param(values, INT4OID, sizeof(std::int32_t), true, int4_datum); }

Param int8_array_param(const std::vector<std::int64_t>& values) { return array_param(values, INT8OID, sizeof(std::int64_t), FLOAT8PASSBYVAL, int8_datum); }

Param text_array_param(const std::vector<std::string>& values) { return array_param(values, TEXTOID, -1, false, text_datum); }

TimestampTz to_timestamp(Time time) noexcept {
    if (time == Time::max()) return DT_NOEND;
    if (time == Time::min()) return DT_NOBEGIN;
    return time.time_since_epoch().count() - kEpochShift;
}

Time from_timestamp(TimestampTz time) noexcept {
    if (TIMESTAMP_IS_NOEND(time)) return Time::max();
    if (TIMESTAMP_IS_NOBEGIN(time)) return Time::min();
    return Time{std::chrono::microseconds{time + kEpochShift}};
}

std::optional<Datum> column(const SPITupleTable* table, std::uint64_t row, int column, Oid expected) {
    if (column < 0 || column >= table->tupdesc->natts)
        throw Raise{ERRCODE_INTERNAL_ERROR, "the result has no column " + std::to_string(column)};
    const Oid type = TupleDescAttr(table->tupdesc, column)->atttypid;
    if (type != expected && OidIsValid(expected)) {
        std::string names[2];
        for (const int i : {0, 1})
            names[i] = call([&] { return format_type_be(i == 0 ? type : expected); });
        throw Raise{ERRCODE_INTERNAL_ERROR, name_of(table, column) + " has type " + names[0] + ", but " + names[1] + " was asked for"};
    }
    bool null = false;
    const Datum value = SPI_getbinval(table->vals[row], table->tupdesc, column + 1, &null);
    return null ? std::nullopt : std::optional{value};
}

std::optional<std::string> text_column(const SPITupleTable* table, std::uint64_t row, int column) {
    const std::optional<Datum> value = detail::column(table, row, column, InvalidOid);
    if (!value) return std::nullopt;
    const char* data = nullptr;
    std::size_t size = 0;
    void* made[2] = {nullptr, nullptr};  // what this leaves behind
    call([&] {
        const Oid type = TupleDescAttr(table->tupdesc, column)->atttypid;
        if (type == TEXTOID || type == VARCHAROID) {  // as they lie there, without a copy by their output function
            struct varlena* const text = pg_detoast_datum_packed(reinterpret_cast<struct varlena*>(DatumGetPointer(*value)));
            if (PointerGetDatum(text) != *value) made[0] = text;
            data = VARDATA_ANY(text);
            size = VARSIZE_ANY_EXHDR(text);
        } else {
            char* const text = SPI_getvalue(table->vals[row], table->tupdesc, column + 1);
            made[0] = text;
            data = text;
            size = std::strlen(text);
        }
        char* const utf8 = pg_server_to_any(data, static_cast<int>(size), PG_UTF8);
        if (utf8 != data) {
            made[1] = utf8;
            data = utf8;
            size = std::strlen(utf8);
        }
    });
    std::string copy{data, size};
    for (void* const garbage : made)
        if (garbage != nullptr) pfree(garbage);
    return copy;
}

void unexpected_null(const SPITupleTable* table, int column) {
    throw Raise{ERRCODE_INTERNAL_ERROR, name_of(table, column) + " is null, which was not expected"};
}

}  // namespace detail

Rows::Rows(SPITupleTable* table, std::uint64_t count) : table_(table), count_(count), made_(changes) {}

Rows::Rows(Rows&& other) noexcept : table_(std::exchange(other.table_, nullptr)), count_(other.count_), made_(other.made_) {}

// While an error passes, what is the present connection to SPI may be somebody else's, a trigger's that failed: the end of the (sub)transaction frees them.
Rows::~Rows() {
    if (table_ != nullptr && made_ == changes && std::uncaught_exceptions() == 0) quietly([this] { SPI_freetuptable(table_); });
}

Plan::Plan(std::string sql, std::vector<Oid> types) : sql_(std::move(sql)), types_(std::move(types)) {}

Plan::~Plan() {
    if (plan_ != nullptr) quietly([this] { SPI_freeplan(plan_); });
}

Rows Plan::run(const Param* params, std::size_t count) {
    if (count != types_.size())
        throw Raise{ERRCODE_INTERNAL_ERROR, "statement with " + std::to_string(types_.size()) + " parameters was given " + std::to_string(count)};
    if (plan_ == nullptr) {
        const SPIPlanPtr prepared = keeping_context([&] {
            const SPIPlanPtr made = SPI_prepare(to_server(sql_).data, static_cast<int>(types_.size()), types_.data());
            if (made != nullptr && SPI_keepplan(made) != 0) elog(ERROR, "SPI_keepplan failed");
            return made;
        });
        if (prepared == nullptr) detail::check_spi(SPI_result, "SPI_prepare");
        plan_ = prepared;
    }
    std::vector<Datum> values(count);
    std::string nulls(count, ' ');
    for (std::size_t i = 0; i < count; ++i) {
        values[i] = params[i].value;
        if (params[i].null) nulls[i] = 'n';
    }
    return pg::run([&] { return SPI_execute_plan(plan_, values.data(), nulls.c_str(), false, 0); }, "SPI_execute_plan");
}

Portal::Portal(const std::string& sql, std::vector<Oid> types, const std::vector<Param>& params) {
    std::vector<Datum> values(params.size());
    std::string nulls(params.size(), ' ');
    for (std::size_t i = 0; i < params.size(); ++i) {
        values[i] = params[i].value;
        if (params[i].null) nulls[i] = 'n';
    }
    portal_ = keeping_context([&] {
        return SPI_cursor_open_with_args(nullptr, to_server(sql).data, static_cast<int>(types.size()), types.data(), values.data(), nulls.c_str(), false, 0);
    });
    if (portal_ == nullptr) detail::check_spi(SPI_result, "SPI_cursor_open_with_args");
}

Portal::~Portal() {
    if (portal_ != nullptr) quietly([this] { SPI_cursor_close(portal_); });
}

Rows Portal::fetch(long count) {
    return run([&] {
        SPI_cursor_fetch(portal_, true, count);
        return SPI_OK_FETCH;
    }, "SPI_cursor_fetch");
}

void execute(const std::string& sql) {
    run([&] { return SPI_execute(to_server(sql).data, false, 0); }, "SPI_execute");
}

}  // namespace upstream::pg
