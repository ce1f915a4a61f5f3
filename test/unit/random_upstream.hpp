// An upstream in memory for the histories of history_test.cpp: a list of rows that changes between any two requests, served page by page
// with every fault that it can think of. All follows from the seed.
//
// Its rows carry the time of their last change. That time may be coarse (seconds, days), so that many rows tie; a change may become visible
// late; and its clock may differ from ours, all within what the stream's lookback and end allow for.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/cursor.hpp"
#include "core/request.hpp"
#include "core/url.hpp"
#include "unit/support.hpp"

namespace upstream::core::test {

class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::int64_t between(std::int64_t low, std::int64_t high) {
        return low + static_cast<std::int64_t>(next() % (static_cast<std::uint64_t>(high - low) + 1));
    }
    bool chance(double probability) { return probability > 0 && static_cast<double>(next() >> 11) < probability * 9007199254740992.0; }
    template <class T>
    T one_of(std::initializer_list<T> values) {
        return values.begin()[between(0, static_cast<std::int64_t>(values.size()) - 1)];
    }

  private:
    // splitmix64: the same on every platform, and fast.
    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return z ^ (z >> 31);
    }

    std::uint64_t state_;
};

// What a list looks like from outside.
struct ListShape {
    std::string name;
    Cursor::Order order = Cursor::Order::unknown;  // unknown: by id
    bool filtered = false;                         // takes a lower bound
    bool numbered = false;                         // pages by number or offset, else by a token that marks a row
    bool has_cursor = true;
    bool sliced = false;                           // is read in slices
    bool parted = false;                           // is read once for each of three values

    friend void PrintTo(const ListShape& shape, std::ostream* out) { *out << shape.name; }
};

struct Item {
    std::int64_t id = 0;
    Position at = 0;
    std::int64_t revision = 0;
    mutable std::string text{};  // as it is served, once it has been
};

struct Faults {
    double change = 0;   // of a request: rows change before it is answered
    double failure = 0;  // of a request: no good answer
    double expiry = 0;   // of a request: all page tokens so far are forgotten
    double revoke = 0;   // of a request: the access token is no longer good
};

class RandomUpstream {
  public:
    RandomUpstream(const ListShape& shape, Random& random) : shape_(shape), random_(random) {
        type_ = random.one_of({Cursor::Type::timestamp, Cursor::Type::timestamp, Cursor::Type::date, Cursor::Type::integer});
        if (shape.sliced && type_ == Cursor::Type::integer) type_ = Cursor::Type::timestamp;
        unit_ = type_ == Cursor::Type::date ? Duration(std::chrono::hours(24)) : Duration(std::chrono::seconds(1));
        coarse_ = type_ == Cursor::Type::date || random.chance(0.5);
        page_size_ = random.one_of<std::int64_t>({1, 2, 3, 5, 10, 50, 200});
        sparse_ = shape.filtered && shape.order == Cursor::Order::unknown && random.chance(0.3);
        if (sparse_) page_size_ = std::max<std::int64_t>(page_size_, 5);  // a hundred empty pages in a row would rightly end the run
        if (shape.sliced && shape.numbered) page_size_ = std::max<std::int64_t>(page_size_, 2);  // pages of one record cannot overlap
        peeks_ = random.chance(0.5);
        sends_end_ = shape.filtered && !shape.numbered && type_ != Cursor::Type::integer && random.chance(0.5);
        sends_end_ |= shape.sliced;
        step_ = random.between(10, 80);
        // A row that changes leaves its slice, and what came behind it moves up.
        drift_ = shape.sliced ? "overlap" : random.one_of({"ignore", "overlap", "restart_slice"});
        using Type = Pagination::Type;
        pagination_ = shape.numbered ? random.one_of({Type::page, Type::offset}) : random.one_of({Type::cursor, Type::next_url, Type::link_header});
        ending_ = random.between(0, 2);
        if (shape.has_cursor && type_ != Cursor::Type::integer) {
            lookback_ = random.between(0, 3);
            margin_ = random.between(0, 2);
            const std::int64_t allowed = (lookback_ + margin_) * unit_.count();
            late_ = Duration(random.chance(0.5) ? random.between(0, allowed) : 0);
            skew_ = Duration(random.chance(0.5) ? random.between(late_.count() - allowed, allowed - late_.count()) : 0);
        }
        for (std::int64_t i = random.between(0, 60); i > 0; --i) change(true);
        now_ += late_;
    }

    // The spec of its stream, for source_of().
    [[nodiscard]] std::string stream() const {
        std::string spec = R"("records": "$.data", "pagination": )" + pagination_spec();
        if (shape_.filtered)
            spec += std::string{R"(, "params": {"from": "{cursor.start}")"} + (sends_end_ ? R"(, "to": "{cursor.end}")" : "") +
                    (shape_.parted ? R"(, "part": "{partition.part}")" : "") + "}";
        if (shape_.parted) spec += R"(, "partitions": {"part": ["0", "1", "2"]})";
        if (!shape_.has_cursor) return spec;
        const std::string order = shape_.order == Cursor::Order::asc ? "asc" : shape_.order == Cursor::Order::desc ? "desc" : "unknown";
        const std::string filter = shape_.filtered ? "server" : "client";
        spec += R"(, "cursor": {"field": "at", "order": ")" + order + R"(", "filter": ")" + filter + "\", ";
        if (type_ == Cursor::Type::integer) return spec + R"("type": "integer"})";
        const std::string unit = type_ == Cursor::Type::date ? " days" : " seconds";
        spec += type_ == Cursor::Type::date ? R"("type": "date")" : std::string{R"("type": "timestamp")"} + (coarse_ ? R"(, "format": "epoch")" : "");
        if (margin_ > 0) spec += R"(, "end": ")" + std::to_string(margin_) + unit + " ago\"";
        if (shape_.sliced)
            spec += R"(, "step": ")" + std::to_string(step_) + unit + (type_ == Cursor::Type::date ? R"(", "initial": "2025-12-30")" : R"(", "initial": "2026-01-01T23:59:50Z")");
        return spec + R"(, "lookback": ")" + std::to_string(lookback_) + unit + "\"}";
    }

    // The answer to a request, or that there is none.
    std::variant<Response, Error> serve(const Request& request) {
        pass_time();
        if (random_.chance(faults.change)) change(false);
        if (random_.chance(faults.revoke)) ++access_;
        if (random_.chance(faults.expiry)) ++token_age_;
        if (random_.chance(faults.failure))
            if (auto failure = fail()) return *failure;
        if (header_of(request, "Authorization") != "Bearer " + access_token()) return answer(R"({"error": "who are you"})", 401);
        return list(query_of(request.url));
    }

    // Some rows change at once, or come into being, and so carry the same time.
    void change(bool insert) {
        pass_time();
        ++versions_;
        for (std::int64_t i = random_.between(1, 4); i > 0; --i) {
            const bool fresh = insert || last_id_ == 0 || random_.chance(0.4);
            const std::int64_t id = fresh ? ++last_id_ : random_.between(1, last_id_);
            ++changes_;
            coming_.push_back({now_ + Duration(random_.between(0, late_.count())), {.id = id, .at = stamp(), .revision = changes_}});
        }
    }

    void pass_time() { now_ += Duration(random_.between(0, unit_.count() * 3 / 5)); }
    void wait(Duration span) { now_ += std::max(span, Duration{0}); }

    // Long enough for everything to be visible, settled and before the end of a run that starts then.
    void settle() { now_ += late_ + unit_ * (margin_ + 1) + std::chrono::abs(skew_) + std::chrono::seconds(1); }

    [[nodiscard]] const std::map<std::int64_t, Item>& rows() {
        for (const auto& [when, item] : coming_) {
            if (when > now_) continue;
            Item& row = rows_[item.id];
            if (item.revision > row.revision) row = item;
            sorted_.clear();
        }
        std::erase_if(coming_, [this](const auto& coming) { return coming.first <= now_; });
        return rows_;
    }

    // Whether a page held a row with that time.
    [[nodiscard]] bool has_served(Position position) const { return served_.contains(position); }

    [[nodiscard]] Timestamp our_time() const { return now_ + skew_; }
    [[nodiscard]] std::string access_token() const { return "access" + std::to_string(access_); }
    [[nodiscard]] Cursor::Type type() const { return type_; }
    [[nodiscard]] std::int64_t changes() const { return changes_; }

    // Whether rows may appear behind a cursor that has moved, so that only the lookback finds them.
    [[nodiscard]] bool needs_lookback() const { return late_ + std::chrono::abs(skew_) > unit_ * margin_; }

    Faults faults;

  private:
    using Params = std::map<std::string, std::string>;
    using Key = std::pair<Position, std::int64_t>;  // what the list is sorted by

    struct Mark {  // what a page token says
        std::int64_t age = 0;
        Key key;  // of the last row before it
    };

    [[nodiscard]] Position stamp() const {
        if (type_ == Cursor::Type::integer) return versions_;
        const Position at = now_.time_since_epoch().count();
        return coarse_ ? at - at % unit_.count() : at;
    }

    [[nodiscard]] std::string pagination_spec() const {
        using Type = Pagination::Type;
        const std::string size = R"(, "size": )" + std::to_string(page_size_);
        const std::string drift = R"(, "drift": ")" + drift_ + "\"";
        const std::string inject = R"(, "inject": {"in": "query", "name": "p"}})";
        const std::string end = ending_ == 0 ? size : ending_ == 1 ? R"(, "has_more": "$.more")" : R"(, "total": "$.total")";
        switch (pagination_) {
            case Type::page: return R"({"type": "page")" + drift + end + (ending_ == 2 ? size : "") + inject;
            case Type::offset: return R"({"type": "offset")" + drift + end + inject;
            case Type::next_url: return R"({"type": "next_url", "path": "$.next"})";
            case Type::link_header: return R"({"type": "link_header"})";
            default: return R"({"type": "cursor", "path": "$.next")" + inject;
        }
    }

    std::optional<std::variant<Response, Error>> fail() {
        switch (random_.between(0, 6)) {
            case 0: return Error{.code = Code::net_timeout, .message = "no answer"};
            case 1: return answer("", 500);
            case 2: return answer("", 503, {{"Retry-After", "7"}});
            case 3: return answer("{}", 429);
            case 4: return answer("<html>");
            case 5: return answer(R"({"error": "status 200, but no list"})");
            default: return Error{.code = Code::net_partial, .message = "half an answer"};
        }
    }

    static Params query_of(const std::string& url) {
        Params params;
        std::size_t at = url.find('?');
        while (at != std::string::npos) {
            const std::size_t end = url.find('&', at + 1);
            const std::string pair = url.substr(at + 1, end == std::string::npos ? end : end - at - 1);
            const std::size_t equals = pair.find('=');
            params[pair.substr(0, equals)] = decoded(pair.substr(equals + 1));
            at = end;
        }
        return params;
    }

    static std::string decoded(const std::string& text) {
        std::string plain;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const bool escape = text[i] == '%' && i + 2 < text.size();
            plain += escape ? static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16)) : text[i];
            if (escape) i += 2;
        }
        return plain;
    }

    [[nodiscard]] std::optional<Position> bound(const Params& params, const std::string& name) const {
        const auto found = params.find(name);
        if (found == params.end()) return std::nullopt;
        if (type_ == Cursor::Type::integer) return std::stoll(found->second);
        const TimeFormat format = type_ == Cursor::Type::date ? TimeFormat::date : coarse_ ? TimeFormat::epoch : TimeFormat::iso;
        return parse_time(found->second, format).value().time_since_epoch().count();
    }

    [[nodiscard]] Key key(const Item& item) const {
        if (shape_.order == Cursor::Order::asc) return {item.at, item.id};
        if (shape_.order == Cursor::Order::desc) return {-item.at, item.id};
        return {0, item.id};
    }

    // All rows in the list's order.
    const std::vector<const Item*>& in_order() {
        const auto& all = rows();
        if (sorted_.empty()) {
            for (const auto& [id, item] : all) sorted_.push_back(&item);
            std::sort(sorted_.begin(), sorted_.end(), [&](const Item* a, const Item* b) { return key(*a) < key(*b); });
        }
        return sorted_;
    }

    Response list(const Params& params) {
        const auto from = bound(params, "from");
        const auto to = bound(params, "to");
        const auto matches = [&](const Item& item) { return (!from || item.at >= *from) && (!to || item.at <= *to); };
        const auto named = params.find("part");
        const std::optional<std::int64_t> part = named == params.end() ? std::nullopt : std::optional<std::int64_t>{named->second[0] - '0'};
        std::vector<const Item*> items;
        for (const Item* item : in_order())
            if ((sparse_ || matches(*item)) && (!part || item->id % 3 == *part)) items.push_back(item);

        std::size_t begin = 0;
        if (const auto page = params.find("p"); page != params.end()) {
            if (shape_.numbered) {
                const std::int64_t number = std::stoll(page->second);
                begin = static_cast<std::size_t>(pagination_ == Pagination::Type::page ? (number - 1) * page_size_ : number);
            } else {
                const Mark mark = marked(page->second);
                if (mark.age != token_age_) return answer("{}", static_cast<int>(random_.one_of<std::int64_t>({400, 404, 410})));
                begin = static_cast<std::size_t>(std::count_if(items.begin(), items.end(), [&](const Item* item) { return key(*item) <= mark.key; }));
            }
        }
        begin = std::min(begin, items.size());
        const std::size_t end = std::min(begin + static_cast<std::size_t>(page_size_), items.size());
        for (std::size_t i = begin; i < end; ++i) served_.insert(items[i]->at);
        const bool full = end - begin == static_cast<std::size_t>(page_size_);
        const bool more = peeks_ ? end < items.size() : full;
        return written(items, begin, end, more, params, matches);
    }

    template <class Matches>
    [[nodiscard]] Response written(const std::vector<const Item*>& items, std::size_t begin, std::size_t end, bool more, const Params& params,
                                   const Matches& matches) const {
        std::string data;
        for (std::size_t i = begin; i < end; ++i)
            if (matches(*items[i])) data.append(data.empty() ? "" : ", ").append(shown(*items[i]));
        std::string body = "{\"data\": [" + data + "], \"total\": " + std::to_string(items.size()) + ", \"more\": " + (more ? "true" : "false");
        if (shape_.numbered || !more) return answer(body + "}");
        const std::string token = token_of(*items[end - 1]);
        if (pagination_ == Pagination::Type::cursor) return answer(body + R"(, "next": ")" + token + "\"}");
        std::string next = "/v1/items?p=" + token;
        for (const auto& [name, value] : params)
            if (name != "p") next += "&" + name + "=" + percent_encode(value);
        if (pagination_ == Pagination::Type::next_url) return answer(body + R"(, "next": ")" + next + "\"}");
        return answer(body + "}", 200, {{"Link", "<" + next + ">; rel=\"next\""}});
    }

    [[nodiscard]] const std::string& shown(const Item& item) const {
        if (!item.text.empty()) return item.text;
        const bool number = type_ == Cursor::Type::integer;
        const TimeFormat format = type_ == Cursor::Type::date ? TimeFormat::date : coarse_ ? TimeFormat::epoch : TimeFormat::iso;
        const std::string at = number ? std::to_string(item.at) : format_time(Timestamp{Duration{item.at}}, format);
        return item.text = R"({"id": )" + std::to_string(item.id) + R"(, "revision": )" + std::to_string(item.revision) + R"(, "at": ")" + at + "\"}";
    }

    [[nodiscard]] std::string token_of(const Item& item) const {
        const auto [at, id] = key(item);
        return std::to_string(token_age_) + "." + std::to_string(at) + "." + std::to_string(id);
    }

    static Mark marked(const std::string& token) {
        const std::size_t first = token.find('.');
        const std::size_t second = token.find('.', first + 1);
        return {std::stoll(token), {std::stoll(token.substr(first + 1)), std::stoll(token.substr(second + 1))}};
    }

    ListShape shape_;
    Random& random_;
    Cursor::Type type_ = Cursor::Type::timestamp;
    Duration unit_{};              // of its times, if they are coarse; of the lookback; about the time between requests
    bool coarse_ = false;
    std::int64_t page_size_ = 1;
    bool sparse_ = false;          // filters a page after it was cut, so that pages are short or empty
    bool peeks_ = false;           // knows that there is no next page; else the last page is empty
    bool sends_end_ = false;
    std::int64_t step_ = 1;        // of a slice, in units
    std::string drift_;
    Pagination::Type pagination_ = Pagination::Type::cursor;
    std::int64_t ending_ = 0;      // how numbered reads end: size, has_more or total
    std::int64_t lookback_ = 0;    // in units
    std::int64_t margin_ = 0;      // how far before its start a run ends, in units
    Duration late_{0};             // how late a change may become visible
    Duration skew_{0};             // our clock minus its clock

    Timestamp now_ = at("2026-01-02T00:00:00Z");
    std::map<std::int64_t, Item> rows_;
    std::vector<const Item*> sorted_;  // empty: not known
    std::set<Position> served_;
    std::vector<std::pair<Timestamp, Item>> coming_;
    std::int64_t last_id_ = 0;
    std::int64_t changes_ = 0;
    Position versions_ = 0;
    int access_ = 1;
    std::int64_t token_age_ = 1;
};

}  // namespace upstream::core::test
