#include "driver_under_test.hpp"

#include <dlfcn.h>
#include <sys/mman.h>
#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "planted_kernels.hpp"

namespace gpu_check {
namespace {

constexpr std::chrono::milliseconds patience{500};

emulated_options emulated_like_a_gpu() {
  emulated_options options;
  options.gpus.front().memory_bytes = std::uint64_t{4} << 30;
  options.clock = emulated_clock::real_time;  // figures are then the model's
  return options;
}

}  // namespace

driver_under_test::driver_under_test(bool is_emulated) {
  if (is_emulated) {
    emulated = std::make_unique<emulated_driver>(emulated_like_a_gpu());
    cu = emulated->table();
    expect(cu.init(0), "cuInit");
    return;
  }
  const cuda_driver loaded = load_cuda_driver();
  if (loaded.state != driver_state::present) {
    throw std::runtime_error{loaded.problem.empty() ? "no CUDA driver or no device here"
                                                    : loaded.problem};
  }
  cu = loaded.table;
  get_proc_address_ = reinterpret_cast<cu_get_proc_address_fn*>(
      ::dlsym(::dlopen("libcuda.so.1", RTLD_NOW), "cuGetProcAddress_v2"));
}

void* driver_under_test::find_address(const char* name, int version) const {
  if (get_proc_address_ == nullptr) return nullptr;
  void* address = nullptr;
  auto status = cu_proc_address_status::success;
  const auto code =
      get_proc_address_(name, &address, version, cu_proc_address_legacy_stream, &status);
  return code == cu_result::success ? address : nullptr;
}

std::string driver_under_test::name_of(cu_result code) const {
  const char* text = nullptr;
  if (cu.get_error_name(code, &text) != cu_result::success || text == nullptr) {
    return std::to_string(static_cast<int>(code));
  }
  return text;
}

void driver_under_test::expect(cu_result code, const char* what) const {
  if (code != cu_result::success) {
    throw std::runtime_error{std::string{what} + ": " + describe_result(cu, code)};
  }
}

open_device::open_device(driver_under_test& on) : driver{on}, cu{on.cu} {
  driver.expect(cu.device_primary_ctx_retain(&context, 0), "cuDevicePrimaryCtxRetain");
  driver.expect(cu.ctx_set_current(context), "cuCtxSetCurrent");
  cu_mem_pool_props props{};
  props.allocation_type = cu_mem_allocation_type::pinned;
  props.location = {cu_mem_location_type::device, 0};
  driver.expect(cu.mem_pool_create(&pool, &props), "cuMemPoolCreate");
  first = new_stream();
  second = new_stream();
}

open_device::~open_device() {
  for (cu_stream stream : {first, second}) {
    static_cast<void>(cu.stream_synchronize(stream));
    static_cast<void>(cu.stream_destroy(stream));
  }
  static_cast<void>(cu.mem_pool_destroy(pool));
  static_cast<void>(cu.ctx_set_current(nullptr));
  static_cast<void>(cu.device_primary_ctx_release(0));
}

cu_stream open_device::new_stream() const {
  cu_stream made = nullptr;
  driver.expect(cu.stream_create_with_priority(&made, cu_stream_non_blocking, 0),
                "cuStreamCreateWithPriority");
  return made;
}

cu_event open_device::new_event(unsigned flags) const {
  cu_event made = nullptr;
  driver.expect(cu.event_create(&made, flags), "cuEventCreate");
  return made;
}

cu_device_ptr open_device::allocate(std::size_t bytes) const {
  cu_device_ptr block = 0;
  driver.expect(cu.mem_alloc_from_pool_async(&block, bytes, pool, first),
                "cuMemAllocFromPoolAsync");
  return block;
}

cu_result open_device::launch_empty(cu_stream stream) const {
  if (!driver.is_emulated()) return static_cast<cu_result>(launch_nothing(stream));
  const emulated_work nothing{.run = [](void*) { return true; },
                              .drop = [](void*) {},
                              .context = nullptr,
                              .accesses = nullptr,
                              .access_count = 0,
                              .label = "nothing",
                              .modelled_ns = 0};
  return cu.emulate(stream, nothing);
}

void open_device::synchronize(cu_stream stream) const {
  driver.expect(cu.stream_synchronize(stream), "cuStreamSynchronize");
}

host_block::host_block(open_device& device, std::size_t bytes, bool is_registered)
    : device_{device}, bytes_{bytes}, is_registered_{is_registered} {
  void* const mapped =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::runtime_error{"no host memory"};
  data_ = static_cast<char*>(mapped);
  std::memset(data_, 1, bytes);
  if (!is_registered) return;
  constexpr unsigned flags = cu_mem_host_register_portable | cu_mem_host_register_device_map;
  device.driver.expect(device.cu.mem_host_register(data_, bytes, flags), "cuMemHostRegister");
}

host_block::~host_block() {
  if (is_registered_) static_cast<void>(device_.cu.mem_host_unregister(data_));
  ::munmap(data_, bytes_);
}

held_stream::held_stream(open_device& device, cu_stream stream) {
  if (device.driver.is_emulated()) {
    is_open_ = std::make_shared<std::atomic<std::uint32_t>>(0);
    auto* held = new std::shared_ptr<std::atomic<std::uint32_t>>(is_open_);
    using word = std::shared_ptr<std::atomic<std::uint32_t>>;
    const emulated_work wait{.run =
                                 [](void* context) {
                                   (*static_cast<word*>(context))->wait(0);
                                   return true;
                                 },
                             .drop = [](void* context) { delete static_cast<word*>(context); },
                             .context = held,
                             .accesses = nullptr,
                             .access_count = 0,
                             .label = "held",
                             .modelled_ns = 0};
    device.driver.expect(device.cu.emulate(stream, wait), "emulate");
    return;
  }
  word_ = std::make_unique<host_block>(device, 4096, true);
  std::memset(word_->data(), 0, word_->size());
  using wait_value_fn = cu_result(cu_stream, cu_device_ptr, std::uint32_t, unsigned);
  auto* wait = device.driver.find<wait_value_fn>("cuStreamWaitValue32", 11070);
  if (wait == nullptr) throw std::runtime_error{"the driver has no cuStreamWaitValue32"};
  constexpr unsigned at_least = 0;
  device.driver.expect(wait(stream, reinterpret_cast<cu_device_ptr>(word_->data()), 1, at_least),
                       "cuStreamWaitValue32");
}

void held_stream::release() {
  if (is_open_) {
    is_open_->store(1);
    is_open_->notify_all();
  }
  if (word_)
    __atomic_store_n(reinterpret_cast<std::uint32_t*>(word_->data()), 1U, __ATOMIC_RELEASE);
}

bool waits(open_device& device, held_stream& held, const std::function<void()>& call) {
  std::atomic<bool> has_returned{false};
  std::thread caller{[&] {
    static_cast<void>(device.cu.ctx_set_current(device.context));
    call();
    has_returned.store(true);
  }};
  const auto end = clock::now() + patience;
  while (!has_returned.load() && clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  const bool is_blocked = !has_returned.load();
  held.release();
  caller.join();
  return is_blocked;
}

double median_microseconds(int rounds, const std::function<void()>& call) {
  std::vector<double> times;
  times.reserve(static_cast<std::size_t>(rounds));
  for (int i = 0; i != rounds; ++i) {
    const auto begin = clock::now();
    call();
    times.push_back(microseconds_since(begin));
  }
  const auto middle = times.begin() + rounds / 2;
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

}  // namespace gpu_check
