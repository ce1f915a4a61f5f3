// Reading JSON with RapidJSON's SAX reader into a flat tree.
#include "core/json.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/utf8.hpp"

// Postgres loads libraries with RTLD_GLOBAL: our own namespace keeps another extension's RapidJSON out of this one.
#define RAPIDJSON_NAMESPACE upstream::core::json::rapidjson
#define RAPIDJSON_NAMESPACE_BEGIN namespace upstream::core::json::rapidjson {
#define RAPIDJSON_NAMESPACE_END }
#define RAPIDJSON_ASSERT(x) ((x) ? static_cast<void>(0) : throw std::logic_error("RapidJSON: " #x))
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

namespace upstream::core::json {

namespace {

constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
constexpr std::int64_t kMaxExponent = 1000;

bool is_plain(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }  // whether char has a sign or not

std::uint64_t load(const char* at) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

// The same of eight characters at once. (v - 1s) & ~v has the high bit of a byte set if it is 0; borrows reach only bytes above one that is.
bool is_plain(std::uint64_t word) {
    constexpr std::uint64_t kOnes = 0x0101010101010101, kHigh = 0x80 * kOnes;
    const auto below = [&](std::uint64_t v, std::uint64_t limit) { return (v - limit * kOnes) & ~v; };
    const std::uint64_t odd = word | below(word, ' ') | below(word ^ ('"' * kOnes), 1) | below(word ^ ('\\' * kOnes), 1) | below(word ^ (0x7F * kOnes), 1);
    return (odd & kHigh) == 0;
}

// RapidJSON's input stream concept over a string, whose final NUL stands for the end of the document.
class Input {
  public:
    using Ch = char;

    explicit Input(const std::string& text) : begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {}

    [[nodiscard]] Ch Peek() const { return *at_; }
    Ch Take() { return at_ == end_ ? '\0' : *at_++; }  // a cut UTF-8 sequence is taken without a look
    [[nodiscard]] std::size_t Tell() const { return static_cast<std::size_t>(at_ - begin_); }
    [[nodiscard]] bool at_end() const { return at_ == end_; }
    void skip(std::size_t count) { at_ += count; }

    // Takes a string up to and including its closing quote if it has no escapes and is UTF-8 without control characters, else nothing.
    bool take_plain_string() {
        const char* at = at_;
        for (;;) {
            while (end_ - at >= 8 && is_plain(load(at))) at += 8;
            while (is_plain(*at)) ++at;
            const std::size_t size = length_of_character({at, end_});
            if (size < 2) break;  // what is not plain, or not UTF-8
            at += size;
        }
        if (*at != '"') return false;
        at_ = at + 1;
        return true;
    }

    // The concept's output half, for reading in situ.
    static Ch* PutBegin() { throw std::logic_error("not in situ"); }
    static std::size_t PutEnd(Ch* /*begin*/) { throw std::logic_error("not in situ"); }
    static void Put(Ch /*c*/) { throw std::logic_error("not in situ"); }

  private:
    const char* begin_;
    const char* at_;
    const char* end_;
};

struct Number {
    bool valid = false;
    bool exponent_in_range = true;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reads the grammar of a number, no more: its value is Postgres' business. Leaves `in` where the number ends or breaks.
Number take_number(Input& in) {
    const auto digits = [&in] {
        if (!is_digit(in.Peek())) return false;
        while (is_digit(in.Peek())) in.Take();
        return true;
    };
    if (in.Peek() == '-') in.Take();
    if (in.Peek() == '0')
        in.Take();
    else if (!digits())
        return {};
    if (in.Peek() == '.') {
        in.Take();
        if (!digits()) return {};
    }
    if (in.Peek() != 'e' && in.Peek() != 'E') return {.valid = true};
    in.Take();
    if (in.Peek() == '+' || in.Peek() == '-') in.Take();
    if (!is_digit(in.Peek())) return {};
    std::int64_t exponent = 0;
    while (is_digit(in.Peek()))
        exponent = std::min(exponent * 10 + (in.Take() - '0'), kMaxExponent + 1);
    return {.valid = true, .exponent_in_range = exponent <= kMaxExponent};
}

// A lone low surrogate is the one thing that RapidJSON decodes into broken UTF-8.
bool has_surrogate(std::string_view decoded) {
    for (std::size_t i = 0; i + 1 < decoded.size(); ++i)
        if (decoded[i] == '\xED' && static_cast<unsigned char>(decoded[i + 1]) >= 0xA0) return true;
    return false;
}

Error at_byte(Code code, std::string message, std::size_t byte, std::string_view what = {}) {
    std::string detail = "byte " + std::to_string(byte);
    if (!what.empty()) detail.append(": ").append(what);
    return {.code = code, .message = std::move(message), .detail = std::move(detail)};
}

Error not_json(std::size_t byte, std::string_view what) {
    return at_byte(Code::not_json, "answer is not JSON", byte, what);
}

// RapidJSON's handler: every event adds a node. Returning false ends the reading; error() says why.
class Builder {
  public:
    Builder(Tree& tree, const Input& in, Limits limits) : tree_(tree), in_(in), limits_(limits) {}

    bool Null() { return add(Kind::null, in_.Tell() - 4); }
    bool Bool(bool value) { return add(Kind::boolean, in_.Tell() - (value ? 4 : 5)); }

    bool Number(std::size_t begin, bool exponent_in_range) {
        if (in_.Tell() - begin > limits_.digits)
            return fail(Code::decode, "number has more than " + std::to_string(limits_.digits) + " digits", begin);
        if (!exponent_in_range)
            return fail(Code::decode, "number has an exponent beyond " + std::to_string(kMaxExponent), begin);
        return add(Kind::number, begin);
    }

    // A string, from its opening quote on. `decoded` is nothing if it has no escapes.
    bool String(std::size_t begin, std::optional<std::string_view> decoded, bool is_key) {
        Tree::Slice slice{static_cast<std::uint32_t>(begin + 1), static_cast<std::uint32_t>(in_.Tell() - begin - 2)};
        if (decoded) {
            if (has_surrogate(*decoded)) {
                error_ = not_json(begin, "The surrogate pair in string is invalid.");
                return false;
            }
            slice = {static_cast<std::uint32_t>(tree_.text->decoded.size()), static_cast<std::uint32_t>(decoded->size())};
            tree_.text->decoded.append(*decoded);
        }
        if (is_key) {
            key_ = slice;
            key_decoded_ = decoded.has_value();
            return true;
        }
        add(Kind::string, begin);
        tree_.nodes.back().characters = slice;
        tree_.nodes.back().decoded = decoded.has_value();
        return true;
    }

    bool StartObject() { return open(Kind::object); }
    bool StartArray() { return open(Kind::array); }
    bool EndObject(std::size_t count) { return close(count); }
    bool EndArray(std::size_t count) { return close(count); }

    [[nodiscard]] const std::optional<Error>& error() const { return error_; }

  private:
    struct Open {
        std::uint32_t node;
        std::uint32_t last_child;
    };

    Tree& tree_;
    const Input& in_;
    Limits limits_;
    std::vector<Open> open_{};
    Tree::Slice key_{};
    bool key_decoded_ = false;
    std::optional<Error> error_{};

    bool add(Kind kind, std::size_t begin) {
        const auto index = static_cast<std::uint32_t>(tree_.nodes.size());
        tree_.nodes.push_back({.begin = static_cast<std::uint32_t>(begin),
                               .end = static_cast<std::uint32_t>(in_.Tell()),
                               .key = key_,
                               .characters = {},
                               .kind = kind,
                               .key_decoded = key_decoded_});
        key_ = {};
        key_decoded_ = false;
        if (open_.empty()) return true;
        if (open_.back().last_child != 0) tree_.nodes[open_.back().last_child].next = index;
        open_.back().last_child = index;
        return true;
    }

    bool open(Kind kind) {
        if (open_.size() >= limits_.depth)
            return fail(Code::decode, "answer is nested more than " + std::to_string(limits_.depth) + " levels deep",
                        in_.Tell());
        add(kind, in_.Tell());
        open_.push_back({static_cast<std::uint32_t>(tree_.nodes.size() - 1), 0});
        return true;
    }

    bool close(std::size_t count) {
        Tree::Node& node = tree_.nodes[open_.back().node];
        node.end = static_cast<std::uint32_t>(in_.Tell() + 1);  // the bracket itself is not taken yet
        node.count = static_cast<std::uint32_t>(count);
        open_.pop_back();
        return true;
    }

    bool fail(Code code, std::string message, std::size_t byte) {
        error_ = at_byte(code, std::move(message), byte);
        return false;
    }
};

}  // namespace

// Two steps of RapidJSON's reader, replaced for our stream and handler; the only private parts that we rely on.

// RapidJSON computes a double even if asked for a number's text, and refuses what does not fit into one, such as 1e400 or
// a number of 400 digits.
template <>
template <>
void rapidjson::Reader::ParseNumber<kFlags, Input, Builder>(Input& in, Builder& builder) {
    const std::size_t begin = in.Tell();
    const Number number = take_number(in);
    if (!number.valid)
        SetParseError(kParseErrorValueInvalid, in.Tell());
    else if (!builder.Number(begin, number.exponent_in_range))
        SetParseError(kParseErrorTermination, begin);
}

// RapidJSON copies every string and forgets where it began. Most are plain and can stay where they are.
template <>
template <>
void rapidjson::Reader::ParseString<kFlags, Input, Builder>(Input& in, Builder& builder, bool is_key) {
    const std::size_t begin = in.Tell();
    in.Take();
    std::optional<std::string_view> decoded;
    if (!in.take_plain_string()) {
        StackStream<char> out(stack_);
        ParseStringToStream<kFlags, UTF8<>, UTF8<>>(in, out);
        if (HasParseError()) return;
        const std::size_t size = out.Length() - 1;  // a NUL ends it
        const char* const text = out.Pop();
        const std::size_t source_size = in.Tell() - begin - 2;
        if (size != source_size) decoded = std::string_view(text, size);  // every escape is longer than what it means
    }
    if (!builder.String(begin, decoded, is_key)) SetParseError(kParseErrorTermination, begin);
}

Document::Document(std::unique_ptr<Tree> tree) : tree_(std::move(tree)) {}
Document::Document(Document&&) noexcept = default;
Document& Document::operator=(Document&&) noexcept = default;
Document::~Document() = default;

Value Document::root() const { return {tree_.get(), 0}; }

std::size_t Document::memory() const {
    return tree_->text->memory() + tree_->nodes.capacity() * sizeof(Tree::Node);
}

std::shared_ptr<const Text> Document::text() const { return tree_->text; }

Result<Document> Document::parse(std::string text, Limits limits) {
    if (text.size() >= std::numeric_limits<std::uint32_t>::max())
        return at_byte(Code::decode, "answer is larger than 4 GiB", text.size());
    auto tree = std::make_unique<Tree>();
    std::string& document = tree->text->document = std::move(text);
    tree->nodes.reserve(document.size() / 16 + 1);

    Input in(document);
    if (document.starts_with("\xEF\xBB\xBF")) in.skip(3);
    Builder builder(*tree, in, limits);
    rapidjson::Reader reader;
    const rapidjson::ParseResult parsed = reader.Parse<kFlags>(in, builder);
    if (builder.error()) return *builder.error();
    if (parsed.IsError()) return not_json(parsed.Offset(), rapidjson::GetParseError_En(parsed.Code()));
    if (!in.at_end()) return not_json(in.Tell(), "A NUL is not JSON.");  // RapidJSON takes it for the end
    return Document(std::move(tree));
}

bool Value::truthy() const {
    switch (kind()) {
        case Kind::null: return false;
        case Kind::boolean: return text() == "true";
        case Kind::number: {
            const std::string_view digits = text().substr(0, text().find_first_of("eE"));
            return digits.find_first_of("123456789") != std::string_view::npos;
        }
        case Kind::string: return !text().empty();
        case Kind::array:
        case Kind::object: return size() != 0;
    }
    return false;
}

std::optional<Value> Value::member(std::string_view name) const {
    std::optional<Value> found;
    if (!is_object()) return found;
    for (const Value value : *this)
        if (value.key() == name) found = value;
    return found;
}

std::optional<Value> Value::at(std::ptrdiff_t index) const {
    if (!is_array()) return std::nullopt;
    const auto count = static_cast<std::ptrdiff_t>(size());
    if (index < -count || index >= count) return std::nullopt;
    Iterator element = begin();
    for (std::ptrdiff_t steps = index < 0 ? index + count : index; steps > 0; --steps) ++element;
    return *element;
}

std::string quote(std::string_view text) {
    static constexpr std::string_view kHex = "0123456789abcdef";
    std::string out;
    out.reserve(text.size() + 2);
    out += '"';
    for (const char c : text) {
        switch (c) {
            case '"': out += "\\\""; break;
            case '\\': out += "\\\\"; break;
            case '\b': out += "\\b"; break;
            case '\f': out += "\\f"; break;
            case '\n': out += "\\n"; break;
            case '\r': out += "\\r"; break;
            case '\t': out += "\\t"; break;
            default:
                if (static_cast<unsigned char>(c) >= 0x20) {
                    out += c;
                } else {
                    out += "\\u00";
                    out += kHex[static_cast<unsigned char>(c) >> 4];
                    out += kHex[static_cast<unsigned char>(c) & 15];
                }
        }
    }
    return out += '"';
}

}  // namespace upstream::core::json
