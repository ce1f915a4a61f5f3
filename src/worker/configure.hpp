// Configuration: sources, accounts, secrets, tokens. Each runs in its caller's transaction; books are kept as upstream_worker, tables are created as the caller.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/source.hpp"
#include "pg/spi.hpp"

namespace upstream::worker {

// Every problem of a spec.
[[nodiscard]] std::vector<core::Problem> validate_source(const std::string& spec);

std::int32_t create_source(const std::string& name, const std::string& spec, const std::string& schema);

struct Effect {
    std::string stream;
    std::string effect;
};
std::vector<Effect> alter_source(const std::string& name, const std::string& spec);

struct NewAccount {
    std::string source;
    std::string name;
    std::string config;       // JSON
    std::string credentials;  // JSON
    std::optional<std::vector<std::string>> streams;
};
std::int32_t create_account(const NewAccount& account);

void set_secret(const std::string& account, const std::string& name, const std::optional<std::string>& value);
void update_token(const std::string& account, const std::string& access, const std::optional<std::string>& refresh, const std::optional<pg::Time>& expires_at,
                  const std::optional<std::string>& stream);
void mark_sync_complete(const std::string& account, const std::string& stream, const std::optional<std::string>& cursor,
                        const std::optional<pg::Time>& synced_at, bool backwards);

}  // namespace upstream::worker
