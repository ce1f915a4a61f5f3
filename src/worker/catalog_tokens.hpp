// Statements on tokens and secrets. Part of Catalog.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/catalog_rows.hpp"

namespace upstream::worker {

// The right to ask for a token, committed before it is asked for.
struct Claim {
    std::string refresh_token{};
    std::int32_t attempts = 1;  // more than one: a process that sent it before died
};

class TokenCatalog {
  public:
    explicit TokenCatalog(Holder holder);

    std::optional<StoredToken> token(const CredentialId& id);    // nothing if the account is gone
    std::optional<Claim> claim_refresh(const CredentialId& id);  // to send the refresh token; nothing if somebody else has the claim, or the account is gone
    std::optional<Claim> claim_token(const CredentialId& id);    // to ask for a token without one
    bool store_grant(const CredentialId& id, const core::Grant& grant, double margin_seconds);  // false: the claim is not ours any more
    void release_refresh(const CredentialId& id);
    void leave_refresh(const CredentialId& id, double seconds);  // to whoever asks next, after that time, as that of a process that died
    bool lock_account(std::int32_t account);  // to be changed by a person; false if it is gone
    void store_token(const CredentialId& id, const std::optional<std::string>& access, const std::optional<std::string>& refresh,
                     const std::optional<Time>& expires_at, double margin_seconds);
    // The models that sign in with it wait for a person; the first reason stays. False if the access token that was refused is not the stored one any more, or
    // somebody is asking for another; with a claim, if the claim is not ours any more. And if the secrets that were refused are not those of the account any
    // more, or the account is gone. A claim is given back either way.
    bool park_account(const CredentialId& id, const std::string& reason, std::int32_t secrets_revision, const std::optional<std::string>& refused);
    bool park_claimed_account(const CredentialId& id, const std::string& reason, std::int32_t secrets_revision);
    void set_secret(std::int32_t account, const std::string& name, const std::optional<std::string>& value);
    void revise_secrets(std::int32_t account);  // what was sent with the former ones is not refused for the present ones
    void unblock_account(std::int32_t account);  // where no refresh token was refused: another secret may help

  private:
    Holder holder_;
    pg::Statement<std::int32_t, std::string, std::string, std::optional<std::int32_t>, std::optional<std::string>, std::int32_t> park_account_;
    pg::Statement<std::int32_t, std::string> token_;
    pg::Statement<std::int32_t, std::string, Time, std::int32_t, Time, double> claim_refresh_, claim_token_;
    pg::Statement<std::int32_t, std::int32_t, std::string, std::optional<std::string>, double, double, pg::Json, std::string> store_grant_;
    pg::Statement<std::int32_t, std::int32_t, std::string> release_refresh_;
    pg::Statement<std::int32_t, std::int32_t, std::string, double> leave_refresh_;
    pg::Statement<std::int32_t, std::optional<std::string>, std::optional<std::string>, std::optional<Time>, double, std::string> store_token_;
    pg::Statement<std::int32_t, std::string, std::optional<std::string>> set_secret_;
    pg::Statement<std::int32_t> revise_secrets_, free_tokens_, lock_account_, lock_models_, unblock_models_;
};

}  // namespace upstream::worker
