#include <narke/runtime.hpp>

#include "harness/cpu.hpp"

namespace bench {

void ensure_narke() {
  static const narke::session session{{.num_cpus = thread_count()}};
}

}  // namespace bench
