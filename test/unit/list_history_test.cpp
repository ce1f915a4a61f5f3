// Random histories of lists inside records that go on elsewhere (expand.more): records that come and change between any two requests, each with a list of parts of
// which it shows a few, read by runs that fail, are refused, crash and are altered at any point.
//
// At every commit: no record that the next run will not ask for lacks a part. And when it is over and one more run is complete, no record lacks one.
//
// UPSTREAM_HISTORIES sets how many there are per shape. A failure names its seed; UPSTREAM_SEED tells that one again, step by step.
#include <gtest/gtest.h>

#include <charconv>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/state.hpp"
#include "core/sync.hpp"
#include "unit/random_upstream.hpp"
#include "unit/support.hpp"

namespace upstream::core::test {
namespace {

struct Shape {
    std::string name;
    Cursor::Order order = Cursor::Order::unknown;  // of the records
    bool rest_has_cursor = false;                  // the rest is read newest first, down to what is known; else as a whole
    bool only_changed = false;                     // a record that has not changed since its list was complete is left alone
    bool parted = false;                           // records are read in two partitions

    friend void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }
};

struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};

void require(bool holds, const std::string& what) {
    if (!holds) throw Violation(what);
}

std::uint64_t environment(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    if (text == nullptr) return otherwise;
    std::uint64_t value = 0;
    std::from_chars(text, text + std::string_view{text}.size(), value);
    return value;
}

constexpr std::int64_t kKeys = 1'000'000;  // ids are smaller
constexpr int kMostChanges = 60;           // while a run goes on: else a list that grows at its end faster than it is read would keep it for ever

constexpr const char* kPaging = R"("pagination": {"type": "cursor", "path": "$.next", "inject": {"in": "query", "name": "p"}})";
constexpr const char* kCursor = R"("cursor": {"field": "at", "type": "timestamp", "format": "epoch", "lookback": "0 seconds", )";

Source source_for(const Shape& shape) {
    const std::string order = shape.order == Cursor::Order::asc ? "asc" : shape.order == Cursor::Order::desc ? "desc" : "unknown";
    const std::string filter = shape.order == Cursor::Order::desc ? "client" : "server";
    const std::string request = shape.parted ? R"("partitions": {"half": ["0", "1"]}, "params": {"half": "{partition.half}", "from": "{cursor.start}"}, )"
                                : filter == "server" ? R"("params": {"from": "{cursor.start}"}, )" : "";
    return source_of(request + R"("records": "$.data", )" + kPaging + ", " + kCursor + R"("filter": ")" + filter + R"(", "order": ")" + order + R"("},
        "columns": {"id": "id", "at": "at"}, "expand": {"parts": {"records": "parts", "target": "parts", "primary_key": ["id"], "inherit": {"item": "id"}, "columns": {"id": "id"},
            "more": {"path": "more", "stream": "parts"}}}},
        "parts": {"path": "/items/{parent.item}/parts", "records": "$.data", "target": "parts", "primary_key": ["id"], "columns": {"id": "id", "item": {"value": "{parent.item}"}},
            "parent": {"stream": "items", "key": {"item": "id"})" + (shape.only_changed ? R"(, "only_changed": "at")" : "") + "}, " +
                         kPaging + (shape.rest_has_cursor ? std::string{", "} + kCursor + R"("filter": "client", "order": "desc"})" : ""),
                     R"("auth": {"type": "none"}, "retry": {"base": "1 second", "max": "4 seconds"})");
}

class ListHistory {
  public:
    ListHistory(const Shape& shape, const Source& source, std::uint64_t seed, bool told) : shape_(shape), random_(seed), told_(told), source_(source) {
        const auto rate = [this] { return random_.one_of({0.0, 0.03, 0.1, 0.3}); };
        change_ = rate();
        failure_ = rate();
        expiry_ = rate();
        crash_ = rate();
        refuse_ = rate();
        for (std::int64_t i = random_.between(0, 8); i > 0; --i) add_record();
    }

    void happen() {
        for (std::int64_t runs = random_.between(1, 10); runs > 0; --runs) {
            const bool refreshed = random_.chance(0.05);
            if (refreshed) state_.full_refresh = true;
            if (refreshed || random_.chance(0.1)) state_.read.reset();  // or the spec was altered
            (void)run();
            for (std::int64_t changes = random_.between(0, 4); changes > 0; --changes) change();
        }
        change_ = failure_ = expiry_ = crash_ = refuse_ = 0;
        tell([] { return "-- it is over"; });
        for (int i = 0; state_.reading() && i < 4; ++i) (void)run();
        require(!state_.reading(), "a read that was half done is not completed");
        now_ += 10;
        require(run(), "a run without any fault fails");
        check(now_ + 1, "is complete");
    }

  private:
    struct Record {
        std::int64_t at = 0;
        std::map<std::int64_t, std::int64_t> parts{};  // id, at
    };
    struct Partition {
        std::optional<Position> cursor{};
        std::optional<std::string> seen{};
    };

    // ---- the upstream

    void add_record() { records_[++last_id_].at = ++now_; }

    void change() {
        now_ += random_.between(1, 3);
        if (records_.empty() || random_.chance(0.2)) return add_record();
        auto record = records_.begin();
        std::advance(record, random_.between(0, static_cast<std::int64_t>(records_.size()) - 1));
        record->second.at = now_;
        for (std::int64_t parts = random_.between(0, 7); parts > 0; --parts) record->second.parts[++last_id_] = now_;
    }

    static std::string value_of(const std::string& url, const std::string& name) {
        std::size_t from = url.find("?" + name + "=");
        if (from == std::string::npos) from = url.find("&" + name + "=");
        if (from == std::string::npos) return "";
        from += name.size() + 2;
        return url.substr(from, url.find('&', from) - from);
    }

    // A token says where the next page begins, by a key that changes do not move, and how old it is.
    std::string token(std::int64_t key) const { return std::to_string(age_) + "." + std::to_string(key); }
    [[nodiscard]] bool is_old(const std::string& token) const { return !token.empty() && std::stoll(token) != age_; }
    static std::int64_t key_in(const std::string& token) { return token.empty() ? INT64_MIN : std::stoll(token.substr(token.find('.') + 1)); }

    // A page of rows sorted by key, each with its text.
    Response page(const std::map<std::int64_t, std::string>& rows, const std::string& after) const {
        std::string data;
        auto row = rows.upper_bound(key_in(after));
        std::int64_t last = 0;
        for (int i = 0; i < 3 && row != rows.end(); ++i, ++row) {
            data += (data.empty() ? "" : ", ") + row->second;
            last = row->first;
        }
        return answer("{\"data\": [" + data + "]" + (row != rows.end() ? ", \"next\": \"" + token(last) + "\"" : "") + "}");
    }

    Response records_page(const std::string& url) const {
        std::map<std::int64_t, std::string> rows;
        const std::string from = value_of(url, "from");
        const std::string half = value_of(url, "half");
        for (const auto& [id, record] : records_) {
            if (!from.empty() && record.at < std::stoll(from)) continue;
            if (!half.empty() && id % 2 != std::stoll(half)) continue;
            std::string parts;
            int shown = 0;
            for (auto part = record.parts.rbegin(); part != record.parts.rend() && shown < 2; ++part, ++shown)
                parts += (parts.empty() ? "" : ", ") + ("{\"id\": " + std::to_string(part->first)) + "}";
            const std::int64_t key = shape_.order == Cursor::Order::asc ? record.at * kKeys + id : shape_.order == Cursor::Order::desc ? -record.at * kKeys + id : id;
            rows[key] = "{\"id\": " + std::to_string(id) + ", \"at\": " + std::to_string(record.at) + ", \"parts\": [" + parts + "], \"more\": " +
                        (record.parts.size() > 2 ? "true" : "false") + "}";
        }
        return page(rows, value_of(url, "p"));
    }

    Response parts_page(const std::string& url, std::int64_t item) const {
        std::map<std::int64_t, std::string> rows;
        for (const auto& [id, at] : records_.at(item).parts) rows[-id] = "{\"id\": " + std::to_string(id) + ", \"at\": " + std::to_string(at) + "}";
        return page(rows, value_of(url, "p"));
    }

    Event serve(const Request& request) {
        while (random_.chance(change_) && changes_++ < kMostChanges) change();
        ++now_;
        if (random_.chance(failure_)) return Broken{{.code = Code::server_error, .message = "down"}};
        if (random_.chance(expiry_)) ++age_;
        if (is_old(value_of(request.url, "p"))) return Answered{answer("{}", 410)};
        const std::size_t at = request.url.find("/items/");
        return Answered{at == std::string::npos ? records_page(request.url) : parts_page(request.url, std::stoll(request.url.substr(at + 7)))};
    }

    // ---- the run

    static Layout layout_of_items() {
        Layout layout{Field{.column = "id", .paths = {*Path::parse("id")}, .key = true}, Field{.column = "at", .paths = {*Path::parse("at")}}};
        layout.inner.push_back({.name = "parts", .records = *Path::parse("parts"),
                                .fields = {Field{.column = "item", .paths = {*Path::parse("id")}, .outer = true}, Field{.column = "id", .paths = {*Path::parse("id")}, .key = true}},
                                .more = *Path::parse("more")});
        return layout;
    }

    static Layout layout_of_parts() {
        return {Field{.column = "item", .value = *Text::parse("{parent.item}")}, Field{.column = "id", .paths = {*Path::parse("id")}, .key = true}};
    }

    bool run() {
        const Cursor::Type type = Cursor::Type::timestamp;
        if (state_.read) state_.read = progress_from_json(to_json(*state_.read, type), type);
        Sync sync{source_, source_.streams[0], layout_of_items(), {}, state_, 1, {{.stream = &source_.streams[1], .layout = layout_of_parts()}}};
        asked_.reset();
        given_.clear();
        changes_ = 0;
        Action action = sync.start(our_time());
        for (int actions = 0;; ++actions) {
            require(actions < 5000, "a run goes on for ever");
            if (random_.chance(crash_ / 4)) return crashed();
            if (std::holds_alternative<Done>(action)) return done();
            if (auto* fail = std::get_if<Fail>(&action)) return failed(*fail);
            std::optional<Event> event = std::visit([&](auto& what) { return carry_out(what); }, action);
            if (!event) event = next_event();
            if (!event) return crashed();
            action = sync.on(std::move(*event), our_time());
        }
    }

    [[nodiscard]] Timestamp our_time() const { return Timestamp{std::chrono::seconds(now_)}; }

    std::optional<Event> carry_out(Fetch& fetch) {
        require(!asked_, "two requests are in flight");
        asked_ = std::move(fetch);
        return std::nullopt;
    }

    std::optional<Event> carry_out(FindParts& find) {
        require(given_.empty() && !asked_, "parents are looked for before all is applied");
        PartsFound found;
        if (find.list != nullptr) {
            require(find.list == &source_.streams[1], "another stream is asked for");
            const std::string id = find.parent.at("item");
            const auto row = items_.find(std::stoll(id));
            require(row != items_.end(), "a list is read before its record is written");
            const Partition& known = partitions_["parts " + id];
            if (shape_.only_changed && known.seen == row->second) return found;
            found.parts.push_back({.values = {.parents = {{{"item", id}}}}, .ids = {"parts " + id}, .seen = {row->second}, .cursor = known.cursor});
            return found;
        }
        for (const Words& lists : find.combinations) {
            const std::string id = partition_id({}, lists);
            if (done_at_.contains(id) && done_at_[id] >= find.started_at) continue;
            found.parts.push_back({.values = {.lists = lists}, .ids = {id}, .cursor = partitions_[id].cursor});
        }
        return found;
    }

    std::optional<Event> carry_out(Apply& apply) {
        if (apply.next) (void)carry_out(*apply.next);
        given_.push_back(std::move(apply));
        return std::nullopt;
    }

    static std::optional<Event> carry_out(GetToken&) { throw Violation("a token is asked for"); }
    static std::optional<Event> carry_out(Await&) { return std::nullopt; }
    static std::optional<Event> carry_out(Done&) { return std::nullopt; }
    static std::optional<Event> carry_out(Fail&) { return std::nullopt; }

    std::optional<Event> next_event() {
        require(asked_ || !given_.empty(), "a run waits for nothing");
        if (asked_ && (given_.empty() || random_.chance(0.5))) {
            const Request request = std::move(std::exchange(asked_, std::nullopt)->request);
            Event event = serve(request);
            tell([&] { return request.url + (std::holds_alternative<Broken>(event) ? " -> broken" : " -> " + std::get<Answered>(event).response.body); });
            return event;
        }
        if (random_.chance(refuse_)) {
            given_.clear();
            asked_.reset();
            tell([] { return "refused"; });
            return Refused{{.code = Code::target_busy, .message = "locked"}};
        }
        if (random_.chance(crash_)) return std::nullopt;
        commit(std::exchange(given_.front(), Apply{}));
        given_.pop_front();
        return Applied{};
    }

    void commit(const Apply& apply) {
        tell([&] {
            return std::string{"commit"} + (apply.list != nullptr ? " of a list" : "") + ", cursor " + (apply.state.cursor ? std::to_string(*apply.state.cursor / 1000000) : "none") +
                   (apply.state.read ? ", " + to_json(*apply.state.read, Cursor::Type::timestamp) : "");
        });
        if (apply.list == nullptr) {
            for (std::size_t i = 0; i < apply.batch.rows; ++i) items_[std::stoll(std::string{*apply.batch.columns[0][i]})] = std::string{*apply.batch.columns[1][i]};
            for (const std::string& id : apply.batch.inner.empty() ? std::vector<std::string>{} : values_of(apply.batch.inner[0], 1)) parts_.insert(std::stoll(id));
        } else {
            for (const std::string& id : values_of(apply.batch, 1)) parts_.insert(std::stoll(id));
        }
        if (apply.part_end) {
            const Part& part = apply.part_end->part;
            Partition& known = partitions_[part.ids.front()];
            known.cursor = part.cursor;
            if (apply.list != nullptr) known.seen = part.seen.front();
            if (apply.list == nullptr) done_at_[part.ids.front()] = apply.started_at;
        }
        state_ = apply.state;
        if (state_.cursor) check(*state_.cursor / 1'000'000, "is behind the cursor");
        if (!shape_.parted) return;
        for (const std::int64_t half : {0, 1})
            if (const auto& cursor = partitions_[partition_id({}, {{"half", std::to_string(half)}})].cursor) check(*cursor / 1'000'000, "is behind its partition's cursor", half);
    }

    // Records older than that have all their parts. What changes while it is read is asked for again, because its time is after the run's start.
    void check(std::int64_t before, const std::string& what, std::optional<std::int64_t> half = {}) const {
        for (const auto& [id, record] : records_) {
            if (record.at >= before || (half && id % 2 != *half)) continue;
            for (const auto& [part, at] : record.parts) require(parts_.contains(part), "record " + std::to_string(id) + " " + what + " and lacks part " + std::to_string(part));
        }
    }

    bool done() {
        tell([] { return "done"; });
        require(!state_.reading() && !state_.full_refresh, "a run is done, but the state says that it is not");
        return true;
    }

    bool failed(const Fail& fail) {
        tell([&] { return "fail " + std::string{name(fail.error.code)} + ": " + fail.error.message + " " + fail.error.detail; });
        state_ = fail.state;
        require(fail.retry_at.has_value(), "a failure that passes by itself has no next attempt");
        return false;
    }

    bool crashed() {
        tell([] { return "crash"; });
        return false;
    }

    template <class Line>
    void tell(const Line& line) const {
        if (told_) std::cout << line() << "\n";
    }

    Shape shape_;
    Random random_;
    bool told_;
    const Source& source_;
    double change_ = 0, failure_ = 0, expiry_ = 0, crash_ = 0, refuse_ = 0;

    std::map<std::int64_t, Record> records_;
    std::int64_t last_id_ = 0, now_ = 100, age_ = 1;
    int changes_ = 0;  // during the run

    // The database.
    State state_;
    std::map<std::string, Partition> partitions_;
    std::map<std::string, Timestamp> done_at_;
    std::map<std::int64_t, std::string> items_;  // `at` by id
    std::set<std::int64_t> parts_;

    // On its way.
    std::optional<Fetch> asked_;
    std::deque<Apply> given_;
};

class RandomLists : public testing::TestWithParam<Shape> {};

TEST_P(RandomLists, AreCompleteBeforeTheCursorPassesTheirRecord) {
    const bool told = std::getenv("UPSTREAM_SEED") != nullptr;
    const std::uint64_t first = environment("UPSTREAM_SEED", 1);
    const std::uint64_t count = told ? 1 : environment("UPSTREAM_HISTORIES", 1000);
    const Source source = source_for(GetParam());
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        try {
            ListHistory{GetParam(), source, seed, told}.happen();
        } catch (const Violation& violation) {
            FAIL() << violation.what() << "\ntell it with: UPSTREAM_SEED=" << seed << " list_history_test --gtest_filter='*" << GetParam().name << "'";
        }
    }
}

using Order = Cursor::Order;

INSTANTIATE_TEST_SUITE_P(Shapes, RandomLists,
                         testing::Values(Shape{.name = "OldestFirst", .order = Order::asc}, Shape{.name = "OldestFirstKnownParts", .order = Order::asc, .rest_has_cursor = true},
                                         Shape{.name = "OldestFirstOnlyChanged", .order = Order::asc, .rest_has_cursor = true, .only_changed = true},
                                         Shape{.name = "NewestFirst", .order = Order::desc}, Shape{.name = "NewestFirstKnownParts", .order = Order::desc, .rest_has_cursor = true, .only_changed = true},
                                         Shape{.name = "Unordered", .only_changed = true}, Shape{.name = "Parted", .order = Order::asc, .rest_has_cursor = true, .parted = true}),
                         [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace upstream::core::test
