// Statements on sources, accounts and their models. Part of Catalog.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/catalog_rows.hpp"

namespace upstream::worker {

class ConfigurationCatalog {
  public:
    ConfigurationCatalog();

    StoredSource source(std::int32_t id);
    // Locked until the transaction ends, so that what is done with it fits it.
    enum class For { looking, making_accounts, altering };
    std::optional<StoredSource> find_source(const std::string& name, For what = For::looking);
    std::vector<StoredSource> sources_at(const std::string& path);  // that take webhooks there
    StoredSource source_of(std::int32_t account);
    std::int32_t find_account(const std::string& account);
    Oid find_table(const std::string& qualified);  // InvalidOid if there is none
    bool may_act_as(Oid role);
    std::int32_t insert_source(const std::string& name, const std::string& spec, const std::string& schema);
    void update_source(std::int32_t id, const std::string& spec);
    std::optional<std::int32_t> insert_account(std::int32_t source, const std::string& name, const std::string& config,
                                             const std::optional<std::vector<std::string>>& streams);
    struct ModelRow {
        std::int32_t account_id;
        std::string stream;
        Oid target;
        double every, jitter;  // seconds
        std::int32_t priority;
        bool incremental;
        std::string credential{};  // its own, or "" for the account's
    };
    void insert_model(const ModelRow& row);
    void update_model(std::int32_t model, const ModelRow& row, bool read_again);
    void delete_model(std::int32_t model);
    struct AccountRow {
        std::int32_t id;
        bool all_streams;
        struct Known {
            std::int32_t id;
            std::string stream;
            Oid target;
        };
        std::vector<Known> models;
    };
    std::vector<AccountRow> accounts_of(std::int32_t source);

  private:
    pg::Statement<std::int32_t> source_;
    pg::Statement<std::string> find_source_, share_source_, lock_source_;
    pg::Statement<std::string> sources_at_;
    pg::Statement<std::int32_t> source_of_;
    pg::Statement<std::string> find_account_;
    pg::Statement<std::string> find_table_;
    pg::Statement<std::int64_t> may_act_as_;
    pg::Statement<std::string, pg::Json, std::string> insert_source_;
    pg::Statement<std::int32_t, pg::Json> update_source_;
    pg::Statement<std::int32_t, std::string, pg::Json, std::optional<std::vector<std::string>>> insert_account_;
    pg::Statement<std::int32_t, std::string, std::int64_t, double, double, std::int32_t, bool, std::string> insert_model_;
    pg::Statement<std::int32_t, std::int64_t, double, double, std::int32_t, bool, bool, std::string> update_model_;
    pg::Statement<std::int32_t> forget_partitions_;
    pg::Statement<std::int32_t> delete_model_;
    pg::Statement<std::int32_t> accounts_of_;
};

}  // namespace upstream::worker
