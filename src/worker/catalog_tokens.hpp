// Statements on tokens and secrets. Part of Catalog.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/catalog_rows.hpp"

namespace upstream::worker {

class TokenCatalog {
  public:
    explicit TokenCatalog(Holder holder);

    StoredToken token(std::int32_t account);
    std::optional<std::string> claim_refresh(std::int32_t account);  // the refresh token, if the claim was had
    bool store_grant(std::int32_t account, const core::Grant& grant, double margin_seconds);  // false: the claim is not ours any more
    void release_refresh(std::int32_t account);
    void store_token(std::int32_t account, const std::optional<std::string>& access, const std::optional<std::string>& refresh,
                     const std::optional<Time>& expires_at, double margin_seconds);
    void park_account(std::int32_t account, const std::string& reason);
    void set_secret(std::int32_t account, const std::string& name, const std::optional<std::string>& value);

  private:
    Holder holder_;
    pg::Statement<std::int32_t, std::string> park_account_;
    pg::Statement<std::int32_t> token_;
    pg::Statement<std::int32_t, Time, std::int32_t, Time, double> claim_refresh_;
    pg::Statement<std::int32_t, std::int32_t, std::string, std::optional<std::string>, double, double> store_grant_;
    pg::Statement<std::int32_t, std::int32_t> release_refresh_;
    pg::Statement<std::int32_t, std::optional<std::string>, std::optional<std::string>, std::optional<Time>, double> store_token_;
    pg::Statement<std::int32_t, std::string, std::optional<std::string>> set_secret_;
};

}  // namespace upstream::worker
