// How arrays get into GPU tasks, and what their bodies may do with them.
#include <conformance/gpu_fixture.hpp>

#include <array>
#include <memory>

using narke_test::counted;
using narke_test::elements;
using narke_test::plus_one;
using narke_test::tally;
using narke_test::transform_in_place;

namespace {

using floats = narke::array<float>;

class gpu_arguments : public narke_test::on_gpus_test {};
NARKE_ON_1_2_GPUS(gpu_arguments);

TEST_P(gpu_arguments, a_device_span_takes_everything_that_has_elements) {
  const auto task = narke::task(plus_one);
  const floats held{counted(3)};
  const std::vector<float> values = counted(3);
  const std::vector<float> expected{1, 2, 3};
  EXPECT_EQ(elements(task.remote(held)), expected);
  EXPECT_EQ(elements(task.remote(floats{counted(3)})), expected);
  EXPECT_EQ(elements(task.remote(narke::put(held))), expected);
  EXPECT_EQ(elements(task.remote(values)), expected);
  EXPECT_EQ(elements(task.remote(counted(3))), expected);
  EXPECT_EQ(elements(task.remote(std::span<const float>{values})), expected);
  EXPECT_EQ(elements(task.remote(narke::put(values))), expected);
  EXPECT_EQ(elements(task.remote({0.0f, 1.0f, 2.0f})), expected);
  EXPECT_EQ(elements(task.remote({0, 1, 2})), expected);
  auto built = narke::allocate<float>(1);
  built[0] = 0;
  EXPECT_EQ(elements(task.remote(std::move(built))), std::vector<float>{1});
  EXPECT_EQ(held.to_vector(), counted(3));
}

TEST_P(gpu_arguments, without_elements_are_empty_spans) {
  const auto size = narke::task([](narke::gpu_context&, narke::device_span<const float> x) {
    EXPECT_TRUE(x.empty());
    return x.size();
  });
  EXPECT_EQ(narke::get(size.remote(floats{})), 0U);
  EXPECT_EQ(narke::get(size.remote(narke::put(floats{}))), 0U);
  EXPECT_EQ(narke::get(size.remote(std::vector<float>{})), 0U);
  const auto none = narke::task(plus_one).remote(floats{});
  EXPECT_EQ(narke::get(none).size(), 0U);
  EXPECT_TRUE(narke::get(none).host().empty());
  EXPECT_EQ(narke::get(size.remote(none)), 0U);
  const auto through = narke::task(
      [](narke::gpu_context&, narke::array_builder<float> all) { return all; }).remote(none);
  EXPECT_TRUE(elements(through).empty());
}

TEST_P(gpu_arguments, one_array_may_be_several_arguments) {
  const auto x = narke::put(floats{counted(10)});
  EXPECT_EQ(elements(narke::task(narke_test::saxpy).remote(2.0f, x, x)),
            narke::get(narke::task([] {
              auto all = counted(10);
              for (float& each : all) each *= 3;
              return all;
            }).remote()));
}

TEST_P(gpu_arguments, of_many_element_types) {
  struct point {
    double x;
    int tag;
  };
  const narke::array<point> points{std::vector<point>{{1.5, 2}, {2.5, 3}}};
  const auto ref = narke::task([](narke::gpu_context& gpu, narke::device_span<const point> all) {
    auto out = gpu.allocate<std::int64_t>(all.size());
    narke_test::on_stream(gpu, [](auto from, auto to) {
      for (std::size_t i = 0; i != from.size(); ++i) {
        to[i] = static_cast<std::int64_t>(from[i].x * 10) + from[i].tag;
      }
    }, all, out);
    return out;
  }).remote(points);
  EXPECT_EQ(elements(ref), (std::vector<std::int64_t>{17, 28}));
}

TEST_P(gpu_arguments, results_are_read_as_spans_by_cpu_tasks) {
  const auto made = narke::task(plus_one).remote(counted(1000));
  const auto sum = narke::task(
      [](std::span<const float> x) { return std::accumulate(x.begin(), x.end(), 0.0); });
  EXPECT_EQ(narke::get(sum.remote(made)), 500500);
  EXPECT_EQ(narke::get(sum.remote(narke::get(made))), 500500);
}

TEST_P(gpu_arguments, a_host_copy_is_made_once) {
  const auto made = narke::task(plus_one).remote(counted(100));
  const auto where = narke::task([](std::span<const float> x) { return x.data(); });
  const float* data = narke::get(made).host().data();
  EXPECT_EQ(narke::get(where.remote(made)), data);
  EXPECT_EQ(narke::get(where.remote(made)), data);
  EXPECT_EQ(narke::get(made).host().data(), data);
}

// Adds one to each element, and says where on the device it did.
auto add_in_place() {
  return narke::task([](narke::gpu_context& gpu, narke::array_builder<float> all) {
           transform_in_place(gpu, all, [](float each) { return each + 1; });
           const float* data = all.data();
           return std::pair{std::move(all), data};
         }).num_returns<2>();
}

TEST_P(gpu_arguments, a_builder_is_written_in_place_when_nobody_else_holds_it) {
  auto [first, where_first] = add_in_place().remote(counted(8));
  auto [second, where_second] = add_in_place().remote(std::move(first));
  auto [third, where_third] = add_in_place().remote(std::move(second));
  EXPECT_EQ(elements(third), counted(8, 3));
  if (GetParam() == 1) {
    EXPECT_EQ(narke::get(where_second), narke::get(where_first));
    EXPECT_EQ(narke::get(where_third), narke::get(where_first));
  }
}

TEST_P(gpu_arguments, a_builder_is_a_copy_when_the_ref_is_kept) {
  auto [first, where_first] = add_in_place().remote(counted(8));
  auto [second, where_second] = add_in_place().remote(first);
  EXPECT_EQ(elements(second), counted(8, 2));
  EXPECT_EQ(elements(first), counted(8, 1));
  if (GetParam() == 1) {
    EXPECT_NE(narke::get(where_second), narke::get(where_first));
  }
}

TEST_P(gpu_arguments, a_builder_is_a_copy_when_another_ref_is_there) {
  auto [first, where_first] = add_in_place().remote(counted(8));
  auto other = first;
  auto [second, where_second] = add_in_place().remote(std::move(first));
  EXPECT_EQ(elements(second), counted(8, 2));
  EXPECT_EQ(elements(other), counted(8, 1));
}

TEST_P(gpu_arguments, a_builder_is_a_copy_when_another_handle_is_there) {
  auto [first, where_first] = add_in_place().remote(counted(8));
  const floats held = narke::get(first);
  auto [second, where_second] = add_in_place().remote(std::move(first));
  EXPECT_EQ(elements(second), counted(8, 2));
  EXPECT_EQ(held.to_vector(), counted(8, 1));
}

TEST_P(gpu_arguments, what_was_on_the_host_is_never_written_over) {
  const floats held{counted(8)};
  const std::span<const float> host = held.host();
  auto [first, where] = add_in_place().remote(held);
  EXPECT_EQ(elements(first), counted(8, 1));
  EXPECT_EQ(host[3], 3);
  auto made = narke::task(plus_one).remote(counted(8));
  EXPECT_EQ(elements(made), counted(8, 1)) << "a host copy of it is there now";
  auto [second, where_second] = add_in_place().remote(std::move(made));
  EXPECT_EQ(elements(second), counted(8, 2)) << "and is not taken for the changed elements";
}

TEST_P(gpu_arguments, readers_see_what_was_there_before_it_was_written_in_place) {
  for (int round = 0; round != 20; ++round) {
    auto x = narke::task(plus_one).remote(counted(64));
    std::vector<narke::object_ref<floats>> readers;
    for (int i = 0; i != 4; ++i) {
      readers.push_back(narke::task(plus_one, {.num_gpus = 0.25}).remote(x));
    }
    auto [written, where] = add_in_place().options({.num_gpus = 0.25}).remote(std::move(x));
    EXPECT_EQ(elements(written), counted(64, 2));
    for (const auto& reader : readers) EXPECT_EQ(elements(reader), counted(64, 2));
  }
}

TEST_P(gpu_arguments, one_array_read_and_consumed_by_one_task_is_copied) {
  auto x = narke::task(plus_one).remote(counted(8));
  const auto other = x;
  const auto add = [](narke::gpu_context& gpu, narke::device_span<const float> a,
                      narke::array_builder<float> all) {
    narke_test::on_stream(gpu, [](auto from, auto to) {
      for (std::size_t i = 0; i != from.size(); ++i) to[i] += from[from.size() - 1 - i];
    }, a, all);
    return all;
  };
  EXPECT_EQ(elements(narke::task(add).remote(other, std::move(x))), std::vector<float>(8, 9));
  EXPECT_EQ(elements(other), counted(8, 1));
}

TEST_P(gpu_arguments, arrays_are_passed_on_as_handles) {
  const floats held{counted(4)};
  const auto pass = narke::task([](narke::gpu_context&, const floats& all) { return all; });
  EXPECT_EQ(narke::get(pass.remote(held)), held);
  const auto made = narke::task(plus_one).remote(held);
  EXPECT_EQ(elements(narke::task(plus_one).remote(pass.remote(made))), counted(4, 2));
}

TEST_P(gpu_arguments, refs_are_passed_as_they_are) {
  const auto made = narke::task(plus_one).remote(counted(4));
  const auto pass = narke::task(
      [](narke::gpu_context&, narke::object_ref<floats> ref) { return ref; });
  EXPECT_EQ(narke::get(pass.remote(made)), made);
}

TEST_P(gpu_arguments, move_only_values_are_moved_in) {
  const auto body = [](narke::gpu_context&, std::unique_ptr<int> value) { return *value; };
  EXPECT_EQ(narke::get(narke::task(body).remote(std::make_unique<int>(3))), 3);
  auto ref = narke::put(std::make_unique<int>(4));
  EXPECT_EQ(narke::get(narke::task(body).remote(std::move(ref))), 4);
}

TEST_P(gpu_arguments, lists_of_refs_are_gathered) {
  std::vector<narke::object_ref<int>> numbers;
  for (int i = 0; i != 5; ++i) numbers.push_back(narke::task([=] { return i; }).remote());
  const auto body = [](narke::gpu_context&, const std::vector<int>& all) {
    return std::accumulate(all.begin(), all.end(), 0);
  };
  EXPECT_EQ(narke::get(narke::task(body).remote(numbers)), 10);
}

TEST_P(gpu_arguments, an_empty_ref_is_refused) {
  const tally bodies;
  const auto task = narke::task([=](narke::gpu_context&, narke::device_span<const float>) {
    bodies.add();
  });
  EXPECT_THROW(task.remote(narke::object_ref<floats>{}), std::invalid_argument);
  EXPECT_EQ(bodies.value(), 0);
}

TEST_P(gpu_arguments, results_of_several_kinds_become_refs_of_their_own) {
  const auto parts = [](narke::gpu_context& gpu, narke::device_span<const float> x) {
    return std::tuple{plus_one(gpu, x), gpu.device(), plus_one(gpu, x.subspan(0, 2))};
  };
  auto [all, device, two] = narke::task(parts).num_returns<3>().remote(counted(10));
  static_assert(std::is_same_v<decltype(all), narke::object_ref<floats>>);
  EXPECT_EQ(elements(all), counted(10, 1));
  EXPECT_EQ(elements(two), counted(2, 1));
  EXPECT_GE(narke::get(device), 0);
  all = {};
  EXPECT_EQ(elements(narke::task(plus_one).remote(two)), counted(2, 2)) << "without its sibling";
}

TEST_P(gpu_arguments, builders_inside_results_become_arrays) {
  const auto pair = [](narke::gpu_context& gpu, narke::device_span<const float> x) {
    return std::pair{plus_one(gpu, x), 5};
  };
  narke::object_ref<std::pair<floats, int>> as_pair = narke::task(pair).remote(counted(3));
  EXPECT_EQ(narke::get(as_pair).first.to_vector(), counted(3, 1));
  const auto array = [](narke::gpu_context& gpu, narke::device_span<const float> x) {
    return std::array{plus_one(gpu, x), plus_one(gpu, x)};
  };
  narke::object_ref<std::array<floats, 2>> as_array = narke::task(array).remote(counted(3));
  EXPECT_EQ(narke::get(as_array)[1].to_vector(), counted(3, 1));
  const auto inside = narke::task([](const std::pair<floats, int>& both) {
    return std::accumulate(both.first.host().begin(), both.first.host().end(), 0.0f);
  }).remote(as_pair);
  EXPECT_EQ(narke::get(inside), 6);
}

TEST_P(gpu_arguments, failures_of_several_refs_are_shared) {
  const auto fails = [](narke::gpu_context& gpu) {
    if (gpu.size() == 1) throw narke_test::odd_error{"on purpose", 9};
    return std::pair{gpu.allocate<float>(1), 1};
  };
  auto [all, number] = narke::task(fails).num_returns<2>().remote();
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(all); }), 9);
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(number); }), 9);
}

}  // namespace
