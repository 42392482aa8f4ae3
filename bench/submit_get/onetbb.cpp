#include <tbb/task_group.h>

#include "submit_get/workload.hpp"

namespace bench::submit_get {

contender onetbb(const parameters& asked) {
  return measure("onetbb", asked, [](int index) {
    int value = 0;
    tbb::task_group group;
    group.run([&value, index] { value = value_of(index); });
    group.wait();
    return value;
  });
}

}  // namespace bench::submit_get
