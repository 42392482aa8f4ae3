// What the checks work with: CUDA's driver or the emulated one, a device opened on it, and the
// means to make a stream stand still and to see which calls wait for it. One thread, but where
// said.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "driver/cuda_driver.hpp"
#include "driver/emulated/emulated_driver.hpp"

namespace gpu_check {

using namespace narke::internal;

class driver_under_test {
 public:
  /// Throws std::runtime_error when there is no driver that works.
  explicit driver_under_test(bool is_emulated);
  driver_under_test(const driver_under_test&) = delete;
  driver_under_test& operator=(const driver_under_test&) = delete;

  /// An entry point by its name, whether narke uses it or not; null where the driver has none.
  template <class Function>
  [[nodiscard]] Function* find(const char* name, int version) const {
    return reinterpret_cast<Function*>(find_address(name, version));
  }
  [[nodiscard]] bool is_emulated() const { return emulated != nullptr; }
  /// "CUDA_ERROR_INVALID_VALUE", or the number.
  [[nodiscard]] std::string name_of(cu_result code) const;
  /// Throws std::runtime_error unless the code is success.
  void expect(cu_result code, const char* what) const;

  std::unique_ptr<emulated_driver> emulated;  // null = CUDA's
  driver_table cu;

 private:
  [[nodiscard]] void* find_address(const char* name, int version) const;

  cu_get_proc_address_fn* get_proc_address_ = nullptr;
};

/// The first device with its primary context current, a pool and two streams. What is left of it at
/// the end goes without checks: a check may have broken it.
class open_device {
 public:
  explicit open_device(driver_under_test& on);
  ~open_device();
  open_device(const open_device&) = delete;
  open_device& operator=(const open_device&) = delete;

  [[nodiscard]] cu_stream new_stream() const;
  [[nodiscard]] cu_event new_event(unsigned flags = cu_event_disable_timing) const;
  /// From the pool, on the first stream.
  [[nodiscard]] cu_device_ptr allocate(std::size_t bytes) const;
  /// Enqueues a kernel that does nothing; on an emulated device an empty closure.
  cu_result launch_empty(cu_stream stream) const;
  void synchronize(cu_stream stream) const;

  driver_under_test& driver;
  const driver_table& cu;
  cu_context context = nullptr;
  cu_mem_pool pool = nullptr;
  cu_stream first = nullptr;
  cu_stream second = nullptr;
};

/// Memory of whole pages, registered or not.
class host_block {
 public:
  host_block(open_device& device, std::size_t bytes, bool is_registered);
  ~host_block();
  host_block(const host_block&) = delete;
  host_block& operator=(const host_block&) = delete;

  [[nodiscard]] char* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return bytes_; }

 private:
  open_device& device_;
  char* data_ = nullptr;
  std::size_t bytes_;
  bool is_registered_;
};

/// Keeps what is enqueued on a stream from here on from running, until release() or its end.
class held_stream {
 public:
  held_stream(open_device& device, cu_stream stream);
  ~held_stream() { release(); }
  held_stream(const held_stream&) = delete;
  held_stream& operator=(const held_stream&) = delete;
  void release();

 private:
  std::shared_ptr<std::atomic<std::uint32_t>> is_open_;  // of an emulated device
  std::unique_ptr<host_block> word_;                     // of CUDA's
};

/// Whether `call` returns only after the held stream was released; releases it. The call is made on
/// a thread of its own, with the device's context current.
[[nodiscard]] bool waits(open_device& device, held_stream& held, const std::function<void()>& call);

using clock = std::chrono::steady_clock;

[[nodiscard]] inline double microseconds_since(clock::time_point begin) {
  return std::chrono::duration<double, std::micro>{clock::now() - begin}.count();
}

/// Of `rounds` calls, each timed.
[[nodiscard]] double median_microseconds(int rounds, const std::function<void()>& call);

}  // namespace gpu_check
