// Whether an extension is here, and stays here.
#pragma once

namespace upstream::pg {

// Locks an extension of this database against ALTER and DROP till the end of the transaction; false if it does not exist.
[[nodiscard]] bool lock_extension(const char* name);

}  // namespace upstream::pg
