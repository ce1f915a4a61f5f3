// What the test functions share: arguments and results as C++ strings, and an object that counts its destructions.
#pragma once

#include "pg/postgres.hpp"

#include <string>

#include "pg/error.hpp"

namespace border {

namespace pg = upstream::pg;

inline int destroyed = 0;

struct Guard {
    ~Guard() { ++destroyed; }
};

inline std::string argument(FunctionCallInfo fcinfo, int index) {
    const char* const value = pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(index)); });
    return value;
}

inline Datum result(const std::string& text) {
    return pg::call([&] { return CStringGetTextDatum(text.c_str()); });
}

// An error in one line.
inline std::string line(const pg::Error& error) {
    std::string text = error.sqlstate() + " " + error.message();
    if (!error.detail().empty()) text += " / " + error.detail();
    if (!error.hint().empty()) text += " / " + error.hint();
    if (!error.column().empty()) text += " / column " + error.column();
    return text;
}

}  // namespace border

// A function that SQL can call, with its body behind the border. Before 16 PG_FUNCTION_INFO_V1 does not export it; the first line does.
#define BORDER_FUNCTION(name, body)                                                                         \
    extern "C" {                                                                                            \
    PGDLLEXPORT Datum name(PG_FUNCTION_ARGS);                                                               \
    PG_FUNCTION_INFO_V1(name);                                                                              \
    Datum name(PG_FUNCTION_ARGS) { return border::pg::entry([&]() -> Datum { return body(fcinfo); }); }     \
    }
