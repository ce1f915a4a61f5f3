// Arrays of values read from text through their type's input function, with the place of a bad value kept.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "pg/error.hpp"
#include "pg/postgres.hpp"
#include "pg/spi.hpp"

namespace upstream::pg {

// A value that its column's type refuses. row() is the index in the span.
class BadValue : public Error {
  public:
    BadValue(const Error& error, std::size_t row) : Error(error), row_(row) {}
    [[nodiscard]] std::size_t row() const noexcept { return row_; }

  private:
    std::size_t row_;
};

// The one-dimensional array of `type` over these values (UTF-8); throws BadValue for one that cannot be read. After that, as after any
// Error, only a rolled back (Sub)transaction may go on.
[[nodiscard]] Param array_of(Oid type, std::int32_t typmod, std::span<const std::optional<std::string_view>> values);

// The first of the values from `from` on that the type refuses, if any. A (Sub)transaction must be rolled back after one was found.
[[nodiscard]] std::optional<BadValue> first_bad(Oid type, std::int32_t typmod, std::span<const std::optional<std::string_view>> values, std::size_t from);

// type[]; InvalidOid if the type has no array type.
[[nodiscard]] Oid array_type(Oid type);

}  // namespace upstream::pg
