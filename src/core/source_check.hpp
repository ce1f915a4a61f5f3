// A stream as a whole, for the checks that no single key can fail (grammar, section 8). Nobody else includes this.
//
// A check is skipped where the part that it looks at was not readable: one mistake, one problem.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "core/source_parts.hpp"

namespace upstream::core::parts {

class StreamCheck {
  public:
    StreamCheck(StreamDraft& draft, const Source& source, Problems& problems)
        : draft_(draft), stream_(draft.stream), source_(source), problems_(problems) {}

    void request();  // source_check.cpp: pages, names, bodies
    void run();      // source_check_run.cpp: cursor, parents, schedule
    void write();    // source_check_write.cpp: keys, columns, modes, deletes

  private:
    // The defaults' path does not tell which stream is meant.
    void add(std::string_view key, const std::string& message, std::string hint = {}) {
        problems_.add(draft_.at(key), message + about(key), std::move(hint));
    }
    void warn(std::string_view key, const std::string& message, std::string hint = {}) {
        problems_.warn(draft_.at(key), message + about(key), std::move(hint));
    }
    [[nodiscard]] std::string about(std::string_view key) const {
        return draft_.at(key).path.starts_with("$.defaults") ? " (stream \"" + stream_.name + "\")" : std::string{};
    }

    // Whether {root.word} stands in the request; with "" any of that root.
    [[nodiscard]] bool sends(std::string_view root, std::string_view word) const;

    [[nodiscard]] const Auth& auth() const { return stream_.auth ? *stream_.auth : source_.auth; }

    void page_token();
    void page_size();
    void first_request_only();
    void names();
    void credential();
    void body();

    void filter();
    void slices();
    void rescan();
    void sync_mode();
    void parent();
    void partitions();
    void schedule();
    void responses();

    void key();
    void key_columns();
    void occurrence();
    void raw();
    void newer_by();
    void modes();
    void window();
    void deletes();
    void feed();

    // A column that the stream itself fills; nothing is known without "columns", because then every member is one.
    [[nodiscard]] bool lacks_column(std::string_view name) const;
    [[nodiscard]] std::string column_hint(std::string_view name) const;

    StreamDraft& draft_;
    Stream& stream_;
    const Source& source_;
    Problems& problems_;
};

}  // namespace upstream::core::parts
