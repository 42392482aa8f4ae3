// Work for the bodies of GPU tasks in tests, on emulated devices and on CUDA's alike. Tests use
// emulated devices unless NARKE_TEST_GPUS=cuda is in the environment; then the same tests run on
// the driver of this machine, with work that needs no nvcc: a closure becomes a host function in
// its stream, between copies of what it reads and writes to and from registered memory. Bodies call
// this on their own thread; closures run on a thread of the driver.
#pragma once

#include <narke/narke.hpp>

#include <cstddef>
#include <functional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace narke_test {

/// Whether tests use CUDA's devices.
bool uses_cuda();

/// How many devices CUDA has here; 0 without a driver.
int cuda_device_count();

/// Takes memory of the first `count` devices until `bytes` are left for a runtime that starts now:
/// what memory is short for is then the same on any device. Gives back what it took before. False
/// when a device was lost in this process: then it has no other.
[[nodiscard]] bool leave_cuda_memory(int count, std::size_t bytes);

/// Makes the device fail at this point of the stream, as a kernel with a fault does.
void trap_on_stream(narke::gpu_context& gpu);

namespace detail {

/// Elements of a device, as bytes, and whether the closure writes them.
struct device_bytes {
  const void* begin;
  std::size_t bytes;
  bool is_written;
};

/// Enqueues, on a CUDA device, `f(copies)`: at its turn, with host copies of `touched`.
void enqueue_on_cuda(narke::gpu_context& gpu, std::vector<device_bytes> touched,
                     std::function<void(std::span<void* const>)> f);
/// Keeps a CUDA device's stream from going on until `wait()` has returned.
void hold_on_cuda(narke::gpu_context& gpu, std::function<void()> wait);

template <class T>
narke::device_span<T> span_of(narke::device_span<T> span) {
  return span;
}
template <class T>
narke::device_span<T> span_of(const narke::array_builder<T>& builder) {
  return {const_cast<T*>(builder.data()), builder.size()};
}

template <class T>
device_bytes bytes_of(narke::device_span<T> span) {
  return {span.data(), span.size() * sizeof(T), !std::is_const_v<T>};
}

template <class F, class... T, std::size_t... I>
void call_with_copies(const F& f, const std::tuple<narke::device_span<T>...>& spans,
                      [[maybe_unused]] std::span<void* const> copies, std::index_sequence<I...>) {
  f(std::span<T>{static_cast<T*>(copies[I]), std::get<I>(spans).size()}...);
}

template <class F, class... T>
void enqueue_spans(narke::gpu_context& gpu, F f, narke::device_span<T>... spans) {
  if (gpu.is_emulated()) {
    gpu.emulate([=] { f(std::span<T>{spans.data(), spans.size()}...); });
    return;
  }
  enqueue_on_cuda(gpu, {bytes_of(spans)...},
                  [f = std::move(f), all = std::tuple{spans...}](std::span<void* const> copies) {
                    call_with_copies(f, all, copies, std::index_sequence_for<T...>{});
                  });
}

}  // namespace detail

/// Enqueues `f(elements...)` at this point of the stream. Each of `touched` is a device_span or an
/// array_builder and comes as a std::span; of const elements it is read, else written too. `f` must
/// be copyable and may not throw.
template <class F, class... Touched>
void on_stream(narke::gpu_context& gpu, F f, const Touched&... touched) {
  detail::enqueue_spans(gpu, std::move(f), detail::span_of(touched)...);
}

/// The stream stands still at this point until `wait()` has returned.
template <class Wait>
void hold_on_stream(narke::gpu_context& gpu, Wait wait) {
  if (!gpu.emulate(wait)) {
    detail::hold_on_cuda(gpu, wait);
  }
}

}  // namespace narke_test
