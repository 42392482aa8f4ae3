#include "worker/failure_watch.hpp"

#include <atomic>
#include <mutex>

#include "base/forked_child.hpp"
#include "base/needed_memory.hpp"

namespace narke::internal {

namespace {

struct watcher_list {
  std::mutex mutex;
  failure_watcher* first = nullptr;  // guarded by mutex
};

watcher_list& all_watchers() noexcept {
  // Never destroyed: threads of the user may still wait when static objects go.
  static auto* const list = [] {
    const memory_needed needed;
    return new watcher_list;
  }();
  return *list;
}

constinit std::atomic<int> watcher_count{0};  // written under the list's mutex
constinit std::atomic<std::uint64_t> failure_count{0};

}  // namespace

failure_watcher::failure_watcher(parker& sleeper) noexcept : sleeper_{sleeper} {
  watcher_list& all = all_watchers();
  const std::lock_guard lock{all.mutex};
  next_ = all.first;
  if (next_ != nullptr) {
    next_->previous_ = this;
  }
  all.first = this;
  watcher_count.fetch_add(1, std::memory_order_seq_cst);
}

failure_watcher::~failure_watcher() {
  if (is_forked_child()) {
    return;  // its parent's list, and perhaps its lock
  }
  watcher_list& all = all_watchers();
  const std::lock_guard lock{all.mutex};
  (previous_ != nullptr ? previous_->next_ : all.first) = next_;
  if (next_ != nullptr) {
    next_->previous_ = previous_;
  }
  watcher_count.fetch_sub(1, std::memory_order_seq_cst);
}

void failure_watcher::tell_all() noexcept {
  if (is_forked_child()) {
    return;  // a thread of the parent may have had the lock, and nobody waits here
  }
  failure_count.fetch_add(1, std::memory_order_seq_cst);
  if (watcher_count.fetch_add(0, std::memory_order_seq_cst) == 0) {
    return;
  }
  watcher_list& all = all_watchers();
  const std::lock_guard lock{all.mutex};
  for (const failure_watcher* each = all.first; each != nullptr; each = each->next_) {
    each->sleeper_.wake();
  }
}

std::uint64_t failure_watcher::failures() noexcept {
  return failure_count.fetch_add(0, std::memory_order_seq_cst);
}

}  // namespace narke::internal
