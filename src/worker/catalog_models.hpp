// Statements on models: leases, and models to look at. Part of Catalog.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/catalog_rows.hpp"

namespace upstream::worker {

// The workers of a database: how many, how many models they run, and how many of these the one who asks.
struct Crew {
    std::int32_t workers = 1;
    std::int32_t running = 0;
    std::int32_t own = 0;
};

class ModelCatalog {
  public:
    explicit ModelCatalog(Holder holder);

    std::vector<Model> claim_due(std::int32_t room, const Crew& crew);
    std::vector<Model> claim(const std::vector<std::int32_t>& models);  // those that nobody alive holds
    std::optional<Time> next_due();  // the next time at which claim_due may find something
    std::vector<std::int32_t> models_of(const std::optional<std::string>& account, const std::optional<std::string>& stream);
    std::vector<std::int32_t> models_of_source(const std::optional<std::string>& source);
    std::vector<std::int32_t> existing(const std::vector<std::int32_t>& models);
    std::uint64_t forget_future();  // after a clock that was set back: what is due too far off is due now
    void request_full_refresh(const std::vector<std::int32_t>& models);
    Model model(const std::string& account, const std::string& stream);
    std::vector<Model> models_with_state(const std::string& account);  // those that sign in as the account does come first
    Freshness freshness(std::int32_t model, Time wanted);  // whether its data is not older than `wanted`
    void request_sync(const std::string& account, const std::string& stream);

  private:
    std::vector<Model> load(pg::Rows rows);
    std::vector<Model> these(const pg::Rows& claimed);

    Holder holder_;
    pg::Statement<std::int32_t, Time, std::int32_t, Time, double, std::string, std::int32_t, std::int32_t, std::int32_t> claim_due_;
    pg::Statement<std::vector<std::int32_t>, Time, std::int32_t, Time, double, std::string> claim_;
    pg::Statement<> next_due_;
    pg::Statement<std::optional<std::string>, std::optional<std::string>> models_of_;
    pg::Statement<std::optional<std::string>> models_of_source_;
    pg::Statement<std::vector<std::int32_t>> existing_;
    pg::Statement<> forget_future_;
    pg::Statement<std::vector<std::int32_t>> request_full_refresh_;
    pg::Statement<std::vector<std::int32_t>> these_models_;
    pg::Statement<std::string, std::string> model_;
    pg::Statement<std::string> models_with_state_;
    pg::Statement<std::int32_t, Time> freshness_;
    pg::Statement<std::string, std::string> request_sync_;
};

}  // namespace upstream::worker
