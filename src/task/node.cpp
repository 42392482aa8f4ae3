#include <new>

#include <narke/detail/task_node.hpp>
#include <narke/put.hpp>

namespace narke::detail {

void* allocate_node(std::size_t bytes) {
  return ::operator new(bytes);
}
void free_node(void* memory, std::size_t bytes) noexcept {
  ::operator delete(memory, bytes);
}

void* task_node::operator new(std::size_t bytes) {
  return allocate_node(bytes);
}
void task_node::operator delete(void* memory, std::size_t bytes) noexcept {
  free_node(memory, bytes);
}

task_node::~task_node() {
  if (info != nullptr) {
    detail::release_ref(*info);
  }
}

std::exception_ptr task_node::first_failed_argument() const {
  std::exception_ptr first;
  visit_arguments(
      [](void* found, const result_slot& slot) {
        *static_cast<std::exception_ptr*>(found) = slot.error();
        return !slot.failed();
      },
      &first);
  return first;
}

}  // namespace narke::detail
