// Lists inside records that go on elsewhere (expand.more): a run within the run reads the rest of each.
#include <algorithm>
#include <utility>

#include "core/sync.hpp"

namespace upstream::core {
namespace {

// The field that fills a column.
const Values* column_of(const Layout& layout, const Batch& batch, const std::string& name) {
    for (std::size_t i = 0; i < layout.fields.size(); ++i)
        if (layout.fields[i].column == name) return &batch.columns[i];
    return nullptr;
}

// By what `reader` knows the parent that a row is; nothing if it has no value for all of it, for then it is nobody's parent.
std::optional<Words> parent_of(const Stream& reader, const Layout& layout, const Batch& batch, std::size_t row) {
    Words words;
    for (const auto& [word, column] : reader.parent->key) {
        const Values* values = column_of(layout, batch, column);
        if (values == nullptr || !(*values)[row]) return std::nullopt;
        words.insert_or_assign(word, std::string{*(*values)[row]});
    }
    return words;
}

std::string show(const OpenList& list) {
    std::string text;
    for (const auto& [word, value] : list.parent) text += (text.empty() ? "" : ", ") + word + " " + value;
    return "It was reading the rest of a list with stream \"" + list.stream + "\", for " + text + ".";
}

}  // namespace

const ListReader* Sync::reader_of(std::string_view stream) const {
    const auto found = std::find_if(readers_.begin(), readers_.end(), [&](const ListReader& reader) { return reader.stream->name == stream; });
    return found == readers_.end() ? nullptr : &*found;
}

// Notes the lists of a page that go on. Of records that say that they are gone nothing is read.
void Sync::note_lists(const Batch& batch) {
    std::vector<OpenList>& lists = state_.read->lists;
    for (std::size_t i = 0; i < batch.inner.size(); ++i) {
        if (batch.inner[i].cut.empty()) continue;
        const std::string& name = stream_.expand[i].more_stream;
        const Stream& reader = *source_.stream(name);
        for (const std::size_t row : batch.inner[i].cut) {
            if (!batch.gone.empty() && batch.gone[row]) continue;
            if (auto parent = parent_of(reader, layout_, batch, row)) {
                OpenList list{.stream = name, .parent = std::move(*parent)};
                if (std::find(lists.begin(), lists.end(), list) == lists.end()) lists.push_back(std::move(list));
            }
        }
    }
}

// The cursor follows to where it would have gone with the page, had its lists been whole.
void Sync::advance(State& state) const {
    Progress& read = *state.read;
    if (!read.lists.empty() || !read.held) return;
    read.held = false;
    std::optional<Position>& cursor = is_plain() ? state.cursor : read.part->cursor;
    if (read.pending && !read.unsure) cursor = std::max(cursor.value_or(*read.pending), *read.pending);
}

Action Sync::open_list(Timestamp now) {
    const OpenList& list = state_.read->lists.front();
    const ListReader* reader = reader_of(list.stream);
    if (reader == nullptr)
        return fail({.code = Code::invalid_spec, .message = "no stream \"" + list.stream + "\" reads the rest of a list"}, now);
    in_flight_ = true;
    return ordered(FindParts{.combinations = {Words{}}, .at_most = 1, .started_at = now, .list = reader->stream, .parent = list.parent});
}

void Sync::make_within(State state) {
    const ListReader& reader = *reader_of(state_.read->lists.front().stream);
    within_ = std::make_unique<Sync>(source_, *reader.stream, reader.layout, account_, std::move(state), random_);
    within_->is_within_ = true;
    state_.read->list_cursor = reader.stream->cursor ? reader.stream->cursor->type : Cursor::Type::integer;
}

// What was found of the first list: its parent, or nothing, and then there is nothing to read.
Action Sync::begin_list(std::vector<Part> parts, Timestamp now) {
    if (parts.empty()) {
        state_.read->lists.erase(state_.read->lists.begin());
        advance(state_);
        return go_on(now);
    }
    make_within(State{.failures = state_.failures});
    within_->begin_run(now);
    if (auto error = within_->prepare()) {
        within_.reset();
        return fail(std::move(*error), now);
    }
    within_->open_part(std::move(parts.front()));
    within_->committed_ = within_->state_;  // if its first page is refused, the list is as open as it was
    return pass_on(within_->fetch(now), now);
}

// After a crash or a failure in the middle of a list.
Action Sync::resume_list(Timestamp now) {
    Progress& read = *state_.read;
    if (read.lists.empty() || !read.list.front().part || reader_of(read.lists.front().stream) == nullptr) {
        read.list.clear();
        return go_on(now);
    }
    make_within(State{.failures = state_.failures, .read = read.list.front()});
    return pass_on(within_->start(now), now);
}

Action Sync::finish_list(Timestamp now) {
    run_requests_ += within_->run_requests_;
    state_ = committed_ = with_list(within_->state_);
    within_.reset();
    return go_on(now);
}

// This run's state, when the run within has that one.
State Sync::with_list(const State& within) const {
    State state = state_;
    Progress& read = *state.read;
    read.list.clear();
    state.failures = within.failures;
    if (within.read) {
        read.list.push_back(*within.read);
    } else {
        read.lists.erase(read.lists.begin());
        advance(state);
    }
    return state;
}

// What the run within wants is what this one wants.
Action Sync::pass_on(Action action, Timestamp now) {
    if (auto* apply = std::get_if<Apply>(&action)) {
        if (!apply->notice.empty()) notice(apply->notice);
        if (within_->was_unsure_) state_.read->unsure = true;  // rows of the list may be missing: so the cursor stays
        apply->list = &within_->stream_;
        apply->state = with_list(apply->state);
        apply->last = false;
        apply->notice.clear();
    } else if (auto* failed = std::get_if<Fail>(&action)) {
        failed->state = with_list(failed->state);
        failed->error.detail += (failed->error.detail.empty() ? "" : " ") + show(failed->state.read->lists.front());
    } else if (std::holds_alternative<Done>(action)) {
        return finish_list(now);
    }
    return action;
}

}  // namespace upstream::core
