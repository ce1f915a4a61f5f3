// How each C++ type travels to and from a Datum: Traits for parameters, Row::get for columns. Included by spi.hpp.
#pragma once

#include "pg/error.hpp"
#include "pg/spi.hpp"

namespace upstream::pg {

namespace detail {

// Values made in the current memory context; all of these raise only as exceptions.
Param text_param(std::string_view text);
Param jsonb_param(std::string_view text);
Param bytes_param(std::string_view bytes);
std::string bytes_of(Datum value);
Param int4_array_param(const std::vector<std::int32_t>& values);
Param int8_array_param(const std::vector<std::int64_t>& values);
Param text_array_param(const std::vector<std::string>& values);

// Postgres counts from 2000, C++ from 1970; infinity is the end of either range.
[[nodiscard]] TimestampTz to_timestamp(Time time) noexcept;
[[nodiscard]] Time from_timestamp(TimestampTz time) noexcept;

// The column's Datum, if it is not null. Raises if there is no such column or its type is not the expected one.
[[nodiscard]] std::optional<Datum> column(const SPITupleTable* table, std::uint64_t row, int column, Oid expected);

// The column's text in UTF-8, of whatever type it is.
[[nodiscard]] std::optional<std::string> text_column(const SPITupleTable* table, std::uint64_t row, int column);

[[noreturn]] void unexpected_null(const SPITupleTable* table, int column);

template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};

}  // namespace detail

template <>
struct Traits<bool> {
    static Oid type() { return BOOLOID; }
    static Param to_datum(bool value) { return {.value = BoolGetDatum(value)}; }
    static bool from_datum(Datum value) { return DatumGetBool(value); }
};

template <>
struct Traits<std::int32_t> {
    static Oid type() { return INT4OID; }
    static Param to_datum(std::int32_t value) { return {.value = Int32GetDatum(value)}; }
    static std::int32_t from_datum(Datum value) { return DatumGetInt32(value); }
};

template <>
struct Traits<std::int64_t> {
    static Oid type() { return INT8OID; }
    static Param to_datum(std::int64_t value) { return {.value = Int64GetDatum(value)}; }
    static std::int64_t from_datum(Datum value) { return DatumGetInt64(value); }
};

template <>
struct Traits<double> {
    static Oid type() { return FLOAT8OID; }
    static Param to_datum(double value) { return {.value = Float8GetDatum(value)}; }
    static double from_datum(Datum value) { return DatumGetFloat8(value); }
};

template <>
struct Traits<Time> {
    static Oid type() { return TIMESTAMPTZOID; }
    static Param to_datum(Time value) { return {.value = TimestampTzGetDatum(detail::to_timestamp(value))}; }
    static Time from_datum(Datum value) { return detail::from_timestamp(DatumGetTimestampTz(value)); }
};

template <>
struct Traits<std::string_view> {
    static Oid type() { return TEXTOID; }
    static Param to_datum(std::string_view value) { return detail::text_param(value); }
};

template <>
struct Traits<std::string> : Traits<std::string_view> {};

// A null pointer is a null.
template <>
struct Traits<const char*> {
    static Oid type() { return TEXTOID; }
    static Param to_datum(const char* value) { return value == nullptr ? Param{.null = true} : detail::text_param(value); }
};

template <>
struct Traits<Json> {
    static Oid type() { return JSONBOID; }
    static Param to_datum(const Json& value) { return detail::jsonb_param(value.text); }
};

template <>
struct Traits<Bytes> {
    static Oid type() { return BYTEAOID; }
    static Param to_datum(const Bytes& value) { return detail::bytes_param(value.bytes); }
    static Bytes from_datum(Datum value) { return {.bytes = detail::bytes_of(value)}; }
};

template <>
struct Traits<std::vector<std::int32_t>> {
    static Oid type() { return INT4ARRAYOID; }
    static Param to_datum(const std::vector<std::int32_t>& values) { return detail::int4_array_param(values); }
};

template <>
struct Traits<std::vector<std::int64_t>> {
    static Oid type() { return INT8ARRAYOID; }
    static Param to_datum(const std::vector<std::int64_t>& values) { return detail::int8_array_param(values); }
};

template <>
struct Traits<std::vector<std::string>> {
    static Oid type() { return TEXTARRAYOID; }
    static Param to_datum(const std::vector<std::string>& values) { return detail::text_array_param(values); }
};

template <class T>
struct Traits<std::optional<T>> {
    static Oid type() { return Traits<T>::type(); }
    static Param to_datum(const std::optional<T>& value) { return value ? Traits<T>::to_datum(*value) : Param{.null = true}; }
};

template <class T>
T Row::get(int column) const {
    if constexpr (detail::is_optional<T>::value) {
        using Value = typename T::value_type;
        if constexpr (std::is_same_v<Value, std::string>) {
            return detail::text_column(table_, index_, column);
        } else {
            const std::optional<Datum> value = detail::column(table_, index_, column, Traits<Value>::type());
            return value ? T{Traits<Value>::from_datum(*value)} : T{};
        }
    } else {
        std::optional<T> value = get<std::optional<T>>(column);
        if (!value) detail::unexpected_null(table_, column);
        return *std::move(value);
    }
}

}  // namespace upstream::pg
