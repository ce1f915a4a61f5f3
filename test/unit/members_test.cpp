// Members of records by name, for many paths in one walk.
#include "core/members.hpp"

#include <gtest/gtest.h>

#include <string>

namespace upstream::core {
namespace {

// What the paths lead to in each element of a list; "-" for nothing.
std::string found(const std::string& list, const std::vector<std::string>& texts) {
    const auto document = json::Document::parse(list);
    std::vector<Path> paths;
    for (const std::string& text : texts) paths.push_back(*Path::parse(text));
    Members members;
    std::vector<std::size_t> numbers;
    for (const Path& path : paths) numbers.push_back(members.number_of(path.member()));
    std::string all;
    for (const json::Value record : document->root()) {
        members.look_at(record);
        for (std::size_t i = 0; i < paths.size(); ++i) {
            const auto value = members.find(numbers[i], paths[i]);
            all += (all.empty() ? "" : " ") + (value ? std::string{value->text()} : "-");
        }
    }
    return all;
}

TEST(Members, AreFoundInRecordsOfOneShape) { EXPECT_EQ(found(R"([{"a": 1, "x": 0, "b": 2}, {"a": 3, "x": 0, "b": 4}])", {"a", "b"}), "1 2 3 4"); }

TEST(Members, AreFoundInWhateverOrderTheyCome) {
    EXPECT_EQ(found(R"([{"a": 1, "b": 2}, {"b": 3, "a": 4}, {"c": 5, "b": 6}, {}, {"b": 7, "c": 8, "a": 9}])", {"a", "b"}), "1 2 4 3 - 6 - - 9 7");
}

TEST(Members, OfThoseThatComeTwiceTheLastCounts) { EXPECT_EQ(found(R"([{"a": 1, "a": 2}, {"a": 3, "b": 0}, {"b": 0, "a": 4, "a": 5}])", {"a"}), "2 3 5"); }

TEST(Members, ServeSeveralPathsThatBeginAlike) {
    EXPECT_EQ(found(R"([{"user": {"id": 1, "name": "x"}}, {"user": null}, {"user": {"name": "y"}}])", {"user.id", "user.name", "user"}),
              R"(1 x {"id": 1, "name": "x"} - - null - y {"name": "y"})");
}

TEST(Members, WithEscapesInTheirNamesAreTheSame) { EXPECT_EQ(found(R"([{"\u0061": 1}, {"a": 2}])", {"a"}), "1 2"); }

}  // namespace
}  // namespace upstream::core
