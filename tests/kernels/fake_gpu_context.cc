#include "fake_gpu_context.hpp"

#include <new>

#include <narke/errors.hpp>

namespace narke {
namespace detail {

gpu_frame::~gpu_frame() {
  drop_all();
}

void gpu_frame::run_one() {
  const emulated_closure closure = queue.front();
  queue.pop_front();
  if (!closure.run(closure.closure)) broken = true;
  closure.drop(closure.closure);
}

void gpu_frame::run_all() {
  while (!queue.empty()) run_one();
}

void gpu_frame::drop_all() {
  for (const emulated_closure& closure : queue) closure.drop(closure.closure);
  queue.clear();
}

/// Only the runtime makes contexts; nobody destroys them, and there is nothing to destroy.
struct gpu_context_access {
  static gpu_context* make(gpu_frame& frame, void* memory) {
    return new (memory) gpu_context{frame, 0};
  }
};

}  // namespace detail

namespace test {

fake_gpu::fake_gpu() : context_{detail::gpu_context_access::make(frame_, memory_)} {}

}  // namespace test

int gpu_context::device() const noexcept {
  return 3;
}
CUstream_st* gpu_context::stream() const noexcept {
  return nullptr;
}
bool gpu_context::is_emulated() const noexcept {
  return frame_->emulated;
}
void* gpu_context::allocate_temporary(std::size_t bytes) {
  return ::operator new(bytes);
}
void gpu_context::free_temporary(void* memory) noexcept {
  ::operator delete(memory);
}

void gpu_context::emulate_closure(const detail::emulated_closure& work) {
  frame_->queue.push_back(work);
}

void gpu_context::synchronize() {
  ++frame_->synchronizations;
  frame_->run_all();
  if (frame_->broken) throw error("the emulated device is lost");
}

}  // namespace narke
