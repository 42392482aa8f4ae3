// Works that have several devices: their memory on each, who reads what where, and links that are
// not what the driver says.
#include "engine_fixture.hpp"

namespace narke_test {
namespace {

using narke::internal::cu_context;
using narke::internal::cu_device_ptr;
using narke::internal::cu_stream;
using narke::internal::driver_table;

constexpr std::uint64_t capacity_bytes = 1 * mib;

scene_options two_small_devices(bool are_linked = true) {
  scene_options options = small_scene(2, 4 * mib, are_linked);
  options.engine.reserve_bytes = 4 * mib - capacity_bytes;
  options.engine.slab_bytes = 256 * kib;
  options.engine.chunk_bytes = 64 * kib;
  return options;
}

test_work::body_type making_on(int place, std::uint64_t bytes) {
  return [place, bytes](gpu_context& gpu, test_work& work) {
    for (int i = 0; i != gpu.size(); ++i) {
      gpu.on(i).emulate([] {});
    }
    words_builder made = gpu.on(place).allocate<word>(bytes / sizeof(word));
    gpu.on(place).emulate([out = made.data()] { out[0] = 7; });
    work.results.emplace_back(std::move(made));
  };
}

TEST(several_devices_memory, is_reserved_on_each_before_the_body_is_called) {
  engine_scene scene{two_small_devices()};
  // Arrays that are there alone fill the second device: they have to go to the host first.
  std::vector<words> kept;
  for (int i = 0; i != 4; ++i) {
    test_work& made = scene.submit(1, {}, mixing(256 * kib / sizeof(word), 0), {1});
    ASSERT_TRUE(scene.run_all());
    kept.push_back(made.result());
    made.results.clear();
  }
  test_work& both = scene.make(2, {}, making_on(1, 512 * kib), {0, 1});
  both.gpu_memory_bytes = 512 * kib;
  scene.submit(both);
  ASSERT_TRUE(scene.run_all());
  EXPECT_EQ(message_of(both.error), "");
  EXPECT_EQ(message_of(both.thrown), "");
  EXPECT_EQ(both.times_run, 1);
  EXPECT_GE(scene.engine.facts().devices[1].evictions, 2U);
  for (const words& each : kept) {
    EXPECT_EQ(values_of(each), mixed_on_host({}, 256 * kib / sizeof(word), 0));
  }
}

TEST(several_devices_memory, is_learned_for_each) {
  engine_scene scene{two_small_devices()};
  static const char key = 0;
  for (int i = 0; i != 2; ++i) {
    std::vector<words> kept;
    for (int k = 0; k != 4; ++k) {
      test_work& made = scene.submit(1, {}, mixing(256 * kib / sizeof(word), 0), {1});
      ASSERT_TRUE(scene.run_all());
      kept.push_back(made.result());
      made.results.clear();
    }
    test_work& both = scene.make(2, {}, making_on(1, 512 * kib), {0, 1});
    both.key = &key;
    scene.submit(both);
    ASSERT_TRUE(scene.run_all());
    EXPECT_EQ(message_of(both.thrown), "");
    EXPECT_EQ(both.times_run, i == 0 ? 2 : 1);  // the first one found out, and was called again
  }
}

TEST(several_devices_memory, more_than_another_device_has_fails_with_both_sizes) {
  engine_scene scene{two_small_devices()};
  test_work& both = scene.make(1, {}, making_on(1, 2 * capacity_bytes), {0, 1});
  both.gpu_memory_bytes = 2 * capacity_bytes;
  scene.submit(both);
  ASSERT_TRUE(scene.run_all());
  EXPECT_TRUE(is_a<narke::out_of_device_memory>(both.error));
  EXPECT_NE(message_of(both.error).find(std::to_string(2 * capacity_bytes)), std::string::npos);
  EXPECT_NE(message_of(both.error).find(std::to_string(capacity_bytes)), std::string::npos);
  EXPECT_EQ(both.times_run, 0);
}

// Each wants most of both devices, in either order, among works that fill one of them.
TEST(several_devices_memory, works_that_want_the_same_devices_never_wait_for_each_other) {
  engine_scene scene{two_small_devices()};
  std::vector<test_work*> all;
  for (int round = 0; round != 12; ++round) {
    for (const std::vector<int>& on : {std::vector{0, 1}, std::vector{1, 0}}) {
      test_work& both = scene.make(static_cast<std::uint64_t>(1 + round % 3), {},
                                   making_on(round % 2, 700 * kib), on);
      both.gpu_memory_bytes = 700 * kib;
      all.push_back(&scene.submit(both));
      for (const int device : {0, 1}) {
        test_work& one = scene.make(7, {}, making_on(0, 600 * kib), {device});
        one.gpu_memory_bytes = 600 * kib;
        all.push_back(&scene.submit(one));
      }
    }
  }
  for (test_work* each : all) {
    each->when_ordered = [each] { each->results.clear(); };
  }
  ASSERT_TRUE(scene.run_all());
  for (test_work* each : all) {
    EXPECT_EQ(message_of(each->error), "");
    EXPECT_EQ(message_of(each->thrown), "");
  }
}

// What its other devices read over the link is in no order with what the first one writes.
TEST(several_devices_memory, argument_is_never_written_in_place_while_another_device_reads_it) {
  engine_scene scene{two_small_devices()};
  test_work& work = scene.submit(
      1, {words{counting(1024)}},
      [](gpu_context& gpu, test_work& self) {
        words_builder read = gpu.on(1).allocate<word>(1);
        gpu.on(1).emulate([from = self.input(0, gpu), out = read.data()] { out[0] = from[5]; });
        words_builder written = self.consume(0, gpu);
        gpu.emulate([out = written.data()] { out[5] = 1'000; });
        self.results.emplace_back(std::move(read));
        self.results.emplace_back(std::move(written));
      },
      {0, 1});
  ASSERT_TRUE(scene.run_all());
  EXPECT_FALSE(work.was_consumed);
  EXPECT_EQ(values_of(work.result(0)), std::vector<word>{5});
  EXPECT_EQ(values_of(work.result(1))[5], 1'000U);
}

// Copies between devices answer success and bring nothing, as behind some bridges.
const driver_table* honest = nullptr;

const driver_table& with_lying_links(const driver_table& real) {
  static driver_table table;
  honest = &real;
  table = real;
  table.memcpy_peer_async = [](cu_device_ptr to, cu_context, cu_device_ptr, cu_context,
                               std::size_t bytes, cu_stream stream) {
    return honest->memset_d8_async(to, 0x5A, bytes, stream);
  };
  return table;
}

TEST(links, that_carry_other_bytes_are_none) {
  scene_options options = two_small_devices();
  options.wrap = with_lying_links;
  engine_scene scene{options};
  test_work& made = scene.submit(1, {}, mixing(4096, 3), {0});
  ASSERT_TRUE(scene.run_all());
  test_work& reader = scene.submit(1, {made.result()}, mixing(4096, 4), {1});
  ASSERT_TRUE(scene.run_all());
  EXPECT_EQ(values_of(reader.result()), mixed_on_host({mixed_on_host({}, 4096, 3)}, 4096, 4));
  EXPECT_GT(scene.engine.facts().bytes_to_host, 0U);
  EXPECT_EQ(scene.engine.facts().bytes_between_devices, 0U);
}

}  // namespace
}  // namespace narke_test
