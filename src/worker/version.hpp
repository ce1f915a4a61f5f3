// The version of the library; a check keeps it equal to pg_upstream.control, META.json and CHANGELOG.md.
#pragma once

namespace upstream::worker {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace upstream::worker
