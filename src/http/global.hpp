// What libcurl asks of a whole process and of everyone who calls it: one initialization, no signals in its
// resolver threads, and a look at every return code.
#pragma once

#include <csignal>

#include <curl/curl.h>

namespace upstream::http {

// Initializes libcurl the first time it is called in this process. There is no counterpart: other code in
// the process may use libcurl too, and the end of the process frees everything.
void initialize_libcurl();

// Throws std::runtime_error unless the call succeeded. Not for callbacks: nothing may be thrown through libcurl.
void check(CURLcode code);
void check(CURLMcode code);

// Blocks all signals in this thread while it lives.
//
// libcurl resolves names in threads of its own, and a new thread inherits the mask of the thread that starts it.
// A Postgres process handles signals in its only thread: a handler that ran in a resolver thread would touch the
// process's state behind its back. So every call that may start such a thread is made under this guard.
class SignalMask {
  public:
    SignalMask();
    ~SignalMask();
    SignalMask(const SignalMask&) = delete;
    SignalMask& operator=(const SignalMask&) = delete;

  private:
    sigset_t before_;
};

}  // namespace upstream::http
