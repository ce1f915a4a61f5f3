// What errors show of texts from an upstream.
#include "core/excerpt.hpp"

#include <gtest/gtest.h>

namespace upstream::core {
namespace {

TEST(Excerpt, KeepsAShortText) { EXPECT_EQ(excerpt("not found: Zürich 🎉"), "not found: Zürich 🎉"); }

TEST(Excerpt, IsOneLine) { EXPECT_EQ(excerpt(std::string_view{"a\nb\tc\0d\x1b[1m", 11}), "a b c d [1m"); }

TEST(Excerpt, NeverCutsACharacter) {
    EXPECT_EQ(excerpt("aé", 2), "a");
    EXPECT_EQ(excerpt("aé", 3), "aé");
    EXPECT_EQ(excerpt("🎉🎉", 7), "🎉");
}

TEST(Excerpt, MarksBytesThatAreNoUtf8) {
    EXPECT_EQ(excerpt("a\xff\xc3"), "a??");
    EXPECT_EQ(excerpt("\xc0\xaf"), "??");          // overlong
    EXPECT_EQ(excerpt("\xed\xa0\x80"), "???");     // surrogate
    EXPECT_EQ(excerpt("\xf4\x90\x80\x80"), "????");  // beyond U+10FFFF
}

}  // namespace
}  // namespace upstream::core
