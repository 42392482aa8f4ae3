// The CPUs of a thread that runs a task, while it waits, and while it runs another in place.
#pragma once

#include <cstdint>

#include <narke/detail/task_node.hpp>

#include "worker/thread_state.hpp"

namespace narke::internal {

/// A CPU for a task run in place: the one that this thread has, or a free permit; none when the
/// stack is nearly full. A task that has parts of CPUs, or none, waits while another runs on a
/// permit in its place: what it has is free meanwhile.
class borrowed_cpu {
 public:
  borrowed_cpu() noexcept;
  borrowed_cpu(const borrowed_cpu&) = delete;
  borrowed_cpu& operator=(const borrowed_cpu&) = delete;
  ~borrowed_cpu() { give_back(); }
  /// Before the results are published: whoever sees them finds the CPU free.
  void give_back() noexcept;
  explicit operator bool() const noexcept { return hold_ != cpu_hold::none; }
  [[nodiscard]] cpu_hold hold() const noexcept { return hold_; }

 private:
  cpu_hold hold_ = cpu_hold::none;
  bool took_permit_ = false;
  guest_deque* guest_ = nullptr;       // of a thread that has no deque
  placement_record* waits_ = nullptr;  // of the task below, while the permit is there
};

/// Gives the CPUs of this thread back for as long as it exists: around every wait. Throws
/// narke::error when no thread would be left to run anything.
class blocked_section {
 public:
  using blocking = detail::task_node::blocking;
  explicit blocked_section(blocking in = blocking::get);
  blocked_section(const blocked_section&) = delete;
  blocked_section& operator=(const blocked_section&) = delete;
  ~blocked_section();

 private:
  void go_on() noexcept;

  const std::uint64_t begin_ticks_;
  bool counted_ = false;
  bool used_permit_ = false;
};

}  // namespace narke::internal
