// Every SQL text of the worker, as typed functions. Each runs in the caller's transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/sync.hpp"
#include "core/token.hpp"
#include "pg/spi.hpp"

namespace upstream::worker {

using pg::Time;

// The columns of model_state that make a core::State, as they are stored.
struct StoredState {
    std::optional<std::string> cursor{};
    std::int32_t failures = 0;
    bool full_refresh = false;
    bool reading = false;
    std::optional<Time> started_at{};
    std::optional<std::string> start{};
    std::optional<std::string> pending{};
    std::optional<std::string> page_token{};
    std::int64_t pages_before = 0;
    std::int64_t records_before = 0;
};

// A model with all that a run needs to know of it.
struct Model {
    std::int32_t id = 0;
    std::int32_t account_id = 0;
    std::int32_t source_id = 0;
    std::int32_t revision = 0;
    std::string source{};
    std::string account{};
    std::string stream{};
    Oid target = InvalidOid;
    std::string config{};                // JSON
    std::string secrets{};               // JSON object of texts
    std::optional<core::Token> token{};
    StoredState state{};
    std::int64_t fence = 0;              // of the lease, if it was claimed
    std::int64_t run_id = 0;
};

struct StoredSource {
    std::int32_t id = 0;
    std::int32_t revision = 0;
    std::string name;
    std::string spec;
    std::string target_schema;
};

// What one page or the end of a run adds to the books.
struct Entry {
    StoredState state{};
    core::Tally tally{};
    std::int64_t inserted = 0, updated = 0, unchanged = 0;
    double fetch_ms = 0, apply_ms = 0;
};

// The token row of an account.
struct StoredToken {
    std::optional<std::string> access{};
    std::optional<Time> expires_at{};
    double lifetime = 0;  // seconds
    bool has_refresh = false;
    bool needs_reauth = false;
    std::string reason{};
    bool refresh_is_held = false;  // somebody else is refreshing it
};

// Who claims: stored with leases so that their death is known at once.
struct Holder {
    Time incarnation;  // start of the postmaster
    std::int32_t pid;
    Time started_at;   // start of this process
    double lease_seconds;
    const char* kind;  // "worker" or "session"
};

[[nodiscard]] Holder this_process(const char* kind);

class Catalog {
  public:
    explicit Catalog(Holder holder);

    // The version of the extension in this database, with the extension locked against DROP till the end of the transaction; nothing if it is not here.
    std::optional<std::string> extension_version();

    // Leases. A claim bumps the fence, opens a run, and settles the run of a holder that died.
    std::vector<Model> claim_due(std::int32_t limit);
    std::vector<Model> claim(const std::vector<std::int32_t>& models);  // those that nobody alive holds
    std::optional<Time> next_due();  // the next time at which claim_due may find something
    std::vector<std::int32_t> models_of(const std::optional<std::string>& account, const std::optional<std::string>& stream);
    std::vector<std::int32_t> models_of_source(const std::optional<std::string>& source);
    std::vector<std::int32_t> existing(const std::vector<std::int32_t>& models);
    void request_full_refresh(const std::vector<std::int32_t>& models);

    // A model without a lease, to look at.
    Model model(const std::string& account, const std::string& stream);

    // The books. False: the lease is lost, and the transaction must not commit.
    bool save_page(const Model& model, const Entry& entry);
    bool finish_run(const Model& model);
    bool fail_run(const Model& model, const core::Error& error, std::optional<Time> retry_at);
    void park_account(std::int32_t account, const std::string& reason);
    void release(const Model& model, const char* status, const std::string& message);
    void give_up(const Model& model);  // of a holder that was fenced off
    void prune_runs(double keep_seconds);

    // Sources and accounts.
    StoredSource source(std::int32_t id);
    std::optional<StoredSource> find_source(const std::string& name);
    StoredSource source_of(std::int32_t account);
    std::int32_t find_account(const std::string& account);

    // Targets, with the rights of whoever asks.
    Oid find_table(const std::string& qualified);  // InvalidOid if there is none
    bool may_act_as(Oid role);

    // Tokens.
    StoredToken token(std::int32_t account);
    std::optional<std::string> claim_refresh(std::int32_t account);  // the refresh token, if the claim was had
    bool store_grant(std::int32_t account, const core::Grant& grant, double margin_seconds);  // false: the claim is not ours any more
    void release_refresh(std::int32_t account);
    void store_token(std::int32_t account, const std::optional<std::string>& access, const std::optional<std::string>& refresh,
                     const std::optional<Time>& expires_at, double margin_seconds);
    void set_secret(std::int32_t account, const std::string& name, const std::optional<std::string>& value);

    // Configuration.
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
    void record_run(std::int32_t model, const std::optional<std::string>& cursor, const std::optional<Time>& synced_at);

  private:
    std::vector<Model> load(pg::Rows rows);

    Holder holder_;
    pg::Statement<> version_;
    pg::Statement<std::int32_t, Time, std::int32_t, Time, double, std::string> claim_due_;
    pg::Statement<std::vector<std::int32_t>, Time, std::int32_t, Time, double, std::string> claim_;
    pg::Statement<> next_due_;
    pg::Statement<std::optional<std::string>, std::optional<std::string>> models_of_;
    pg::Statement<std::optional<std::string>> models_of_source_;
    pg::Statement<std::vector<std::int32_t>> existing_;
    pg::Statement<std::vector<std::int32_t>> request_full_refresh_;
    pg::Statement<std::string, std::string> model_;
    pg::Statement<std::int32_t, std::int64_t, std::int64_t, std::optional<std::string>, bool, bool, std::optional<Time>,
                  std::optional<std::string>, std::optional<std::string>, std::optional<std::string>, std::int64_t, std::int64_t,
                  std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, double, double,
                  double, std::int32_t>
        save_page_;
    pg::Statement<std::int32_t, std::int64_t, std::int64_t> finish_run_;
    pg::Statement<std::int32_t, std::int64_t, std::int64_t, std::string, std::string, std::string, std::string, std::string, std::optional<Time>>
        fail_run_;
    pg::Statement<std::int32_t, std::string> park_account_;
    pg::Statement<std::int32_t, std::int64_t, std::int64_t, std::string, std::string> release_;
    pg::Statement<std::int32_t, Time, std::int32_t, Time, std::int64_t> give_up_;
    pg::Statement<double> prune_runs_;
    pg::Statement<std::int32_t> source_;
    pg::Statement<std::string> find_source_;
    pg::Statement<std::int32_t> source_of_;
    pg::Statement<std::string> find_account_;
    pg::Statement<std::string> find_table_;
    pg::Statement<std::int64_t> may_act_as_;
    pg::Statement<std::int32_t> token_;
    pg::Statement<std::int32_t, Time, std::int32_t, Time, double> claim_refresh_;
    pg::Statement<std::int32_t, std::int32_t, std::string, std::optional<std::string>, double, double> store_grant_;
    pg::Statement<std::int32_t, std::int32_t> release_refresh_;
    pg::Statement<std::int32_t, std::optional<std::string>, std::optional<std::string>, std::optional<Time>, double> store_token_;
    pg::Statement<std::int32_t, std::string, std::optional<std::string>> set_secret_;
    pg::Statement<std::string, pg::Json, std::string> insert_source_;
    pg::Statement<std::int32_t, pg::Json> update_source_;
    pg::Statement<std::int32_t, std::string, pg::Json, std::optional<std::vector<std::string>>> insert_account_;
    pg::Statement<std::int32_t, std::string, std::int64_t, double, double, std::int32_t, bool> insert_model_;
    pg::Statement<std::int32_t, std::int64_t, double, double, std::int32_t, bool, bool> update_model_;
    pg::Statement<std::int32_t> delete_model_;
    pg::Statement<std::int32_t> accounts_of_;
    pg::Statement<std::int32_t, std::optional<std::string>, std::optional<Time>> record_run_;
};

}  // namespace upstream::worker
