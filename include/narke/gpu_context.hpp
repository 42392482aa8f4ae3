// gpu_context: what the body of a GPU task works with. A callable whose first parameter is a
// gpu_context& is a GPU task. Its body runs on the host when the task is submitted to its device,
// before its inputs exist: it only enqueues work.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <narke/array.hpp>
#include <narke/export.hpp>

struct CUstream_st;  // CUstream and cudaStream_t are pointers to it

namespace narke {

namespace detail {

/// A closure for an emulated device. `run` returns false when it threw; `drop` is called once,
/// after it or instead of it.
struct emulated_closure {
  bool (*run)(void* closure) noexcept;
  void (*drop)(void* closure) noexcept;
  void* closure;
};

struct gpu_frame;  // a running body, as the engine knows it
struct gpu_context_access;

}  // namespace detail

/// A GPU, or some, for the time of one body. Made by the runtime; used by the thread of the body
/// alone, and not kept.
class NARKE_EXPORT gpu_context {
 public:
  gpu_context(const gpu_context&) = delete;
  gpu_context& operator=(const gpu_context&) = delete;

  /// The ordinal, as for cudaSetDevice. The device is current already.
  [[nodiscard]] int device() const noexcept;
  /// Where the body's work belongs: a CUstream, which is a cudaStream_t. On an emulated device it
  /// means something to the emulated driver alone.
  [[nodiscard]] CUstream_st* stream() const noexcept;
  /// `count` uninitialised elements on the device, valid from this point of the stream on. Throws
  /// out_of_device_memory when there is no room even after everything else made some.
  template <class T>
  [[nodiscard]] array_builder<T> allocate(std::size_t count) {
    if (count == 0) {
      return {};
    }
    return detail::array_access::make_builder<T>(allocate_buffer(detail::bytes_of<T>(count)),
                                                 count);
  }
  /// The execution policy for Thrust's algorithms; needs <narke/thrust.hpp>.
  template <class Tag = void>
  [[nodiscard]] auto policy();
  /// Enqueues `f(policy)`, where policy is Thrust's own for this device; needs <narke/thrust.hpp>.
  template <class F>
  void enqueue(F f);
  /// Enqueues `f(i)` for each i below `count`, in no order, on the device; needs
  /// <narke/thrust.hpp>.
  template <class F>
  void for_each_index(std::size_t count, F f);
  /// On an emulated device: enqueues `f()`, to be run at its turn in the stream, and returns true.
  /// On a real device: returns false, and `f` is not called.
  template <class F>
  bool emulate(F f) {
    if (!is_emulated()) {
      return false;
    }
    auto* closure = new F(std::move(f));
    emulate_closure({[](void* self) noexcept {
                       try {
                         (*static_cast<F*>(self))();
                         return true;
                       } catch (...) {  // the device is then in error 719, as after a trap
                         return false;
                       }
                     },
                     [](void* self) noexcept { delete static_cast<F*>(self); }, closure});
    return true;
  }
  /// Waits until all that was enqueued so far is done. Costs overlap. Throws device_lost_error.
  void synchronize();
  [[nodiscard]] bool is_emulated() const noexcept;

  /// How many GPUs the task has.
  [[nodiscard]] int size() const noexcept;
  /// One of them; on(0) is this. Throws std::invalid_argument when there is no such.
  [[nodiscard]] gpu_context& on(int index);

  /// Memory for as long as the body's work takes: valid from this point of the stream on, given
  /// back by free_temporary or at the body's end, in stream order. Throws out_of_device_memory.
  [[nodiscard]] void* allocate_temporary(std::size_t bytes);
  void free_temporary(void* memory) noexcept;

 private:
  friend struct detail::gpu_context_access;
  gpu_context(detail::gpu_frame& frame, int index) noexcept : frame_{&frame}, index_{index} {}
  ~gpu_context() = default;

  detail::array_ptr allocate_buffer(std::size_t bytes);
  void emulate_closure(const detail::emulated_closure& work);

  detail::gpu_frame* frame_;
  int index_;
};

}  // namespace narke
