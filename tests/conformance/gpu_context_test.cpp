// What the body of a GPU task works with.
#include <conformance/gpu_fixture.hpp>

#include <memory>
#include <stdexcept>

using narke_test::counted;
using narke_test::elements;
using narke_test::mebibyte;
using narke_test::tally;

namespace {

class gpu_context : public narke_test::on_gpus_test {
 protected:
  /// Runs `body` as a GPU task and waits for it.
  template <class F>
  static auto in_body(F body) {
    return narke::get(narke::task(std::move(body)).remote());
  }
};
NARKE_ON_1_2_GPUS(gpu_context);

TEST_P(gpu_context, names_its_device) {
  const auto [device, emulated, size, has_stream] = in_body([](narke::gpu_context& gpu) {
    return std::tuple{gpu.device(), gpu.is_emulated(), gpu.size(), gpu.stream() != nullptr};
  });
  EXPECT_GE(device, 0);
  EXPECT_LT(device, GetParam());
  EXPECT_EQ(emulated, !narke_test::uses_cuda());
  EXPECT_EQ(size, 1);
  EXPECT_TRUE(has_stream);
}

TEST_P(gpu_context, of_one_gpu_is_its_own_first) {
  in_body([](narke::gpu_context& gpu) {
    EXPECT_EQ(&gpu.on(0), &gpu);
    EXPECT_THROW(static_cast<void>(gpu.on(1)), std::invalid_argument);
    EXPECT_THROW(static_cast<void>(gpu.on(-1)), std::invalid_argument);
  });
}

TEST_P(gpu_context, allocates_what_was_asked_for) {
  in_body([](narke::gpu_context& gpu) {
    auto some = gpu.allocate<double>(1000);
    EXPECT_EQ(some.size(), 1000U);
    EXPECT_EQ(some.size_bytes(), 8000U);
    EXPECT_NE(some.data(), nullptr);
    EXPECT_EQ(some.end() - some.begin(), 1000);
    auto more = gpu.allocate<double>(1000);
    const bool apart = some.end() <= more.begin() || more.end() <= some.begin();
    EXPECT_TRUE(apart);
    auto none = gpu.allocate<int>(0);
    EXPECT_TRUE(none.empty());
  });
}

TEST_P(gpu_context, runs_what_is_enqueued_once_and_in_order) {
  const auto seen = std::make_shared<std::vector<int>>();
  in_body([=](narke::gpu_context& gpu) {
    for (int i = 0; i != 50; ++i) {
      narke_test::on_stream(gpu, [=] { seen->push_back(i); });
    }
  });
  std::vector<int> expected(50);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(*seen, expected);
  EXPECT_EQ(seen.use_count(), 1) << "a closure is still somewhere";
}

TEST_P(gpu_context, does_not_run_what_is_enqueued_inside_the_body) {
  const tally ran;
  const tally returns;
  narke_test::gate hold;
  const auto ref = narke::task([=, wait = hold.waiter()](narke::gpu_context& gpu) {
    narke_test::hold_on_stream(gpu, wait);
    narke_test::on_stream(gpu, [=] { ran.add(); });
    returns.add();
  }).remote();
  returns.wait_for(1);
  EXPECT_EQ(ran.value(), 0) << "what stands before it waits";
  hold.open();
  narke::get(ref);
  EXPECT_EQ(ran.value(), 1);
}

TEST_P(gpu_context, synchronize_waits_for_the_work_so_far) {
  const tally done;
  in_body([=](narke::gpu_context& gpu) {
    for (int i = 0; i != 10; ++i) narke_test::on_stream(gpu, [=] { done.add(); });
    gpu.synchronize();
    EXPECT_EQ(done.value(), 10);
    narke_test::on_stream(gpu, [=] { done.add(); });
  });
  EXPECT_EQ(done.value(), 11);
}

TEST_P(gpu_context, of_a_body_that_waits_keeps_nobody_from_the_device) {
  narke_test::gate hold;
  const tally waits;
  const auto waiting = narke::task([=, wait = hold.waiter()](narke::gpu_context& gpu) {
    narke_test::hold_on_stream(gpu, wait);
    waits.add();
    gpu.synchronize();
    return 1;
  }, {.num_gpus = 0.5}).remote();
  waits.wait_for(1);
  for (int i = 0; i != 10; ++i) {
    const auto other = narke::task(narke_test::plus_one, {.num_gpus = 0.5});
    EXPECT_EQ(elements(other.remote(std::vector<float>{1})), std::vector<float>{2});
  }
  EXPECT_FALSE(narke::is_ready(waiting));
  hold.open();
  EXPECT_EQ(narke::get(waiting), 1);
}

TEST_P(gpu_context, gives_memory_for_the_time_of_the_body) {
  const auto sum = in_body([](narke::gpu_context& gpu) {
    auto out = gpu.allocate<int>(1);
    auto* scratch = static_cast<int*>(gpu.allocate_temporary(4 * sizeof(int)));
    const narke::device_span<int> four{scratch, 4};
    narke_test::on_stream(gpu, [](auto all) { std::iota(all.begin(), all.end(), 1); }, four);
    narke_test::on_stream(
        gpu, [](auto all, auto to) { to[0] = std::accumulate(all.begin(), all.end(), 0); }, four,
        out);
    gpu.free_temporary(scratch);
    void* kept = gpu.allocate_temporary(1000);
    EXPECT_NE(kept, nullptr);
    return out;
  });
  EXPECT_EQ(sum.to_vector(), std::vector<int>{10});
}

TEST_P(gpu_context, temporary_memory_never_adds_up) {
  const auto body = narke::task([](narke::gpu_context& gpu) {
    for (int i = 0; i != 4; ++i) {
      void* scratch = gpu.allocate_temporary(50 * mebibyte);
      if (i % 2 == 0) gpu.free_temporary(scratch);
    }
  });
  std::vector<narke::object_ref<void>> all;
  for (int i = 0; i != 20; ++i) all.push_back(body.remote());
  narke::get(all);
}

TEST_P(gpu_context, says_both_sizes_when_there_is_no_room) {
  const auto ref = narke::task([](narke::gpu_context& gpu) {
    return gpu.allocate<std::byte>(1000 * mebibyte);
  }).remote();
  const auto message =
      narke_test::message_of<narke::out_of_device_memory>([&] { narke::get(ref); });
  EXPECT_NE(message, "");
  EXPECT_EQ(elements(narke::task(narke_test::plus_one).remote({1.0f})), std::vector<float>{2})
      << "the device goes on";
}

TEST_P(gpu_context, refuses_more_elements_than_there_can_be) {
  in_body([](narke::gpu_context& gpu) {
    EXPECT_THROW(static_cast<void>(gpu.allocate<double>(SIZE_MAX / 2)), std::invalid_argument);
  });
}

}  // namespace
