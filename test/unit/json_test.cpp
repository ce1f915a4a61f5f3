// Reading JSON: values, exact text, and every way in which an answer is not JSON.
#include "core/json.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace upstream::core::json {
namespace {

Document read(std::string text, Limits limits = {}) {
    Result<Document> document = Document::parse(std::move(text), limits);
    if (!document) ADD_FAILURE() << document.error().message << "; " << document.error().detail;
    return document ? std::move(*document) : std::move(*Document::parse("null"));
}

Error refuse(std::string text, Limits limits = {}) {
    const std::string shown = text.substr(0, 40);
    const Result<Document> document = Document::parse(std::move(text), limits);
    if (document) ADD_FAILURE() << "accepted: " << shown;
    return document ? Error{} : document.error();
}

TEST(Json, ReadsEveryKindOfValue) {
    const Document document = read(R"([null, true, false, 12.50, "text", [1], {"a": 1}])");
    std::vector<std::pair<Kind, std::string>> found;
    for (const Value value : document.root()) found.emplace_back(value.kind(), value.text());
    const std::vector<std::pair<Kind, std::string>> expected{
        {Kind::null, "null"},   {Kind::boolean, "true"}, {Kind::boolean, "false"},   {Kind::number, "12.50"},
        {Kind::string, "text"}, {Kind::array, "[1]"},    {Kind::object, R"({"a": 1})"}};
    EXPECT_EQ(found, expected);
}

TEST(Json, ReadsAScalarAsAWholeDocument) {
    EXPECT_EQ(read(" 7 ").root().text(), "7");
    EXPECT_EQ(read(R"("x")").root().text(), "x");
    EXPECT_TRUE(read("\n\tnull\r ").root().is_null());
}

TEST(Json, RawTextIsTheExactBytesOfTheDocument) {
    const Document document = read(R"( {"s" : "a\n" , "n":-1.0E+2,"o": { "x" : [ 1 , 2 ] } , "t":true} )");
    const Value root = document.root();
    EXPECT_EQ(root.raw(), R"({"s" : "a\n" , "n":-1.0E+2,"o": { "x" : [ 1 , 2 ] } , "t":true})");
    EXPECT_EQ(root.member("s")->raw(), R"("a\n")");
    EXPECT_EQ(root.member("n")->raw(), "-1.0E+2");
    EXPECT_EQ(root.member("o")->raw(), R"({ "x" : [ 1 , 2 ] })");
    EXPECT_EQ(root.member("o")->member("x")->raw(), "[ 1 , 2 ]");
    EXPECT_EQ(root.member("t")->raw(), "true");
}

TEST(Json, RawTextOfEveryValueReadsBackAsThatValue) {
    const Document document = read(R"({"a":[1,"\u00e9\"",{"b":[[],{}]}],"c":{"d":"é","e":[true,null]}})");
    std::vector<Value> open{document.root()};
    while (!open.empty()) {
        const Value value = open.back();
        open.pop_back();
        const Document again = read(std::string(value.raw()));
        EXPECT_EQ(again.root().kind(), value.kind());
        EXPECT_EQ(again.root().text(), value.text());
        EXPECT_EQ(again.root().size(), value.size());
        for (const Value child : value) open.push_back(child);
    }
}

TEST(Json, DecodesEscapes) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {R"("\"\\\/\b\f\n\r\t")", "\"\\/\b\f\n\r\t"},
        {R"("\u0041\u00e9\u20AC")", "Aé€"},
        {R"("\ud83d\ude00")", "😀"},
        {R"("a\u0000b")", std::string("a\0b", 3)},
        {R"("\\\"")", "\\\""},
        {R"("\"")", "\""},
        {R"("\\")", "\\"},
        {R"("\u005cu005c")", "\\u005c"},
        {R"("plain")", "plain"},
        {R"("")", ""},
        {"\"Grüße 😀\"", "Grüße 😀"},
        {"\"\x7F\"", "\x7F"},
    };
    for (const auto& [text, expected] : cases) {
        const Document document = read(text);
        EXPECT_EQ(document.root().text(), expected) << text;
        EXPECT_EQ(document.root().raw(), text);
    }
}

TEST(Json, KeepsDecodedStringsApart) {
    const Document document = read(R"({"a\tb":"\n1","c":"plain","d\u0065":"\n2"})");
    const Value root = document.root();
    EXPECT_EQ(root.member("a\tb")->text(), "\n1");
    EXPECT_EQ(root.member("c")->text(), "plain");
    EXPECT_EQ(root.member("de")->text(), "\n2");
}

TEST(Json, IsStillValidAfterAMove) {
    Document first = read(R"({"a":"x\ny"})");
    const Value root = first.root();
    const Document second = std::move(first);
    EXPECT_EQ(root.member("a")->text(), "x\ny");
    EXPECT_EQ(second.root().member("a")->text(), "x\ny");
}

TEST(Json, SkipsAByteOrderMark) {
    EXPECT_EQ(read("\xEF\xBB\xBF{\"a\":1}").root().member("a")->text(), "1");
    EXPECT_EQ(refuse("\xEF\xBB\xBF").code, Code::not_json);
}

TEST(Json, TheLastOfRepeatedMembersCounts) {
    const Document document = read(R"({"a":1,"b":2,"a":3})");
    EXPECT_EQ(document.root().member("a")->text(), "3");
    EXPECT_EQ(document.root().size(), 3U);
}

TEST(Json, IteratesInDocumentOrderWithNames) {
    const Document document = read(R"({"z":[1,[2,3]],"":{},"a":null})");
    std::string names;
    for (const Value member : document.root()) names += "<" + std::string(member.key()) + ">";
    EXPECT_EQ(names, "<z><><a>");
    const Value array = *document.root().member("z");
    for (const Value element : array) EXPECT_EQ(element.key(), "");
    EXPECT_EQ(document.root().key(), "");
}

TEST(Json, IteratesOverNothingInAScalarOrAnEmptyContainer) {
    for (const char* text : {"1", "\"a\"", "null", "[]", "{}", "[ ]", "{\n}"}) {
        const Document document = read(text);
        EXPECT_EQ(document.root().size(), 0U) << text;
        EXPECT_EQ(document.root().begin(), Value::end()) << text;
    }
}

TEST(Json, CountsElementsFromBothEnds) {
    const Document document = read("[10,[11],12]");
    const Value root = document.root();
    EXPECT_EQ(root.at(0)->text(), "10");
    EXPECT_EQ(root.at(2)->text(), "12");
    EXPECT_EQ(root.at(-1)->text(), "12");
    EXPECT_EQ(root.at(-3)->text(), "10");
    EXPECT_FALSE(root.at(3));
    EXPECT_FALSE(root.at(-4));
    EXPECT_FALSE(root.at(0)->at(0));
    EXPECT_FALSE(root.member("a"));
}

TEST(Json, TruthFollowsTheGrammar) {
    const std::vector<std::pair<const char*, bool>> cases{
        {"null", false}, {"false", false}, {"true", true},   {"0", false},   {"-0", false},     {"0.0", false},
        {"0e5", false},  {"-0.00E-7", false}, {"1", true},   {"0.01", true}, {"10e0", true},    {"1e-999", true},
        {"\"\"", false}, {"\"0\"", true},  {"\"false\"", true}, {"[]", false}, {"[0]", true},   {"{}", false},
        {R"({"a":null})", true}};
    for (const auto& [text, expected] : cases) EXPECT_EQ(read(text).root().truthy(), expected) << text;
}

TEST(Json, KeepsTheDigitsOfNumbers) {
    const std::string long_number(400, '7');
    for (const std::string& text : std::vector<std::string>{
             "0", "-0", "1.10", "12345678901234567890123", "0.1000000000000000055511151231257827", "1e400", "-1E-400", "1e+1000",
             "1e-1000", "1e0001000", "-" + long_number, long_number + "." + long_number, "2.2250738585072011e-308"}) {
        const Document document = read("[" + text + "]");
        EXPECT_EQ(document.root().at(0)->text(), text);
        EXPECT_EQ(document.root().at(0)->raw(), text);
    }
}

TEST(Json, LimitsTheDigitsOfANumber) {
    EXPECT_EQ(read(std::string(1000, '1')).root().text().size(), 1000U);
    const Error error = refuse("[1, " + std::string(1001, '1') + "]");
    EXPECT_EQ(error.code, Code::decode);
    EXPECT_EQ(error.message, "number has more than 1000 digits");
    EXPECT_EQ(error.detail, "byte 4");
}

TEST(Json, LimitsTheExponentOfANumber) {
    for (const char* text : {"1e1001", "1e-1001", "0E+99999999999999999999999999"}) {
        const Error error = refuse(text);
        EXPECT_EQ(error.code, Code::decode) << text;
        EXPECT_EQ(error.message, "number has an exponent beyond 1000") << text;
    }
}

TEST(Json, RefusesWhatIsNoNumber) {
    for (const char* text : {"-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "1.e5", "0x10", "NaN", "Infinity", "-Infinity",
                             "1 2", "1_000", "--1", "1e5.5"})
        EXPECT_EQ(refuse(text).code, Code::not_json) << text;
}

TEST(Json, LimitsDepth) {
    const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    EXPECT_TRUE(read(nested(64)).root().is_array());
    const Error error = refuse(nested(65));
    EXPECT_EQ(error.code, Code::decode);
    EXPECT_EQ(error.message, "answer is nested more than 64 levels deep");
    EXPECT_EQ(error.detail, "byte 64");
    EXPECT_EQ(refuse(R"({"a":{"b":1}})", {.depth = 1}).code, Code::decode);
    EXPECT_EQ(refuse("[]", {.depth = 0}).code, Code::decode);
}

TEST(Json, SurvivesExtremeDepth) {
    EXPECT_EQ(refuse(std::string(3'000'000, '[')).code, Code::decode);
    const std::string nested = std::string(200'000, '[') + std::string(200'000, ']');
    EXPECT_EQ(refuse(nested).code, Code::decode);
    const Document document = read(nested, {.depth = 1'000'000});
    std::size_t depth = 1;
    for (Value value = document.root(); value.size() == 1; ++depth) value = *value.at(0);
    EXPECT_EQ(depth, 200'000U);
    EXPECT_EQ(refuse(std::string(3'000'000, '['), {.depth = 10'000'000}).code, Code::not_json);
}

TEST(Json, RefusesBrokenDocumentsAndSaysWhere) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "byte 0: The document is empty."},
        {"  \n", "byte 3: The document is empty."},
        {"<html>", "byte 0: Invalid value."},
        {"{", "byte 1: Missing a name for object member."},
        {"{a:1}", "byte 1: Missing a name for object member."},
        {R"({"a" 1})", "byte 5: Missing a colon after a name of object member."},
        {R"({"a":1 "b":2})", "byte 7: Missing a comma or '}' after an object member."},
        {"[1 2]", "byte 3: Missing a comma or ']' after an array element."},
        {"[1,]", "byte 3: Invalid value."},
        {"[1", "byte 2: Missing a comma or ']' after an array element."},
        {"[1}", "byte 2: Missing a comma or ']' after an array element."},
        {"nul", "byte 3: Invalid value."},
        {"\"abc", "byte 4: Missing a closing quotation mark in string."},
        {R"("a\qb")", "byte 2: Invalid escape character in string."},
        {R"("a\u12g4")", "byte 2: Incorrect hex digit after \\u escape in string."},
        {"\"a\nb\"", "byte 2: Invalid escape character in string."},
        {"{} {}", "byte 3: The document root must not be followed by other values."},
        {"[1]x", "byte 3: The document root must not be followed by other values."},
        {"// no\n1", "byte 0: Invalid value."},
    };
    for (const auto& [text, detail] : cases) {
        const Error error = refuse(text);
        EXPECT_EQ(error.code, Code::not_json) << text;
        EXPECT_EQ(error.message, "answer is not JSON") << text;
        EXPECT_EQ(error.detail, detail) << text;
    }
}

TEST(Json, RefusesANulByteAnywhere) {
    const std::string text = R"({"a": [1, "text", true]})";
    for (std::size_t at = 0; at <= text.size(); ++at) {
        std::string broken = text;
        broken.insert(at, 1, '\0');
        EXPECT_EQ(refuse(broken).code, Code::not_json) << at;
    }
    EXPECT_EQ(refuse(std::string("1 \0", 3)).detail, "byte 2: A NUL is not JSON.");
}

TEST(Json, RefusesEveryProperPrefixOfADocument) {
    const std::string text = R"({"a\n":[1.5e3,"é\ud83d\ude00",true,null,{}],"b":"x"})";
    EXPECT_TRUE(read(text).root().is_object());
    for (std::size_t size = 0; size < text.size(); ++size) EXPECT_EQ(refuse(text.substr(0, size)).code, Code::not_json) << size;
}

TEST(Json, RefusesBrokenUtf8) {
    for (const char* bytes : {"\x80", "\xBF", "\xC0\xAF", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x80\xAF", "\xE2\x82", "\xED\xA0\x80",
                              "\xED\xBF\xBF", "\xF0\x80\x80\x80", "\xF0\x9F\x98", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE",
                              "\xFF"}) {
        const std::string text = bytes;
        EXPECT_EQ(refuse("\"" + text + "\"").code, Code::not_json) << testing::PrintToString(text);
        EXPECT_EQ(refuse("\"" + text).code, Code::not_json) << testing::PrintToString(text);
        EXPECT_EQ(refuse("{\"" + text + "\":1}").code, Code::not_json) << testing::PrintToString(text);
    }
}

TEST(Json, AcceptsTheEdgesOfUtf8) {
    for (const char* text : {"\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF",
                             "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
        EXPECT_EQ(read("\"" + std::string(text) + "\"").root().text(), text);
}

// Characters are looked at eight at a time.
TEST(Json, MindsEveryByteWhereverItStands) {
    for (std::size_t place = 0; place < 20; ++place) {
        for (int byte = 0; byte < 256; ++byte) {
            if (byte == '\\') continue;  // whether that is an escape depends on what follows
            std::string text = "abcdefghijklmnopqrst";
            text[place] = static_cast<char>(byte);
            const bool whole = byte >= 0x20 && byte < 0x80 && byte != '"';
            const auto document = Document::parse("[\"" + text + "\", 1]");
            ASSERT_EQ(bool(document), whole) << byte << " at " << place;
            if (whole) {
                ASSERT_EQ(document->root().at(0)->text(), text);
            }
        }
        for (const char* character : {"\xC2\x80", "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF", "\xC3", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80"}) {
            std::string text = "abcdefghijklmnopqrst";
            text.insert(place, character);
            const bool valid = std::string_view{"\xC2\x80 \xEF\xBF\xBF \xF4\x8F\xBF\xBF"}.find(character) != std::string_view::npos && character[1] != '\0';
            ASSERT_EQ(bool(Document::parse("\"" + text + "\"")), valid) << testing::PrintToString(text);
        }
    }
}

TEST(Json, ItsTextOutlivesItsValues) {
    std::string_view plain, escaped;
    std::shared_ptr<const Text> text;
    {
        const Document document = read(R"({"a": "plain", "b": "esc\u0061ped"})");
        text = document.text();
        plain = document.root().member("a")->text();
        escaped = document.root().member("b")->text();
    }
    EXPECT_EQ(plain, "plain");
    EXPECT_EQ(escaped, "escaped");
}

TEST(Json, RefusesLoneSurrogates) {
    for (const char* text : {R"("\ud800")", R"("\udbffx")", R"("\ud800\ud800")", R"("\ud800\u0041")", R"("\udc00")", R"("a\udfffb")",
                             R"("\ude00\ud83d")", R"({"\udc00":1})"})
        EXPECT_EQ(refuse(text).code, Code::not_json) << text;
    EXPECT_EQ(refuse(R"([1,"\udc00"])").detail, "byte 3: The surrogate pair in string is invalid.");
}

TEST(Json, QuoteWritesWhatParseReads) {
    std::string every_ascii;
    for (char c = 0; c < 127; ++c) every_ascii += c;
    for (const std::string& text : std::vector<std::string>{"", "plain", "\"\\/", "Grüße 😀", every_ascii, "a\x7F"}) {
        EXPECT_EQ(read(quote(text)).root().text(), text);
    }
    EXPECT_EQ(quote("a\"b\\\n\x01"), R"("a\"b\\\n\u0001")");
}

}  // namespace
}  // namespace upstream::core::json
