#include <support/device_work.hpp>

#include <dlfcn.h>
#include <sys/mman.h>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "driver/driver_abi.hpp"

namespace narke_test {
namespace {

using namespace narke::internal;

// Beyond the table that narke itself uses.
using launch_host_func_fn = cu_result(cu_stream, void (*)(void*), void*);
using wait_value_fn = cu_result(cu_stream, cu_device_ptr, std::uint32_t, unsigned);
using module_load_fn = cu_result(void** module, const void* image);
using module_function_fn = cu_result(void** function, void* module, const char* name);
using launch_kernel_fn = cu_result(void* function, unsigned, unsigned, unsigned, unsigned, unsigned,
                                   unsigned, unsigned, cu_stream, void**, void**);

[[noreturn]] void give_up(const char* what, int code) {
  std::fprintf(stderr, "the tests' own work on a device failed: %s: CUDA error %d\n", what, code);
  std::abort();
}

/// The device failed meanwhile: what was to be enqueued does not matter any more, and the runtime
/// sees it by itself.
struct device_is_lost {};

bool is_sticky(cu_result code) {
  switch (code) {
    case cu_result::illegal_address:
    case cu_result::context_is_destroyed:
    case cu_result::assert_failed:
    case cu_result::illegal_instruction:
    case cu_result::launch_failed:
    case cu_result::unknown:
      return true;
    default:
      return false;
  }
}

/// The driver of this machine, or one in its place; never closed.
class cuda {
 public:
  static cuda& driver() {
    static cuda driver;
    return driver;
  }

  [[nodiscard]] bool is_there() const { return get_proc_address_ != nullptr; }

  /// Null where the driver has no such entry.
  template <class Function>
  Function* find(const char* name, int version) const {
    void* address = nullptr;
    auto status = cu_proc_address_status::success;
    if (!is_there() || get_proc_address_(name, &address, version, cu_proc_address_legacy_stream,
                                         &status) != cu_result::success) {
      return nullptr;
    }
    return reinterpret_cast<Function*>(address);
  }
  template <class Function, class... Arguments>
  void call(const char* name, int version, Arguments... arguments) const {
    auto* function = find<Function>(name, version);
    if (function == nullptr) give_up(name, static_cast<int>(cu_result::not_found));
    const cu_result code = function(arguments...);
    if (is_sticky(code)) throw device_is_lost{};
    if (code != cu_result::success) give_up(name, static_cast<int>(code));
  }

 private:
  cuda() {
    void* library = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return;
    get_proc_address_ =
        reinterpret_cast<cu_get_proc_address_fn*>(::dlsym(library, "cuGetProcAddress_v2"));
    auto* init = find<cu_init_fn>("cuInit", 2000);
    if (init == nullptr || init(0) != cu_result::success) get_proc_address_ = nullptr;
  }

  cu_get_proc_address_fn* get_proc_address_ = nullptr;
};

cu_stream stream_of(const narke::gpu_context& gpu) {
  return reinterpret_cast<cu_stream>(gpu.stream());
}

/// The device of a context is current in a body only when it is the first of several.
class current_device {
 public:
  explicit current_device(const narke::gpu_context& gpu) : device_{gpu.device()} {
    const cuda& driver = cuda::driver();
    cu_context own = nullptr;
    driver.call<cu_ctx_get_current_fn>("cuCtxGetCurrent", 4000, &before_);
    driver.call<cu_device_primary_ctx_retain_fn>("cuDevicePrimaryCtxRetain", 7000, &own, device_);
    driver.call<cu_ctx_set_current_fn>("cuCtxSetCurrent", 4000, own);
  }
  ~current_device() {
    const cuda& driver = cuda::driver();
    try {
      driver.call<cu_ctx_set_current_fn>("cuCtxSetCurrent", 4000, before_);
      driver.call<cu_device_primary_ctx_release_fn>("cuDevicePrimaryCtxRelease", 11000, device_);
    } catch (const device_is_lost&) {  // and its context with it
    }
  }
  current_device(const current_device&) = delete;
  current_device& operator=(const current_device&) = delete;

 private:
  cu_device device_;
  cu_context before_ = nullptr;
};

/// Registered memory in blocks of powers of two, which are used again and never given back.
class registered_memory {
 public:
  static registered_memory& all() {
    static auto* all = new registered_memory;
    return *all;
  }

  void* take(std::size_t bytes) {
    const std::size_t size = size_of_block(bytes);
    {
      const std::lock_guard lock{mutex_};
      auto& free = free_[size];
      if (!free.empty()) {
        void* const block = free.back();
        free.pop_back();
        return block;
      }
    }
    void* const block =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) give_up("mmap", 0);
    cuda::driver().call<cu_mem_host_register_fn>(
        "cuMemHostRegister", 6050, block, size,
        cu_mem_host_register_portable | cu_mem_host_register_device_map);
    return block;
  }
  void give_back(void* block, std::size_t bytes) {
    const std::lock_guard lock{mutex_};
    free_[size_of_block(bytes)].push_back(block);
  }

 private:
  static std::size_t size_of_block(std::size_t bytes) {
    std::size_t size = 4096;
    while (size < bytes) size *= 2;
    return size;
  }

  std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> free_;
};

/// A closure on its way through a stream.
struct staged_call {
  std::vector<detail::device_bytes> touched;
  std::vector<void*> copies;
  std::function<void(std::span<void* const>)> f;
};

void run_staged(void* call) {
  auto& staged = *static_cast<staged_call*>(call);
  staged.f(staged.copies);
  staged.f = nullptr;
}

void end_staged(void* call) {
  const std::unique_ptr<staged_call> staged{static_cast<staged_call*>(call)};
  for (std::size_t i = 0; i != staged->copies.size(); ++i) {
    registered_memory::all().give_back(staged->copies[i], staged->touched[i].bytes);
  }
}

void enqueue_host_function(cu_stream stream, void (*function)(void*), void* data) {
  cuda::driver().call<launch_host_func_fn>("cuLaunchHostFunc", 10000, stream, function, data);
}

cu_device_ptr device_address(const void* memory) {
  return reinterpret_cast<cu_device_ptr>(memory);
}

void retain_context(int device) {
  cu_context context = nullptr;
  cuda::driver().call<cu_device_primary_ctx_retain_fn>("cuDevicePrimaryCtxRetain", 7000, &context,
                                                       cu_device{device});
  cuda::driver().call<cu_ctx_set_current_fn>("cuCtxSetCurrent", 4000, context);
}

/// What a test took of a device, so that less is left.
struct taken_memory {
  cu_stream stream = nullptr;
  cu_mem_pool pool = nullptr;
  cu_device_ptr block = 0;
};

taken_memory& taken_of(int device) {
  static std::map<int, taken_memory> all;
  taken_memory& taken = all[device];
  if (taken.stream == nullptr) {
    cu_mem_pool_props props{};
    props.allocation_type = cu_mem_allocation_type::pinned;
    props.location = {cu_mem_location_type::device, device};
    cuda::driver().call<cu_stream_create_with_priority_fn>(
        "cuStreamCreateWithPriority", 5050, &taken.stream, cu_stream_non_blocking, 0);
    cuda::driver().call<cu_mem_pool_create_fn>("cuMemPoolCreate", 11020, &taken.pool, &props);
  }
  return taken;
}

void leave_memory_of(int device, std::size_t bytes) {
  constexpr std::size_t reserve_bytes = std::size_t{512} << 20;  // the runtime leaves it free
  const cuda& driver = cuda::driver();
  retain_context(device);
  taken_memory& taken = taken_of(device);
  const auto synchronize = [&] {
    driver.call<cu_stream_synchronize_fn>("cuStreamSynchronize", 2000, taken.stream);
  };
  if (taken.block != 0) {
    driver.call<cu_mem_free_async_fn>("cuMemFreeAsync", 11020, taken.block, taken.stream);
    synchronize();
    driver.call<cu_mem_pool_trim_to_fn>("cuMemPoolTrimTo", 11020, taken.pool, std::size_t{0});
    taken.block = 0;
  }
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  driver.call<cu_mem_get_info_fn>("cuMemGetInfo", 3020, &free_bytes, &total_bytes);
  constexpr std::size_t step = std::size_t{2} << 20;
  const std::size_t kept = bytes + reserve_bytes;
  if (free_bytes > kept + step) {
    driver.call<cu_mem_alloc_from_pool_async_fn>("cuMemAllocFromPoolAsync", 11020, &taken.block,
                                                 (free_bytes - kept) / step * step, taken.pool,
                                                 taken.stream);
    synchronize();
  }
  driver.call<cu_ctx_set_current_fn>("cuCtxSetCurrent", 4000, cu_context{nullptr});
}

constexpr const char* trap_ptx =
    ".version 7.0\n.target sm_70\n.address_size 64\n"
    ".visible .entry narke_test_trap() {\n  trap;\n  ret;\n}\n";

void launch_trap(const narke::gpu_context& gpu) {
  const cuda& driver = cuda::driver();
  const current_device current{gpu};
  // The emulated driver in the place of CUDA's has no kernels; it has this instead.
  if (auto* trap = driver.find<cu_result(cu_stream)>("narkeEmulatedTrap", 0)) {
    if (const auto code = trap(stream_of(gpu)); code != cu_result::success) {
      give_up("narkeEmulatedTrap", static_cast<int>(code));
    }
    return;
  }
  void* module = nullptr;
  void* function = nullptr;
  driver.call<module_load_fn>("cuModuleLoadData", 2000, &module,
                              static_cast<const void*>(trap_ptx));
  driver.call<module_function_fn>("cuModuleGetFunction", 2000, &function, module,
                                  "narke_test_trap");
  driver.call<launch_kernel_fn>("cuLaunchKernel", 4000, function, 1U, 1U, 1U, 1U, 1U, 1U, 0U,
                                stream_of(gpu), static_cast<void**>(nullptr),
                                static_cast<void**>(nullptr));
}

void enqueue_staged(const narke::gpu_context& gpu, staged_call* staged) {
  const cuda& driver = cuda::driver();
  const current_device current{gpu};
  const cu_stream stream = stream_of(gpu);
  for (const detail::device_bytes& each : staged->touched) {
    staged->copies.push_back(registered_memory::all().take(each.bytes));
    if (each.bytes != 0) {
      driver.call<cu_memcpy_dtoh_async_fn>("cuMemcpyDtoHAsync", 3020, staged->copies.back(),
                                           device_address(each.begin), each.bytes, stream);
    }
  }
  enqueue_host_function(stream, run_staged, staged);
  for (std::size_t i = 0; i != staged->touched.size(); ++i) {
    const detail::device_bytes& each = staged->touched[i];
    if (each.is_written && each.bytes != 0) {
      driver.call<cu_memcpy_htod_async_fn>("cuMemcpyHtoDAsync", 3020, device_address(each.begin),
                                           static_cast<const void*>(staged->copies[i]), each.bytes,
                                           stream);
    }
  }
  enqueue_host_function(stream, end_staged, staged);
}

template <class F>
void unless_lost(F&& f) {
  try {
    f();
  } catch (const device_is_lost&) {
  }
}

}  // namespace

bool uses_cuda() {
  const char* const gpus = std::getenv("NARKE_TEST_GPUS");
  return gpus != nullptr && std::string{gpus} == "cuda";
}

int cuda_device_count() {
  auto* count = cuda::driver().find<cu_device_get_count_fn>("cuDeviceGetCount", 2000);
  int devices = 0;
  return count != nullptr && count(&devices) == cu_result::success ? devices : 0;
}

bool leave_cuda_memory(int count, std::size_t bytes) {
  try {
    for (int device = 0; device != count; ++device) leave_memory_of(device, bytes);
    return true;
  } catch (const device_is_lost&) {
    return false;
  }
}

void trap_on_stream(narke::gpu_context& gpu) {
  if (gpu.emulate([] { throw std::runtime_error{"a trap"}; })) return;
  unless_lost([&] { launch_trap(gpu); });
}

namespace detail {

void enqueue_on_cuda(narke::gpu_context& gpu, std::vector<device_bytes> touched,
                     std::function<void(std::span<void* const>)> f) {
  // Its end lets it go; of a device that fails there is none.
  auto* staged = new staged_call{std::move(touched), {}, std::move(f)};
  unless_lost([&] { enqueue_staged(gpu, staged); });
}

// Not by a host function, which may keep those of other streams from running: the stream waits for
// a word of memory that a thread writes.
void hold_on_cuda(narke::gpu_context& gpu, std::function<void()> wait) {
  constexpr unsigned at_least = 0;
  auto* const word = static_cast<std::uint32_t*>(registered_memory::all().take(sizeof(int)));
  __atomic_store_n(word, 0U, __ATOMIC_RELEASE);
  unless_lost([&] {
    const current_device current{gpu};
    cuda::driver().call<wait_value_fn>("cuStreamWaitValue32", 11070, stream_of(gpu),
                                       device_address(word), 1U, at_least);
  });
  std::thread{[word, wait = std::move(wait)] {
    wait();
    __atomic_store_n(word, 1U, __ATOMIC_RELEASE);  // the word is not used again
  }}.detach();
}

}  // namespace detail
}  // namespace narke_test
