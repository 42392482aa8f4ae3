// object_ref is a regular type; empty ones are refused everywhere.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>

using namespace std::chrono_literals;

namespace {

class object_refs : public narke_test::two_cpus_test {};

TEST_F(object_refs, are_regular) {
  narke::object_ref<int> empty;
  EXPECT_FALSE(empty);
  EXPECT_EQ(empty, narke::object_ref<int>{});
  auto one = narke::put(1);
  const auto other = narke::put(1);
  EXPECT_TRUE(one);
  EXPECT_NE(one, other) << "equal values are different objects";
  EXPECT_NE(one, empty);
  auto copy = one;
  EXPECT_EQ(copy, one);
  auto moved = std::move(copy);
  EXPECT_EQ(moved, one);
  EXPECT_FALSE(copy);
  copy = moved;
  EXPECT_EQ(copy, one);
  auto& self = copy;
  copy = self;
  EXPECT_EQ(copy, one);
  copy = std::move(self);
  EXPECT_EQ(copy, one) << "moved to itself";
  std::swap(copy, empty);
  EXPECT_EQ(empty, one);
  EXPECT_FALSE(copy);
  EXPECT_EQ(narke::get(one), 1);
}

TEST_F(object_refs, hash_by_identity) {
  const auto one = narke::put(1);
  const auto two = narke::put(2);
  const std::unordered_set<narke::object_ref<int>> set{one, two, one};
  EXPECT_EQ(set.size(), 2U);
  EXPECT_TRUE(set.contains(one));
  std::unordered_map<narke::object_ref<void>, std::string> names;
  names[one] = "one";
  names[narke::put(std::string{"text"})] = "text";
  EXPECT_EQ(names.at(one), "one");
  EXPECT_EQ(std::hash<narke::object_ref<int>>{}(one), std::hash<narke::object_ref<int>>{}(one));
}

TEST_F(object_refs, of_mixed_types_make_one_list) {
  auto number = narke::put(1);
  auto text = narke::task([] { return std::string{"text"}; }).remote();
  auto nothing = narke::task([] {}).remote();
  const std::vector<narke::object_ref<void>> refs{number, text, nothing};
  const auto [ready, not_ready] = narke::wait(refs, {.num_returns = 3});
  EXPECT_EQ(ready, refs);
  EXPECT_EQ(narke::object_ref<void>{number}, refs[0]);
  EXPECT_NE(refs[0], refs[1]);
  narke::get(refs[0]);
  narke::get(refs);
}

TEST_F(object_refs, without_type_keep_the_value_alive) {
  const auto seen = narke_test::new_traffic();
  narke::object_ref<void> untyped = narke::put(narke_test::tracked{seen, 1});
  EXPECT_TRUE(untyped);
  EXPECT_EQ(seen->alive, 1);
  untyped = {};
  EXPECT_EQ(seen->alive, 0);
  EXPECT_FALSE(narke::object_ref<void>{narke::object_ref<int>{}});
}

TEST_F(object_refs, tell_whether_they_are_ready) {
  narke_test::gate hold;
  auto slow = narke::task([wait = hold.waiter()] { wait(); }).remote();
  EXPECT_TRUE(narke::is_ready(narke::put(1)));
  EXPECT_FALSE(narke::is_ready(slow));
  hold.open();
  narke::get(slow);
  EXPECT_TRUE(narke::is_ready(slow));
  auto failed = narke::task([] { throw 1; }).remote();
  narke::wait(std::vector{failed});
  EXPECT_TRUE(narke::is_ready(failed));
}

TEST_F(object_refs, sort_of_the_standard_algorithms_work_on_them) {
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 100; ++i) refs.push_back(narke::put(i));
  std::rotate(refs.begin(), refs.begin() + 50, refs.end());
  std::reverse(refs.begin(), refs.end());
  EXPECT_EQ(std::find(refs.begin(), refs.end(), refs[7]) - refs.begin(), 7);
  EXPECT_EQ(narke::get(refs[0]), 49);
}

template <typename F>
void expect_refused(F f) {
  EXPECT_THROW(f(), std::invalid_argument);
}

TEST_F(object_refs, that_are_empty_are_refused_by_every_call) {
  const narke::object_ref<int> empty;
  const narke::object_ref<void> nothing;
  const auto full = narke::put(1);
  const auto take = [](int x) { return x; };
  expect_refused([&] { narke::get(empty); });
  expect_refused([&] { narke::get(nothing); });
  expect_refused([&] { narke::get(narke::object_ref<int>{}); });
  expect_refused([&] { narke::get(empty, 1s); });
  expect_refused([&] { narke::get(std::vector{full, empty}); });
  expect_refused([&] { narke::get(std::vector{full, empty}, 1s); });
  expect_refused([&] { narke::get(full, empty); });
  expect_refused([&] { narke::is_ready(empty); });
  expect_refused([&] { narke::wait(std::vector{full, empty}); });
  expect_refused([&] { narke::wait(std::vector{full, empty}, {.timeout = 0s}); });
  expect_refused([&] {
    for (auto& ref : narke::as_completed(std::vector{full, empty})) narke::get(ref);
  });
  expect_refused([&] { narke::cancel(empty); });
  expect_refused([&] { narke::task(take).remote(empty); });
  expect_refused([&] { narke::task(take).remote(narke::object_ref<int>{}); });
  expect_refused([&] { narke::task([](const auto&) {}).remote(empty); });
  expect_refused([&] {
    narke::task([](const std::vector<int>&) {}).remote(std::vector{full, empty});
  });
  expect_refused([&] { narke::task([](narke::object_ref<int>) {}).remote(empty); });
}

TEST_F(object_refs, that_are_empty_are_refused_before_any_wait) {
  narke_test::gate hold;
  const auto slow = narke::task([wait = hold.waiter()] {
    wait();
    return 1;
  }).remote();
  const narke::object_ref<int> empty;
  expect_refused([&] { narke::get(std::vector{slow, empty}); });
  expect_refused([&] { narke::get(slow, empty); });
  expect_refused([&] { narke::wait(std::vector{slow, empty}, {.num_returns = 1}); });
}

struct receiver {
  int take(int x) { return x; }
};

TEST_F(object_refs, that_are_empty_are_refused_by_actors) {
  const narke::object_ref<int> empty;
  auto actor = narke::actor<receiver>().remote();
  expect_refused([&] { actor.task(&receiver::take).remote(empty); });
  EXPECT_EQ(narke::get(actor.task(&receiver::take).remote(3)), 3);
}

TEST_F(object_refs, moved_from_are_empty_and_refused) {
  auto ref = narke::put(5);
  narke::get(std::move(ref));
  EXPECT_FALSE(ref);
  expect_refused([&] { narke::get(ref); });
}

}  // namespace
