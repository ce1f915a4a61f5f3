// Writing JSON one member at a time, and rows as COPY text. Thin: RapidJSON's writer with names that do not convert.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "text.hpp"

namespace simulator {

class Json {
  public:
    Json() : writer_(buffer_) {}

    Json& open() { writer_.StartObject(); return *this; }
    Json& close() { writer_.EndObject(); return *this; }
    Json& open_list() { writer_.StartArray(); return *this; }
    Json& close_list() { writer_.EndArray(); return *this; }
    Json& key(std::string_view name) { writer_.Key(name.data(), static_cast<unsigned>(name.size())); return *this; }
    Json& open(std::string_view name) { return key(name).open(); }
    Json& open_list(std::string_view name) { return key(name).open_list(); }

    Json& item(std::string_view text) { writer_.String(text.data(), static_cast<unsigned>(text.size())); return *this; }
    Json& item(std::int64_t number) { writer_.Int64(number); return *this; }
    Json& null_item() { writer_.Null(); return *this; }
    Json& raw_item(std::string_view json) { writer_.RawValue(json.data(), json.size(), rapidjson::kObjectType); return *this; }

    Json& text(std::string_view name, std::string_view value) { return key(name).item(value); }
    Json& number(std::string_view name, std::int64_t value) { return key(name).item(value); }
    Json& flag(std::string_view name, bool value) { key(name); writer_.Bool(value); return *this; }
    Json& null(std::string_view name) { return key(name).null_item(); }
    Json& raw(std::string_view name, std::string_view json) { return key(name).raw_item(json); }  // decimals, above all

    // Text, or null for "".
    Json& text_or_null(std::string_view name, std::string_view value) { return value.empty() ? null(name) : text(name, value); }

    [[nodiscard]] std::string take() const { return {buffer_.GetString(), buffer_.GetSize()}; }

  private:
    rapidjson::StringBuffer buffer_;
    rapidjson::Writer<rapidjson::StringBuffer> writer_;
};

// Rows of a table in PostgreSQL's COPY text format.
class Copy {
  public:
    Copy& text(std::string_view value) { separate(); append_copy_field(out_, value); return *this; }
    Copy& number(std::int64_t value) { separate(); out_ += std::to_string(value); return *this; }
    Copy& flag(bool value) { separate(); out_ += value ? 't' : 'f'; return *this; }
    Copy& null() { separate(); out_ += "\\N"; return *this; }
    Copy& text_or_null(std::string_view value) { return value.empty() ? null() : text(value); }
    Copy& end_row() { out_ += '\n'; first_ = true; return *this; }

    [[nodiscard]] std::string take() { return std::move(out_); }

  private:
    void separate() {
        if (!first_) out_ += '\t';
        first_ = false;
    }

    std::string out_;
    bool first_ = true;
};

}  // namespace simulator
