// What libFuzzer calls, with the name of a target given by the build; without one, nothing.
#ifdef NARKE_FUZZ_TARGET
#include <cstddef>
#include <cstdint>

#include "fuzz/fuzz_targets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  narke_fuzz::NARKE_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
#endif
