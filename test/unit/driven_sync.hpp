// A core::Sync in the hands of a test, which plays the upstream, the token endpoint and the database. Each call tells what
// happened and returns what the machine wants next, as one line: "fetch /items?after=b", "get token", "apply 1 2", "apply 3, last",
// "fail rate_limited", "done: 2 requests".
//
// Positions are epoch seconds, so that rows, bounds and cursors are small numbers; the clock stands at 1000 unless a test moves it.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "core/sync.hpp"
#include "unit/support.hpp"

namespace upstream::core::test {

struct Row {
    int id;
    int at;
};

// {"data": [{"id": 1, "at": 10}, ...], "next": "b"}; without `next` the last page.
inline std::string page(std::initializer_list<Row> rows, const std::string& next = "") {
    std::string data;
    for (const Row& row : rows) data += (data.empty() ? "" : ", ") + ("{\"id\": " + std::to_string(row.id)) + ", \"at\": " + std::to_string(row.at) + "}";
    return "{\"data\": [" + data + "]" + (next.empty() ? "" : ", \"next\": \"" + next + "\"") + "}";
}

inline Timestamp second(std::int64_t count) { return Timestamp{std::chrono::seconds(count)}; }
inline Position at_second(std::int64_t count) { return count * 1'000'000; }

inline const std::string kNoAuth = R"("auth": {"type": "none"}, "retry": {"base": "10 seconds", "jitter": 0})";
inline const std::string kOAuth = R"("auth": {"type": "oauth2", "grant_type": "refresh_token", "token_url": "https://shop.test/token"})";

// A stream paged by token. `cursor` as in R"("filter": "server", "order": "asc")"; "" for a stream without one.
inline std::string stream_of(const std::string& cursor = "", const std::string& lookback = "0 seconds") {
    const bool server = cursor.find("server") != std::string::npos;
    return R"("records": "$.data", "pagination": {"type": "cursor", "path": "$.next", "inject": {"in": "query", "name": "after"}})" +
           std::string{server ? R"(, "params": {"from": "{cursor.start}"})" : ""} +
           (cursor.empty() ? "" : R"(, "cursor": {"field": "at", "type": "timestamp", "format": "epoch", "lookback": ")" + lookback + "\", " + cursor + "}");
}

inline const std::string kOldestFirst = R"("filter": "server", "order": "asc")";
inline const std::string kNewestFirst = R"("filter": "client", "order": "desc")";
inline const std::string kUnordered = R"("filter": "server", "order": "unknown")";

class DrivenSync {
  public:
    explicit DrivenSync(const std::string& stream, const std::string& source = kNoAuth, State state = {}, std::uint64_t seed = 1, Account account = {})
        : committed(std::move(state)), source_(std::make_unique<Source>(source_of(stream, source))),
          sync_(*source_, source_->streams.front(), {Field{.column = "id", .paths = {*Path::parse("id")}, .key = true}}, std::move(account),
                committed, seed) {}

    // A source made by the test.
    DrivenSync(Source source, State state, std::vector<Field> fields = {Field{.column = "id", .paths = {*Path::parse("id")}, .key = true}})
        : committed(std::move(state)), source_(std::make_unique<Source>(std::move(source))),
          sync_(*source_, source_->streams.front(), std::move(fields), {}, committed, 1) {}

    // One whose second stream reads the rest of lists inside the records of the first.
    DrivenSync(Source source, State state, Layout layout, Layout rest)
        : committed(std::move(state)), source_(std::make_unique<Source>(std::move(source))),
          sync_(*source_, source_->streams[0], std::move(layout), {}, committed, 1, {{.stream = &source_->streams[1], .layout = std::move(rest)}}) {}

    std::string start() { return take(sync_.start(now)); }
    std::string answer(const Response& response) { return take(sync_.on(Answered{response}, now)); }
    std::string answer(const std::string& body) { return answer(test::answer(body)); }
    std::string break_off(Code code) { return take(sync_.on(Broken{{.code = code, .message = "no answer"}}, now)); }
    std::string give_token(const std::string& access, Duration lifetime = std::chrono::hours(1)) {
        return take(sync_.on(TokenReady{{.access = access, .expires_at = now + lifetime, .lifetime = lifetime}}, now));
    }
    std::string refuse_token(Code code, std::optional<Timestamp> retry_at = {}) {
        return take(sync_.on(TokenRefused{{.code = code, .message = "no token"}, retry_at}, now));
    }
    std::string commit() {
        committed = std::get<Apply>(action_).state;
        std::optional<Fetch> next = std::move(std::get<Apply>(action_).next);
        Action after = sync_.on(Applied{}, now);
        return take(next && std::holds_alternative<Await>(after) ? Action{std::move(*next)} : std::move(after));
    }
    std::string find(std::vector<Part> parts) { return take(sync_.on(PartsFound{std::move(parts)}, now)); }
    std::string applied() { return take(sync_.on(Applied{}, now)); }
    std::string refuse(Code code, Refused::From from = Refused::From::page) { return take(sync_.on(Refused{{.code = code, .message = "no row"}, from}, now)); }

    // Answers a page and commits it.
    std::string read(const std::string& body) {
        const std::string applied = answer(body);
        return std::holds_alternative<Apply>(action_) ? commit() : applied;
    }

    // The committed cursor in seconds.
    [[nodiscard]] std::string cursor() const { return committed.cursor ? std::to_string(*committed.cursor / 1'000'000) : "none"; }
    // The highest position that the half-done read has seen.
    [[nodiscard]] std::optional<Position> pending() const { return committed.read ? committed.read->pending : std::nullopt; }
    [[nodiscard]] const Fail& failure() const { return std::get<Fail>(action_); }
    [[nodiscard]] const Apply& apply() const { return std::get<Apply>(action_); }
    [[nodiscard]] const Fetch& fetch() const { return std::get<Fetch>(action_); }
    [[nodiscard]] const GetToken& get_token() const { return std::get<GetToken>(action_); }

    // Until the next attempt, in seconds; absent if only a person helps.
    [[nodiscard]] std::optional<double> wait() const {
        if (!failure().retry_at) return std::nullopt;
        return std::chrono::duration<double>(*failure().retry_at - now).count();
    }

    [[nodiscard]] bool incremental() const { return sync_.incremental(); }

    State committed;  // what the database holds
    Timestamp now = second(1000);

  private:
    std::string take(Action action) {
        action_ = std::move(action);
        if (const auto* fail = std::get_if<Fail>(&action_)) committed = fail->state;
        return std::visit([](const auto& what) { return show(what); }, action_);
    }

    static std::string show(const Fetch& fetch) {
        constexpr std::string_view kBase = "https://api.shop.test/v1";
        return "fetch " + (fetch.request.url.starts_with(kBase) ? fetch.request.url.substr(kBase.size()) : fetch.request.url);
    }
    static std::string show(const GetToken&) { return "get token"; }
    static std::string show(const FindParts& find) {
        if (find.list != nullptr) return "find " + find.list->name + " of " + find.parent.begin()->second;
        return "find partitions, at most " + std::to_string(find.at_most);
    }
    static std::string show(const Await&) { return "await"; }
    static std::string show(const Apply& apply) {
        std::string line = apply.list != nullptr ? "apply " + apply.list->name : "apply";
        for (const std::string& id : values_of(apply.batch, 0)) line += " " + id;
        if (apply.part_end) line += apply.part_end->skipped ? ", skipped" : ", partition ends";
        return line + (apply.last ? ", last" : "");
    }
    static std::string show(const Fail& fail) { return "fail " + std::string{name(fail.error.code)}; }
    static std::string show(const Done& done) { return "done: " + done.message; }

    std::unique_ptr<Source> source_;
    Sync sync_;
    Action action_ = Done{};
};

}  // namespace upstream::core::test
