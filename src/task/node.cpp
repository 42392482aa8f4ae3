#include <new>

#include <narke/detail/task_node.hpp>

namespace narke::detail {

void* node_memory::operator new(std::size_t bytes) {
  return ::operator new(bytes);
}
void* node_memory::operator new(std::size_t bytes, std::align_val_t alignment) {
  return ::operator new(bytes, alignment);
}
void node_memory::operator delete(void* memory, std::size_t bytes) noexcept {
  ::operator delete(memory, bytes);
}
void node_memory::operator delete(void* memory, std::size_t bytes,
                                  std::align_val_t alignment) noexcept {
  ::operator delete(memory, bytes, alignment);
}

constinit actor_release release_actor_of_call = nullptr;

task_node::~task_node() {
  if (lane == task_lane::actor_call && lane_data != nullptr) {
    release_actor_of_call(lane_data);
  }
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
