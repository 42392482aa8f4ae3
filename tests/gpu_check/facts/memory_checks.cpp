// Memory: which copies make the host wait, registration, and what pools do.
#include <string>

#include "check.hpp"
#include "driver_under_test.hpp"

namespace gpu_check {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

void try_pageable_copies(driver_under_test& driver, findings& found) {
  open_device device{driver};
  const driver_table& cu = device.cu;
  const cu_device_ptr block = device.allocate(4 * mebibyte);
  device.synchronize(device.first);
  const auto wait_of = [&](bool is_registered, bool is_to_device, std::size_t bytes) {
    const host_block host{device, 4 * mebibyte, is_registered};
    held_stream held{device, device.first};
    const bool is_waiting = waits(device, held, [&] {
      static_cast<void>(is_to_device
                            ? cu.memcpy_htod_async(block, host.data(), bytes, device.first)
                            : cu.memcpy_dtoh_async(host.data(), block, bytes, device.first));
    });
    device.synchronize(device.first);
    return is_waiting;
  };
  for (const std::size_t bytes : {std::size_t{4096}, 64 * mebibyte / 1024, 4 * mebibyte}) {
    const std::string size = std::to_string(bytes) + "_bytes";
    found.facts["pageable_to_device_waits_" + size] = wait_of(false, true, bytes);
    found.facts["device_to_pageable_waits_" + size] = wait_of(false, false, bytes);
    found.facts["registered_to_device_waits_" + size] = wait_of(true, true, bytes);
    found.facts["device_to_registered_waits_" + size] = wait_of(true, false, bytes);
  }
}

void try_registration(driver_under_test& driver, findings& found) {
  open_device device{driver};
  const driver_table& cu = device.cu;
  const host_block block{device, 64 * mebibyte, false};
  const auto register_block = [&] {
    return cu.mem_host_register(block.data(), block.size(), cu_mem_host_register_portable);
  };
  auto begin = clock::now();
  found.facts["register"] = driver.name_of(register_block());
  found.figures["register_64_mib_us"] = microseconds_since(begin);
  found.facts["register_twice"] = driver.name_of(register_block());
  begin = clock::now();
  found.facts["unregister"] = driver.name_of(cu.mem_host_unregister(block.data()));
  found.figures["unregister_64_mib_us"] = microseconds_since(begin);
  found.facts["unregister_twice"] = driver.name_of(cu.mem_host_unregister(block.data()));
  {
    held_stream held{device, device.first};
    found.facts["register_waits_for_streams"] =
        waits(device, held, [&] { static_cast<void>(register_block()); });
  }
  device.synchronize(device.first);
  {
    held_stream held{device, device.first};
    found.facts["unregister_waits_for_streams"] =
        waits(device, held, [&] { static_cast<void>(cu.mem_host_unregister(block.data())); });
  }
  device.synchronize(device.first);
}

void look_at_pointers(driver_under_test& driver, findings& found) {
  open_device device{driver};
  const host_block registered{device, mebibyte, true};
  const host_block pageable{device, mebibyte, false};
  const cu_device_ptr block = device.allocate(mebibyte);
  const auto type_of = [&](cu_device_ptr pointer) {
    auto type = cu_memory_type::unknown;
    auto attribute = cu_pointer_attribute::memory_type;
    void* value = &type;
    const cu_result code = device.cu.pointer_get_attributes(1, &attribute, &value, pointer);
    return driver.name_of(code) + ", " + std::to_string(static_cast<unsigned>(type));
  };
  found.facts["of_the_device"] = type_of(block);
  found.facts["inside_a_block"] = type_of(block + 4096);
  found.facts["registered"] = type_of(reinterpret_cast<cu_device_ptr>(registered.data()));
  found.facts["pageable"] = type_of(reinterpret_cast<cu_device_ptr>(pageable.data()));
}

void look_at_pool_attributes(driver_under_test& driver, findings& found) {
  open_device device{driver};
  const driver_table& cu = device.cu;
  using attribute = cu_mem_pool_attribute;
  for (const auto& [name, asked] :
       {std::pair{"reuse_follow_event_dependencies", attribute::reuse_follow_event_dependencies},
        std::pair{"reuse_allow_opportunistic", attribute::reuse_allow_opportunistic},
        std::pair{"reuse_allow_internal_dependencies",
                  attribute::reuse_allow_internal_dependencies}}) {
    int value = -1;
    const cu_result code = cu.mem_pool_get_attribute(device.pool, asked, &value);
    found.facts[name] = code == cu_result::success ? std::to_string(value) : driver.name_of(code);
    int off = 0;
    driver.expect(cu.mem_pool_set_attribute(device.pool, asked, &off), "switch a reuse rule off");
  }
  std::uint64_t value = 1;
  const auto read = [&](attribute asked) {
    driver.expect(cu.mem_pool_get_attribute(device.pool, asked, &value), "read of an attribute");
    return value;
  };
  found.facts["release_threshold"] = read(attribute::release_threshold);
  const cu_device_ptr block = device.allocate(3 * mebibyte);
  found.facts["used_after_3_mib"] = read(attribute::used_mem_current);
  found.figures["reserved_after_3_mib_bytes"] = read(attribute::reserved_mem_current);
  driver.expect(cu.mem_free_async(block, device.first), "cuMemFreeAsync");
  device.synchronize(device.first);
  found.facts["used_after_free_and_synchronize"] = read(attribute::used_mem_current);
  found.facts["reserved_after_free_and_synchronize"] = read(attribute::reserved_mem_current);
}

// Whether a block that was freed on a held stream is given to another one, and how.
void try_reuse(driver_under_test& driver, findings& found) {
  open_device device{driver};
  const driver_table& cu = device.cu;
  using attribute = cu_mem_pool_attribute;
  constexpr std::size_t bytes = 32 * mebibyte;
  std::uint64_t keep = ~std::uint64_t{0};
  driver.expect(cu.mem_pool_set_attribute(device.pool, attribute::release_threshold, &keep),
                "release threshold");
  for (const int allowed : {0, 1}) {
    int value = allowed;
    driver.expect(cu.mem_pool_set_attribute(device.pool,
                                            attribute::reuse_allow_internal_dependencies, &value),
                  "internal dependencies");
    held_stream held{device, device.first};
    const cu_device_ptr freed = device.allocate(bytes);
    driver.expect(cu.mem_free_async(freed, device.first), "cuMemFreeAsync");
    const cu_device_ptr same = device.allocate(bytes);
    driver.expect(cu.mem_free_async(same, device.first), "cuMemFreeAsync");
    cu_device_ptr taken = 0;
    driver.expect(cu.mem_alloc_from_pool_async(&taken, bytes, device.pool, device.second),
                  "cuMemAllocFromPoolAsync");
    driver.expect(cu.memset_d8_async(taken, 0, bytes, device.second), "cuMemsetD8Async");
    const std::string rule = allowed != 0 ? "with_internal_dependencies" : "without_them";
    found.facts["same_stream_reuses_at_once_" + rule] = same == freed;
    found.facts["other_stream_gets_the_block_" + rule] = taken == freed;
    found.facts["other_stream_waits_" + rule] =
        waits(device, held, [&] { static_cast<void>(cu.stream_synchronize(device.second)); });
    device.synchronize(device.first);
    driver.expect(cu.mem_free_async(taken, device.second), "cuMemFreeAsync");
    device.synchronize(device.second);
  }
}

void run_out_of_memory(driver_under_test& driver, findings& found) {
  open_device device{driver};
  const driver_table& cu = device.cu;
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  driver.expect(cu.mem_get_info(&free_bytes, &total_bytes), "cuMemGetInfo");
  cu_device_ptr block = 0;
  found.facts["more_than_there_is"] = driver.name_of(
      cu.mem_alloc_from_pool_async(&block, total_bytes + mebibyte, device.pool, device.first));
  found.facts["zero_bytes"] =
      driver.name_of(cu.mem_alloc_from_pool_async(&block, 0, device.pool, device.first));
  block = device.allocate(mebibyte);
  found.facts["afterwards"] = driver.name_of(cu.stream_synchronize(device.first));
  found.facts["address_is_a_multiple_of_256"] = block % 256 == 0;
  found.facts["trim_with_a_block_in_use"] = driver.name_of(cu.mem_pool_trim_to(device.pool, 0));
  found.facts["free_of_nothing"] = driver.name_of(cu.mem_free_async(0, device.first));
}

// The source of a copy from registered memory is read when the copy runs, not when it is enqueued.
void see_when_a_source_is_read(driver_under_test& driver, findings& found) {
  open_device device{driver};
  const driver_table& cu = device.cu;
  const host_block from{device, mebibyte, true};
  const host_block to{device, mebibyte, true};
  const cu_device_ptr block = device.allocate(mebibyte);
  device.synchronize(device.first);
  for (const std::size_t bytes : {std::size_t{64}, mebibyte}) {
    from.data()[0] = 1;
    {
      held_stream held{device, device.first};
      driver.expect(cu.memcpy_htod_async(block, from.data(), bytes, device.first),
                    "cuMemcpyHtoDAsync");
      from.data()[0] = 2;
    }
    driver.expect(cu.memcpy_dtoh_async(to.data(), block, bytes, device.first), "cuMemcpyDtoHAsync");
    device.synchronize(device.first);
    found.facts["read_when_it_runs_" + std::to_string(bytes) + "_bytes"] = to.data()[0] == 2;
  }
}

}  // namespace

std::vector<check> memory_checks() {
  return {{"pageable_copies", "which copies make the host wait", try_pageable_copies},
          {"copy_sources", "when a copy reads its source", see_when_a_source_is_read},
          {"registration", "what registering host memory costs and refuses", try_registration},
          {"pointers", "what the driver says of pointers", look_at_pointers},
          {"pool_attributes", "the rules of a pool, and what it keeps", look_at_pool_attributes},
          {"pool_reuse", "who gets a freed block, and waits for it", try_reuse},
          {"out_of_memory", "running out, and what comes after", run_out_of_memory}};
}

}  // namespace gpu_check
