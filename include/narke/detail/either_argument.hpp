// One argument of a task with two implementations: nobody knows which parameter it will be for
// until both have been looked at.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include <narke/detail/argument.hpp>
#include <narke/object_ref.hpp>

namespace narke::detail {

/// The slots of the refs among the arguments of a task; of many, the first.
struct input_list {
  std::array<const result_slot*, 16> slots{};
  std::size_t count = 0;

  void add(const result_slot* slot) noexcept {
    if (slot != nullptr && count != slots.size()) {
      slots[count++] = slot;
    }
  }
};

template <class A, class P, class Q>
concept given_to_either = std::constructible_from<argument<P>, A> &&
    std::constructible_from<argument<Q, task_place::gpu>, A>;

/// Points to what remote was given, for as long as remote runs; becomes the argument of one of the
/// two parameters, once: P of the CPU implementation, Q of the GPU's.
template <class P, class Q>
class either_argument {
 public:
  either_argument(const either_argument&) = delete;
  either_argument& operator=(const either_argument&) = delete;

  template <class A>
  requires(!std::same_as<std::remove_cvref_t<A>, either_argument> && given_to_either<A, P, Q>)
      either_argument(A&& given)
      : given_{const_cast<void*>(static_cast<const void*>(std::addressof(given)))},
        make_for_cpu_{[](void* from) {
          return argument<P>(static_cast<A&&>(*static_cast<std::remove_reference_t<A>*>(from)));
        }},
        make_for_gpu_{[](void* from) {
          return argument<Q, task_place::gpu>(
              static_cast<A&&>(*static_cast<std::remove_reference_t<A>*>(from)));
        }} {
    using value = std::remove_cvref_t<A>;
    if constexpr (is_object_ref<value>) {
      add_inputs_ = [](const void* from, input_list& to) {
        to.add(ref_access::slot(*static_cast<const value*>(from)));
      };
    } else if constexpr (is_vector_of_refs<value>) {
      add_inputs_ = [](const void* from, input_list& to) {
        for (const auto& ref : *static_cast<const value*>(from)) {
          to.add(ref_access::slot(ref));
        }
      };
    }
  }

  void add_inputs(input_list& to) const {
    if (add_inputs_ != nullptr) {
      add_inputs_(given_, to);
    }
  }
  argument<P> for_cpu() { return make_for_cpu_(given_); }
  argument<Q, task_place::gpu> for_gpu() { return make_for_gpu_(given_); }

 private:
  void* given_;
  argument<P> (*make_for_cpu_)(void* given);
  argument<Q, task_place::gpu> (*make_for_gpu_)(void* given);
  void (*add_inputs_)(const void* given, input_list& to) = nullptr;
};

}  // namespace narke::detail
