// What goes wrong on purpose: the list of faults a test has ordered, and the rain of random ones.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "http.hpp"
#include "random.hpp"

namespace simulator {

enum class FaultKind : std::uint8_t {
    status, delay, hang, reset, truncate, html, bad_json, missing_list, repeat_token, type_change, bad_utf8, nul, deep,
    huge, drip, kill
};

[[nodiscard]] std::optional<FaultKind> parse_fault_kind(std::string_view name);

struct Fault {
    std::string account = "*";
    std::string stream = "*";  // "token" is the token endpoint; "*" is every stream, but not that
    std::int64_t skip = 0;     // matching requests to let pass first
    std::int64_t times = 1;    // how often; below zero is for ever
    FaultKind kind = FaultKind::status;
    int status = 500;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body = R"({"error":"injected fault"})";
    std::int64_t ms = 1000;
    std::int64_t at = -1;     // bytes of the body before it is cut; below zero is the half
    std::int64_t bytes = 0;
    pid_t pid = 0;
    int signal = 9;
    bool on_response = false;
    bool hang = false;  // a status is told on release only
    std::optional<bool> process;  // whether a token request takes effect although its answer goes wrong

    // A refused request has not been looked at; one whose answer is lost has taken effect, which is the nasty case.
    [[nodiscard]] bool takes_effect() const;
};

struct Rain {
    std::int64_t percent = 0;
    std::vector<Fault> kinds;
    bool token = false;  // whether it falls on the token endpoint too
    Random random{1};
};

// A kind as rain names it: a fault's kind, or "status" with the number, as in "status429".
[[nodiscard]] std::optional<Fault> parse_rain_kind(std::string_view name);

class FaultList {
  public:
    void add(Fault fault) { faults_.push_back(std::move(fault)); }
    void clear() { faults_.clear(); }
    void set_rain(Rain rain) { rain_ = std::move(rain); }

    // The fault for this request, if it is to have one; counts it as used.
    [[nodiscard]] std::optional<Fault> draw(std::string_view account, std::string_view stream);

  private:
    std::vector<Fault> faults_;
    Rain rain_;
};

// Does to an answer what the fault says. Rows may be damaged, so this comes before compression; where bytes count
// (truncate), `finish_damage` does the rest after it.
void damage(Reply& reply, const Fault& fault);
void finish_damage(Reply& reply, const Fault& fault);

// Whether the rows that went into the answer reach the client as they are.
[[nodiscard]] bool serves_rows(const Fault& fault);

}  // namespace simulator
