// map: every element once, in order, from whatever range.
#include <support/runtime_fixture.hpp>

#include <array>
#include <atomic>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

class map_elements : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(map_elements);

std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

TEST_P(map_elements, are_each_given_once_and_kept_in_order) {
  for (const int count : {0, 1, 2, 3, 7, 100, 12345}) {
    std::vector<std::atomic<int>> given(static_cast<std::size_t>(count));
    auto ref = narke::map(
        [&given](int x) {
          ++given[static_cast<std::size_t>(x)];
          return 3 * x;
        },
        numbers(count));
    const std::vector<int> tripled = narke::get(ref);
    ASSERT_EQ(tripled.size(), static_cast<std::size_t>(count));
    for (int i = 0; i != count; ++i) {
      ASSERT_EQ(tripled[static_cast<std::size_t>(i)], 3 * i);
      ASSERT_EQ(given[static_cast<std::size_t>(i)], 1);
    }
  }
}

TEST_P(map_elements, come_in_chunks_of_the_size_that_was_asked_for) {
  for (const int chunk : {1, 3, 1000, 5000}) {
    const auto doubled = narke::get(
        narke::map([](int x) { return 2 * x; }, std::views::iota(0, 1000), {.chunk = chunk}));
    ASSERT_EQ(doubled.size(), 1000U);
    EXPECT_EQ(doubled[999], 1998);
  }
}

TEST_P(map_elements, that_throw_give_the_error_of_the_first_of_them) {
  for (int round = 0; round != 50; ++round) {
    auto ref = narke::map(
        [](int x) {
          if (x % 100 == 57) throw std::out_of_range{std::to_string(x)};
          return x;
        },
        std::views::iota(0, 1000), {.chunk = 1 + round % 7});
    try {
      narke::get(ref);
      FAIL() << "it has failed";
    } catch (const std::out_of_range& caught) {
      EXPECT_STREQ(caught.what(), "57");
    }
  }
}

TEST_P(map_elements, may_be_maps_and_tasks_themselves) {
  const auto rows = narke::get(narke::map(
      [](int row) {
        const auto squares =
            narke::get(narke::map([row](int x) { return row * x; }, std::views::iota(0, 50)));
        return narke::get(narke::task([](int sum) {
                            return sum;
                          }).remote(std::accumulate(squares.begin(), squares.end(), 0)));
      },
      std::views::iota(0, 40)));
  for (int row = 0; row != 40; ++row) EXPECT_EQ(rows[static_cast<std::size_t>(row)], row * 1225);
}

class map_of : public narke_test::two_cpus_test {};

TEST_F(map_of, several_threads_works_on_several_elements_at_once) {
  // Each of two elements waits for the other.
  std::atomic<int> come = 0;
  narke::get(narke::map(
      [&](int) {
        ++come;
        while (come != 2) std::this_thread::yield();
      },
      std::views::iota(0, 2)));
  EXPECT_EQ(come, 2);
}

TEST_F(map_of, nothing_returned_is_a_ref_to_nothing) {
  std::atomic<int> sum = 0;
  narke::object_ref<void> ref = narke::map([&sum](int x) { sum += x; }, std::views::iota(1, 101));
  narke::get(ref);
  EXPECT_EQ(sum, 5050);
}

TEST_F(map_of, an_lvalue_owns_a_copy) {
  std::vector<std::string> words{"a", "b"};
  narke_test::busy_cpus busy{2};
  auto ref = narke::map([](const std::string& word) { return word + "!"; }, words);
  words[0] = "changed";
  words.clear();
  busy.release();
  EXPECT_EQ(narke::get(ref), (std::vector<std::string>{"a!", "b!"}));
}

TEST_F(map_of, an_rvalue_takes_it_over) {
  std::vector<int> values = numbers(100);
  const int* const place = values.data();
  const auto places = narke::get(narke::map([](const int& x) { return &x; }, std::move(values)));
  EXPECT_EQ(places[0], place);
  EXPECT_EQ(places[99], place + 99);
}

TEST_F(map_of, a_view_owns_copies_of_its_elements) {
  auto make = [] {
    std::vector<int> values = numbers(10);
    const std::span<const int> view{values};
    return std::pair{narke::map([](int x) { return x; }, view),
                     narke::map([](int x) { return x; },
                                values | std::views::transform([](int x) { return 10 * x; }))};
  };
  auto [same, tenfold] = make();
  EXPECT_EQ(narke::get(same), numbers(10));
  EXPECT_EQ(narke::get(tenfold)[9], 90);
}

TEST_F(map_of, any_container_and_array_works) {
  const auto twice = [](int x) { return 2 * x; };
  const std::vector<int> expected{2, 4, 6};
  EXPECT_EQ(narke::get(narke::map(twice, std::deque<int>{1, 2, 3})), expected);
  EXPECT_EQ(narke::get(narke::map(twice, std::list<int>{1, 2, 3})), expected);
  EXPECT_EQ(narke::get(narke::map(twice, std::array<int, 3>{1, 2, 3})), expected);
  const int plain[] = {1, 2, 3};
  EXPECT_EQ(narke::get(narke::map(twice, plain)), expected);
  const std::map<int, int> pairs{{1, 1}, {2, 2}, {3, 3}};
  EXPECT_EQ(narke::get(narke::map([](const auto& p) { return p.first + p.second; }, pairs)),
            expected);
  EXPECT_EQ(narke::get(narke::map([](bool x) { return !x; }, std::vector<bool>{true, false})),
            (std::vector<bool>{false, true}));
}

TEST_F(map_of, a_ref_reads_in_place) {
  const auto vector = narke::put(numbers(50));
  const int* const place = narke::get(vector).data();
  EXPECT_EQ(narke::get(narke::map([](const int& x) { return &x; }, vector))[7], place + 7);
  const narke::array<int> array{numbers(50)};
  const auto stored = narke::put(array);
  EXPECT_EQ(narke::get(narke::map([](const int& x) { return &x; }, stored))[7],
            array.host().data() + 7);
  EXPECT_EQ(narke::get(narke::map([](int x) { return x; }, array)), numbers(50));
}

TEST_F(map_of, a_ref_waits_for_it_and_takes_its_error) {
  auto values = narke::task([] { return std::vector<int>{4, 5}; }).remote();
  EXPECT_EQ(narke::get(narke::map([](int x) { return x + 1; }, values)), (std::vector<int>{5, 6}));
  auto failed = narke::task([]() -> std::vector<int> { throw std::logic_error{"none"}; }).remote();
  EXPECT_THROW(narke::get(narke::map([](int x) { return x; }, failed)), std::logic_error);
}

TEST_F(map_of, refs_gathers_them) {
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i != 5; ++i) refs.push_back(narke::task([](int x) { return x; }).remote(i));
  EXPECT_EQ(narke::get(narke::map([](int x) { return x; }, refs)), numbers(5));
}

TEST_F(map_of, results_of_any_type_keeps_them) {
  struct no_default {
    explicit no_default(int number) : value{number} {}
    int value;
  };
  const auto made =
      narke::get(narke::map([](int x) { return no_default{x}; }, std::views::iota(0, 3000)));
  ASSERT_EQ(made.size(), 3000U);
  for (int i = 0; i != 3000; ++i) ASSERT_EQ(made[static_cast<std::size_t>(i)].value, i);
  auto owned = narke::get(
      narke::map([](int x) { return std::make_unique<int>(x); }, std::views::iota(0, 3)));
  EXPECT_EQ(*owned[2], 2);
  const auto odd =
      narke::get(narke::map([](int x) { return x % 2 == 1; }, std::views::iota(0, 2000)));
  for (int i = 0; i != 2000; ++i) ASSERT_EQ(odd[static_cast<std::size_t>(i)], i % 2 == 1);
}

TEST_F(map_of, a_function_that_changes_itself_copies_it) {
  const auto counted = narke::get(narke::map([seen = 0](int) mutable { return ++seen; },
                                             std::views::iota(0, 30), {.chunk = 10}));
  EXPECT_EQ(counted[0], 1);
  EXPECT_EQ(counted[9], 10);
  EXPECT_EQ(counted[10], 1);
}

TEST_F(map_of, an_empty_ref_or_a_bad_chunk_is_refused) {
  const auto same = [](int x) { return x; };
  EXPECT_THROW(narke::map(same, narke::object_ref<std::vector<int>>{}), std::invalid_argument);
  EXPECT_THROW(narke::map(same, numbers(3), {.chunk = -1}), std::invalid_argument);
  EXPECT_THROW(narke::map(same, numbers(3), {.chunk = 0.5}), std::invalid_argument);
}

TEST_F(map_of, work_that_was_queued_is_dropped_with_the_rest) {
  std::atomic<bool> has_begun = false;
  std::atomic<int> run = 0;
  auto ref = narke::map(
      [&](int) {
        has_begun = true;
        ++run;
        while (!narke::stop_requested()) std::this_thread::yield();
      },
      std::views::iota(0, 1000));
  while (!has_begun) std::this_thread::yield();
  narke::shutdown();
  EXPECT_THROW(narke::get(ref), narke::task_cancelled_error);
  EXPECT_LE(run, 2);
}

}  // namespace
