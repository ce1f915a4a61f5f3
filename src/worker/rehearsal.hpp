// A run that is thought through in a session, up to its first request, for functions that look: nothing is written, no token is asked for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/sync.hpp"
#include "pg/error.hpp"
#include "worker/apply.hpp"
#include "worker/catalog_rows.hpp"
#include "worker/target.hpp"

namespace upstream::worker {

// The error of Postgres that an Error becomes in a function to look with.
[[noreturn]] void raise(const core::Error& error);

template <class T>
T value_or_raise(core::Result<T> result) {
    if (!result) raise(result.error());
    return std::move(*result);
}

// A model, read in the caller's transaction, with all that a run would resolve.
struct Look {
    Model model;
    core::Source source;
    const core::Stream* stream = nullptr;
    Targets targets;
    core::Account account;
    core::Layout layout;

    // A stream that reads the rest of inner lists.
    struct Reader {
        const core::Stream* stream = nullptr;
        std::int32_t model = 0;
        pg::Table table;
        core::Layout layout;
    };
    std::vector<Reader> readers{};

    // By which the rows of a page are made.
    [[nodiscard]] const core::Layout& layout_of_page(const core::Apply& page) const;

    // The account as it may sign in here: a token that has ended is for the upstream to refuse, for nothing is refreshed.
    [[nodiscard]] core::Account account_as_stored() const;
};
[[nodiscard]] Look look_at(const std::string& account, const std::string& stream);

// The models of an account, those that sign in as the account does before those with a way of their own.
[[nodiscard]] std::vector<Model> models_of(const std::string& account);
[[nodiscard]] core::Source source_of(const Model& model);

// A run up to the first thing that it would ask the upstream for. Sync decides, so that what is shown is what is done.
struct Rehearsal {
    core::Sync sync;
    core::Action action = core::Await{};
    std::optional<std::size_t> partitions{};  // open ones, of those that it would look at first
    std::optional<int> status{};              // of the answer, if there was one

    Rehearsal(const Look& look, core::Account account);

    // Asks the upstream for it, and takes in the answer. Why the run would end with that, if it would.
    [[nodiscard]] std::optional<core::Error> ask(const Look& look);
};

}  // namespace upstream::worker
