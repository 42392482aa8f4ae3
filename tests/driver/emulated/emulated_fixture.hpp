// A scene for tests of the emulated driver: one driver, devices that are opened, closures made of
// lambdas, and at the end a check that nothing was left and nothing was violated.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "driver/emulated/emulated_driver.hpp"

namespace narke::internal {

inline constexpr std::uint64_t mib = std::uint64_t{1} << 20;

inline emulated_gpu small_gpu(std::uint64_t memory_bytes = 64 * mib) {
  emulated_gpu gpu;
  gpu.memory_bytes = memory_bytes;
  return gpu;
}

/// `count` small devices whose contexts take nothing.
inline emulated_options small_options(int count = 1) {
  emulated_options options;
  options.gpus.assign(static_cast<std::size_t>(count), small_gpu());
  options.model.context_bytes = 0;
  options.model.context_ns = 0;
  return options;
}

/// Every pair of devices reaches each other.
inline void link_all(emulated_options& options) {
  const std::size_t count = options.gpus.size();
  options.links.assign(count, std::vector<emulated_link>(count, {.can_access = true}));
}

inline accessed_bytes reads(cu_device_ptr begin, std::size_t bytes) {
  return {begin, bytes, byte_access::read};
}
inline accessed_bytes writes(cu_device_ptr begin, std::size_t bytes) {
  return {begin, bytes, byte_access::write};
}

class emulated_scene {
 public:
  explicit emulated_scene(emulated_options options = small_options())
      : driver(options), cu(driver.table()) {
    EXPECT_EQ(cu.init(0), cu_result::success);
  }

  cu_context open(int ordinal = 0) {
    cu_context context = nullptr;
    EXPECT_EQ(cu.device_primary_ctx_retain(&context, ordinal), cu_result::success);
    EXPECT_EQ(cu.ctx_set_current(context), cu_result::success);
    return context;
  }

  cu_stream stream(int priority = 0) const {
    cu_stream made = nullptr;
    EXPECT_EQ(cu.stream_create_with_priority(&made, cu_stream_non_blocking, priority),
              cu_result::success);
    return made;
  }

  cu_event event(unsigned flags = cu_event_disable_timing) const {
    cu_event made = nullptr;
    EXPECT_EQ(cu.event_create(&made, flags), cu_result::success);
    return made;
  }

  cu_mem_pool pool(int ordinal = 0) const {
    cu_mem_pool_props props{};
    props.allocation_type = cu_mem_allocation_type::pinned;
    props.location = {cu_mem_location_type::device, ordinal};
    cu_mem_pool made = nullptr;
    EXPECT_EQ(cu.mem_pool_create(&made, &props), cu_result::success);
    return made;
  }

  /// 0 when it failed.
  cu_device_ptr allocate(cu_mem_pool from, cu_stream on, std::size_t bytes) const {
    cu_device_ptr pointer = 0;
    EXPECT_EQ(cu.mem_alloc_from_pool_async(&pointer, bytes, from, on), cu_result::success);
    return pointer;
  }

  /// Enqueues `body`; it throws by returning false.
  cu_result launch(cu_stream on, std::function<bool()> body,
                   std::vector<accessed_bytes> accesses = {}, const char* label = "closure",
                   std::uint64_t modelled_ns = 0) const {
    auto* held = new std::function<bool()>(std::move(body));
    emulated_work work{
        .run = [](void* context) { return (*static_cast<std::function<bool()>*>(context))(); },
        .drop = [](void* context) { delete static_cast<std::function<bool()>*>(context); },
        .context = held,
        .accesses = accesses.data(),
        .access_count = accesses.size(),
        .label = label,
        .modelled_ns = modelled_ns};
    const cu_result code = cu.emulate(on, work);
    if (code != cu_result::success) delete held;
    return code;
  }

  cu_result run(cu_stream on, const std::function<void()>& body,
                std::vector<accessed_bytes> accesses = {}, const char* label = "closure",
                std::uint64_t modelled_ns = 0) const {
    return launch(
        on,
        [body] {
          body();
          return true;
        },
        std::move(accesses), label, modelled_ns);
  }

  cu_result synchronize(cu_stream stream) const { return cu.stream_synchronize(stream); }

  /// How many violations of this kind there are.
  [[nodiscard]] std::size_t found(violation_kind kind) const {
    std::size_t count = 0;
    for (const violation& one : driver.violations()) count += one.kind == kind ? 1U : 0U;
    return count;
  }

  /// Everything that was found, for messages of failed assertions.
  [[nodiscard]] std::string findings() const {
    std::string text;
    for (const violation& one : driver.violations()) {
      text += one.entry + ": " + violation_name(one.kind) + ": " + one.message + "\n";
    }
    return text;
  }

  emulated_driver driver;
  const driver_table& cu;
};

}  // namespace narke::internal
