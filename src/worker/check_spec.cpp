#include "pg/postgres.hpp"

#include "worker/check_spec.hpp"

#include <utility>

#include "http/egress.hpp"
#include "pg/error.hpp"
#include "worker/catalog_objects.hpp"
#include "worker/settings.hpp"

namespace upstream::worker {
namespace {

using Urls = std::vector<std::pair<std::string, const core::Text*>>;  // path in the spec, URL

void add_urls(const std::string& path, const core::Auth& auth, Urls& urls) {
    if (auth.oauth2) {
        urls.emplace_back(path + ".token_url", &auth.oauth2->token_url);
        if (auth.oauth2->refresh_url) urls.emplace_back(path + ".refresh_url", &*auth.oauth2->refresh_url);
    }
    // A path under base_url goes where base_url goes.
    if (auth.login && auth.login->url.source().find("://") != std::string::npos) urls.emplace_back(path + ".request.url", &auth.login->url);
    if (auth.jwt && auth.jwt->token_url) urls.emplace_back(path + ".token_url", &*auth.jwt->token_url);
}

Urls urls_of(const core::Source& source) {
    Urls urls{{"$.base_url", &source.base_url}};
    if (source.ways.empty()) add_urls("$.auth", source.auth, urls);
    for (const auto& [name, way] : source.ways) add_urls("$.auth.one_of." + name, way, urls);
    for (const core::Stream& stream : source.streams) {
        const std::string path = "$.streams." + stream.name;
        if (stream.base_url) urls.emplace_back(path + ".base_url", &*stream.base_url);
        if (stream.auth) add_urls(path + ".auth", *stream.auth, urls);
    }
    return urls;
}

void judge(const http::EgressPolicy& policy, const std::string& path, const std::string& url) {
    const core::Result<core::Origin> origin = http::judge_url(policy, url);
    if (!origin) throw pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, path + ": " + origin.error().message, origin.error().detail, origin.error().hint);
}

[[nodiscard]] std::string in_stream(const core::Stream& stream) { return "Stream \"" + stream.name + "\"."; }

struct Signature {
    const char* key;
    std::string arguments;
    bool any_result;  // else SETOF jsonb
    const char* declaration;
};

void check_function(ObjectCatalog& catalog, const core::Stream& stream, const std::string& function, const Signature& wanted, Oid role) {
    if (function.empty()) return;
    const std::size_t dot = function.find('.');
    const auto found = catalog.functions(function.substr(0, dot), function.substr(dot + 1), role);
    const std::string hint = "Declare it as " + function + wanted.declaration + ".";
    if (found.empty()) throw pg::Raise(ERRCODE_UNDEFINED_FUNCTION, std::string{wanted.key} + " function " + function + " does not exist", in_stream(stream), hint);
    for (const ObjectCatalog::Function& candidate : found) {
        if (candidate.arguments != wanted.arguments) continue;
        if (!wanted.any_result && !(candidate.returns_set && candidate.result == "jsonb")) continue;
        if (candidate.may_execute) return;
        throw pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE, "the owner of the target may not execute function " + function, in_stream(stream),
                        "Grant EXECUTE on it, and USAGE on its schema.");
    }
    throw pg::Raise(ERRCODE_UNDEFINED_FUNCTION, std::string{wanted.key} + " function " + function + " has other arguments or another result",
                    "Stream \"" + stream.name + "\"; there is " + function + "(" + found[0].arguments + ") returning " +
                        (found[0].returns_set ? "SETOF " : "") + found[0].result + ".",
                    hint);
}

void check_column(ObjectCatalog& catalog, const core::Stream& stream, const ParentTable& table, const std::string& column, bool updated, Oid role) {
    const ObjectCatalog::Column found = catalog.column(table.oid, column, role);
    const std::string& name = table.qualified;
    if (!found.exists) throw pg::Raise(ERRCODE_UNDEFINED_COLUMN, "column \"" + column + "\" of parent " + name + " does not exist", in_stream(stream));
    if (!found.may_select || (updated && !found.may_update))
        throw pg::Raise(ERRCODE_INSUFFICIENT_PRIVILEGE,
                        std::string{"the owner of the target may not "} + (found.may_select ? "update" : "read") + " column \"" + column + "\" of parent " + name,
                        in_stream(stream), "Parents are read as the owner of the stream's target.");
}

ParentTable find_parent(ObjectCatalog& catalog, const core::Stream& stream, const std::string& schema) {
    const std::string& table = stream.parent->table;
    const std::size_t dot = table.find('.');
    const std::string qualified = dot == std::string::npos ? pg::quote_name(schema) + "." + pg::quote_name(table)
                                                           : pg::quote_name(table.substr(0, dot)) + "." + pg::quote_name(table.substr(dot + 1));
    const Oid oid = catalog.find_readable(qualified);
    if (!OidIsValid(oid)) throw pg::Raise(ERRCODE_UNDEFINED_TABLE, "parent table " + qualified + " does not exist", in_stream(stream), "Create the table or view first.");
    return {oid, qualified};
}

}  // namespace

void check_hosts(const core::Source& source, const core::Lookup& lookup) {
    const http::EgressPolicy policy = client_options().egress;
    for (const auto& [path, text] : urls_of(source))
        if (const auto url = text->render(lookup)) judge(policy, path, *url);
    for (std::size_t i = 0; i < source.allowed_hosts.size(); ++i)
        if (!source.allowed_hosts[i].starts_with('*')) judge(policy, "$.allowed_hosts[" + std::to_string(i) + "]", "https://" + source.allowed_hosts[i]);
}

void check_objects(const core::Stream& stream, const pg::Table& target, const std::string& schema, ParentTable parent) {
    ObjectCatalog catalog;
    check_function(catalog, stream, stream.transform, {"transform", "jsonb, jsonb", false, "(record jsonb, context jsonb) RETURNS SETOF jsonb"}, target.owner);
    check_function(catalog, stream, stream.after_page, {"after_page", "integer, bigint", true, "(account_id integer, run_id bigint)"}, target.owner);
    if (!stream.newer_by.empty() && target.attribute(stream.newer_by) == nullptr)
        throw pg::Raise(ERRCODE_UNDEFINED_COLUMN, "newer_by column \"" + stream.newer_by + "\" of target " + target.qualified + " does not exist", in_stream(stream));
    if (!stream.parent) return;
    if (!stream.parent->table.empty()) parent = find_parent(catalog, stream, schema);
    if (!OidIsValid(parent.oid)) return;
    for (const auto& [word, column] : stream.parent->key) check_column(catalog, stream, parent, column, false, target.owner);
    if (!stream.parent->only_changed.empty()) check_column(catalog, stream, parent, stream.parent->only_changed, false, target.owner);
    if (!stream.parent->touch.empty()) check_column(catalog, stream, parent, stream.parent->touch, true, target.owner);
}

}  // namespace upstream::worker
