#include "core/excerpt.hpp"

namespace upstream::core {
namespace {

// Length of the valid UTF-8 sequence at the beginning of `text`; 0 if there is none.
std::size_t sequence(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        const unsigned least = first == 0xE0 ? 0xA0 : 0x80;
        const unsigned most = first == 0xED ? 0x9F : 0xBF;  // no surrogates
        return byte(1) >= least && byte(1) <= most && follows(2) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const unsigned least = first == 0xF0 ? 0x90 : 0x80;
        const unsigned most = first == 0xF4 ? 0x8F : 0xBF;
        return byte(1) >= least && byte(1) <= most && follows(2) && follows(3) ? 4 : 0;
    }
    return 0;
}

}  // namespace

std::string excerpt(std::string_view text, std::size_t bytes) {
    std::string shown;
    while (!text.empty() && shown.size() < bytes) {
        const std::size_t length = sequence(text);
        if (shown.size() + length > bytes) break;
        const auto first = static_cast<unsigned char>(text.front());
        if (length == 0) {
            shown += '?';
        } else if (length == 1 && (first < 0x20 || first == 0x7F)) {
            shown += ' ';
        } else {
            shown += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return shown;
}

}  // namespace upstream::core
