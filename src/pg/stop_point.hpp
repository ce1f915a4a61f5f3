// Stop points: named moments of a run at which a test can end, stop or fail the process, to see that nothing is lost there.
//
// Only a test build has them (make TEST_BUILD=1); otherwise UPSTREAM_STOP() is nothing, and so is its cost. What happens at a point is said by a file, so that
// no connection and no reload is needed: `upstream_stop` in the data directory, with one line
//
//     <action> <skip> <point>        kill 0 after applying pages
//
// The action is done when the point is reached for the (skip + 1)-th time by one process, and only once: the file is gone then. Actions:
//     kill       SIGKILL          term       SIGTERM, as pg_terminate_backend() sends
//     stop       SIGSTOP, until the test sends SIGCONT
//     immediate  SIGQUIT to the postmaster: immediate shutdown
//     postmaster SIGKILL to the postmaster
//     XXXXX      an error with that SQLSTATE
//
// Every unit of work (worker/unit.hpp) has three points, named after its activity: "before ...", "committing ..." (all is done but the commit),
// "after ..." (committed). Others stand where they are reached.
#pragma once

#ifdef UPSTREAM_TEST

#include <string>

namespace upstream::pg {
void stop_point(const std::string& name);
}
#define UPSTREAM_STOP(name) ::upstream::pg::stop_point(name)

#else

#define UPSTREAM_STOP(name) static_cast<void>(0)

#endif
