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
// Parked is what was refused: if the claim was lost, or update_token() stored another pair or set_secret() another secret meanwhile, the row is read again, and
// with it the secrets to ask with.
//
// Each arrow from or to the row is a step: a transaction of its own. One that cannot be carried out, because somebody else's transaction holds the row, say, is kept and
// taken again; other credentials do not notice. Nobody is told anything meanwhile, but for models that only wait for a look, which give up their places after a while.
// The pair is stored alone, synchronously, before it is used (I7).
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
#include "worker/setback.hpp"
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

    // That model waits no more.
    void forget(std::int32_t model);

    // Whether nothing is asked for, and nothing is to be written down.
    [[nodiscard]] bool idle() const { return credentials_.empty(); }

    // Gives up what is asked for, and gives back the claims of this process.
    void abandon();

    // Gives up what is asked for; for when the extension is gone.
    void forget();

  private:
    struct Look {};  // at the row
    struct Store {
        core::Grant grant;  // a pair that came
    };
    struct GiveBack {
        std::optional<core::Error> error{};  // what the models are told; if nothing, another look follows
    };
    struct Park {
        core::Error error;
        bool claimed = true;                   // it was asked for by a claim; if not:
        std::optional<std::string> access{};  // what was stored when it was refused
    };
    using Step = std::variant<Look, Store, GiveBack, Park>;

    struct Credential {
        std::int32_t source_id = 0;
        std::shared_ptr<const core::Source> source;
        core::Auth auth;                           // how it is had
        core::Account account;                     // for client id, secret, login
        std::int32_t secrets_revision = 0;         // of the secrets in there, which are those of the last look
        bool second_try = false;                   // the process that sent this refresh token before died
        std::vector<std::int32_t> models;          // that wait
        std::set<std::string> refused;             // access tokens that the upstream did not take
        std::optional<Ticket> transfer;            // the token request in flight
        std::optional<Step> step;                  // the next one, unless a request is in flight
        core::Uptime step_at{0};
        Setback setback{};                         // of that step, and why
        core::Error trouble{};

        [[nodiscard]] core::Uptime due() const;
    };

    void proceed(const CredentialId& id, Credential& credential, Step step);
    void take_step(const CredentialId& id, Credential& credential);
    void carry_out(const CredentialId& id, Credential& credential, const Look& look);
    void carry_out(const CredentialId& id, Credential& credential, const Store& store);
    void carry_out(const CredentialId& id, Credential& credential, const GiveBack& give_back);
    void carry_out(const CredentialId& id, Credential& credential, const Park& park);
    template <class Work>
    bool attempt(Credential& credential, const char* activity, Work&& work);
    void look_later(Credential& credential);
    void send(const CredentialId& id, Credential& credential, const Claim& claim, core::Timestamp claimed_until);
    static Step refusal(const Credential& credential, core::Error error);
    [[nodiscard]] core::Uptime due_at(const Credential& credential) const;
    void answer_all(const CredentialId& id, const Answer& answer);

    Unit& unit_;
    Dispatcher& dispatcher_;
    Tell tell_;
    std::map<CredentialId, Credential> credentials_;
    core::Uptime not_before_{0};  // steps that failed are not tried again before: each try may wait for a lock, and all else waits meanwhile
};

}  // namespace upstream::worker
