#include "pg/postgres.hpp"

#include "worker/convert.hpp"

#include "core/json.hpp"

namespace upstream::worker {
namespace {

using core::Position;

std::optional<Position> position(const core::Stream& stream, const std::optional<std::string>& text) {
    if (!text || !stream.cursor) return std::nullopt;
    return core::from_text(stream.cursor->type, *text);
}

std::optional<std::string> text(const core::Stream& stream, const std::optional<Position>& position) {
    if (!position || !stream.cursor) return std::nullopt;
    return core::to_text(stream.cursor->type, *position);
}

void read_words(core::Words& words, const std::string& json) {
    const auto document = core::json::Document::parse(json);
    if (!document) return;
    for (const core::json::Value member : document->root())
        if (!member.is_null()) words.insert_or_assign(std::string{member.key()}, std::string{member.text()});
}

constexpr const char* kHintOfCancelled =
    "A worker's transaction is cancelled after upstream.write_timeout. Look for slow triggers of the target and for missing indexes, or ask for smaller pages.";

core::Code code_of(int sqlerrcode) {
    switch (sqlerrcode) {
        case ERRCODE_LOCK_NOT_AVAILABLE:
        case ERRCODE_T_R_DEADLOCK_DETECTED:
        case ERRCODE_T_R_SERIALIZATION_FAILURE:
        case ERRCODE_QUERY_CANCELED: return core::Code::target_busy;
        default:
            // Class 53: out of disk, memory or connections.
            return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES ? core::Code::target_busy : core::Code::target_error;
    }
}

}  // namespace

core::State to_state(const StoredState& stored, const core::Stream& stream) {
    const core::Cursor::Type type = stream.cursor ? stream.cursor->type : core::Cursor::Type::integer;
    core::State state{.failures = stored.failures, .full_refresh = stored.full_refresh, .kept = core::kept_from_json(stored.kept)};
    if (type == core::Cursor::Type::opaque) {
        state.opaque = stored.cursor;
    } else {
        state.cursor = position(stream, stored.cursor);
    }
    if (stored.read) state.read = core::progress_from_json(*stored.read, type);
    return state;
}

StoredState to_stored(const core::State& state, const core::Stream& stream) {
    const core::Cursor::Type type = stream.cursor ? stream.cursor->type : core::Cursor::Type::integer;
    StoredState stored{.cursor = type == core::Cursor::Type::opaque ? state.opaque : text(stream, state.cursor),
                       .failures = state.failures,
                       .full_refresh = state.full_refresh,
                       .kept = core::to_json(state.kept)};
    if (state.read) stored.read = core::to_json(*state.read, type);
    return stored;
}

core::Words to_words(const std::string& json) {
    core::Words words;
    read_words(words, json);
    return words;
}

core::Account to_account(const core::Source& source, const Model& model) {
    core::Account account{.secrets = to_words(model.secrets), .token = model.token};
    for (const core::Setting& setting : source.settings)
        if (setting.fallback) account.settings.insert_or_assign(setting.name, *setting.fallback);
    read_words(account.settings, model.config);
    core::add_derived(source, account);
    return account;
}

core::Source to_source(const StoredSource& stored) {
    const auto document = core::json::Document::parse(stored.spec);
    core::Reading reading;
    if (document) reading = core::read_source(document->root());
    if (!reading.source)
        throw pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "the stored spec of source \"" + stored.name + "\" is not valid", "",
                        "See upstream.validate_source(spec), and mend it with upstream.alter_source().");
    return std::move(*reading.source);
}

core::Error to_error(const pg::Error& error) {
    if (error.sqlerrcode() == ERRCODE_QUERY_CANCELED && error.hint().empty())
        return core::Error{.code = core::Code::target_busy, .message = error.message(), .detail = error.detail(), .hint = kHintOfCancelled, .sqlstate = error.sqlstate()};
    return core::Error{.code = code_of(error.sqlerrcode()), .message = error.message(), .detail = error.detail(), .hint = error.hint(),
                       .sqlstate = error.sqlstate()};
}

core::Error to_error(const pg::Raise& error) {
    return core::Error{.code = code_of(error.sqlerrcode()), .message = error.message(), .detail = error.detail(), .hint = error.hint(),
                       .sqlstate = unpack_sql_state(error.sqlerrcode())};
}

}  // namespace upstream::worker
