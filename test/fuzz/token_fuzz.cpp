// read_grant(): what a token endpoint answers. The first byte chooses the status, the rest is the body.
#include <array>

#include "core/token.hpp"
#include "fuzz/fuzz.hpp"

using namespace upstream;
using fuzz::promise;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static constexpr std::array kStatus{200, 201, 204, 302, 400, 401, 403, 429, 500, 503};
    fuzz::Input input{data, size};
    const int status = kStatus[input.byte() % kStatus.size()];
    const core::Source source;
    const core::Auth auth{.type = core::Auth::Type::oauth2, .oauth2 = core::OAuth2{}};
    const core::Timestamp now{std::chrono::seconds(1'790'000'000)};
    const auto grant = core::read_grant(source, auth, {.status = status, .body = std::string{input.rest()}}, now);
    if (!grant) {
        promise(!grant.error().message.empty(), "a refusal says why");
        promise(fuzz::is_utf8(grant.error().detail), "a refusal can be stored");
        promise(grant.error().detail.size() <= 1000 && grant.error().detail.find('\n') == std::string::npos, "a refusal is one line");
        if (status >= 500 || status == 429) promise(grant.error().code != core::Code::shape, "a server in trouble is not a server that makes no sense");
        return 0;
    }
    promise(status / 100 == 2, "only a success is a grant");
    promise(!grant->access.empty(), "a grant has an access token");
    promise(!grant->refresh || !grant->refresh->empty(), "a refresh token is not empty");
    promise(grant->lifetime > core::Duration{0} && grant->lifetime <= std::chrono::hours(24 * 366), "a token lives for a while");
    return 0;
}
