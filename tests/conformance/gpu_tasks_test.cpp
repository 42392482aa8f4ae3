// GPU tasks: what makes one, when its body is called, and when its results are there.
#include <conformance/gpu_fixture.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>

using narke_test::counted;
using narke_test::elements;
using narke_test::gate;
using narke_test::hold_stream;
using narke_test::plus_one;
using narke_test::saxpy;
using narke_test::tally;
using narke_test::transformed;
using namespace std::chrono_literals;

namespace {

using floats = narke::array<float>;
using refs = std::vector<narke::object_ref<floats>>;

class gpu_tasks : public narke_test::on_gpus_test {};
NARKE_ON_1_2_GPUS(gpu_tasks);

TEST_P(gpu_tasks, saxpy_of_the_contract) {
  const auto x = narke::put(floats{counted(1000)});
  const auto y = narke::put(floats{counted(1000, 5)});
  narke::object_ref<floats> z = narke::task(saxpy, {.num_gpus = 1}).remote(2.0f, x, y);
  const std::span<const float> host = narke::get(z).host();
  ASSERT_EQ(host.size(), 1000U);
  for (std::size_t i = 0; i != 1000; ++i) EXPECT_EQ(host[i], 3 * static_cast<float>(i) + 5);
}

TEST_P(gpu_tasks, any_callable_makes_one) {
  const auto x = narke::put(floats{counted(3)});
  const auto lambda = [](narke::gpu_context& gpu, narke::device_span<const float> in) {
    return plus_one(gpu, in);
  };
  const std::function<narke::array_builder<float>(narke::gpu_context&,
                                                  narke::device_span<const float>)>
      erased = lambda;
  struct functor {
    narke::array_builder<float> operator()(narke::gpu_context& gpu,
                                           narke::device_span<const float> in) const {
      return plus_one(gpu, in);
    }
  };
  auto mutable_lambda = [n = 0](narke::gpu_context& gpu,
                                narke::device_span<const float> in) mutable {
    ++n;
    return plus_one(gpu, in);
  };
  const std::vector<float> expected{1, 2, 3};
  EXPECT_EQ(elements(narke::task(plus_one).remote(x)), expected);
  EXPECT_EQ(elements(narke::task(&plus_one).remote(x)), expected);
  EXPECT_EQ(elements(narke::task(lambda).remote(x)), expected);
  EXPECT_EQ(elements(narke::task(erased).remote(x)), expected);
  EXPECT_EQ(elements(narke::task(functor{}).remote(x)), expected);
  EXPECT_EQ(elements(narke::task(mutable_lambda).remote(x)), expected);
}

TEST_P(gpu_tasks, a_generic_callable_is_one_when_it_needs_the_context) {
  const auto scale = [](narke::gpu_context& gpu, auto factor, auto x) {
    return transformed<float>(gpu, x, [=](float each) { return each * factor; });
  };
  const auto x = narke::put(floats{counted(3)});
  EXPECT_EQ(elements(narke::task(scale).remote(2, x)), (std::vector<float>{0, 2, 4}));
  EXPECT_EQ(elements(narke::task(scale, {.num_gpus = 0.5}).remote(3, x)),
            (std::vector<float>{0, 3, 6}));
  const auto both = [](auto... all) { return sizeof...(all); };
  EXPECT_EQ(narke::get(narke::task(both).remote(1, 2)), 2U) << "no context where none is needed";
}

TEST_P(gpu_tasks, each_body_is_called_once) {
  const tally bodies;
  const tally closures;
  const auto count = [=](narke::gpu_context& gpu, narke::device_span<const float> x) {
    bodies.add();
    return transformed<float>(gpu, x, [=](float each) {
      closures.add();
      return each + 1;
    });
  };
  refs all{narke::put(floats{counted(1)})};
  for (int i = 0; i != 200; ++i) all.push_back(narke::task(count).remote(all.back()));
  EXPECT_EQ(elements(all.back()), std::vector<float>{200});
  EXPECT_EQ(bodies.value(), 200);
  EXPECT_EQ(closures.value(), 200);
}

TEST_P(gpu_tasks, fan_out_and_in) {
  const auto x = narke::put(floats{counted(64)});
  const auto add = narke::task([](narke::gpu_context& gpu, narke::device_span<const float> a,
                                  narke::device_span<const float> b) {
    return saxpy(gpu, 1, a, b);
  });
  refs level;
  for (int i = 0; i != 16; ++i) level.push_back(narke::task(saxpy).remote(float(i), x, x));
  while (level.size() > 1) {
    refs next;
    for (std::size_t i = 0; i != level.size(); i += 2) {
      next.push_back(add.remote(level[i], level[i + 1]));
    }
    level = next;
  }
  auto expected = counted(64);
  for (float& each : expected) each *= 120 + 16;
  EXPECT_EQ(elements(level.front()), expected);
}

TEST_P(gpu_tasks, results_go_between_cpu_and_gpu_tasks) {
  const auto twice_on_cpu = narke::task([](std::span<const float> x) {
    auto out = narke::allocate<float>(x.size());
    std::transform(x.begin(), x.end(), out.begin(), [](float each) { return 2 * each; });
    return out;
  });
  const auto add_on_gpu = narke::task(plus_one);
  narke::object_ref<floats> x = narke::put(floats{counted(10)});
  std::vector<float> expected = counted(10);
  for (int i = 0; i != 10; ++i) {
    x = add_on_gpu.remote(twice_on_cpu.remote(x));
    for (float& each : expected) each = 2 * each + 1;
  }
  EXPECT_EQ(elements(x), expected);
}

TEST_P(gpu_tasks, arguments_that_are_plain_values_work_as_of_any_task) {
  const auto factor = narke::task([] { return 3; }).remote();
  const auto shifts = narke::put(std::vector<float>{1, 2});
  const auto body = [](narke::gpu_context& gpu, int times, std::span<const float> shift,
                       const std::string& text, std::unique_ptr<int> more, std::vector<int> list) {
    auto out = gpu.allocate<float>(2);
    const float sum = float(times + *more + list.at(0)) + float(text.size());
    narke_test::on_stream(gpu, [=, a = shift[0], b = shift[1]](auto to) {
      to[0] = sum + a;
      to[1] = sum + b;
    }, out);
    return out;
  };
  auto ref = narke::task(body).remote(factor, shifts, "four", std::make_unique<int>(10),
                                      std::vector<int>{100});
  EXPECT_EQ(elements(ref), (std::vector<float>{118, 119}));
}

TEST_P(gpu_tasks, its_body_is_called_before_its_inputs_exist) {
  gate hold;
  const tally produced;
  const tally called;
  const auto slow = narke::task([=, wait = hold.waiter()](narke::gpu_context& gpu) {
    auto out = gpu.allocate<float>(1);
    narke_test::hold_on_stream(gpu, wait);
    narke_test::on_stream(gpu, [=](auto to) {
      produced.add();
      to[0] = 41;
    }, out);
    return out;
  }).remote();
  const auto next = narke::task([=](narke::gpu_context& gpu, narke::device_span<const float> x) {
    called.add();
    return plus_one(gpu, x);
  }).remote(slow);
  called.wait_for(1);
  EXPECT_EQ(produced.value(), 0);
  EXPECT_FALSE(narke::is_ready(slow));
  EXPECT_FALSE(narke::is_ready(next));
  hold.open();
  EXPECT_EQ(elements(next), std::vector<float>{42});
}

TEST_P(gpu_tasks, a_result_is_ready_when_the_stream_has_got_there) {
  gate hold;
  const tally started;
  const auto ref = hold_stream(hold, started);
  started.wait_for(1);
  EXPECT_FALSE(narke::is_ready(ref));
  EXPECT_THROW(narke::get(ref, 1ms), narke::get_timeout_error);
  EXPECT_TRUE(narke::wait(std::vector{ref}, {.timeout = 0s}).ready.empty());
  hold.open();
  narke::get(ref);
  EXPECT_TRUE(narke::is_ready(ref));
}

TEST_P(gpu_tasks, whoever_polls_sees_the_end) {
  const auto add = narke::task(plus_one);
  auto ref = add.remote(std::vector<float>{1});
  EXPECT_TRUE(narke_test::eventually([&] { return narke::is_ready(ref); }));
  ref = add.remote(ref);
  EXPECT_TRUE(narke_test::eventually(
      [&] { return narke::wait(refs{ref}, {.timeout = 0s}).ready.size() == 1; }));
  ref = add.remote(ref);
  EXPECT_TRUE(narke_test::eventually([&] {
    try {
      narke::get(ref, 0s);
      return true;
    } catch (const narke::get_timeout_error&) {
      return false;
    }
  }));
  EXPECT_EQ(elements(ref), std::vector<float>{4});
}

TEST_P(gpu_tasks, are_waited_for_in_every_way) {
  refs all;
  for (int i = 0; i != 20; ++i) {
    all.push_back(narke::task(plus_one).remote(std::vector<float>(1, float(i))));
  }
  const auto some = narke::wait(all, {.num_returns = 5});
  EXPECT_EQ(some.ready.size(), 5U);
  EXPECT_EQ(some.not_ready.size(), 15U);
  float sum = 0;
  for (const auto& ref : narke::as_completed(all)) sum += elements(ref).at(0);
  EXPECT_EQ(sum, 210);
  EXPECT_EQ(narke::get(all).size(), 20U);
  EXPECT_EQ(narke::get(all.front(), 30s).to_vector(), std::vector<float>{1});
}

TEST_P(gpu_tasks, may_return_nothing_or_plain_values) {
  const tally done;
  const auto nothing = narke::task([=](narke::gpu_context& gpu) {
    narke_test::on_stream(gpu, [=] { done.add(); });
  }).remote();
  narke::get(nothing);
  EXPECT_EQ(done.value(), 1) << "before the result was there";
  EXPECT_EQ(narke::get(narke::task([](narke::gpu_context&) { return 7; }).remote()), 7);
  const auto text = narke::task([](narke::gpu_context&) { return std::string{"seven"}; }).remote();
  EXPECT_EQ(narke::get(text), "seven");
  const auto size = narke::task([](narke::gpu_context&, const std::string& given) {
    return given.size();
  }).remote(text);
  EXPECT_EQ(narke::get(size), 5U);
}

TEST_P(gpu_tasks, what_a_body_throws_arrives_with_its_type) {
  const auto fails = [](narke::gpu_context&) -> narke::array_builder<float> {
    throw narke_test::odd_error{"on purpose", 42};
  };
  const auto ref = narke::task(fails).remote();
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(ref); }), 42);
}

TEST_P(gpu_tasks, a_failure_reaches_every_task_behind_it_and_no_body_runs) {
  const tally bodies;
  const auto fails = [](narke::gpu_context&) -> narke::array_builder<float> {
    throw narke_test::odd_error{"on purpose", 42};
  };
  const auto next = narke::task([=](narke::gpu_context& gpu, narke::device_span<const float> x) {
    bodies.add();
    return plus_one(gpu, x);
  });
  const auto on_cpu = narke::task([=](std::span<const float>) { return bodies.add(); });
  const auto failed = narke::task(fails).remote();
  auto last = next.remote(failed);
  for (int i = 0; i != 50; ++i) last = next.remote(last);
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(last); }), 42);
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(on_cpu.remote(last)); }), 42);
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(next.remote(failed)); }), 42) << "afterwards";
  const auto from_cpu = narke::task([]() -> narke::array_builder<float> {
    throw narke_test::odd_error{"on purpose", 43};
  }).remote();
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(next.remote(from_cpu)); }), 43);
  EXPECT_EQ(bodies.value(), 0);
}

TEST_P(gpu_tasks, a_failed_body_leaves_the_device_to_others) {
  for (int i = 0; i != 20; ++i) {
    const auto failed = narke::task([](narke::gpu_context& gpu) -> int {
      static_cast<void>(gpu.allocate<float>(100));
      throw std::runtime_error{"on purpose"};
    }).remote();
    EXPECT_THROW(narke::get(failed), std::runtime_error);
    EXPECT_EQ(elements(narke::task(plus_one).remote({1.0f})), std::vector<float>{2});
  }
}

TEST_P(gpu_tasks, a_body_may_not_wait) {
  const auto ready = narke::put(1);
  const auto elements_ready = narke::put(floats{counted(3)});
  const auto refused = [=](const std::function<void()>& wait) {
    return narke::get(narke::task([=](narke::gpu_context&) {
      try {
        wait();
      } catch (const narke::error& caught) {
        return std::string{caught.what()};
      }
      return std::string{};
    }).remote());
  };
  EXPECT_NE(refused([=] { narke::get(ready); }), "");
  EXPECT_NE(refused([=] { narke::get(std::vector{ready, ready}); }), "");
  EXPECT_NE(refused([=] { narke::get(ready, 1s); }), "");
  EXPECT_NE(refused([=] { narke::wait(std::vector{ready}); }), "");
  EXPECT_NE(refused([=] { narke::as_completed(std::vector{ready}); }), "");
  EXPECT_NE(refused([held = narke::get(elements_ready)] { static_cast<void>(held.host()); }), "");
  const auto held = narke::get(elements_ready);
  EXPECT_NE(refused([held] { static_cast<void>(held.to_vector()); }), "");
  EXPECT_NE(refused([=] { narke::get(ready); }).find("argument"), std::string::npos)
      << "it says what to do instead";
}

TEST_P(gpu_tasks, a_body_may_submit_tasks) {
  const auto ref = narke::task([](narke::gpu_context&) {
    return std::pair{narke::task([] { return 3; }).remote(),
                     narke::task(plus_one).remote(std::vector<float>{1})};
  }).remote();
  const auto [number, numbers] = narke::get(ref);
  EXPECT_EQ(narke::get(number), 3);
  EXPECT_EQ(elements(numbers), std::vector<float>{2});
}

TEST_P(gpu_tasks, know_who_they_are) {
  const auto who = [](narke::gpu_context& gpu) {
    return std::tuple{narke::this_task::name(), narke::this_task::id(), narke::get_gpu_ids(),
                      gpu.device()};
  };
  const auto [name, id, ids, device] =
      narke::get(narke::task(who, {.num_gpus = 1, .name = "who"}).remote());
  EXPECT_EQ(name, "who");
  EXPECT_NE(id, 0U);
  EXPECT_EQ(ids, std::vector<int>{device});
  EXPECT_EQ(narke::get_gpu_ids().size(), static_cast<std::size_t>(GetParam()));
}

TEST_P(gpu_tasks, ask_for_one_gpu_and_no_cpu_unless_told_otherwise) {
  gate hold;
  const tally started;
  const auto ref = hold_stream(hold, started);
  started.wait_for(1);
  EXPECT_EQ(narke_test::available("GPU"), GetParam() - 1);
  EXPECT_EQ(narke_test::available("CPU"), 2);
  hold.open();
  narke::get(ref);
  EXPECT_EQ(narke_test::available("GPU"), GetParam()) << "back before the result is there";
}

TEST_P(gpu_tasks, hold_the_share_that_they_ask_for_until_their_end) {
  gate hold;
  const tally started;
  const auto ref = hold_stream(hold, started, {.num_gpus = 0.25});
  started.wait_for(1);
  EXPECT_EQ(narke_test::available("GPU"), GetParam() - 0.25);
  hold.open();
  narke::get(ref);
  EXPECT_EQ(narke_test::available("GPU"), GetParam());
}

TEST_P(gpu_tasks, of_a_fraction_all_get_through) {
  const auto add = narke::task(plus_one, {.num_gpus = 0.25});
  refs all;
  for (int i = 0; i != 100; ++i) all.push_back(add.remote(std::vector<float>(8, float(i))));
  for (int i = 0; i != 100; ++i) {
    EXPECT_EQ(elements(all[std::size_t(i)]), std::vector<float>(8, float(i + 1)));
  }
}

TEST_P(gpu_tasks, that_no_device_can_run_are_refused_at_once) {
  const auto nothing = [](narke::gpu_context&) {};
  EXPECT_THROW(narke::task(nothing, {.num_gpus = GetParam() + 1}).remote(),
               narke::infeasible_request);
  EXPECT_THROW(narke::task(nothing, {.gpu_memory = 1e12}).remote(), narke::infeasible_request);
  EXPECT_THROW(narke::task(nothing, {.num_gpus = 1.5}), std::invalid_argument);
  const auto message = narke_test::message_of<narke::infeasible_request>(
      [&] { narke::task(nothing, {.num_gpus = 9, .name = "nine"}).remote(); });
  EXPECT_NE(message.find("nine"), std::string::npos) << message;
  EXPECT_NE(message.find('9'), std::string::npos) << message;
}

TEST_P(gpu_tasks, thousands_come_through) {
  const auto add = narke::task(plus_one, {.num_gpus = 0.1});
  constexpr int lines = 20;
  constexpr int length = 100;
  refs ends(lines, narke::put(floats{counted(4)}));
  for (int step = 0; step != length; ++step) {
    for (auto& end : ends) end = add.remote(std::move(end));
  }
  for (const auto& end : ends) EXPECT_EQ(elements(end), counted(4, length));
}

TEST_P(gpu_tasks, whose_refs_are_dropped_run_all_the_same) {
  const tally done;
  for (int i = 0; i != 20; ++i) {
    narke::task([=](narke::gpu_context& gpu) {
      narke_test::on_stream(gpu, [=] { done.add(); });
      return gpu.allocate<float>(10);
    }).remote();
  }
  done.wait_for(20);
  EXPECT_EQ(done.value(), 20);
}

TEST_P(gpu_tasks, arguments_and_closures_are_let_go_before_the_result_is_there) {
  const auto traffic = narke_test::new_traffic();
  {
    const auto ref = narke::task([](narke::gpu_context& gpu, const narke_test::tracked& given) {
      narke_test::on_stream(gpu, [copy = given] { static_cast<void>(copy); });
      return given.value;
    }).remote(narke_test::tracked{traffic, 5});
    EXPECT_EQ(narke::get(ref), 5);
    EXPECT_EQ(traffic->alive, 0);
  }
}

class no_gpu : public narke_test::two_cpus_test {};

TEST_F(no_gpu, a_gpu_task_is_infeasible) {
  if (!narke::gpus().empty()) GTEST_SKIP() << "this machine has GPUs";
  const tally bodies;
  const auto task = narke::task([=](narke::gpu_context&) { bodies.add(); });
  EXPECT_THROW(task.remote(), narke::infeasible_request);
  EXPECT_EQ(bodies.value(), 0);
}

class two_gpus : public narke_test::runtime_test {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    narke_test::start_with_gpus(2);
  }
};

TEST_F(two_gpus, one_task_may_have_both) {
  const auto x = narke::put(floats{counted(100)});
  const auto both = [](narke::gpu_context& gpu, narke::device_span<const float> in) {
    EXPECT_EQ(gpu.size(), 2);
    EXPECT_EQ(&gpu.on(0), &gpu);
    EXPECT_NE(gpu.on(0).device(), gpu.on(1).device());
    auto ids = narke::get_gpu_ids();
    std::sort(ids.begin(), ids.end());
    EXPECT_EQ(ids, (std::vector<int>{0, 1}));
    auto second = gpu.on(1).allocate<float>(2);
    narke_test::on_stream(gpu.on(1), [](auto to) {
      to[0] = 8;
      to[1] = 9;
    }, second);
    return std::pair{plus_one(gpu, in), std::move(second)};
  };
  auto [first, second] = narke::task(both, {.num_gpus = 2}).num_returns<2>().remote(x);
  EXPECT_EQ(elements(first), counted(100, 1));
  EXPECT_EQ(elements(second), (std::vector<float>{8, 9}));
  EXPECT_EQ(elements(narke::task(plus_one).remote(second)), (std::vector<float>{9, 10}));
}

TEST_F(two_gpus, are_both_used) {
  gate hold;
  const tally started;
  const auto one = hold_stream(hold, started);
  const auto two = hold_stream(hold, started);
  started.wait_for(2);
  EXPECT_EQ(narke_test::available("GPU"), 0.0);
  hold.open();
  narke::get(one, two);
}

TEST_F(two_gpus, results_go_from_one_to_the_other) {
  const auto where = [](narke::gpu_context& gpu, narke::device_span<const float> x) {
    return std::pair{plus_one(gpu, x), gpu.device()};
  };
  const auto task = narke::task(where).num_returns<2>();
  narke::object_ref<floats> x = narke::put(floats{counted(1000)});
  refs kept;
  for (int i = 0; i != 40; ++i) {
    auto [one, on_one] = task.remote(x);
    auto [two, on_two] = task.remote(x);
    kept.push_back(two);
    x = narke::task(saxpy).remote(0.0f, one, two);
  }
  EXPECT_EQ(elements(x), counted(1000, 40));
  for (std::size_t i = 0; i != kept.size(); ++i) {
    EXPECT_EQ(elements(kept[i]), counted(1000, float(i + 1)));
  }
}

}  // namespace
