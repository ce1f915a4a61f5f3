// Statements on calls from upstreams: whose they are, and which were received before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/catalog_rows.hpp"

namespace upstream::worker {

// A model that an event is about.
struct WebhookModel {
    Model model{};         // what writing needs to know; no state
    bool is_read = false;  // a run reads it now, or one left a read half done
};

class WebhookCatalog {
  public:
    WebhookCatalog();

    std::vector<Model> receivers_of(const StoredSource& source);  // with what makes a core::Account; no stream, no state
    bool note(std::int32_t account, const std::string& key, double keep_seconds);  // false if it was received within that time
    void prune(std::int32_t account, double keep_seconds);
    void mark_due(std::int32_t account, const std::string& stream);
    std::optional<WebhookModel> model_for(const Model& account, const std::string& stream);
    bool is_latest(std::int32_t model, const std::string& key, Time at);  // no later event of that row was carried out; notes this one
    void prune_latest(std::int32_t model, double keep_seconds);

  private:
    pg::Statement<std::int32_t> receivers_of_;
    pg::Statement<std::int32_t, std::string, double> note_;
    pg::Statement<std::int32_t, double> prune_;
    pg::Statement<std::int32_t, std::string> mark_due_;
    pg::Statement<std::int32_t, std::string> model_for_;
    pg::Statement<std::int32_t, std::string, Time> is_latest_;
    pg::Statement<std::int32_t, double> prune_latest_;
};

}  // namespace upstream::worker
