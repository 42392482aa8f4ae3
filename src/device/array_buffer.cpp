#include "device/array_buffer.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <stdexcept>

#include <fmt/format.h>

namespace narke::internal {
namespace {

constexpr std::size_t host_alignment = 64;

host_memory allocate_host(std::size_t bytes) {
  void* data = ::operator new (bytes == 0 ? 1 : bytes, std::align_val_t{host_alignment});
  return {data, data, [](void* memory) noexcept {
            ::operator delete (memory, std::align_val_t{host_alignment});
          }};
}

}  // namespace
}  // namespace narke::internal

namespace narke::detail {

using internal::host_memory;
using internal::host_state;

array_ptr make_host_buffer(std::size_t bytes) {
  const host_memory memory = internal::allocate_host(bytes);
  try {
    return array_ptr{new array_buffer{bytes, memory}};
  } catch (...) {
    memory.let_go(memory.owner);
    throw;
  }
}

array_ptr adopt_host_buffer(void* data, std::size_t bytes, void* owner,
                            void (*let_go)(void* owner) noexcept) {
  return array_ptr{new array_buffer{bytes, host_memory{data, owner, let_go}}};
}

void add_ref(array_buffer& buffer) noexcept {
  buffer.add_ref();
}

void* builder_bytes(array_buffer& buffer) noexcept {
  return buffer.builder_data();
}

void array_buffer::remove_replica(internal::replica& gone) noexcept {
  replicas_.erase(std::find(replicas_.begin(), replicas_.end(), &gone));
  if (first_replica_ && &*first_replica_ == &gone) {
    first_replica_.reset();
  } else {
    delete &gone;
  }
}

void array_buffer::expect_on_host() {
  if (!host_) {
    host_ = internal::allocate_host(bytes_);
  }
  host_state_.store(host_state::arriving, std::memory_order_release);
}

void array_buffer::give_host_up() noexcept {
  host_state_.store(host_state::absent, std::memory_order_release);
}

host_memory array_buffer::take_host_memory() noexcept {
  host_state_.store(host_state::absent, std::memory_order_release);
  return std::exchange(host_, {});
}

void throw_array_too_large(std::size_t count, std::size_t element_bytes) {
  throw std::invalid_argument{
      fmt::format("narke::array: {} elements of {} bytes are more than memory can ever hold", count,
                  element_bytes)};
}

void throw_empty_array(const char* what) {
  throw std::invalid_argument{fmt::format("{}: it was moved from, and holds no elements", what)};
}

}  // namespace narke::detail
