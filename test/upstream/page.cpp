// Putting a page together. The rows are copied from their ready JSON, which is what makes the simulator fast.
#include "page.hpp"

namespace simulator {

namespace {

constexpr std::size_t kEnvelope = 2048;  // room for the members around the rows, so that the body is allocated once

std::string url(std::string_view origin, std::string_view path, const Query& query, std::string_view parameters) {
    std::string out;
    if (!query.relative) out += origin;
    out += path;
    out += '?';
    out += parameters;
    if (query.bare) out += "&bare=1";
    if (query.relative) out += "&relative=1";
    return out;
}

void append_rows(std::string& out, const Stream& stream, const std::vector<std::uint32_t>& rows) {
    out += '[';
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (i > 0) out += ',';
        out += stream.row(rows[i]).json;
    }
    out += ']';
}

void append_text_or_null(std::string& out, std::string_view text) {
    if (text.empty()) {
        out += "null";
    } else {
        append_json_string(out, text);
    }
}

}  // namespace

Page make_page(const Stream& stream, const Query& query, const QueryContext& context, std::string_view origin,
               std::string_view path, bool repeat) {
    const Wanted& wanted = query.wanted;
    const Selection selection = stream.select(wanted);
    Page page;
    page.rows = selection.rows.size();

    std::string token;
    if (repeat && !query.token.empty()) {
        token = query.token;
    } else if ((selection.more || repeat) && !selection.rows.empty()) {
        const Row& last = stream.row(selection.rows.back());
        token = make_token(context, wanted, {last.updated_us, last.seq, last.id});
    }
    std::string next;
    if (!token.empty() && (context.paging == Paging::next || context.paging == Paging::link)) {
        next = url(origin, path, query, "cursor=" + token + "&limit=" + std::to_string(wanted.limit));
    }
    if (context.paging == Paging::link) {
        std::string link;
        if (!next.empty()) link = "<" + next + ">; rel=\"next\", ";
        link += "<" + url(origin, path, query, filter_parameters(wanted)) + ">; rel=\"first\"";
        page.reply.headers.emplace_back("Link", std::move(link));
    }

    std::size_t size = kEnvelope;
    for (const std::uint32_t index : selection.rows) size += stream.row(index).json.size() + 1;
    std::string& body = page.reply.body;
    body.reserve(size);
    if (query.bare) {
        append_rows(body, stream, selection.rows);
        return page;
    }
    body += R"({"data":)";
    append_rows(body, stream, selection.rows);
    body += selection.more || (repeat && !token.empty()) ? R"(,"has_more":true,"total":)"
                                                         : R"(,"has_more":false,"total":)";
    body += std::to_string(selection.total) + R"(,"next_cursor":)";
    append_text_or_null(body, context.paging == Paging::cursor ? token : "");
    body += R"(,"next":)";
    append_text_or_null(body, context.paging == Paging::next ? next : "");
    body += '}';
    return page;
}

}  // namespace simulator
