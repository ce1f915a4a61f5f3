#include "pg/postgres.hpp"

#include "worker/list_streams.hpp"

#include <algorithm>

#include "worker/deletions.hpp"

namespace upstream::worker {

core::Result<std::vector<ListStream>> list_streams(Catalog& catalog, std::int32_t account, const core::Source& source, const core::Stream& stream) {
    std::vector<ListStream> lists;
    for (const core::Expand& expand : stream.expand) {
        const auto known = [&](const ListStream& list) { return list.stream->name == expand.more_stream; };
        if (expand.more_stream.empty() || std::any_of(lists.begin(), lists.end(), known)) continue;
        const auto kept = catalog.kept_stream(account, expand.more_stream);
        if (!kept)
            return core::Error{.code = core::Code::invalid_spec,
                               .message = "the account does not keep stream \"" + expand.more_stream + "\", which reads the rest of list \"" + expand.name + "\" of stream \"" + stream.name + "\"",
                               .hint = "Create the account with both streams."};
        ListStream list{.stream = source.stream(expand.more_stream), .model = kept->model, .tables = {.main = kept->target}};
        list.tables.told = tables_told_of(catalog, account, source, *list.stream);
        if (!list.stream->expand.empty()) list.tables.inner = catalog.inner_targets(kept->model);
        lists.push_back(std::move(list));
    }
    return lists;
}

}  // namespace upstream::worker
