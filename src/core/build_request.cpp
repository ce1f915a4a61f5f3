#include "core/build_request.hpp"

#include <algorithm>
#include <functional>

#include "core/sign.hpp"
#include "core/url.hpp"

namespace upstream::core {
namespace {

bool names_url(const Pagination& pagination) {
    return pagination.type == Pagination::Type::link_header || pagination.type == Pagination::Type::next_url;
}

// Parameters whose names are in `without` are for the first page alone.
Query query_of(const Params& params, const Lookup& lookup, const std::vector<std::string>& without) {
    Query query;
    for (const auto& [name, texts] : params) {
        if (std::find(without.begin(), without.end(), name) != without.end()) continue;
        for (const Text& text : texts)
            if (auto value = text.render(lookup)) query.emplace_back(name, std::move(*value));
    }
    return query;
}

// A path with its values encoded, slashes too. Dots cannot be: a value of only dots would lead to another path.
Result<std::string> render_path(const Text& path, const Lookup& lookup) {
    bool only_dots = false;
    const Lookup unencoded = [&](const Placeholder& p) {
        Placeholder plain = p;
        if (plain.format == "url") plain.format.clear();  // is done here
        auto value = lookup(plain);
        if (value && (*value == "." || *value == "..")) only_dots = true;
        return value;
    };
    auto rendered = path.render(unencoded, percent_encode);
    if (!rendered) return no_value("path", path);
    if (only_dots) return Error{.code = Code::invalid_spec, .message = "path \"" + path.source() + "\" has a value that is \".\" or \"..\""};
    return std::move(*rendered);
}

Result<std::string> url_of(const Text& base_url, const Text& path, const Lookup& lookup, const Query& query) {
    const auto base = base_url.render(lookup);
    if (!base) return no_value("base_url", base_url);
    const auto rendered = render_path(path, lookup);
    if (!rendered) return rendered.error();
    return join_url(*base, *rendered, query);
}

std::optional<Error> add_headers(Headers& headers, const HeaderTexts& texts, const Lookup& lookup) {
    for (const auto& [name, text] : texts)
        if (auto value = text.render(lookup))
            if (auto error = set_header(headers, name, std::move(*value))) return error;
    return std::nullopt;
}

Draft draft_for(const Source& source, const std::string& method) {
    Draft draft;
    draft.request.method = method;
    draft.request.connect_timeout = source.connect_timeout.value_or(draft.request.connect_timeout);
    draft.request.first_byte_timeout = source.first_byte_timeout;
    draft.request.total_timeout = source.total_timeout.value_or(draft.request.total_timeout);
    draft.request.headers.emplace_back("Accept", "application/json");
    return draft;
}

// The page token, where the spec wants it. Without one the place is left out.
std::optional<Error> inject(Draft& draft, const Pagination& pagination, const Page& page) {
    const auto token = page_token(pagination, page);
    if (!pagination.inject || !token) return std::nullopt;
    const auto& [place, name] = *pagination.inject;
    if (place == Place::header) return set_header(draft.request.headers, name, token->text);
    if (place != Place::body) return std::nullopt;  // the query has it already
    if (!draft.body) draft.body = JsonText{.kind = JsonText::Kind::object};
    set_member(*draft.body, name, token->as_json());
    return std::nullopt;
}

}  // namespace

Result<Request> build_request(const Source& source, const Stream& stream, const Account& account, const Page& page, const Bounds& bounds,
                              Timestamp run_started_at, const PartitionValues& partition, std::optional<Timestamp> now) {
    const TypedLookup values = request_values(source, stream, account, page, bounds, run_started_at, partition);
    const Lookup lookup = as_texts(values);
    const Pagination& pagination = stream.pagination;
    Draft draft = draft_for(source, stream.method);
    draft.body_format = stream.body_format;

    if (names_url(pagination) && !page.first()) {
        draft.request.url = page.token;
    } else {
        Query query = query_of(stream.params, lookup, page.first() ? std::vector<std::string>{} : pagination.first_params);
        const auto token = page_token(pagination, page);
        if (pagination.inject && pagination.inject->in == Place::query && token) query.emplace_back(pagination.inject->name, token->text);
        auto url = url_of(stream.base_url.value_or(source.base_url), stream.path, lookup, query);
        if (!url) return url.error();
        draft.request.url = std::move(*url);
    }
    if (stream.jsonl)
        if (auto error = set_header(draft.request.headers, "Accept", "application/x-ndjson, application/json")) return *error;
    for (const HeaderTexts* headers : {&source.headers, &stream.headers})
        if (auto error = add_headers(draft.request.headers, *headers, lookup)) return *error;
    if (stream.body && (page.first() || !pagination.first_body)) draft.body = fill_in(*stream.body, values);
    if (auto error = inject(draft, pagination, page)) return *error;
    if (auto error = sign(draft, auth_for(source, stream, account), source, account, now.value_or(run_started_at))) return *error;
    return finish(std::move(draft));
}

Result<Request> check_request(const Source& source, const Account& account, Timestamp now) {
    const AccountCheck& check = *source.check;
    const TypedLookup values = account_values(source, account, now);
    const Lookup lookup = as_texts(values);
    Draft draft = draft_for(source, check.method);
    auto url = url_of(source.base_url, check.path, lookup, query_of(check.params, lookup, {}));
    if (!url) return url.error();
    draft.request.url = std::move(*url);
    if (auto error = add_headers(draft.request.headers, source.headers, lookup)) return *error;
    if (check.body) draft.body = fill_in(*check.body, values);
    if (auto error = sign(draft, auth_for(source, account), source, account, now)) return *error;
    return finish(std::move(draft));
}

}  // namespace upstream::core
