// Coroutine tasks: their results, their arguments, and what co_await takes and gives.
#include "co_fixture.hpp"

#include <array>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

using narke::co_task;
using narke::object_ref;
using narke_test::becomes_suspended;
using narke_test::gate;
using narke_test::odd_error;
using narke_test::tally;
using std::is_same_v;

namespace {

class co_tasks : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(co_tasks);

co_task<int> twice(int x) {
  co_return 2 * x;
}
co_task<int> awaits(object_ref<int> ref) {
  co_return co_await ref + 1;
}

// Makes its caller wait: ready once the gate is open.
object_ref<int> behind(const gate& hold, int value = 1) {
  return narke::task([wait = hold.waiter(), value] {
           wait();
           return value;
         }, {.num_cpus = 0})
      .remote();
}

// Results.

static_assert(is_same_v<decltype(narke::task(twice).remote(1)), object_ref<int>>);
static_assert(is_same_v<decltype(narke::task([]() -> co_task<> { co_return; }).remote()),
                        object_ref<void>>);

TEST_P(co_tasks, give_a_ref_to_their_value) {
  EXPECT_EQ(narke::get(narke::task(twice).remote(21)), 42);
  EXPECT_EQ(narke::get(narke::task([](auto x) -> co_task<decltype(x)> { co_return x + 1; }).remote(
                1.5)),
            2.5);
}

TEST_P(co_tasks, of_void_are_ready_at_their_end) {
  const tally ended;
  auto ref = narke::task([=]() -> co_task<> {
    ended.add();
    co_return;
  }).remote();
  narke::get(ref);
  EXPECT_EQ(ended.value(), 1);
}

TEST_P(co_tasks, return_values_that_only_move_and_have_no_default) {
  auto only = narke::task([](int x) -> co_task<narke_test::move_only> {
    co_return narke_test::move_only{x};
  }).remote(5);
  EXPECT_EQ(*narke::get(std::move(only)).value, 5);
  auto plain = narke::task([](int x) -> co_task<narke_test::no_default> {
    narke_test::no_default local{x};
    co_return local;
  }).remote(6);
  EXPECT_EQ(narke::get(plain).value, 6);
}

const std::string& static_text() {
  static const std::string text = "a text that is too long to be stored in place";
  return text;
}

TEST_P(co_tasks, decay_references) {
  auto ref = narke::task([]() -> co_task<const std::string&> { co_return static_text(); }).remote();
  static_assert(is_same_v<decltype(ref), object_ref<std::string>>);
  EXPECT_EQ(narke::get(ref), static_text());
}

TEST_P(co_tasks, give_several_refs) {
  auto [a, b] = narke::task([](object_ref<int> x) -> co_task<std::tuple<int, std::string>> {
                  const int value = co_await x;
                  co_return {value, std::to_string(value)};
                })
                    .num_returns<2>()
                    .remote(narke::put(3));
  static_assert(is_same_v<decltype(b), object_ref<std::string>>);
  EXPECT_EQ(narke::get(a), 3);
  EXPECT_EQ(narke::get(b), "3");
  auto many = narke::task([]() -> co_task<std::array<int, 3>> { co_return {1, 2, 3}; })
                  .num_returns<3>()
                  .remote();
  EXPECT_EQ(narke::get(many[2]), 3);
}

TEST_P(co_tasks, fail_by_what_leaves_the_body) {
  auto at_once = narke::task([](int x) -> co_task<int> {
    if (x != 0) throw odd_error{"odd", x};
    co_return x;
  });
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(at_once.remote(7)); }), 7);
  gate hold;
  auto later = narke::task([](object_ref<int> x) -> co_task<int> {
    const int value = co_await x;
    throw odd_error{"odd", value};
  }).remote(behind(hold, 8));
  hold.open();
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(later); }), 8);
}

TEST_P(co_tasks, fail_when_taking_the_value_throws) {
  struct throws_when_moved {
    throws_when_moved() = default;
    throws_when_moved(throws_when_moved&& other) : moves{other.moves + 1} {
      if (moves == 2) throw odd_error{"moved", 9};
    }
    int moves = 0;
  };
  auto ref = narke::task([]() -> co_task<throws_when_moved> {
    co_return throws_when_moved{};
  }).remote();
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(ref); }), 9);
}

TEST_P(co_tasks, of_a_callable_that_throws_before_there_is_a_coroutine) {
  auto ref = narke::task([](int x) -> co_task<int> {
               return x == 0 ? twice(1) : throw odd_error{"early", x};
             }).remote(4);
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(ref); }), 4);
}

// Arguments.

TEST_P(co_tasks, own_their_arguments_until_the_body_has_ended) {
  gate hold;
  const auto seen = narke_test::new_traffic();
  auto ref = narke::task([](const narke_test::tracked& by_reference, narke_test::tracked by_value,
                            object_ref<int> other) -> co_task<int> {
               const int more = co_await other;
               co_return by_reference.value + by_value.value + more;
             })
                 .remote(narke_test::tracked{seen, 10}, narke_test::tracked{seen, 20},
                         behind(hold, 1));
  ASSERT_TRUE(becomes_suspended(ref));
  EXPECT_EQ(seen->alive, 2 + 1) << "an owned one has a shell in the frame and one in the task";
  hold.open();
  EXPECT_EQ(narke::get(ref), 31);
  EXPECT_EQ(seen->alive, 0) << "let go before the result is there";
}

TEST_P(co_tasks, read_a_stored_value_in_place) {
  gate hold;
  const auto stored = narke::put(std::vector<int>(1000, 3));
  const std::vector<int>* const place = &narke::get(stored);
  auto ref = narke::task([](const std::vector<int>& values, object_ref<int> other)
                             -> co_task<const std::vector<int>*> {
               co_await other;
               co_return &values;
             }).remote(stored, behind(hold));
  hold.open();
  EXPECT_EQ(narke::get(ref), place);
}

TEST_P(co_tasks, keep_what_their_views_look_at) {
  gate hold;
  auto ref = narke::task([](std::string_view text, const std::string_view& again,
                            std::span<const int> numbers, object_ref<int> other)
                             -> co_task<std::string> {
               co_await other;
               co_return std::string{text} + std::string{again} + std::to_string(numbers[2]);
             })
                 .remote(std::string(40, 'a'), std::string(40, 'b'), std::vector{1, 2, 3},
                         behind(hold));
  ASSERT_TRUE(becomes_suspended(ref));
  hold.open();
  EXPECT_EQ(narke::get(ref), std::string(40, 'a') + std::string(40, 'b') + "3");
}

TEST_P(co_tasks, keep_their_callable_with_what_it_captures) {
  gate hold;
  const auto seen = narke_test::new_traffic();
  object_ref<int> ref;
  {
    auto handle = narke::task([value = narke_test::tracked{seen, 5}](object_ref<int> other)
                                  -> co_task<int> {
      const int more = co_await other;
      co_return value.value + more;
    });
    ref = handle.remote(behind(hold, 2));
  }
  ASSERT_TRUE(becomes_suspended(ref));
  EXPECT_EQ(seen->alive, 1);
  hold.open();
  EXPECT_EQ(narke::get(ref), 7);
}

TEST_P(co_tasks, wait_for_refs_that_stand_for_values) {
  gate hold;
  auto sum = narke::task([](int a, std::vector<int> more) -> co_task<int> {
    for (const int each : more) a += each;
    co_return a;
  });
  auto ref = sum.remote(behind(hold, 1), std::vector{behind(hold, 2), narke::put(3)});
  EXPECT_FALSE(narke::is_ready(ref));
  hold.open();
  EXPECT_EQ(narke::get(ref), 6);
  auto failing = narke::task([]() -> int { throw odd_error{"argument", 3}; }).remote();
  EXPECT_EQ(narke_test::odd_code([&] {
              narke::get(narke::task(twice).remote(failing));
            }),
            3);
}

// co_await.

template <class Body>
auto in_a_task(Body body) {
  return narke::get(narke::task(std::move(body)).remote());
}

TEST_P(co_tasks, await_an_lvalue_in_place) {
  const auto stored = narke::put(std::string(100, 'x'));
  EXPECT_TRUE(in_a_task([=]() -> co_task<bool> {
    const std::string& first = co_await stored;
    static_assert(is_same_v<decltype(co_await stored), const std::string&>);
    co_return &first == &narke::get(stored);
  }));
}

TEST_P(co_tasks, await_an_rvalue_and_take_it) {
  const auto seen = narke_test::new_traffic();
  EXPECT_EQ(in_a_task([=]() -> co_task<int> {
              auto last = narke::put(narke_test::tracked{seen, 4});
              auto taken = co_await std::move(last);
              static_assert(is_same_v<decltype(taken), narke_test::tracked>);
              EXPECT_FALSE(last);
              co_return taken.value;
            }),
            4);
  EXPECT_EQ(seen->copies, 0);
  const auto kept = narke::put(narke_test::tracked{seen, 5});
  EXPECT_EQ(in_a_task([=]() -> co_task<int> {
              auto copy = kept;
              const auto value = co_await std::move(copy);
              co_return value.value;
            }),
            5);
  EXPECT_EQ(seen->copies, 1);
  EXPECT_EQ(narke::get(kept).value, 5);
}

TEST_P(co_tasks, await_a_temporary_ref) {
  EXPECT_EQ(in_a_task([]() -> co_task<int> {
              co_return co_await narke::task(twice).remote(4) +
                  *(co_await narke::put(narke_test::move_only{3})).value;
            }),
            11);
}

TEST_P(co_tasks, that_take_a_move_only_value_leave_the_ref_when_it_is_not_the_last) {
  const auto kept = narke::put(narke_test::move_only{3});
  EXPECT_TRUE(in_a_task([=]() -> co_task<bool> {
    auto copy = kept;
    try {
      co_await std::move(copy);
    } catch (const std::invalid_argument&) {
      co_return copy == kept;
    }
    co_return false;
  }));
}

TEST_P(co_tasks, await_a_ref_to_nothing) {
  const tally done;
  in_a_task([=]() -> co_task<> {
    auto child = narke::task([=] { done.add(); }).remote();
    static_assert(is_same_v<decltype(co_await child), void>);
    co_await child;
    EXPECT_EQ(done.value(), 1);
  });
  EXPECT_EQ(done.value(), 1);
}

TEST_P(co_tasks, get_the_exception_of_what_failed_where_they_await_it) {
  gate hold;
  auto failing = narke::task([wait = hold.waiter()]() -> int {
    wait();
    throw odd_error{"odd", 6};
  }, {.num_cpus = 0}).remote();
  auto ref = narke::task([=]() -> co_task<int> {
    try {
      co_return co_await failing;
    } catch (const odd_error& caught) {
      co_return 100 + caught.code;
    }
  }).remote();
  ASSERT_TRUE(becomes_suspended(ref));
  hold.open();
  EXPECT_EQ(narke::get(ref), 106);
}

TEST_P(co_tasks, refuse_an_empty_ref) {
  const auto message = narke_test::message_of<std::invalid_argument>([] {
    in_a_task([]() -> co_task<int> { co_return co_await object_ref<int>{}; });
  });
  EXPECT_NE(message.find("co_await"), std::string::npos) << message;
  EXPECT_THROW(in_a_task([]() -> co_task<> {
                 std::vector refs{narke::put(1), object_ref<int>{}};
                 co_await refs;
               }),
               std::invalid_argument);
}

TEST_P(co_tasks, await_lists_in_input_order) {
  gate hold;
  auto ref = narke::task([](std::vector<object_ref<int>> refs) -> co_task<std::vector<int>> {
    co_return co_await refs;
  }).remote(std::vector{behind(hold, 1), narke::put(2), behind(hold, 3)});
  ASSERT_TRUE(becomes_suspended(ref));
  hold.open();
  EXPECT_EQ(narke::get(ref), (std::vector{1, 2, 3}));
  EXPECT_EQ(in_a_task([]() -> co_task<std::size_t> {
              std::vector<object_ref<int>> none;
              co_return (co_await none).size();
            }),
            0U);
  in_a_task([]() -> co_task<> {
    std::vector refs{narke::task([] {}).remote()};
    co_await refs;
  });
}

TEST_P(co_tasks, take_lists_of_move_only_values) {
  EXPECT_EQ(in_a_task([]() -> co_task<int> {
              std::vector<object_ref<narke_test::move_only>> refs;
              for (int i = 1; i <= 100; ++i) {
                refs.push_back(
                    narke::task([](int x) { return narke_test::move_only{x}; }).remote(i));
              }
              int sum = 0;
              for (auto& each : co_await std::move(refs)) sum += *each.value;
              co_return sum;
            }),
            5050);
}

TEST_P(co_tasks, end_a_wait_for_a_list_at_its_first_failure) {
  gate hold;
  gate never;
  auto fails = narke::task([wait = hold.waiter()]() -> int {
    wait();
    throw odd_error{"first", 1};
  }, {.num_cpus = 0}).remote();
  auto ref = narke::task([=, last = behind(never)]() -> co_task<std::vector<int>> {
    std::vector refs{narke::put(1), fails, last};
    co_return co_await refs;
  }).remote();
  ASSERT_TRUE(becomes_suspended(ref));
  hold.open();
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(ref); }), 1) << "while the last is not ready";
}

TEST_P(co_tasks, do_not_wait_for_a_list_with_one_that_has_failed) {
  gate never;
  auto failed = narke::task([]() -> int { throw odd_error{"before", 2}; }).remote();
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(failed); }), 2);
  auto ref = narke::task([=, last = behind(never)]() -> co_task<std::vector<int>> {
    std::vector refs{narke::put(1), failed, last};
    co_return co_await refs;
  }).remote();
  EXPECT_EQ(narke_test::odd_code([&] { narke::get(ref); }), 2);
  never.open();
}

TEST_P(co_tasks, await_promises_streams_and_actors) {
  struct counter {
    int add(int by) { return total += by; }
    int total = 0;
  };
  EXPECT_EQ(in_a_task([]() -> co_task<int> {
              auto actor = narke::actor<counter>().remote();
              auto stream = narke::task([](int n) -> narke::generator<int> {
                              for (int i = 1; i <= n; ++i) co_yield i;
                            }).remote(4);
              int sum = 0;
              for (;;) {
                co_await stream.next_ready();
                auto next = stream.next();
                if (!next) break;
                sum = co_await actor.task(&counter::add).remote(co_await *next);
              }
              narke::promise<int> promise;
              auto outside = promise.ref();
              std::jthread other{[&] { promise.set_value(100); }};
              co_return sum + co_await outside;
            }),
            110);
}

TEST_P(co_tasks, await_other_co_tasks_as_parts_of_themselves) {
  gate hold;
  auto ref = narke::task([](object_ref<int> other) -> co_task<int> {
    const auto own = narke::this_task::id();
    const int value = co_await [](object_ref<int> inner, auto id) -> co_task<int> {
      const int got = co_await awaits(inner);
      EXPECT_EQ(narke::this_task::id(), id);
      co_return got * 10;
    }(other, own);
    try {
      co_await []() -> co_task<> {
        throw odd_error{"inner", 3};
        co_return;
      }();
    } catch (const odd_error& caught) {
      co_return value + caught.code;
    }
    co_return 0;
  }).remote(behind(hold, 4));
  ASSERT_TRUE(becomes_suspended(ref));
  hold.open();
  EXPECT_EQ(narke::get(ref), 53);
}

TEST_P(co_tasks, refuse_a_co_task_that_was_awaited_before) {
  EXPECT_TRUE(in_a_task([]() -> co_task<bool> {
    auto part = twice(2);
    EXPECT_EQ(co_await std::move(part), 4);
    try {
      co_await std::move(part);
    } catch (const std::invalid_argument&) {
      co_return true;
    }
    co_return false;
  }));
}

co_task<int> depth(int n) {
  if (n == 0) co_return 0;
  co_return 1 + co_await depth(n - 1);
}

TEST_P(co_tasks, await_each_other_to_any_depth) {
  EXPECT_EQ(narke::get(narke::task(depth).remote(100'000)), 100'000);
}

co_task<int> depth_to(int n, object_ref<int> last) {
  if (n == 0) co_return co_await last;
  co_return 1 + co_await depth_to(n - 1, last);
}

// A co_task that is awaited is called like a function as long as these calls take little of the
// stack: some hundred of these.
TEST_P(co_tasks, suspend_at_any_depth_and_go_on_from_there) {
  for (const int n : {1, 30, 60, 90, 120, 150, 200, 300, 1'000}) {
    gate hold;
    auto ref = narke::task(depth_to).remote(n, behind(hold, 7));
    ASSERT_TRUE(becomes_suspended(ref)) << n;
    hold.open();
    EXPECT_EQ(narke::get(ref), n + 7);
  }
}

co_task<int> throws_at(int n, tally gone, object_ref<int> last) {
  const narke_test::local counted{tally{}, gone};
  if (n == 0) {
    co_await last;
    throw odd_error{"at the bottom", 5};
  }
  co_return co_await throws_at(n - 1, gone, last);
}

TEST_P(co_tasks, throw_through_all_that_await_each_other) {
  for (const int n : {1, 64, 500}) {
    gate hold;
    tally gone;
    auto ref = narke::task([=, last = behind(hold)]() -> co_task<int> {
      try {
        co_return co_await throws_at(n, gone, last);
      } catch (const odd_error& caught) {
        co_return caught.code;
      }
    }).remote();
    ASSERT_TRUE(becomes_suspended(ref)) << n;
    hold.open();
    EXPECT_EQ(narke::get(ref), 5);
    EXPECT_EQ(gone.value(), n + 1);
  }
}

// Two parts in one expression: the compiler may begin the second before it asks for the first.
TEST_P(co_tasks, await_two_parts_in_one_expression) {
  gate hold;
  auto ref = narke::task([first = behind(hold, 3), second = behind(hold, 4)]() -> co_task<int> {
    co_return 10 * co_await depth_to(2, first) + co_await depth_to(500, second);
  }).remote();
  ASSERT_TRUE(becomes_suspended(ref));
  hold.open();
  EXPECT_EQ(narke::get(ref), 10 * 5 + 504);
}

TEST_P(co_tasks, that_run_before_others_of_their_handle_are_called_anew) {
  auto handle = narke::task([calls = 0]() mutable -> co_task<int> { co_return ++calls; });
  EXPECT_EQ(narke::get(handle.remote()), 1);
  EXPECT_EQ(narke::get(handle.remote()), 1) << "each task has a copy";
}

TEST_P(co_tasks, of_other_processes_are_refused) {
  EXPECT_THROW(narke::task(twice, {.isolation = narke::isolation::process}),
               std::invalid_argument);
}

}  // namespace
