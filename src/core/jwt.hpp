// Tokens that we sign ourselves (RFC 7519), in the compact form.
#pragma once

#include <string>

#include "core/json_text.hpp"
#include "core/result.hpp"
#include "core/source.hpp"

namespace upstream::core {

// The token as of `now`: the spec's claims with iat and exp. Code::invalid_spec if the key cannot be used or has no value.
[[nodiscard]] Result<std::string> make_jwt(const Jwt& jwt, const TypedLookup& lookup, Timestamp now);

// A key as the spec says it is written, decoded; nothing if it is not so.
[[nodiscard]] std::optional<std::string> decode_key(const std::string& key, Jwt::KeyEncoding encoding);

}  // namespace upstream::core
