// get of a ref that is given up, in a program whose tasks are not listed, by a task whose newest
// task it is: it runs in place, and nobody else has to do with it. Unless its body sees to that.
#include "given_up.hpp"

#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

using narke_test::in_task;

namespace {

class get_given_up : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(get_given_up);

class get_given_up_alone : public narke_test::one_cpu_test {};

TEST_P(get_given_up, gives_the_value_and_leaves_the_ref_empty) {
  EXPECT_EQ(in_task([] {
              auto ref = narke::task([](int x) { return std::make_unique<int>(x); }).remote(4);
              const std::unique_ptr<int> value = narke::get(std::move(ref));
              return ref ? -1 : *value;
            }),
            4);
}

TEST_P(get_given_up, leaves_the_ref_as_it_was_when_the_task_throws) {
  EXPECT_TRUE(in_task([] {
    auto ref = narke::task([]() -> int { throw std::out_of_range{"here"}; }).remote();
    for (int i = 0; i != 2; ++i) {
      try {
        narke::get(std::move(ref));
        return false;
      } catch (const std::out_of_range&) {
      }
    }
    return bool{ref};
  }));
}

TEST_F(get_given_up_alone, keeps_the_value_for_a_copy_that_the_body_made) {
  EXPECT_EQ(in_task([] {
              narke::object_ref<int> given;
              narke::object_ref<int> copy;
              given = narke::task([&] {
                        copy = given;
                        return 6;
                      }).remote();
              return narke::get(std::move(given)) * 10 + narke::get(copy);
            }),
            66);
}

TEST_F(get_given_up_alone, resumes_who_began_to_wait_for_it_in_the_body) {
  EXPECT_EQ(in_task([] {
              narke::object_ref<int> given;
              narke::object_ref<int> next;
              given = narke::task([&] {
                        next = narke::task([](int x) { return x + 1; }).remote(given);
                        return 6;
                      }).remote();
              const int value = narke::get(std::move(given));
              return value * 10 + narke::get(std::move(next));
            }),
            67);
}

TEST_F(get_given_up_alone, fails_when_the_body_asked_itself_to_stop) {
  EXPECT_THROW(in_task([] {
                 narke::object_ref<int> given;
                 given = narke::task([&] {
                           narke::cancel(given);
                           return narke::stop_requested() ? 1 : 0;
                         }).remote();
                 return narke::get(std::move(given));
               }),
               narke::task_cancelled_error);
}

TEST_P(get_given_up, takes_older_tasks_too) {
  EXPECT_EQ(in_task([] {
              const auto twice = narke::task([](int x) { return 2 * x; });
              auto first = twice.remote(1);
              auto second = twice.remote(2);
              auto third = twice.remote(3);
              const int a = narke::get(std::move(first));
              const int c = narke::get(std::move(third));
              return a * 100 + narke::get(std::move(second)) * 10 + c;
            }),
            246);
}

int fibonacci(int n) {
  if (n < 2) return n;
  auto one = narke::task(fibonacci).remote(n - 1);
  const int other = fibonacci(n - 2);
  return narke::get(std::move(one)) + other;
}

TEST_P(get_given_up, in_recursion_from_a_thread_outside_that_runs_it_in_place) {
  for (int i = 0; i != 20; ++i) {
    EXPECT_EQ(narke::get(narke::task(fibonacci).remote(15)), 610);
  }
}

TEST_P(get_given_up, leaves_what_a_thread_outside_submitted_in_place_to_others) {
  for (int i = 0; i != 100; ++i) {
    std::vector<narke::object_ref<int>> left;
    narke::get(narke::task([&left] {
                 const auto same = narke::task([](int x) { return x; });
                 for (int k = 0; k != 5; ++k) left.push_back(same.remote(k));
               }).remote());
    EXPECT_EQ(narke::get(left), (std::vector<int>{0, 1, 2, 3, 4}));
  }
}

}  // namespace
