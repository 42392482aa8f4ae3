// Everything at once, by seed: tasks of shares and of several GPUs, results in pairs, arguments
// that are written in place, actors on GPUs, CPU tasks between them, refs that go at any moment,
// and a shutdown in the middle; each value checked against a model, and emulated devices that look
// for races. Each run is a process of its own, as the checks are set by the environment.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <narke/narke.hpp>

#include "support/fresh_process.hpp"
#include "support/stress_rounds.hpp"

namespace {

using ints = narke::array<unsigned>;
using builder = narke::array_builder<unsigned>;
using span = narke::device_span<const unsigned>;

builder added(narke::gpu_context& gpu, span x, unsigned plus) {
  builder out = gpu.allocate<unsigned>(x.size());
  gpu.emulate([=, to = out.data()] {
    for (std::size_t i = 0; i != x.size(); ++i) to[i] = x[i] + plus;
  });
  return out;
}

builder summed(narke::gpu_context& gpu, span x, span y) {
  const std::size_t size = std::min(x.size(), y.size());
  builder out = gpu.allocate<unsigned>(size);
  gpu.emulate([=, to = out.data()] {
    for (std::size_t i = 0; i != size; ++i) to[i] = x[i] + y[i];
  });
  return out;
}

std::pair<builder, builder> split(narke::gpu_context& gpu, span x) {
  return {added(gpu, x, 1), added(gpu, x, 2)};
}

builder doubled_in_place(narke::gpu_context& gpu, builder all) {
  gpu.emulate([data = all.data(), size = all.size()] {
    for (std::size_t i = 0; i != size; ++i) data[i] *= 2;
  });
  return all;
}

// The second GPU makes the second result, of its own.
std::pair<builder, builder> on_two(narke::gpu_context& gpu, span x) {
  builder first = added(gpu, x, 5);
  builder second = gpu.on(1).allocate<unsigned>(16);
  gpu.on(1).emulate([to = second.data()] {
    for (unsigned i = 0; i != 16; ++i) to[i] = i;
  });
  return {std::move(first), std::move(second)};
}

unsigned total(std::span<const unsigned> x) {
  unsigned sum = 0;
  for (const unsigned each : x) sum += each;
  return sum;
}

class adder {
 public:
  builder step(narke::gpu_context& gpu, span x) {
    ++calls_;
    return added(gpu, x, 100);
  }
  int calls() const { return calls_; }

 private:
  int calls_ = 0;
};

struct known {
  narke::object_ref<ints> ref;
  std::vector<unsigned> expected;
};

class mixed_run {
 public:
  mixed_run(std::uint64_t seed, int gpus) : random_{seed}, gpus_{gpus} {
    narke::init(
        {.num_cpus = 2, .emulated_gpus = {.count = gpus, .memory_bytes = std::size_t{2} << 20}});
    actor_ = narke::actor<adder>({.num_gpus = 0.25}).remote();
  }

  void run(int steps) {
    for (int i = 0; i != steps; ++i) {
      if (arrays_.size() < 3) {
        add_host_array();
      }
      step();
      while (arrays_.size() > 12) {
        arrays_.erase(arrays_.begin() + static_cast<std::ptrdiff_t>(below(arrays_.size())));
      }
    }
  }
  void check_all() {
    for (const known& each : arrays_) {
      check(each);
    }
    EXPECT_EQ(narke::get(actor_.task(&adder::calls).remote()), actor_calls_);
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  // The actor keeps a quarter of one for life.
  [[nodiscard]] double most() const { return gpus_ > 2 ? 1 : 0.5; }
  known& some() { return arrays_[below(arrays_.size())]; }

  void add_host_array() {
    std::vector<unsigned> values(1 + below(64 * 1024));
    for (unsigned& each : values) each = static_cast<unsigned>(below(1000));
    arrays_.push_back({narke::put(ints{values}), values});
  }
  static void check(const known& each) {
    const ints array = narke::get(each.ref);
    EXPECT_EQ(array.to_vector(), each.expected);
  }
  static std::vector<unsigned> plus(std::vector<unsigned> values, unsigned what) {
    for (unsigned& each : values) each += what;
    return values;
  }

  void step() {
    const known from = some();
    switch (below(9)) {
      case 0:
        arrays_.push_back(
            {narke::task(added, {.num_gpus = most()}).remote(from.ref, 3), plus(from.expected, 3)});
        break;
      case 1:
        arrays_.push_back(
            {narke::task(added, {.num_gpus = 0.25}).remote(from.ref, 4), plus(from.expected, 4)});
        break;
      case 2: {
        auto [one, two] =
            narke::task(split, {.num_gpus = most()}).num_returns<2>().remote(from.ref);
        arrays_.push_back({one, plus(from.expected, 1)});
        if (below(2) == 0) arrays_.push_back({two, plus(from.expected, 2)});
        break;
      }
      case 3:
        write_in_place();
        break;
      case 4:
        if (gpus_ > 2) {
          auto [one, two] = narke::task(on_two, {.num_gpus = 2}).num_returns<2>().remote(from.ref);
          arrays_.push_back({one, plus(from.expected, 5)});
          arrays_.push_back({two, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}});
        }
        break;
      case 5:
        arrays_.push_back({actor_.task(&adder::step).remote(from.ref), plus(from.expected, 100)});
        ++actor_calls_;
        break;
      case 6:
        EXPECT_EQ(narke::get(narke::task(total).remote(from.ref)), total(from.expected));
        break;
      case 7:
        add_sum();
        break;
      default:
        check(from);
    }
  }

  void write_in_place() {
    const std::size_t which = below(arrays_.size());
    known taken = std::move(arrays_[which]);
    arrays_.erase(arrays_.begin() + static_cast<std::ptrdiff_t>(which));
    for (unsigned& each : taken.expected) each *= 2;
    arrays_.push_back(
        {narke::task(doubled_in_place, {.num_gpus = most()}).remote(std::move(taken.ref)),
         std::move(taken.expected)});
  }

  void add_sum() {
    const known a = some();
    const known b = some();
    std::vector<unsigned> expected(std::min(a.expected.size(), b.expected.size()));
    for (std::size_t i = 0; i != expected.size(); ++i) {
      expected[i] = a.expected[i] + b.expected[i];
    }
    arrays_.push_back(
        {narke::task(summed, {.num_gpus = most()}).remote(a.ref, b.ref), std::move(expected)});
  }

  std::mt19937_64 random_;
  int gpus_;
  int actor_calls_ = 0;
  std::vector<known> arrays_;
  narke::actor_handle<adder> actor_;
};

class gpu_mixed : public testing::TestWithParam<std::pair<int, std::string>> {};

TEST_P(gpu_mixed, gives_right_values_and_breaks_no_rule_of_the_driver) {
  narke_test::in_fresh_process([] {
    ::setenv("NARKE_GPU_CHECK", "1", 1);  // a break ends the process at shutdown
    ::setenv("NARKE_GPU_ALLOCATOR", GetParam().second.c_str(), 1);
    const auto seeds = static_cast<std::uint64_t>(narke_test::stress_rounds(3));
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      {
        mixed_run run{seed, GetParam().first};
        run.run(60);
        run.check_all();
      }
      narke::shutdown();
    }
  });
}

TEST_P(gpu_mixed, may_be_shut_down_in_the_middle) {
  narke_test::in_fresh_process([] {
    ::setenv("NARKE_GPU_CHECK", "1", 1);
    ::setenv("NARKE_GPU_ALLOCATOR", GetParam().second.c_str(), 1);
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      mixed_run run{seed, GetParam().first};
      run.run(40);
      narke::shutdown();
    }
  });
}

INSTANTIATE_TEST_SUITE_P(devices, gpu_mixed,
                         testing::Values(std::pair{1, ""}, std::pair{2, "driver"}, std::pair{3, ""},
                                         std::pair{8, ""}),
                         [](const auto& with) {
                           return std::to_string(with.param.first) +
                                  (!with.param.second.empty() ? "_driver_allocations" : "");
                         });

}  // namespace
