// Whether this thread is in the body of a GPU task, which may not wait: its work is not even
// enqueued.
#pragma once

#include <atomic>

#include <narke/export.hpp>

namespace narke::detail {

/// Around the call of a body. On its thread's stack.
class NARKE_EXPORT gpu_body_scope {
 public:
  gpu_body_scope() noexcept;
  gpu_body_scope(const gpu_body_scope&) = delete;
  gpu_body_scope& operator=(const gpu_body_scope&) = delete;
  ~gpu_body_scope();

 private:
  const bool outer_;
};

/// True on the thread of such a scope.
[[nodiscard]] NARKE_EXPORT bool is_in_gpu_body() noexcept;

/// Whether any GPU body was ever called, or this is a child of fork: programs without ask no
/// further. Set by the scope, and in the child.
NARKE_EXPORT extern std::atomic<bool> any_gpu_body;
/// Throws narke::error in the body of a GPU task, fork_error in a child of fork. `call`: what
/// waits, as "get".
NARKE_EXPORT void refuse_in_gpu_body(const char* call);
inline void check_may_wait(const char* call) {
  if (any_gpu_body.load(std::memory_order_relaxed)) [[unlikely]] {
    refuse_in_gpu_body(call);
  }
}

}  // namespace narke::detail
