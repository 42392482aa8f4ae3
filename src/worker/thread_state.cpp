#include "worker/thread_state.hpp"

#include <pthread.h>

#include "base/needed_memory.hpp"
#include "worker/call_sites.hpp"

namespace narke::internal {

constinit thread_local thread_state this_thread_state;

namespace {

std::atomic<thread_record*> all_records{nullptr};
std::atomic<std::uint64_t> last_id_block{0};

// Gives the record back when the thread ends.
struct record_owner {
  thread_record* record = nullptr;
  ~record_owner() {
    if (record != nullptr) {
      end_watches();
      this_thread_state.is_ending = true;
      this_thread_state.record = nullptr;
      record->owned.store(false, std::memory_order_release);
    }
  }
};
thread_local record_owner owner;

thread_record* take_record() {
  for (thread_record* record = all_records.load(std::memory_order_acquire); record != nullptr;
       record = record->next) {
    bool owned = false;
    if (record->owned.compare_exchange_strong(owned, true, std::memory_order_acquire,
                                              std::memory_order_relaxed)) {
      return record;
    }
  }
  auto* record = new thread_record;
  record->owned.store(true, std::memory_order_relaxed);
  record->next = all_records.load(std::memory_order_acquire);
  while (!all_records.compare_exchange_weak(record->next, record, std::memory_order_acq_rel,
                                            std::memory_order_acquire)) {
  }
  return record;
}

const std::byte* find_stack_end() noexcept {
  pthread_attr_t attributes;
  void* lowest = nullptr;
  std::size_t bytes = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
    return nullptr;
  }
  pthread_attr_getstack(&attributes, &lowest, &bytes);
  pthread_attr_destroy(&attributes);
  return static_cast<const std::byte*>(lowest);
}

}  // namespace

const thread_record* first_record() noexcept {
  return all_records.load(std::memory_order_acquire);
}

thread_record& begin_record() {
  thread_state& self = this_thread_state;
  const memory_needed needed;  // by steps that are noexcept, too
  self.record = take_record();
  owner.record = self.record;
  return *self.record;
}

task_totals count_tasks() noexcept {
  task_totals totals;
  // Finished first: a task that is finished was submitted before, so its submission is seen below.
  for_each_record([&](const thread_record& record) {
    totals.failed += record.failed.load(std::memory_order_acquire);
    totals.finished += record.finished.load(std::memory_order_acquire);
  });
  for_each_record([&](const thread_record& record) {
    totals.submitted += record.submitted.load(std::memory_order_acquire);
  });
  return totals;
}

void look_for_ids() noexcept {
  thread_state& self = this_thread_state;
  if (self.next_id == self.block_end) {
    self.next_id = last_id_block.fetch_add(1, std::memory_order_relaxed) * ids_per_block;
    self.block_end = self.next_id + ids_per_block;
  }
  self.last_id = self.next_id + ids_per_look;
  self.attention |= attention_timed;
}

std::uint64_t this_submitter_id() {
  thread_state& self = this_thread_state;
  if (self.current != nullptr) {
    return self.current->submitter_id;
  }
  if (self.outside_id == 0) {
    self.outside_id = next_id();
  }
  return self.outside_id;
}

bool find_stack_for_nested_task() noexcept {
  const std::byte* const end = find_stack_end();
  this_thread_state.stack_end = end;
  return end != nullptr && has_stack_for_nested_task();
}

}  // namespace narke::internal
