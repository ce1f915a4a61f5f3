// Arguments and results of SQL functions written in C++.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pg/postgres.hpp"
#include "pg/spi.hpp"

namespace upstream::pg {

// The arguments of a call, copied into C++ values.
class Args {
  public:
    explicit Args(FunctionCallInfo fcinfo) : fcinfo_(fcinfo) {}

    [[nodiscard]] std::optional<std::string> text(int index) const;
    [[nodiscard]] std::string required_text(int index, const char* name) const;  // 22004 if null
    [[nodiscard]] std::optional<std::string> json(int index) const;              // jsonb as text
    [[nodiscard]] std::optional<std::string> bytes(int index) const;             // bytea
    [[nodiscard]] std::optional<bool> boolean(int index) const;
    [[nodiscard]] std::optional<Time> time(int index) const;
    [[nodiscard]] std::optional<std::chrono::microseconds> interval(int index) const;  // a month counts as 30 days
    [[nodiscard]] std::optional<std::vector<std::string>> texts(int index) const;  // text[]; null elements raise 22004

  private:
    FunctionCallInfo fcinfo_;
};

// Rows of a set-returning function, each value through its type's input function.
class RowSink {
  public:
    explicit RowSink(FunctionCallInfo fcinfo);
    void add(std::span<const std::optional<std::string>> values);

  private:
    ReturnSetInfo* result_;
    AttInMetadata* input_;
};

// A result of type text.
[[nodiscard]] Datum text_value(const std::string& text);

// The result row of a procedure with one INOUT parameter of type jsonb.
[[nodiscard]] Datum jsonb_row(FunctionCallInfo fcinfo, const std::string& json);

// Replaces what pg_stat_activity shows of the present statement, because it holds a secret.
void hide_statement(const char* shown);

}  // namespace upstream::pg
