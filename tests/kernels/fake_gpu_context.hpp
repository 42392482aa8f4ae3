// A GPU context without an engine: it keeps what is enqueued until it is told to run it. The test
// owns it and calls from one thread. It takes the place of the library's, so a program has one or
// the other.
#pragma once

#include <cstddef>
#include <deque>

#include <narke/gpu_context.hpp>

namespace narke::detail {

struct gpu_frame {
  gpu_frame() = default;
  gpu_frame(const gpu_frame&) = delete;
  gpu_frame& operator=(const gpu_frame&) = delete;
  ~gpu_frame();

  void run_one();
  void run_all();
  void drop_all();

  bool emulated = true;
  bool broken = false;  ///< a closure threw
  int synchronizations = 0;
  std::deque<emulated_closure> queue;
};

}  // namespace narke::detail

namespace narke::test {

class fake_gpu {
 public:
  fake_gpu();

  [[nodiscard]] gpu_context& context() const { return *context_; }
  [[nodiscard]] detail::gpu_frame& frame() { return frame_; }
  [[nodiscard]] const detail::gpu_frame& frame() const { return frame_; }

 private:
  detail::gpu_frame frame_;
  alignas(gpu_context) std::byte memory_[sizeof(gpu_context)];
  gpu_context* context_;
};

}  // namespace narke::test
