#include "core/crypto.hpp"

#include <array>
#include <memory>
#include <new>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

namespace upstream::core::crypto {
namespace {

template <auto Free>
struct Deleter {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Context = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>>;

const EVP_MD* method(Hash hash) {
    switch (hash) {
        case Hash::sha1: return EVP_sha1();
        case Hash::sha256: return EVP_sha256();
        case Hash::sha384: return EVP_sha384();
        case Hash::sha512: return EVP_sha512();
    }
    return EVP_sha256();
}

const unsigned char* bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

void must(bool succeeded) {
    if (!succeeded) throw std::bad_alloc();
}

// A key in PEM is never asked for a password at a terminal.
int no_password(char*, int, int, void*) { return 0; }

Error bad_key(std::string detail) {
    ERR_clear_error();
    return Error{.code = Code::invalid_spec, .message = "the private key cannot be used", .detail = std::move(detail), .hint = "It must be an unencrypted key in PEM, of the kind that the algorithm asks for."};
}

// DER to r || s, each as long as the curve's order.
Result<std::string> halves(const std::string& der, std::size_t width) {
    const unsigned char* at = bytes(std::string_view{der});
    const EcdsaSignature signature{d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()))};
    must(signature != nullptr);
    const BIGNUM* r = nullptr;
    const BIGNUM* s = nullptr;
    ECDSA_SIG_get0(signature.get(), &r, &s);
    std::string out(2 * width, '\0');
    must(BN_bn2binpad(r, bytes(out), static_cast<int>(width)) >= 0);
    must(BN_bn2binpad(s, bytes(out) + width, static_cast<int>(width)) >= 0);
    return out;
}

std::string replaced(std::string text, char from, char to) {
    for (char& c : text)
        if (c == from) c = to;
    return text;
}

}  // namespace

std::string digest(Hash hash, std::string_view data) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned int size = 0;
    must(EVP_Digest(data.data(), data.size(), out.data(), &size, method(hash), nullptr) == 1);
    return {reinterpret_cast<const char*>(out.data()), size};
}

std::string hmac(Hash hash, std::string_view key, std::string_view data) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
    unsigned int size = 0;
    must(HMAC(method(hash), key.empty() ? "" : key.data(), static_cast<int>(key.size()), bytes(data), data.size(), out.data(), &size) != nullptr);
    return {reinterpret_cast<const char*>(out.data()), size};
}

Result<std::string> sign(Kind kind, Hash hash, const std::string& pem, std::string_view data) {
    const Bio bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
    must(bio != nullptr);
    const Key key{PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr)};
    if (!key) return bad_key("It is not a private key in PEM.");
    if (EVP_PKEY_base_id(key.get()) != (kind == Kind::rsa ? EVP_PKEY_RSA : EVP_PKEY_EC))
        return bad_key(kind == Kind::rsa ? "It is not an RSA key." : "It is not a key of an elliptic curve.");

    const Context context{EVP_MD_CTX_new()};
    must(context != nullptr);
    std::size_t size = 0;
    if (EVP_DigestSignInit(context.get(), nullptr, method(hash), nullptr, key.get()) != 1 ||
        EVP_DigestSign(context.get(), nullptr, &size, bytes(data), data.size()) != 1)
        return bad_key("It does not fit the algorithm.");
    std::string signature(size, '\0');
    if (EVP_DigestSign(context.get(), bytes(signature), &size, bytes(data), data.size()) != 1) return bad_key("It does not fit the algorithm.");
    signature.resize(size);
    if (kind == Kind::rsa) return signature;
    const std::size_t width = (static_cast<std::size_t>(EVP_PKEY_bits(key.get())) + 7) / 8;
    // ES256 means P-256, ES384 P-384.
    if (width != (hash == Hash::sha256 ? 32 : 48)) return bad_key("It is a key of another curve than the algorithm's.");
    return halves(signature, width);
}

bool equal(std::string_view a, std::string_view b) { return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }

std::string to_hex(std::string_view data) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    for (const char c : data) {
        const auto byte = static_cast<unsigned char>(c);
        out += kDigits[byte >> 4U];
        out += kDigits[byte & 15U];
    }
    return out;
}

std::string to_base64(std::string_view data) {
    std::string out(4 * ((data.size() + 2) / 3) + 1, '\0');
    const int size = EVP_EncodeBlock(bytes(out), bytes(data), static_cast<int>(data.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
}

std::string to_base64url(std::string_view data) {
    std::string out = replaced(replaced(to_base64(data), '+', '-'), '/', '_');
    out.resize(out.find_last_not_of('=') + 1);
    return out;
}

std::optional<std::string> from_hex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    const auto digit = [](char c) -> int {
        if (c >= '0' && c <= '9') return c - '0';
        if (c >= 'a' && c <= 'f') return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = digit(text[i]);
        const int low = digit(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
    }
    return out;
}

std::optional<std::string> from_base64(std::string_view text) {
    std::string padded = replaced(replaced(std::string{text}, '-', '+'), '_', '/');
    const std::size_t end = padded.find_last_not_of('=');
    padded.resize(end == std::string::npos ? 0 : end + 1);
    const std::size_t used = padded.size();
    if (used % 4 == 1 || padded.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") != std::string::npos) return std::nullopt;
    padded.resize((used + 3) / 4 * 4, '=');
    std::string out(padded.size() / 4 * 3, '\0');
    if (!padded.empty() && EVP_DecodeBlock(bytes(out), bytes(std::string_view{padded}), static_cast<int>(padded.size())) < 0) return std::nullopt;
    out.resize(used * 3 / 4);
    return out;
}

}  // namespace upstream::core::crypto
