// What is submitted to a GPU: one body with its inputs. The layers above derive from it; the engine
// calls the steps, each at most once but prepare and run_body of a body that is called again.
//
//   submitted → prepared → admitted (memory is there, copies are under way) → enqueued → complete
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <vector>

#include <narke/gpu_context.hpp>

#include "device/array_buffer.hpp"
#include "device/body_times.hpp"

namespace narke::internal {

class gpu_engine;

/// An array that a body reads or consumes, with the engine's own reference to it.
struct gpu_input {
  detail::array_buffer* buffer = nullptr;
  replica* on_device = nullptr;  ///< once admitted; pinned until the body has been called
  cu_device_ptr begin = 0;       ///< of it, once the body begins: read without the mutex
};

/// What earlier works with the same key took.
struct learned_of_key {
  std::vector<std::uint64_t> peak_bytes;  ///< by place among the devices: outputs and scratch
  body_times times;
};

class gpu_work {
 public:
  gpu_work(const gpu_work&) = delete;
  gpu_work& operator=(const gpu_work&) = delete;
  virtual ~gpu_work() = default;

  // The steps. All are called outside the engine's mutex, by the device's submitter.

  /// Gets the arguments ready and visits each array that the body needs on its device. Throws what
  /// the user's types throw: the work has then failed.
  virtual void prepare(void (*visit)(void* context, detail::array_buffer& input),
                       void* context) = 0;
  /// Calls the body.
  virtual void run_body(gpu_context& gpu) noexcept = 0;
  /// After a body ran out of memory: whether it can be called again; its results are then gone.
  [[nodiscard]] virtual bool try_rewind() noexcept = 0;
  /// Whether the body threw.
  [[nodiscard]] virtual bool body_failed() const noexcept = 0;
  /// All that the body enqueued stands in its stream. `completed` follows.
  virtual void ordered() noexcept = 0;
  /// The stream has got past it; or it failed, before or after ordered(). The last call: the work
  /// may delete itself.
  virtual void completed(const std::exception_ptr& error) noexcept = 0;

  /// In place of `completed`, when nothing of it was done, prepare() not called: one of its devices
  /// cannot be opened. It may be submitted again, elsewhere.
  virtual void unopened(const std::exception_ptr& why) noexcept { completed(why); }

  // Set before submission.

  std::uint64_t share_id = 0;          ///< works of one share run in one stream, one after another
  std::span<const int> devices;        ///< indices; the first is where the inputs go
  std::uint64_t gpu_memory_bytes = 0;  ///< asked for: outputs and scratch
  const void* key = nullptr;           ///< what the engine learns by: the task's handle
  const char* label = "task";          ///< lives as long as the work

  /// What its body has allocated on its first device. Once it is ordered.
  [[nodiscard]] std::uint64_t reached_bytes() const noexcept { return first_.reached_bytes; }

  /// A thread waits for it, or a CPU task: its end is to be seen soon. Any thread.
  std::atomic<bool> is_wanted{false};

 protected:
  gpu_work() = default;

 private:
  friend class gpu_engine;
  friend struct detail::gpu_frame;

  /// Its part of one of its devices.
  struct place {
    gpu_stream* stream = nullptr;      // once it was admitted
    std::uint64_t reserved_bytes = 0;  // for outputs, of what was not allocated yet
    std::uint64_t reached_bytes = 0;   // allocated by the body
    std::uint64_t again_bytes = 0;     // what it is to find there when it is called again
  };
  [[nodiscard]] place& at(std::size_t index) noexcept {
    return index == 0 ? first_ : others_[index - 1];
  }
  [[nodiscard]] const place& at(std::size_t index) const noexcept {
    return index == 0 ? first_ : others_[index - 1];
  }

  learned_of_key* learned_ = nullptr;
  short_list<gpu_input, 3> inputs_;
  place first_;
  std::vector<place> others_;       // from the second device on
  std::uint64_t asked_bytes_ = 0;   // what its body could not have
  std::size_t asked_on_ = 0;        // and on which of its devices
  std::uint64_t input_bytes_ = 0;   // on its first device, each input once
  bool runs_alone_ = false;         // it is called again: nobody else is admitted before its end
  bool needs_bare_device_ = false;  // what was free did not do, as it was in pieces
  bool waits_elsewhere_ = false;    // an input comes by way of the host
  bool is_guest_ = false;           // admitted on its other devices, its body not yet called
  std::uint64_t sequence_ = 0;
  std::uint64_t made_on_ = 0;  // bits of the devices whose loss, while it is in flight, is its loss
  std::exception_ptr tainted_;  // by the loss of another device, of which its inputs came
};

}  // namespace narke::internal
