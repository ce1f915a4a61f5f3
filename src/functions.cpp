// The SQL functions: each reads its arguments, calls worker/, and returns. pg::entry turns whatever they throw into an ERROR.
#include "pg/postgres.hpp"

#include <array>

#include "pg/error.hpp"
#include "pg/function.hpp"
#include "pg/process.hpp"
#include "pg/transaction.hpp"
#include "worker/commands.hpp"
#include "worker/configure.hpp"
#include "worker/instance.hpp"
#include "worker/progress.hpp"
#include "worker/settings.hpp"
#include "worker/shared.hpp"
#include "worker/uptime.hpp"
#include "worker/webhook.hpp"

using upstream::pg::Args;
using upstream::pg::RowSink;
namespace pg = upstream::pg;
namespace worker = upstream::worker;

namespace {

using Cells = std::vector<std::optional<std::string>>;

void check_may_commit(FunctionCallInfo fcinfo, const char* name, const char* hint) {
    if (pg::Session::may_commit(fcinfo)) return;
    throw pg::Raise(ERRCODE_INVALID_TRANSACTION_TERMINATION, std::string{"CALL "} + name + " cannot run inside a transaction block or a function", "", hint);
}

std::string run_call(FunctionCallInfo fcinfo, const char* name, const worker::Selection& selection) {
    check_may_commit(fcinfo, name, "It commits after each page. Call it alone, or use upstream.request_sync().");
    return worker::sync_now(selection);
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(upstream_lease_is_held);
PGDLLEXPORT Datum upstream_lease_is_held(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        const Args args{fcinfo};
        const auto incarnation = args.time(0);
        const auto started_at = args.time(2);
        const auto deadline = args.time(3);
        if (!incarnation || PG_ARGISNULL(1) || !started_at || !deadline) PG_RETURN_BOOL(false);
        if (*incarnation != pg::postmaster_start() || *deadline < pg::now()) PG_RETURN_BOOL(false);
        PG_RETURN_BOOL(pg::backend_start(PG_GETARG_INT32(1)) == started_at);
    });
}

PG_FUNCTION_INFO_V1(upstream_this_instance);
PGDLLEXPORT Datum upstream_this_instance(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    return pg::entry([&]() -> Datum { return pg::text_value(worker::this_instance()); });
}

PG_FUNCTION_INFO_V1(upstream_wake);
PGDLLEXPORT Datum upstream_wake(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    return pg::entry([&]() -> Datum {
        pg::on_commit(worker::limits_changed);
        pg::on_commit(worker::wake_workers);
        PG_RETURN_VOID();
    });
}

PG_FUNCTION_INFO_V1(upstream_validate_source);
PGDLLEXPORT Datum upstream_validate_source(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        const auto problems = worker::validate_source(*Args{fcinfo}.json(0));
        RowSink sink{fcinfo};
        for (const auto& problem : problems)
            sink.add(Cells{problem.warning ? "warning" : "error", problem.path, problem.message,
                           problem.hint.empty() ? std::nullopt : std::optional{problem.hint}});
        return Datum{0};
    });
}

PG_FUNCTION_INFO_V1(upstream_create_source);
PGDLLEXPORT Datum upstream_create_source(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        const Args args{fcinfo};
        PG_RETURN_INT32(worker::create_source(*args.text(0), *args.json(1), *args.text(2)));
    });
}

PG_FUNCTION_INFO_V1(upstream_alter_source);
PGDLLEXPORT Datum upstream_alter_source(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        const Args args{fcinfo};
        const auto effects = worker::alter_source(*args.text(0), *args.json(1));
        RowSink sink{fcinfo};
        for (const auto& effect : effects) sink.add(Cells{effect.stream, effect.effect});
        return Datum{0};
    });
}

PG_FUNCTION_INFO_V1(upstream_create_account);
PGDLLEXPORT Datum upstream_create_account(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        pg::hide_statement("<upstream.create_account>");
        const Args args{fcinfo};
        PG_RETURN_INT32(worker::create_account({.source = args.required_text(0, "source"),
                                                .name = args.required_text(1, "name"),
                                                .config = args.json(2).value_or("{}"),
                                                .credentials = args.json(3).value_or("{}"),
                                                .streams = args.texts(4)}));
    });
}

PG_FUNCTION_INFO_V1(upstream_set_secret);
PGDLLEXPORT Datum upstream_set_secret(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        pg::hide_statement("<upstream.set_secret>");
        const Args args{fcinfo};
        worker::set_secret(args.required_text(0, "account"), args.required_text(1, "name"), args.text(2));
        PG_RETURN_VOID();
    });
}

PG_FUNCTION_INFO_V1(upstream_update_token);
PGDLLEXPORT Datum upstream_update_token(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        pg::hide_statement("<upstream.update_token>");
        const Args args{fcinfo};
        worker::update_token(args.required_text(0, "account"), args.required_text(1, "access_token"), args.text(2), args.time(3), args.text(4));
        PG_RETURN_VOID();
    });
}

PG_FUNCTION_INFO_V1(upstream_mark_sync_complete);
PGDLLEXPORT Datum upstream_mark_sync_complete(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        const Args args{fcinfo};
        worker::mark_sync_complete(args.required_text(0, "account"), args.required_text(1, "stream"), args.text(2), args.time(3),
                                   args.boolean(4).value_or(false));
        PG_RETURN_VOID();
    });
}

PG_FUNCTION_INFO_V1(upstream_preview);
PGDLLEXPORT Datum upstream_preview(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        const Args args{fcinfo};
        const auto rows = worker::preview(*args.text(0), *args.text(1));
        RowSink sink{fcinfo};
        for (const std::string& row : rows) sink.add(Cells{row});
        return Datum{0};
    });
}

PG_FUNCTION_INFO_V1(upstream_explain_sync);
PGDLLEXPORT Datum upstream_explain_sync(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        const Args args{fcinfo};
        const auto items = worker::explain_sync(*args.text(0), *args.text(1));
        RowSink sink{fcinfo};
        for (const auto& [item, value] : items) sink.add(Cells{item, value});
        return Datum{0};
    });
}

PG_FUNCTION_INFO_V1(upstream_check_account);
PGDLLEXPORT Datum upstream_check_account(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        const worker::Checked checked = worker::check_account(*Args{fcinfo}.text(0));
        const auto status = checked.status ? std::optional{std::to_string(*checked.status)} : std::nullopt;
        RowSink sink{fcinfo};
        if (!checked.error) {
            sink.add(Cells{"true", status, std::nullopt, "ok", std::nullopt});
        } else {
            const upstream::core::Error& error = *checked.error;
            sink.add(Cells{"false", status, std::string{upstream::core::name(error.code)},
                           error.message + (error.detail.empty() ? "" : " (" + error.detail + ")"),
                           error.hint.empty() ? std::nullopt : std::optional{error.hint}});
        }
        return Datum{0};
    });
}

PG_FUNCTION_INFO_V1(upstream_sync);
PGDLLEXPORT Datum upstream_sync(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        const Args args{fcinfo};
        const worker::Selection selection{.account = args.text(0), .stream = args.text(1), .full_refresh = args.boolean(2).value_or(false)};
        return pg::jsonb_row(fcinfo, run_call(fcinfo, "upstream.sync", selection));
    });
}

PG_FUNCTION_INFO_V1(upstream_sync_all);
PGDLLEXPORT Datum upstream_sync_all(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        const worker::Selection selection{.source = Args{fcinfo}.text(0), .of_source = true};
        return pg::jsonb_row(fcinfo, run_call(fcinfo, "upstream.sync_all", selection));
    });
}

PG_FUNCTION_INFO_V1(upstream_wait_fresh);
PGDLLEXPORT Datum upstream_wait_fresh(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        check_may_commit(fcinfo, "upstream.wait_fresh", "It would not see what others commit. Call it alone.");
        const Args args{fcinfo};
        const auto max_age = args.interval(2);
        const auto timeout = args.interval(3);
        if (!max_age || !timeout) throw pg::Raise(ERRCODE_NULL_VALUE_NOT_ALLOWED, "max_age and timeout must not be null");
        if (max_age->count() < 0 || timeout->count() < 0) throw pg::Raise(ERRCODE_INVALID_PARAMETER_VALUE, "max_age and timeout must not be negative");
        worker::wait_fresh({.account = args.required_text(0, "account"), .stream = args.required_text(1, "stream"), .max_age = *max_age, .timeout = *timeout});
        PG_RETURN_VOID();
    });
}

PG_FUNCTION_INFO_V1(upstream_receive_webhook);
PGDLLEXPORT Datum upstream_receive_webhook(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        pg::hide_statement("<upstream.receive_webhook>");
        const Args args{fcinfo};
        const worker::Reply reply = worker::receive_webhook(args.required_text(0, "path"), {.headers = worker::names_and_values(args.json(1).value_or("{}"), "headers"),
                                                                                             .query = worker::names_and_values(args.json(3).value_or("{}"), "query"),
                                                                                             .body = args.bytes(2).value_or(""),
                                                                                             .url = args.text(4).value_or("")});
        RowSink sink{fcinfo};
        sink.add(Cells{std::to_string(reply.status), reply.answer});
        return Datum{0};
    });
}

PG_FUNCTION_INFO_V1(upstream_workers);
PGDLLEXPORT Datum upstream_workers(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        const auto rows = worker::worker_rows();
        RowSink sink{fcinfo};
        for (const worker::WorkerRow& row : rows)
            sink.add(Cells{std::to_string(row.pid), std::to_string(row.database), upstream::core::format_time(row.started_at, upstream::core::TimeFormat::iso), std::string{row.state},
                           std::to_string(row.running), std::to_string(row.in_flight), std::to_string(row.runs), std::to_string(row.requests),
                           std::to_string(row.wakeups), std::string{row.last_error}});
        return Datum{0};
    });
}

PG_FUNCTION_INFO_V1(upstream_progress);
PGDLLEXPORT Datum upstream_progress(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        const auto iso = [](pg::Time time) { return upstream::core::format_time(time, upstream::core::TimeFormat::iso); };
        const auto rows = worker::progress_rows();
        RowSink sink{fcinfo};
        for (const worker::ProgressRow& row : rows)
            sink.add(Cells{std::to_string(row.pid), std::to_string(row.database), std::to_string(row.model), std::to_string(row.run), iso(row.began_at),
                           std::string{row.phase}, *row.waits_for == '\0' ? std::nullopt : std::optional{std::string{row.waits_for}}, iso(row.since),
                           std::to_string(row.pages), std::to_string(row.rows), std::to_string(row.bytes)});
        return Datum{0};
    });
}

PG_FUNCTION_INFO_V1(upstream_budget_spent);
PGDLLEXPORT Datum upstream_budget_spent(PG_FUNCTION_ARGS) {
    return pg::entry([&]() -> Datum {
        const Args args{fcinfo};
        upstream::core::Ledger ledger = upstream::core::ledger_from_json(*args.json(0));
        const std::chrono::duration<double> per{PG_GETARG_FLOAT8(2)};
        if (*args.text(1) == worker::boot_id())
            ledger.expire({.limit = 0, .per = std::chrono::duration_cast<upstream::core::Duration>(per)}, worker::uptime());
        PG_RETURN_FLOAT8(ledger.spent());
    });
}

}  // extern "C"
