#include "harness/cpu.hpp"
#include "submit_get/workload.hpp"

namespace bench::submit_get {

/// A parallel region of one task each time: outside of one there are no other threads.
contender openmp(const parameters& asked) {
  return measure("openmp_region", asked, [](int index) {
    int value = 0;
#pragma omp parallel num_threads(thread_count())
#pragma omp single
#pragma omp task shared(value) firstprivate(index)
    value = value_of(index);
    return value;
  });
}

}  // namespace bench::submit_get
