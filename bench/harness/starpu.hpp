// StarPU for contenders: as many workers as others have threads, no devices. They poll while they
// are awake, so they are put to sleep between runs.
#pragma once

#include <starpu.h>

#include <span>

namespace bench {

/// StarPU's workers are awake as long as it lives. The first one starts StarPU; it ends with the
/// process. One at a time.
class starpu_session {
 public:
  starpu_session();
  starpu_session(const starpu_session&) = delete;
  starpu_session& operator=(const starpu_session&) = delete;
  ~starpu_session();
};

/// A codelet of one function for CPUs, without data.
[[nodiscard]] starpu_codelet starpu_codelet_of(starpu_cpu_func_t function, const char* name);

/// The same on one handle.
[[nodiscard]] starpu_codelet starpu_codelet_of(starpu_cpu_func_t function, const char* name,
                                               starpu_data_access_mode mode);

/// Submits a task, which stays StarPU's. `argument` has to live until it has run.
void starpu_run(starpu_codelet& what, void* argument);
/// The same on as many handles as the codelet has buffers.
void starpu_run(starpu_codelet& what, void* argument, std::span<const starpu_data_handle_t> data);

}  // namespace bench
