#include "harness/raw_driver.hpp"

#include <sys/mman.h>

#include <array>

#include <fmt/format.h>

#include "driver/cuda_driver.hpp"
#include "driver/emulated/emulated_topologies.hpp"

namespace bench {
namespace {

using narke::internal::cuda_driver;
using narke::internal::driver_state;
using narke::internal::emulated_clock;
using narke::internal::emulated_options;

const cuda_driver& the_cuda_driver() {
  static const cuda_driver loaded = narke::internal::load_cuda_driver();
  return loaded;
}

emulated_options options_of(const gpu_setup& setup) {
  emulated_options options;
  options.gpus = narke::internal::equal_gpus(setup.devices, setup.memory_bytes);
  options.links = narke::internal::make_links(setup.devices, narke::internal::emulated_links::all);
  options.model.context_bytes = 0;
  options.model.context_ns = 0;
  if (setup.pace == emulated_pace::modelled) {
    options.clock = emulated_clock::real_time;
    options.model.h2d_bytes_per_second = setup.link_bytes_per_second;
    options.model.d2h_bytes_per_second = setup.link_bytes_per_second;
  }
  return options;
}

/// A device of which most is taken.
struct occupied_device {
  explicit occupied_device(const gpu_choice& choice) : driver{{}, choice}, device{driver, 0, 1} {}
  raw_driver driver;
  raw_device device;
};

}  // namespace

std::shared_ptr<void> leave_free(const gpu_choice& choice, std::uint64_t bytes) {
  if (choice.is_emulated) return nullptr;
  auto taken = std::make_shared<occupied_device>(choice);
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  taken->driver.check(taken->driver.table().mem_get_info(&free_bytes, &total_bytes),
                      "cuMemGetInfo");
  if (free_bytes > bytes) {
    static_cast<void>(taken->device.allocate<std::byte>(free_bytes - bytes));
  }
  return taken;
}

gpu_choice choose_gpus(bool wants_emulated) {
  if (wants_emulated || the_cuda_driver().state != driver_state::present) return {};
  const driver_table& table = the_cuda_driver().table;
  int count = 0;
  if (table.device_get_count(&count) != cu_result::success || count == 0) return {};
  std::array<char, 256> name{};
  int device = 0;
  if (table.device_get(&device, 0) != cu_result::success ||
      table.device_get_name(name.data(), int(name.size()) - 1, device) != cu_result::success) {
    throw std::runtime_error{"the CUDA driver lists devices, and does not name the first"};
  }
  return {.is_emulated = false, .device = name.data(), .devices_max = count};
}

raw_driver::raw_driver(const gpu_setup& setup, const gpu_choice& choice)
    : is_emulated_{choice.is_emulated} {
  if (!is_emulated_) {
    table_ = the_cuda_driver().table;
  } else if (setup.pace == emulated_pace::null) {
    null_ = std::make_unique<narke::internal::null_driver>(
        narke::internal::null_driver_options{.gpus = setup.devices});
    table_ = null_->table();
  } else {
    emulated_ = std::make_unique<narke::internal::emulated_driver>(options_of(setup));
    table_ = emulated_->table();
  }
  check(table_.init(0), "cuInit");
}

raw_driver::~raw_driver() = default;

void raw_driver::fail(cu_result code, const char* call) const {
  throw std::runtime_error{
      fmt::format("{}: {}", call, narke::internal::describe_result(table_, code))};
}

pinned_memory::pinned_memory(const raw_driver& driver, std::size_t bytes)
    : driver_{&driver}, bytes_{bytes} {
  data_ = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data_ == MAP_FAILED) throw std::bad_alloc{};
  driver.check(driver.table().mem_host_register(data_, bytes,
                                                narke::internal::cu_mem_host_register_portable),
               "cuMemHostRegister");
}

pinned_memory::~pinned_memory() {
  if (data_ == nullptr) return;
  static_cast<void>(driver_->table().mem_host_unregister(data_));
  ::munmap(data_, bytes_);
}

raw_device::raw_device(const raw_driver& driver, int ordinal, int streams)
    : driver_{driver}, table_{driver.table()} {
  driver.check(table_.device_get(&device_, ordinal), "cuDeviceGet");
  driver.check(table_.device_primary_ctx_retain(&context_, device_), "cuDevicePrimaryCtxRetain");
  make_current();
  narke::internal::cu_mem_pool_props props{};
  props.allocation_type = narke::internal::cu_mem_allocation_type::pinned;
  props.location = {narke::internal::cu_mem_location_type::device, device_};
  driver.check(table_.mem_pool_create(&pool_, &props), "cuMemPoolCreate");
  for (int i = 0; i != streams; ++i) {
    cu_stream made = nullptr;
    driver.check(
        table_.stream_create_with_priority(&made, narke::internal::cu_stream_non_blocking, 0),
        "cuStreamCreateWithPriority");
    streams_.push_back(made);
  }
}

raw_device::~raw_device() {
  static_cast<void>(table_.ctx_set_current(context_));
  for (const cu_stream each : streams_) static_cast<void>(table_.stream_synchronize(each));
  for (const cu_device_ptr each : blocks_) {
    static_cast<void>(table_.mem_free_async(each, streams_.front()));
  }
  for (const cu_stream each : streams_) static_cast<void>(table_.stream_synchronize(each));
  for (const cu_event each : events_) static_cast<void>(table_.event_destroy(each));
  for (const cu_stream each : streams_) static_cast<void>(table_.stream_destroy(each));
  static_cast<void>(table_.mem_pool_destroy(pool_));
  static_cast<void>(table_.ctx_set_current(nullptr));
  static_cast<void>(table_.device_primary_ctx_release(device_));
}

void raw_device::make_current() const {
  driver_.check(table_.ctx_set_current(context_), "cuCtxSetCurrent");
}

cu_device_ptr raw_device::allocate_bytes(std::size_t bytes) {
  cu_device_ptr made = 0;
  driver_.check(table_.mem_alloc_from_pool_async(&made, bytes, pool_, streams_.front()),
                "cuMemAllocFromPoolAsync");
  blocks_.push_back(made);
  synchronize(0);  // so that every stream may use it
  return made;
}

cu_event raw_device::make_event() {
  cu_event made = nullptr;
  driver_.check(table_.event_create(&made, narke::internal::cu_event_disable_timing),
                "cuEventCreate");
  events_.push_back(made);
  return made;
}

void raw_device::to_device(std::size_t stream, void* to, const void* from, std::size_t bytes) {
  driver_.check(
      table_.memcpy_htod_async(reinterpret_cast<cu_device_ptr>(to), from, bytes, streams_[stream]),
      "cuMemcpyHtoDAsync");
}

void raw_device::to_host(std::size_t stream, void* to, const void* from, std::size_t bytes) {
  driver_.check(
      table_.memcpy_dtoh_async(to, reinterpret_cast<cu_device_ptr>(from), bytes, streams_[stream]),
      "cuMemcpyDtoHAsync");
}

void raw_device::from_peer(std::size_t stream, void* to, const raw_device& peer, const void* from,
                           std::size_t bytes) {
  driver_.check(table_.memcpy_peer_async(reinterpret_cast<cu_device_ptr>(to), context_,
                                         reinterpret_cast<cu_device_ptr>(from), peer.context_,
                                         bytes, streams_[stream]),
                "cuMemcpyPeerAsync");
}

bool raw_device::is_complete(cu_event event) {
  const cu_result code = table_.event_query(event);
  if (code == cu_result::not_ready) return false;
  driver_.check(code, "cuEventQuery");
  return true;
}

void raw_device::check_launch(narke::kernels::launch_code code) {
  if (code != narke::kernels::launched) {
    throw std::runtime_error{narke::kernels::launch_text(code)};
  }
}

}  // namespace bench
