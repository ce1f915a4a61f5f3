// check_account(): one signed request, judged as a run would judge its answer.
#include "pg/postgres.hpp"

#include <algorithm>

#include "core/build_request.hpp"
#include "core/reaction.hpp"
#include "core/sign.hpp"
#include "pg/error.hpp"
#include "pg/process.hpp"
#include "worker/commands.hpp"
#include "worker/convert.hpp"
#include "worker/one_request.hpp"
#include "worker/rehearsal.hpp"

namespace upstream::worker {
namespace {

const core::Error kNoToken{.code = core::Code::auth_failed,
                           .message = "the account has no access token yet",
                           .hint = "CALL upstream.sync() to have one asked for, or store one with upstream.update_token()."};

// The source's own check. The rules of the source count for its answer, and the built-in ones, as for a stream's.
Checked ask_check(const core::Source& source, const core::Account& account, const Model& model) {
    if (core::auth_for(source, account).has_token() && !account.token) return {.error = kNoToken};
    const core::Result<core::Request> request = core::check_request(source, account, pg::now());
    if (!request) return {.error = request.error()};
    const core::Result<core::Response> response = fetch(*request, {.source = source, .account = account, .model = model});
    if (!response) return {.error = response.error()};
    const auto body = core::json::Document::parse(response->body);
    core::Reaction reaction = core::react(source, core::Stream{}, *response, body ? &*body : nullptr, response->body.substr(0, 480));
    using Do = core::ResponseRule::Do;
    if (reaction.action == Do::ok || reaction.action == Do::empty) return {.status = response->status};
    return {.status = response->status, .error = std::move(reaction.error)};
}

// What the next run of a stream would ask for first.
Checked ask_first_page(const Look& look) {
    Rehearsal run{look, look.account_as_stored()};
    if (auto error = run.ask(look)) return {.status = run.status, .error = std::move(error)};
    if (run.status) return {.status = run.status};
    if (std::holds_alternative<core::GetToken>(run.action)) return {.error = kNoToken};
    return {.error = core::Error{.code = core::Code::invalid_spec,
                                 .message = "stream \"" + look.model.stream + "\" has nothing to ask for yet",
                                 .detail = "It is read for the rows of a table that has none.",
                                 .hint = "Give the source a check."}};
}

}  // namespace

Checked check_account(const std::string& account) {
    const std::vector<Model> models = models_of(account);
    if (models.empty()) throw pg::Raise(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "account \"" + account + "\" has no streams");
    const core::Source source = source_of(models.front());
    core::Account values = to_account(source, models.front());
    if (source.check) {
        Checked checked = ask_check(source, values, models.front());
        if (checked.error) checked.error->detail = core::without_secrets(std::move(checked.error->detail), values);
        return checked;
    }
    const auto needs_no_parent = [&](const Model& model) {
        const core::Stream* stream = source.stream(model.stream);
        return stream != nullptr && !stream->parent;
    };
    const auto found = std::find_if(models.begin(), models.end(), needs_no_parent);
    return ask_first_page(look_at(account, (found != models.end() ? *found : models.front()).stream));
}

}  // namespace upstream::worker
