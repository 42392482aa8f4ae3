// How arguments reach a task: converted, owned, read in place, gathered, or passed as they are.
#include <support/runtime_fixture.hpp>
#include <support/values.hpp>

#include <any>
#include <array>
#include <cstdint>
#include <functional>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

using narke_test::busy_cpus;
using narke_test::gate;
using narke_test::tally;

namespace {

class task_arguments : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(task_arguments);

template <typename F, typename... Arguments>
auto run(F f, Arguments&&... arguments) {
  return narke::get(narke::task(f).remote(std::forward<Arguments>(arguments)...));
}

TEST_P(task_arguments, are_converted_to_the_type_of_the_parameter) {
  EXPECT_EQ(run([](long x) { return x; }, 7), 7L);
  EXPECT_EQ(run([](double x) { return x / 2; }, 7), 3.5);
  EXPECT_EQ(run([](std::string s) { return s + "!"; }, "text"), "text!");
  EXPECT_EQ(run([](const std::string& s) { return s.size(); }, "text"), 4U);
  EXPECT_EQ(run([](std::optional<int> x) { return x.value_or(-1); }, 3), 3);
  EXPECT_EQ(run([](std::optional<int> x) { return x.value_or(-1); }, std::nullopt), -1);
  EXPECT_EQ(run([](const std::function<int(int)>& f) { return f(2); }, [](int x) { return 3 * x; }),
            6);
  EXPECT_EQ(run([](const int* p) { return p == nullptr; }, nullptr), true);
  EXPECT_EQ(run([](std::variant<int, std::string> v) { return v.index(); }, std::string{"s"}), 1U);
}

// The conversion is not put off until the task runs: the caller may change what it gave.
TEST_P(task_arguments, are_taken_when_remote_is_called) {
  busy_cpus busy{GetParam()};
  char text[] = "before";
  std::vector<int> numbers{1, 2, 3};
  int plain = 1;
  auto from_text = narke::task([](std::string s) { return s; }).remote(text);
  auto from_view = narke::task([](std::string_view s) { return std::string{s}; }).remote(text);
  auto from_numbers = narke::task([](const std::vector<int>& v) { return v[0]; }).remote(numbers);
  auto from_span = narke::task([](std::span<const int> v) { return v[0]; }).remote(numbers);
  auto from_plain = narke::task([](const int& x) { return x; }).remote(plain);
  text[0] = 'X';
  numbers[0] = 9;
  plain = 9;
  busy.release();
  EXPECT_EQ(narke::get(from_text), "before");
  EXPECT_EQ(narke::get(from_view), "before");
  EXPECT_EQ(narke::get(from_numbers), 1);
  EXPECT_EQ(narke::get(from_span), 1);
  EXPECT_EQ(narke::get(from_plain), 1);
}

TEST_P(task_arguments, for_a_string_view_are_owned_as_a_string) {
  const auto length = [](std::string_view s) { return s.size(); };
  EXPECT_EQ(run(length, "literal"), 7U);
  EXPECT_EQ(run(length, std::string(1000, 'x')), 1000U);
  EXPECT_EQ(run(length, std::string_view{"view"}), 4U);
  EXPECT_EQ(run(length, std::string_view{"\0mid\0", 5}), 5U);
  EXPECT_EQ(run(length, narke::put(std::string{"stored"})), 6U);
  const auto stored = narke::put(std::string{"stored"});
  const auto address = [](std::string_view s) {
    return reinterpret_cast<std::uintptr_t>(s.data());
  };
  EXPECT_EQ(run(address, stored), reinterpret_cast<std::uintptr_t>(narke::get(stored).data()));
}

TEST_P(task_arguments, for_a_span_are_owned_as_a_vector) {
  const auto sum = [](std::span<const int> v) { return std::accumulate(v.begin(), v.end(), 0); };
  EXPECT_EQ(run(sum, std::vector{1, 2, 3}), 6);
  EXPECT_EQ(run(sum, std::vector<int>{}), 0);
  EXPECT_EQ(run(sum, std::span<const int>{}), 0);
  const std::array<int, 3> array{4, 5, 6};
  EXPECT_EQ(run(sum, std::span<const int>{array}), 15);
  const auto stored = narke::put(std::vector{7, 8});
  EXPECT_EQ(run(sum, stored), 15);
  const auto address = [](std::span<const int> v) {
    return reinterpret_cast<std::uintptr_t>(v.data());
  };
  EXPECT_EQ(run(address, stored), reinterpret_cast<std::uintptr_t>(narke::get(stored).data()));
}

struct point {
  int x;
  int y;
};

int sum_of(std::vector<int> values) { return std::accumulate(values.begin(), values.end(), 0); }

TEST_P(task_arguments, may_be_braced) {
  EXPECT_EQ(narke::get(narke::task(sum_of).remote({1, 2, 3})), 6);
  EXPECT_EQ(narke::get(narke::task(sum_of).remote({})), 0);
  EXPECT_EQ(narke::get(narke::task([](point p) { return p.x - p.y; }).remote({7, 3})), 4);
  const auto two = [](point p, const std::vector<std::string>& v) { return p.x + int(v.size()); };
  EXPECT_EQ(narke::get(narke::task(two).remote({1, 2}, {"a", "b"})), 3);
}

TEST_P(task_arguments, a_ref_stands_for_its_value) {
  const auto number = narke::put(20);
  const auto text = narke::put(std::string{"text"});
  EXPECT_EQ(run([](int x) { return x + 1; }, number), 21);
  EXPECT_EQ(run([](const int& x) { return x + 1; }, number), 21);
  EXPECT_EQ(run([](int x, const std::string& s, int y) { return x + int(s.size()) + y; }, number,
                text, 1),
            25);
  EXPECT_EQ(run([](int x) { return x; }, narke::put(4)), 4);
}

TEST_P(task_arguments, the_value_of_a_ref_is_converted_too) {
  EXPECT_EQ(run([](double x) { return x / 2; }, narke::put(7)), 3.5);
  EXPECT_EQ(run([](long x) { return x; }, narke::task([] { return 3; }).remote()), 3L);
  EXPECT_EQ(run([](std::optional<int> x) { return *x; }, narke::put(3)), 3);
}

TEST_P(task_arguments, a_task_waits_for_the_refs_it_is_given) {
  gate hold;
  const tally ran;
  auto slow = narke::task([wait = hold.waiter()] {
    wait();
    return 20;
  }).remote();
  auto after = narke::task([=](int x, int y) {
    ran.add();
    return x + y;
  }).remote(slow, 1);
  if (GetParam() > 1) narke::get(narke::task([] {}).remote());
  EXPECT_EQ(ran.value(), 0);
  EXPECT_FALSE(narke::is_ready(after));
  hold.open();
  EXPECT_EQ(narke::get(after), 21);
}

TEST_P(task_arguments, const_references_read_the_store_in_place) {
  const auto stored = narke::put(std::vector<int>(100, 1));
  const auto address = [](const std::vector<int>& v) {
    return reinterpret_cast<std::uintptr_t>(&v);
  };
  EXPECT_EQ(run(address, stored), reinterpret_cast<std::uintptr_t>(&narke::get(stored)));
  const auto made = narke::task([] { return std::vector<int>(100, 2); }).remote();
  EXPECT_EQ(run(address, made), reinterpret_cast<std::uintptr_t>(&narke::get(made)));
}

TEST_P(task_arguments, one_ref_may_be_given_many_times) {
  const auto stored = narke::put(std::string{"ab"});
  const auto joined = [](const std::string& a, std::string b, std::string_view c) {
    return a + b + std::string{c};
  };
  EXPECT_EQ(run(joined, stored, stored, stored), "ababab");
}

TEST_P(task_arguments, a_vector_of_refs_is_gathered) {
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 100; ++i) refs.push_back(narke::task([](int x) { return x; }).remote(i));
  const auto sum = [](const std::vector<int>& v) { return std::accumulate(v.begin(), v.end(), 0); };
  EXPECT_EQ(run(sum, refs), 4950);
  EXPECT_EQ(run(sum_of, refs), 4950);
  EXPECT_EQ(run([](std::vector<int> v) { return v; }, refs)[99], 99);
  EXPECT_EQ(run(sum, std::vector<narke::object_ref<int>>{}), 0);
  EXPECT_EQ(run(sum, std::vector<int>{1, 2}), 3);
  EXPECT_EQ(narke::get(refs).size(), 100U);
}

TEST_P(task_arguments, ten_thousand_refs_are_gathered) {
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 10000; ++i) refs.push_back(narke::task([](int x) { return x; }).remote(1));
  EXPECT_EQ(run(sum_of, refs), 10000);
}

TEST_P(task_arguments, gathered_booleans_are_right) {
  std::vector<narke::object_ref<bool>> refs;
  for (int i = 0; i < 70; ++i) {
    refs.push_back(narke::task([](int x) { return x % 3 == 0; }).remote(i));
  }
  const auto trues = [](std::vector<bool> v) { return std::count(v.begin(), v.end(), true); };
  EXPECT_EQ(run(trues, refs), 24);
}

TEST_P(task_arguments, a_ref_for_a_ref_parameter_is_passed_as_it_is) {
  gate hold;
  auto slow = narke::task([wait = hold.waiter()] {
    wait();
    return 5;
  }, {.num_cpus = 0}).remote();
  auto early = narke::task([](narke::object_ref<int> ref) { return narke::is_ready(ref); });
  EXPECT_FALSE(narke::get(early.remote(slow)));
  auto by_reference = narke::task([](const narke::object_ref<int>& ref) { return ref; });
  EXPECT_EQ(narke::get(by_reference.remote(slow)), slow);
  auto late = narke::task([](narke::object_ref<int> ref) { return narke::get(ref); }).remote(slow);
  hold.open();
  EXPECT_EQ(narke::get(late), 5);
}

TEST_P(task_arguments, a_vector_of_refs_for_such_a_parameter_is_passed_as_it_is) {
  using refs_type = std::vector<narke::object_ref<int>>;
  gate hold;
  auto slow = narke::task([wait = hold.waiter()] {
    wait();
    return 5;
  }, {.num_cpus = 0}).remote();
  const refs_type refs{slow, narke::put(1)};
  const auto count = [](const refs_type& given) {
    return narke::wait(given, {.num_returns = 2, .timeout = std::chrono::seconds{0}}).ready.size();
  };
  EXPECT_EQ(run(count, refs), 1U);
  EXPECT_EQ(run([](refs_type given) { return given; }, refs), refs);
  hold.open();
  EXPECT_EQ(run([](refs_type given) { return narke::get(given); }, refs), (std::vector{5, 1}));
}

TEST_P(task_arguments, a_void_ref_is_passed_as_it_is) {
  const auto done = narke::task([] {}).remote();
  const auto touch = [](narke::object_ref<void> ref) {
    narke::get(ref);
    return true;
  };
  EXPECT_TRUE(run(touch, done));
}

TEST_P(task_arguments, reach_a_generic_lambda_as_references_to_const) {
  const auto kind = [](auto&& x) {
    return std::is_same_v<decltype(x), const std::string&>;
  };
  EXPECT_TRUE(run(kind, narke::put(std::string{"s"})));
  const auto size = [](const auto& x) { return x.size(); };
  EXPECT_EQ(run(size, narke::put(std::string{"four"})), 4U);
  EXPECT_EQ(run(size, std::string{"four"}), 4U);
  const auto sum = [](auto... x) { return (x + ... + 0); };
  EXPECT_EQ(run(sum), 0);
  EXPECT_EQ(run(sum, 1, narke::put(2), 3), 6);
  const auto address = [](const auto& x) { return reinterpret_cast<std::uintptr_t>(&x); };
  const auto stored = narke::put(std::string{"s"});
  EXPECT_EQ(run(address, stored), reinterpret_cast<std::uintptr_t>(&narke::get(stored)));
}

TEST_P(task_arguments, a_vector_of_refs_reaches_a_generic_lambda_as_it_is) {
  const std::vector refs{narke::put(1), narke::put(2)};
  const auto kind = [](const auto& x) {
    return std::is_same_v<decltype(x), const std::vector<narke::object_ref<int>>&>;
  };
  EXPECT_TRUE(run(kind, refs));
}

TEST_P(task_arguments, may_be_move_only_values) {
  EXPECT_EQ(run([](std::unique_ptr<int> p) { return *p; }, std::make_unique<int>(3)), 3);
  EXPECT_EQ(run([](const std::unique_ptr<int>& p) { return *p; }, std::make_unique<int>(3)), 3);
  EXPECT_EQ(run([](narke_test::move_only m) { return *m.value; }, narke_test::move_only{4}), 4);
}

TEST_P(task_arguments, may_be_of_awkward_types) {
  EXPECT_EQ(run([](std::any a) { return std::any_cast<int>(a); }, std::any{3}), 3);
  EXPECT_EQ(run([](const std::any& a) { return std::any_cast<int>(a); }, 3), 3);
  EXPECT_EQ(run([](std::any a) { return std::any_cast<int>(a); }, narke::put(std::any{3})), 3);
  EXPECT_EQ(run([](std::exception_ptr p) { return p == nullptr; }, std::exception_ptr{}), true);
  EXPECT_EQ(run([](const int x) { return x; }, 3), 3);
  EXPECT_EQ(run([](narke_test::no_default x) { return x.value; }, narke_test::no_default{3}), 3);
  enum class colour { red = 2 };
  EXPECT_EQ(run([](colour c) { return static_cast<int>(c); }, colour::red), 2);
  EXPECT_EQ(run([](int a, int b, int c, int d, int e, int f, int g, int h, int i, int j) {
              return a + b + c + d + e + f + g + h + i + j;
            }, 1, 2, 3, 4, 5, narke::put(6), 7, 8, 9, 10),
            55);
}

struct alignas(128) wide {
  std::array<char, 128> bytes{};
};

TEST_P(task_arguments, keep_their_alignment) {
  const auto aligned = [](const wide& w) {
    return reinterpret_cast<std::uintptr_t>(&w) % alignof(wide) == 0;
  };
  EXPECT_TRUE(run(aligned, wide{}));
  EXPECT_TRUE(run(aligned, narke::put(wide{})));
  EXPECT_TRUE(run(aligned, narke::task([] { return wide{}; }).remote()));
}

TEST_P(task_arguments, may_be_large) {
  struct large {
    std::array<char, 200000> bytes{};
  };
  auto value = std::make_unique<large>();
  value->bytes[199999] = 7;
  EXPECT_EQ(run([](const large& l) { return int{l.bytes[199999]}; }, *value), 7);
}

TEST_P(task_arguments, a_conversion_that_throws_leaves_remote) {
  const auto take = [](narke_test::throws_when_copied) {};
  const narke_test::throws_when_copied value;
  EXPECT_EQ(narke_test::odd_code([&] { narke::task(take).remote(value); }), 7);
  EXPECT_NO_THROW(narke::get(narke::task(take).remote(narke_test::throws_when_copied{})));
}

TEST_P(task_arguments, a_copy_from_the_store_that_throws_fails_the_task) {
  const auto stored = narke::put(narke_test::throws_when_copied{});
  auto taken = narke::task([](narke_test::throws_when_copied) {}).remote(stored);
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(taken); }), 7);
}

}  // namespace
