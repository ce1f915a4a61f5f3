// The bridge between Postgres' errors and C++'s, in both directions and in this one place.
//
//   Postgres -> C++   pg::call(fn)   an ereport(ERROR) inside fn becomes a thrown pg::Error
//   C++ -> Postgres   pg::entry(fn)  whatever leaves fn becomes an ereport(ERROR), with SQLSTATE, detail, hint and context kept
//
// Rules. Every function that Postgres calls (SQL functions, worker mains, callbacks) goes through entry(). Every call of Postgres that can
// raise, made while an object with a destructor is alive, goes through call(); inside its lambda only trivially destructible locals
// live, for the longjmp skips destructors. An Error that was caught may be swallowed only after Transaction or Subtransaction has
// rolled back: until then locks and resources are in an undefined state. This is the only sigsetjmp of the tree. FATAL does not unwind:
// no correctness may rest on a destructor.
#pragma once

#include <csetjmp>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>

#include "pg/postgres.hpp"

namespace upstream::pg {

// An ERROR of Postgres as a C++ exception. Owns the ErrorData, so nothing is lost on the way.
class Error : public std::exception {
  public:
    explicit Error(ErrorData* data);  // takes it over, with the memory context it lies in (assoc_context), which is its own
    [[nodiscard]] const char* what() const noexcept override;
    [[nodiscard]] int sqlerrcode() const noexcept;
    [[nodiscard]] std::string sqlstate() const;  // five characters
    [[nodiscard]] std::string message() const;
    [[nodiscard]] std::string detail() const;
    [[nodiscard]] std::string hint() const;
    [[nodiscard]] std::string column() const;     // "" if the error names none
    [[nodiscard]] const ErrorData* data() const noexcept { return data_.get(); }

  private:
    std::shared_ptr<ErrorData> data_;  // shared: exceptions are copied
};

// An error of ours that is to reach the user as an ERROR with these parts.
class Raise : public std::exception {
  public:
    Raise(int sqlerrcode, std::string message, std::string detail = {}, std::string hint = {});
    [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }
    [[nodiscard]] int sqlerrcode() const noexcept { return sqlerrcode_; }
    [[nodiscard]] const std::string& message() const noexcept { return message_; }
    [[nodiscard]] const std::string& detail() const noexcept { return detail_; }
    [[nodiscard]] const std::string& hint() const noexcept { return hint_; }

  private:
    int sqlerrcode_;
    std::string message_, detail_, hint_;
};

namespace detail {

// The part of the state of error handling that sigsetjmp users save; both stacks are restored on every way out, the memory context
// only after an error (what runs inside may well switch it).
class Saved {
  public:
    Saved() noexcept;
    ~Saved();
    Saved(const Saved&) = delete;
    Saved& operator=(const Saved&) = delete;
    void restore() const noexcept;
    [[nodiscard]] MemoryContext memory() const noexcept { return memory_; }

  private:
    sigjmp_buf* exceptions_;
    ErrorContextCallback* contexts_;
    MemoryContext memory_;
};

// Copies the error that was just raised, clears it, and throws it as Error; std::bad_alloc if there is no memory for the copy.
[[noreturn]] void throw_current_error(MemoryContext memory);

// Runs fn; when an ERROR leaves it, what on_error makes of it (given the memory context of before). The only sigsetjmp of the tree.
// `saved` stands before sigsetjmp, so no destructor lies between the jump and its target.
template <class Fn, class OnError>
auto guarded(Fn&& fn, OnError&& on_error) -> std::invoke_result_t<Fn> {
    const Saved saved;
    sigjmp_buf here;
    if (sigsetjmp(here, 0) == 0) {
        PG_exception_stack = &here;
        return fn();
    }
    saved.restore();
    return on_error(saved.memory());
}

// What entry() needs to raise after every C++ object is gone: plain data in ErrorContext, which the handler of the error resets.
struct Failure {
    ErrorData* data = nullptr;  // null: there was no memory for it
    bool caught = false;        // raised by Postgres before: to be raised again as it was
    void take(const Error& error) noexcept;
    void set(int sqlerrcode, const char* message, const char* detail = nullptr, const char* hint = nullptr) noexcept;
    [[noreturn]] void raise() const;
};
static_assert(std::is_trivially_destructible_v<Failure>);

}  // namespace detail

// Runs fn, in which Postgres may raise; its ERROR is thrown as Error.
template <class Fn>
auto call(Fn&& fn) -> std::invoke_result_t<Fn> {
    return detail::guarded(fn, [](MemoryContext memory) -> std::invoke_result_t<Fn> { detail::throw_current_error(memory); });
}

// Runs fn for destructors: false if an ERROR left it, which is dropped. Only for clean-up whose failure the abort of the transaction mends.
template <class Fn>
bool quietly(Fn&& fn) noexcept {
    return detail::guarded(
        [&] {
            fn();
            return true;
        },
        [](MemoryContext memory) {
            MemoryContextSwitchTo(memory);
            FlushErrorState();
            return false;
        });
}

// Runs fn; whatever exception leaves it becomes an ERROR. The caller's frame holds only trivially destructible objects.
template <class Fn>
auto entry(Fn&& fn) -> std::invoke_result_t<Fn> {
    detail::Failure failure;
    try {
        return fn();
    } catch (const Error& error) {
        failure.take(error);
    } catch (const Raise& error) {
        failure.set(error.sqlerrcode(), error.what(), error.detail().c_str(), error.hint().c_str());
    } catch (const std::bad_alloc&) {
        failure.set(ERRCODE_OUT_OF_MEMORY, "out of memory");
    } catch (const std::exception& error) {
        failure.set(ERRCODE_INTERNAL_ERROR, error.what());
    } catch (...) {
        failure.set(ERRCODE_INTERNAL_ERROR, "unknown C++ exception");
    }
    failure.raise();
}

}  // namespace upstream::pg
