#include "core/excerpt.hpp"

#include "core/utf8.hpp"

namespace upstream::core {

std::string excerpt(std::string_view text, std::size_t bytes) {
    std::string shown;
    while (!text.empty() && shown.size() < bytes) {
        const std::size_t length = length_of_character(text);
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
