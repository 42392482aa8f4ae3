#include <narke/detail/gpu_body.hpp>

#include <utility>

#include <fmt/format.h>

#include <narke/errors.hpp>

#include "base/forked_child.hpp"

namespace narke::detail {

namespace {

constinit thread_local bool in_gpu_body __attribute__((tls_model("initial-exec"))) = false;

}  // namespace

constinit std::atomic<bool> any_gpu_body{false};

gpu_body_scope::gpu_body_scope() noexcept : outer_{std::exchange(in_gpu_body, true)} {
  if (!any_gpu_body.load(std::memory_order_relaxed)) {
    any_gpu_body.store(true, std::memory_order_relaxed);
  }
}

gpu_body_scope::~gpu_body_scope() {
  in_gpu_body = outer_;
}

bool is_in_gpu_body() noexcept {
  return in_gpu_body;
}

void refuse_in_gpu_body(const char* call) {
  internal::refuse_in_forked_child(call);
  if (in_gpu_body) {
    throw error{
        fmt::format("narke::{} was called in the body of a GPU task, which runs before its inputs "
                    "exist and may not wait. Pass the object_ref or the array to the task as an "
                    "argument",
                    call)};
  }
}

}  // namespace narke::detail
