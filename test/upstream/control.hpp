// The commands by which a test directs the simulator: /_control/...
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "http.hpp"
#include "world.hpp"

namespace simulator {

class Control {
  public:
    Control(std::unique_ptr<World>& world, std::int64_t seed) : world_(world), seed_(seed) {}

    // `command` is the path behind /_control/.
    [[nodiscard]] Reply handle(const Request& request, std::string_view command);

  private:
    [[nodiscard]] Reply get(const Request& request, std::string_view command);
    [[nodiscard]] Reply post(std::string_view body, std::string_view command);
    [[nodiscard]] Reply setup(std::string_view body);
    [[nodiscard]] Reply mutate(std::string_view body);
    [[nodiscard]] Reply fault(std::string_view body);
    [[nodiscard]] Reply rain(std::string_view body);
    [[nodiscard]] Reply expire_access(std::string_view body);
    [[nodiscard]] Reply reseed_token(std::string_view body);

    std::unique_ptr<World>& world_;  // replaced as a whole by setup
    std::int64_t seed_;              // for setups that name none
};

}  // namespace simulator
