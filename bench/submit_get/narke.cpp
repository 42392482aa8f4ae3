#include <narke/narke.hpp>

#include "harness/cpu.hpp"
#include "submit_get/workload.hpp"

namespace bench::submit_get {

contender narke(const parameters& asked) {
  return measure("narke", asked, [](int index) {
    static const auto task = [] {
      ensure_narke();
      return ::narke::task(value_of);
    }();
    return ::narke::get(task.remote(index));
  });
}

}  // namespace bench::submit_get
