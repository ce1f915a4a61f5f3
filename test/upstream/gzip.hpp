// Compressing answers for clients that ask for it.
#pragma once

#include "http.hpp"

namespace simulator {

// Replaces the body by its gzip form if the request accepts that.
void compress(const Request& request, Reply& reply);

}  // namespace simulator
