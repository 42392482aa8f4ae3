// A body that runs, or waits: where it enqueues, and what it has allocated. Owned by the engine,
// and used again for later bodies, as its memory is; `contexts` are what the user sees of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <narke/gpu_context.hpp>

#include "device/gpu_engine.hpp"

namespace narke::internal {

/// A block that a body took for scratch.
struct temporary_block {
  device_block block;
  std::size_t on = 0;  ///< index into the frame's places
};

}  // namespace narke::internal

namespace narke::detail {

struct gpu_frame {
  /// One of the body's GPUs.
  struct place {
    internal::gpu_device* device = nullptr;
    internal::gpu_stream* stream = nullptr;
    std::uint64_t sequence = 0;
  };

  explicit gpu_frame(internal::gpu_engine& engine_of) noexcept : engine{engine_of} {}
  gpu_frame(const gpu_frame&) = delete;
  gpu_frame& operator=(const gpu_frame&) = delete;

  internal::gpu_engine& engine;
  internal::gpu_work* work = nullptr;
  std::vector<place> places;
  std::vector<internal::temporary_block> temporaries;
  std::vector<array_buffer*> outputs;  ///< with a reference each, until the body has ended
  std::vector<internal::accessed_bytes> accesses;  ///< of a closure, kept for its memory
  bool gave_role_up = false;
  bool grew_too_far = false;  ///< an allocation failed
  bool consumed = false;      ///< an argument was taken to be written in place

  // What the members of gpu_context do. They lock the engine's mutex where they need it.
  array_ptr allocate(std::size_t on, std::size_t bytes);
  void* allocate_temporary(std::size_t on, std::size_t bytes);
  void free_temporary(std::size_t on, void* memory) noexcept;
  void emulate(std::size_t on, const emulated_closure& work_to_do);
  void synchronize(std::size_t on);
  array_ptr take_for_writing(array_ptr buffer, std::size_t on);
  const void* bytes_of(const array_buffer& buffer, std::size_t on);
  [[nodiscard]] gpu_context& context(std::size_t on);
  /// Makes it the frame of `begins`, with no places yet.
  void reset(internal::gpu_work& begins) noexcept;
  [[nodiscard]] bool is_in(const internal::gpu_stream& stream) const noexcept;

  ~gpu_frame();

  std::vector<gpu_context*>
      contexts;  ///< by place; more than there are places, from earlier bodies

 private:
  void expect_open(std::size_t on) const;
  using lock_type = std::unique_lock<std::mutex>;
  internal::device_block take_block(lock_type& lock, std::size_t on, std::size_t bytes);
  internal::device_block wait_for_block(lock_type& lock, std::size_t on, std::size_t bytes);
  array_buffer* make_output(std::size_t on, std::size_t bytes, internal::device_block block);
};

/// The frame of the body that this thread runs; null outside of bodies.
extern constinit thread_local gpu_frame* this_frame __attribute__((tls_model("initial-exec")));

struct gpu_context_access {
  static gpu_context* make(gpu_frame& frame, int index) { return new gpu_context{frame, index}; }
  static void destroy(gpu_context* context) noexcept { delete context; }
  static gpu_frame& frame(const gpu_context& context) noexcept { return *context.frame_; }
  static std::size_t index(const gpu_context& context) noexcept {
    return static_cast<std::size_t>(context.index_);
  }
};

}  // namespace narke::detail
