// The plain dialect: one made-up API with every pagination, on rows that are awkward to store. See ../README.md.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "dialects/dialect.hpp"
#include "query.hpp"
#include "random.hpp"
#include "stats.hpp"
#include "stream.hpp"

namespace simulator {

class Plain final : public Dialect {
  public:
    void set_up(Options& options, const Settings& settings) override;
    std::optional<Reply> route(const Call& call, Subject& subject) override;
    std::optional<Reply> admit(const Call& call, const Subject& subject) override;
    Answer answer(const Call& call, const Subject& subject, const std::optional<Fault>& fault) override;
    void after_answer(World& world, const Subject& subject) override;
    bool mutate(Options& options, World& world, Json& done) override;
    [[nodiscard]] std::optional<std::string> oracle(std::string_view account, std::string_view table) const override;
    [[nodiscard]] std::size_t rows(std::string_view account, std::string_view stream) const override;

  private:
    struct Model {
        Stream rows;
        std::int64_t* next_seq;  // of all models of this stream
    };
    using Streams = std::map<std::string, Model, std::less<>>;

    void read_streams(const rapidjson::Value* object, std::size_t accounts, Options& options);
    void make_rows(const Settings& settings);
    [[nodiscard]] const Model* find(std::string_view account, std::string_view stream) const;
    [[nodiscard]] Model* find(std::string_view account, std::string_view stream);

    std::map<std::string, StreamShape> shapes_;
    std::map<std::string, std::int64_t> next_seq_;  // by stream; a map's values stay where they are
    std::map<std::string, Streams, std::less<>> models_;
    Random random_{1};
    std::int64_t max_limit_ = 1000;
    std::int64_t mutate_every_ = 0;  // 0: rows change by command only
    std::int64_t mutate_total_ = 0;  // 0: without end
    std::int64_t mutations_on_request_ = 0;
    std::int64_t requests_since_mutation_ = 0;
};

}  // namespace simulator
