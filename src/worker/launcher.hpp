// The launcher: sees to it that each database of upstream.databases has its worker.
//
// It knows shared catalogs only, and starts a dynamic worker for a database that exists and can be connected to. A worker that ends is started again after 1 s, and
// after twice as long each time, up to a minute, unless it had lived a minute. A database that does not exist (yet) is looked for again once a minute, and after a reload.
// Nothing else wakes it but a changed configuration. Not started on a standby; started by promotion.
#pragma once

namespace upstream::worker {

inline constexpr const char* kLauncherFunction = "upstream_launcher_main";
inline constexpr const char* kWorkerFunction = "upstream_worker_main";

[[noreturn]] void launch_workers();

}  // namespace upstream::worker
