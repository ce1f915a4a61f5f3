// How runs begin: from a claimed model to the first request.
#include <utility>

#include "pg/error.hpp"
#include "pg/process.hpp"
#include "worker/convert.hpp"
#include "worker/engine_run.hpp"
#include "worker/list_streams.hpp"

namespace upstream::worker {

// All are known before the first begins: whatever happens there, none keeps its lease without a run.
void Engine::add(std::vector<Model> models) {
    std::vector<std::int32_t> ids;
    for (Model& model : models) {
        const std::int32_t id = model.id;
        forget_run(id);  // a lease of our own that ran out, and was claimed again
        auto run = std::make_unique<Run>();
        run->model = std::move(model);
        run->progress.emplace(run->model.id, run->model.run_id);
        runs_.insert_or_assign(id, std::move(run));
        ids.push_back(id);
    }
    for (const std::int32_t id : ids) begin(*runs_.at(id));
}

void Engine::begin(Run& run) {
    try {
        prepare(run);
    } catch (const pg::Error& error) {
        if (ends_everything(error, unit_.session())) throw;
        return fail_to_begin(run, to_error(error));
    } catch (const pg::Raise& error) {
        return fail_to_begin(run, to_error(error));
    }
    if (!run.over) perform(run, run.sync->start(pg::now()));
}

// However far it came: the state stays as it is in the books.
void Engine::fail_to_begin(Run& run, core::Error error) {
    run.sync.reset();
    perform(run, core::Fail{.error = std::move(error), .state = {}, .tally = {}});
}

void Engine::forget_run(std::int32_t model) {
    const auto found = runs_.find(model);
    if (found == runs_.end()) return;
    drop(*found->second);
    runs_.erase(found);
    std::erase(ended_, model);
}

// Reads the source and opens the target; what is wrong there ends the run before it asks the upstream anything.
void Engine::prepare(Run& run) {
    const core::Result<bool> ready = unit_.run("opening a target", Durability::asynchronous, [&](Catalog& catalog) -> core::Result<bool> {
        run.source = unit_.source(run.model.source_id, run.model.revision);
        run.stream = run.source->stream(run.model.stream);
        if (run.stream == nullptr)
            return core::Error{.code = core::Code::invalid_spec, .message = "source \"" + run.model.source + "\" has no stream \"" + run.model.stream + "\""};
        run.tables = {.main = run.model.target, .told = tables_told_of(catalog, run.model.account_id, *run.source, *run.stream)};
        if (!run.stream->expand.empty()) run.tables.inner = catalog.inner_targets(run.model.id);
        run.target = targets_.open(*run.source, run.model.revision, *run.stream, run.tables);
        auto readers = open_readers(catalog, run);
        if (!readers) return readers.error();
        core::State state = to_state(run.model.state, *run.stream);
        const core::Account account = to_account(*run.source, run.model);
        const auto seed = static_cast<std::uint64_t>(run.model.id) * 0x9E3779B97F4A7C15ULL ^ static_cast<std::uint64_t>(run.model.fence);
        run.sync.emplace(*run.source, *run.stream, run.target->applier->layout(), account, state, seed, std::move(*readers));
        if (run.stream->key_occurrence && state.reading())
            for (const core::Marks& marks : catalog.kept_marks(run.model.id)) run.sync->recall(marks);
        run.account = &run.sync->account();
        run.outcome.incremental = run.sync->incremental();
        run.outcome.max_attempts = run.source->retry.max_attempts;
        return true;
    });
    if (!ready) fail_to_begin(run, ready.error());
}

// The streams that read the rest of inner lists, and where their rows go.
core::Result<std::vector<core::ListReader>> Engine::open_readers(Catalog& catalog, Run& run) {
    auto lists = list_streams(catalog, run.model.account_id, *run.source, *run.stream);
    if (!lists) return lists.error();
    std::vector<core::ListReader> readers;
    for (ListStream& list : *lists) {
        RunContext& reader = run.readers.emplace_back();
        reader.model = run.model;
        reader.model.id = list.model;
        reader.model.stream = list.stream->name;
        reader.model.target = list.tables.main;
        reader.source = run.source;
        reader.stream = list.stream;
        reader.tables = std::move(list.tables);
        reader.target = targets_.open(*run.source, run.model.revision, *reader.stream, reader.tables);
        readers.push_back({.stream = reader.stream, .layout = reader.target->applier->layout()});
    }
    return readers;
}

}  // namespace upstream::worker
