#include "pg/postgres.hpp"

#include "worker/write_sql.hpp"

#include <algorithm>

#include "worker/target.hpp"

namespace upstream::worker {
namespace {

using Strings = std::vector<std::string>;

std::string joined(const Strings& parts, const char* separator = ", ") {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : separator) + part;
    return text;
}

bool is_text(Oid type) { return type == TEXTOID || type == VARCHAROID || type == BPCHAROID; }

std::string parameter(std::size_t number) { return "$" + std::to_string(number); }

std::string alias(std::size_t field) { return "c" + std::to_string(field + 1); }

// A value in a form that has an equality.
std::string comparable(const std::string& value, const pg::Attribute& attribute) { return attribute.has_equality ? value : value + "::text"; }

// The key of rows without identity; the number of one that equals others stands behind it (core/occurrences).
std::string hashed_value(const core::Field& field, const std::string& value) {
    const std::string parts[] = {field.numbered ? "split_part(" + value + ", E'\\x1f', 1)" : value, field.numbered ? " || split_part(" + value + ", E'\\x1f', 2)" : ""};
    return "encode(sha256(convert_to(" + parts[0] + ", 'UTF8')), 'hex')" + parts[1];
}

class Builder {
  public:
    Builder(const WriteRule& rule, const pg::Table& table, const std::vector<core::Field>& fields)
        : rule_(rule), table_(table), fields_(fields), with_account_(table.attribute(kAccountColumn) != nullptr),
          with_time_(table.attribute(kSyncedAtColumn) != nullptr), revives_(rule.revives) {
        if (with_account_) matches_.push_back("t." + pg::quote_name(kAccountColumn) + " = $1");
        for (std::size_t i = 0; i < fields.size(); ++i) {
            const pg::Attribute& attribute = at(i);
            if (!fields[i].key) continue;
            order_.push_back("p." + alias(i) + (is_text(attribute.type) ? " COLLATE \"C\"" : ""));
            matches_.push_back("t." + name(i) + " = page." + alias(i));
        }
        for (std::size_t i = 0; i < fields.size(); ++i)
            if (fields[i].column == rule.newer_by) newer_ = i;
    }

    // The page's rows, one a key unless all are kept.
    [[nodiscard]] std::string page() const {
        Strings arrays, names, values;
        const auto add = [&](std::size_t number, const std::string& column, const std::string& value) {
            arrays.push_back(parameter(number));
            names.push_back(column);
            values.push_back(value);
        };
        bool hashed = false;
        for (std::size_t i = 0; i < fields_.size(); ++i) {
            hashed |= !fields_[i].hash.empty();
            add(i + 2, alias(i), fields_[i].hash.empty() ? alias(i) : hashed_value(fields_[i], alias(i)) + " AS " + alias(i));
        }
        std::size_t next = fields_.size() + 2;
        if (rule_.gone) add(next++, "gone", "gone");
        if (rule_.partial) {
            for (std::size_t i = 0; i < fields_.size(); ++i)
                if (const std::string flag = "p" + std::to_string(i + 1); !fields_[i].key) add(next++, flag, flag);
        }
        const bool all = rule_.mode == core::Stream::Write::append || order_.empty();
        const std::string keys = joined(order_);
        const std::string newest = newer_ ? ", p." + alias(*newer_) + " DESC NULLS LAST" : "";
        return "WITH page AS (\n    SELECT " + (all ? std::string{} : "DISTINCT ON (" + keys + ") ") + "p.*\n    FROM " + (hashed ? "(SELECT " + joined(values) + ", ordinal FROM " : "") + "unnest(" + joined(arrays) +
               ") WITH ORDINALITY AS " + (hashed ? "u" : "p") + "(" + joined(names) + ", ordinal)" + (hashed ? ") AS p" : "") + "\n    ORDER BY " + (all ? "p.ordinal" : keys + newest + ", p.ordinal DESC") + "\n)";
    }

    // INSERT with what a conflict means, and the numbers.
    [[nodiscard]] std::string insert() const {
        return page() + ", written AS (\n    INSERT INTO " + table_.qualified + " AS t (" + joined(columns()) + ")\n    SELECT " + joined(values()) +
               " FROM page" + (rule_.gone ? " WHERE NOT page.gone" : "") + "\n" + on_conflict() + counts();
    }

    // Partial rows: first what is there is updated with what the records have ...
    [[nodiscard]] std::string update_known() const {
        Strings sets, before, after;
        for (std::size_t i = 0; i < fields_.size(); ++i) {
            if (fields_[i].key) continue;
            const std::string value = "CASE WHEN page.p" + std::to_string(i + 1) + " THEN page." + alias(i) + " ELSE t." + name(i) + " END";
            sets.push_back(name(i) + " = " + value);
            before.push_back(comparable("t." + name(i), at(i)));
            after.push_back(comparable(value, at(i)));
        }
        if (sets.empty()) return page() + "\nSELECT count(*), 0::bigint, 0::bigint, 0::bigint FROM page" + of_page();
        add_time(sets);
        const std::string differs = "(" + joined(before) + ") IS DISTINCT FROM (" + joined(after) + ")";
        return page() + ", updated AS (\n    UPDATE " + table_.qualified + " AS t SET " + joined(sets) + "\n    FROM page WHERE " +
               joined(matches_, " AND ") + (rule_.gone ? " AND NOT page.gone" : "") + not_stale("page." , "t.") + "\n        AND (" + differs + revival() +
               ")\n    RETURNING 1\n)" + stale() + "\nSELECT (SELECT count(*) FROM page" + of_page() + "), 0::bigint, (SELECT count(*) FROM updated), " +
               stale_count();
    }

    // ... then the others are inserted.
    [[nodiscard]] std::string insert_unknown() const {
        return page() + ", written AS (\n    INSERT INTO " + table_.qualified + " AS t (" + joined(columns()) + ")\n    SELECT " + joined(values_of_new()) +
               " FROM page" + of_page() + "\n    ON CONFLICT (" + quoted_key() + ") DO NOTHING\n    RETURNING 1\n)\n"
               "SELECT (SELECT count(*) FROM written), (SELECT count(*) FROM page JOIN " + table_.qualified + " t ON " + joined(matches_, " AND ") + of_page() + ")";
    }

    [[nodiscard]] std::string known_keys() const {
        return page() + "\nSELECT known.key FROM page CROSS JOIN LATERAL (SELECT " + key_digest(rule_.key) + " AS key FROM " + table_.qualified + " t WHERE " +
               joined(matches_, " AND ") + " OFFSET 0) AS known";  // OFFSET 0: key by key, whatever is thought of the table's size
    }

    [[nodiscard]] std::string erase() const {
        const std::string which = joined(matches_, " AND ") + " AND page.gone" + not_stale("page.", "t.");
        const std::string mark = pg::quote_name(kDeletedAtColumn);
        const std::string time = with_time_ ? ", " + pg::quote_name(kSyncedAtColumn) + " = now()" : "";
        const std::string what = rule_.soft ? "UPDATE " + table_.qualified + " AS t SET " + mark + " = now()" + time + " FROM page\n    WHERE t." + mark + " IS NULL AND " + which
                                            : "DELETE FROM " + table_.qualified + " AS t USING page\n    WHERE " + which;
        return page() + ", erased AS (\n    " + what + "\n    RETURNING 1\n)\nSELECT count(*) FROM erased";
    }

  private:
    [[nodiscard]] const pg::Attribute& at(std::size_t field) const { return *table_.attribute(fields_[field].column); }
    [[nodiscard]] std::string name(std::size_t field) const { return pg::quote_name(fields_[field].column); }
    [[nodiscard]] std::string of_page() const { return rule_.gone ? " WHERE NOT page.gone" : ""; }

    [[nodiscard]] Strings columns() const {
        Strings names;
        if (with_account_) names.push_back(pg::quote_name(kAccountColumn));
        for (std::size_t i = 0; i < fields_.size(); ++i) names.push_back(name(i));
        if (with_time_) names.push_back(pg::quote_name(kSyncedAtColumn));
        return names;
    }

    [[nodiscard]] Strings values() const {
        Strings made;
        if (with_account_) made.emplace_back("$1");
        for (std::size_t i = 0; i < fields_.size(); ++i) made.push_back("page." + alias(i));
        if (with_time_) made.emplace_back("now()");
        return made;
    }

    // What only tells how new a record is, and is none of its members, is not stored.
    [[nodiscard]] Strings values_of_new() const {
        Strings made = values();
        if (newer_ && !fields_[*newer_].key)
            made[*newer_ + (with_account_ ? 1 : 0)] = "CASE WHEN page.p" + std::to_string(*newer_ + 1) + " THEN page." + alias(*newer_) + " END";
        return made;
    }

    [[nodiscard]] std::string quoted_key() const {
        Strings names;
        for (const std::string& column : rule_.key) names.push_back(pg::quote_name(column));
        return joined(names);
    }

    void add_time(Strings& sets) const {
        if (with_time_) sets.push_back(pg::quote_name(kSyncedAtColumn) + " = now()");
        if (revives_) sets.push_back(pg::quote_name(kDeletedAtColumn) + " = NULL");
    }

    // A row that comes back is no longer deleted.
    [[nodiscard]] std::string revival() const { return revives_ ? " OR t." + pg::quote_name(kDeletedAtColumn) + " IS NOT NULL" : ""; }

    // An incoming row whose value is smaller than the stored one is dropped; without a value it cannot be told, and is taken.
    [[nodiscard]] std::string not_stale(const std::string& incoming, const std::string& stored) const {
        if (!newer_) return "";
        const std::string fresh = incoming == "page." ? incoming + alias(*newer_) : incoming + name(*newer_);
        return " AND (" + fresh + " < " + stored + name(*newer_) + ") IS NOT TRUE";
    }

    [[nodiscard]] std::string on_conflict() const {
        if (rule_.mode == core::Stream::Write::append) return "";
        Strings sets, before, after;
        for (std::size_t i = 0; i < fields_.size(); ++i) {
            if (fields_[i].key || rule_.mode == core::Stream::Write::insert_only) continue;
            sets.push_back(name(i) + " = excluded." + name(i));
            before.push_back(comparable("t." + name(i), at(i)));
            after.push_back(comparable("excluded." + name(i), at(i)));
        }
        const std::string conflict = "    ON CONFLICT (" + quoted_key() + ") ";
        if (sets.empty() && !revives_) return conflict + "DO NOTHING\n";
        add_time(sets);
        const std::string differs = before.empty() ? "false" : "(" + joined(before) + ") IS DISTINCT FROM (" + joined(after) + ")";
        const std::string condition = revives_ ? "(" + differs + revival() + ")" : differs;
        return conflict + "DO UPDATE SET " + joined(sets) + "\n    WHERE " + condition + not_stale("excluded.", "t.") + "\n";
    }

    // How the statement ends: with the numbers of rows in the page, inserted and updated. xmax is 0 for a row that was inserted, and the lock's for one that
    // was updated; partitions do not show it, so that there the keys that were known before are counted.
    [[nodiscard]] std::string counts() const {
        const std::string rows = "(SELECT count(*) FROM page" + of_page() + ")";
        if (table_.kind != 'p' || rule_.key.empty() || rule_.mode == core::Stream::Write::append) {
            const bool plain = table_.kind == 'p';  // append to a partitioned table: whatever was written is new
            return std::string{"    RETURNING "} + (plain ? "true" : "t.xmax = 0") + " AS inserted\n)" + stale() + "\nSELECT " + rows +
                   ", count(*) FILTER (WHERE inserted), count(*) FILTER (WHERE NOT inserted), " + stale_count() + " FROM written";
        }
        return "    RETURNING 1\n"
               "), known AS (\n"
               "    SELECT count(*) AS rows FROM page JOIN " + table_.qualified + " t ON " + joined(matches_, " AND ") + of_page() + "\n"
               "), total AS (\n"
               "    SELECT " + rows + " AS rows\n"
               ")" + stale() + "\n"
               "SELECT total.rows, total.rows - known.rows, (SELECT count(*) FROM written) - (total.rows - known.rows), " + stale_count() + " FROM total, known";
    }

    [[nodiscard]] std::string stale() const {
        if (!newer_) return "";
        return ", stale AS (\n    SELECT count(*) AS rows FROM page JOIN " + table_.qualified + " t ON " + joined(matches_, " AND ") + " WHERE page." +
               alias(*newer_) + " < t." + name(*newer_) + (rule_.gone ? " AND NOT page.gone" : "") + "\n)";
    }
    [[nodiscard]] std::string stale_count() const { return newer_ ? "(SELECT rows FROM stale)" : "0::bigint"; }

    const WriteRule& rule_;
    const pg::Table& table_;
    const std::vector<core::Field>& fields_;
    bool with_account_, with_time_, revives_;
    Strings matches_, order_;
    std::optional<std::size_t> newer_;
};

}  // namespace

WriteSql write_sql(const WriteRule& rule, const pg::Table& table, const std::vector<core::Field>& fields) {
    const Builder builder{rule, table, fields};
    WriteSql sql;
    if (rule.partial && rule.mode == core::Stream::Write::upsert) {
        sql.write = builder.update_known();
        sql.fill = builder.insert_unknown();
    } else {
        sql.write = builder.insert();
    }
    if (rule.gone) sql.erase = builder.erase();
    return sql;
}

std::string known_keys_sql(const WriteRule& rule, const pg::Table& table, const std::vector<core::Field>& fields) {
    return Builder{rule, table, fields}.known_keys();
}

std::string key_digest(const std::vector<std::string>& key) {
    Strings parts;
    for (const std::string& column : key)
        if (column != kAccountColumn) parts.push_back("t." + pg::quote_name(column) + "::text");
    return "encode(substring(sha256(convert_to(jsonb_build_array(" + joined(parts) + ")::text, 'UTF8')) FOR 16), 'hex')";
}

std::string replace_inner_sql(const std::vector<std::string>& key, const pg::Table& table, const std::vector<core::Field>& fields) {
    Strings arrays, names, heads, head_names, of_head, of_page;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        arrays.push_back(parameter(i + 2));
        names.push_back(alias(i));
        const std::string column = "t." + pg::quote_name(fields[i].column);
        if (std::find(key.begin(), key.end(), fields[i].column) != key.end()) of_page.push_back(column + " = page." + alias(i));
        if (!fields[i].outer) continue;
        heads.push_back(parameter(fields.size() + 2 + heads.size()));
        head_names.push_back(alias(i));
        of_head.push_back(column + " = head." + alias(i));
    }
    const bool with_account = table.attribute(kAccountColumn) != nullptr;
    return "WITH page AS (\n    SELECT * FROM unnest(" + joined(arrays) + ") AS p(" + joined(names) + ")\n), head AS (\n    SELECT DISTINCT * FROM unnest(" + joined(heads) + ") AS h(" +
           joined(head_names) + ")\n), erased AS (\n    DELETE FROM " + table.qualified + " AS t USING head\n    WHERE " +
           (with_account ? "t." + pg::quote_name(kAccountColumn) + " = $1 AND " : "") + joined(of_head, " AND ") +
           "\n        AND NOT EXISTS (SELECT FROM page WHERE " + joined(of_page, " AND ") + ")\n    RETURNING 1\n)\nSELECT count(*) FROM erased";
}

}  // namespace upstream::worker
