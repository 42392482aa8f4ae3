// The contender below narke: the same table of driver calls, used by hand. A raw_driver is CUDA's
// or an emulated one of its own, as the setup says, for as long as it lives; raw_devices are opened
// on it. One thread; calls that fail throw.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "driver/driver_table.hpp"
#include "driver/emulated/emulated_driver.hpp"
#include "driver/emulated/null_driver.hpp"
#include "harness/gpu_setup.hpp"
#include "kernels/launch.hpp"

namespace bench {

using narke::internal::cu_context;
using narke::internal::cu_device_ptr;
using narke::internal::cu_event;
using narke::internal::cu_mem_pool;
using narke::internal::cu_result;
using narke::internal::cu_stream;
using narke::internal::driver_table;

[[nodiscard]] gpu_choice choose_gpus(bool wants_emulated);

class raw_driver {
 public:
  raw_driver(const gpu_setup& setup, const gpu_choice& choice);
  raw_driver(const raw_driver&) = delete;
  raw_driver& operator=(const raw_driver&) = delete;
  ~raw_driver();

  [[nodiscard]] const driver_table& table() const { return table_; }
  [[nodiscard]] bool is_emulated() const { return is_emulated_; }
  /// Throws std::runtime_error naming `call` unless `code` is success.
  void check(cu_result code, const char* call) const {
    if (code != cu_result::success) fail(code, call);
  }

 private:
  [[noreturn]] void fail(cu_result code, const char* call) const;

  bool is_emulated_;
  std::unique_ptr<narke::internal::emulated_driver> emulated_;
  std::unique_ptr<narke::internal::null_driver> null_;
  driver_table table_;
};

/// Host memory that the driver knows, so that copies from and to it need no thread.
class pinned_memory {
 public:
  pinned_memory(const raw_driver& driver, std::size_t bytes);
  pinned_memory(pinned_memory&& other) noexcept
      : driver_{other.driver_}, data_{std::exchange(other.data_, nullptr)}, bytes_{other.bytes_} {}
  pinned_memory& operator=(pinned_memory&&) = delete;
  ~pinned_memory();

  template <class T>
  [[nodiscard]] T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  const raw_driver* driver_;
  void* data_;
  std::size_t bytes_;
};

/// One device with its context, which is current as long as no other one is made so, some streams,
/// and memory of a pool.
class raw_device {
 public:
  raw_device(const raw_driver& driver, int ordinal, int streams);
  raw_device(const raw_device&) = delete;
  raw_device& operator=(const raw_device&) = delete;
  /// Waits for all streams; then everything goes back.
  ~raw_device();

  void make_current() const;
  template <class T>
  [[nodiscard]] T* allocate(std::size_t count) {
    return reinterpret_cast<T*>(allocate_bytes(count * sizeof(T)));
  }
  [[nodiscard]] cu_event make_event();
  [[nodiscard]] cu_context context() const { return context_; }

  // Stream 0, 1, … of this device. Requires: its context is current.

  /// `kernel(stream)` launches with the launchers of kernels/, or runs them at its turn on an
  /// emulated device, where `stream` is host_stream.
  template <class Kernel>
  void enqueue(std::size_t stream, const Kernel& kernel) {
    if (!driver_.is_emulated()) {
      check_launch(kernel(streams_[stream]));
      return;
    }
    auto* const held = new Kernel(kernel);
    const narke::internal::emulated_work work{
        .run =
            [](void* self) {
              return (*static_cast<Kernel*>(self))(narke::kernels::host_stream) ==
                     narke::kernels::launched;
            },
        .drop = [](void* self) { delete static_cast<Kernel*>(self); },
        .context = held,
        .accesses = nullptr,
        .access_count = 0,
        .label = "kernel",
        .modelled_ns = 0};
    const cu_result code = table_.emulate(streams_[stream], work);
    if (code != cu_result::success) delete held;
    driver_.check(code, "emulate");
  }
  void to_device(std::size_t stream, void* to, const void* from, std::size_t bytes);
  void to_host(std::size_t stream, void* to, const void* from, std::size_t bytes);
  void from_peer(std::size_t stream, void* to, const raw_device& peer, const void* from,
                 std::size_t bytes);
  void record(cu_event event, std::size_t stream) {
    driver_.check(table_.event_record(event, streams_[stream]), "cuEventRecord");
  }
  void wait(std::size_t stream, cu_event event) {
    driver_.check(table_.stream_wait_event(streams_[stream], event, 0), "cuStreamWaitEvent");
  }
  [[nodiscard]] bool is_complete(cu_event event);
  void wait_on_host(cu_event event) {
    driver_.check(table_.event_synchronize(event), "cuEventSynchronize");
  }
  void synchronize(std::size_t stream) {
    driver_.check(table_.stream_synchronize(streams_[stream]), "cuStreamSynchronize");
  }

 private:
  cu_device_ptr allocate_bytes(std::size_t bytes);
  static void check_launch(narke::kernels::launch_code code);

  const raw_driver& driver_;
  const driver_table& table_;
  int device_ = 0;
  cu_context context_ = nullptr;
  cu_mem_pool pool_ = nullptr;
  std::vector<cu_stream> streams_;
  std::vector<cu_event> events_;
  std::vector<cu_device_ptr> blocks_;
};

}  // namespace bench
