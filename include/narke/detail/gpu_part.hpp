// What the node of a GPU task has beside: the steps of its typed part that the engine calls, and
// the list of GPU tasks that wait for its work to be ordered.
//
// A GPU task's results are there for the host when its stream has got to its end; for other GPU
// tasks they are there as soon as its body has been called, in stream order:
//  1. a GPU task that takes such a result puts itself on this list, not on the slot's;
//  2. the body is called; it leaves the values (handles to arrays) in the slots;
//  3. the list is closed by one exchange, which releases the values to those who were on it and to
//     those who come later and find it closed. They look at `failed_before_order`, never at the
//     slot's error, which is set later when the device is lost;
//  4. the slots are published when the host has seen the stream's end, as those of any task.
// A task that fails before step 3 closes the list with failed_before_order true, its errors set
// before: whoever has the task's outcome (see task_node) sets them and closes. Of two who close,
// the first decides, and the other gets no entries.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>

#include <narke/detail/array_buffer.hpp>
#include <narke/detail/result_slot.hpp>
#include <narke/export.hpp>

namespace narke::detail {

class gpu_part {
 public:
  /// Takes an array among the arguments, after the typed part has delivered it from its ref.
  using visit_input = void (*)(void* context, array_buffer& input);

  gpu_part(const gpu_part&) = delete;
  gpu_part& operator=(const gpu_part&) = delete;

  /// Makes the owned values of the arguments from their refs, then visits each array that the body
  /// reads or consumes on its device. Throws what a conversion or a copy throws. Requires: claimed,
  /// every argument ordered or ready, none failed. Called once; again only after try_rewind() was
  /// true.
  virtual void prepare_inputs(visit_input visit, void* context) = 0;
  /// Calls the body and leaves each slot with its value, or with the error that it threw. Requires:
  /// prepare_inputs returned, and the arrays lie on the device of `gpu`.
  virtual void run_body(gpu_context& gpu) noexcept = 0;
  /// Whether the body can be called once more: it consumed no argument and changed no state, and
  /// its results were not shown to anybody. If so, takes what it left in the slots away. Requires:
  /// run_body returned, let_go_inputs was not called.
  [[nodiscard]] virtual bool try_rewind() noexcept = 0;
  /// Lets the callable and the arguments go.
  virtual void let_go_inputs() noexcept = 0;
  /// The first argument's error, of those that failed before they were ordered or as host results;
  /// null when none did.
  [[nodiscard]] virtual std::exception_ptr failed_input() const = 0;

  /// The same for tasks that call the same: what was learned of one is worth something for the
  /// others.
  [[nodiscard]] virtual const void* callable_id() const noexcept = 0;

  /// False when the work is ordered, or the task has failed: the entry was not put on the list.
  NARKE_EXPORT bool add_ordered_dependent(dependent& entry) noexcept;
  /// Step 3. The entries, first come first; none when it was closed before.
  NARKE_EXPORT dependent* close_ordered(bool failed) noexcept;
  [[nodiscard]] bool is_ordered() const noexcept {
    return (ordered_.load(std::memory_order_acquire) & closed_mark) != 0;
  }
  /// Requires: is_ordered(). Then the errors in the slots are there, and stay.
  [[nodiscard]] bool failed_before_order() const noexcept {
    return (ordered_.load(std::memory_order_acquire) & failed_mark) != 0;
  }

  /// The engine's half of the task, made when the task is ready; lives as long as the task. Before
  /// that the runtime may leave a mark here, which destroy_work knows.
  void* work = nullptr;
  void (*destroy_work)(void* work) noexcept = nullptr;

 protected:
  gpu_part() noexcept = default;
  ~gpu_part() {
    if (work != nullptr) {
      destroy_work(work);
    }
  }

 private:
  static constexpr std::uintptr_t closed_mark = 1;
  static constexpr std::uintptr_t failed_mark = 2;

  // Address of the newest entry; or closed_mark, with failed_mark. Written by waiting tasks'
  // submitters, then once by who closes it.
  std::atomic<std::uintptr_t> ordered_{0};
};

}  // namespace narke::detail
