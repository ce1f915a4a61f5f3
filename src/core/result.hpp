// Result<T>: a value, or the reason why there is none.
//
// For failures that are part of the work: the network, an upstream's answer, a spec that a person wrote.
// Exceptions are for what ends a unit of work (see pg/error.hpp), assertions for what only a programmer
// can get wrong.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace upstream::core {

// What went wrong, in the words that model_status.error_code shows.
enum class Code {
    invalid_spec,        // the source spec, the account or the call is wrong
    net_dns,             // the host's name does not resolve
    net_connect,         // nobody listens, or the address is not allowed
    net_tls,             // no trusted connection
    net_timeout,         // a phase of the request took too long
    net_partial,         // the answer broke off
    too_large,           // the answer is larger than upstream.max_page_size
    not_json,            // the answer is not JSON
    decode,              // a value in the answer cannot be read
    shape,               // the list of records is not where the spec says
    auth_failed,         // the upstream refuses the credentials
    needs_reauth,        // only a person can sign in again
    forbidden,           // signed in, but not allowed
    rate_limited,        // the upstream asks us to wait
    server_error,        // 408 or 5xx
    http_error,          // any other status that is not a success
    page_token_expired,  // the upstream no longer knows the page token
    cursor_loop,         // a page or page token came twice
    page_limit,          // more pages than the spec allows
    too_many_missing,    // a full read has not met more rows than deletes.max_fraction allows
    cursor_insane,       // a whole page lies in the far future
    target_error,        // Postgres refuses the rows
    schema_drift,        // too many records of a page do not fit
    target_busy,         // the target is locked, or another transaction got in the way
    fenced,              // somebody else holds the lease now
    internal,
};

[[nodiscard]] std::string_view name(Code code);

struct Error {
    Code code = Code::internal;
    std::string message;   // Postgres' style: lower case, no full stop, never a secret
    std::string detail{};  // facts, such as the first bytes of the answer
    std::string hint{};    // what to do
    std::string sqlstate{};  // five characters if Postgres raised it
};

template <class T>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }

    T& operator*() { return std::get<0>(state_); }
    const T& operator*() const { return std::get<0>(state_); }
    T* operator->() { return &std::get<0>(state_); }
    const T* operator->() const { return &std::get<0>(state_); }

    [[nodiscard]] const Error& error() const { return std::get<1>(state_); }

  private:
    std::variant<T, Error> state_;
};

}  // namespace upstream::core
