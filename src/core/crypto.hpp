// Signatures, hashes and their spellings, over libcrypto. Nothing here keeps state; a failure of libcrypto itself (out of memory) throws std::bad_alloc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace upstream::core::crypto {

enum class Hash { sha1, sha256, sha384, sha512 };

[[nodiscard]] std::string digest(Hash hash, std::string_view data);                       // raw bytes
[[nodiscard]] std::string hmac(Hash hash, std::string_view key, std::string_view data);  // raw bytes

// A private key in PEM signs: RSA with PKCS #1 v1.5 padding, or ECDSA as the two halves r and s one after the other, as a JWT wants it.
// Code::invalid_spec if the key cannot be read or is of another kind. No message holds a part of the key.
enum class Kind { rsa, ecdsa };
[[nodiscard]] Result<std::string> sign(Kind kind, Hash hash, const std::string& pem, std::string_view data);

// Whether two texts are equal, in a time that tells nothing about where they differ. Their lengths are not secret.
[[nodiscard]] bool equal(std::string_view a, std::string_view b);

[[nodiscard]] std::string to_hex(std::string_view bytes);  // lower case
[[nodiscard]] std::string to_base64(std::string_view bytes);
[[nodiscard]] std::string to_base64url(std::string_view bytes);  // without padding

// Nothing if the text is not what it claims to be. Base64 in either alphabet, with or without padding.
[[nodiscard]] std::optional<std::string> from_hex(std::string_view text);
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace upstream::core::crypto
