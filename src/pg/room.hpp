// Room: memory for many small values that go together, without the header and the rounding that each would have by itself.
//
// It takes blocks from the memory context that was current when it was made, and is gone with it. Plain data; taking room may raise, so it is done
// inside pg::call().
#pragma once

#include <cstddef>
#include <string_view>

#include "pg/postgres.hpp"

namespace upstream::pg {

class Room {
  public:
    // What texts begin with: always four bytes, or one if they are short, as in tables. Arrays are made of the former.
    enum class Headers { plain, packed };

    explicit Room(Headers headers) : memory_(CurrentMemoryContext), headers_(headers) {}

    // A value of type text. `characters` are in the server's encoding.
    Datum text(std::string_view characters);

    // Room for anything that wants Postgres' greatest alignment.
    char* aligned(std::size_t size);

  private:
    char* take(std::size_t size);

    MemoryContext memory_;
    Headers headers_;
    char* next_ = nullptr;
    std::size_t left_ = 0;
};

}  // namespace upstream::pg
