#include "pg/room.hpp"

#include <algorithm>
#include <cstring>

namespace upstream::pg {

namespace {

constexpr std::size_t kBlock = std::size_t{64} << 10;  // fits into what pages of any size have left between them
constexpr std::size_t kLongestShort = VARATT_SHORT_MAX - VARHDRSZ_SHORT;

}  // namespace

char* Room::take(std::size_t size) {
    if (size > left_) {
        const std::size_t block = std::max(size, kBlock);
        next_ = static_cast<char*>(MemoryContextAllocHuge(memory_, block));
        left_ = block;
    }
    char* const taken = next_;
    next_ += size;
    left_ -= size;
    return taken;
}

char* Room::aligned(std::size_t size) {
    const std::size_t padding = MAXALIGN(reinterpret_cast<std::uintptr_t>(next_)) - reinterpret_cast<std::uintptr_t>(next_);
    if (padding + size > left_) return take(size);  // from a new block
    return take(padding + size) + padding;
}

Datum Room::text(std::string_view characters) {
    char* value;
    if (headers_ == Headers::packed && characters.size() <= kLongestShort) {
        value = take(VARHDRSZ_SHORT + characters.size());
        SET_VARSIZE_SHORT(value, VARHDRSZ_SHORT + characters.size());
    } else {
        value = reinterpret_cast<char*>(INTALIGN(reinterpret_cast<std::uintptr_t>(take(VARHDRSZ + characters.size() + ALIGNOF_INT))));
        SET_VARSIZE(value, VARHDRSZ + characters.size());
    }
    if (!characters.empty()) std::memcpy(VARDATA_ANY(value), characters.data(), characters.size());
    return PointerGetDatum(value);
}

}  // namespace upstream::pg
