// When the CUDA driver is asked for its devices: never by programs that have no use for GPUs, and
// before anybody sees that it was not yet. Each test is a process that finds the emulated driver as
// it would find libcuda.so.1: a library of that name is there already.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <narke/narke.hpp>

#include "support/fresh_process.hpp"

namespace {

class cuda_stand_in {
 public:
  explicit cuda_stand_in(const char* devices = "2", const char* taken = nullptr) {
    ::unsetenv("NARKE_EMULATED_GPUS");
    ::setenv("NARKE_EMULATED_CUDA_DEVICES", devices, 1);
    if (taken != nullptr) {
      ::setenv("NARKE_EMULATED_CUDA_TAKEN", taken, 1);
    }
    library_ = ::dlopen(NARKE_EMULATED_LIBCUDA, RTLD_NOW | RTLD_LOCAL);
    EXPECT_NE(library_, nullptr) << ::dlerror();
  }
  std::uint64_t calls(const char* entry) const {
    using count = std::uint64_t(const char*);
    return reinterpret_cast<count*>(::dlsym(library_, "narke_emulated_cuda_calls"))(entry);
  }

 private:
  void* library_;
};

narke::array_builder<int> make_eight(narke::gpu_context& gpu) {
  return gpu.allocate<int>(8);
}

TEST(gpu_lookup, is_never_made_for_a_program_without_gpu_tasks) {
  narke_test::in_fresh_process([] {
    const cuda_stand_in cuda;
    narke::init({.num_cpus = 2, .resources = {{"license", 1}}});
    auto one = narke::task([](int x) { return x + 1; }).remote(1);
    auto two = narke::task([](int x) { return x + 1; }, {.num_cpus = 2}).remote(one);
    auto three = narke::task([](int x) { return x + 1; }, {.resources = {{"license", 1}}});
    EXPECT_EQ(narke::get(three.remote(two)), 4);
    EXPECT_EQ(narke::get(narke::put(5)), 5);
    narke::shutdown();
    EXPECT_EQ(cuda.calls("init"), 0U);
  });
}

TEST(gpu_lookup, is_made_once_when_it_is_asked_what_there_is) {
  narke_test::in_fresh_process([] {
    const cuda_stand_in cuda;
    narke::init({.num_cpus = 2});
    EXPECT_EQ(cuda.calls("init"), 0U);
    EXPECT_EQ(narke::cluster_resources().at("GPU"), 2);
    EXPECT_EQ(narke::available_resources().at("GPU"), 2);
    EXPECT_EQ(narke::get_gpu_ids(), (std::vector{0, 1}));
    EXPECT_EQ(narke::gpus().size(), 2U);
    EXPECT_EQ(narke::nodes().front().resources.at("GPU"), 2);
    EXPECT_NE(narke::report().find("emulated GPU"), std::string::npos);
    EXPECT_EQ(cuda.calls("device_primary_ctx_retain"), 0U) << "and opens no context";
    narke::shutdown();
  });
}

TEST(gpu_lookup, gpus_are_there_for_the_first_task_that_asks_for_one) {
  narke_test::in_fresh_process([] {
    const cuda_stand_in cuda;
    narke::init({.num_cpus = 2});
    // Work of the CPU is under way meanwhile, and holds what it holds.
    auto cpu = narke::task([] { return narke::get_gpu_ids().size(); }, {.num_cpus = 2}).remote();
    auto ids = narke::task([] { return narke::get_gpu_ids(); }, {.num_gpus = 2}).remote();
    EXPECT_EQ(narke::get(ids), (std::vector{0, 1}));
    EXPECT_EQ(narke::get(cpu), 0U);
    EXPECT_EQ(narke::get(narke::task(make_eight).remote()).size(), 8U);
    EXPECT_EQ(narke::available_resources().at("GPU"), 2);
    narke::shutdown();
  });
}

TEST(gpu_lookup, names_of_accelerators_can_be_asked_for_at_once) {
  narke_test::in_fresh_process([] {
    const cuda_stand_in cuda;
    narke::init({.num_cpus = 2});
    EXPECT_THROW(narke::task([] {}, {.resources = {{"accelerator_type:none-such", 1}}}).remote(),
                 narke::infeasible_request);
    EXPECT_GE(cuda.calls("init"), 1U);
    narke::shutdown();
  });
}

TEST(gpu_lookup, too_many_gpus_are_infeasible_when_first_asked_for) {
  narke_test::in_fresh_process([] {
    const cuda_stand_in cuda;
    narke::init({.num_cpus = 2});
    EXPECT_THROW(narke::task([] {}, {.num_gpus = 3}).remote(), narke::infeasible_request);
    narke::shutdown();
    narke::init({.num_cpus = 2});
    EXPECT_EQ(
        narke::get(
            narke::task([] { return narke::get_gpu_ids().size(); }, {.num_gpus = 2}).remote()),
        2U);
    narke::shutdown();
  });
}

TEST(gpu_lookup, num_gpus_is_checked_by_init) {
  narke_test::in_fresh_process([] {
    const cuda_stand_in cuda;
    EXPECT_THROW(narke::init({.num_gpus = 3}), std::invalid_argument);
    narke::init({.num_gpus = 1});
    EXPECT_EQ(narke::get_gpu_ids(), std::vector{0});
    narke::shutdown();
  });
}

TEST(gpu_lookup, threads_that_ask_at_once_all_see_the_gpus) {
  narke_test::in_fresh_process([] {
    const cuda_stand_in cuda;
    narke::init({.num_cpus = 4});
    std::vector<narke::object_ref<double>> asked;
    for (int i = 0; i != 16; ++i) {
      asked.push_back(narke::task([] { return narke::cluster_resources().at("GPU"); }).remote());
    }
    for (const double each : narke::get(asked)) {
      EXPECT_EQ(each, 2);
    }
    narke::shutdown();
  });
}

// Exclusive-process mode (CUDA error 46): another process has the device.
TEST(gpu_that_is_taken, is_out_of_use_and_its_tasks_go_elsewhere) {
  narke_test::in_fresh_process([] {
    const cuda_stand_in cuda{"2", "0"};
    narke::init({.num_cpus = 2});
    std::vector<narke::object_ref<narke::array<int>>> made;
    for (int i = 0; i != 8; ++i) {
      made.push_back(narke::task(make_eight).remote());
    }
    for (const auto& each : made) {
      EXPECT_EQ(narke::get(each).size(), 8U);
    }
    EXPECT_EQ(
        narke::get(narke::task([] { return narke::get_gpu_ids(); }, {.num_gpus = 1}).remote()),
        std::vector{1});
    narke::shutdown();
  });
}

TEST(gpu_that_is_taken, fails_what_can_go_nowhere_else_and_says_why) {
  narke_test::in_fresh_process([] {
    const cuda_stand_in cuda{"1", "0"};
    narke::init({.num_cpus = 2});
    auto made = narke::task(make_eight).remote();
    try {
      narke::get(made);
      ADD_FAILURE() << "it ran";
    } catch (const narke::device_lost_error& lost) {
      EXPECT_NE(std::string{lost.what()}.find("exclusive-process mode"), std::string::npos)
          << lost.what();
    }
    EXPECT_EQ(narke::get(narke::task([] { return 7; }).remote()), 7);
    narke::shutdown();
  });
}

}  // namespace
