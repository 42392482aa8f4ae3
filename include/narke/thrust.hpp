// Thrust's algorithms in the bodies of GPU tasks. Include it only in files that narke_add_kernels
// compiles: where nvcc does, algorithms run on real and on emulated devices; where the C++ compiler
// does, on emulated ones. Either way `__host__` and `__device__` may be written.
//
// gpu.policy() is a thrust_policy: thrust::sort(gpu.policy(), first, last). On a real device it
// calls Thrust's CUDA backend on the task's stream, with temporary memory from the task's share. On
// an emulated device it enqueues a closure that calls Thrust's C++ backend at its turn. Algorithms
// that return what was computed wait for the stream; the others return at once, with the iterators
// that they would return. Functions passed to them need `__host__ __device__` in nvcc's files: they
// run on either.
//
// Beside the generic algorithms of Thrust, which take any policy, stand overloads for this one,
// found by argument-dependent lookup. An algorithm without an overload does not compile
// ("unimplemented for this system"): gpu.enqueue has them all. One thread, that of the body.
//
// What nvcc compiles and what the C++ compiler does differs, and a program may have both: all that
// differs is a template on thrust_unit, so that the linker keeps both.
#pragma once

#if !defined(__CUDACC__) && !defined(THRUST_DEVICE_SYSTEM)
#define THRUST_DEVICE_SYSTEM THRUST_DEVICE_SYSTEM_CPP
#endif

#include <thrust/adjacent_difference.h>
#include <thrust/binary_search.h>
#include <thrust/copy.h>
#include <thrust/count.h>
#include <thrust/equal.h>
#include <thrust/execution_policy.h>
#include <thrust/extrema.h>
#include <thrust/fill.h>
#include <thrust/find.h>
#include <thrust/for_each.h>
#include <thrust/functional.h>
#include <thrust/gather.h>
#include <thrust/generate.h>
#include <thrust/inner_product.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/logical.h>
#include <thrust/merge.h>
#include <thrust/mismatch.h>
#include <thrust/pair.h>
#include <thrust/partition.h>
#include <thrust/reduce.h>
#include <thrust/remove.h>
#include <thrust/replace.h>
#include <thrust/reverse.h>
#include <thrust/scan.h>
#include <thrust/scatter.h>
#include <thrust/sequence.h>
#include <thrust/set_operations.h>
#include <thrust/sort.h>
#include <thrust/swap.h>
#include <thrust/system/cpp/execution_policy.h>
#include <thrust/tabulate.h>
#include <thrust/transform.h>
#include <thrust/transform_reduce.h>
#include <thrust/transform_scan.h>
#include <thrust/uninitialized_copy.h>
#include <thrust/uninitialized_fill.h>
#include <thrust/unique.h>
#include <thrust/version.h>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <narke/errors.hpp>
#include <narke/gpu_context.hpp>

#if !defined(__CUDACC__)
#if !defined(__host__)
#define __host__
#endif
#if !defined(__device__)
#define __device__
#endif
#endif

namespace narke {
namespace detail {

/// What a file was compiled with: Thrust's version; by nvcc or not; for which architectures.
template <int Version, bool WithCuda, int... Architectures>
struct thrust_unit {
  static constexpr bool with_cuda = WithCuda;
};
#if !defined(__CUDACC__)
using this_thrust_unit = thrust_unit<THRUST_VERSION, false>;
#elif defined(__CUDA_ARCH_LIST__)
using this_thrust_unit = thrust_unit<THRUST_VERSION, true, __CUDA_ARCH_LIST__>;
#else
using this_thrust_unit = thrust_unit<THRUST_VERSION, true>;
#endif

/// Where Thrust takes temporary memory from. Giving it back makes no driver call, and cannot fail.
template <class Unit>
struct temporary_allocator {
  using value_type = char;

  char* allocate(std::size_t bytes) { return static_cast<char*>(gpu->allocate_temporary(bytes)); }
  void deallocate(char* memory, std::size_t) noexcept { gpu->free_temporary(memory); }

  gpu_context* gpu;
};

/// An algorithm with all its arguments but the policy, which is that of where it comes to run.
template <class Unit, class Algorithm, class... Arguments>
struct thrust_call {
  template <class Policy>
  decltype(auto) operator()(const Policy& policy) {
    return std::apply(
        [&policy](Arguments&... each) -> decltype(auto) { return Algorithm{}(policy, each...); },
        arguments);
  }

  std::tuple<Arguments...> arguments;
};

/// What is enqueued on an emulated device. `Unit` tells those of different files apart.
template <class Unit, class Call>
struct host_call {
  void operator()() { call(::thrust::cpp::par); }

  Call call;
};

template <class Unit, class Call, class Result>
struct host_call_with_result {
  void operator()() { result->emplace(call(::thrust::cpp::par)); }

  Call call;
  std::shared_ptr<std::optional<Result>> result;  // outlives a body that stops waiting
};

template <class Unit, class F>
struct host_index_loop {
  void operator()() {
    for (std::size_t i = 0; i < count; ++i) f(i);
  }

  std::size_t count;
  F f;
};

/// Work of one GPU task, on the device that it has: real or emulated.
template <class Unit>
class thrust_queue {
 public:
  thrust_queue(gpu_context& gpu, const char* call) : gpu_{&gpu} {
    if (!Unit::with_cuda && !gpu.is_emulated()) {
      throw error(std::string{call} + ": GPU " + std::to_string(gpu.device()) +
                  " is real, and this file was compiled without CUDA; compile it with nvcc: list "
                  "it in narke_add_kernels() and configure where there is a CUDA toolkit, with "
                  "NARKE_CUDA=ON");
    }
  }

  /// Calls `call(policy)` in stream order, and returns at once.
  template <class Call>
  void enqueue(Call call) const {
#if defined(__CUDACC__)
    if (!gpu_->is_emulated()) {
      call(on_device());
      return;
    }
#endif
    gpu_->emulate(host_call<Unit, Call>{std::move(call)});
  }

  /// The same, and waits for what it returns.
  template <class Call>
  auto enqueue_and_wait(Call call) const {
    using result = std::decay_t<decltype(call(::thrust::cpp::par))>;
#if defined(__CUDACC__)
    if (!gpu_->is_emulated()) {
      // Waits for what came before where the engine knows of it; Thrust's own wait is then short.
      gpu_->synchronize();
      return result(call(on_device()));
    }
#endif
    auto made = std::make_shared<std::optional<result>>();
    gpu_->emulate(host_call_with_result<Unit, Call, result>{std::move(call), made});
    gpu_->synchronize();
    if (!made->has_value()) {
      throw error("an algorithm on emulated GPU " + std::to_string(gpu_->device()) +
                  " returned nothing: its stream ended before its turn");
    }
    return result(std::move(**made));
  }

  template <class F>
  void for_each_index(std::size_t count, F f) const {
#if defined(__CUDACC__)
    if (!gpu_->is_emulated()) {
      ::thrust::for_each_n(on_device(), ::thrust::counting_iterator<std::size_t>(0), count, f);
      return;
    }
#endif
    gpu_->emulate(host_index_loop<Unit, F>{count, std::move(f)});
  }

 private:
#if defined(__CUDACC__)
  auto on_device() const {
    return ::thrust::cuda::par_nosync(temporary_allocator<Unit>{gpu_}).on(gpu_->stream());
  }
#endif

  gpu_context* gpu_;
};

}  // namespace detail

// In a namespace of their own: unqualified calls of std's and of narke's functions never see them.
namespace detail::thrust_overloads {

/// The policy of a GPU task.
template <class Unit>
class basic_thrust_policy : public ::thrust::execution_policy<basic_thrust_policy<Unit>> {
 public:
  explicit basic_thrust_policy(gpu_context& gpu) : queue_{gpu, "gpu_context::policy"} {}

  template <class Algorithm, class... Arguments>
  void enqueue(Algorithm, Arguments... arguments) const {
    queue_.enqueue(thrust_call<Unit, Algorithm, Arguments...>{{std::move(arguments)...}});
  }
  template <class Algorithm, class... Arguments>
  auto enqueue_and_wait(Algorithm, Arguments... arguments) const {
    return queue_.enqueue_and_wait(
        thrust_call<Unit, Algorithm, Arguments...>{{std::move(arguments)...}});
  }

 private:
  thrust_queue<Unit> queue_;
};

// An algorithm of Thrust's as a type, since a set of overloads is no value.
#define NARKE_THRUST_ALGORITHM(name)                                \
  struct name##_algorithm {                                         \
    template <class... Arguments>                                   \
    decltype(auto) operator()(Arguments&&... arguments) const {     \
      return ::thrust::name(std::forward<Arguments>(arguments)...); \
    }                                                               \
  }

// Ends what needs no semicolon, so that one may follow.
#define NARKE_THRUST_END(name) static_assert(std::is_empty_v<name##_algorithm>)

// Returns what was computed: waits.
#define NARKE_THRUST_VALUE(name)                                         \
  NARKE_THRUST_ALGORITHM(name);                                          \
  template <class Unit, class... Arguments>                              \
  auto name(basic_thrust_policy<Unit>& policy, Arguments... arguments) { \
    return policy.enqueue_and_wait(name##_algorithm{}, arguments...);    \
  }                                                                      \
  NARKE_THRUST_END(name)

// Returns nothing.
#define NARKE_THRUST_NOTHING(name)                                       \
  NARKE_THRUST_ALGORITHM(name);                                          \
  template <class Unit, class... Arguments>                              \
  void name(basic_thrust_policy<Unit>& policy, Arguments... arguments) { \
    policy.enqueue(name##_algorithm{}, arguments...);                    \
  }                                                                      \
  NARKE_THRUST_END(name)

// Returns the end of an output that is as long as the first range and is the third argument.
#define NARKE_THRUST_THIRD(name)                                                          \
  NARKE_THRUST_ALGORITHM(name);                                                           \
  template <class Unit, class In, class Out, class... Rest>                               \
  Out name(basic_thrust_policy<Unit>& policy, In first, In last, Out out, Rest... rest) { \
    policy.enqueue(name##_algorithm{}, first, last, out, rest...);                        \
    return out + (last - first);                                                          \
  }                                                                                       \
  NARKE_THRUST_END(name)

// The same, the fourth argument.
#define NARKE_THRUST_FOURTH(name)                                                     \
  NARKE_THRUST_ALGORITHM(name);                                                       \
  template <class Unit, class In, class In2, class Out, class... Rest>                \
  Out name(basic_thrust_policy<Unit>& policy, In first, In last, In2 second, Out out, \
           Rest... rest) {                                                            \
    policy.enqueue(name##_algorithm{}, first, last, second, out, rest...);            \
    return out + (last - first);                                                      \
  }                                                                                   \
  NARKE_THRUST_END(name)

// Takes a beginning and a length, and returns the end.
#define NARKE_THRUST_COUNTED(name)                                        \
  NARKE_THRUST_ALGORITHM(name);                                           \
  template <class Unit, class It, class Size, class F>                    \
  It name(basic_thrust_policy<Unit>& policy, It first, Size count, F f) { \
    policy.enqueue(name##_algorithm{}, first, count, f);                  \
    return first + count;                                                 \
  }                                                                       \
  NARKE_THRUST_END(name)

// For one value it waits; for a range of values it fills a range of results.
#define NARKE_THRUST_SEARCH(name)                                                                 \
  NARKE_THRUST_ALGORITHM(name);                                                                   \
  template <class Unit, class It, class Value>                                                    \
  auto name(basic_thrust_policy<Unit>& policy, It first, It last, Value value) {                  \
    return policy.enqueue_and_wait(name##_algorithm{}, first, last, value);                       \
  }                                                                                               \
  template <class Unit, class It, class Value, class Less>                                        \
  auto name(basic_thrust_policy<Unit>& policy, It first, It last, Value value, Less less) {       \
    return policy.enqueue_and_wait(name##_algorithm{}, first, last, value, less);                 \
  }                                                                                               \
  template <class Unit, class It, class Values, class Out, class... Less>                         \
  Out name(basic_thrust_policy<Unit>& policy, It first, It last, Values from, Values to, Out out, \
           Less... less) {                                                                        \
    policy.enqueue(name##_algorithm{}, first, last, from, to, out, less...);                      \
    return out + (to - from);                                                                     \
  }                                                                                               \
  NARKE_THRUST_END(name)

NARKE_THRUST_VALUE(all_of);
NARKE_THRUST_VALUE(any_of);
NARKE_THRUST_VALUE(copy_if);
NARKE_THRUST_VALUE(count);
NARKE_THRUST_VALUE(count_if);
NARKE_THRUST_VALUE(equal);
NARKE_THRUST_VALUE(equal_range);
NARKE_THRUST_VALUE(find);
NARKE_THRUST_VALUE(find_if);
NARKE_THRUST_VALUE(find_if_not);
NARKE_THRUST_VALUE(inner_product);
NARKE_THRUST_VALUE(is_partitioned);
NARKE_THRUST_VALUE(is_sorted);
NARKE_THRUST_VALUE(is_sorted_until);
NARKE_THRUST_VALUE(max_element);
NARKE_THRUST_VALUE(min_element);
NARKE_THRUST_VALUE(minmax_element);
NARKE_THRUST_VALUE(mismatch);
NARKE_THRUST_VALUE(none_of);
NARKE_THRUST_VALUE(partition);
NARKE_THRUST_VALUE(partition_copy);
NARKE_THRUST_VALUE(partition_point);
NARKE_THRUST_VALUE(reduce);
NARKE_THRUST_VALUE(reduce_by_key);
NARKE_THRUST_VALUE(remove);
NARKE_THRUST_VALUE(remove_copy);
NARKE_THRUST_VALUE(remove_copy_if);
NARKE_THRUST_VALUE(remove_if);
NARKE_THRUST_VALUE(set_difference);
NARKE_THRUST_VALUE(set_difference_by_key);
NARKE_THRUST_VALUE(set_intersection);
NARKE_THRUST_VALUE(set_intersection_by_key);
NARKE_THRUST_VALUE(set_symmetric_difference);
NARKE_THRUST_VALUE(set_symmetric_difference_by_key);
NARKE_THRUST_VALUE(set_union);
NARKE_THRUST_VALUE(set_union_by_key);
NARKE_THRUST_VALUE(stable_partition);
NARKE_THRUST_VALUE(stable_partition_copy);
NARKE_THRUST_VALUE(transform_reduce);
NARKE_THRUST_VALUE(unique);
NARKE_THRUST_VALUE(unique_by_key);
NARKE_THRUST_VALUE(unique_by_key_copy);
NARKE_THRUST_VALUE(unique_copy);

NARKE_THRUST_NOTHING(fill);
NARKE_THRUST_NOTHING(generate);
NARKE_THRUST_NOTHING(replace);
NARKE_THRUST_NOTHING(replace_if);
NARKE_THRUST_NOTHING(reverse);
NARKE_THRUST_NOTHING(scatter);
NARKE_THRUST_NOTHING(scatter_if);
NARKE_THRUST_NOTHING(sequence);
NARKE_THRUST_NOTHING(sort);
NARKE_THRUST_NOTHING(sort_by_key);
NARKE_THRUST_NOTHING(stable_sort);
NARKE_THRUST_NOTHING(stable_sort_by_key);
NARKE_THRUST_NOTHING(tabulate);
NARKE_THRUST_NOTHING(uninitialized_fill);

NARKE_THRUST_THIRD(adjacent_difference);
NARKE_THRUST_THIRD(copy);
NARKE_THRUST_THIRD(exclusive_scan);
NARKE_THRUST_THIRD(inclusive_scan);
NARKE_THRUST_THIRD(replace_copy);
NARKE_THRUST_THIRD(reverse_copy);
NARKE_THRUST_THIRD(swap_ranges);
NARKE_THRUST_THIRD(transform_exclusive_scan);
NARKE_THRUST_THIRD(transform_inclusive_scan);
NARKE_THRUST_THIRD(uninitialized_copy);

NARKE_THRUST_FOURTH(exclusive_scan_by_key);
NARKE_THRUST_FOURTH(gather);
NARKE_THRUST_FOURTH(inclusive_scan_by_key);

NARKE_THRUST_COUNTED(fill_n);
NARKE_THRUST_COUNTED(for_each_n);
NARKE_THRUST_COUNTED(generate_n);

NARKE_THRUST_SEARCH(binary_search);
NARKE_THRUST_SEARCH(lower_bound);
NARKE_THRUST_SEARCH(upper_bound);

NARKE_THRUST_ALGORITHM(for_each);
template <class Unit, class It, class F>
It for_each(basic_thrust_policy<Unit>& policy, It first, It last, F f) {
  policy.enqueue(for_each_algorithm{}, first, last, f);
  return last;
}

NARKE_THRUST_ALGORITHM(copy_n);
template <class Unit, class In, class Size, class Out>
Out copy_n(basic_thrust_policy<Unit>& policy, In first, Size count, Out out) {
  policy.enqueue(copy_n_algorithm{}, first, count, out);
  return out + count;
}

NARKE_THRUST_ALGORITHM(transform);
template <class Unit, class In, class Out, class F>
Out transform(basic_thrust_policy<Unit>& policy, In first, In last, Out out, F f) {
  policy.enqueue(transform_algorithm{}, first, last, out, f);
  return out + (last - first);
}
template <class Unit, class In1, class In2, class Out, class F>
Out transform(basic_thrust_policy<Unit>& policy, In1 first, In1 last, In2 second, Out out, F f) {
  policy.enqueue(transform_algorithm{}, first, last, second, out, f);
  return out + (last - first);
}

NARKE_THRUST_ALGORITHM(transform_if);
template <class Unit, class In, class Out, class F, class If>
Out transform_if(basic_thrust_policy<Unit>& policy, In first, In last, Out out, F f, If condition) {
  policy.enqueue(transform_if_algorithm{}, first, last, out, f, condition);
  return out + (last - first);
}
template <class Unit, class In, class Stencil, class Out, class F, class If>
Out transform_if(basic_thrust_policy<Unit>& policy, In first, In last, Stencil stencil, Out out,
                 F f, If condition) {
  policy.enqueue(transform_if_algorithm{}, first, last, stencil, out, f, condition);
  return out + (last - first);
}
template <class Unit, class In1, class In2, class Stencil, class Out, class F, class If>
Out transform_if(basic_thrust_policy<Unit>& policy, In1 first, In1 last, In2 second,
                 Stencil stencil, Out out, F f, If condition) {
  policy.enqueue(transform_if_algorithm{}, first, last, second, stencil, out, f, condition);
  return out + (last - first);
}

NARKE_THRUST_ALGORITHM(gather_if);
template <class Unit, class Map, class Stencil, class In, class Out, class... If>
Out gather_if(basic_thrust_policy<Unit>& policy, Map first, Map last, Stencil stencil, In in,
              Out out, If... condition) {
  policy.enqueue(gather_if_algorithm{}, first, last, stencil, in, out, condition...);
  return out + (last - first);
}

NARKE_THRUST_ALGORITHM(merge);
template <class Unit, class In1, class In2, class Out, class... Less>
Out merge(basic_thrust_policy<Unit>& policy, In1 first1, In1 last1, In2 first2, In2 last2, Out out,
          Less... less) {
  policy.enqueue(merge_algorithm{}, first1, last1, first2, last2, out, less...);
  return out + (last1 - first1) + (last2 - first2);
}

NARKE_THRUST_ALGORITHM(merge_by_key);
template <class Unit, class Key1, class Key2, class Value1, class Value2, class KeyOut,
          class ValueOut, class... Less>
::thrust::pair<KeyOut, ValueOut> merge_by_key(basic_thrust_policy<Unit>& policy, Key1 first1,
                                              Key1 last1, Key2 first2, Key2 last2, Value1 values1,
                                              Value2 values2, KeyOut keys, ValueOut values,
                                              Less... less) {
  policy.enqueue(merge_by_key_algorithm{}, first1, last1, first2, last2, values1, values2, keys,
                 values, less...);
  const auto count = (last1 - first1) + (last2 - first2);
  return {keys + count, values + count};
}

#undef NARKE_THRUST_SEARCH
#undef NARKE_THRUST_COUNTED
#undef NARKE_THRUST_FOURTH
#undef NARKE_THRUST_THIRD
#undef NARKE_THRUST_NOTHING
#undef NARKE_THRUST_VALUE
#undef NARKE_THRUST_END
#undef NARKE_THRUST_ALGORITHM

}  // namespace detail::thrust_overloads

using thrust_policy = detail::thrust_overloads::basic_thrust_policy<detail::this_thrust_unit>;

// Inlined always: files that were compiled differently would share one symbol, with one's body.

template <class Tag>
[[gnu::always_inline]] inline auto gpu_context::policy() {
  return thrust_policy{*this};
}

template <class F>
[[gnu::always_inline]] inline void gpu_context::enqueue(F f) {
  detail::thrust_queue<detail::this_thrust_unit>{*this, "gpu_context::enqueue"}.enqueue(
      std::move(f));
}

template <class F>
[[gnu::always_inline]] inline void gpu_context::for_each_index(std::size_t count, F f) {
  detail::thrust_queue<detail::this_thrust_unit>{*this, "gpu_context::for_each_index"}
      .for_each_index(count, std::move(f));
}

}  // namespace narke
