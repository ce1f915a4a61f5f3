#include "core/token_answer.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/excerpt.hpp"
#include "core/source_parts.hpp"

namespace upstream::core {
namespace {

constexpr Duration kLongestLife = std::chrono::hours(24 * 366);

std::optional<json::Document> parse(std::string text, json::Limits limits) {
    auto document = json::Document::parse(std::move(text), limits);
    if (!document) return std::nullopt;
    return std::move(*document);
}

std::optional<std::string> unless_empty(std::string_view text) { return text.empty() ? std::nullopt : std::optional{std::string{text}}; }

}  // namespace

TokenAnswer::TokenAnswer(const Response& response, json::Limits limits) : response_(response), document_(parse(response.body, limits)) {
    if (!document_) document_ = parse(json::quote(response.body), limits);
}

std::optional<std::string> TokenAnswer::token(const Path& path) const {
    if (path.root() == Path::Root::header) return unless_empty(response_.header(path.header()).value_or(""));
    const auto value = document_ ? path.find(document_->root()) : std::nullopt;
    return value && value->is_string() ? unless_empty(value->text()) : std::nullopt;
}

std::optional<std::string> TokenAnswer::text(const Path& path) const {
    if (path.root() == Path::Root::header) return token(path);
    const auto value = document_ ? path.find(document_->root()) : std::nullopt;
    if (!value || value->is_null() || value->is_array() || value->is_object()) return std::nullopt;
    return unless_empty(value->text());
}

std::optional<Duration> TokenAnswer::seconds(const Path& path) const {
    const auto written = text(path);
    if (!written) return std::nullopt;
    double seconds = 0;
    const auto [end, error] = std::from_chars(written->data(), written->data() + written->size(), seconds);
    if (error != std::errc{} || end != written->data() + written->size() || !std::isfinite(seconds) || seconds <= 0) return std::nullopt;
    const double longest = std::chrono::duration<double>(kLongestLife).count();
    const auto life = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::min(seconds, longest)));
    if (life == Duration{0}) return std::nullopt;  // what is less than a microsecond says nothing, as zero does
    return life;
}

std::optional<Duration> TokenAnswer::until(const Path& path, const TimeFormat& format, Timestamp now) const {
    const auto written = text(path);
    const auto time = written ? parse_time(*written, format) : std::nullopt;
    if (!time || *time <= now) return std::nullopt;
    return std::min(*time - now, kLongestLife);
}

std::string TokenAnswer::error() const {
    const auto value = document_ ? document_->root().member("error") : std::nullopt;
    return value && value->is_string() ? std::string{value->text()} : "";
}

std::string TokenAnswer::reason() const {
    std::string reason = excerpt(error(), 60);
    const auto description = document_ ? document_->root().member("error_description") : std::nullopt;
    if (description && description->is_string() && !description->text().empty()) reason += ": " + excerpt(std::string{description->text()}, 140);
    return reason;
}

std::optional<std::string> complaint_about_setting(const Source& source, const std::string& name, const std::string& value) {
    const auto setting = std::find_if(source.settings.begin(), source.settings.end(), [&](const Setting& known) { return known.name == name; });
    if (setting == source.settings.end() || setting->type == "array") return std::nullopt;
    const auto document = json::Document::parse(setting->type == "string" ? json::quote(value) : value);
    if (!document) return "must be of type " + setting->type;
    const auto complaint = parts::check_setting(*setting, document->root());
    return complaint ? std::optional{complaint->message} : std::nullopt;
}

}  // namespace upstream::core
