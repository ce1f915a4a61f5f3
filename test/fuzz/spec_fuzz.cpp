// read_source() and check_account(): a spec, then after a NUL an account's settings.
#include "core/source.hpp"
#include "fuzz/fuzz.hpp"

using namespace upstream;
using fuzz::promise;

namespace {

void check(const std::vector<core::Problem>& problems) {
    for (const core::Problem& problem : problems) {
        promise(problem.path.starts_with("$"), "a problem says where it is");
        promise(!problem.message.empty(), "a problem says what it is");
        promise(fuzz::is_utf8(problem.path) && fuzz::is_utf8(problem.message) && fuzz::is_utf8(problem.hint), "a problem can be shown");
    }
}

bool has_error(const std::vector<core::Problem>& problems) {
    for (const core::Problem& problem : problems)
        if (!problem.warning) return true;
    return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input{reinterpret_cast<const char*>(data), size};
    const std::size_t cut = input.find('\0');
    const auto spec = core::json::Document::parse(std::string{input.substr(0, cut)});
    if (!spec) return 0;
    const core::Reading reading = core::read_source(spec->root());
    check(reading.problems);
    promise(reading.source.has_value() != has_error(reading.problems), "a spec is valid, or the reason is told");
    if (!reading.source) return 0;
    const core::Source& source = *reading.source;
    for (const core::Stream& stream : source.streams) promise(source.stream(stream.name) != nullptr, "streams are found by name");
    const auto config = core::json::Document::parse(cut == std::string_view::npos ? "{}" : std::string{input.substr(cut + 1)});
    if (config) check(core::check_account(source, config->root()));
    return 0;
}
