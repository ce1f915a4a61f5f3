// Tokens: one refresher per credential, however many models and processes need it.
//
//   asked for ---> read the row --- fresh -----------------------------------------------> ready
//                     |  |
//                     |  +--- somebody else refreshes it: look again in 100 ms
//                     |
//                     +--- old, refused ---> T2: claim, committed ---> token request ---> T3: the new pair, committed ---> ready
//                                                                          |
//                                                                          +--> not sent before the claim runs out: given back, read the row again
//                                                                          +--> invalid_grant: the account is parked (needs_reauth)
//                                                                          +--> anything else: claim given back, models retry
//
// Parked is what was refused: if the claim was lost, or update_token() stored another pair meanwhile, the row is read again.
//
// The pair is stored alone, synchronously, before it is used (I7). If it cannot be stored, it is kept in memory, not used, and storing is tried again.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "core/sync.hpp"
#include "worker/dispatch.hpp"
#include "worker/unit.hpp"

namespace upstream::worker {

// Why an account is parked, as token_reason shows it.
[[nodiscard]] std::string reason_of(const core::Error& error);

class Tokens {
  public:
    // Told to each model that asked.
    using Answer = std::variant<core::TokenReady, core::TokenRefused>;
    using Tell = std::function<void(std::int32_t model, Answer answer)>;

    Tokens(Unit& unit, Dispatcher& dispatcher, Tell tell) : unit_(unit), dispatcher_(dispatcher), tell_(std::move(tell)) {}

    // Asks for a token; the answer comes through `tell`, maybe before this returns.
    void ask(const Model& model, std::shared_ptr<const core::Source> source, const core::Account& account, std::optional<std::string> refused);

    // Whether that transfer was a token request; if so its answer is taken.
    bool take(Delivered& delivered);

    // The next time at which look() has something to do.
    [[nodiscard]] std::optional<core::Uptime> next_look() const;
    void look(core::Uptime now);

    // Gives back the claims of this process.
    void abandon();

  private:
    struct Credential {
        std::int32_t source_id = 0;
        std::shared_ptr<const core::Source> source;
        core::Auth auth;                           // how it is had
        core::Account account;                     // for client id, secret, login
        bool second_try = false;                   // the process that sent this refresh token before died
        std::vector<std::int32_t> models;          // that wait
        std::set<std::string> refused;             // access tokens that the upstream did not take
        std::optional<Ticket> transfer;            // the token request in flight
        std::optional<core::Grant> unstored;       // a pair that could not be stored yet
        std::optional<core::Uptime> look_at;
    };

    void check(const CredentialId& id, Credential& credential);
    void send(const CredentialId& id, Credential& credential, const Claim& claim, core::Timestamp claimed_until);
    void store(const CredentialId& id, Credential& credential);
    [[nodiscard]] static double margin_seconds(const Credential& credential);
    void release(const CredentialId& id);
    void refuse(const CredentialId& id, Credential& credential, core::Error error);
    template <class Park>
    void park(const CredentialId& id, Credential& credential, core::Error error, Park&& park_account);
    void answer_all(const CredentialId& id, const Answer& answer);

    Unit& unit_;
    Dispatcher& dispatcher_;
    Tell tell_;
    std::map<CredentialId, Credential> credentials_;
};

}  // namespace upstream::worker
