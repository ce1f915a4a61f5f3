// Which dialects there are.
#include <array>

#include "dialects/dialect.hpp"
#include "dialects/directus.hpp"
#include "dialects/fanvue.hpp"
#include "dialects/github.hpp"
#include "dialects/messenger.hpp"
#include "dialects/plain.hpp"
#include "dialects/shipbob.hpp"
#include "dialects/shopify.hpp"
#include "dialects/stripe.hpp"

namespace simulator {

namespace {

struct Entry {
    std::string_view name;
    std::unique_ptr<Dialect> (*make)();
};

template <class Kind>
std::unique_ptr<Dialect> make() {
    return std::make_unique<Kind>();
}

constexpr std::array kDialects = {
    Entry{"plain", make<Plain>},   Entry{"fanvue", make<Fanvue>}, Entry{"messenger", make<Messenger>}, Entry{"shipbob", make<ShipBob>},
    Entry{"stripe", make<Stripe>}, Entry{"github", make<GitHub>}, Entry{"directus", make<Directus>},   Entry{"shopify", make<Shopify>},
};

}  // namespace

std::unique_ptr<Dialect> make_dialect(std::string_view name) {
    for (const Entry& entry : kDialects) {
        if (entry.name == name) return entry.make();
    }
    return nullptr;
}

}  // namespace simulator
