// The background worker of one database.
#pragma once

#include "pg/postgres.hpp"

namespace upstream::worker {

[[noreturn]] void work_in(Oid database);

}  // namespace upstream::worker
