// The n-th allocation fails: of init and shutdown, with GPUs, and with tasks in other processes.
#include <faults/allocation_fixture.hpp>

#include <conformance/gpu_fixture.hpp>

#include <string>
#include <vector>

using narke_test::kept_refs;

namespace {

class allocation_faults_of_life : public narke_test::allocation_faults {};

int add_one(int x) { return x + 1; }

TEST_F(allocation_faults_of_life, of_init) {
  refuse_each("init", [](kept_refs& keep) {
    const narke::session session{{.num_cpus = 2, .resources = {{"license", 1}}}};
    EXPECT_EQ(narke::get(keep(narke::task(add_one).remote(1))), 2);
  });
}

TEST_F(allocation_faults_of_life, of_init_with_gpus) {
  refuse_each("init with GPUs", [](kept_refs&) {
    const narke::session session{
        {.num_cpus = 1, .emulated_gpus = {.count = 2, .memory_bytes = narke_test::mebibyte}}};
    static_cast<void>(narke::gpus());
  });
}

TEST_F(allocation_faults_of_life, of_shutdown_with_work_in_flight) {
  refuse_each("shutdown with work in flight", [](kept_refs& keep) {
    narke::init({.num_cpus = 2, .resources = {{"license", 1}}});
    struct in_any_case {
      ~in_any_case() { narke::shutdown(); }
    } const end;
    const auto obey = [](int) {
      while (!narke::stop_requested()) std::this_thread::yield();
      return 1;
    };
    auto running = keep(narke::task(obey).remote(1));
    for (int i = 0; i != 4; ++i) {
      keep(narke::task(obey, {.resources = {{"license", 1}}}).remote(i));
      keep(narke::task(add_one).remote(running));
    }
  });
}

TEST_F(allocation_faults_of_life, of_gpu_tasks) {
  narke_test::start_with_gpus(2, 64 * narke_test::mebibyte);
  const auto values = narke_test::counted(1'000);
  refuse_each("GPU tasks", [&](kept_refs& keep) {
    auto x = keep(narke::put(narke::array<float>{values}));
    auto y = keep(narke::task(narke_test::plus_one, {.num_gpus = 1}).remote(x));
    auto z = keep(narke::task(narke_test::saxpy, {.num_gpus = 0.5}).remote(2.0F, x, y));
    const auto first = [](std::span<const float> all) { return all.empty() ? 0.0F : all[1]; };
    EXPECT_EQ(narke::get(keep(narke::task(first).remote(z))), 4.0F);
    EXPECT_EQ(narke::get(z).host().size(), 1'000U);
  });
}

TEST_F(allocation_faults_of_life, of_gpu_actors) {
  struct holder {
    narke::array_builder<float> next(narke::gpu_context& gpu,
                                     narke::device_span<const float> x) const {
      return narke_test::plus_one(gpu, x);
    }
  };
  narke_test::start_with_gpus(1, 64 * narke_test::mebibyte);
  const auto values = narke_test::counted(100);
  refuse_each("GPU actors", [&](kept_refs& keep) {
    auto a = narke::actor<holder>({.num_gpus = 0.5}).remote();
    auto x = keep(narke::put(narke::array<float>{values}));
    auto y = keep(a.task(&holder::next).remote(x));
    EXPECT_EQ(narke::get(y).to_vector()[0], 1.0F);
  });
}

std::string twice(const std::string& text) { return text + text; }

TEST_F(allocation_faults_of_life, of_isolated_tasks) {
  narke::init({.num_cpus = 2});
  refuse_each("isolated tasks", [](kept_refs& keep) {
    auto ref = keep(
        narke::task(twice, {.isolation = narke::isolation::process}).remote(std::string(30, 'x')));
    EXPECT_EQ(narke::get(ref).size(), 60U);
  });
}

}  // namespace
