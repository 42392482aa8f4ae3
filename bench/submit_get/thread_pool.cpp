#include "harness/thread_pool.hpp"

#include "submit_get/workload.hpp"

namespace bench::submit_get {

contender thread_pool(const parameters& asked) {
  return measure("thread_pool", asked,
                 [](int index) { return the_thread_pool().Submit(value_of, index).get(); });
}

}  // namespace bench::submit_get
