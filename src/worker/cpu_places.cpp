#include "worker/cpu_places.hpp"

#include <sched.h>

namespace narke::internal {

namespace {

constexpr std::size_t bits_each = sizeof(unsigned long) * 8;
constexpr std::size_t words = 256;  // 16,384 CPUs, twice what Linux has

struct cpu_mask {
  std::array<unsigned long, words> bits{};

  [[nodiscard]] cpu_set_t* as_set() noexcept { return reinterpret_cast<cpu_set_t*>(bits.data()); }
  [[nodiscard]] bool read() noexcept { return ::sched_getaffinity(0, sizeof bits, as_set()) == 0; }
  [[nodiscard]] bool write() noexcept { return ::sched_setaffinity(0, sizeof bits, as_set()) == 0; }
};

}  // namespace

int cpu_places::here() noexcept {
  const int cpu = ::sched_getcpu();
  return cpu < 0 ? 0 : cpu;
}

int cpu_places::arrive() noexcept {
  int cpu = here();
  if (at(cpu).fetch_add(1, std::memory_order_relaxed) != 0) {
    move_aside();
    cpu = follow(cpu);
  }
  return cpu;
}

// By a mask without the CPUs that are used, for the time of two calls. The kernel moves the thread
// in the first, within some 30 us. A mask that somebody else gives the thread between the first and
// the last of the three calls is lost.
void cpu_places::move_aside() noexcept {
  cpu_mask allowed;
  if (!allowed.read()) {
    return;
  }
  cpu_mask unused;
  bool is_any = false;
  for (std::size_t word = 0; word != words; ++word) {
    for (unsigned long left = allowed.bits[word]; left != 0; left &= left - 1) {
      const auto bit = static_cast<std::size_t>(__builtin_ctzl(left));
      if (!is_used(static_cast<int>(word * bits_each + bit))) {
        unused.bits[word] |= 1UL << bit;
        is_any = true;
      }
    }
  }
  if (is_any && unused.write()) {
    static_cast<void>(allowed.write());
  }
}

}  // namespace narke::internal
