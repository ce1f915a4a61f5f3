#include "core/jwt.hpp"

#include <optional>
#include <utility>

#include "core/crypto.hpp"

namespace upstream::core {
namespace {

using Algorithm = Jwt::Algorithm;

struct Details {
    const char* name;
    crypto::Hash hash;
    std::optional<crypto::Kind> key;  // absent: a shared secret
};

Details details(Algorithm algorithm) {
    using crypto::Hash;
    using crypto::Kind;
    switch (algorithm) {
        case Algorithm::hs256: return {"HS256", Hash::sha256, std::nullopt};
        case Algorithm::hs384: return {"HS384", Hash::sha384, std::nullopt};
        case Algorithm::hs512: return {"HS512", Hash::sha512, std::nullopt};
        case Algorithm::rs256: return {"RS256", Hash::sha256, Kind::rsa};
        case Algorithm::rs384: return {"RS384", Hash::sha384, Kind::rsa};
        case Algorithm::rs512: return {"RS512", Hash::sha512, Kind::rsa};
        case Algorithm::es256: return {"ES256", Hash::sha256, Kind::ecdsa};
        case Algorithm::es384: return {"ES384", Hash::sha384, Kind::ecdsa};
    }
    return {"HS256", Hash::sha256, std::nullopt};
}

std::string seconds(Timestamp time) { return std::to_string(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count()); }

std::string header_of(const Jwt& jwt, const char* algorithm, const TypedLookup& lookup) {
    JsonText header{.kind = JsonText::Kind::object};
    set_member(header, "alg", json::quote(algorithm));
    set_member(header, "typ", R"("JWT")");
    for (const auto& [name, text] : jwt.headers)
        if (const auto value = fill_in(JsonText{.kind = JsonText::Kind::text, .text = text}, lookup)) set_member(header, name, to_json(*value));
    return to_json(header);
}

std::string claims_of(const Jwt& jwt, const TypedLookup& lookup, Timestamp now) {
    JsonText claims{.kind = JsonText::Kind::object};
    for (const auto& [name, claim] : jwt.claims)
        if (auto value = fill_in(claim, lookup)) claims.members.emplace_back(name, std::move(*value));
    claims.members.emplace_back("iat", JsonText{.literal = seconds(now)});
    claims.members.emplace_back("exp", JsonText{.literal = seconds(now + jwt.lifetime)});
    return to_json(claims);
}

}  // namespace

std::optional<std::string> decode_key(const std::string& key, Jwt::KeyEncoding encoding) {
    switch (encoding) {
        case Jwt::KeyEncoding::text: return key;
        case Jwt::KeyEncoding::base64: return crypto::from_base64(key);
        case Jwt::KeyEncoding::hex: return crypto::from_hex(key);
    }
    return key;
}

Result<std::string> make_jwt(const Jwt& jwt, const TypedLookup& lookup, Timestamp now) {
    const auto written = jwt.key.render([&](const Placeholder& p) -> std::optional<std::string> {
        const auto value = lookup(p);
        return value ? std::optional{value->text} : std::nullopt;
    });
    if (!written)
        return Error{.code = Code::invalid_spec, .message = "auth.key \"" + jwt.key.source() + "\" has a placeholder without a value",
                     .hint = "Store the key with upstream.set_secret()."};
    const auto key = decode_key(*written, jwt.key_encoding);
    if (!key) return Error{.code = Code::invalid_spec, .message = "auth.key is not written as auth.key_encoding says"};

    const Details how = details(jwt.algorithm);
    const std::string signed_text = crypto::to_base64url(header_of(jwt, how.name, lookup)) + "." + crypto::to_base64url(claims_of(jwt, lookup, now));
    if (!how.key) return signed_text + "." + crypto::to_base64url(crypto::hmac(how.hash, *key, signed_text));
    const auto signature = crypto::sign(*how.key, how.hash, *key, signed_text);
    if (!signature) return signature.error();
    return signed_text + "." + crypto::to_base64url(*signature);
}

}  // namespace upstream::core
