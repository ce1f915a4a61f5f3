// Partitions: which reads a run consists of, and what their placeholders stand for.
#include <gtest/gtest.h>

#include "core/build_request.hpp"
#include "core/partition.hpp"
#include "unit/support.hpp"

namespace upstream::core::test {
namespace {

Placeholder placeholder(const char* root, const char* word) { return {.root = root, .word = word, .format = ""}; }

Stream with_lists(std::vector<Partition> lists) {
    Stream stream = source_of("").streams.front();
    stream.partitions = std::move(lists);
    return stream;
}

TEST(Partition, ListsMultiplyInTheOrderOfTheSpec) {
    const Stream stream = with_lists({{.name = "region", .values = {"eu", "us"}}, {.name = "board", .values = {"1", "2"}}});
    const auto all = combinations(stream, {});
    ASSERT_TRUE(all);
    std::string told;
    for (const Words& words : *all) told += words.at("region") + words.at("board") + " ";
    EXPECT_EQ(told, "eu1 eu2 us1 us2 ");
}

TEST(Partition, ListMayComeFromTheAccount) {
    const Stream stream = with_lists({{.name = "board", .from = *Text::parse("{account.boards}")}});
    const auto all = combinations(stream, {.settings = {{"boards", R"(["a", 7])"}}});
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), 2U);
    EXPECT_EQ((*all)[1].at("board"), "7");
    EXPECT_EQ(code_of(combinations(stream, {})), "invalid_spec");
    EXPECT_EQ(code_of(combinations(stream, {.settings = {{"boards", "[[1]]"}}})), "invalid_spec");
}

TEST(Partition, StreamWithoutListsHasOneEmptyCombination) { EXPECT_EQ(combinations(with_lists({}), {})->size(), 1U); }

TEST(Partition, ParentPlaceholderIsOfOneRowAndParentsOfAll) {
    const PartitionValues one{.parents = {{{"id", "7"}}}};
    EXPECT_EQ(one.find(placeholder("parent", "id")), "7");
    EXPECT_EQ(one.find(placeholder("parent", "other")), std::nullopt);
    const PartitionValues several{.parents = {{{"id", "7"}}, {{"id", "a\"b"}}}};
    EXPECT_EQ(several.find(placeholder("parents", "id")), R"(["7","a\"b"])");
    EXPECT_EQ(several.find(placeholder("parent", "id")), std::nullopt);
}

TEST(Partition, RequestTakesItsValues) {
    const Source source = source_of("");
    Stream stream = source.streams.front();
    stream.path = *Text::parse("/chats/{parent.id}/messages");
    stream.params = {{"region", {*Text::parse("{partition.region}")}}};
    const auto request = build_request(source, stream, {}, {}, {}, {}, {.lists = {{"region", "eu"}}, .parents = {{{"id", "a/b"}}}});
    ASSERT_TRUE(request);
    EXPECT_EQ(request->url, "https://api.shop.test/v1/chats/a%2Fb/messages?region=eu");
}

TEST(Partition, IdDoesNotDependOnTheOrderOfMembers) {
    EXPECT_EQ(partition_id({{"b", "2"}, {"a", "1"}}, {{"c", "3"}}), R"({"parent.a":"1","parent.b":"2","partition.c":"3"})");
}

}  // namespace
}  // namespace upstream::core::test
