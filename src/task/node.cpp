#include <new>
#include <thread>

#include <narke/detail/gpu_part.hpp>
#include <narke/detail/task_node.hpp>

#include "base/forked_child.hpp"
#include "base/node_slabs.hpp"

namespace narke::detail {

void* node_memory::operator new(std::size_t bytes) {
  return internal::take_node(bytes);
}
void* node_memory::operator new(std::size_t bytes, std::align_val_t alignment) {
  return ::operator new(bytes, alignment);
}
void node_memory::operator delete(void* memory, std::size_t bytes) noexcept {
  internal::give_node(memory, bytes);
}
void node_memory::operator delete(void* memory, std::size_t bytes,
                                  std::align_val_t alignment) noexcept {
  ::operator delete(memory, bytes, alignment);
}

constinit actor_release release_actor_of_call = nullptr;
constinit completion_wanted the_completion_wanted_hook = nullptr;

void want_gpu_completion(task_node& producer) noexcept {
  if (the_completion_wanted_hook != nullptr && !internal::is_forked_child()) {
    the_completion_wanted_hook(producer);
  }
}

void task_node::let_owners_go_slowly() noexcept {
  if (lane == task_lane::actor_call && lane_data != nullptr) {
    release_actor_of_call(lane_data);
  }
  if (info != nullptr) {
    detail::release_ref(*info);
  }
}

std::exception_ptr task_node::first_failed_argument() const {
  // The inputs of a GPU task may fail after they were ordered, and are looked at each time.
  if (gpu == nullptr && !argument_failed()) [[likely]] {
    return nullptr;
  }
  struct search {
    bool in_stream_order;
    std::exception_ptr found;
  } first{gpu != nullptr, nullptr};
  visit_arguments(
      [](void* context, const result_slot& slot) {
        auto& to = *static_cast<search*>(context);
        const task_node* producer = slot.producer();
        // The error of an ordered result may be set at this moment, by the loss of its device.
        const bool is_ordered =
            to.in_stream_order && producer != nullptr && producer->gpu != nullptr;
        if (!is_ordered || producer->gpu->failed_before_order()) {
          to.found = slot.error();
        }
        return to.found == nullptr;
      },
      &first);
  return first.found;
}

void task_node::let_inspection_end() const noexcept {
  while (state_.load(std::memory_order_acquire) == task_state::inspected) {
    std::this_thread::yield();
  }
}

void task_node::let_early_end() const noexcept {
  while (outcome_.load(std::memory_order_acquire) == outcome::early_begun) {
    std::this_thread::yield();
  }
}

bool task_node::depend_on_gpu_task(task_node& producer, result_slot& slot,
                                   dependent& entry) noexcept {
  const bool in_stream_order = gpu != nullptr;
  if (in_stream_order ? producer.gpu->add_ordered_dependent(entry) : slot.add_dependent(entry)) {
    if (!in_stream_order) {
      want_gpu_completion(producer);
    }
    return true;
  }
  note_argument(in_stream_order ? producer.gpu->failed_before_order() : slot.failed());
  return false;
}

}  // namespace narke::detail
