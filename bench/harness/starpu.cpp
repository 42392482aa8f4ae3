#include "harness/starpu.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include "harness/cpu.hpp"
#include "harness/usual_policy.hpp"

namespace bench {
namespace {

void check(int code, const char* what) {
  if (code != 0) throw std::runtime_error{fmt::format("{} returned {}", what, code)};
}

/// StarPU, from the first use to the end of the process.
class starpu_library {
 public:
  starpu_library() {
    // It writes down what it finds out of the machine; not into the user's own folder.
    const auto folder =
        std::filesystem::temp_directory_path() / fmt::format("narke-bench-starpu-{}", getuid());
    setenv("STARPU_HOME", folder.c_str(), 0);
    setenv("STARPU_SILENT", "1", 0);
    // Its own way of keeping the memory of many tasks small: who submits waits.
    setenv("STARPU_LIMIT_MAX_SUBMITTED_TASKS", "20000", 0);
    setenv("STARPU_LIMIT_MIN_SUBMITTED_TASKS", "10000", 0);
    starpu_conf wanted;
    starpu_conf_init(&wanted);
    wanted.ncpus = thread_count();
    wanted.ncuda = 0;
    wanted.nopencl = 0;
    const usual_policy workers;  // which poll
    check(starpu_init(&wanted), "starpu_init");
    starpu_pause();
  }
  starpu_library(const starpu_library&) = delete;
  starpu_library& operator=(const starpu_library&) = delete;
  ~starpu_library() {
    starpu_resume();
    starpu_shutdown();
  }
};

void submit(starpu_task* task) {
  check(starpu_task_submit(task), "starpu_task_submit");
}

starpu_task* task_of(starpu_codelet& what, void* argument) {
  starpu_task* const task = starpu_task_create();
  task->cl = &what;
  task->cl_arg = argument;
  return task;
}

}  // namespace

starpu_session::starpu_session() {
  static const starpu_library library;
  starpu_resume();
}

starpu_session::~starpu_session() {
  starpu_task_wait_for_all();
  starpu_pause();
}

starpu_codelet starpu_codelet_of(starpu_cpu_func_t function, const char* name) {
  starpu_codelet what;
  starpu_codelet_init(&what);
  what.cpu_funcs[0] = function;
  what.name = name;
  return what;
}

starpu_codelet starpu_codelet_of(starpu_cpu_func_t function, const char* name,
                                 starpu_data_access_mode mode) {
  starpu_codelet what = starpu_codelet_of(function, name);
  what.nbuffers = 1;
  what.modes[0] = mode;
  return what;
}

void starpu_run(starpu_codelet& what, void* argument) {
  submit(task_of(what, argument));
}

void starpu_run(starpu_codelet& what, void* argument, std::span<const starpu_data_handle_t> data) {
  starpu_task* const task = task_of(what, argument);
  std::copy(data.begin(), data.end(), task->handles);
  submit(task);
}

}  // namespace bench
