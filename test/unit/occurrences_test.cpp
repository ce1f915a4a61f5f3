// Rows without identity of which some are truly equal: each keeps its number, however the list is cut into pages, slices and runs.
#include "core/occurrences.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/decode.hpp"
#include "core/sync.hpp"
#include "core/url.hpp"
#include "unit/random_upstream.hpp"
#include "unit/spec_support.hpp"
#include "unit/support.hpp"

namespace upstream::core::test {
namespace {

const std::string kCursor = R"("params": {"from": "{cursor.start}", "to": "{cursor.end}"}, "cursor": {"field": "at", "type": "timestamp", "format": "epoch", "order": "unknown", "lookback": "3 seconds")";
const std::string kKey = R"("primary_key": {"hash": ["at", "what"], "occurrence": true})";

std::vector<Field> key_field() { return {Field{.column = "_upstream_key", .hash = {*Path::parse("at"), *Path::parse("what")}, .numbered = true, .key = true}}; }

// A page of records whose text is {"what": ...}, decoded and numbered.
std::vector<std::string> numbered(Occurrences& occurrences, const std::string& whats, std::int64_t before, Marks* kept = nullptr) {
    const Source source = source_of(R"("records": "$", )" + kKey);
    std::string body = "[";
    for (const char what : whats) body += (body.size() > 1 ? "," : "") + (what == '!' ? std::string{"17"} : std::string{R"({"what": ")"} + what + "\"}");
    const Layout layout{key_field()};
    auto page = decode(source.streams[0], layout, body + "]", {}, [](const Placeholder&) { return std::nullopt; });
    Marks marks = occurrences.number(page->batch, layout.fields, before);
    if (kept != nullptr) *kept = marks;
    std::vector<std::string> keys;
    for (std::string key : values_of(page->batch, 0)) {
        const std::size_t number = key.find(kOccurrence);
        keys.push_back(key.substr(7, 1) + (number == std::string::npos ? "" : key.substr(number + 1)));
    }
    return keys;
}

using Keys = std::vector<std::string>;

TEST(Occurrences, EqualRowsOfASliceAreNumbered) {
    Occurrences occurrences;
    EXPECT_EQ(numbered(occurrences, "aba", 0), (Keys{"a", "b", "a#2"}));
    EXPECT_EQ(numbered(occurrences, "ab", 3), (Keys{"a#3", "b#2"}));
}

TEST(Occurrences, AnotherSliceIsCountedFromItsBeginning) {
    Occurrences occurrences;
    EXPECT_EQ(numbered(occurrences, "aa", 0), (Keys{"a", "a#2"}));
    EXPECT_EQ(numbered(occurrences, "aa", 0), (Keys{"a", "a#2"}));
}

TEST(Occurrences, ARecordThatComesAgainInAnOverlapIsCountedOnce) {
    Occurrences occurrences;
    EXPECT_EQ(numbered(occurrences, "aaa", 0), (Keys{"a", "a#2", "a#3"}));
    EXPECT_EQ(numbered(occurrences, "aa", 2), (Keys{"a#3", "a#4"}));
}

TEST(Occurrences, CountingGoesOnAfterACrash) {
    Occurrences first;
    Marks one, two;
    numbered(first, "ab!a", 0, &one);
    numbered(first, "ab", 3, &two);
    EXPECT_EQ(one.of_records.at(2), 0U) << "a record that makes no row";
    Occurrences second;
    second.recall(one);
    second.recall(two);
    EXPECT_TRUE(second.covers(5));
    EXPECT_FALSE(second.covers(6));
    EXPECT_EQ(numbered(second, "ab", 5), (Keys{"a#3", "b#3"}));
}

TEST(SourceOccurrence, EqualRowsLieInOneWindow) {
    const std::string items = "$.streams.items.primary_key: ";
    const std::string key = R"("primary_key": {"hash": ["what"], "occurrence": true})";
    EXPECT_EQ(problems_of(kKey + ", " + kCursor + "}"), Keys{});
    EXPECT_EQ(problems_of(key + ", " + kCursor + "}"), one(items + R"("occurrence" needs the cursor's field in "hash")"));
    EXPECT_EQ(problems_of(key + R"(, "sync_mode": "full_refresh", )" + kCursor + "}"), one(R"(~$.streams.items.cursor: the cursor is not used, because "sync_mode" is "full_refresh")"));
    EXPECT_EQ(problems_of(key + R"(, "transform": "app.f")"), one(items + R"("occurrence" numbers records, and "transform" makes others of them)"));
    EXPECT_EQ(problems_of(key + R"(, "params": {"ids": "{parents.id|csv}"}, "parent": {"table": "t", "key": {"id": "id"}, "batch_size": 10})"),
              one(items + R"("occurrence" cannot tell whose rows are equal where several parents are read at once)"));
    const std::string paged = R"(, "params": {"p": "{page.token}", "size": "{page.size}"}, "pagination": {"type": "page", "size": 5)";
    EXPECT_EQ(problems_of(key + paged + "}"), one("~" + items + "with numbered pages a row that changes its place while the list is read may be taken for an equal one"));
    EXPECT_EQ(problems_of(key + paged + R"(, "drift": "overlap"})"),
              one(items + R"("occurrence" would number rows anew whose page is read once more because of "drift")"));
}

// A list without ids, of few different rows. It grows at its end while it is read; how it is served, read and cut off follows from the seed.
class EqualRowsHistory {
  public:
    explicit EqualRowsHistory(std::uint64_t seed) : random_(seed) {
        overlaps_ = random_.chance(0.3);
        sliced_ = random_.chance(0.5);
        const std::string paging = overlaps_ ? R"({"type": "offset", "size": 4, "drift": "overlap", "has_more": "$.more", "inject": {"in": "query", "name": "p"}})"
                                             : R"({"type": "cursor", "path": "$.next", "inject": {"in": "query", "name": "p"}})";
        source_ = std::make_unique<Source>(source_of(R"("records": "$.data", )" + kKey + R"(, "pagination": )" + paging + ", " + kCursor +
                                                         (sliced_ ? R"(, "initial": "1970-01-01", "step": "7 seconds"})" : "}"),
                                                     R"("auth": {"type": "none"}, "retry": {"base": "1 second", "jitter": 0})"));
    }

    // Rows by what the database knows them by, each with its text.
    void happen() {
        for (int runs = 0; runs < 6; ++runs) {
            grow();
            run(0.2);
        }
        for (int i = 0; i < 3; ++i) run(0);
        std::multiset<std::string> have;
        for (const auto& [key, text] : table_) have.insert(text);
        std::multiset<std::string> want;
        for (const auto& [at, what] : rows_) want.insert(text_of(at, what));
        EXPECT_EQ(have, want);
    }

  private:
    static std::string text_of(std::int64_t at, char what) { return "[" + std::to_string(at) + ",\"" + what + "\"]"; }

    void grow() {
        for (std::int64_t i = random_.between(0, 12); i > 0; --i) {
            now_ += random_.chance(0.3) ? 1 : 0;
            rows_.emplace_back(now_, random_.one_of({'a', 'b'}));
        }
        now_ += 1;  // what lies at the same second is there before it is read
    }

    void run(double crash) {
        const Cursor::Type type = Cursor::Type::timestamp;
        if (state_.read) state_.read = progress_from_json(to_json(*state_.read, type), type);
        if (random_.chance(0.1)) kept_.clear();  // a dump does not have them
        Sync sync{*source_, source_->streams[0], {key_field()}, {}, state_, 1};
        for (const Marks& marks : kept_) sync.recall(marks);
        const Timestamp now{std::chrono::seconds(now_)};
        Action action = sync.start(now);
        for (;;) {
            if (std::holds_alternative<Done>(action)) return;
            if (random_.chance(crash)) return;
            if (auto* fetch = std::get_if<Fetch>(&action)) {
                action = sync.on(Answered{serve(fetch->request)}, now);
            } else if (auto* apply = std::get_if<Apply>(&action)) {
                commit(*apply);
                const std::optional<Fetch> next = apply->next;
                Action after = sync.on(Applied{}, now);
                action = next ? Action{*next} : std::move(after);
            } else {
                FAIL() << "unexpected: " << std::get<Fail>(action).error.message;
            }
        }
    }

    void commit(const Apply& apply) {
        state_ = apply.state;
        for (const std::string& key : values_of(apply.batch, 0)) table_[key] = key.substr(0, key.find(kOccurrence));
        if (!apply.marks) return;
        std::erase_if(kept_, [&](const Marks& marks) { return marks.first >= apply.marks->first; });
        if (!apply.marks->of_records.empty()) kept_.push_back(*apply.marks);
    }

    // The rows between the bounds, in an order of the upstream's own, in pages of whatever size.
    Response serve(const Request& request) {
        const auto param = [&](const std::string& name) -> std::int64_t {
            const std::size_t at = request.url.find(name + "=");
            return at == std::string::npos ? -1 : std::stoll(request.url.substr(at + name.size() + 1));
        };
        std::vector<std::pair<std::int64_t, char>> found;
        for (const auto& row : rows_)
            if (row.first >= param("from") && (param("to") < 0 || row.first <= param("to"))) found.push_back(row);
        const auto begin = static_cast<std::size_t>(std::max<std::int64_t>(param("p"), 0));
        const std::size_t end = std::min(found.size(), begin + static_cast<std::size_t>(overlaps_ ? 4 : random_.between(1, 5)));
        std::string data;
        for (std::size_t i = begin; i < end; ++i)
            data += (data.empty() ? "" : ", ") + (R"({"at": )" + std::to_string(found[i].first)) + R"(, "what": ")" + found[i].second + "\"}";
        const bool more = end < found.size();
        return answer("{\"data\": [" + data + "], \"more\": " + (more ? "true" : "false") + (more ? ", \"next\": " + std::to_string(end) : "") + "}");
    }

    Random random_;
    bool overlaps_ = false, sliced_ = false;
    std::unique_ptr<Source> source_;
    std::vector<std::pair<std::int64_t, char>> rows_;
    std::int64_t now_ = 10;

    // The database.
    State state_;
    std::vector<Marks> kept_;
    std::map<std::string, std::string> table_;
};

TEST(OccurrenceHistory, EndsWithAsManyEqualRowsAsTheUpstreamHas) {
    for (std::uint64_t seed = 1; seed <= 3000 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        EqualRowsHistory{seed}.happen();
    }
}

}  // namespace
}  // namespace upstream::core::test
