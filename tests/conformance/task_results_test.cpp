// What tasks may return, and several results of one task.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <any>
#include <array>
#include <optional>
#include <string>
#include <tuple>

using narke_test::gate;
using narke_test::move_only;
using narke_test::odd_error;
using narke_test::tracked;

namespace {

class task_results : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(task_results);

template <typename F>
auto result_of(F f) {
  return narke::get(narke::task(f).remote());
}

TEST_P(task_results, of_every_kind_arrive) {
  EXPECT_EQ(result_of([] { return 1; }), 1);
  EXPECT_EQ(result_of([] { return true; }), true);
  EXPECT_EQ(result_of([] { return std::string(100, 'x'); }), std::string(100, 'x'));
  EXPECT_EQ(result_of([] { return narke_test::no_default{3}; }).value, 3);
  EXPECT_EQ(*result_of([] { return move_only{3}; }).value, 3);
  EXPECT_EQ(*result_of([] { return std::make_unique<int>(4); }), 4);
  EXPECT_EQ(result_of([] { return std::tuple{1, std::string{"a"}}; }),
            (std::tuple{1, std::string{"a"}}));
  EXPECT_EQ(result_of([] { return std::optional<int>{}; }), std::nullopt);
  EXPECT_EQ(std::any_cast<int>(result_of([] { return std::any{3}; })), 3);
  EXPECT_EQ(result_of([] { return std::exception_ptr{}; }), nullptr);
  EXPECT_EQ(result_of([]() -> const char* { return "text"; }), std::string{"text"});
  EXPECT_EQ(result_of([] { return std::vector<bool>{true, false}; }),
            (std::vector<bool>{true, false}));
}

TEST_P(task_results, may_be_void) {
  const narke_test::tally ran;
  narke::object_ref<void> done = narke::task([=] { ran.add(); }).remote();
  narke::get(done);
  narke::get(done);
  EXPECT_EQ(ran.value(), 1);
  narke::get(std::move(done));
}

TEST_P(task_results, are_decayed) {
  static const std::string text = "static";
  const auto reference = [&]() -> const std::string& { return text; };
  narke::object_ref<std::string> ref = narke::task(reference).remote();
  EXPECT_EQ(narke::get(ref), "static");
  EXPECT_NE(&narke::get(ref), &text);
  const auto constant = []() -> const std::string { return "constant"; };
  const narke::object_ref<std::string> copy = narke::task(constant).remote();
  EXPECT_EQ(narke::get(copy), "constant");
}

TEST_P(task_results, may_be_refs_and_are_not_unwrapped) {
  narke::object_ref<narke::object_ref<int>> outer =
      narke::task([] { return narke::task([] { return 5; }).remote(); }).remote();
  EXPECT_EQ(narke::get(narke::get(outer)), 5);
  auto list = narke::task([] { return std::vector{narke::put(1), narke::put(2)}; }).remote();
  EXPECT_EQ(narke::get(narke::get(list)), (std::vector{1, 2}));
}

TEST_P(task_results, are_never_copied_on_their_way) {
  const auto seen = narke_test::new_traffic();
  auto ref = narke::task([=] { return tracked{seen, 5}; }).remote();
  EXPECT_EQ(narke::get(ref).value, 5);
  EXPECT_EQ(narke::get(std::move(ref)).value, 5);
  EXPECT_EQ(seen->copies, 0);
}

TEST_P(task_results, a_result_that_cannot_be_stored_fails_the_task) {
  static const narke_test::throws_when_copied value;
  auto ref = narke::task([]() -> const narke_test::throws_when_copied& { return value; }).remote();
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(ref); }), 7);
}

std::tuple<std::string, int, double> tuple3(const std::string& text, int number) {
  return {text, number, 0.5};
}

TEST_P(task_results, a_tuple_becomes_refs) {
  auto [x, y, z] = narke::task(tuple3).num_returns<3>().remote("ray rocks!", 7);
  static_assert(std::is_same_v<decltype(x), narke::object_ref<std::string>>);
  static_assert(std::is_same_v<decltype(z), narke::object_ref<double>>);
  EXPECT_EQ(narke::get(x), "ray rocks!");
  EXPECT_EQ(narke::get(y), 7);
  EXPECT_EQ(narke::get(z), 0.5);
  EXPECT_EQ(narke::get(x, y, z), (std::tuple{std::string{"ray rocks!"}, 7, 0.5}));
}

TEST_P(task_results, a_pair_and_an_array_become_refs) {
  const auto make = [] { return std::pair{1, std::string{"two"}}; };
  auto [a, b] = narke::task(make).num_returns<2>().remote();
  EXPECT_EQ(narke::get(a), 1);
  EXPECT_EQ(narke::get(b), "two");
  auto [i, j, k] = narke::task([] { return std::array{1, 2, 3}; }).num_returns<3>().remote();
  EXPECT_EQ(narke::get(i) + narke::get(j) + narke::get(k), 6);
}

TEST_P(task_results, several_may_be_move_only) {
  const auto make = [] { return std::tuple{move_only{1}, std::make_unique<int>(2)}; };
  auto [a, b] = narke::task(make).num_returns<2>().remote();
  EXPECT_EQ(*narke::get(std::move(a)).value, 1);
  EXPECT_EQ(*narke::get(std::move(b)), 2);
}

TEST_P(task_results, without_num_returns_a_tuple_is_one_result) {
  narke::object_ref<std::tuple<std::string, int, double>> ref = narke::task(tuple3).remote("a", 1);
  EXPECT_EQ(std::get<0>(narke::get(ref)), "a");
}

TEST_P(task_results, several_share_failure) {
  const auto fail = []() -> std::tuple<int, std::string> { throw odd_error{"odd", 5}; };
  auto [a, b] = narke::task(fail).num_returns<2>().remote();
  EXPECT_EQ(narke_test::odd_code([&, &ref = a] { narke::get(ref); }), 5);
  EXPECT_EQ(narke_test::odd_code([&, &ref = b] { narke::get(ref); }), 5);
}

TEST_P(task_results, several_do_not_share_lifetime) {
  const auto seen = narke_test::new_traffic();
  const auto make = [=] { return std::pair{tracked{seen, 1}, tracked{seen, 2}}; };
  auto [a, b] = narke::task(make).num_returns<2>().remote();
  narke::wait(std::vector{a, b}, {.num_returns = 2});
  EXPECT_TRUE(narke_test::eventually([&] { return seen->alive == 2; }));
  a = {};
  EXPECT_TRUE(narke_test::eventually([&] { return seen->alive == 1; }));
  EXPECT_EQ(narke::get(std::move(b)).value, 2);
  EXPECT_EQ(seen->copies, 0);
  EXPECT_TRUE(narke_test::eventually([&] { return seen->alive == 0; }));
}

TEST_P(task_results, one_of_several_may_be_dropped_before_the_task_runs) {
  gate hold;
  const auto make = [wait = hold.waiter()] {
    wait();
    return std::array{std::string{"a"}, std::string{"b"}};
  };
  auto kept = [&] {
    auto [a, b] = narke::task(make).num_returns<2>().remote();
    return b;
  }();
  hold.open();
  EXPECT_EQ(narke::get(kept), "b");
}

TEST_P(task_results, several_are_arguments_and_awaited_like_any_other) {
  auto [a, b] = narke::task([] { return std::pair{3, 4}; }).num_returns<2>().remote();
  EXPECT_NE(a, b);
  EXPECT_EQ(narke::get(narke::task([](int x, int y) { return x * y; }).remote(a, b)), 12);
  EXPECT_EQ(narke::wait(std::vector{b, a}, {.num_returns = 2}).ready, (std::vector{b, a}));
  EXPECT_EQ(narke::get(narke::task([](int x) { return x; }).remote(std::move(a))), 3);
}

TEST_P(task_results, several_come_from_tasks_with_options) {
  const auto make = [] { return std::pair{narke::this_task::name(), 1}; };
  auto [name, one] = narke::task(make, {.num_cpus = 0.5, .name = "pair"}).num_returns<2>().remote();
  EXPECT_EQ(narke::get(name), "pair");
  EXPECT_EQ(narke::get(one), 1);
}

}  // namespace
