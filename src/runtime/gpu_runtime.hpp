// The GPU engine's life within the runtime's: started by init with the driver that the settings ask
// for, CUDA's or the emulated one, and stopped by shutdown. Called under the runtime's life lock.
#pragma once

#include "runtime/settings.hpp"

namespace narke::internal {

/// Makes the engine know the GPUs of `settings`; opens none of them.
void start_gpus(const runtime_settings& settings);
/// Brings to the host what somebody holds, closes the devices, and lets the emulated driver go.
/// Requires: no GPU task is left.
void stop_gpus() noexcept;
/// Whether a driver of real GPUs was ever initialised in this process. Any thread, at any time.
[[nodiscard]] bool real_gpus_were_used() noexcept;

}  // namespace narke::internal
