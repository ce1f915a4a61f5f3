// Between what the tables hold and what core works with.
#pragma once

#include "core/account.hpp"
#include "core/source.hpp"
#include "core/sync.hpp"
#include "pg/error.hpp"
#include "worker/catalog.hpp"

namespace upstream::worker {

// Cursor texts to positions and back. A stored text that does not fit the stream's cursor type (the spec changed) counts as none.
[[nodiscard]] core::State to_state(const StoredState& stored, const core::Stream& stream);
[[nodiscard]] StoredState to_stored(const core::State& state, const core::Stream& stream);

// The source that a stored spec describes; raises if it does not describe one any more.
[[nodiscard]] core::Source to_source(const StoredSource& stored);

// The members of a JSON object of texts.
[[nodiscard]] core::Words to_words(const std::string& json);

// Settings with their defaults, secrets, token.
[[nodiscard]] core::Account to_account(const core::Source& source, const Model& model);

// An error of Postgres as a run's failure: target_busy if it may pass by itself.
[[nodiscard]] core::Error to_error(const pg::Error& error);
[[nodiscard]] core::Error to_error(const pg::Raise& error);

}  // namespace upstream::worker
