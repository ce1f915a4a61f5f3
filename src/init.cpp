// _PG_init: settings, shared memory, the launcher; and the entries of the background workers.
#include "pg/postgres.hpp"

#include "pg/background.hpp"
#include "pg/compat.hpp"
#include "pg/error.hpp"
#include "worker/launcher.hpp"
#include "worker/main.hpp"
#include "worker/progress.hpp"
#include "worker/settings.hpp"
#include "worker/shared.hpp"

namespace pg = upstream::pg;
namespace worker = upstream::worker;

extern "C" {

PG_MODULE_MAGIC_NAMED("pg_upstream", "0.1.0");

PGDLLEXPORT void _PG_init(void);
PGDLLEXPORT void upstream_launcher_main(Datum argument);
PGDLLEXPORT void upstream_worker_main(Datum argument);

void _PG_init(void) {
    if (IsBinaryUpgrade) return;
    pg::entry([] {
        worker::define_settings();
        if (!process_shared_preload_libraries_in_progress) return;
        worker::request_shared_memory();
        worker::request_progress_memory();
        pg::register_worker("pg_upstream launcher", worker::kLauncherFunction);
    });
}

void upstream_launcher_main(Datum) {
    pg::entry([] { worker::launch_workers(); });
}

void upstream_worker_main(Datum argument) {
    pg::entry([&] { worker::work_in(DatumGetObjectId(argument)); });
}

}  // extern "C"
