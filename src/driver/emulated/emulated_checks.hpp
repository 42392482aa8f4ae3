// The rules for what an emulated driver may be made of. Any thread.
#pragma once

#include <cstddef>

#include "driver/emulated/emulated_options.hpp"

namespace narke::internal::emulation {

/// Throws std::invalid_argument naming the field and the value.
void check_options(const emulated_options& options);
void check_fault(const emulated_fault& fault);

/// The device's own UUID, or one made from its ordinal. Throws std::invalid_argument.
[[nodiscard]] cu_uuid uuid_of(const emulated_gpu& gpu, std::size_t ordinal);

/// Whether CUDA answers this code to every call that follows on the context.
[[nodiscard]] bool is_sticky(cu_result code);

}  // namespace narke::internal::emulation
