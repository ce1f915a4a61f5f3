// Its setup, its paths (/v1/account/stream/pagination), and its changes; pages are page.cpp's work.
#include "dialects/plain.hpp"

#include <algorithm>

#include "clock.hpp"
#include "page.hpp"
#include "world.hpp"

namespace simulator {

namespace {

constexpr std::string_view kData = "/v1/";
constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kMaxRows = 5'000'000;  // in all, about half a kilobyte each
constexpr std::int64_t kMany = 1'000'000'000;

std::string read_shape(const rapidjson::Value& object, StreamShape& shape) {
    Options options(object);
    shape.rows = static_cast<std::size_t>(options.integer("rows", 1000, 0, kMaxRows));
    shape.tie = static_cast<std::size_t>(options.integer("tie", 1, 1, kMaxRows));
    shape.spacing_us = options.integer("spacing_ms", 1000, 0, 86'400'000) * 1000;
    const auto start = parse_time(options.text("start", "2026-01-01T00:00:00Z"));
    if (!start) options.refuse("start must be a time such as 2026-01-01T00:00:00Z");
    shape.start_us = start.value_or(0);

    // Rows of the future could not be told from later changes, so a series that is too long begins earlier.
    const auto groups = static_cast<std::int64_t>(shape.rows == 0 ? 0 : (shape.rows - 1) / shape.tie);
    const std::int64_t beyond = shape.start_us + groups * shape.spacing_us - (wall_us() - kSecond);
    if (beyond > 0) shape.start_us -= (beyond + kSecond - 1) / kSecond * kSecond;
    return options.problem();
}

}  // namespace

void Plain::read_streams(const rapidjson::Value* object, std::size_t accounts, Options& options) {
    if (object == nullptr) {
        rapidjson::Document defaults;
        defaults.SetObject();
        options.refuse_if(read_shape(defaults, shapes_["items"]));
        return;
    }
    std::int64_t rows = 0;
    for (const auto& member : object->GetObject()) {
        const std::string name = text_of(member.name);
        if (!good_name(name) || name == "token") return options.refuse("bad stream name: " + name);
        StreamShape& shape = shapes_[name];
        const std::string problem = read_shape(member.value, shape);
        if (!problem.empty()) return options.refuse("stream " + name + ": " + problem);
        rows += static_cast<std::int64_t>(shape.rows * accounts);
    }
    if (rows > kMaxRows) options.refuse("more than " + std::to_string(kMaxRows) + " rows in all");
}

void Plain::set_up(Options& options, const Settings& settings) {
    mutate_every_ = options.integer("mutate_every", 0, 0, kMany);
    mutate_total_ = options.integer("mutate_total", 0, 0, kMany);
    max_limit_ = options.integer("max_limit", 1000, 1, kMany);
    read_streams(options.object("streams"), settings.accounts.size(), options);
    if (options.problem().empty()) make_rows(settings);
}

void Plain::make_rows(const Settings& settings) {
    const auto seed = static_cast<std::uint64_t>(settings.seed);
    random_ = Random(seed);
    for (const auto& [name, shape] : shapes_) {
        std::int64_t& next_seq = next_seq_[name];
        next_seq = 1;
        for (const std::string& account : settings.accounts) {
            auto& streams = models_[account];
            if (streams.contains(name)) continue;  // an account named twice
            streams.emplace(name, Model{Stream(account, name, shape, seed, next_seq), &next_seq});
        }
    }
}

const Plain::Model* Plain::find(std::string_view account, std::string_view stream) const {
    const auto streams = models_.find(account);
    if (streams == models_.end()) return nullptr;
    const auto model = streams->second.find(stream);
    return model == streams->second.end() ? nullptr : &model->second;
}

Plain::Model* Plain::find(std::string_view account, std::string_view stream) {
    return const_cast<Model*>(std::as_const(*this).find(account, stream));
}

std::optional<Reply> Plain::route(const Call& call, Subject& subject) {
    if (!call.request.path.starts_with(kData)) return error_reply(404, "no such path");
    const auto parts = split(call.request.path.substr(kData.size()), '/');
    if (parts.size() != 3) return error_reply(404, "no such path");
    const auto account = percent_decode(parts[0], false);
    const auto stream = percent_decode(parts[1], false);
    if (!account || !stream) return error_reply(400, "malformed percent encoding");
    if (find(*account, *stream) == nullptr) return error_reply(404, "unknown account or stream");
    subject = {*account, *stream};
    return std::nullopt;
}

std::optional<Reply> Plain::admit(const Call& call, const Subject& subject) {
    if (call.request.method != "GET") return error_reply(405, "use GET");
    if (auto refusal = call.world.auth.refuse(call.request, call.query, subject.account)) return refusal;
    const auto parts = split(call.request.path, '/');
    if (!parse_paging(parts.back())) return error_reply(404, "unknown pagination");
    return std::nullopt;
}

Answer Plain::answer(const Call& call, const Subject& subject, const std::optional<Fault>& fault) {
    const std::string name = subject.account + "/" + subject.stream;
    const QueryContext context{name, *parse_paging(split(call.request.path, '/').back()), max_limit_, call.world.token_generation};
    Query query;
    std::string problem;
    if (const int status = parse_query(call.query, context, query, problem); status != 0) {
        return {error_reply(status, problem)};
    }
    const bool repeat = fault && fault->kind == FaultKind::repeat_token;
    Page page = make_page(find(subject.account, subject.stream)->rows, query, context, call.origin, call.request.path, repeat);
    return {std::move(page.reply), page.rows};
}

void Plain::after_answer(World& world, const Subject& subject) {
    if (mutate_every_ == 0 || ++requests_since_mutation_ < mutate_every_) return;
    requests_since_mutation_ = 0;
    if (mutate_total_ > 0 && mutations_on_request_ >= mutate_total_) return;
    Model& model = *find(subject.account, subject.stream);
    const auto changed = static_cast<std::int64_t>(model.rows.change(1, random_, *model.next_seq));
    mutations_on_request_ += changed;
    world.stats.mutations += changed;
}

bool Plain::mutate(Options& options, World& world, Json& done) {
    const std::string account = options.text("account", "*");
    const std::string stream = options.text("stream", "*");
    const auto count = static_cast<std::size_t>(options.integer("count", 0, 0, kMany));
    const auto insert = static_cast<std::size_t>(options.integer("insert", 0, 0, 1'000'000));
    const auto remove = static_cast<std::size_t>(options.integer("delete", 0, 0, kMany));
    if (!options.problem().empty()) return true;

    std::size_t changed = 0;
    std::size_t inserted = 0;
    std::size_t removed = 0;
    bool found = false;
    for (auto& [name, streams] : models_) {
        if (account != "*" && account != name) continue;
        for (auto& [key, model] : streams) {
            if (stream != "*" && stream != key) continue;
            found = true;
            changed += model.rows.change(count, random_, *model.next_seq);
            inserted += model.rows.insert(insert, *model.next_seq);
            removed += model.rows.remove(remove, random_);
        }
    }
    world.stats.mutations += static_cast<std::int64_t>(changed + inserted + removed);
    done.number("mutated", static_cast<std::int64_t>(changed)).number("inserted", static_cast<std::int64_t>(inserted));
    done.number("deleted", static_cast<std::int64_t>(removed));
    return found;
}

std::optional<std::string> Plain::oracle(std::string_view account, std::string_view table) const {
    const Model* model = find(account, table);
    if (model == nullptr) return std::nullopt;
    std::string out;
    for (const std::uint32_t index : model->rows.by_id()) append_copy_line(out, model->rows.row(index));
    return out;
}

std::size_t Plain::rows(std::string_view account, std::string_view stream) const {
    const Model* model = find(account, stream);
    return model == nullptr ? 0 : model->rows.size();
}

}  // namespace simulator
