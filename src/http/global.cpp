// Process-wide needs of libcurl; see global.hpp.
#include "http/global.hpp"

#include <stdexcept>
#include <string>
#include <system_error>

namespace upstream::http {

void initialize_libcurl() {
    static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    check(code);
}

void check(CURLcode code) {
    if (code != CURLE_OK) throw std::runtime_error(std::string("libcurl: ") + curl_easy_strerror(code));
}

void check(CURLMcode code) {
    if (code != CURLM_OK) throw std::runtime_error(std::string("libcurl: ") + curl_multi_strerror(code));
}

SignalMask::SignalMask() {
    sigset_t all;
    sigfillset(&all);
    const int error = pthread_sigmask(SIG_SETMASK, &all, &before_);
    if (error != 0) throw std::system_error(error, std::generic_category(), "could not block signals");
}

SignalMask::~SignalMask() {
    // Fails only for an unknown first argument, and a destructor could not report it.
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace upstream::http
