// Checks of a stream's request as a whole: the page token is sent once, names do not clash, bodies fit.
#include "core/source_check.hpp"

#include <algorithm>

namespace upstream::core::parts {

namespace {

using Type = Pagination::Type;

char lower(char byte) { return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte; }

bool same_header(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

bool has_param(const Stream& stream, std::string_view name) {
    return std::any_of(stream.params.begin(), stream.params.end(), [name](const auto& param) { return param.first == name; });
}

bool has_header(const HeaderTexts& headers, std::string_view name) {
    return std::any_of(headers.begin(), headers.end(), [name](const auto& header) { return same_header(header.first, name); });
}

// Whether a body has that member; the name is dotted for nested ones.
bool has_member(const JsonText& body, std::string_view name) {
    const std::size_t dot = std::min(name.find('.'), name.size());
    for (const auto& [key, member] : body.members) {
        if (key != name.substr(0, dot)) continue;
        return dot == name.size() || has_member(member, name.substr(dot + 1));
    }
    return false;
}

bool pages_by_token(const Pagination& pagination) {
    return pagination.type == Type::cursor || pagination.type == Type::page || pagination.type == Type::offset;
}

// Where a credential goes, if not into the Authorization header.
std::pair<Place, std::string_view> place_of(const Auth& auth) {
    if (auth.type == Auth::Type::api_key) return {auth.place, auth.name};
    const Send* send = nullptr;
    if (auth.oauth2 && auth.oauth2->send) send = &*auth.oauth2->send;
    if (auth.login) send = &auth.login->send;
    if (auth.jwt) send = &auth.jwt->send;
    if (send != nullptr) return {send->in, send->name};
    return {Place::header, auth.type == Auth::Type::none ? "" : "Authorization"};
}

}  // namespace

bool StreamCheck::sends(std::string_view root, std::string_view word) const {
    return std::any_of(draft_.texts.begin(), draft_.texts.end(), [&](const TextUse& use) {
        if (use.spot != Spot::path && use.spot != Spot::param && use.spot != Spot::header && use.spot != Spot::body) return false;
        const std::vector<Placeholder> found = use.text.placeholders();
        return std::any_of(found.begin(), found.end(), [&](const Placeholder& p) { return p.root == root && (word.empty() || p.word == word); });
    });
}

// Rule 10: else the same page would come again and again.
void StreamCheck::page_token() {
    if (!pages_by_token(stream_.pagination) || !draft_.pagination_ok || !draft_.request_ok) return;
    const bool stands = sends("page", "token");
    if (draft_.states("pagination.inject") && stands) {
        add("pagination.inject", "the page token is sent twice", "Use either \"inject\" or {page.token}.");
    } else if (!draft_.states("pagination.inject") && !stands) {
        add("pagination", "the page token is not sent", "State \"inject\", or write {page.token} into \"path\", \"params\", \"headers\" or \"body\".");
    }
}

void StreamCheck::page_size() {
    if (!pages_by_token(stream_.pagination) || !draft_.pagination_ok || !draft_.request_ok) return;
    if (draft_.states("pagination.size") && !sends("page", "size"))
        warn("pagination.size", "the page size is not sent", "Write {page.size} into \"params\", or leave \"size\" out.");
}

void StreamCheck::first_request_only() {
    if (!draft_.pagination_ok || !draft_.request_ok) return;
    const Pagination& pagination = stream_.pagination;
    std::vector<std::string> known;
    for (const auto& [name, values] : stream_.params) known.push_back(name);
    for (const std::string& name : pagination.first_params) {
        if (!has_param(stream_, name))
            add("pagination.first_request_only", "\"params\" has no \"" + name + "\"", perhaps(name, known));
    }
    if (!pagination.first_body) return;
    if (!stream_.body) add("pagination.first_request_only", "there is no \"body\" to send");
    if (pagination.inject && pagination.inject->in == Place::body)
        add("pagination.first_request_only", "the page token goes into the body, which later requests do not have", "Send the token in \"query\" or \"header\".");
}

// Rule 11.
void StreamCheck::names() {
    const std::optional<Pagination::Inject>& inject = stream_.pagination.inject;
    if (!inject) return;
    const std::string hint = "State it in one of them only.";
    if (inject->in == Place::query && has_param(stream_, inject->name)) {
        add("pagination.inject", "parameter \"" + inject->name + "\" stands in \"params\" too", hint);
    } else if (inject->in == Place::header && (has_header(stream_.headers, inject->name) || has_header(source_.headers, inject->name))) {
        add("pagination.inject", "header \"" + inject->name + "\" stands in \"headers\" too", hint);
    } else if (inject->in == Place::body && stream_.body && has_member(*stream_.body, inject->name)) {
        add("pagination.inject", "member \"" + inject->name + "\" stands in \"body\" too", hint);
    }
}

void StreamCheck::credential() {
    const auto [place, name] = place_of(auth());
    if (name.empty()) return;
    const std::string hint = "It is sent by \"auth\".";
    const std::optional<Pagination::Inject>& inject = stream_.pagination.inject;
    const std::string who = (place == Place::query ? "parameter \"" : place == Place::header ? "header \"" : "member \"") + std::string(name) + "\"";
    const bool is_injected = inject && inject->in == place && (place == Place::header ? same_header(inject->name, name) : inject->name == name);
    if (is_injected) add("pagination.inject", who + " would be sent twice", hint);
    if (place == Place::query && has_param(stream_, name)) add("params", who + " would be sent twice", hint);
    if (place == Place::header && has_header(stream_.headers, name)) add("headers", who + " would be sent twice", hint);
    if (place == Place::body && stream_.body && has_member(*stream_.body, name)) add("body", who + " would be sent twice", hint);
}

void StreamCheck::body() {
    if (!draft_.request_ok) return;
    const std::optional<Pagination::Inject>& inject = stream_.pagination.inject;
    if (stream_.body && stream_.method == "GET") warn("body", "a GET request with a body is not understood everywhere", "State \"method\": \"POST\".");
    if (stream_.body_format == BodyFormat::text && inject && inject->in == Place::body)
        add("pagination.inject", "a body in format \"text\" has no members", "Write {page.token} into it.");
    if (stream_.body && stream_.body->kind != JsonText::Kind::object && stream_.body_format == BodyFormat::json && inject && inject->in == Place::body)
        add("pagination.inject", "the body has no members, because it is not an object");
}

void StreamCheck::request() {
    page_token();
    page_size();
    first_request_only();
    names();
    credential();
    body();
}

void check_stream(StreamDraft& draft, const Source& source, Reader& reader) {
    for (const TextUse& use : draft.texts) check_text(use, &draft, reader);
    StreamCheck check(draft, source, reader.problems);
    check.request();
    check.run();
    check.write();
}

}  // namespace upstream::core::parts
