#include "core/paginate.hpp"

#include <algorithm>
#include <charconv>

#include "core/excerpt.hpp"
#include "core/sign.hpp"
#include "core/url.hpp"

namespace upstream::core {
namespace {

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

// An answer path's value as text; nothing if it is missing, null or otherwise empty.
struct Found {
    std::optional<std::string> text;  // the value, if there is one
    bool truthy = false;
};

Found look(const Path& path, const Response& response, json::Value root) {
    if (path.root() == Path::Root::header) {
        const auto value = response.header(path.header());
        if (!value) return {};
        return {std::string{*value}, !value->empty() && *value != "false" && *value != "0"};
    }
    const auto value = path.find(root);
    if (!value) return {};
    return {std::string{value->text()}, value->truthy()};
}

// A token ends the list if it is null, missing, "", false, [] or {}; the number 0 does not.
bool ends_list(const Path& path, const Response& response, json::Value root) {
    if (path.root() == Path::Root::header) return look(path, response, root).text.value_or("").empty();
    const auto value = path.find(root);
    if (!value) return true;
    return value->kind() != json::Kind::number && !value->truthy();
}

class NextPage {
  public:
    NextPage(const Source& source, const Stream& stream, const Page& page, const std::string& url, const Response& response,
             json::Value root, std::size_t records)
        : source_(source), stream_(stream), pagination_(stream.pagination), page_(page), url_(url), response_(response), root_(root),
          records_(static_cast<std::int64_t>(records)) {}

    Result<std::optional<Page>> operator()() const {
        using Type = Pagination::Type;
        if (pagination_.done && holds(*pagination_.done, response_, root_)) return end();
        switch (pagination_.type) {
            case Type::none: return end();
            case Type::cursor: return by_token();
            case Type::page: return by_number(1);
            case Type::offset: return by_number(records_);
            case Type::link_header: return by_link();
            case Type::next_url: return by_url();
        }
        return end();
    }

  private:
    static std::optional<Page> end() { return std::nullopt; }

    [[nodiscard]] std::optional<Page> go_on(std::string token) const {
        return Page{.token = std::move(token), .pages_before = page_.pages_before + 1, .records_before = page_.records_before + records_};
    }

    [[nodiscard]] bool no_more() const { return pagination_.has_more && !look(*pagination_.has_more, response_, root_).truthy; }

    [[nodiscard]] Result<std::optional<Page>> by_token() const {
        if (no_more() || ends_list(*pagination_.path, response_, root_)) return end();
        return go_on(*look(*pagination_.path, response_, root_).text);
    }

    [[nodiscard]] Result<std::optional<Page>> by_number(std::int64_t step) const {
        if (pagination_.has_more) {
            if (no_more()) return end();
        } else if (pagination_.total) {
            const auto count = stated_total(pagination_, response_, root_);
            if (!count)
                return Error{.code = Code::shape,
                             .message = "the answer has no total at \"" + pagination_.total->text() + "\"",
                             .detail = "It is: " + excerpt(look(*pagination_.total, response_, root_).text.value_or("nothing"), 60)};
            if (page_.records_before + records_ >= *count) return end();
        } else if (records_ < (page_.size ? *page_.size : pagination_.size.value_or(1))) {
            return end();
        }
        auto next = go_on(std::to_string(page_number(pagination_, page_) + step));
        if (pagination_.type == Pagination::Type::page) next->size = page_.size;  // the number counts pages of that size
        return next;
    }

    [[nodiscard]] Result<std::optional<Page>> by_link() const {
        const auto target = link_target(response_.all_headers("link"), pagination_.rel);
        if (!target) return end();
        return follow(*target);
    }

    [[nodiscard]] Result<std::optional<Page>> by_url() const {
        if (no_more() || ends_list(*pagination_.path, response_, root_)) return end();
        return follow(*look(*pagination_.path, response_, root_).text);
    }

    [[nodiscard]] Result<std::optional<Page>> follow(const std::string& reference) const {
        const auto resolved = resolve_url(url_, reference);
        const auto to = resolved ? origin(*resolved) : std::nullopt;
        const auto from = origin(url_);
        if (!to || !from)
            return Error{.code = Code::shape, .message = "the answer's next URL is not valid"};
        const auto allowed = [&](std::string_view host) {
            const std::string port = ":" + std::to_string(to->port);
            if (host.ends_with(port)) host.remove_suffix(port.size());
            if (!host.starts_with("*.")) return host == to->host;
            host.remove_prefix(1);
            return to->host.size() > host.size() && to->host.ends_with(host);
        };
        const bool listed = to->scheme == "https" && std::any_of(source_.allowed_hosts.begin(), source_.allowed_hosts.end(), allowed);
        if (*to != *from && !listed)
            return Error{.code = Code::shape,
                         .message = "the answer's next URL leads to another host: " + excerpt(to->host, 100),
                         .hint = "If that is right, add the host to allowed_hosts."};
        const auto secrets = secret_params(source_, stream_);
        return go_on(secrets.empty() ? *resolved : without_params(*resolved, secrets));
    }

    const Source& source_;
    const Stream& stream_;
    const Pagination& pagination_;
    const Page& page_;
    const std::string& url_;
    const Response& response_;
    json::Value root_;
    std::int64_t records_;
};

// A value as the raw JSON scalar that the spec's lists hold.
std::string scalar(std::optional<json::Value> value) {
    if (!value) return "null";
    return value->is_string() ? json::quote(value->text()) : std::string{value->raw()};
}

bool test(const Condition& condition, std::optional<json::Value> value) {
    if (condition.exists) return *condition.exists == (value && !value->is_null());
    const auto listed = [&](const std::vector<std::string>& list) { return std::find(list.begin(), list.end(), scalar(value)) != list.end(); };
    if (condition.in) return listed(*condition.in);
    if (condition.not_in) return !listed(*condition.not_in);
    if (!condition.contains || !value) return false;
    if (value->is_string()) return value->text().find(*condition.contains) != std::string_view::npos;
    return value->is_array() && std::any_of(value->begin(), json::Value::end(), [&](json::Value item) { return item.text() == *condition.contains; });
}

}  // namespace

std::int64_t page_number(const Pagination& pagination, const Page& page) {
    return page.first() ? pagination.start : number(page.token).value_or(pagination.start);
}

std::optional<std::int64_t> stated_total(const Pagination& pagination, const Response& response, json::Value root) {
    if (!pagination.total) return std::nullopt;
    return number(look(*pagination.total, response, root).text.value_or(""));
}

std::optional<Page> shrunk(const Pagination& pagination, const Page& page) {
    using Type = Pagination::Type;
    const std::int64_t size = page.size ? *page.size : pagination.size.value_or(1);
    const bool has_own_url = pagination.type == Type::link_header || pagination.type == Type::next_url;
    if (size <= 1 || (has_own_url && !page.first())) return std::nullopt;
    Page smaller = page;
    smaller.size = size / 2;
    if (pagination.type != Type::page) return smaller;
    while (size % *smaller.size != 0) --*smaller.size;
    if (!page.first()) smaller.token = std::to_string((page_number(pagination, page) - pagination.start) * (size / *smaller.size) + pagination.start);
    return smaller;
}

bool holds(const Condition& condition, const Response& response, json::Value root) {
    if (condition.path.root() == Path::Root::header) {
        const auto value = response.header(condition.path.header());
        if (!value) return test(condition, std::nullopt);
        const auto text = json::Document::parse(json::quote(*value));
        return text && test(condition, text->root());
    }
    if (!condition.path.has_wildcard()) return test(condition, condition.path.find(root));
    const std::vector<json::Value> values = condition.path.find_all(root);
    return std::any_of(values.begin(), values.end(), [&](json::Value value) { return test(condition, value); });
}

Result<std::optional<Page>> next_page(const Source& source, const Stream& stream, const Page& page, const std::string& url,
                                      const Response& response, json::Value root, std::size_t records) {
    return NextPage{source, stream, page, url, response, root, records}();
}

}  // namespace upstream::core
