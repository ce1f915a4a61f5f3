#include "worker/transform.hpp"

#include "pg/relation.hpp"

namespace upstream::worker {

std::string quoted_function(const std::string& written) {
    const auto dot = written.find('.');
    return pg::quote_name(written.substr(0, dot)) + "." + pg::quote_name(written.substr(dot + 1));
}

// A null is no record: it drops the one it was made of, as no row does.
Transform::Transform(const std::string& function)
    : statement_("SELECT r.number, f.record::text FROM unnest($1) WITH ORDINALITY AS r(record, number), LATERAL " + quoted_function(function) +
                 "(r.record::jsonb, $2) AS f(record)\nWHERE f.record IS NOT NULL\nORDER BY r.number") {}

Transform::Made Transform::run(const core::Batch& batch, const std::vector<std::size_t>& numbers, const std::string& context) {
    std::vector<std::string> records;
    records.reserve(numbers.size());
    for (const std::size_t number : numbers) records.emplace_back(batch.records[number].raw());
    Made made;
    const pg::Rows rows = statement_.run(records, pg::Json{context});
    for (const pg::Row row : rows) made.emplace_back(numbers[static_cast<std::size_t>(row.get<std::int64_t>(0) - 1)], row.get<std::string>(1));
    return made;
}

}  // namespace upstream::worker
