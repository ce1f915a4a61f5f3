// Tokens that we sign ourselves.
#include "core/jwt.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/crypto.hpp"
#include "core/request_values.hpp"
#include "unit/keys.hpp"
#include "unit/support.hpp"

namespace upstream::core {
namespace {

using test::at;
using test::code_of;

const Timestamp kNow = at("2026-01-02T00:00:00.75Z");

Jwt jwt_of(Jwt::Algorithm algorithm) {
    Jwt jwt{.algorithm = algorithm, .key = *Text::parse("{secret.key}")};
    jwt.claims.emplace_back("iss", JsonText{.kind = JsonText::Kind::text, .text = *Text::parse("{account.app_id}")});
    jwt.claims.emplace_back("admin", JsonText{.literal = "true"});
    jwt.claims.emplace_back("sub", JsonText{.kind = JsonText::Kind::text, .text = *Text::parse("{account.user}")});
    return jwt;
}

Result<std::string> make(const Jwt& jwt, const std::string& key) {
    const Source source;
    const Account account{.settings = {{"app_id", "17"}}, .secrets = {{"key", key}}};
    return make_jwt(jwt, account_values(source, account, kNow), kNow);
}

std::vector<std::string> parts_of(const std::string& token) {
    const std::size_t first = token.find('.');
    const std::size_t second = token.find('.', first + 1);
    return {token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1)};
}

TEST(Jwt, HasHeaderAndClaimsAndASignatureOfBoth) {
    const auto token = make(jwt_of(Jwt::Algorithm::hs256), "s3cret");
    ASSERT_TRUE(token);
    const auto parts = parts_of(*token);
    EXPECT_EQ(crypto::from_base64(parts[0]), R"({"alg":"HS256","typ":"JWT"})");
    EXPECT_EQ(crypto::from_base64(parts[1]), R"({"iss":"17","admin":true,"iat":1767312000,"exp":1767312300})") << "sub has no value and is left out";
    EXPECT_EQ(parts[2], crypto::to_base64url(crypto::hmac(crypto::Hash::sha256, "s3cret", parts[0] + "." + parts[1])));
}

TEST(Jwt, CarriesTheHeadersThatTheSpecAdds) {
    Jwt jwt = jwt_of(Jwt::Algorithm::hs512);
    jwt.headers.emplace_back("kid", *Text::parse("key-{account.app_id}"));
    jwt.headers.emplace_back("typ", Text::constant("at+jwt"));
    const auto token = make(jwt, "s3cret");
    ASSERT_TRUE(token);
    EXPECT_EQ(crypto::from_base64(parts_of(*token)[0]), R"({"alg":"HS512","typ":"at+jwt","kid":"key-17"})");
}

TEST(Jwt, ASecretMayBeWrittenInBase64OrHex) {
    Jwt jwt = jwt_of(Jwt::Algorithm::hs256);
    const auto plain = make(jwt, "s3cret");
    jwt.key_encoding = Jwt::KeyEncoding::base64;
    EXPECT_EQ(*make(jwt, "czNjcmV0"), *plain);
    jwt.key_encoding = Jwt::KeyEncoding::hex;
    EXPECT_EQ(*make(jwt, "733363726574"), *plain);
    EXPECT_EQ(code_of(make(jwt, "not hex")), "invalid_spec");
}

TEST(Jwt, IsSignedByPrivateKeysOfTheRightKind) {
    using Algorithm = Jwt::Algorithm;
    for (const Algorithm algorithm : {Algorithm::rs256, Algorithm::rs384, Algorithm::rs512}) EXPECT_TRUE(make(jwt_of(algorithm), test::kRsaKey));
    EXPECT_TRUE(make(jwt_of(Algorithm::es256), test::kP256Key));
    EXPECT_TRUE(make(jwt_of(Algorithm::es384), test::kP384Key));
    EXPECT_EQ(code_of(make(jwt_of(Algorithm::rs256), test::kP256Key)), "invalid_spec");
}

TEST(Jwt, WithoutItsKeyIsAnError) {
    const Source source;
    EXPECT_EQ(code_of(make_jwt(jwt_of(Jwt::Algorithm::hs256), account_values(source, Account{}, kNow), kNow)), "invalid_spec");
}

}  // namespace
}  // namespace upstream::core
