// JSON as it came over the wire: read once, iteratively, with every number's digits kept.
//
// The only place that knows RapidJSON. A Document owns its values and, with who asks for it, its text; a Value is a cheap view into it (copy it
// freely, but never let it outlive its Document). Nothing here recurses, so depth cannot exhaust the stack;
// depth, digits and encoding are checked while reading. A member that comes twice: the last one counts, as in jsonb.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace upstream::core::json {

enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

struct Limits {
    std::size_t depth = 64;     // nesting of arrays and objects
    std::size_t digits = 1000;  // characters of a number, exponent at most +/-1000
};

class Document;

// The characters of a document: what the views from Value::text() and raw() point into. It may outlive the values.
struct Text {
    std::string document{};
    std::string decoded{};  // strings with escapes, without them

    [[nodiscard]] std::size_t memory() const { return document.capacity() + decoded.capacity(); }
};

// What a Document is made of. The nodes stand in document order, so the first child of a container is the node after it. Everything is an offset, so
// that a document costs a few allocations, however many values it has.
struct Tree {
    // Where some characters are: in the document, or among the decoded strings.
    struct Slice {
        std::uint32_t begin = 0;
        std::uint32_t size = 0;
    };

    struct Node {
        std::uint32_t begin = 0;  // this value in the document
        std::uint32_t end = 0;
        std::uint32_t next = 0;   // the next sibling, or 0
        std::uint32_t count = 0;  // of elements or members
        Slice key{};
        Slice characters{};        // of a string
        Kind kind = Kind::null;
        bool key_decoded = false;  // `key` is among the decoded strings, not in the document
        bool decoded = false;      // `characters` are
    };

    std::shared_ptr<Text> text = std::make_shared<Text>();
    std::vector<Node> nodes{};

    [[nodiscard]] std::string_view characters(Slice slice, bool decoded) const {
        return {(decoded ? text->decoded : text->document).data() + slice.begin, slice.size};
    }
};

class Value {
  public:
    [[nodiscard]] Kind kind() const { return node().kind; }
    [[nodiscard]] bool is_null() const { return kind() == Kind::null; }
    [[nodiscard]] bool is_array() const { return kind() == Kind::array; }
    [[nodiscard]] bool is_object() const { return kind() == Kind::object; }
    [[nodiscard]] bool is_string() const { return kind() == Kind::string; }

    // A string's decoded characters, a number's digits, or "true", "false", "null"; for an array or object its raw text.
    [[nodiscard]] std::string_view text() const { return is_string() ? tree_->characters(node().characters, node().decoded) : raw(); }

    // The exact bytes of this value in the document.
    [[nodiscard]] std::string_view raw() const { return tree_->characters({node().begin, node().end - node().begin}, false); }

    // True unless false, null, 0 (in any notation), "", [] or {}.
    [[nodiscard]] bool truthy() const;

    // Number of elements or members; 0 for anything else.
    [[nodiscard]] std::size_t size() const { return node().count; }

    // The last member of that name, if this is an object that has one.
    [[nodiscard]] std::optional<Value> member(std::string_view name) const;

    // The element at `index`, negative counting from the end, if this is an array that has it.
    [[nodiscard]] std::optional<Value> at(std::ptrdiff_t index) const;

    // This value's name, if it is a member of an object; "" otherwise.
    [[nodiscard]] std::string_view key() const { return tree_->characters(node().key, node().key_decoded); }

    // Elements or members in document order (repeated members included).
    class Iterator {
      public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Value;
        using difference_type = std::ptrdiff_t;
        using pointer = const Value*;
        using reference = Value;
        Iterator() = default;
        Iterator(const Tree* tree, std::uint32_t node) : tree_(tree), node_(node) {}
        Value operator*() const { return Value{tree_, node_}; }
        Iterator& operator++() {
            node_ = tree_->nodes[node_].next;
            return *this;
        }
        bool operator==(const Iterator& other) const { return node_ == other.node_; }

      private:
        const Tree* tree_ = nullptr;
        std::uint32_t node_ = 0;  // 0 is the end: the root is nobody's child
    };
    [[nodiscard]] Iterator begin() const { return size() == 0 ? Iterator{} : Iterator{tree_, node_ + 1}; }
    [[nodiscard]] static Iterator end() { return {}; }

  private:
    friend class Document;
    Value(const Tree* tree, std::uint32_t node) : tree_(tree), node_(node) {}
    [[nodiscard]] const Tree::Node& node() const { return tree_->nodes[node_]; }
    const Tree* tree_;
    std::uint32_t node_;
};

class Document {
  public:
    // Reads a whole text. Errors (Code::not_json; Code::decode for a limit) carry the byte offset.
    static Result<Document> parse(std::string text, Limits limits = {});

    Document(Document&&) noexcept;
    Document& operator=(Document&&) noexcept;
    ~Document();

    [[nodiscard]] Value root() const;

    // Its characters, for who keeps views into them and needs the values no more.
    [[nodiscard]] std::shared_ptr<const Text> text() const;

    // What it takes, in bytes.
    [[nodiscard]] std::size_t memory() const;

  private:
    explicit Document(std::unique_ptr<Tree> tree);
    std::unique_ptr<Tree> tree_;
};

// `text` (UTF-8) as a JSON string literal, quotes included.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace upstream::core::json
