// Checking the options of control commands. A misspelt option is an error: a test that sets nothing proves nothing.
#include "options.hpp"

#include <algorithm>

namespace simulator {

std::string text_of(const rapidjson::Value& value) { return {value.GetString(), value.GetStringLength()}; }

Options::Options(std::string_view json) {
    if (json.find_first_not_of(" \t\r\n") == std::string_view::npos) json = "{}";
    // Iteratively, because the depth of the text is up to the sender.
    document_.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(json.data(), json.size());
    if (document_.HasParseError() || !document_.IsObject()) {
        refuse("the command's body is not a JSON object");
        document_.SetObject();
    }
    value_ = &document_;
}

Options::Options(const rapidjson::Value& object) : value_(&object) {
    if (object.IsObject()) return;
    refuse("an object was expected");
    document_.SetObject();
    value_ = &document_;
}

void Options::refuse(const std::string& problem) {
    if (problem_.empty()) problem_ = problem;
}

void Options::refuse_if(const std::string& problem) {
    if (!problem.empty()) refuse(problem);
}

bool Options::has(const char* name) const { return value_->HasMember(name); }

const rapidjson::Value* Options::find(const char* name) {
    asked_.emplace_back(name);
    const auto at = value_->FindMember(name);
    return at == value_->MemberEnd() ? nullptr : &at->value;
}

std::int64_t Options::integer(const char* name, std::int64_t fallback, std::int64_t low, std::int64_t high) {
    const rapidjson::Value* value = find(name);
    if (value == nullptr) return fallback;
    if (value->IsInt64() && value->GetInt64() >= low && value->GetInt64() <= high) return value->GetInt64();
    refuse(std::string(name) + " must be an integer from " + std::to_string(low) + " to " + std::to_string(high));
    return fallback;
}

bool Options::flag(const char* name, bool fallback) {
    const rapidjson::Value* value = find(name);
    if (value == nullptr) return fallback;
    if (value->IsBool()) return value->GetBool();
    refuse(std::string(name) + " must be true or false");
    return fallback;
}

std::string Options::text(const char* name, std::string_view fallback) {
    const rapidjson::Value* value = find(name);
    if (value == nullptr) return std::string(fallback);
    if (value->IsString()) return text_of(*value);
    refuse(std::string(name) + " must be a string");
    return std::string(fallback);
}

std::vector<std::string> Options::texts(const char* name, std::vector<std::string> fallback) {
    const rapidjson::Value* value = find(name);
    if (value == nullptr) return fallback;
    std::vector<std::string> out;
    if (value->IsArray()) {
        for (const auto& element : value->GetArray()) {
            if (element.IsString()) out.push_back(text_of(element));
        }
    }
    if (value->IsArray() && out.size() == value->Size()) return out;
    refuse(std::string(name) + " must be an array of strings");
    return fallback;
}

const rapidjson::Value* Options::object(const char* name) {
    const rapidjson::Value* value = find(name);
    if (value == nullptr || value->IsObject()) return value;
    refuse(std::string(name) + " must be an object");
    return nullptr;
}

std::string Options::problem() {
    for (const auto& member : value_->GetObject()) {
        const std::string name = text_of(member.name);
        if (std::find(asked_.begin(), asked_.end(), name) == asked_.end()) refuse("unknown option: " + name);
    }
    return problem_;
}

}  // namespace simulator
