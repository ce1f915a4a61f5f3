// Signing in with a token that is asked for, or signed, before the first request.
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "core/source_parts.hpp"

namespace upstream::core::parts {

namespace {

// The credentials of the login request itself: whatever needs no token of its own.
std::shared_ptr<const Auth> read_own_auth(const Node& node, std::vector<TextUse>& uses, Reader& reader) {
    Auth auth = read_auth(node, uses, reader);
    if (auth.oauth2 || auth.login || auth.jwt) {
        reader.problems.add(ObjectReader(node, reader.problems).find("type")->where, "must be one of \"none\", \"basic\", \"bearer\" or \"api_key\"");
        return nullptr;
    }
    return auth.type == Auth::Type::none ? nullptr : std::make_shared<const Auth>(std::move(auth));
}

// A whole URL, or a path under base_url.
void read_login_url(const ObjectReader& object, Login& login, std::vector<TextUse>& uses, Problems& problems) {
    const std::optional<Node> node = object.require("url");
    if (!node) return;
    std::optional<Text> url = read_text(*node, Spot::auth, uses, problems);
    if (!url) return;
    const std::string& written = url->source();
    if (written.find("://") != std::string::npos) {
        check_url(node->where, *url, Query::allowed, problems);
    } else if (!written.starts_with('/') && !written.starts_with('{')) {
        problems.add(node->where, "must be a URL or a path", "Write it as in \"https://id.example.com/login\" or \"/login\".");
    }
    login.url = std::move(*url);
}

void read_login_request(const Node& node, Login& login, std::vector<TextUse>& uses, Reader& reader) {
    Problems& problems = reader.problems;
    if (!expect_object(node, problems)) return;
    const ObjectReader object(node, problems);
    object.allow({"method", "url", "params", "headers", "body", "body_format", "auth"});
    login.method = object.choice<std::string>("method", {{"GET", "GET"}, {"POST", "POST"}, {"PUT", "PUT"}}).value_or(login.method);
    read_login_url(object, login, uses, problems);
    if (const std::optional<Node> params = object.find("params")) login.params = read_params(*params, Spot::auth, uses, problems);
    if (const std::optional<Node> headers = object.find("headers")) login.headers = read_headers(*headers, Spot::auth, uses, problems);
    if (const std::optional<Node> body = object.find("body")) login.body = read_json(*body, Spot::auth, uses, problems);
    login.body_format = body_format(object);
    if (login.body) check_body(object.find("body")->where, login.body, login.body_format, problems);
    if (const std::optional<Node> auth = object.find("auth")) login.auth = read_own_auth(*auth, uses, reader);
}

std::vector<std::pair<std::string, JsonText>> read_claims(const Node& node, std::vector<TextUse>& uses, Problems& problems) {
    std::vector<std::pair<std::string, JsonText>> claims;
    if (!expect_object(node, problems)) return claims;
    for (const Node& member : members(node)) {
        const std::string name(member.value.key());
        if (name == "iat" || name == "exp") problems.add(member.where, "claim \"" + name + "\" is set by itself", "Leave it out; see \"lifetime\".");
        if (member.value.is_null() || member.value.is_array() || member.value.is_object()) {
            problems.add(member.where, "must be a string, a number, true or false");
        } else if (std::optional<JsonText> claim = read_json(member, Spot::auth, uses, problems)) {
            claims.emplace_back(name, std::move(*claim));
        }
    }
    return claims;
}

Texts read_jwt_headers(const Node& node, std::vector<TextUse>& uses, Problems& problems) {
    Texts headers;
    if (!expect_object(node, problems)) return headers;
    for (const Node& member : members(node)) {
        if (member.value.key() == "alg") problems.add(member.where, "header \"alg\" is set by itself", "See \"algorithm\".");
        if (std::optional<Text> text = read_text(member, Spot::auth, uses, problems)) headers.emplace_back(member.value.key(), std::move(*text));
    }
    return headers;
}

}  // namespace

Login read_login(const ObjectReader& object, std::vector<TextUse>& uses, Reader& reader) {
    Problems& problems = reader.problems;
    Login login;
    if (const std::optional<Node> request = object.require("request")) read_login_request(*request, login, uses, reader);
    (void)object.require("token");
    if (std::optional<Path> token = path(object, "token", PathKind::answer, problems)) login.token = std::move(*token);
    login.expires_in = path(object, "expires_in", PathKind::answer, problems);
    login.lifetime = interval(object, "lifetime", problems).value_or(login.lifetime);
    if (const std::optional<Node> send = object.find("send")) login.send = read_send(*send, problems);
    if (const std::optional<Node> remember = object.find("remember")) login.remember = read_remember(*remember, reader);
    return login;
}

Jwt read_jwt(const ObjectReader& object, std::vector<TextUse>& uses, Reader& reader) {
    Problems& problems = reader.problems;
    Jwt jwt;
    (void)object.require("algorithm");
    using Algorithm = Jwt::Algorithm;
    jwt.algorithm = object
                        .choice<Algorithm>("algorithm", {{"HS256", Algorithm::hs256},
                                                         {"HS384", Algorithm::hs384},
                                                         {"HS512", Algorithm::hs512},
                                                         {"RS256", Algorithm::rs256},
                                                         {"RS384", Algorithm::rs384},
                                                         {"RS512", Algorithm::rs512},
                                                         {"ES256", Algorithm::es256},
                                                         {"ES384", Algorithm::es384}})
                        .value_or(jwt.algorithm);
    (void)object.require("key");
    jwt.key = text(object, "key", Spot::auth, uses, problems).value_or(Text{});
    using Encoding = Jwt::KeyEncoding;
    jwt.key_encoding =
        object.choice<Encoding>("key_encoding", {{"text", Encoding::text}, {"base64", Encoding::base64}, {"hex", Encoding::hex}})
            .value_or(jwt.key_encoding);
    if (const std::optional<Node> headers = object.find("headers")) jwt.headers = read_jwt_headers(*headers, uses, problems);
    if (const std::optional<Node> claims = object.find("claims")) jwt.claims = read_claims(*claims, uses, problems);
    jwt.lifetime = interval(object, "lifetime", problems).value_or(jwt.lifetime);
    if (const std::optional<Node> url = object.find("token_url")) {
        jwt.token_url = read_text(*url, Spot::auth, uses, problems);
        if (jwt.token_url) check_url(url->where, *jwt.token_url, Query::allowed, problems);
    }
    if (const std::optional<Node> send = object.find("send")) jwt.send = read_send(*send, problems);
    return jwt;
}

}  // namespace upstream::core::parts
