// Statements on the books: pages, runs and their ends. Part of Catalog.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/catalog_rows.hpp"

namespace upstream::worker {

class RunCatalog {
  public:
    explicit RunCatalog(Holder holder);

    // Keeps others from claiming the model, or from altering its state, until the transaction ends; false if the lease is lost.
    bool hold(const Model& model);
    void lock(std::int32_t model);  // the same, whoever has the lease
    bool save_page(const Model& model, const Entry& entry);
    bool finish_run(const Model& model, const NextRun& next);
    bool fail_run(const Model& model, const core::Error& error, std::optional<Time> retry_at);
    bool postpone_run(const Model& model, Time until, const std::string& waits_for);
    bool renew_lease(const Model& model);
    void release(const Model& model, const char* status, const std::string& message);
    void prune_runs(double keep_seconds);
    void record_run(std::int32_t model, const std::optional<std::string>& cursor, const std::optional<Time>& synced_at);

  private:
    Holder holder_;
    pg::Statement<std::int32_t, std::int64_t> hold_;
    pg::Statement<std::int32_t> lock_;
    pg::Statement<std::int32_t, std::int64_t, std::int64_t, std::optional<std::string>, bool, std::optional<pg::Json>, pg::Json, std::int64_t,
                  std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, double, double, double, std::int32_t, std::int64_t>
        save_page_;
    pg::Statement<std::int32_t, std::int64_t, std::int64_t, std::optional<Time>, std::optional<Time>, std::string, Time> finish_run_;
    pg::Statement<std::int32_t, std::int64_t, std::int64_t, std::string, std::string, std::string, std::string, std::string, std::optional<Time>>
        fail_run_;
    pg::Statement<std::int32_t, std::int64_t, std::int64_t, Time, std::string> postpone_run_;
    pg::Statement<std::int32_t, std::int64_t, double> renew_lease_;
    pg::Statement<std::int32_t, std::int64_t, std::string, std::string> release_;
    pg::Statement<double> prune_runs_;
    pg::Statement<std::int32_t, std::optional<std::string>, std::optional<Time>> record_run_;
};

}  // namespace upstream::worker
