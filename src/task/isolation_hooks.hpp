// What the layer of the worker processes does for tasks, as this layer cannot call it. Set once,
// before any runtime starts.
#pragma once

#include <exception>

#include <narke/detail/isolated_part.hpp>

namespace narke::internal {

struct isolation_hooks {
  /// As detail::run_isolated.
  void (*run)(detail::task_node& node, detail::isolated_part& part) = nullptr;
  /// Kills the process that runs `node`, or keeps it from starting: run() then throws `why`. False
  /// when no process runs it. Any thread.
  bool (*end)(const detail::task_node& node, const std::exception_ptr& why) noexcept = nullptr;
  /// narke::stop_requested() becomes true in the process that runs `node`. False when none does.
  bool (*ask_to_stop)(const detail::task_node& node) noexcept = nullptr;
};
extern constinit isolation_hooks the_isolation_hooks;

}  // namespace narke::internal
