// The tasks that are not finished, for programs that ask for them: others pay one predicted branch
// a task. A task is in the list from its submission until just before its results are published,
// while the runtime has a reference to it. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <narke/detail/task_node.hpp>

namespace narke::internal {

/// Set once, for good, by programs that may ask.
extern constinit std::atomic<bool> tasks_are_listed;

void list_task_slowly(detail::task_node& node) noexcept;
void unlist_task_slowly(detail::task_node& node) noexcept;

/// Before `node` can be taken by anybody.
inline void list_task(detail::task_node& node) noexcept {
  if (tasks_are_listed.load(std::memory_order_relaxed)) [[unlikely]] {
    list_task_slowly(node);
  }
}
inline void unlist_task(detail::task_node& node) noexcept {
  if (node.is_listed) [[unlikely]] {
    unlist_task_slowly(node);
  }
}

/// A task that stays as long as this does.
class held_task {
 public:
  explicit held_task(detail::task_node& node) noexcept : node_{&node} { node.add_ref(); }
  held_task(held_task&& other) noexcept : node_{std::exchange(other.node_, nullptr)} {}
  held_task& operator=(held_task&& other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~held_task() {
    if (node_ != nullptr) {
      node_->release_ref();
    }
  }
  detail::task_node& operator*() const noexcept { return *node_; }
  detail::task_node* operator->() const noexcept { return node_; }

 private:
  detail::task_node* node_;
};

/// The oldest `most` of them, oldest first; and how many there are.
struct task_listing {
  std::vector<held_task> tasks;
  std::size_t count = 0;
};
task_listing listed_tasks(std::size_t most);

/// Whether a task may wait for something that can be looked at, by count_looker and so on. One
/// without refs for arguments waits for the time of its next attempt alone: a looker would hold
/// that up.
[[nodiscard]] inline bool may_be_looked_at(const detail::task_node& node) noexcept {
  return node.has_ref_arguments || node.state() == detail::task_state::suspended;
}
/// Calls `look` with a task that waits for arguments, or at a co_await, which may be visited
/// meanwhile. False when it does not wait: `look` was not called.
bool look_at_waiting(detail::task_node& node, void (*look)(void* context, detail::task_node& node),
                     void* context);

}  // namespace narke::internal
