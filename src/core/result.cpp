// The names of error codes.
#include "core/result.hpp"

namespace upstream::core {

std::string_view name(Code code) {
    switch (code) {
        case Code::invalid_spec: return "invalid_spec";
        case Code::net_dns: return "net_dns";
        case Code::net_connect: return "net_connect";
        case Code::net_tls: return "net_tls";
        case Code::net_timeout: return "net_timeout";
        case Code::net_partial: return "net_partial";
        case Code::too_large: return "too_large";
        case Code::not_json: return "not_json";
        case Code::decode: return "decode";
        case Code::shape: return "shape";
        case Code::auth_failed: return "auth_failed";
        case Code::needs_reauth: return "needs_reauth";
        case Code::forbidden: return "forbidden";
        case Code::rate_limited: return "rate_limited";
        case Code::server_error: return "server_error";
        case Code::http_error: return "http_error";
        case Code::page_token_expired: return "page_token_expired";
        case Code::cursor_loop: return "cursor_loop";
        case Code::page_limit: return "page_limit";
        case Code::too_many_missing: return "too_many_missing";
        case Code::cursor_insane: return "cursor_insane";
        case Code::target_error: return "target_error";
        case Code::schema_drift: return "schema_drift";
        case Code::target_busy: return "target_busy";
        case Code::fenced: return "fenced";
        case Code::internal: return "internal";
    }
    return "internal";  // a number that is no Code
}

}  // namespace upstream::core
