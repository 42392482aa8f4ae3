#include "worker/suspended_tasks.hpp"

#include <array>
#include <mutex>

#include "base/adaptive_mutex.hpp"
#include "base/needed_memory.hpp"
#include "worker/execute.hpp"

namespace narke::internal {

using detail::task_node;

namespace {

constexpr std::size_t bucket_count = 1'024;

struct alignas(64) bucket {
  adaptive_mutex mutex;
  suspension* first = nullptr;  // guarded by mutex
  std::atomic<std::uint64_t> departures{0};  // written under mutex
};

using table = std::array<bucket, bucket_count>;

std::atomic<std::size_t> listed{0};

table& buckets() {
  // Never destroyed: tasks may be cancelled while static objects go.
  static table* const all = [] {
    const memory_needed needed;
    return new table;
  }();
  return *all;
}

bucket& bucket_of(std::uint64_t id) noexcept {
  return buckets()[id % bucket_count];
}

}  // namespace

void suspended_tasks::add(suspension& wait) noexcept {
  bucket& its = bucket_of(wait.node().id);
  listed.fetch_add(1, std::memory_order_seq_cst);
  const std::lock_guard lock{its.mutex};
  wait.next_listed_ = its.first;
  if (its.first != nullptr) {
    its.first->previous_listed_ = &wait;
  }
  its.first = &wait;
}

void suspended_tasks::remove(suspension& wait) noexcept {
  bucket& its = bucket_of(wait.node().id);
  {
    const std::lock_guard lock{its.mutex};
    suspension* const next = wait.next_listed_;
    (wait.previous_listed_ != nullptr ? wait.previous_listed_->next_listed_ : its.first) = next;
    if (next != nullptr) {
      next->previous_listed_ = wait.previous_listed_;
    }
    its.departures.fetch_add(1, std::memory_order_release);
  }
  listed.fetch_sub(1, std::memory_order_relaxed);
}

std::size_t suspended_tasks::count() noexcept {
  return listed.load(std::memory_order_seq_cst);
}

// The node of a wait that was taken stays until the wait's count was taken down. Which is done
// outside of the lock: the task may go on by it.
void suspended_tasks::wake(task_node& node) noexcept {
  suspension* taken = nullptr;
  {
    bucket& its = bucket_of(node.id);
    const std::lock_guard lock{its.mutex};
    for (suspension* each = its.first; each != nullptr; each = each->next_listed_) {
      if (&each->node() == &node && each->take()) {
        taken = each;
        taken->end_early(nullptr);
      }
    }
  }
  if (taken != nullptr) {
    one_argument_less(node);
    drop_if_stopped();
  }
}

void suspended_tasks::wake_each(bool (*is_wanted)(task_node& node)) noexcept {
  const memory_needed needed;
  for (const listed_suspension& each : list(SIZE_MAX, false)) {
    if (is_wanted(*each.node)) {  // not under a lock: it may look for others here
      wake(*each.node);
    }
    each.node->release_ref();
  }
}

std::uint64_t suspended_tasks::parent_of(std::uint64_t id) noexcept {
  bucket& its = bucket_of(id);
  const std::lock_guard lock{its.mutex};
  for (suspension* each = its.first; each != nullptr; each = each->next_listed_) {
    if (each->node().id == id) {
      return each->node().parent_id;
    }
  }
  return 0;
}

std::uint64_t suspended_tasks::departures(std::uint64_t id) noexcept {
  return bucket_of(id).departures.load(std::memory_order_acquire);
}

std::vector<listed_suspension> suspended_tasks::list(std::size_t most, bool counts) {
  std::vector<listed_suspension> all;
  if (count() == 0) {
    return all;
  }
  for (bucket& its : buckets()) {
    const std::lock_guard lock{its.mutex};
    for (suspension* each = its.first; each != nullptr && all.size() != most;
         each = each->next_listed_) {
      all.push_back({&each->node(), each->looks_});
      each->node().add_ref();
      each->looks_ += counts ? 1 : 0;
    }
  }
  return all;
}

}  // namespace narke::internal
