// Device memory: what does not fit makes room, and what can never fit says so.
#include <conformance/gpu_fixture.hpp>

#include <future>

using narke_test::counted;
using narke_test::elements;
using narke_test::mebibyte;
using narke_test::plus_one;
using narke_test::saxpy;
using narke_test::tally;

namespace {

using floats = narke::array<float>;

constexpr std::size_t floats_per_mebibyte = mebibyte / sizeof(float);

class gpu_memory : public narke_test::runtime_test,
                   public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    narke_test::start_with_gpus(GetParam(), 64 * mebibyte);
  }
};
NARKE_ON_1_2_GPUS(gpu_memory);

// `mebibytes` of elements that are all `value`, made on the device.
narke::object_ref<floats> filled(std::size_t mebibytes, float value) {
  return narke::task([=](narke::gpu_context& gpu) {
           auto out = gpu.allocate<float>(mebibytes * floats_per_mebibyte);
           narke_test::on_stream(
               gpu, [=](auto all) { std::fill(all.begin(), all.end(), value); }, out);
           return out;
         }).remote();
}

bool is_all(const narke::object_ref<floats>& ref, float value) {
  const floats& all = narke::get(ref);
  const std::span<const float> host = all.host();
  return std::all_of(host.begin(), host.end(), [=](float each) { return each == value; });
}

TEST_P(gpu_memory, holds_more_arrays_than_there_is_room_for) {
  std::vector<narke::object_ref<floats>> all;
  constexpr int count = 40;
  for (int i = 0; i != count; ++i) all.push_back(filled(8, float(i)));
  for (int i = 0; i != count; ++i) {
    EXPECT_TRUE(is_all(all[std::size_t(i)], float(i))) << "array " << i;
  }
}

TEST_P(gpu_memory, brings_back_what_had_to_leave) {
  std::vector<narke::object_ref<floats>> all;
  constexpr std::size_t count = 24;
  for (std::size_t i = 0; i != count; ++i) all.push_back(filled(6, float(i)));
  const auto add = narke::task(saxpy);
  for (std::size_t i = 0; i != count; ++i) {
    all[i] = add.remote(1.0f, all[i], all[(i + count / 2) % count]);
  }
  for (std::size_t i = 0; i != count / 2; ++i) {
    const float first = float(i) + float(i + count / 2);
    EXPECT_TRUE(is_all(all[i], first));
    EXPECT_TRUE(is_all(all[i + count / 2], float(i + count / 2) + first));
  }
}

TEST_P(gpu_memory, of_arrays_that_nobody_holds_is_used_again) {
  for (int i = 0; i != 12; ++i) {
    EXPECT_TRUE(is_all(filled(20, float(i)), float(i)));
  }
}

TEST_P(gpu_memory, a_long_chain_needs_no_more_than_its_steps) {
  auto x = filled(15, 0);
  for (int i = 0; i != 30; ++i) x = narke::task(plus_one).remote(std::move(x));
  EXPECT_TRUE(is_all(x, 30));
}

TEST_P(gpu_memory, a_working_set_larger_than_the_device_names_both_sizes) {
  const auto x = narke::put(floats{counted(30 * floats_per_mebibyte)});
  const auto y = narke::put(floats{counted(30 * floats_per_mebibyte)});
  const auto z = narke::put(floats{counted(30 * floats_per_mebibyte)});
  const tally bodies;
  const auto body = [=](narke::gpu_context&, narke::device_span<const float>,
                        narke::device_span<const float>, narke::device_span<const float>) {
    return bodies.add();
  };
  const auto ref = narke::task(body).remote(x, y, z);
  const auto message =
      narke_test::message_of<narke::out_of_device_memory>([&] { narke::get(ref); });
  EXPECT_NE(message.find(std::to_string(90 * mebibyte)), std::string::npos) << message;
  EXPECT_EQ(bodies.value(), 0);
  EXPECT_TRUE(is_all(filled(20, 3), 3)) << "the device goes on";
}

TEST_P(gpu_memory, a_dependent_of_such_a_task_fails_the_same_way) {
  const auto next = narke::task(plus_one).remote(filled(100, 1));
  EXPECT_THROW(narke::get(next), narke::out_of_device_memory);
}

TEST_P(gpu_memory, a_body_gets_its_outputs_when_others_can_leave) {
  std::vector<narke::object_ref<floats>> idle;
  for (int i = 0; i != 10; ++i) idle.push_back(filled(6, float(i)));
  narke::get(idle);
  EXPECT_TRUE(is_all(filled(50, 9), 9));
  for (int i = 0; i != 10; ++i) EXPECT_TRUE(is_all(idle[std::size_t(i)], float(i)));
}

TEST_P(gpu_memory, many_that_need_most_of_the_device_take_turns) {
  const auto big = [](narke::gpu_context& gpu, narke::device_span<const float> x, float more) {
    auto scratch = gpu.allocate<float>(x.size());
    auto out = gpu.allocate<float>(x.size());
    narke_test::on_stream(gpu, [=](auto from, auto middle, auto to) {
      for (std::size_t i = 0; i != from.size(); ++i) middle[i] = from[i] + more;
      for (std::size_t i = 0; i != from.size(); ++i) to[i] = middle[i] * 2;
    }, x, scratch, out);
    return out;
  };
  const auto task = narke::task(big, {.num_gpus = 0.25});
  const auto x = narke::put(floats{std::vector<float>(12 * floats_per_mebibyte, 1)});
  std::vector<narke::object_ref<floats>> all;
  for (int i = 0; i != 12; ++i) all.push_back(task.remote(x, float(i)));
  for (int i = 0; i != 12; ++i) EXPECT_TRUE(is_all(all[std::size_t(i)], 2 * float(i + 1)));
}

TEST_P(gpu_memory, handles_may_go_while_room_is_made) {
  const auto churn = [](float first) {
    std::vector<narke::object_ref<floats>> kept(8);
    for (std::size_t i = 0; i != 80; ++i) {
      kept[i % kept.size()] = filled(6, first + float(i));  // and the one before it goes
      narke::wait(std::vector{kept[i % kept.size()]});
    }
    for (std::size_t i = 0; i != kept.size(); ++i) {
      EXPECT_TRUE(is_all(kept[i], first + float(72 + i)));
    }
  };
  auto other = std::async(std::launch::async, churn, 1000.0f);
  churn(0);
  other.get();
}

TEST_P(gpu_memory, what_was_asked_for_is_there) {
  const auto body = narke::task([](narke::gpu_context& gpu) {
    return gpu.allocate<std::byte>(40 * mebibyte).size();
  }, {.num_gpus = 1, .gpu_memory = 41.0 * mebibyte});
  std::vector<narke::object_ref<floats>> idle;
  for (int i = 0; i != 8; ++i) idle.push_back(filled(7, float(i)));
  EXPECT_EQ(narke::get(body.remote()), 40 * mebibyte);
  for (int i = 0; i != 8; ++i) EXPECT_TRUE(is_all(idle[std::size_t(i)], float(i)));
}

TEST_P(gpu_memory, of_a_handle_outlives_the_runtime) {
  auto ref = filled(2, 5);
  const floats held = narke::get(ref);
  narke::shutdown();
  EXPECT_EQ(held.host()[17], 5);
  EXPECT_TRUE(is_all(ref, 5));
}

TEST_P(gpu_memory, of_a_result_that_nobody_looked_at_outlives_the_runtime) {
  auto ref = filled(2, 6);
  narke::wait(std::vector{ref});
  narke::shutdown();
  EXPECT_TRUE(is_all(ref, 6));
}

TEST_P(gpu_memory, comes_back_with_the_next_runtime) {
  auto ref = filled(2, 7);
  narke::get(ref);
  for (int i = 0; i != 3; ++i) {
    narke::shutdown();
    narke_test::start_with_gpus(GetParam(), 64 * mebibyte);
    ref = narke::task(plus_one).remote(ref);
    narke::get(ref);
  }
  EXPECT_TRUE(is_all(ref, 10));
}

}  // namespace
