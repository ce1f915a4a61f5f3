#include "pg/function.hpp"

#include "pg/error.hpp"

extern "C" {
#include "access/htup_details.h"
#include "pgstat.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
}

namespace upstream::pg {
namespace {

// Outside the class, where text is the type and not the member.
char* cstring(Datum value) { return TextDatumGetCString(value); }

}  // namespace

std::optional<std::string> Args::text(int index) const {
    if (fcinfo_->args[index].isnull) return std::nullopt;
    const char* const value = call([&] { return cstring(fcinfo_->args[index].value); });
    return std::string{value};
}

std::string Args::required_text(int index, const char* name) const {
    auto value = text(index);
    if (!value) throw Raise(ERRCODE_NULL_VALUE_NOT_ALLOWED, std::string{name} + " must not be null");
    return std::move(*value);
}

std::optional<std::string> Args::json(int index) const {
    if (fcinfo_->args[index].isnull) return std::nullopt;
    const char* const value = call([&] {
        Jsonb* const jsonb = DatumGetJsonbP(fcinfo_->args[index].value);
        return JsonbToCString(nullptr, &jsonb->root, VARSIZE(jsonb));
    });
    return std::string{value};
}

std::optional<std::string> Args::bytes(int index) const {
    if (fcinfo_->args[index].isnull) return std::nullopt;
    const bytea* const value = call([&] { return DatumGetByteaPP(fcinfo_->args[index].value); });
    return std::string{VARDATA_ANY(value), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(value))};
}

std::optional<bool> Args::boolean(int index) const {
    if (fcinfo_->args[index].isnull) return std::nullopt;
    return DatumGetBool(fcinfo_->args[index].value);
}

std::optional<Time> Args::time(int index) const {
    if (fcinfo_->args[index].isnull) return std::nullopt;
    return Traits<Time>::from_datum(fcinfo_->args[index].value);
}

std::optional<std::chrono::microseconds> Args::interval(int index) const {
    if (fcinfo_->args[index].isnull) return std::nullopt;
    const Interval* const span = DatumGetIntervalP(fcinfo_->args[index].value);
    return std::chrono::microseconds{span->time} + std::chrono::days{span->day + std::int64_t{span->month} * DAYS_PER_MONTH};
}

std::optional<std::vector<std::string>> Args::texts(int index) const {
    if (fcinfo_->args[index].isnull) return std::nullopt;
    Datum* elements = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    call([&] { deconstruct_array(DatumGetArrayTypeP(fcinfo_->args[index].value), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count); });
    std::vector<std::string> values;
    for (int i = 0; i < count; ++i) {
        if (nulls[i]) throw Raise(ERRCODE_NULL_VALUE_NOT_ALLOWED, "array must not contain nulls");
        const char* const value = call([&] { return cstring(elements[i]); });
        values.emplace_back(value);
    }
    return values;
}

RowSink::RowSink(FunctionCallInfo fcinfo) : result_(reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo)) {
    input_ = call([&] {
        const bool scalar = get_func_result_type(fcinfo->flinfo->fn_oid, nullptr, nullptr) == TYPEFUNC_SCALAR;
        InitMaterializedSRF(fcinfo, scalar ? MAT_SRF_USE_EXPECTED_DESC : 0);
        return TupleDescGetAttInMetadata(result_->setDesc);
    });
}

void RowSink::add(std::span<const std::optional<std::string>> values) {
    std::vector<char*> texts;
    texts.reserve(values.size());
    for (const auto& value : values) texts.push_back(value ? const_cast<char*>(value->c_str()) : nullptr);
    char** const cstrings = texts.data();
    call([&] {
        const HeapTuple tuple = BuildTupleFromCStrings(input_, cstrings);
        tuplestore_puttuple(result_->setResult, tuple);
        heap_freetuple(tuple);
    });
}

Datum jsonb_row(FunctionCallInfo fcinfo, const std::string& json) {
    const char* const text = json.c_str();
    return call([&] {
        TupleDesc row_type = nullptr;
        get_call_result_type(fcinfo, nullptr, &row_type);
        Datum value = DirectFunctionCall1(jsonb_in, CStringGetDatum(text));
        bool null = false;
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row_type), &value, &null));
    });
}

Datum text_value(const std::string& text) {
    const char* const chars = text.c_str();
    return call([&] { return CStringGetTextDatum(chars); });
}

void hide_statement(const char* shown) { pgstat_report_activity(STATE_RUNNING, shown); }

}  // namespace upstream::pg
