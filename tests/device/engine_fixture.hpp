// A scene for tests of the GPU engine: an emulated driver, the engine on it, works made of lambdas,
// and at its end a check that nothing hung, was left, was violated, or was waited for in vain.
// Unless asked for, the engine has no threads and time is virtual: a history is then the same each
// time it runs. One scene at a time, as there is one engine a process; one thread, but for submit.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <narke/array.hpp>
#include <narke/errors.hpp>
#include <narke/gpu_context.hpp>

#include "device/gpu_engine.hpp"
#include "driver/emulated/emulated_driver.hpp"
#include "driver/emulated/emulated_topologies.hpp"

namespace narke_test {

using narke::gpu_context;
using narke::internal::cu_result;
using narke::internal::emulated_driver;
using narke::internal::emulated_options;
using narke::internal::gpu_engine;
using narke::internal::gpu_engine_options;
using word = std::uint64_t;
using words = narke::array<word>;
using words_builder = narke::array_builder<word>;

inline constexpr std::uint64_t kib = std::uint64_t{1} << 10;
inline constexpr std::uint64_t mib = std::uint64_t{1} << 20;

/// A body, what it is given, and what came of it.
class test_work final : public narke::internal::gpu_work {
 public:
  using body_type = std::function<void(gpu_context&, test_work&)>;

  test_work(std::uint64_t share, std::vector<int> on, std::vector<words> given, body_type run);

  void prepare(void (*visit)(void*, narke::detail::array_buffer&), void* context) override;
  void run_body(gpu_context& gpu) noexcept override;
  bool try_rewind() noexcept override;
  bool body_failed() const noexcept override { return thrown != nullptr; }
  void ordered() noexcept override;
  void completed(const std::exception_ptr& why) noexcept override;

  /// What input `index` is on the device.
  [[nodiscard]] const word* input(std::size_t index, const gpu_context& gpu) const;
  /// Takes the input to write it: in place, or a copy of it.
  [[nodiscard]] words_builder consume(std::size_t index, gpu_context& gpu);
  /// The result; throws what made it fail.
  [[nodiscard]] const words& result(std::size_t index = 0) const;

  std::vector<int> places;
  std::vector<words> inputs;  ///< until it is ordered
  body_type body;
  std::function<void()> when_ordered;
  std::function<void()> when_completed;

  std::vector<words> results;
  std::exception_ptr thrown;  ///< by the body
  std::exception_ptr error;   ///< of the engine
  bool prepare_throws = false;
  bool is_ordered = false;
  bool is_complete = false;
  int times_run = 0;
  bool was_consumed = false;
};

struct scene_options {
  emulated_options driver;
  gpu_engine_options engine;
  /// Faults are injected, or mutations: what the driver says of it is the test's to judge.
  bool expects_violations = false;
  /// Stands between the engine and the driver's table; null = nothing does.
  std::function<const narke::internal::driver_table&(const narke::internal::driver_table&)> wrap;
};

/// `devices` small GPUs with contexts that take nothing, each pair linked or none.
[[nodiscard]] scene_options small_scene(int devices = 1, std::uint64_t memory_bytes = 4 * mib,
                                        bool are_linked = true);

class engine_scene {
 public:
  explicit engine_scene(scene_options options = small_scene());
  engine_scene(const engine_scene&) = delete;
  engine_scene& operator=(const engine_scene&) = delete;
  /// finish(), if that was not done.
  ~engine_scene();

  /// Makes a work; it lives as long as the scene.
  test_work& make(std::uint64_t share, std::vector<words> inputs, test_work::body_type body,
                  std::vector<int> devices = {0});
  test_work& submit(test_work& work);
  test_work& submit(std::uint64_t share, std::vector<words> inputs, test_work::body_type body,
                    std::vector<int> devices = {0}) {
    return submit(make(share, std::move(inputs), std::move(body), std::move(devices)));
  }
  /// One step of each device. Whether any had something to do.
  bool step();
  /// Steps until `is_done`; false, and a failed test, when nothing moves any more.
  bool run_until(const std::function<bool()>& is_done);
  bool run_until_ordered(const test_work& work);
  /// Until all works are complete and nothing is copied.
  bool run_all();
  /// Stops the engine and looks at what the driver found. Once.
  void finish();
  [[nodiscard]] std::uint64_t calls(const char* entry) const { return driver.calls(entry); }
  [[nodiscard]] std::string found(bool without_leaks = false) const;

  const scene_options options;
  emulated_driver driver;
  gpu_engine& engine;
  std::vector<std::unique_ptr<test_work>> works;
  bool is_stuck = false;  ///< run_until gave up

 private:
  std::uint64_t host_ns_ = 0;
  bool is_finished_ = false;
};

/// `count` words: first, first + 1, …
[[nodiscard]] std::vector<word> counting(std::size_t count, word first = 0);

/// out[i] = sum of the inputs' i-th words, each plus its place times 3, plus `salt`. Inputs of
/// another size are read as if they went around.
[[nodiscard]] word mixed(std::span<const std::span<const word>> inputs, std::size_t i, word salt);
[[nodiscard]] std::vector<word> mixed_on_host(const std::vector<std::vector<word>>& inputs,
                                              std::size_t count, word salt);
/// A body that makes an array of `count` words so.
[[nodiscard]] test_work::body_type mixing(std::size_t count, word salt);

/// What `why` says; "" for none.
[[nodiscard]] std::string message_of(const std::exception_ptr& why);
template <class Error>
[[nodiscard]] bool is_a(const std::exception_ptr& why) {
  try {
    if (why != nullptr) {
      std::rethrow_exception(why);
    }
  } catch (const Error&) {
    return true;
  } catch (...) {
    return false;
  }
  return false;
}

[[nodiscard]] std::vector<word> values_of(const words& array);

}  // namespace narke_test
