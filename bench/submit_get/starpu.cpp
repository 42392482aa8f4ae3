#include "harness/starpu.hpp"

#include "submit_get/workload.hpp"

namespace bench::submit_get {
namespace {

void run_one(void**, void* argument) {
  int& value = *static_cast<int*>(argument);
  value = value_of(value);
}

}  // namespace

contender starpu(const parameters& asked) {
  contender made = measure("starpu", asked, [](int index) {
    static starpu_codelet task = starpu_codelet_of(run_one, "submit_get");
    int value = index;
    starpu_run(task, &value);
    starpu_task_wait_for_all();
    return value;
  });
  made.body = [body = std::move(made.body)](run& measured) {
    const starpu_session session;
    body(measured);
  };
  return made;
}

}  // namespace bench::submit_get
