// Copies and kernels at once, in virtual time: 25 GB/s each way, and kernels as long as the copies.
#include <algorithm>

#include "engine_fixture.hpp"

namespace narke_test {
namespace {

using narke::internal::accessed_bytes;
using narke::internal::byte_access;
using narke::internal::emulated_work;

constexpr std::size_t chunk_bytes = 4 * mib;
constexpr std::size_t array_bytes = 16 * mib;
constexpr std::uint64_t bytes_per_second = 25'000'000'000;
constexpr std::uint64_t copy_ns = array_bytes * 1'000'000'000 / bytes_per_second;

scene_options with_bandwidth() {
  scene_options options = small_scene(1, 1024 * mib);
  options.driver.detect_races = false;
  options.driver.model.h2d_bytes_per_second = bytes_per_second;
  options.driver.model.d2h_bytes_per_second = bytes_per_second;
  options.driver.poison_bytes_max = 0;
  options.driver.query_patience_us = 3'600'000'000;
  options.engine.chunk_bytes = chunk_bytes;
  options.engine.slots_a_direction = 4;
  options.engine.slab_bytes = 64 * mib;
  return options;
}

// The clock stands while the host has anything to do, and goes on by less than it takes to poll.
void run_all_in_time(engine_scene& scene) {
  for (int steps = 0; !scene.engine.is_idle(); ++steps) {
    ASSERT_LT(steps, 10'000'000);
    if (!scene.step()) {
      scene.driver.advance(5'000);
    }
  }
}

// Takes as long as its input's copy, and makes an array as large when it is to.
test_work::body_type kernel(engine_scene& scene, bool makes_result) {
  return [&scene, makes_result](gpu_context& gpu, test_work& work) {
    std::vector<accessed_bytes> accesses{
        {reinterpret_cast<std::uint64_t>(work.input(0, gpu)), array_bytes, byte_access::read}};
    words_builder made;
    if (makes_result) {
      made = gpu.allocate<word>(array_bytes / sizeof(word));
      accesses.push_back(
          {reinterpret_cast<std::uint64_t>(made.data()), array_bytes, byte_access::write});
    }
    const emulated_work closure{.run = [](void*) { return true; },
                                .drop = [](void*) {},
                                .context = nullptr,
                                .accesses = accesses.data(),
                                .access_count = accesses.size(),
                                .label = "kernel",
                                .modelled_ns = copy_ns};
    const auto stream = reinterpret_cast<narke::internal::cu_stream>(gpu.stream());
    ASSERT_EQ(scene.driver.table().emulate(stream, closure), cu_result::success);
    work.results.emplace_back(std::move(made));
  };
}

TEST(overlap, kernels_run_while_the_next_inputs_come) {
  engine_scene scene{with_bandwidth()};
  test_work& opens = scene.submit(1, {}, mixing(8, 0));
  ASSERT_TRUE(scene.run_all());
  EXPECT_TRUE(opens.is_complete);
  constexpr std::size_t works = 24;
  std::vector<words> inputs;
  for (std::size_t i = 0; i != works; ++i) {
    inputs.emplace_back(std::vector<word>(array_bytes / sizeof(word)));
  }
  const std::uint64_t begin_ns = scene.driver.now_ns();
  for (const words& each : inputs) {
    scene.submit(1, {each}, kernel(scene, false));
  }
  run_all_in_time(scene);
  const std::uint64_t took_ns = scene.driver.now_ns() - begin_ns;
  // The first copy and the last kernel have nothing beside them.
  const std::uint64_t ideal_ns = (works + 1) * copy_ns;
  testing::Test::RecordProperty("of_ideal", std::to_string(double(ideal_ns) / double(took_ns)));
  EXPECT_GE(static_cast<double>(ideal_ns) / static_cast<double>(took_ns), 0.9)
      << took_ns << " ns where " << ideal_ns << " are possible";
}

TEST(overlap, copies_both_ways_run_beside_kernels) {
  engine_scene scene{with_bandwidth()};
  scene.submit(1, {}, mixing(8, 0));
  ASSERT_TRUE(scene.run_all());
  constexpr std::size_t works = 24;
  std::vector<words> inputs;
  for (std::size_t i = 0; i != works; ++i) {
    inputs.emplace_back(std::vector<word>(array_bytes / sizeof(word)));
  }
  std::vector<words> results;
  const std::uint64_t begin_ns = scene.driver.now_ns();
  for (const words& each : inputs) {
    test_work& work = scene.make(1, {each}, kernel(scene, true));
    work.when_ordered = [&scene, &work, &results] {
      results.push_back(std::move(work.results.at(0)));
      scene.engine.prefetch_to_host(*narke::detail::array_access::buffer(results.back()));
    };
    scene.submit(work);
  }
  run_all_in_time(scene);
  const std::uint64_t took_ns = scene.driver.now_ns() - begin_ns;
  const std::uint64_t ideal_ns = (works + 2) * copy_ns;
  testing::Test::RecordProperty("of_ideal", std::to_string(double(ideal_ns) / double(took_ns)));
  EXPECT_GE(static_cast<double>(ideal_ns) / static_cast<double>(took_ns), 0.9)
      << took_ns << " ns where " << ideal_ns << " are possible";
}

}  // namespace
}  // namespace narke_test
