// What a token endpoint or a login answered, value by value.
#pragma once

#include <optional>
#include <string>

#include "core/json.hpp"
#include "core/path.hpp"
#include "core/request.hpp"
#include "core/source.hpp"
#include "core/time.hpp"

namespace upstream::core {

class TokenAnswer {
  public:
    // The response must outlive it. A body that is no JSON is one text value, "$".
    TokenAnswer(const Response& response, json::Limits limits);

    [[nodiscard]] bool is_object() const { return document_ && document_->root().is_object(); }

    // A string or header that is not empty.
    [[nodiscard]] std::optional<std::string> token(const Path& path) const;

    // Any scalar or header that is not empty.
    [[nodiscard]] std::optional<std::string> text(const Path& path) const;

    // Seconds to live come as a number, as text, with a fraction, negative or not at all; nothing unless more than zero. At most a year.
    [[nodiscard]] std::optional<Duration> seconds(const Path& path) const;

    // Time left until a point in time; nothing if it is past.
    [[nodiscard]] std::optional<Duration> until(const Path& path, const TimeFormat& format, Timestamp now) const;

    // `error` of an OAuth answer, and that with its description, cut and in one line. Empty if there is none.
    [[nodiscard]] std::string error() const;
    [[nodiscard]] std::string reason() const;

  private:
    const Response& response_;
    std::optional<json::Document> document_;
};

// What is wrong with the value of a setting that the source declares, as the end of a sentence; nothing if it is good or not declared.
[[nodiscard]] std::optional<std::string> complaint_about_setting(const Source& source, const std::string& name, const std::string& value);

}  // namespace upstream::core
