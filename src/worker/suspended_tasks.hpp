// The coroutine tasks that are suspended, for who has to reach them: cancel, shutdown, the way up
// of the cancel tree, and who looks for deadlocks. A table of buckets by the task's id, with a lock
// each. Any thread. One a process.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <vector>

#include <narke/detail/node_memory.hpp>
#include <narke/detail/task_node.hpp>
#include <narke/detail/waiting.hpp>

#include "worker/co_wait.hpp"
#include "worker/worker_pool.hpp"

namespace narke::internal {

/// One co_await that has suspended its task. It is what the queues hold when the task goes on: the
/// node itself may still lie in one of them, from a thread that ran it in place.
class suspension final : public turn, public co_wait, public detail::node_memory {
 public:
  suspension(detail::task_node& node, const detail::slot_list& slots, std::size_t first) noexcept
      : co_wait{node}, slots_{slots}, at_{first} {}

  /// Goes on with the task, on this thread. Takes the task's reference over.
  void take_turn() noexcept override;

  /// The slot that is waited for.
  [[nodiscard]] detail::result_slot& slot() const { return *slots_[at_]; }
  /// Goes to the next slot that is not ready, unless one has failed before it. False: there is
  /// none. Requires: the slot is ready, and nobody else has the task.
  [[nodiscard]] bool advance();

  /// Before who took the wait takes its count down: it does not end because the slot is ready.
  /// `why`: what co_await throws; null: it finds out itself.
  void end_early(const std::exception_ptr& why) noexcept {
    why_ = why;
    is_early_ = true;
  }
  [[nodiscard]] bool ended_early() const noexcept { return is_early_; }
  [[nodiscard]] const std::exception_ptr& why() const noexcept { return why_; }

  /// The last number that the thread gave on which the task was suspended: what the task submits
  /// later has higher ones (ids_above).
  std::uint64_t last_id = 0;

 private:
  friend class suspended_tasks;

  void let_go() noexcept override { delete this; }

  const detail::slot_list slots_;
  std::size_t at_;
  bool is_early_ = false;
  std::exception_ptr why_;
  // Guarded by the bucket's lock.
  suspension* next_listed_ = nullptr;
  suspension* previous_listed_ = nullptr;
  std::uint32_t looks_ = 0;  // for deadlocks, that it was there
};

/// A suspended task with a reference, at the moment when it was looked for.
struct listed_suspension {
  detail::task_node* node;
  std::uint32_t looks;  ///< how often it was listed before
};

class suspended_tasks {
 public:
  suspended_tasks() = delete;

  /// Before the wait is open.
  static void add(suspension& wait) noexcept;
  /// As the task goes on.
  static void remove(suspension& wait) noexcept;
  [[nodiscard]] static std::size_t count() noexcept;

  /// Has the task go on, if it is suspended: co_await throws.
  static void wake(detail::task_node& node) noexcept;
  /// The same of all for which `is_wanted` says so.
  static void wake_each(bool (*is_wanted)(detail::task_node& node)) noexcept;
  /// Who submitted the suspended task of this id; 0 when it is none.
  [[nodiscard]] static std::uint64_t parent_of(std::uint64_t id) noexcept;
  /// Changes when the task of this id goes on, and now and then for another. A task that goes on is
  /// known to its thread before it leaves this list: who found it on neither looks again when this
  /// has changed meanwhile.
  [[nodiscard]] static std::uint64_t departures(std::uint64_t id) noexcept;
  /// At most so many of them, each with a reference for the caller. `counts`: as a look.
  [[nodiscard]] static std::vector<listed_suspension> list(std::size_t most, bool counts);
};

}  // namespace narke::internal
