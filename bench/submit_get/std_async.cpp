#include <future>

#include "submit_get/workload.hpp"

namespace bench::submit_get {

contender std_async(const parameters& asked) {
  return measure("std_async", asked,
                 [](int index) { return std::async(std::launch::async, value_of, index).get(); });
}

}  // namespace bench::submit_get
