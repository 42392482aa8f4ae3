// One of two devices is lost while work is in flight: what was there fails by its type, everything
// else goes on.
#include "engine_fixture.hpp"

namespace narke_test {
namespace {

using narke::device_lost_error;

// Work gets on when the whole driver is waited for, and not before.
scene_options two_devices(bool are_linked) {
  scene_options options = small_scene(2, 4 * mib, are_linked);
  options.driver.query_patience_us = 3'600'000'000;
  options.driver.detect_races = false;  // a device that is lost is waited for no more
  options.expects_violations = true;    // its handles are not given back
  return options;
}

// Opening takes time, in which work gets on.
void open_both(engine_scene& scene) {
  scene.submit(1, {}, mixing(16, 0), {0});
  scene.submit(1, {}, mixing(16, 0), {1});
  ASSERT_TRUE(scene.run_all());
}

void to_host(engine_scene& scene, const words& array) {
  narke::detail::array_buffer& buffer = *narke::detail::array_access::buffer(array);
  scene.engine.prefetch_to_host(buffer);
  ASSERT_TRUE(scene.run_all());
  ASSERT_TRUE(buffer.is_on_host());
}

class device_loss : public testing::TestWithParam<bool> {  // whether the devices are linked
 protected:
  void SetUp() override { open_both(scene); }
  test_work& on(int device, std::vector<words> inputs, word salt = 0) {
    test_work& work = scene.submit(static_cast<std::uint64_t>(device) + 1, std::move(inputs),
                                   mixing(1024, salt), {device});
    EXPECT_TRUE(scene.run_until_ordered(work));
    return work;
  }
  void TearDown() override {
    EXPECT_TRUE(scene.run_all());
    scene.finish();
    EXPECT_FALSE(scene.is_stuck);
    EXPECT_EQ(scene.found(true), "");
  }

  engine_scene scene{two_devices(GetParam())};
};

TEST_P(device_loss, work_in_flight_fails_there_and_only_there) {
  test_work& there = on(1, {}, 5);
  test_work& here = on(0, {}, 7);
  scene.driver.lose_device(1, cu_result::illegal_address);
  ASSERT_TRUE(scene.run_all());
  EXPECT_TRUE(is_a<device_lost_error>(there.error)) << message_of(there.error);
  EXPECT_EQ(message_of(here.error), "");
  to_host(scene, here.result());
  EXPECT_EQ(values_of(here.result()), mixed_on_host({}, 1024, 7));
}

TEST_P(device_loss, work_submitted_afterwards_fails_at_once_and_elsewhere_runs) {
  on(1, {});
  scene.driver.lose_device(1, cu_result::launch_failed);
  ASSERT_TRUE(scene.run_all());
  test_work& there = on(1, {});
  test_work& here = on(0, {}, 9);
  ASSERT_TRUE(scene.run_all());
  EXPECT_TRUE(is_a<device_lost_error>(there.error));
  EXPECT_EQ(there.times_run, 0);
  to_host(scene, here.result());
  EXPECT_EQ(values_of(here.result()), mixed_on_host({}, 1024, 9));
}

TEST_P(device_loss, array_that_was_only_there_is_lost_and_says_so) {
  test_work& made = on(1, {});
  ASSERT_TRUE(scene.run_all());
  const words array = made.result();
  scene.driver.lose_device(1, cu_result::launch_failed);
  on(1, {});
  ASSERT_TRUE(scene.run_all());
  EXPECT_THROW(static_cast<void>(array.host()), device_lost_error);
}

TEST_P(device_loss, array_on_the_host_lives) {
  const words given{counting(1024)};
  test_work& there = on(1, {given});
  ASSERT_TRUE(scene.run_all());
  const words array = there.result();
  to_host(scene, array);
  scene.driver.lose_device(1, cu_result::launch_failed);
  test_work& fails = on(1, {array});
  ASSERT_TRUE(scene.run_all());
  EXPECT_TRUE(is_a<device_lost_error>(fails.error));
  EXPECT_EQ(values_of(given), counting(1024));
  EXPECT_EQ(values_of(array), mixed_on_host({counting(1024)}, 1024, 0));
  test_work& elsewhere = on(0, {array});
  ASSERT_TRUE(scene.run_all());
  EXPECT_EQ(message_of(elsewhere.error), "");
}

TEST_P(device_loss, array_on_both_devices_outlives_one) {
  const words made = on(1, {}, 3).result();
  test_work& reader = scene.submit(1, {made}, mixing(16, 0), {0});
  ASSERT_TRUE(scene.run_all());
  EXPECT_EQ(message_of(reader.error), "");
  scene.driver.lose_device(1, cu_result::launch_failed);
  on(1, {});
  ASSERT_TRUE(scene.run_all());
  to_host(scene, made);
  EXPECT_EQ(values_of(made), mixed_on_host({}, 1024, 3));
}

// The copy stands in a stream of the device that lives, behind an event of the one that is lost.
TEST(device_loss_over_a_link, what_leans_on_work_that_was_lost_is_lost_too) {
  engine_scene scene{two_devices(true)};
  open_both(scene);
  test_work& source = scene.submit(1, {}, mixing(1024, 1), {1});
  ASSERT_TRUE(scene.run_until_ordered(source));
  test_work& reader = scene.submit(2, {source.result()}, mixing(1024, 2), {0});
  ASSERT_TRUE(scene.run_until_ordered(reader));
  const words result = reader.result();
  test_work& apart = scene.submit(3, {}, mixing(1024, 3), {0});
  ASSERT_TRUE(scene.run_until_ordered(apart));
  scene.driver.lose_device(1, cu_result::illegal_address);
  ASSERT_TRUE(scene.run_all());
  EXPECT_TRUE(is_a<device_lost_error>(source.error));
  EXPECT_TRUE(is_a<device_lost_error>(reader.error)) << message_of(reader.error);
  EXPECT_THROW(static_cast<void>(result.host()), device_lost_error);
  to_host(scene, apart.result());
  EXPECT_EQ(values_of(apart.result()), mixed_on_host({}, 1024, 3));
}

TEST(device_loss_over_a_link, copy_that_was_under_way_comes_from_the_host_instead) {
  engine_scene scene{two_devices(true)};
  open_both(scene);
  test_work& source = scene.submit(1, {}, mixing(1024, 1), {1});
  ASSERT_TRUE(scene.run_all());
  const words array = source.result();
  to_host(scene, array);
  // It reads the copy, which reads the lost device: with that its values are gone, not the array's.
  test_work& reader = scene.submit(2, {array}, mixing(1024, 2), {0});
  ASSERT_TRUE(scene.run_until_ordered(reader));
  scene.driver.lose_device(1, cu_result::illegal_address);
  ASSERT_TRUE(scene.run_all());
  EXPECT_TRUE(is_a<device_lost_error>(reader.error)) << message_of(reader.error);
  test_work& again = scene.submit(2, {array}, mixing(1024, 2), {0});
  ASSERT_TRUE(scene.run_all());
  to_host(scene, again.result());
  EXPECT_EQ(values_of(again.result()), mixed_on_host({mixed_on_host({}, 1024, 1)}, 1024, 2));
}

TEST(device_loss_on_several, work_on_both_devices_fails_and_the_other_one_goes_on) {
  for (const int lost : {0, 1}) {
    engine_scene scene{two_devices(true)};
    open_both(scene);
    const auto body = [](gpu_context& gpu, test_work& work) {
      for (int i = 0; i != gpu.size(); ++i) {
        words_builder made = gpu.on(i).allocate<word>(16);
        gpu.on(i).emulate([out = made.data()] { out[0] = 1; });
        work.results.emplace_back(std::move(made));
      }
    };
    test_work& both = scene.submit(1, {}, body, {0, 1});
    ASSERT_TRUE(scene.run_until_ordered(both));
    scene.driver.lose_device(lost, cu_result::illegal_address);
    test_work& other = scene.submit(1, {}, mixing(16, 4), {1 - lost});
    test_work& later = scene.submit(1, {}, body, {0, 1});
    ASSERT_TRUE(scene.run_all()) << "lost " << lost;
    EXPECT_TRUE(is_a<device_lost_error>(both.error)) << lost << message_of(both.error);
    EXPECT_TRUE(is_a<device_lost_error>(later.error)) << lost << message_of(later.error);
    EXPECT_EQ(message_of(other.error), "");
    to_host(scene, other.result());
    EXPECT_EQ(values_of(other.result()), mixed_on_host({}, 16, 4));
  }
}

INSTANTIATE_TEST_SUITE_P(links, device_loss, testing::Bool(), [](const auto& with) {
  return with.param ? std::string{"linked"} : std::string{"apart"};
});

}  // namespace
}  // namespace narke_test
