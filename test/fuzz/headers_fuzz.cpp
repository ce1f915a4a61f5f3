// What headers and next URLs say: Link, Retry-After, and where a page may lead. Lines: base URL, Retry-After, a next URL; the rest are Link headers.
#include "core/url.hpp"
#include "core/usage.hpp"
#include "fuzz/fuzz.hpp"

using namespace upstream;
using fuzz::promise;

namespace {

void check_url(std::string_view base, std::string_view reference) {
    const auto url = core::resolve_url(base, reference);
    if (!url) return;
    promise(core::origin(base).has_value(), "only what has an origin is a base");
    const auto origin = core::origin(*url);
    promise(origin.has_value(), "what was resolved has an origin");
    promise(origin->host.find_first_of("/\\@?# \t\r\n") == std::string::npos, "a host is a host");
    promise(origin->port > 0 && origin->port < 65536, "a port is a port");
    promise(url->find_first_of("\r\n \t") == std::string::npos, "a URL cannot split a request");
    const auto again = core::resolve_url(*url, *url);  // dot segments of a base stay if only its query changes (RFC 3986 5.2.2)
    promise(again && core::origin(*again) == origin, "a URL stays at its origin");
    promise(core::resolve_url(*again, *again) == again, "a resolved URL is resolved");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input{data, size};
    const std::string base{input.line()};
    const core::Timestamp now{std::chrono::seconds(1'790'000'000)};
    const core::Response response{.status = 429, .headers = {{"Retry-After", std::string{input.line()}}}};
    if (const auto wait = core::asked_wait(core::Source{}, response, now)) {
        promise(*wait >= core::Duration{0}, "nobody waits for the past");
        promise(*wait <= std::chrono::hours(24), "nobody waits longer than a day");
    }
    check_url(base, input.line());
    std::vector<std::string> links;
    while (!input.rest().empty() && links.size() < 8) links.emplace_back(input.line());
    if (const auto target = core::link_target(links, "next")) check_url(base, *target);
    const std::string cleaned = core::without_params(base, {"token", "api_key"});
    promise(core::without_params(cleaned, {"token", "api_key"}) == cleaned, "a cleaned URL is clean");
    promise(core::percent_encode(base).find_first_of("\r\n &=#?/") == std::string::npos, "what is encoded is one value");
    return 0;
}
