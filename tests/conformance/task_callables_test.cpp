// What can be a task.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <functional>
#include <memory>

namespace {

class task_callables : public narke_test::two_cpus_test {};

int plain(int x) { return x + 1; }
int careful(int x) noexcept { return x + 2; }
[[maybe_unused]] int overloaded(int x) { return x; }
[[maybe_unused]] double overloaded(double x) { return x / 2; }

struct functor {
  int operator()(int x) const { return x + offset; }
  int offset;
};

struct careful_functor {
  int operator()(int x) const noexcept { return x; }
};

struct overloaded_functor {
  int operator()(int) const { return 1; }
  std::string operator()(const std::string&) const { return "text"; }
};

TEST_F(task_callables, functions_and_function_pointers) {
  EXPECT_EQ(narke::get(narke::task(plain).remote(1)), 2);
  EXPECT_EQ(narke::get(narke::task(&plain).remote(1)), 2);
  EXPECT_EQ(narke::get(narke::task(careful).remote(1)), 3);
  EXPECT_EQ(narke::get(narke::task(static_cast<double (*)(double)>(overloaded)).remote(3)), 1.5);
  int (*const pointer)(int) = plain;
  EXPECT_EQ(narke::get(narke::task(pointer).remote(1)), 2);
}

TEST_F(task_callables, lambdas_of_every_kind) {
  const int offset = 5;
  EXPECT_EQ(narke::get(narke::task([](int x) { return x; }).remote(1)), 1);
  EXPECT_EQ(narke::get(narke::task([=](int x) noexcept { return x + offset; }).remote(1)), 6);
  EXPECT_EQ(narke::get(narke::task([n = 0]() mutable { return ++n; }).remote()), 1);
  EXPECT_EQ(narke::get(narke::task([](auto x) { return x; }).remote(1)), 1);
  EXPECT_EQ(narke::get(narke::task([](int x) -> long { return x; }).remote(1)), 1L);
  EXPECT_EQ(narke::get(narke::task([]<typename T>(const T& x) { return sizeof x; }).remote('c')),
            1U);
}

TEST_F(task_callables, functors) {
  EXPECT_EQ(narke::get(narke::task(functor{3}).remote(1)), 4);
  EXPECT_EQ(narke::get(narke::task(careful_functor{}).remote(1)), 1);
  EXPECT_EQ(narke::get(narke::task(overloaded_functor{}).remote(1)), 1);
  EXPECT_EQ(narke::get(narke::task(overloaded_functor{}).remote(std::string{})), "text");
  EXPECT_EQ(narke::get(narke::task(overloaded_functor{}).remote(narke::put(std::string{}))),
            "text");
}

TEST_F(task_callables, std_function_and_bound_functions) {
  const std::function<int(int)> function = [](int x) { return 2 * x; };
  EXPECT_EQ(narke::get(narke::task(function).remote(4)), 8);
  EXPECT_EQ(narke::get(narke::task(std::bind_front(plain, 1)).remote()), 2);
  EXPECT_EQ(narke::get(narke::task(std::plus<>{}).remote(1, narke::put(2))), 3);
  EXPECT_EQ(narke::get(narke::task(std::plus<int>{}).remote(1, narke::put(2))), 3);
}

TEST_F(task_callables, callables_that_cannot_be_copied) {
  auto task = narke::task([p = std::make_unique<int>(7)](int x) { return *p + x; });
  EXPECT_EQ(narke::get(task.remote(1)), 8);
  EXPECT_EQ(narke::get(task.remote(2)), 9);
}

TEST_F(task_callables, one_task_is_called_many_times) {
  auto square = narke::task([](int x) { return x * x; });
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 100; ++i) refs.push_back(square.remote(i));
  const auto values = narke::get(refs);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(values[i], i * i);
}

TEST_F(task_callables, a_task_object_may_be_copied_const_and_gone_before_it_runs) {
  auto result = [] {
    const auto task = narke::task(functor{10});
    const auto copy = task;
    return copy.remote(1);
  }();
  EXPECT_EQ(narke::get(result), 11);
}

TEST_F(task_callables, captures_live_until_the_last_call_is_done) {
  const auto seen = narke_test::new_traffic();
  {
    auto ref = narke::task([t = narke_test::tracked{seen, 3}] { return t.value; }).remote();
    EXPECT_EQ(narke::get(ref), 3);
  }
  EXPECT_TRUE(narke_test::eventually([&] { return seen->alive == 0; }));
}

TEST_F(task_callables, a_null_function_fails_with_an_exception) {
  int (*const nothing)(int) = nullptr;
  EXPECT_THROW(narke::get(narke::task(std::function<int(int)>{}).remote(1)), std::exception);
  EXPECT_THROW(narke::get(narke::task(nothing).remote(1)), std::invalid_argument);
}

TEST_F(task_callables, tasks_submit_tasks) {
  auto outer = narke::task([](int n) {
    std::vector<narke::object_ref<int>> refs;
    for (int i = 0; i < n; ++i) refs.push_back(narke::task(plain).remote(i));
    int sum = 0;
    for (auto& ref : refs) sum += narke::get(ref);
    return sum;
  });
  EXPECT_EQ(narke::get(outer.remote(100)), 5050);
}

}  // namespace
