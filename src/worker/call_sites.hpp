// What the advisor counts, by line of the user's program. On the way of every task: one cell of a
// table of this thread, which only this thread writes; everything else is counted where a thread
// waits, where large values are copied, or once in 1,024 submissions. Judged by observe/advice.hpp.
// Any thread.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <narke/detail/task_node.hpp>
#include <narke/detail/waiting.hpp>
#include <narke/detail/watching.hpp>

#include "base/ticks.hpp"
#include "observe/advice.hpp"
#include "worker/thread_state.hpp"

namespace narke::internal {

/// Tasks that ran on one thread, by the line that submitted them. A cell is filled once, by the
/// thread, which then publishes it by its key; its counts are the thread's to write, and are set
/// back by `forget_call_sites`.
class site_table {
 public:
  struct cell {
    std::atomic<std::uintptr_t> key{0};
    std::atomic<std::uint64_t> count{0};
    std::atomic<std::uint64_t> timed{0};
    std::atomic<std::uint64_t> ticks{0};
    source_location at;          ///< constant once the key is there; the next as well
    const char* name = nullptr;  ///< lives for ever; null: by its line
  };
  static constexpr std::size_t cell_count = 256;

  /// The cell of the line that submitted `node`; null when there are too many.
  cell* cell_of(const detail::task_node& node) noexcept {
    const std::uintptr_t key = key_of(node.location);
    cell& first = cells_[(key >> 3) % cell_count];
    return first.key.load(std::memory_order_relaxed) == key ? &first : find(node, key);
  }
  [[nodiscard]] std::array<cell, cell_count>& cells() noexcept { return cells_; }

  static std::uintptr_t key_of(const source_location& at) noexcept {
    if constexpr (sizeof(at) == sizeof(std::uintptr_t)) {
      std::uintptr_t key = 0;
      std::memcpy(&key, &at, sizeof(key));  // one pointer: the same at each run of the line
      return key | 1;                       // a line that is not known is no empty cell
    } else {
      return reinterpret_cast<std::uintptr_t>(at.file_name()) + at.line() * 8;
    }
  }

 private:
  cell* find(const detail::task_node& node, std::uintptr_t key) noexcept;

  std::array<cell, cell_count> cells_;
};

/// Written by init.
extern constinit std::atomic<bool> advisor_is_on;
/// Makes this thread's table; null when there is no memory.
site_table* make_site_table(thread_record& record) noexcept;

/// A task of the fast lane ran on this thread. `ticks`: for how long; 0 when no time was taken.
void count_body_slowly(const detail::task_node& node, std::uint64_t ticks) noexcept;
/// The same, when no time was taken. Few instructions for a line whose task ran before this one.
[[gnu::always_inline]] inline void count_body(const detail::task_node& node) noexcept {
  const thread_state& self = this_thread_state;
  if (self.site_key == site_table::key_of(node.location)) [[likely]] {
    self.site_count->store(self.site_count->load(std::memory_order_relaxed) + 1,
                           std::memory_order_relaxed);
  } else {
    count_body_slowly(node, 0);
  }
}

// Around the making of one task in 64: how long that takes, and what else is looked at at times.
// Which one it is comes with its number (look_for_ids), so that the others pay for one look at
// `attention`, which large arguments come to, too.

/// Before the node is made.
inline void begin_submission() noexcept {
  thread_state& self = this_thread_state;
  if (self.attention != 0) [[unlikely]] {
    self.submission_began = (self.attention & attention_timed) != 0 ? ticks_now() : 0;
  }
}
/// Before `node` is sent on its way, and has its number: when `attention` says so, which is then
/// taken back.
void attend_to(const detail::task_node& node) noexcept;
/// After that, when attend_to was called.
void end_submission() noexcept;

/// One wait for one slot. It looks at what is outstanding before and after.
class get_watch {
 public:
  get_watch(const detail::result_slot& slot, const source_location& at) noexcept;
  get_watch(const get_watch&) = delete;
  get_watch& operator=(const get_watch&) = delete;
  ~get_watch();

  /// The thread is about to sleep.
  void will_sleep() noexcept;
  /// The wait came to nothing.
  void forget() noexcept { is_watching_ = false; }

 private:
  [[nodiscard]] bool may_be_lonely() const noexcept;
  void end();
  void end_lonely(std::uint64_t now);

  const detail::result_slot& slot_;
  const source_location& at_;
  bool is_watching_ = false;
  bool is_lonely_candidate_ = false;  ///< the last task of this thread, while a CPU idles
  bool is_alone_ = false;             ///< and nothing else is outstanding
  bool is_of_argument_ = false;
  std::uint64_t submitted_before_ = 0;
  std::uint64_t begin_ticks_ = 0;
  std::uint64_t sleep_ticks_ = 0;
};

/// A get of a list by a task that was given refs as they are. `waited_ticks`: 0 when all were
/// ready.
void note_list_get(const detail::slot_list& slots, const source_location& at,
                   std::uint64_t waited_ticks) noexcept;
/// Whether the running task was given refs as they are, and gets them without wait.
inline bool gets_arguments() noexcept {
  const execution* current = this_thread_state.current;
  return current != nullptr && current->node->passes_refs && !current->takes_as_ready &&
         advisor_is_on.load(std::memory_order_relaxed);
}
/// Whether a get of the newest task of this thread is to be looked at: it may be of an argument, or
/// out of order, or the last task while a CPU idles. Requires: a worker's thread.
bool needs_watch(const detail::task_node& newest) noexcept;
/// This thread has waited for what it submitted so far.
inline void note_waited() noexcept {
  this_thread_state.submitted_at_wait = this_record().submitted.load(std::memory_order_relaxed);
}
/// The running task takes results as they come.
inline void note_wait() noexcept {
  note_waited();
  if (execution* current = this_thread_state.current) {
    current->takes_as_ready = true;
  }
}
/// Around the body of a task. `passes_refs`: it was given refs as they are: its gets are seen.
class argument_watch {
 public:
  explicit argument_watch(bool passes_refs) noexcept : is_on_{passes_refs} {
    if (is_on_) [[unlikely]] {
      detail::get_watchers.fetch_add(1, std::memory_order_relaxed);
    }
  }
  argument_watch(const argument_watch&) = delete;
  argument_watch& operator=(const argument_watch&) = delete;
  ~argument_watch() {
    if (is_on_) [[unlikely]] {
      detail::get_watchers.fetch_sub(1, std::memory_order_relaxed);
    }
  }

 private:
  const bool is_on_;
};

/// Ends what the advisor watches on this thread. When it ends.
void end_watches() noexcept;

/// What was counted since the last `forget_call_sites`.
advisor_facts call_site_facts();
void forget_call_sites();

}  // namespace narke::internal
