#include "core/sign.hpp"

#include <algorithm>

#include "core/jwt.hpp"
#include "core/url.hpp"

namespace upstream::core {
namespace {

bool same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
        return lower(x) == lower(y);
    });
}

void add_cookie(Headers& headers, const std::string& cookie) {
    const auto known = std::find_if(headers.begin(), headers.end(), [](const auto& header) { return same_name(header.first, "Cookie"); });
    if (known == headers.end()) {
        headers.emplace_back("Cookie", cookie);
    } else {
        known->second += "; " + cookie;
    }
}

std::optional<Error> put(Draft& draft, const Send& send, std::string value) {
    if (!send.prefix.empty()) value = send.prefix + " " + value;
    Request& request = draft.request;
    switch (send.in) {
        case Place::header: return set_header(request.headers, send.name, std::move(value));
        case Place::query: request.url = join_url(request.url, "", {{send.name, std::move(value)}}); break;
        case Place::cookie:
            if (value.find_first_of(std::string_view{"\r\n\0;", 4}) != std::string::npos)
                return Error{.code = Code::invalid_spec, .message = "cookie \"" + send.name + "\" would have a semicolon or line break in its value"};
            add_cookie(request.headers, send.name + "=" + value);
            break;
        case Place::body:
            if (!draft.body) draft.body = JsonText{.kind = JsonText::Kind::object};
            set_member(*draft.body, send.name, json::quote(value));
            break;
    }
    return std::nullopt;
}

Error no_token() {
    return Error{.code = Code::needs_reauth, .message = "the account has no access token", .hint = "Store one with upstream.update_token()."};
}

std::optional<Error> put_token(Draft& draft, const Send& send, const Account& account) {
    if (!account.token) return no_token();
    return put(draft, send, account.token->access);
}

Send send_of(const OAuth2& oauth) { return oauth.send.value_or(Send{.prefix = oauth.prefix}); }

std::optional<std::string> secret_param(const Auth& auth) {
    if (auth.type == Auth::Type::api_key && auth.place == Place::query) return auth.name;
    const Send* send = nullptr;
    if (auth.oauth2 && auth.oauth2->send) send = &*auth.oauth2->send;
    if (auth.login) send = &auth.login->send;
    if (auth.jwt) send = &auth.jwt->send;
    return send != nullptr && send->in == Place::query ? std::optional{send->name} : std::nullopt;
}

}  // namespace

Error no_value(const std::string& where, const Text& text) {
    return Error{.code = Code::invalid_spec,
                 .message = where + " \"" + text.source() + "\" has a placeholder without a value",
                 .hint = "Set the account's setting or secret that it names."};
}

const Auth& auth_for(const Source& source, const Account& account) {
    const std::string* wanted = setting_of(account, kAuthSetting);
    for (const auto& [name, way] : source.ways)
        if (wanted != nullptr && *wanted == name) return way;
    return source.auth;
}

const Auth& auth_for(const Source& source, const Stream& stream, const Account& account) {
    return stream.auth ? *stream.auth : auth_for(source, account);
}

std::optional<Error> set_header(Headers& headers, const std::string& name, std::string value) {
    if (value.find_first_of(std::string_view{"\r\n\0", 3}) != std::string::npos)
        return Error{.code = Code::invalid_spec,
                     .message = "header \"" + name + "\" would have a line break or NUL in its value",
                     .hint = "Look at the setting, secret or row that the value comes from."};
    std::erase_if(headers, [&](const auto& header) { return same_name(header.first, name); });
    headers.emplace_back(name, std::move(value));
    return std::nullopt;
}

std::optional<Error> sign(Draft& draft, const Auth& auth, const Source& source, const Account& account, Timestamp now) {
    const TypedLookup typed = account_values(source, account, now);
    const Lookup lookup = as_texts(typed);
    switch (auth.type) {
        case Auth::Type::none: return std::nullopt;
        case Auth::Type::bearer: {
            auto token = auth.token.render(lookup);
            if (!token) return no_value("auth.token", auth.token);
            return put(draft, Send{.prefix = auth.prefix}, std::move(*token));
        }
        case Auth::Type::api_key: {
            auto value = auth.value.render(lookup);
            if (!value) return no_value("auth.value", auth.value);
            return put(draft, Send{.in = auth.place, .name = auth.name, .prefix = auth.prefix}, std::move(*value));
        }
        case Auth::Type::basic: {
            auto user = auth.username.render(lookup);
            if (!user) return no_value("auth.username", auth.username);
            draft.request.basic.emplace(std::move(*user), auth.password.render(lookup).value_or(""));
            return std::nullopt;
        }
        case Auth::Type::oauth2: return put_token(draft, send_of(*auth.oauth2), account);
        case Auth::Type::login: return put_token(draft, auth.login->send, account);
        case Auth::Type::jwt: {
            if (auth.jwt->token_url) return put_token(draft, auth.jwt->send, account);
            auto token = make_jwt(*auth.jwt, typed, now);
            if (!token) return token.error();
            return put(draft, auth.jwt->send, std::move(*token));
        }
    }
    return std::nullopt;
}

Request finish(Draft draft) {
    Request& request = draft.request;
    if (!draft.body) return std::move(request);
    const char* type = "application/json";
    switch (draft.body_format) {
        case BodyFormat::json: request.body = to_json(*draft.body); break;
        case BodyFormat::form:
            request.body = to_form(*draft.body);
            type = "application/x-www-form-urlencoded";
            break;
        case BodyFormat::text: {
            const auto text = json::Document::parse(to_json(*draft.body));
            request.body = text ? std::string{text->root().text()} : to_json(*draft.body);
            type = "text/plain; charset=utf-8";
            break;
        }
    }
    const bool stated = std::any_of(request.headers.begin(), request.headers.end(), [](const auto& header) { return same_name(header.first, "Content-Type"); });
    if (!stated) request.headers.emplace_back("Content-Type", type);
    return std::move(request);
}

std::vector<std::string> secret_params(const Source& source, const Stream& stream) {
    std::vector<std::string> names;
    const auto add = [&](const Auth& auth) {
        if (auto name = secret_param(auth)) names.push_back(std::move(*name));
    };
    add(stream.auth.value_or(source.auth));
    if (!stream.auth)
        for (const auto& way : source.ways) add(way.second);
    return names;
}

}  // namespace upstream::core
