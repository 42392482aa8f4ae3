#include "harness/narke_gpu.hpp"

#include <cstdlib>
#include <string>

#include <narke/runtime.hpp>

namespace bench {
namespace {

const char* clock_of(emulated_pace pace) {
  switch (pace) {
    case emulated_pace::modelled:
      return "real";
    case emulated_pace::null:
      return "null";
    case emulated_pace::free:
      break;
  }
  return "free";
}

}  // namespace

gpu_session::gpu_session(const gpu_setup& setup, const gpu_choice& choice, int cpus) {
  if (!choice.is_emulated) {
    narke::init({.num_cpus = cpus, .num_gpus = setup.devices});
    return;
  }
  // Read by init alone, on this thread.
  setenv("NARKE_EMULATED_CLOCK", clock_of(setup.pace), 1);
  setenv("NARKE_EMULATED_LINK", std::to_string(setup.link_bytes_per_second).c_str(), 1);
  narke::init({.num_cpus = cpus,
               .emulated_gpus = {.count = setup.devices, .memory_bytes = setup.memory_bytes}});
}

gpu_session::~gpu_session() {
  narke::shutdown();
}

}  // namespace bench
