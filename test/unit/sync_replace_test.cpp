// What a run says of pages whose rows replace what was there: when a slice begins, when it is whole, when it cannot be.
#include "core/sync.hpp"

#include <gtest/gtest.h>

#include <string>

#include "unit/driven_sync.hpp"

namespace upstream::core::test {
namespace {

const std::string kWindow = R"(, "write": "replace_window")";
const std::string kSlices = R"("filter": "server", "order": "asc", "initial": "1970-01-01T00:00:00Z", "end": "1970-01-01T00:03:20Z", "step": "100 seconds")";

std::string sliced() {
    const std::string from = R"("from": "{cursor.start}")";
    std::string stream = stream_of(kSlices);
    return stream.replace(stream.find(from), from.size(), from + R"(, "to": "{cursor.end}")");
}

// "begins", "completes", "abandons", or "waits" and the bounds in seconds.
std::string fate(const Apply& page) {
    const auto bound = [](const std::optional<Position>& position) { return position ? std::to_string(*position / 1'000'000) : std::string{}; };
    std::string text = page.slice_begins ? "begins, " : "";
    text += page.completes ? "completes" : page.abandons ? "abandons" : "waits";
    return text + " [" + bound(page.bounds.start) + ", " + bound(page.bounds.end) + ")";
}

std::string fate(DrivenSync& run, const std::string& body) {
    run.answer(body);
    const std::string text = fate(run.apply());
    run.commit();
    return text;
}

TEST(ReplaceWindow, EachSliceIsWholeAtItsEnd) {
    DrivenSync run{sliced() + kWindow};
    run.start();
    EXPECT_EQ(fate(run, page({{1, 10}}, "b")), "begins, waits [0, 100)");
    EXPECT_EQ(fate(run, page({{2, 20}})), "completes [0, 100)");
    EXPECT_EQ(fate(run, page({{3, 110}})), "begins, completes [100, 200)");
}

TEST(ReplaceWindow, TheCursorWaitsForTheSlice) {
    DrivenSync run{sliced() + kWindow};
    run.start();
    run.read(page({{1, 10}, {2, 20}}, "b"));
    EXPECT_EQ(run.cursor(), "none") << "oldest first, but the rows are not in the target yet";
    run.read(page({{3, 30}}));
    EXPECT_EQ(run.cursor(), "30");
}

TEST(ReplaceWindow, AFullReadHasNoBounds) {
    State state{.cursor = at_second(500), .full_refresh = true};
    DrivenSync run{stream_of(kOldestFirst) + kWindow, kNoAuth, state};
    run.start();
    EXPECT_EQ(fate(run, page({{1, 10}})), "begins, completes [, )");
}

TEST(ReplaceWindow, AFullReadDoesNotReachBeyondTheUpstreamsMemory) {
    State state{.cursor = at_second(500), .full_refresh = true};
    DrivenSync run{stream_of(kOldestFirst + R"(, "retention": "300 seconds")") + kWindow, kNoAuth, state};
    run.start();
    EXPECT_EQ(fate(run, page({{1, 900}})), "begins, completes [700, )");
}

TEST(ReplaceWindow, AListThatHasNotChangedReplacesNothing) {
    DrivenSync run{stream_of(kOldestFirst) + R"(, "responses": [{"when": {"status": 304}, "do": "empty"}])" + kWindow};
    run.start();
    run.answer(answer("", 304));
    EXPECT_EQ(fate(run.apply()), "begins, abandons [, 1000)");
}

TEST(ReplaceWindow, ASliceWhosePageIsRefusedForWhatWaitedBeginsAnew) {
    DrivenSync run{sliced() + kWindow};
    run.start();
    run.read(page({{1, 10}}, "b"));
    run.answer(page({{2, 20}}));
    EXPECT_EQ(run.refuse(Code::target_error, Refused::From::slice), "fail target_error");
    DrivenSync again{sliced() + kWindow, kNoAuth, run.committed};
    EXPECT_EQ(again.start(), "fetch /items?from=0&to=100");
    EXPECT_EQ(fate(again, page({{1, 10}}, "b")), "begins, waits [0, 100)");
}

TEST(Replace, TheWholeReadIsReplacedAtItsEnd) {
    DrivenSync run{sliced() + R"(, "sync_mode": "full_refresh", "write": "replace")"};
    run.start();
    EXPECT_EQ(fate(run, page({{1, 10}})), "begins, waits [, )");
    EXPECT_EQ(fate(run, page({{3, 110}}, "b")), "begins, waits [, )");
    EXPECT_EQ(fate(run, page({{4, 120}})), "completes [, )");
}

TEST(Replace, ARunWhosePageIsRefusedForWhatWaitedBeginsAnew) {
    DrivenSync run{stream_of() + R"(, "write": "replace")"};
    run.start();
    run.read(page({{1, 10}}, "b"));
    run.answer(page({{2, 20}}));
    EXPECT_EQ(run.refuse(Code::target_error, Refused::From::run), "fail target_error");
    EXPECT_FALSE(run.committed.reading());
}

TEST(Replace, APageTokenThatIsGoneBeginsAnew) {
    DrivenSync run{stream_of() + R"(, "write": "replace")"};
    run.start();
    run.read(page({{1, 10}}, "b"));
    EXPECT_EQ(run.answer(answer("{}", 410)), "fetch /items");
    EXPECT_EQ(fate(run, page({{1, 10}}, "b")), "begins, waits [, )");
}

}  // namespace
}  // namespace upstream::core::test
