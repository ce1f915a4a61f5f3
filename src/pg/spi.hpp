// Statements with typed parameters and rows with typed columns. Every return code is checked here.
//
//   static-free use: a Statement is a member of the object that uses it; its plan is prepared at the first run, kept, and freed with it.
//
//   pg::Statement<std::int64_t, std::string_view> find{"SELECT a, b FROM t WHERE x = $1 AND y = $2"};
//   pg::Rows rows = find.run(7, "seven");
//   for (const pg::Row row : rows) use(row.get<std::int32_t>(0), row.get<std::optional<std::string>>(1));
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "pg/error.hpp"
#include "pg/postgres.hpp"

namespace upstream::pg {

using Time = std::chrono::sys_time<std::chrono::microseconds>;

// All text is UTF-8 in C++ and converted where the database has another encoding; text that is not valid raises 22021.

// Text that is JSON, for parameters of type jsonb.
struct Json {
    std::string_view text;
};

// Bytes as they are, for bytea.
struct Bytes {
    std::string bytes;
};

struct Param {
    Datum value = 0;
    bool null = false;
};

// An array or other value that was built as a Datum already, for a Plan; its type is given when the plan is prepared.
struct Raw {
    Oid type;
    Datum value;
    bool null = false;
};

// How a C++ type travels as a parameter. Supported: bool, int32_t, int64_t, double, std::string_view, std::string, const char*, Json, Bytes,
// Time, std::vector<std::int32_t> (int4[]), std::vector<std::string> (text[]), and std::optional of each.
template <class T>
struct Traits;  // static Oid type(); static Param to_datum(const T&);  defined in spi_traits.hpp

class Row {
  public:
    Row(SPITupleTable* table, std::uint64_t index) : table_(table), index_(index) {}

    // The column's value; a null raises unless T is std::optional. T: bool, int32_t, int64_t, double, std::string, Bytes, Time, or std::optional of these.
    // std::string takes any type, through its output function.
    template <class T>
    [[nodiscard]] T get(int column) const;

  private:
    SPITupleTable* table_;
    std::uint64_t index_;
};

// The rows of one execution; valid until destroyed or the (sub)transaction ends.
class Rows {
  public:
    Rows(SPITupleTable* table, std::uint64_t count);
    Rows(Rows&& other) noexcept;
    Rows& operator=(Rows&&) = delete;
    ~Rows();
    [[nodiscard]] std::uint64_t size() const { return table_ == nullptr ? 0 : count_; }
    [[nodiscard]] bool empty() const { return size() == 0; }
    [[nodiscard]] std::uint64_t affected() const { return count_; }  // also for statements that return no rows
    [[nodiscard]] Row operator[](std::uint64_t index) const {  // raises 42704: what was known to be there can have been dropped
        if (index >= size()) throw Raise(ERRCODE_UNDEFINED_OBJECT, "what was to be read was dropped meanwhile");
        return Row{table_, index};
    }

    class Iterator {
      public:
        Iterator(SPITupleTable* table, std::uint64_t index) : table_(table), index_(index) {}
        Row operator*() const { return Row{table_, index_}; }
        Iterator& operator++() { ++index_; return *this; }
        bool operator==(const Iterator& other) const { return index_ == other.index_; }

      private:
        SPITupleTable* table_;
        std::uint64_t index_;
    };
    [[nodiscard]] Iterator begin() const { return {table_, 0}; }
    [[nodiscard]] Iterator end() const { return {table_, size()}; }

  private:
    SPITupleTable* table_;
    std::uint64_t count_;
    std::uint64_t made_;  // spi_changes() then
};

namespace detail {

// Raises if an SPI function's return code says that it failed.
void check_spi(int code, const char* function);

// SPI connections come and go, and with them all row sets: a Rows frees its own only if nothing changed since it was made. (SPI
// would warn about one that is gone, and the memory is given back with the connection anyway.)
void spi_changed() noexcept;
[[nodiscard]] std::uint64_t spi_changes() noexcept;

}  // namespace detail

// A prepared statement whose parameter types are known at run time.
class Plan {
  public:
    Plan(std::string sql, std::vector<Oid> types);
    ~Plan();
    Plan(const Plan&) = delete;
    Plan& operator=(const Plan&) = delete;
    Rows run(const Param* params, std::size_t count);

  private:
    std::string sql_;
    std::vector<Oid> types_;
    SPIPlanPtr plan_ = nullptr;
};

template <class... Params>
class Statement {
  public:
    explicit Statement(std::string sql) : plan_(std::move(sql), {Traits<Params>::type()...}) {}

    Rows run(const Params&... params) {
        const std::array<Param, sizeof...(Params)> values{Traits<Params>::to_datum(params)...};
        return plan_.run(values.data(), values.size());
    }

  private:
    Plan plan_;
};

// The rows of a query, piece by piece: however many there are, only a piece is in memory.
class Portal {
  public:
    Portal(const std::string& sql, std::vector<Oid> types, const std::vector<Param>& params);
    ~Portal();
    Portal(const Portal&) = delete;
    Portal& operator=(const Portal&) = delete;
    Rows fetch(long count);  // none: there are no more

  private:
    ::Portal portal_ = nullptr;
};

// Runs a statement without parameters, for DDL and settings.
void execute(const std::string& sql);

}  // namespace upstream::pg

#include "pg/spi_traits.hpp"
