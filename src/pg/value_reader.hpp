// Reading a value of a type from its text: the type's input function, and short ways to the same result for types that make up most columns.
//
// Plain data; what it does may raise, so it is called inside pg::call().
#pragma once

#include <string_view>

#include "pg/postgres.hpp"
#include "pg/room.hpp"

namespace upstream::pg {

// Whether an error that came while a value was read says that the value is bad, and not that somebody cancelled or the server is in need.
[[nodiscard]] bool blames_value(int sqlerrcode);

class ValueReader {
  public:
    ValueReader() = default;
    // Whether texts are UTF-8 for certain; others are verified.
    enum class Texts { verified, unverified };
    void prepare(Oid type, std::int32_t typmod, Texts texts);
    [[nodiscard]] bool prepared() const { return OidIsValid(type_); }

    // The value, in the current memory context or in `room`; a text that the type refuses raises what the input function says.
    Datum read(std::string_view text, Room& room);

    // A domain may refuse nulls, which only its input function knows.
    Datum read_null();

    [[nodiscard]] std::int16_t length() const { return length_; }
    [[nodiscard]] bool by_value() const { return by_value_; }
    [[nodiscard]] char align() const { return align_; }

  private:
    Datum read_text(std::string_view text, Room& room);

    Oid type_ = InvalidOid;
    std::int32_t typmod_ = -1;
    Oid argument_ = InvalidOid;
    FmgrInfo function_{};
    std::int16_t length_ = 0;
    bool by_value_ = false;
    char align_ = 0;
    bool as_it_is_ = false;  // texts are in the server's encoding, for certain
    StringInfoData buffer_{};  // reused by all values: input functions want a terminated string
};

}  // namespace upstream::pg
