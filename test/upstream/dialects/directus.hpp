// Directus: the items of one collection (/items/articles) with its filter rules. date_updated is null till the first change.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dialects/dialect.hpp"
#include "dialects/limits.hpp"
#include "random.hpp"

namespace simulator {

class Directus final : public Dialect {
  public:
    void set_up(Options& options, const Settings& settings) override;
    std::optional<Reply> route(const Call& call, Subject& subject) override;
    std::optional<Reply> admit(const Call& call, const Subject& subject) override;
    Answer answer(const Call& call, const Subject& subject, const std::optional<Fault>& fault) override;
    bool mutate(Options& options, World& world, Json& done) override;
    [[nodiscard]] std::optional<std::string> oracle(std::string_view account, std::string_view table) const override;
    void write_stats(Json& json) const override { limits_.write_stats(json); }
    void reset_stats() override { limits_.reset_stats(); }

  private:
    struct Article {
        std::int64_t id = 0;
        std::string title;
        std::string status;
        std::int64_t created_us = 0;
        std::int64_t updated_us = 0;  // 0: never
        std::int64_t views = 0;
    };
    struct Project {
        std::vector<Article> articles;  // by id
        Random random{0};
        std::int64_t next = 1;
        std::int64_t last_us = 0;
    };

    static void add(Project& project, std::int64_t at_us);
    static std::int64_t tick(Project& project, std::int64_t i);
    [[nodiscard]] static bool passes(const Article& article, const rapidjson::Value& filter, std::string& problem);
    Answer articles(const Call& call, const Project& project) const;

    std::map<std::string, Project, std::less<>> projects_;
    Limits limits_;
};

}  // namespace simulator
