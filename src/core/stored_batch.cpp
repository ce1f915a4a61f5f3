#include "core/stored_batch.hpp"

#include <charconv>

namespace upstream::core {
namespace {

// {"columns": {"id": ["1", "2"], "name": ["a", null]}, "origin": [0, 1], ...}
class Writer {
  public:
    template <class List, class Item>
    void list(std::string_view name, const List& items, const Item& item) {
        begin(name);
        json_ += '[';
        bool first = true;
        for (const auto& each : items) {
            if (!first) json_ += ',';
            first = false;
            item(each);
        }
        json_ += ']';
    }
    void values(std::string_view name, const Values& column) {
        list(name, column, [this](const auto& value) { json_ += value ? json::quote(*value) : "null"; });
    }
    void numbers(std::string_view name, const std::vector<std::size_t>& numbers) {
        list(name, numbers, [this](std::size_t number) { json_ += std::to_string(number); });
    }
    void open(std::string_view name) {
        begin(name);
        json_ += '{';
    }
    void close() { json_ += '}'; }
    void number(std::string_view name, std::size_t number) {
        begin(name);
        json_ += std::to_string(number);
    }
    void object() { json_ += '{'; }
    [[nodiscard]] std::string& json() { return json_; }

  private:
    void begin(std::string_view name) {
        if (json_.back() != '{') json_ += ',';
        json_ += json::quote(name);
        json_ += ':';
    }
    std::string json_ = "{";
};

void write_rows(Writer& writer, const Batch& batch, const std::vector<Field>& fields) {
    writer.open("columns");
    for (std::size_t i = 0; i < fields.size(); ++i) writer.values(fields[i].column, batch.columns[i]);
    writer.close();
    writer.numbers("origin", batch.origin);
}

std::size_t number_of(json::Value value) {
    std::size_t number = 0;
    const std::string_view text = value.text();
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

std::vector<std::size_t> read_numbers(std::optional<json::Value> list) {
    std::vector<std::size_t> numbers;
    if (!list) return numbers;
    for (const json::Value number : *list) numbers.push_back(number_of(number));
    return numbers;
}

Values read_values(json::Value list) {
    Values values;
    values.reserve(list.size());
    for (const json::Value value : list) values.push_back(value.is_null() ? std::nullopt : std::optional{value.text()});
    return values;
}

bool read_rows(json::Value object, const std::vector<Field>& fields, Batch& batch) {
    const auto columns = object.member("columns");
    if (!columns || columns->size() != fields.size()) return false;
    batch.origin = read_numbers(object.member("origin"));
    batch.rows = batch.origin.size();
    for (const Field& field : fields) {
        const auto column = columns->member(field.column);
        if (!column || column->size() != batch.rows) return false;
        batch.columns.push_back(read_values(*column));
    }
    return true;
}

bool read_inner(json::Value lists, const Layout& layout, Batch& batch) {
    if (lists.size() != layout.inner.size()) return false;
    std::size_t next = 0;
    for (const json::Value list : lists) {
        Batch& inner = batch.inner.emplace_back();
        if (!read_rows(list, layout.inner[next++].fields, inner)) return false;
        inner.head_of = read_numbers(list.member("head_of"));
        if (const auto heads = list.member("heads"))
            for (const json::Value column : *heads) inner.heads.push_back(read_values(column));
    }
    return true;
}

}  // namespace

std::string to_json(const Batch& batch, const Layout& layout) {
    Writer writer;
    writer.number("records", batch.page_records);
    write_rows(writer, batch, layout.fields);
    if (!batch.gone.empty()) writer.list("gone", batch.gone, [&](bool gone) { writer.json() += gone ? "1" : "0"; });
    if (!batch.unfit.empty()) {
        writer.open("unfit");
        for (std::size_t i = 0; i < layout.fields.size(); ++i) writer.values(layout.fields[i].column, batch.unfit[i]);
        writer.close();
    }
    std::size_t next = 0;
    writer.list("lists", batch.inner, [&](const Batch& inner) {
        writer.object();
        write_rows(writer, inner, layout.inner[next++].fields);
        writer.numbers("head_of", inner.head_of);
        writer.list("heads", inner.heads, [&](const Values& column) {
            writer.json() += '[';
            for (const auto& value : column) writer.json() += (writer.json().back() == '[' ? "" : ",") + (value ? json::quote(*value) : std::string{"null"});
            writer.json() += ']';
        });
        writer.close();
    });
    return std::move(writer.json()) + "}";
}

Result<Batch> batch_from_json(std::string text, const Layout& layout) {
    const Error altered{.code = Code::target_busy, .message = "the target was altered while its rows were read", .hint = "They are read again."};
    auto parsed = json::Document::parse(std::move(text));
    if (!parsed) return parsed.error();
    const json::Value root = parsed->root();
    Batch batch;
    batch.texts.push_back(parsed->text());
    if (const auto records = root.member("records")) batch.page_records = number_of(*records);
    if (!read_rows(root, layout.fields, batch)) return altered;
    if (const auto gone = root.member("gone"))
        for (const json::Value flag : *gone) batch.gone.push_back(flag.truthy());
    if (const auto unfit = root.member("unfit"))
        for (const json::Value column : *unfit) batch.unfit.push_back(read_values(column));
    if (layout.gone && batch.gone.size() != batch.rows) return altered;
    if (const auto lists = root.member("lists"); !lists || !read_inner(*lists, layout, batch)) return altered;
    return batch;
}

}  // namespace upstream::core
