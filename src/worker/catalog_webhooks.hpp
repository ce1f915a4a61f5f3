// Statements on calls from upstreams: whose they are, and which were received before.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "worker/catalog_rows.hpp"

namespace upstream::worker {

class WebhookCatalog {
  public:
    WebhookCatalog();

    std::vector<StoredSource> sources_at(const std::string& path);
    std::vector<Model> accounts_of(const StoredSource& source);  // with what makes a core::Account; no stream, no state
    bool note(std::int32_t account, const std::string& key, double keep_seconds);  // false if it was received within that time
    void prune(std::int32_t account, double keep_seconds);
    void mark_due(std::int32_t account, const std::string& stream);

  private:
    pg::Statement<std::string> sources_at_;
    pg::Statement<std::int32_t> accounts_of_;
    pg::Statement<std::int32_t, std::string, double> note_;
    pg::Statement<std::int32_t, double> prune_;
    pg::Statement<std::int32_t, std::string> mark_due_;
};

}  // namespace upstream::worker
