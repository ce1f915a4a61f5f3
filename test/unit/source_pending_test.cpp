// Keys that are read and not carried out yet: no source is made of a spec that states one.
#include "core/source_pending.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/support.hpp"

namespace upstream::core {
namespace {

TEST(SourcePending, ASpecOfKeysThatWorkHasNone) {
    const json::Document spec = test::parse(R"({"spec_version": 1, "source": "shop", "base_url": "https://api.shop.test",
        "auth": {"type": "bearer", "token": "{secret.token}"}, "retry": {"base": "1 second"},
        "streams": {"items": {"path": "/items", "target": "items", "primary_key": ["id"], "write": "upsert", "every": "1 hour"}}})");
    EXPECT_TRUE(pending_keys(spec.root()).empty());
}

}  // namespace
}  // namespace upstream::core
