// The bridge between Postgres' errors and C++'s; see error.hpp.
//
// An Error outlives the transaction it was raised in, whose memory contexts the rollback deletes: its data lies in a context of its
// own below TopMemoryContext (FreeErrorData would leave the copies of "constant" strings behind that CopyErrorData makes). A
// Failure lives from the end of a catch to the longjmp a few lines on: its data lies in ErrorContext, which keeps a reserve for
// the case that there is no other memory, and which whoever handles the error resets.
#include "pg/error.hpp"

namespace upstream::pg {

namespace {

// The strings of an error. The second kind is called constant, but a copied error has copies of these too.
constexpr char* ErrorData::*kStrings[] = {
    &ErrorData::message,     &ErrorData::detail,        &ErrorData::detail_log,      &ErrorData::hint,
    &ErrorData::context,     &ErrorData::backtrace,     &ErrorData::schema_name,     &ErrorData::table_name,
    &ErrorData::column_name, &ErrorData::datatype_name, &ErrorData::constraint_name, &ErrorData::internalquery,
};
constexpr const char* ErrorData::*kConstants[] = {
    &ErrorData::filename, &ErrorData::funcname, &ErrorData::domain, &ErrorData::context_domain, &ErrorData::message_id,
};

// Runs fn with ErrorContext as the current context; null if there is no memory even there.
template <class Fn>
ErrorData* in_error_context(Fn&& fn) noexcept {
    const MemoryContext before = MemoryContextSwitchTo(ErrorContext);
    ErrorData* const made = detail::guarded(fn, [](MemoryContext) -> ErrorData* {
        FlushErrorState();
        return nullptr;
    });
    MemoryContextSwitchTo(before);
    return made;
}

std::string text(const char* part) { return part == nullptr ? std::string{} : std::string{part}; }

char* copy_if_any(const char* part) { return part == nullptr || *part == '\0' ? nullptr : pstrdup(part); }

}  // namespace

Error::Error(ErrorData* data) : data_(data, [](ErrorData* own) { MemoryContextDelete(own->assoc_context); }) {}

const char* Error::what() const noexcept { return data_->message == nullptr ? "missing error text" : data_->message; }

int Error::sqlerrcode() const noexcept { return data_->sqlerrcode; }

std::string Error::sqlstate() const { return unpack_sql_state(data_->sqlerrcode); }

std::string Error::message() const { return what(); }

std::string Error::detail() const { return text(data_->detail); }

std::string Error::hint() const { return text(data_->hint); }

std::string Error::column() const { return text(data_->column_name); }

Raise::Raise(int sqlerrcode, std::string message, std::string detail, std::string hint)
    : sqlerrcode_(sqlerrcode), message_(std::move(message)), detail_(std::move(detail)), hint_(std::move(hint)) {}

namespace detail {

Saved::Saved() noexcept : exceptions_(PG_exception_stack), contexts_(error_context_stack), memory_(CurrentMemoryContext) {}

Saved::~Saved() { restore(); }

void Saved::restore() const noexcept {
    PG_exception_stack = exceptions_;
    error_context_stack = contexts_;
}

void throw_current_error(MemoryContext memory) {
    // A copy that fails for want of memory must not jump to the outer handler over our frames. (What it leaves behind then is small.)
    ErrorData* const copy = guarded(
        [] {
            MemoryContextSwitchTo(AllocSetContextCreate(TopMemoryContext, "upstream error", ALLOCSET_SMALL_SIZES));
            return CopyErrorData();
        },
        [](MemoryContext) -> ErrorData* { return nullptr; });
    MemoryContextSwitchTo(memory);
    FlushErrorState();
    if (copy == nullptr) throw std::bad_alloc{};
    throw Error{copy};
}

void Failure::take(const Error& error) noexcept {
    caught = true;
    data = in_error_context([&] {
        auto* const copy = static_cast<ErrorData*>(palloc(sizeof(ErrorData)));
        *copy = *error.data();
        for (const auto part : kStrings)
            if (copy->*part != nullptr) copy->*part = pstrdup(copy->*part);
        for (const auto part : kConstants)
            if (copy->*part != nullptr) copy->*part = pstrdup(copy->*part);
        return copy;
    });
}

void Failure::set(int sqlerrcode, const char* message, const char* detail, const char* hint) noexcept {
    data = in_error_context([&] {
        auto* const made = static_cast<ErrorData*>(palloc0(sizeof(ErrorData)));
        made->sqlerrcode = sqlerrcode;
        made->message = pstrdup(message);
        made->detail = copy_if_any(detail);
        made->hint = copy_if_any(hint);
        return made;
    });
}

void Failure::raise() const {
    if (data == nullptr) ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
    if (caught) ReThrowError(data);
    ereport(ERROR, errcode(data->sqlerrcode), errmsg_internal("%s", data->message),
            data->detail == nullptr ? 0 : errdetail_internal("%s", data->detail), data->hint == nullptr ? 0 : errhint("%s", data->hint));
    pg_unreachable();
}

}  // namespace detail

}  // namespace upstream::pg
