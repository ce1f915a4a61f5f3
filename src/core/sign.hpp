// Signing in: which credentials count, and where they go in a request.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/account.hpp"
#include "core/json_text.hpp"
#include "core/request.hpp"
#include "core/request_values.hpp"
#include "core/source.hpp"

namespace upstream::core {

// The setting by which an account names one of several ways to sign in.
inline constexpr const char* kAuthSetting = "auth";

// How requests of that stream sign in: the stream's own way; else the way that the account names, the first if it names none.
[[nodiscard]] const Auth& auth_for(const Source& source, const Stream& stream, const Account& account);
[[nodiscard]] const Auth& auth_for(const Source& source, const Account& account);

// A request whose body may still get members.
struct Draft {
    Request request{};
    std::optional<JsonText> body{};  // filled in
    BodyFormat body_format = BodyFormat::json;
};

// Sets a header in place of one of that name in any case. Code::invalid_spec if the value has a line break or NUL, which would begin another header.
[[nodiscard]] std::optional<Error> set_header(Headers& headers, const std::string& name, std::string value);

// Adds the credential. Code::invalid_spec if its placeholder has no value, Code::needs_reauth if it takes a token that the account does not have.
// `now` is when a token that we sign ourselves is issued.
[[nodiscard]] std::optional<Error> sign(Draft& draft, const Auth& auth, const Source& source, const Account& account, Timestamp now);

// Writes the body down; the request is ready.
[[nodiscard]] Request finish(Draft draft);

// Names of the query parameters that carry credentials, whichever way an account signs in. They are cut out of URLs before these are kept or shown.
[[nodiscard]] std::vector<std::string> secret_params(const Source& source, const Stream& stream);

// What is said of a text that cannot be filled in.
[[nodiscard]] Error no_value(const std::string& where, const Text& text);

}  // namespace upstream::core
