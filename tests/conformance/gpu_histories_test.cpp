// Histories by seed: tasks on CPUs and GPUs, in place and not, whose arrays are together larger
// than the devices, each value beside the one that plain loops give.
#include <conformance/gpu_fixture.hpp>

#include <algorithm>
#include <random>

namespace {

using floats = narke::array<float>;
using narke_test::mebibyte;

/// An array of the runtime's, and what it must hold.
struct entry {
  narke::object_ref<floats> ref;
  std::vector<float> expected;
};

class history {
 public:
  explicit history(std::uint32_t seed) : random_{seed} {
    for (std::size_t i = 0; i != entries_max; ++i) {
      const auto values = narke_test::counted(size(), float(i));
      entries_.push_back({narke::put(floats{values}), values});
    }
  }

  void step() {
    entry& target = any();
    switch (random_() % 4) {
      case 0:
        add_one_on_gpu(target);
        break;
      case 1:
        add_one_in_place(target);
        break;
      case 2:
        combine(target);
        break;
      default:
        double_on_cpu(target);
    }
    if (random_() % 16 == 0) check(any());
  }
  void check_all() {
    for (entry& each : entries_) check(each);
  }

 private:
  static constexpr std::size_t entries_max = 60;

  std::size_t size() { return 1 + random_() % 500'000; }
  entry& any() { return entries_[random_() % entries_.size()]; }
  double share() { return random_() % 3 == 0 ? 1 : 0.5; }

  void add_one_on_gpu(entry& target) {
    target.ref = narke::task(narke_test::plus_one, {.num_gpus = share()}).remote(target.ref);
    for (float& each : target.expected) each += 1;
  }
  void add_one_in_place(entry& target) {
    const auto body = [](narke::gpu_context& gpu, narke::array_builder<float> all) {
      narke_test::transform_in_place(gpu, all, [](float each) { return each + 1; });
      return all;
    };
    target.ref = narke::task(body, {.num_gpus = share()}).remote(std::move(target.ref));
    for (float& each : target.expected) each += 1;
  }
  /// Of two arrays of any sizes, as far as the shorter one goes.
  void combine(entry& target) {
    const entry& other = any();
    const auto body = [](narke::gpu_context& gpu, narke::device_span<const float> x,
                         narke::device_span<const float> y) {
      const std::size_t size = std::min(x.size(), y.size());
      return narke_test::saxpy(gpu, 0.5F, x.subspan(0, size), y.subspan(0, size));
    };
    std::vector<float> made(std::min(target.expected.size(), other.expected.size()));
    for (std::size_t i = 0; i != made.size(); ++i) {
      made[i] = 0.5F * target.expected[i] + other.expected[i];
    }
    target.ref = narke::task(body, {.num_gpus = share()}).remote(target.ref, other.ref);
    target.expected = std::move(made);
    if (target.expected.size() < 1000) {
      target.expected = narke_test::counted(size());
      target.ref = narke::put(floats{target.expected});
    }
  }
  void double_on_cpu(entry& target) {
    const auto body = [](std::span<const float> x) {
      auto out = narke::allocate<float>(x.size());
      std::transform(x.begin(), x.end(), out.begin(), [](float each) { return 0.25F * each; });
      return out;
    };
    target.ref = narke::task(body).remote(target.ref);
    for (float& each : target.expected) each *= 0.25F;
  }
  static void check(const entry& checked) {
    const floats& made = narke::get(checked.ref);
    const std::span<const float> host = made.host();
    EXPECT_TRUE(
        std::equal(host.begin(), host.end(), checked.expected.begin(), checked.expected.end()));
  }

  std::mt19937 random_;
  std::vector<entry> entries_;
};

class gpu_histories : public narke_test::runtime_test, public testing::WithParamInterface<int> {};
NARKE_ON_1_2_GPUS(gpu_histories);

TEST_P(gpu_histories, of_arrays_larger_than_the_devices_end_with_the_right_values) {
  for (std::uint32_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    narke_test::start_with_gpus(GetParam(), 24 * mebibyte);
    if (IsSkipped()) return;
    {
      history history{seed};
      for (int i = 0; i != 150; ++i) history.step();
      history.check_all();
    }
    narke::shutdown();
  }
}

}  // namespace
