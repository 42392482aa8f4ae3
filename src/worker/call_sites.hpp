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

  /// `ticks`: 0 when no time was taken.
  void count(const detail::task_node& node, std::uint64_t ticks) noexcept {
    const std::uintptr_t key = key_of(node.location);
    cell& first = cells_[(key >> 3) % cell_count];
    cell* const its = first.key.load(std::memory_order_relaxed) == key ? &first : find(node, key);
    if (its != nullptr) [[likely]] {
      add(its->count, 1);
      if (ticks != 0) {
        add(its->timed, 1);
        add(its->ticks, ticks == body_ticks_of_parent ? ticks : std::min(ticks, body_ticks_most));
      }
    }
  }
  [[nodiscard]] std::array<cell, cell_count>& cells() noexcept { return cells_; }

 private:
  static std::uintptr_t key_of(const source_location& at) noexcept {
    if constexpr (sizeof(at) == sizeof(std::uintptr_t)) {
      std::uintptr_t key = 0;
      std::memcpy(&key, &at, sizeof(key));  // one pointer: the same at each run of the line
      return key | 1;                       // a line that is not known is no empty cell
    } else {
      return reinterpret_cast<std::uintptr_t>(at.file_name()) + at.line() * 8;
    }
  }
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  cell* find(const detail::task_node& node, std::uintptr_t key) noexcept;

  std::array<cell, cell_count> cells_;
};

/// Written by init.
extern constinit std::atomic<bool> advisor_is_on;
/// Makes this thread's table; null when there is no memory.
site_table* make_site_table(thread_record& record) noexcept;

/// A task of the fast lane ran on this thread.
inline void count_body(const detail::task_node& node, std::uint64_t ticks) noexcept {
  if (advisor_is_on.load(std::memory_order_relaxed)) {
    thread_record& record = this_record();
    site_table* table = record.sites.load(std::memory_order_relaxed);
    if (table == nullptr) [[unlikely]] {
      table = make_site_table(record);
    }
    if (table != nullptr) [[likely]] {
      table->count(node, ticks);
    }
  }
}

/// Around the making of one task in 64: how long that takes. `begin` before its node is made.
inline void begin_submission() noexcept {
  thread_state& self = this_thread_state;
  self.submission_began = 0;
  if (self.next_id % 64 == 0) [[unlikely]] {
    self.submission_began = ticks_now();
  }
}
/// After `node` was sent on its way. It may be gone: only its own copies are looked at.
void end_submission_slowly(thread_state& self) noexcept;
inline void end_submission() noexcept {
  if (this_thread_state.submission_began != 0) [[unlikely]] {
    end_submission_slowly(this_thread_state);
  }
}
/// Whether a task waits for results of others. Requires: nobody else has it yet.
bool takes_results(const detail::task_node& node);
/// Before `node` is sent on its way: the large arguments that it was given, and, for one task in
/// 1,024, how many are pending.
void note_submission_slowly(const detail::task_node& node) noexcept;
inline void note_submission(const detail::task_node& node) noexcept {
  this_thread_state.last_takes_results = node.has_ref_arguments && takes_results(node);
  if (this_thread_state.large_arguments.size != 0 || node.id % 1'024 == 0) [[unlikely]] {
    note_submission_slowly(node);
  }
}

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
/// Around the body of a task that was given refs as they are: its gets are seen.
class argument_watch {
 public:
  explicit argument_watch(const detail::task_node& node) noexcept;
  argument_watch(const argument_watch&) = delete;
  argument_watch& operator=(const argument_watch&) = delete;
  ~argument_watch();

 private:
  const bool is_on_;
};

/// Ends what the advisor watches on this thread. When it ends.
void end_watches() noexcept;

/// What was counted since the last `forget_call_sites`.
advisor_facts call_site_facts();
void forget_call_sites();

}  // namespace narke::internal
