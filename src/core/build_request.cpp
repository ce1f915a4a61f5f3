#include "core/build_request.hpp"

#include "core/url.hpp"

namespace upstream::core {
namespace {

Error no_value(const std::string& where, const Text& text) {
    return Error{.code = Code::invalid_spec,
                 .message = where + " \"" + text.source() + "\" has a placeholder without a value",
                 .hint = "Set the account's setting or secret that it names."};
}

// A list written as csv; what is not a list is one value.
std::string as_csv(const std::string& value) {
    const auto document = json::Document::parse(value);
    if (!document || !document->root().is_array()) return value;
    std::string csv;
    const json::Value list = document->root();
    for (const json::Value item : list) csv += (csv.empty() ? "" : ",") + std::string{item.text()};
    return csv;
}

// csv, json and url are the formats that are not about time.
std::string plain_format(std::string value, std::string_view format) {
    if (format == "csv") return as_csv(value);
    if (format == "url") return percent_encode(value);
    if (format == "json") return json::quote(value);
    return value;
}

class RequestValues {
  public:
    RequestValues(const Stream& stream, const Account& account, const Page& page, const Bounds& bounds, Timestamp started,
                  const PartitionValues& partition)
        : stream_(stream), account_(account), of_account_(account_lookup(account_)), page_(page), bounds_(bounds), started_(started),
          partition_(partition) {}

    std::optional<std::string> operator()(const Placeholder& p) const {
        if (p.root == "cursor" && stream_.cursor) {
            const bool start = p.word == "start";
            if (start && bounds_.opaque) return plain_format(*bounds_.opaque, p.format);
            const std::optional<Position>& bound = start ? bounds_.start : bounds_.end;
            if (!bound) return std::nullopt;
            return render_bound(*stream_.cursor, *bound, p.format, start ? Round::down : Round::up);
        }
        if (p.root == "page") return of_page(p.word);
        if (p.root == "run") return format_time(started_, time_format(p.format).value_or(TimeFormat::iso));
        auto value = partition_.find(p);
        if (!value) value = of_account_(p);
        if (value) return plain_format(std::move(*value), p.format);
        return value;
    }

    // What stands for the page token: its start value on the first page of numbered reads.
    [[nodiscard]] std::optional<std::string> token() const {
        using Type = Pagination::Type;
        const Type type = stream_.pagination.type;
        if (!page_.first()) return page_.token;
        if (type == Type::page || type == Type::offset) return std::to_string(stream_.pagination.start);
        return std::nullopt;
    }

  private:
    [[nodiscard]] std::optional<std::string> of_page(std::string_view word) const {
        if (word == "token") return token();
        if (word != "size") return std::nullopt;
        const std::optional<std::int64_t> size = page_.size ? page_.size : stream_.pagination.size;
        return size ? std::optional{std::to_string(*size)} : std::nullopt;
    }

    const Stream& stream_;
    const Account& account_;
    Lookup of_account_;
    const Page& page_;
    const Bounds& bounds_;
    Timestamp started_;
    const PartitionValues& partition_;
};

void set_header(Headers& headers, const std::string& name, std::string value) {
    const auto same = [&](const auto& header) {
        if (header.first.size() != name.size()) return false;
        for (std::size_t i = 0; i < name.size(); ++i)
            if ((header.first[i] | 0x20) != (name[i] | 0x20)) return false;
        return true;
    };
    std::erase_if(headers, same);
    headers.emplace_back(name, std::move(value));
}

bool names_url(const Pagination& pagination) {
    return pagination.type == Pagination::Type::link_header || pagination.type == Pagination::Type::next_url;
}

Query query_of(const Stream& stream, const Lookup& lookup, const std::optional<std::string>& token) {
    Query query;
    for (const auto& [name, texts] : stream.params)
        for (const Text& text : texts)
            if (auto value = text.render(lookup)) query.emplace_back(name, std::move(*value));
    const auto& inject = stream.pagination.inject;
    if (inject && inject->in == Pagination::Place::query && token) query.emplace_back(inject->name, *token);
    return query;
}

}  // namespace

std::optional<std::string> secret_param(const Auth& auth) {
    if (auth.type == Auth::Type::api_key && auth.place == Auth::Place::query) return auth.name;
    return std::nullopt;
}

Result<Request> sign(Request request, const Auth& auth, const Account& account) {
    const Lookup lookup = account_lookup(account);
    switch (auth.type) {
        case Auth::Type::none: break;
        case Auth::Type::bearer: {
            auto token = auth.token.render(lookup);
            if (!token) return no_value("auth.token", auth.token);
            set_header(request.headers, "Authorization", auth.prefix + " " + *token);
            break;
        }
        case Auth::Type::api_key: {
            auto value = auth.value.render(lookup);
            if (!value) return no_value("auth.value", auth.value);
            if (!auth.prefix.empty()) *value = auth.prefix + " " + *value;
            if (auth.place == Auth::Place::header) set_header(request.headers, auth.name, std::move(*value));
            if (auth.place == Auth::Place::cookie) set_header(request.headers, "Cookie", auth.name + "=" + *value);
            if (auth.place == Auth::Place::query) request.url = join_url(request.url, "", {{auth.name, std::move(*value)}});
            break;
        }
        case Auth::Type::basic: {
            auto user = auth.username.render(lookup);
            if (!user) return no_value("auth.username", auth.username);
            request.basic.emplace(std::move(*user), auth.password.render(lookup).value_or(""));
            break;
        }
        case Auth::Type::oauth2:
            if (!account.token)
                return Error{.code = Code::needs_reauth,
                             .message = "the account has no access token",
                             .hint = "Store one with upstream.update_token()."};
            set_header(request.headers, "Authorization", auth.oauth2->prefix + " " + account.token->access);
            break;
        case Auth::Type::login:
        case Auth::Type::jwt: return Error{.code = Code::invalid_spec, .message = "this way to sign in is not carried out yet"};
    }
    return request;
}

Result<Request> build_request(const Source& source, const Stream& stream, const Account& account, const Page& page,
                              const Bounds& bounds, Timestamp run_started_at, const PartitionValues& partition) {
    const RequestValues values{stream, account, page, bounds, run_started_at, partition};
    const Lookup lookup = std::cref(values);
    Request request;
    request.connect_timeout = source.connect_timeout.value_or(request.connect_timeout);
    request.total_timeout = source.total_timeout.value_or(request.total_timeout);

    if (names_url(stream.pagination) && !page.first()) {
        request.url = page.token;
    } else {
        const auto base = source.base_url.render(lookup);
        if (!base) return no_value("base_url", source.base_url);
        const auto path = stream.path.render(lookup, percent_encode);
        if (!path) return no_value("path", stream.path);
        request.url = join_url(*base, *path, query_of(stream, lookup, values.token()));
    }
    set_header(request.headers, "Accept", "application/json");
    for (const HeaderTexts* headers : {&source.headers, &stream.headers})
        for (const auto& [name, text] : *headers)
            if (auto value = text.render(lookup)) set_header(request.headers, name, std::move(*value));
    const auto& inject = stream.pagination.inject;
    if (inject && inject->in == Pagination::Place::header)
        if (auto token = values.token()) set_header(request.headers, inject->name, std::move(*token));
    return sign(std::move(request), source.auth, account);
}

}  // namespace upstream::core
