// The runtime on the device: which of Thrust's algorithms wait for the stream, and what is alive
// after a fault. These start narke themselves: on emulated devices, or on CUDA's.
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <narke/narke.hpp>
#include <narke/thrust.hpp>

#include <support/device_work.hpp>

#include "check.hpp"
#include "planted_kernels.hpp"
#include "runtime_checks.hpp"

namespace gpu_check {
namespace {

constexpr std::size_t count = 4096;

struct plus_one {
  __host__ __device__ int operator()(int x) const { return x + 1; }
};
struct is_odd {
  __host__ __device__ bool operator()(int x) const { return x % 2 != 0; }
};
struct nothing {
  __host__ __device__ void operator()(int) const {}
};

/// What an algorithm is called with: all on the device.
struct arrays {
  narke::gpu_context& gpu;
  int* x;
  int* y;
  int* out;
};

using algorithm = void (*)(arrays);

struct named_algorithm {
  const char* name;
  algorithm call;
};

const named_algorithm algorithms[] = {
    {"transform",
     [](arrays a) { thrust::transform(a.gpu.policy(), a.x, a.x + count, a.out, plus_one{}); }},
    {"for_each", [](arrays a) { thrust::for_each(a.gpu.policy(), a.x, a.x + count, nothing{}); }},
    {"fill", [](arrays a) { thrust::fill(a.gpu.policy(), a.out, a.out + count, 1); }},
    {"sequence", [](arrays a) { thrust::sequence(a.gpu.policy(), a.out, a.out + count); }},
    {"copy", [](arrays a) { thrust::copy(a.gpu.policy(), a.x, a.x + count, a.out); }},
    {"sort", [](arrays a) { thrust::sort(a.gpu.policy(), a.x, a.x + count); }},
    {"sort_by_key", [](arrays a) { thrust::sort_by_key(a.gpu.policy(), a.x, a.x + count, a.y); }},
    {"inclusive_scan",
     [](arrays a) { thrust::inclusive_scan(a.gpu.policy(), a.x, a.x + count, a.out); }},
    {"exclusive_scan",
     [](arrays a) { thrust::exclusive_scan(a.gpu.policy(), a.x, a.x + count, a.out); }},
    {"reduce",
     [](arrays a) { static_cast<void>(thrust::reduce(a.gpu.policy(), a.x, a.x + count)); }},
    {"count_if",
     [](arrays a) {
       static_cast<void>(thrust::count_if(a.gpu.policy(), a.x, a.x + count, is_odd{}));
     }},
    {"max_element",
     [](arrays a) { static_cast<void>(thrust::max_element(a.gpu.policy(), a.x, a.x + count)); }},
    {"copy_if",
     [](arrays a) {
       static_cast<void>(thrust::copy_if(a.gpu.policy(), a.x, a.x + count, a.out, is_odd{}));
     }},
};

/// Whether the body returns only when the stream goes on.
bool waits_in_a_body(algorithm call) {
  const auto returned = std::make_shared<std::atomic<bool>>(false);
  const auto open = std::make_shared<std::atomic<bool>>(false);
  auto done = narke::task([=](narke::gpu_context& gpu) {
                auto x = gpu.allocate<int>(count);
                auto y = gpu.allocate<int>(count);
                auto out = gpu.allocate<int>(count);
                thrust::sequence(gpu.policy(), x.begin(), x.end());
                thrust::sequence(gpu.policy(), y.begin(), y.end());
                narke_test::hold_on_stream(gpu, [=] { open->wait(false); });
                call({gpu, x.data(), y.data(), out.data()});
                returned->store(true);
              }).remote();
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{500};
  while (!returned->load() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  const bool is_waiting = !returned->load();
  open->store(true);
  open->notify_all();
  narke::get(done);
  return is_waiting;
}

narke::runtime_options options_for(bool is_emulated) {
  narke::runtime_options options;
  options.num_cpus = 2;
  if (is_emulated) {
    options.emulated_gpus.count = 1;
    options.emulated_gpus.memory_bytes = std::uint64_t{1} << 30;
  }
  return options;
}

narke::array_builder<int> one_more(narke::gpu_context& gpu, narke::device_span<const int> x) {
  auto out = gpu.allocate<int>(x.size());
  thrust::transform(gpu.policy(), x.begin(), x.end(), out.begin(), plus_one{});
  return out;
}

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const narke::device_lost_error& lost) {
    return std::string{"device_lost_error: "} + lost.what();
  } catch (const narke::error& other) {
    return std::string{"another error: "} + other.what();
  }
  return "none";
}

std::string kind_of(const std::string& error) {
  return error.substr(0, error.find(':'));
}

}  // namespace

void see_which_algorithms_wait(bool is_emulated, findings& found) {
  const narke::session session{options_for(is_emulated)};
  // The first use of each loads its code, which waits for the device.
  for (const named_algorithm& each : algorithms) {
    narke::get(narke::task([call = each.call](narke::gpu_context& gpu) {
                 auto x = gpu.allocate<int>(count);
                 auto y = gpu.allocate<int>(count);
                 auto out = gpu.allocate<int>(count);
                 thrust::fill(gpu.policy(), x.begin(), x.end(), 1);
                 thrust::fill(gpu.policy(), y.begin(), y.end(), 1);
                 call({gpu, x.data(), y.data(), out.data()});
               }).remote());
  }
  for (const named_algorithm& each : algorithms) {
    found.facts[std::string{each.name} + "_waits"] = waits_in_a_body(each.call);
  }
}

void live_on_after(fault kind, bool is_emulated, findings& found) {
  const narke::session session{options_for(is_emulated)};
  const auto x = narke::put(narke::array<int>{std::vector<int>(1000, 1)});
  const auto copied = narke::task(one_more).remote(x);
  found.facts["before"] = narke::get(copied).host()[7];
  const auto on_device = narke::task(one_more).remote(copied);
  narke::wait(std::vector{on_device});
  std::atomic<int> sum{0};
  std::vector<narke::object_ref<void>> others;
  for (int i = 0; i != 100; ++i) others.push_back(narke::task([&sum] { ++sum; }).remote());
  const auto broken = narke::task([=](narke::gpu_context& gpu) {
                        if (gpu.emulate([] { throw std::runtime_error{"planted"}; })) return;
                        if (launch_fault(kind, gpu.stream()) != 0)
                          throw narke::error{"the fault was not launched"};
                      }).remote();
  const std::string error = error_of([&] { narke::get(broken); });
  found.facts["the_task_fails_with"] = kind_of(error);
  found.figures["message"] = error;
  found.facts["what_lived_there"] =
      kind_of(error_of([&] { static_cast<void>(narke::get(on_device).host()); }));
  found.facts["what_was_copied_before"] = narke::get(copied).host()[8];
  narke::get(others);
  for (int i = 0; i != 100; ++i) narke::get(narke::task([&sum] { ++sum; }).remote());
  found.facts["cpu_tasks_done"] = sum.load();
  found.facts["a_later_gpu_task"] =
      error_of([&] { narke::get(narke::task(one_more).remote(x)); }) == "none" ? "works" : "fails";
  found.facts["shutdown_within_10_s"] = narke::shutdown(std::chrono::seconds{10});
}

}  // namespace gpu_check
