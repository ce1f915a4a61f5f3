// Reading the JSON object of a control command: every option typed, bounded and known, or a message about which is not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/document.h>

namespace simulator {

class Options {
  public:
    // `json` "" is an empty object: every option has a default.
    explicit Options(std::string_view json);
    // The options within a member of another command; it must outlive this.
    explicit Options(const rapidjson::Value& object);

    // Each answers the fallback if the option is absent or wrong; what was wrong is kept for problem().
    std::int64_t integer(const char* name, std::int64_t fallback, std::int64_t low, std::int64_t high);
    bool flag(const char* name, bool fallback);
    std::string text(const char* name, std::string_view fallback);
    std::vector<std::string> texts(const char* name, std::vector<std::string> fallback);
    const rapidjson::Value* object(const char* name);
    [[nodiscard]] bool has(const char* name) const;

    void refuse(const std::string& problem);
    void refuse_if(const std::string& problem);  // unless it is ""

    // The first thing that was wrong, an option nobody asked for included; "" if all is well. Ask last.
    [[nodiscard]] std::string problem();

  private:
    const rapidjson::Value* find(const char* name);

    rapidjson::Document document_;
    const rapidjson::Value* value_ = nullptr;
    std::vector<std::string> asked_;
    std::string problem_;
};

[[nodiscard]] std::string text_of(const rapidjson::Value& value);

}  // namespace simulator
