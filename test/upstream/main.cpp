// upstream: the API that pg_upstream's tests synchronise from, and the oracle that knows what should have arrived.
//
// upstream [--port N] [--port-file FILE] [--seed N] [--die-with-parent]
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include <sys/prctl.h>
#include <unistd.h>

#include "api.hpp"
#include "server.hpp"
#include "text.hpp"

namespace {

struct Arguments {
    int port = 0;
    std::string port_file;
    std::int64_t seed = 1;
    bool die_with_parent = false;
};

std::optional<Arguments> parse_arguments(int argc, char** argv) {
    Arguments arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--die-with-parent") {
            arguments.die_with_parent = true;
            continue;
        }
        if (++i == argc) return std::nullopt;
        const std::string_view value = argv[i];
        const auto number = simulator::parse_integer(value);
        if (name == "--port-file") {
            arguments.port_file = value;
        } else if (name == "--port" && number && *number >= 0 && *number <= 65535) {
            arguments.port = static_cast<int>(*number);
        } else if (name == "--seed" && number && *number >= 0) {
            arguments.seed = *number;
        } else {
            return std::nullopt;
        }
    }
    return arguments;
}

int fail(const char* what) {
    std::fprintf(stderr, "upstream: %s: %s\n", what, std::strerror(errno));
    return 1;
}

// Whoever waits for the file must never read half a number, so it appears complete.
bool write_port(const std::string& file, int port) {
    const std::string temporary = file + ".tmp";
    std::FILE* out = std::fopen(temporary.c_str(), "w");
    if (out == nullptr) return false;
    const bool written = std::fprintf(out, "%d\n", port) > 0;
    return std::fclose(out) == 0 && written && std::rename(temporary.c_str(), file.c_str()) == 0;
}

// False if the parent was gone before we could ask to be told.
bool follow_parent(pid_t parent) { return prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent; }

}  // namespace

int main(int argc, char** argv) {
    const pid_t parent = getppid();
    const auto arguments = parse_arguments(argc, argv);
    if (!arguments) {
        std::fprintf(stderr, "usage: upstream [--port N] [--port-file FILE] [--seed N] [--die-with-parent]\n");
        return 2;
    }
    if (arguments->die_with_parent && !follow_parent(parent)) return fail("parent process");

    simulator::Api api(arguments->seed);
    simulator::Server server(api);
    const int port = server.listen(arguments->port);
    if (port < 0) return fail("cannot listen");
    api.set_port(port);
    if (arguments->port_file.empty()) {
        std::printf("%d\n", port);
        std::fflush(stdout);
    } else if (!write_port(arguments->port_file, port)) {
        return fail(arguments->port_file.c_str());
    }
    return server.run() ? 0 : fail("event loop");
}
