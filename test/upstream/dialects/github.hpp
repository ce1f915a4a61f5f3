// GitHub's REST API: the issues of one repository per account (/repos/acme/{account}/issues), pull requests among them; Link
// headers, entity tags, limits in headers.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "dialects/dialect.hpp"
#include "dialects/limits.hpp"
#include "random.hpp"

namespace simulator {

class GitHub final : public Dialect {
  public:
    void set_up(Options& options, const Settings& settings) override;
    std::optional<Reply> route(const Call& call, Subject& subject) override;
    std::optional<Reply> admit(const Call& call, const Subject& subject) override;
    Answer answer(const Call& call, const Subject& subject, const std::optional<Fault>& fault) override;
    bool mutate(Options& options, World& world, Json& done) override;
    [[nodiscard]] std::optional<std::string> oracle(std::string_view account, std::string_view table) const override;
    void write_stats(Json& json) const override {
        json.number("not_modified", not_modified_);
        limits_.write_stats(json);
    }
    void reset_stats() override {
        not_modified_ = 0;
        limits_.reset_stats();
    }

  private:
    struct Issue {
        std::int64_t id = 0;
        std::int64_t number = 0;
        std::string title;
        bool open = true;
        std::int64_t created_us = 0;
        std::int64_t updated_us = 0;
        std::int64_t comments = 0;
    };
    struct Repository {
        std::vector<Issue> issues;
        Random random{0};
        std::int64_t last_us = 0;
    };

    static void open(Repository& repository, std::int64_t at_us);
    static std::int64_t tick(Repository& repository, std::int64_t i);
    Answer issues(const Call& call, const Repository& repository);
    void add_limit(Reply& reply, const std::string& account, bool charged);

    std::map<std::string, Repository, std::less<>> repositories_;
    std::int64_t not_modified_ = 0;
    Limits limits_;
};

}  // namespace simulator
