// Choosing which fault a request meets.
#include "faults.hpp"

#include <algorithm>
#include <array>

#include "text.hpp"

namespace simulator {

namespace {

constexpr std::array<std::string_view, 16> kKinds = {
    "status",       "delay",       "hang",     "reset", "truncate", "html", "bad_json", "missing_list",
    "repeat_token", "type_change", "bad_utf8", "nul",   "deep",     "huge", "drip",     "kill"};

bool matches(const Fault& fault, std::string_view account, std::string_view stream) {
    if (fault.account != "*" && fault.account != account) return false;
    return fault.stream == stream || (fault.stream == "*" && stream != "token");
}

}  // namespace

std::optional<FaultKind> parse_fault_kind(std::string_view name) {
    const auto* const at = std::find(kKinds.begin(), kKinds.end(), name);
    if (at == kKinds.end()) return std::nullopt;
    return static_cast<FaultKind>(at - kKinds.begin());
}

bool Fault::takes_effect() const { return process.value_or(kind != FaultKind::status && kind != FaultKind::html); }

std::optional<Fault> parse_rain_kind(std::string_view name) {
    Fault fault;
    if (name.starts_with("status") && name.size() > 6) {
        const auto status = parse_integer(name.substr(6));
        if (!status || *status < 200 || *status > 599) return std::nullopt;
        fault.status = static_cast<int>(*status);
        return fault;
    }
    const auto kind = parse_fault_kind(name);
    if (!kind || *kind == FaultKind::kill) return std::nullopt;
    fault.kind = *kind;
    return fault;
}

std::optional<Fault> FaultList::draw(std::string_view account, std::string_view stream) {
    for (Fault& fault : faults_) {
        if (fault.times == 0 || !matches(fault, account, stream)) continue;
        if (fault.skip > 0) {
            --fault.skip;
            continue;
        }
        if (fault.times > 0) --fault.times;
        return fault;
    }
    if (rain_.percent <= 0 || rain_.kinds.empty() || (stream == "token" && !rain_.token)) return std::nullopt;
    if (static_cast<std::int64_t>(rain_.random.below(100)) >= rain_.percent) return std::nullopt;
    return rain_.kinds[rain_.random.below(rain_.kinds.size())];
}

bool serves_rows(const Fault& fault) {
    switch (fault.kind) {
        case FaultKind::delay:
        case FaultKind::hang:
        case FaultKind::repeat_token:
        case FaultKind::huge:
        case FaultKind::drip:
        case FaultKind::kill: return true;
        default: return false;
    }
}

}  // namespace simulator
