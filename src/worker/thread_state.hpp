// What the runtime knows of each thread that ever used it, the user's threads included.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <narke/detail/task_node.hpp>

#include "worker/parent_list.hpp"

namespace narke::internal {

struct guest_deque;
struct placement_record;
class site_table;
template <class T>
class work_deque;
struct worker;

/// Counts of one thread. Written by that thread alone, read by reports and by shutdown. Records
/// stay for ever and are used again by later threads, so that sums never lose anything.
struct alignas(64) thread_record {
  std::atomic<std::uint64_t> submitted{0};
  std::atomic<std::uint64_t> finished{0};  ///< failed and dropped ones included
  std::atomic<std::uint64_t> failed{0};
  std::atomic<bool> uses_permit{false};  ///< a fast-lane task or actor call runs on it now
  std::atomic<bool> owned{false};
  parent_list parents;            ///< tasks that run on it and have submitted others
  std::atomic<site_table*> sites{nullptr};  ///< for the advisor; made at the first task
  thread_record* next = nullptr;  ///< constant after it was published
};

/// Whether a task has submitted others, and stands in the list of parents for it.
enum class kinship : std::uint8_t { none, parent, listed_parent };

/// A task or call that runs on this thread; on the thread's stack. Tasks run in place stand inside
/// the one that waits.
struct execution {
  detail::task_node* node = nullptr;
  execution* outer = nullptr;
  std::uint64_t submitter_id = 0;             ///< orders its actor calls
  const std::vector<int>* gpu_ids = nullptr;  ///< null: none
  std::uint64_t changes_seen = 0;             ///< up to which nobody above was cancelled
  kinship kin = kinship::none;
  bool has_token = false;  ///< it has asked for a stop_token
  bool takes_as_ready = false;                ///< it has called wait or as_completed
};

/// Large values that the task to come was given from lvalues.
struct large_argument {
  const void* data = nullptr;
  std::size_t bytes = 0;
  std::uint64_t fingerprint = 0;
  bool is_shared = false;
};
struct large_argument_list {
  std::size_t size = 0;
  std::array<large_argument, 4> all = {};
};

/// Which CPUs a thread runs on.
enum class cpu_hold : std::uint8_t {
  none,       ///< a thread outside, or work that asked for no CPU
  permit,     ///< one permit
  placement,  ///< those of a placement record
};

/// What the next submission of a thread has to look at beside its usual steps.
enum attention : std::uint32_t {
  attention_timed = 1,            ///< it is one of those that are timed
  attention_large_arguments = 2,  ///< it was given some
};

struct thread_state {
  execution* current = nullptr;
  worker* self = nullptr;  ///< null on the user's threads
  work_deque<detail::runnable>* deque = nullptr;  ///< where what it submits goes; null: to the pool
  cpu_hold hold = cpu_hold::none;
  placement_record* placement = nullptr;
  thread_record* record = nullptr;
  std::uint64_t next_id = 0;
  std::uint64_t last_id = 0;   ///< up to which next_id needs no look at anything else
  std::uint64_t block_end = 0;  ///< the last id of this thread's block
  std::uint64_t coarse_ticks = 0;  ///< of one of its last submissions
  std::uint32_t attention = 0;
  std::uint32_t short_sleeps = 0;  ///< how many in a row it was woken soon in a get
  bool counts_finish = false;  ///< the task whose last slot it closes is not counted yet
  bool is_ending = false;  ///< its objects go; what it does now is not watched
  std::uint64_t outside_id = 0;          ///< submitter id of a user's thread
  std::uint64_t submission_began = 0;    ///< ticks; 0: it is not timed
  std::uintptr_t site_key = 0;           ///< of the line whose task ran last; 0: none
  std::atomic<std::uint64_t>* site_count = nullptr;  ///< of that line
  large_argument_list large_arguments = {};
  std::uint64_t submitted_at_wait = 0;  ///< how many it had submitted when it last waited
  const std::byte* stack_end = nullptr;  ///< lowest address of the stack; null: not looked up
};

extern constinit thread_local thread_state this_thread_state
    __attribute__((tls_model("initial-exec")));

/// Makes this thread's record, or takes that of one that has ended.
thread_record& begin_record();
/// This thread's record, made at the first use.
inline thread_record& this_record() {
  thread_record* const record = this_thread_state.record;
  return record != nullptr ? *record : begin_record();
}
/// Calls visit(const thread_record&) for each.
template <class Visit>
void for_each_record(Visit&& visit);
const thread_record* first_record() noexcept;

template <class Visit>
void for_each_record(Visit&& visit) {
  for (const thread_record* record = first_record(); record != nullptr; record = record->next) {
    visit(*record);
  }
}

/// Adds one to a counter that this thread alone writes.
inline void count_one(std::atomic<std::uint64_t>& counter) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

/// Sums over all threads since the process began. `finished` never counts a task that `submitted`
/// does not.
struct task_totals {
  std::uint64_t submitted = 0;
  std::uint64_t finished = 0;
  std::uint64_t failed = 0;
};
task_totals count_tasks() noexcept;

/// How many ids a thread takes at a time, and after how many it has something else to look at.
inline constexpr std::uint64_t ids_per_block = 1'024;
inline constexpr std::uint64_t ids_per_look = 64;
void look_for_ids() noexcept;
/// A number that no other task or thread of this process has.
inline std::uint64_t next_id() noexcept {
  thread_state& self = this_thread_state;
  if (self.next_id == self.last_id) [[unlikely]] {
    look_for_ids();
  }
  return ++self.next_id;
}
/// What next_id of this thread says from here on is above `id`, one that was given by any thread.
inline void ids_above(std::uint64_t id) noexcept {
  thread_state& self = this_thread_state;
  if (self.next_id < id) {
    self.next_id = self.last_id = self.block_end;  // later blocks have higher numbers
  }
}
/// Who submits: the running task, else this thread.
std::uint64_t this_submitter_id();
/// Looks the stack of this thread up, and answers as has_stack_for_nested_task.
bool find_stack_for_nested_task() noexcept;
inline constexpr std::ptrdiff_t stack_reserve_bytes = std::ptrdiff_t{256} << 10;
/// Whether a nested task may still be run on this thread's stack.
inline bool has_stack_for_nested_task() noexcept {
  const std::byte* const end = this_thread_state.stack_end;
  // Not the address of a variable: checkers keep those elsewhere.
  const auto* here = static_cast<const std::byte*>(__builtin_frame_address(0));
  return end != nullptr ? here - end >= stack_reserve_bytes : find_stack_for_nested_task();
}

}  // namespace narke::internal
