// receive_webhook(): a call from an upstream, handled in the transaction of whoever received it.
//
// Until an account's own key proves a call genuine, nothing is written and nothing of its body is read; afterwards it can reach only accounts whose keys
// prove it, and what one account has received says nothing about another. The reply is true once that transaction has committed, and not before: a call
// that was answered and then rolled back is lost, one that was committed and not answered comes again and is known by its key.
//
// A call moves no cursor and takes no lease: runs make data complete, calls make it fresh sooner.
#pragma once

#include <string>

#include "core/webhook.hpp"

namespace upstream::worker {

struct Reply {
    int status = 200;
    std::string answer{};
};

Reply receive_webhook(const std::string& path, const core::WebhookCall& call);

// A JSON object of texts, or of lists of texts, as names and values.
core::Headers names_and_values(const std::string& json, const char* argument);

}  // namespace upstream::worker
