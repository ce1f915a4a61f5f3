// Every SQL text of the worker, as typed functions. Each runs in the caller's transaction.
// By subject: catalog_models, catalog_runs, catalog_pages, catalog_partitions, catalog_staging, catalog_tokens, catalog_limits, catalog_configuration,
// catalog_webhooks.
#pragma once

#include <optional>
#include <string>

#include "worker/catalog_configuration.hpp"
#include "worker/catalog_limits.hpp"
#include "worker/catalog_models.hpp"
#include "worker/catalog_pages.hpp"
#include "worker/catalog_partitions.hpp"
#include "worker/catalog_rows.hpp"
#include "worker/catalog_runs.hpp"
#include "worker/catalog_staging.hpp"
#include "worker/catalog_tokens.hpp"
#include "worker/catalog_webhooks.hpp"

namespace upstream::worker {

[[nodiscard]] Holder this_process(const char* kind);

class Catalog : public ModelCatalog,
                public RunCatalog,
                public PageCatalog,
                public PartitionCatalog,
                public StagingCatalog,
                public TokenCatalog,
                public LimitCatalog,
                public WebhookCatalog,
                public ConfigurationCatalog {
  public:
    explicit Catalog(Holder holder);

    // The version of the extension in this database, with the extension locked against DROP till the end of the transaction; nothing if it is not here.
    std::optional<std::string> extension_version();

    // The database that the tables belong to, if it is not `instance`.
    std::optional<std::string> foreign_owner(const std::string& instance);

  private:
    pg::Statement<> version_;
    pg::Statement<std::string> foreign_owner_;
};

}  // namespace upstream::worker
