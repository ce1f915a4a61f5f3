// Reading query parameters and page tokens.
//
// A token is base64url of its parts separated by '|' with a check sum in front, so that a damaged or invented one is
// refused rather than understood as another place. What a token says beats what the request repeats, but for limit.
#include "query.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "clock.hpp"

namespace simulator {

namespace {

constexpr std::int64_t kDefaultLimit = 100;
constexpr std::int64_t kLargest = 1'000'000'000'000;  // of page and offset, so that their product cannot overflow
constexpr std::array<std::string_view, 3> kSorts = {"updated_at", "seq", "id"};
constexpr std::array<std::string_view, 6> kPagings = {"none", "cursor", "page", "offset", "link", "next"};

std::optional<Sort> parse_sort(std::string_view name) {
    const auto* const at = std::find(kSorts.begin(), kSorts.end(), name);
    if (at == kSorts.end()) return std::nullopt;
    return static_cast<Sort>(at - kSorts.begin());
}

std::string check_sum(std::string_view text) { return std::to_string(hash_text(text) % 0xffffffffULL); }

bool read_token(std::string_view token, const QueryContext& context, Wanted& wanted) {
    const auto text = base64_decode(token);
    if (!text) return false;
    const auto bar = text->find('|');
    if (bar == std::string::npos) return false;
    const std::string_view rest = std::string_view(*text).substr(bar + 1);
    if (text->substr(0, bar) != check_sum(rest)) return false;
    const auto parts = split(rest, '|');
    if (parts.size() != 11 || parts[0] != std::to_string(context.token_generation) || parts[1] != context.model) {
        return false;
    }
    std::array<std::int64_t, 8> numbers{};  // descending, sort, since, until, since_seq, limit, updated, seq
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const auto number = parse_integer(parts[i + 2]);
        if (!number) return false;
        numbers[i] = *number;
    }
    if (numbers[1] < 0 || numbers[1] > 2 || numbers[5] < 1) return false;
    wanted.descending = numbers[0] != 0;
    wanted.sort = static_cast<Sort>(numbers[1]);
    wanted.filter = {numbers[2], numbers[3], numbers[4]};
    wanted.limit = static_cast<std::size_t>(numbers[5]);
    wanted.after = Position{numbers[6], numbers[7], std::string(parts[10])};
    return true;
}

// One parameter after the other; the first that cannot be understood is the problem.
class Reader {
  public:
    Reader(const Parameters& parameters, std::string& problem) : parameters_(parameters), problem_(problem) {}

    std::optional<std::int64_t> integer(std::string_view name, std::int64_t low, std::int64_t high) {
        const auto text = parameters_.find(name);
        if (!text) return std::nullopt;
        const auto value = parse_integer(*text);
        if (!value || *value < low || *value > high) {
            refuse(name);
            return std::nullopt;
        }
        return value;
    }

    template <typename Parse>
    auto parsed(std::string_view name, Parse parse) -> decltype(parse(std::string_view())) {
        const auto text = parameters_.find(name);
        if (!text) return std::nullopt;
        auto value = parse(*text);
        if (!value) refuse(name);
        return value;
    }

  private:
    void refuse(std::string_view name) {
        if (problem_.empty()) problem_ = "invalid parameter: " + std::string(name);
    }

    const Parameters& parameters_;
    std::string& problem_;
};

void read_filter(Reader& reader, Filter& filter) {
    const std::array<std::optional<std::int64_t>, 3> bounds = {
        reader.parsed("since", parse_time), reader.parsed("since_date", parse_time),
        reader.parsed("since_epoch", parse_epoch)};
    for (const auto& bound : bounds) {
        if (bound) filter.since_us = std::max(filter.since_us, *bound);
    }
    if (const auto until = reader.parsed("until", parse_time)) filter.until_us = *until;
    constexpr auto kAny = std::numeric_limits<std::int64_t>::max();
    if (const auto seq = reader.integer("since_seq", -kAny, kAny)) filter.since_seq = *seq;
}

}  // namespace

std::optional<Paging> parse_paging(std::string_view name) {
    const auto* const at = std::find(kPagings.begin(), kPagings.end(), name);
    if (at == kPagings.end()) return std::nullopt;
    return static_cast<Paging>(at - kPagings.begin());
}

int parse_query(const Parameters& parameters, const QueryContext& context, Query& query, std::string& problem) {
    if (!parameters.well_formed()) {
        problem = "malformed percent encoding";
        return 400;
    }
    Reader reader(parameters, problem);
    Wanted& wanted = query.wanted;
    query.bare = parameters.flag("bare");
    query.relative = parameters.flag("relative");

    const auto limit = reader.integer("limit", 1, std::numeric_limits<std::int64_t>::max());
    wanted.limit = static_cast<std::size_t>(std::min(limit.value_or(kDefaultLimit), context.max_limit));
    // Without pagination there is no other way to the rest, so such an endpoint answers everything.
    if (context.paging == Paging::none && !limit) wanted.limit = std::numeric_limits<std::size_t>::max();

    if (const auto sort = reader.parsed("sort", parse_sort)) wanted.sort = *sort;
    if (const auto order = parameters.find("order")) {
        if (*order != "asc" && *order != "desc" && problem.empty()) problem = "invalid parameter: order";
        wanted.descending = *order == "desc";
    }
    read_filter(reader, wanted.filter);
    if (context.paging == Paging::page) {
        const auto page = reader.integer("page", 1, kLargest).value_or(1);
        wanted.offset = static_cast<std::size_t>(page - 1) * wanted.limit;
    } else if (context.paging == Paging::offset) {
        wanted.offset = static_cast<std::size_t>(reader.integer("offset", 0, kLargest).value_or(0));
    }
    if (!problem.empty()) return 400;

    const bool keyset =
        context.paging == Paging::cursor || context.paging == Paging::link || context.paging == Paging::next;
    const auto token = parameters.find("cursor");
    if (keyset && token && !token->empty()) {
        const std::size_t asked = wanted.limit;
        if (!read_token(*token, context, wanted)) {
            problem = "page token expired";
            return 410;
        }
        if (limit) wanted.limit = asked;
        query.token = *token;
    }
    return 0;
}

std::string make_token(const QueryContext& context, const Wanted& wanted, const Position& last) {
    std::string text = std::to_string(context.token_generation) + '|';
    text += context.model;
    for (const std::int64_t number :
         {static_cast<std::int64_t>(wanted.descending), static_cast<std::int64_t>(wanted.sort), wanted.filter.since_us,
          wanted.filter.until_us, wanted.filter.since_seq, static_cast<std::int64_t>(wanted.limit), last.updated_us,
          last.seq}) {
        text += '|' + std::to_string(number);
    }
    text += '|' + last.id;
    return base64url(check_sum(text) + '|' + text);
}

std::string filter_parameters(const Wanted& wanted) {
    std::string out = "limit=" + std::to_string(wanted.limit);
    out += "&sort=";
    out += kSorts[static_cast<std::size_t>(wanted.sort)];
    out += wanted.descending ? "&order=desc" : "&order=asc";
    const Filter none;
    if (wanted.filter.since_us != none.since_us) out += "&since=" + percent_encode(format_time(wanted.filter.since_us));
    if (wanted.filter.until_us != none.until_us) out += "&until=" + percent_encode(format_time(wanted.filter.until_us));
    if (wanted.filter.by_seq()) out += "&since_seq=" + std::to_string(wanted.filter.since_seq);
    return out;
}

}  // namespace simulator
