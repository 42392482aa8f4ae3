// Large vectors that are given by value to tasks that only read them: equal ones are kept once.
#include <support/runtime_fixture.hpp>

#include <span>
#include <thread>
#include <vector>

namespace {

class shared_arguments : public narke_test::two_cpus_test {};

constexpr std::size_t large = (1 << 20) / sizeof(int);

// Where `tasks` tasks find their argument, all of them holding it at once.
template <class Function, class Value>
std::vector<const int*> places(Function function, Value& value, int tasks) {
  narke_test::gate hold;
  std::vector<narke::object_ref<const int*>> refs;
  for (int i = 0; i < tasks; ++i) {
    refs.push_back(narke::task(function).remote(hold.waiter(), value));
  }
  hold.open();
  return narke::get(refs);
}

using waiter = narke_test::gate::waiter_type;

const int* place_of(const waiter& wait, const std::vector<int>& values) {
  wait();
  return values.data();
}
const int* place_of_span(const waiter& wait, std::span<const int> values) {
  wait();
  return values.data();
}
const int* place_of_own(const waiter& wait, std::vector<int> values) {
  wait();
  values[0] = -1;
  return values.data();
}

TEST_F(shared_arguments, are_copied_once) {
  std::vector<int> values(large, 7);
  const auto found = places(place_of, values, 5);
  for (const int* each : found) EXPECT_EQ(each, found[0]);
  EXPECT_NE(found[0], values.data()) << "a task owns its argument";
  const auto spans = places(place_of_span, values, 5);
  for (const int* each : spans) EXPECT_EQ(each, spans[0]);
}

TEST_F(shared_arguments, are_a_tasks_own_when_it_may_write_them) {
  std::vector<int> values(large, 7);
  places(place_of_own, values, 5);
  EXPECT_EQ(values, std::vector<int>(large, 7));
}

TEST_F(shared_arguments, are_compared_to_the_last_byte) {
  for (const std::size_t changed : {std::size_t{0}, large / 2, large - 1}) {
    narke_test::gate hold;
    std::vector<int> values(large, 7);
    const auto look = [changed](const waiter& wait, const std::vector<int>& given) {
      wait();
      return given[changed];
    };
    auto before = narke::task(look).remote(hold.waiter(), values);
    values[changed] = 8;
    auto after = narke::task(look).remote(hold.waiter(), values);
    values[changed] = 9;
    hold.open();
    EXPECT_EQ(narke::get(before), 7);
    EXPECT_EQ(narke::get(after), 8);
  }
}

TEST_F(shared_arguments, are_told_apart_by_type_and_length) {
  narke_test::gate hold;
  std::vector<int> values(large * 2, 0);
  auto ints = narke::task(place_of).remote(hold.waiter(), values);
  values.resize(large);  // the same place, shorter
  auto shorter = narke::task([](const waiter& wait, const std::vector<int>& given) {
                   wait();
                   return given.size();
                 }).remote(hold.waiter(), values);
  hold.open();
  EXPECT_EQ(narke::get(shorter), large);
  narke::get(ints);
}

TEST_F(shared_arguments, may_be_made_by_many_threads_at_once) {
  const std::vector<int> values(large, 7);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&values, t] {
      std::vector<int> own(large, t);
      for (int i = 0; i < 20; ++i) {
        const auto sum = [](const std::vector<int>& a, const std::vector<int>& b) {
          return a.back() + b.front();
        };
        own.back() = i;
        EXPECT_EQ(narke::get(narke::task(sum).remote(own, values)), i + 7);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
