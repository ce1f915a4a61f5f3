// From a request to its answer: the API's own paths, the token and oracle paths, and the way to the control commands.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "control.hpp"
#include "http.hpp"
#include "world.hpp"

namespace simulator {

class Api {
  public:
    explicit Api(std::int64_t seed);

    // Known only once the server listens; needed for the URLs that lead to next pages.
    void set_port(int port);

    [[nodiscard]] Reply handle(const Request& request);

  private:
    [[nodiscard]] Reply data(const Request& request);
    [[nodiscard]] Reply faulty(const Call& call, const Subject& subject, ModelCounters& counters);
    [[nodiscard]] Reply token(const Request& request);
    [[nodiscard]] Reply oracle(std::string_view path);

    std::unique_ptr<World> world_;
    Control control_;
    std::string origin_;
};

}  // namespace simulator
