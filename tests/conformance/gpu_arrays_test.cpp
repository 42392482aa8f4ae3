// narke::array and narke::array_builder by themselves and in CPU tasks: no GPU is needed.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace {

using ints = narke::array<int>;

TEST(arrays, hold_what_they_were_made_from) {
  const std::vector<int> values{1, 2, 3};
  const ints copied{values};
  const std::span<const int> part{values.data(), 2};
  const narke::array<int> from_span{part};
  EXPECT_EQ(copied.size(), 3U);
  EXPECT_EQ(copied.size_bytes(), 12U);
  EXPECT_FALSE(copied.empty());
  EXPECT_EQ(copied.to_vector(), values);
  EXPECT_NE(copied.host().data(), values.data());
  EXPECT_EQ(from_span.to_vector(), (std::vector<int>{1, 2}));
}

TEST(arrays, take_a_vector_over_without_a_copy) {
  std::vector<int> values{1, 2, 3};
  const int* data = values.data();
  const ints taken{std::move(values)};
  EXPECT_EQ(taken.host().data(), data);
  EXPECT_EQ(taken.to_vector(), (std::vector<int>{1, 2, 3}));
}

TEST(arrays, deduce_their_elements) {
  const narke::array from_vector{std::vector{1.5, 2.5}};
  static_assert(std::is_same_v<decltype(from_vector), const narke::array<double>>);
  EXPECT_EQ(from_vector.size(), 2U);
}

TEST(arrays, share_their_elements_with_their_copies) {
  std::optional<ints> one{std::vector{1, 2, 3}};
  const ints two = *one;
  const std::span<const int> host = two.host();
  EXPECT_EQ(host.data(), one->host().data());
  EXPECT_EQ(*one, two);
  EXPECT_NE(two, ints(std::vector{1, 2, 3})) << "equal handles are to the same elements";
  one.reset();
  EXPECT_EQ(host[2], 3) << "as long as some handle lives";
}

TEST(arrays, without_elements_work_everywhere) {
  const ints none;
  const ints from_nothing{std::vector<int>{}};
  const ints from_builder = narke::allocate<int>(0);
  for (const ints& each : {none, from_nothing, from_builder}) {
    EXPECT_TRUE(each.empty());
    EXPECT_EQ(each.size(), 0U);
    EXPECT_TRUE(each.host().empty());
    EXPECT_TRUE(each.to_vector().empty());
  }
}

TEST(arrays, that_were_moved_from_are_empty) {
  ints one{std::vector{1, 2, 3}};
  ints two = std::move(one);
  EXPECT_TRUE(one.empty());
  EXPECT_TRUE(one.host().empty());
  one = two;
  EXPECT_EQ(one, two);
  one = std::move(two);
  EXPECT_EQ(one.size(), 3U);
  EXPECT_TRUE(two.empty());
}

TEST(arrays, are_written_through_a_builder) {
  auto builder = narke::allocate<int>(100);
  ASSERT_EQ(builder.size(), 100U);
  EXPECT_EQ(builder.end() - builder.begin(), 100);
  std::iota(builder.begin(), builder.end(), 0);
  builder[5] = 50;
  const int* data = builder.data();
  const ints all = std::move(builder);
  EXPECT_EQ(all.host().data(), data) << "no copy";
  EXPECT_EQ(all.host()[5], 50);
  EXPECT_EQ(all.host()[99], 99);
  EXPECT_TRUE(builder.empty());
}

TEST(arrays, count_their_elements_bytes) {
  EXPECT_GE(narke::size_bytes(ints{std::vector<int>(1000)}), 4000U);
}

TEST(arrays, need_no_runtime) {
  EXPECT_FALSE(narke::is_initialized());
  EXPECT_EQ(ints{std::vector{7}}.to_vector(), std::vector{7});
  EXPECT_FALSE(narke::is_initialized());
}

TEST(device_spans, are_views_of_elements) {
  std::array<int, 4> values{1, 2, 3, 4};
  const narke::device_span<int> all{values.data(), values.size()};
  const narke::device_span<const int> to_read = all;
  EXPECT_EQ(to_read.data(), values.data());
  EXPECT_EQ(to_read.size(), 4U);
  EXPECT_EQ(to_read.size_bytes(), 16U);
  EXPECT_EQ(to_read.end() - to_read.begin(), 4);
  EXPECT_EQ(to_read.subspan(1, 2).data(), values.data() + 1);
  EXPECT_EQ(to_read.subspan(1, 2).size(), 2U);
  EXPECT_TRUE(narke::device_span<const int>{}.empty());
}

class arrays_in_tasks : public narke_test::two_cpus_test {};

TEST_F(arrays_in_tasks, are_read_as_spans_in_place) {
  const ints values{std::vector{1, 2, 3}};
  const int* data = values.host().data();
  const auto ref = narke::put(values);
  const auto where = narke::task([](std::span<const int> all) { return all.data(); });
  const auto by_reference =
      narke::task([](const std::span<const int>& all) { return all.data(); });
  EXPECT_EQ(narke::get(where.remote(ref)), data);
  EXPECT_EQ(narke::get(where.remote(values)), data);
  EXPECT_EQ(narke::get(where.remote(ints{values})), data);
  EXPECT_EQ(narke::get(by_reference.remote(ref)), data);
  EXPECT_EQ(narke::get(where.remote(narke::task([=] { return values; }).remote())), data);
}

TEST_F(arrays_in_tasks, a_span_still_takes_vectors) {
  const auto sum = narke::task(
      [](std::span<const int> all) { return std::accumulate(all.begin(), all.end(), 0); });
  EXPECT_EQ(narke::get(sum.remote({1, 2, 3})), 6);
  EXPECT_EQ(narke::get(sum.remote(std::vector{1, 2})), 3);
  EXPECT_EQ(narke::get(sum.remote(narke::put(std::vector{1, 2, 3, 4}))), 10);
  EXPECT_EQ(narke::get(sum.remote(ints{})), 0);
  EXPECT_EQ(narke::get(sum.remote(narke::put(ints{}))), 0);
}

TEST_F(arrays_in_tasks, are_passed_as_handles) {
  const ints values{std::vector{1, 2, 3}};
  const auto ref = narke::put(values);
  EXPECT_EQ(narke::get(narke::task([](const ints& all) { return all.size(); }).remote(ref)), 3U);
  EXPECT_EQ(narke::get(narke::task([](ints all) { return all; }).remote(ref)), values);
  EXPECT_EQ(narke::get(narke::task([](const auto& all) { return all; }).remote(ref)), values);
  const auto count = narke::task([](const std::vector<ints>& all) { return all.size(); });
  EXPECT_EQ(narke::get(count.remote(std::vector{ref, ref})), 2U);
}

TEST_F(arrays_in_tasks, builders_become_arrays_as_results) {
  const auto filled = [](int size, int value) {
    auto out = narke::allocate<int>(std::size_t(size));
    std::fill(out.begin(), out.end(), value);
    return out;
  };
  narke::object_ref<ints> one = narke::task(filled).remote(2, 7);
  EXPECT_EQ(narke::get(one).to_vector(), (std::vector{7, 7}));
  narke::object_ref<std::pair<ints, int>> pair =
      narke::task([=] { return std::pair{filled(1, 3), 4}; }).remote();
  EXPECT_EQ(narke::get(pair).first.to_vector(), std::vector{3});
  narke::object_ref<std::tuple<int, ints, std::pair<ints, ints>>> nested = narke::task([=] {
    return std::tuple{1, filled(1, 2), std::pair{filled(1, 3), filled(1, 4)}};
  }).remote();
  EXPECT_EQ(std::get<2>(narke::get(nested)).second.to_vector(), std::vector{4});
  narke::object_ref<std::array<ints, 2>> both =
      narke::task([=] { return std::array{filled(1, 5), filled(1, 6)}; }).remote();
  EXPECT_EQ(narke::get(both)[1].to_vector(), std::vector{6});
  narke::object_ref<std::vector<ints>> list = narke::task([=] {
    std::vector<narke::array_builder<int>> all;
    all.push_back(filled(1, 8));
    return all;
  }).remote();
  EXPECT_EQ(narke::get(list).at(0).to_vector(), std::vector{8});
}

TEST_F(arrays_in_tasks, builders_become_arrays_each_of_its_own) {
  const auto make = [] {
    auto a = narke::allocate<int>(1);
    auto b = narke::allocate<float>(1);
    a[0] = 1;
    b[0] = 2;
    return std::tuple{std::move(a), std::move(b), 3};
  };
  auto [a, b, c] = narke::task(make).num_returns<3>().remote();
  static_assert(std::is_same_v<decltype(a), narke::object_ref<ints>>);
  static_assert(std::is_same_v<decltype(b), narke::object_ref<narke::array<float>>>);
  EXPECT_EQ(narke::get(a).to_vector(), std::vector{1});
  EXPECT_EQ(narke::get(b).to_vector(), std::vector{2.0f});
  EXPECT_EQ(narke::get(c), 3);
  auto [d, e] = narke::task([] {
                  std::array<narke::array_builder<int>, 2> both{narke::allocate<int>(1),
                                                                narke::allocate<int>(2)};
                  both[0][0] = 1;
                  return both;
                }).num_returns<2>().remote();
  EXPECT_EQ(narke::get(d).size(), 1U);
  EXPECT_EQ(narke::get(e).size(), 2U);
}

TEST_F(arrays_in_tasks, a_builder_that_is_put_becomes_an_array) {
  auto builder = narke::allocate<int>(1);
  builder[0] = 9;
  narke::object_ref<ints> ref = narke::put(std::move(builder));
  EXPECT_EQ(narke::get(ref).to_vector(), std::vector{9});
}

// Adds one to each element, and says where it did.
auto add_one() {
  return narke::task([](narke::array_builder<int> all) {
           for (int& each : all) ++each;
           const int* data = all.data();
           return std::pair{std::move(all), data};
         }).num_returns<2>();
}

TEST_F(arrays_in_tasks, a_builder_parameter_writes_in_place_what_is_the_last) {
  auto ref = narke::put(ints{std::vector{1, 2}});
  const int* data = narke::get(ref).host().data();
  auto [written, where] = add_one().remote(std::move(ref));
  EXPECT_EQ(narke::get(written).to_vector(), (std::vector{2, 3}));
  EXPECT_EQ(narke::get(where), data);
  auto [again, same] = add_one().remote(narke::get(std::move(written)));
  EXPECT_EQ(narke::get(again).to_vector(), (std::vector{3, 4}));
  EXPECT_EQ(narke::get(same), data);
  auto built = narke::allocate<int>(1);
  built[0] = 5;
  const int* built_data = built.data();
  auto [from_builder, there] = add_one().remote(std::move(built));
  EXPECT_EQ(narke::get(from_builder).to_vector(), std::vector{6});
  EXPECT_EQ(narke::get(there), built_data);
}

TEST_F(arrays_in_tasks, a_builder_parameter_copies_what_others_hold) {
  const ints held{std::vector{1, 2}};
  const auto expect_copied = [&](auto&& argument) {
    auto [written, where] = add_one().remote(std::forward<decltype(argument)>(argument));
    EXPECT_EQ(narke::get(written).to_vector(), (std::vector{2, 3}));
    EXPECT_NE(narke::get(where), held.host().data());
    EXPECT_EQ(held.to_vector(), (std::vector{1, 2})) << "what others see never changes";
  };
  expect_copied(held);
  expect_copied(narke::put(held));
  const auto ref = narke::put(held);
  expect_copied(ref);
  auto kept = narke::put(ints{std::vector{1, 2}});
  const auto other = kept;
  auto [written, where] = add_one().remote(std::move(kept));
  EXPECT_EQ(narke::get(written).to_vector(), (std::vector{2, 3}));
  EXPECT_EQ(narke::get(other).to_vector(), (std::vector{1, 2}));
  EXPECT_NE(narke::get(where), narke::get(other).host().data());
}

TEST_F(arrays_in_tasks, a_builder_parameter_takes_what_has_no_elements) {
  const auto grown = narke::task([](narke::array_builder<int> all) { return all.size(); });
  EXPECT_EQ(narke::get(grown.remote(ints{})), 0U);
  EXPECT_EQ(narke::get(grown.remote(narke::put(ints{}))), 0U);
  EXPECT_EQ(narke::get(grown.remote(narke::allocate<int>(0))), 0U);
}

TEST_F(arrays_in_tasks, in_place_by_tasks_one_after_the_other) {
  narke::object_ref<ints> ref = narke::put(ints{std::vector{0}});
  const int* data = narke::get(ref).host().data();
  for (int i = 0; i != 100; ++i) {
    ref = narke::task([](narke::array_builder<int> all) {
      ++all[0];
      return all;
    }).remote(std::move(ref));
  }
  EXPECT_EQ(narke::get(ref).to_vector(), std::vector{100});
  EXPECT_EQ(narke::get(ref).host().data(), data) << "no copy in 100 tasks";
}

class array_actor {
 public:
  explicit array_actor(ints start) : state_{std::move(start)} {}
  narke::array_builder<int> scaled(std::span<const int> by) const {
    auto out = narke::allocate<int>(state_.size());
    for (std::size_t i = 0; i != state_.size(); ++i) out[i] = state_.host()[i] * by[0];
    return out;
  }
  ints state() const { return state_; }

 private:
  ints state_;
};

TEST_F(arrays_in_tasks, actors_keep_take_and_return_them) {
  const auto start = narke::put(ints{std::vector{1, 2}});
  auto actor = narke::actor<array_actor>().remote(start);
  narke::object_ref<ints> scaled =
      actor.task(&array_actor::scaled).remote(narke::put(ints{std::vector{10}}));
  EXPECT_EQ(narke::get(scaled).to_vector(), (std::vector{10, 20}));
  EXPECT_EQ(narke::get(actor.task(&array_actor::state).remote()), narke::get(start));
}

TEST_F(arrays_in_tasks, outlive_the_runtime) {
  const auto ref = narke::task([] { return narke::allocate<char>(1000); }).remote();
  const narke::array<char> held = narke::get(ref);
  narke::shutdown();
  EXPECT_EQ(held.host().size(), 1000U);
  EXPECT_EQ(narke::get(ref), held);
}

}  // namespace
