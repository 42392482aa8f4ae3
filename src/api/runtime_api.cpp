#include <narke/runtime.hpp>

#include "process/worker_side.hpp"
#include "runtime/engine.hpp"
#include "task/task_info.hpp"
#include "worker/cancel_tree.hpp"
#include "worker/lifecycle.hpp"
#include "worker/thread_state.hpp"

namespace narke {

using internal::current_phase;
using internal::runtime_phase;
using internal::this_thread_state;

void init(const runtime_options& options) {
  internal::start_runtime(options);
}

bool is_initialized() noexcept {
  const runtime_phase phase = current_phase.load(std::memory_order_acquire);
  return phase == runtime_phase::running || phase == runtime_phase::draining;
}

void shutdown() {
  static_cast<void>(internal::stop_runtime(detail::for_ever));
}

bool detail::shutdown_within(std::chrono::nanoseconds timeout) {
  return internal::stop_runtime(timeout);
}

bool stop_requested() noexcept {
  if (current_phase.load(std::memory_order_acquire) == runtime_phase::draining ||
      internal::worker_call_is_to_stop()) {
    return true;
  }
  internal::execution* current = this_thread_state.current;
  return current != nullptr && internal::cancel_tree::is_asked_to_stop(*current);
}

std::stop_token stop_token() {
  if (internal::execution* current = this_thread_state.current) {
    std::stop_token token = internal::cancel_tree::token_of(*current);
    // In a worker process no runtime runs, and none ends.
    if (current_phase.load(std::memory_order_seq_cst) == runtime_phase::draining) {
      internal::cancel_tree::stop_all_tokens();  // shutdown has looked before this one was there
    }
    return token;
  }
  return internal::runtime_stop_source().get_token();
}

namespace this_task {

std::string name() {
  const internal::execution* current = this_thread_state.current;
  return current != nullptr ? internal::plain_name(*current->node) : std::string{};
}

std::uint64_t id() noexcept {
  const internal::execution* current = this_thread_state.current;
  return current != nullptr ? current->node->id : 0;
}

int attempt() noexcept {
  const internal::execution* current = this_thread_state.current;
  return current != nullptr ? current->node->attempt : 0;
}

}  // namespace this_task

}  // namespace narke
