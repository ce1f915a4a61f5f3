// What the fuzz targets share. Each is one file with one function: bytes in, and a trap if what comes out breaks a promise of its header.
//
// libFuzzer mutates the bytes (script/fuzz), AddressSanitizer and UndefinedBehaviorSanitizer watch; a target adds what only the project knows, with promise().
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace upstream::fuzz {

inline void promise(bool kept, const char* what) {
    if (kept) return;
    std::fprintf(stderr, "broken promise: %s\n", what);
    std::abort();
}

// The input as pieces: choices from its first bytes, then texts that end with a line feed, then the rest.
class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const auto first = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return first;
    }
    std::string_view line() {
        const std::string_view text = rest_.substr(0, rest_.find('\n'));
        rest_.remove_prefix(text.size() == rest_.size() ? text.size() : text.size() + 1);
        return text;
    }
    std::string_view rest() const { return rest_; }

  private:
    std::string_view rest_;
};

// Whether a text is UTF-8 as Postgres takes it: no surrogates, nothing overlong. NUL may stand in it.
inline bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto at = [&](std::size_t n) { return i + n < text.size() ? static_cast<unsigned char>(text[i + n]) : 0U; };
        const unsigned first = at(0);
        const std::size_t size = first < 0x80 ? 1 : first >= 0xC2 && first < 0xE0 ? 2 : first >= 0xE0 && first < 0xF0 ? 3 : first >= 0xF0 && first < 0xF5 ? 4 : 0;
        if (size == 0) return false;
        for (std::size_t n = 1; n < size; ++n)
            if ((at(n) & 0xC0U) != 0x80U) return false;
        if (first == 0xE0 && at(1) < 0xA0) return false;
        if (first == 0xED && at(1) > 0x9F) return false;
        if (first == 0xF0 && at(1) < 0x90) return false;
        if (first == 0xF4 && at(1) > 0x8F) return false;
        i += size;
    }
    return true;
}

}  // namespace upstream::fuzz
