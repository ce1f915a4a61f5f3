// Hashes, signatures and their spellings, against published vectors and against libcrypto's own verification.
#include "core/crypto.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "unit/keys.hpp"
#include "unit/support.hpp"

namespace upstream::core::crypto {
namespace {

using test::code_of;

// Whether r || s is a signature of `data` by the key's public half.
bool verifies(const char* pem, const EVP_MD* hash, const std::string& halves, const std::string& data) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio{BIO_new_mem_buf(pem, -1), BIO_free};
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free};
    const auto half = static_cast<int>(halves.size() / 2);
    const auto* at = reinterpret_cast<const unsigned char*>(halves.data());
    const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> signature{ECDSA_SIG_new(), ECDSA_SIG_free};
    ECDSA_SIG_set0(signature.get(), BN_bin2bn(at, half, nullptr), BN_bin2bn(at + half, half, nullptr));
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(signature.get(), &der);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
    EVP_DigestVerifyInit(context.get(), nullptr, hash, nullptr, key.get());
    const int good = EVP_DigestVerify(context.get(), der, static_cast<std::size_t>(size), reinterpret_cast<const unsigned char*>(data.data()), data.size());
    OPENSSL_free(der);
    return good == 1;
}

TEST(Digest, OfTheEmptyTextAndOfAbc) {
    EXPECT_EQ(to_hex(digest(Hash::sha1, "abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_EQ(to_hex(digest(Hash::sha256, "")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Hmac, VectorsOfRfc4231) {
    EXPECT_EQ(to_hex(hmac(Hash::sha256, "Jefe", "what do ya want for nothing?")), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(to_hex(hmac(Hash::sha384, "Jefe", "what do ya want for nothing?")),
              "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649");
    const std::string long_key(131, '\xaa');
    EXPECT_EQ(to_hex(hmac(Hash::sha256, long_key, "Test Using Larger Than Block-Size Key - Hash Key First")),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hmac, AnEmptyKeyIsAKey) {
    EXPECT_EQ(to_hex(hmac(Hash::sha256, "", "")), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Sign, RsaIsWhatOpensslSigns) {
    const auto signature = sign(Kind::rsa, Hash::sha256, test::kRsaKey, "payload");
    ASSERT_TRUE(signature);
    EXPECT_EQ(to_base64(*signature), "xsq1rLFXAyw/XkM7ujua0b0SUj6FIvqib3PYB+Pth27XqK2O2bwdao60uIPOFPM5I2tyj8crI2bjogMx02l5kIbC8X5X2L3iTXrbxynSzrOX/VtGbuvXMeKkuOZfWDsvkChPOLBuDpag7ei7LQS/hqHx9E2tXDyJwytkJ4hankkPFZQ8EU1pyJfrJC8HeRBUZLuAiDdawTGd5dhAgNe0PlrM4coG+Mgg4JXJbIFfIj443tb1D1GrdxcAFzXPgEJUoCZRruUkxfDYKgdLm66hFbl4/2HWEZ+e6/pOfO5pTczYIZVZyNXHl/2BnX793p1V8J7pMS5jIiTM2PAFxSZiXw==");
}

TEST(Sign, EcdsaIsTheTwoHalvesInFullLength) {
    for (int i = 0; i < 50; ++i) {  // a half with leading zeros comes along
        const auto p256 = sign(Kind::ecdsa, Hash::sha256, test::kP256Key, "payload");
        ASSERT_TRUE(p256);
        ASSERT_EQ(p256->size(), 64U);
        ASSERT_TRUE(verifies(test::kP256Key, EVP_sha256(), *p256, "payload"));
        ASSERT_FALSE(verifies(test::kP256Key, EVP_sha256(), *p256, "another"));
    }
    const auto p384 = sign(Kind::ecdsa, Hash::sha384, test::kP384Key, "payload");
    ASSERT_TRUE(p384);
    EXPECT_EQ(p384->size(), 96U);
    EXPECT_TRUE(verifies(test::kP384Key, EVP_sha384(), *p384, "payload"));
}

TEST(Sign, AKeyOfAnotherKindIsRefusedAndNotShown) {
    EXPECT_EQ(code_of(sign(Kind::rsa, Hash::sha256, test::kP256Key, "x")), "invalid_spec");
    EXPECT_EQ(code_of(sign(Kind::ecdsa, Hash::sha256, test::kRsaKey, "x")), "invalid_spec");
    EXPECT_EQ(code_of(sign(Kind::ecdsa, Hash::sha256, test::kP384Key, "x")), "invalid_spec") << "ES256 is P-256";
    const auto refused = sign(Kind::rsa, Hash::sha256, "s3cret", "x");
    ASSERT_EQ(code_of(refused), "invalid_spec");
    EXPECT_EQ((refused.error().message + refused.error().detail).find("s3cret"), std::string::npos);
}

TEST(Equal, ComparesContentsAndLengths) {
    EXPECT_TRUE(equal("", ""));
    EXPECT_TRUE(equal("abc", "abc"));
    EXPECT_FALSE(equal("abc", "abd"));
    EXPECT_FALSE(equal("abc", "abcd"));
}

TEST(Base64, VectorsOfRfc4648) {
    const std::pair<std::string, std::string> cases[] = {{"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},        {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "+/8="}};
    for (const auto& [plain, coded] : cases) {
        EXPECT_EQ(to_base64(plain), coded);
        EXPECT_EQ(from_base64(coded), plain);
    }
    EXPECT_EQ(to_base64url("\xfb\xff"), "-_8");
    EXPECT_EQ(from_base64("-_8"), "\xfb\xff");
}

TEST(Base64, WhatIsNotItIsNothing) {
    for (const char* text : {"A", "AAAAA", "AA!A", "AA AA", "A=AA"}) EXPECT_EQ(from_base64(text), std::nullopt) << text;
}

TEST(Hex, BothCasesAreReadAndPairsAreWanted) {
    EXPECT_EQ(to_hex("\x0f\xa0"), "0fa0");
    EXPECT_EQ(from_hex("0Fa0"), "\x0f\xa0");
    EXPECT_EQ(from_hex("0fa"), std::nullopt);
    EXPECT_EQ(from_hex("zz"), std::nullopt);
}

}  // namespace
}  // namespace upstream::core::crypto
