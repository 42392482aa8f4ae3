// One task with two implementations.
#include <conformance/gpu_fixture.hpp>

#include <memory>

using narke_test::counted;
using narke_test::elements;
using narke_test::tally;

namespace {

using floats = narke::array<float>;

class with_gpu : public narke_test::runtime_test, public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    if (GetParam() == 0) {
      narke::init({.num_cpus = 2, .num_gpus = 0});
    } else {
      narke_test::start_with_gpus(GetParam());
    }
  }

  /// Adds `value` to each element, wherever.
  auto add() {
    const auto on_cpu = [calls = on_cpu_](std::span<const float> x, float value) {
      calls.add();
      auto out = narke::allocate<float>(x.size());
      for (std::size_t i = 0; i != x.size(); ++i) out[i] = x[i] + value;
      return out;
    };
    const auto on_gpu = [calls = on_gpu_](narke::gpu_context& gpu,
                                          narke::device_span<const float> x, float value) {
      calls.add();
      return narke_test::transformed<float>(gpu, x, [=](float each) { return each + value; });
    };
    return narke::task(on_cpu).with_gpu(on_gpu, {.num_gpus = 0.25});
  }

  tally on_cpu_;
  tally on_gpu_;
};
INSTANTIATE_TEST_SUITE_P(gpus, with_gpu, testing::Values(0, 1, 2),
                         [](const auto& gpus) { return std::to_string(gpus.param); });

TEST_P(with_gpu, gives_the_same_from_either) {
  const auto task = add();
  narke::object_ref<floats> ref = narke::put(floats{counted(100)});
  for (int i = 0; i != 50; ++i) ref = task.remote(ref, 1.0f);
  EXPECT_EQ(elements(ref), counted(100, 50));
  EXPECT_EQ(on_cpu_.value() + on_gpu_.value(), 50) << "one of the two each time";
}

TEST_P(with_gpu, runs_on_the_cpu_where_there_is_no_gpu) {
  const auto task = add();
  for (int i = 0; i != 10; ++i) {
    EXPECT_EQ(elements(task.remote(floats{counted(10)}, 1.0f)), counted(10, 1));
  }
  if (GetParam() == 0) {
    EXPECT_EQ(on_cpu_.value(), 10);
  } else {
    EXPECT_GE(on_gpu_.value(), 1) << "a GPU is free";
  }
}

TEST_P(with_gpu, takes_what_both_take) {
  const auto task = add();
  EXPECT_EQ(elements(task.remote(counted(3), 1)), counted(3, 1));
  EXPECT_EQ(elements(task.remote(floats{counted(3)}, narke::put(2.0f))), counted(3, 2));
  EXPECT_EQ(elements(task.remote(narke::put(counted(3)), 3.0)), counted(3, 3));
  auto ref = narke::put(floats{counted(3)});
  EXPECT_EQ(elements(task.remote(std::move(ref), 4.0f)), counted(3, 4));
  EXPECT_FALSE(ref);
  EXPECT_EQ(elements(task.remote(floats{}, 1.0f)), std::vector<float>{});
}

TEST_P(with_gpu, several_results_become_refs_of_their_own) {
  const auto on_cpu = [](std::span<const float> x) {
    auto out = narke::allocate<float>(x.size());
    std::copy(x.begin(), x.end(), out.begin());
    return std::pair{std::move(out), x.size()};
  };
  const auto on_gpu = [](narke::gpu_context& gpu, narke::device_span<const float> x) {
    return std::pair{narke_test::transformed<float>(gpu, x, [](float each) { return each; }),
                     x.size()};
  };
  auto [all, size] = narke::task(on_cpu).with_gpu(on_gpu).num_returns<2>().remote(counted(5));
  EXPECT_EQ(elements(all), counted(5));
  EXPECT_EQ(narke::get(size), 5U);
}

TEST_P(with_gpu, a_failure_arrives_with_its_type) {
  const auto on_cpu = [](int code) -> int { throw narke_test::odd_error{"on purpose", code}; };
  const auto on_gpu = [](narke::gpu_context&, int code) -> int {
    throw narke_test::odd_error{"on purpose", code};
  };
  const auto ref = narke::task(on_cpu).with_gpu(on_gpu, {.num_gpus = 1}).remote(8);
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(ref); }), 8);
}

TEST_P(with_gpu, options_are_those_of_the_cpu_implementation) {
  const auto on_cpu = [] { return narke::this_task::name(); };
  const auto on_gpu = [](narke::gpu_context&) { return narke::this_task::name(); };
  const auto task = narke::task(on_cpu, {.name = "one"})
                        .with_gpu(on_gpu, {.num_gpus = 1, .name = "gpu"})
                        .options({.name = "two"});
  const std::string name = narke::get(task.remote());
  EXPECT_EQ(name, GetParam() == 0 ? "two" : name);
  EXPECT_TRUE(name == "two" || name == "gpu") << name;
}

TEST_P(with_gpu, bad_options_are_refused_at_once) {
  const auto on_gpu = [](narke::gpu_context&) {};
  const auto task = narke::task([] {});
  EXPECT_THROW(task.with_gpu(on_gpu, {.num_gpus = 1.5}), std::invalid_argument);
}

TEST_P(with_gpu, a_gpu_that_is_asked_too_much_is_not_taken) {
  const auto on_gpu = [calls = on_gpu_](narke::gpu_context&) { return calls.add(); };
  const auto on_cpu = [calls = on_cpu_] { return calls.add(); };
  narke::get(narke::task(on_cpu).with_gpu(on_gpu, {.num_gpus = 9}).remote());
  EXPECT_EQ(on_cpu_.value(), 1);
  EXPECT_EQ(on_gpu_.value(), 0);
}

}  // namespace
