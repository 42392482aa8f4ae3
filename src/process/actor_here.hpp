// What a worker process knows of the actor whose state it has.
#pragma once

#include <exception>
#include <string>

#include "process/process_host.hpp"

namespace narke::internal {

/// Of the thread that makes calls. Without an actor in this process: empty.
struct actor_here {
  void* state = nullptr;
  void (*destroy)(void* state) noexcept = nullptr;
  std::string name;
  int restarts = 0;
  // Of the call that runs.
  actor_leaving leaving = actor_leaving::not_at_all;
  std::string reason;
  std::exception_ptr thrown;  ///< what asks for the end: it may be caught

  static actor_here& instance() noexcept;
  /// The first that asks counts. Throws `by`.
  [[noreturn]] void leave(actor_leaving how, std::string why, const std::exception_ptr& by);
  void destroy_state() noexcept;
};

}  // namespace narke::internal
