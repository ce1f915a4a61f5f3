// Stop points of a test build; see stop_point.hpp.
#include "pg/stop_point.hpp"

#ifdef UPSTREAM_TEST

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "pg/error.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include "miscadmin.h"
}

namespace upstream::pg {
namespace {

constexpr const char* kFile = "upstream_stop";  // processes of the server live in the data directory

struct Order {
    std::string action;
    int skip = 0;
    std::string point;
    struct timespec written {};
};

bool read_order(Order& order) {
    struct stat status {};
    if (stat(kFile, &status) != 0) return false;
    std::ifstream file{kFile};
    if (!(file >> order.action >> order.skip >> std::ws) || !std::getline(file, order.point)) return false;
    order.written = status.st_mtim;
    return true;
}

// Times this process has come to the point of the present order.
bool is_turn(const Order& order) {
    static struct timespec known {};
    static int passed = 0;
    if (known.tv_sec != order.written.tv_sec || known.tv_nsec != order.written.tv_nsec) {
        known = order.written;
        passed = 0;
    }
    return passed++ == order.skip;
}

void raise(const char* code, const char* name) {
    call([&] {
        ereport(ERROR, (errcode(MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4])), errmsg("stopped by a test at \"%s\"", name)));
    });
}

}  // namespace

void stop_point(const std::string& name) {
    Order order;
    if (!read_order(order) || order.point != name || !is_turn(order)) return;
    if (unlink(kFile) != 0) return;  // another process was faster
    if (order.action == "kill") kill(getpid(), SIGKILL);
    else if (order.action == "term") kill(getpid(), SIGTERM);
    else if (order.action == "stop") kill(getpid(), SIGSTOP);
    else if (order.action == "immediate") kill(PostmasterPid, SIGQUIT);
    else if (order.action == "postmaster") kill(PostmasterPid, SIGKILL);
    else raise(order.action.c_str(), name.c_str());
    call([] { CHECK_FOR_INTERRUPTS(); });
}

}  // namespace upstream::pg

#endif
