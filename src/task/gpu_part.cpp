#include <narke/detail/gpu_part.hpp>

#include <narke/detail/task_node.hpp>

namespace narke::detail {

bool gpu_part::add_ordered_dependent(dependent& entry) noexcept {
  std::uintptr_t head = ordered_.load(std::memory_order_acquire);
  do {
    if ((head & closed_mark) != 0) {
      return false;
    }
    entry.next = reinterpret_cast<dependent*>(head);
    // Release: whoever closes the list reads the entry.
  } while (!ordered_.compare_exchange_weak(head, reinterpret_cast<std::uintptr_t>(&entry),
                                           std::memory_order_acq_rel, std::memory_order_acquire));
  return true;
}

dependent* gpu_part::close_ordered(bool failed) noexcept {
  const std::uintptr_t closed = closed_mark | (failed ? failed_mark : 0);
  std::uintptr_t head = ordered_.load(std::memory_order_acquire);
  do {
    if ((head & closed_mark) != 0) {
      return nullptr;
    }
    // Release: the values, or the errors, are for whoever finds the list closed.
  } while (!ordered_.compare_exchange_weak(head, closed, std::memory_order_acq_rel,
                                           std::memory_order_acquire));
  return first_come_first(reinterpret_cast<dependent*>(head));
}

}  // namespace narke::detail
