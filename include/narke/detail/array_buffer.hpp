// The bytes of one array, wherever they are: in host memory, and on any number of GPUs. The library
// owns what is inside; templates hold it by a counted pointer. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <narke/export.hpp>

// What can be called in a kernel, where there is one.
#if defined(__CUDACC__)
#define NARKE_HOST_DEVICE __host__ __device__
#else
#define NARKE_HOST_DEVICE
#endif

namespace narke {
class gpu_context;
}

namespace narke::detail {

/// Immutable once its producer is done; its replicas come and go.
class array_buffer;

NARKE_EXPORT void add_ref(array_buffer& buffer) noexcept;
NARKE_EXPORT void release_ref(array_buffer& buffer) noexcept;

/// Counts one reference to a buffer, or to none.
class array_ptr {
 public:
  array_ptr() noexcept = default;
  /// Takes over one reference.
  explicit array_ptr(array_buffer* buffer) noexcept : buffer_{buffer} {}
  array_ptr(const array_ptr& other) noexcept : buffer_{other.buffer_} {
    if (buffer_ != nullptr) {
      add_ref(*buffer_);
    }
  }
  array_ptr(array_ptr&& other) noexcept : buffer_{std::exchange(other.buffer_, nullptr)} {}
  array_ptr& operator=(array_ptr other) noexcept {
    std::swap(buffer_, other.buffer_);
    return *this;
  }
  ~array_ptr() {
    if (buffer_ != nullptr) {
      release_ref(*buffer_);
    }
  }

  [[nodiscard]] array_buffer* get() const noexcept { return buffer_; }
  [[nodiscard]] array_buffer& operator*() const noexcept { return *buffer_; }
  explicit operator bool() const noexcept { return buffer_ != nullptr; }
  friend bool operator==(const array_ptr&, const array_ptr&) noexcept = default;

 private:
  array_buffer* buffer_ = nullptr;
};

/// Host memory of `bytes` bytes, uninitialised, aligned for any type. Throws std::bad_alloc.
NARKE_EXPORT array_ptr make_host_buffer(std::size_t bytes);
/// Host memory that somebody else made: `let_go(owner)` when it is no longer needed.
NARKE_EXPORT array_ptr adopt_host_buffer(void* data, std::size_t bytes, void* owner,
                                         void (*let_go)(void* owner) noexcept);
/// The bytes in host memory. Copies them from a GPU when they are nowhere else, and waits for that.
/// Throws narke::error in the body of a GPU task, object_lost_error when they are gone with their
/// device or with the runtime, device_lost_error.
NARKE_EXPORT const void* host_bytes(array_buffer& buffer);
/// A builder's own bytes, where it made them.
NARKE_EXPORT void* builder_bytes(array_buffer& buffer) noexcept;

/// A builder's bytes are an array's from here on: nothing writes them any more.
NARKE_EXPORT void seal_builder(array_buffer& buffer) noexcept;

/// A writable buffer with the contents of `buffer`: itself when `buffer` is the only reference to
/// it, else a copy. `on`: the GPU of the running body; null: in host memory. On a GPU, `buffer` is
/// an input of the body, to which the engine has a reference of its own, not counted, until the
/// body has ended.
NARKE_EXPORT array_ptr take_for_writing(array_ptr buffer, gpu_context* on);
/// Where the running body of a GPU task finds an array that it was given. Requires: it was given.
NARKE_EXPORT const void* device_bytes(const array_buffer& buffer, const gpu_context& gpu);

/// Throws std::invalid_argument: `count` elements of `element_bytes` bytes are more than there can
/// be.
[[noreturn]] NARKE_EXPORT void throw_array_too_large(std::size_t count, std::size_t element_bytes);
/// Throws std::invalid_argument: a builder or array that was moved from.
[[noreturn]] NARKE_EXPORT void throw_empty_array(const char* what);

}  // namespace narke::detail
