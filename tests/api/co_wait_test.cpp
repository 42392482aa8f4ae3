// What a coroutine task holds while it waits at a co_await, and where it goes on.
#include "co_fixture.hpp"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

using narke::co_task;
using narke::object_ref;
using narke_test::available;
using narke_test::becomes_suspended;
using narke_test::busy_cpus;
using narke_test::gate;
using narke_test::tally;
using namespace std::chrono_literals;

namespace {

class co_waits : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(co_waits);

co_task<int> awaits(object_ref<int> ref) {
  co_return co_await ref;
}

TEST_P(co_waits, hold_no_cpu) {
  narke::promise<int> promise;
  std::vector<object_ref<int>> refs;
  for (int i = 0; i != 20; ++i) refs.push_back(narke::task(awaits).remote(promise.ref()));
  for (auto& ref : refs) ASSERT_TRUE(becomes_suspended(ref));
  EXPECT_EQ(available("CPU"), GetParam());
  EXPECT_EQ(narke::get(narke::task([] { return 1; }).remote()), 1) << "others run meanwhile";
  promise.set_value(3);
  for (auto& ref : refs) EXPECT_EQ(narke::get(ref), 3);
}

TEST_P(co_waits, need_no_thread_each) {
  const int before = narke_test::thread_count();
  narke::promise<int> promise;
  std::vector<object_ref<int>> refs;
  for (int i = 0; i != 500; ++i) refs.push_back(narke::task(awaits).remote(promise.ref()));
  for (auto& ref : refs) ASSERT_TRUE(becomes_suspended(ref));
  EXPECT_LE(narke_test::thread_count(), before + 20) << "the timer's, and a spare one or two";
  promise.set_value(1);
  for (auto& ref : refs) EXPECT_EQ(narke::get(ref), 1);
  EXPECT_LE(narke_test::thread_count(), before + 20);
}

TEST_P(co_waits, of_a_hundred_thousand_at_once) {
  constexpr int count = 100'000;
  narke::promise<int> promise;
  const tally begun;
  auto handle = narke::task([=](object_ref<int> ref) -> co_task<int> {
    begun.add();
    co_return co_await ref;
  });
  std::vector<object_ref<int>> refs;
  refs.reserve(count);
  for (int i = 0; i != count; ++i) refs.push_back(handle.remote(promise.ref()));
  begun.wait_for(count);
  ASSERT_TRUE(becomes_suspended(refs.back()));
  promise.set_value(1);
  long sum = 0;
  for (auto& ref : refs) sum += narke::get(ref);
  EXPECT_EQ(sum, count);
}

TEST_P(co_waits, do_not_suspend_for_what_is_ready) {
  // On one CPU nothing else runs while a body does not suspend.
  narke::shutdown();
  start(1);
  const auto ready = narke::put(5);
  EXPECT_EQ(narke::get(narke::task([=]() -> co_task<int> {
              const tally ran;
              auto other = narke::task([=] { ran.add(); }).remote();
              const auto thread = std::this_thread::get_id();
              const int value = co_await ready;
              EXPECT_EQ(ran.value(), 0);
              EXPECT_EQ(std::this_thread::get_id(), thread);
              co_await other;
              co_return value + ran.value();
            }).remote()),
            6);
}

TEST_P(co_waits, run_what_nobody_has_begun_in_place) {
  narke::shutdown();
  start(1);
  EXPECT_TRUE(narke::get(narke::task([]() -> co_task<bool> {
    const auto thread = std::this_thread::get_id();
    auto first = narke::task([] { return std::this_thread::get_id(); }).remote();
    const tally ran;
    auto second = narke::task([=] { ran.add(); }).remote();
    const bool is_here = co_await first == thread && ran.value() == 0;
    co_await second;
    co_return is_here;
  }).remote()));
}

co_task<int> chain(int n) {
  if (n == 0) co_return 0;
  co_return 1 + co_await narke::task(chain).remote(n - 1);
}

TEST_P(co_waits, need_no_stack_however_deep_tasks_await_each_other) {
#ifdef __SANITIZE_THREAD__
  constexpr int depth = 1'000;  // it copies the whole stack at each lock that it sees first
#else
  constexpr int depth = 30'000;
#endif
  EXPECT_EQ(narke::get(narke::task(chain).remote(depth)), depth);
}

// What is inlined into the body of a coroutine has its buffers on the stack.
template <std::size_t Bytes>
[[gnu::always_inline]] inline int sum_of_buffer(int n) {
  volatile unsigned char buffer[Bytes];
  for (std::size_t i = 0; i < Bytes; i += 64) buffer[i] = static_cast<unsigned char>(n);
  return buffer[0] - static_cast<unsigned char>(n);
}

template <std::size_t Bytes>
co_task<int> part_with_buffer(int parts, int tasks);
template <std::size_t Bytes>
co_task<int> task_with_buffers(int tasks) {
  co_return 1 + co_await part_with_buffer<Bytes>(60, tasks);
}
template <std::size_t Bytes>
co_task<int> part_with_buffer(int parts, int tasks) {
  const int nothing = sum_of_buffer<Bytes>(parts);
  if (parts != 0) co_return nothing + co_await part_with_buffer<Bytes>(parts - 1, tasks);
  if (tasks == 0) co_return 0;
  auto next = narke::task(task_with_buffers<Bytes>).remote(tasks - 1);
  co_return co_await std::move(next);
}

// Tasks that run in place of each other, each with parts that await each other. The sizes come to
// the end of the stack at different places.
TEST_P(co_waits, need_no_stack_whatever_their_parts_take_of_it) {
#ifdef __SANITIZE_THREAD__
  constexpr int tasks = 50;  // it copies the whole stack at each lock that it sees first
#else
  constexpr int tasks = 400;
#endif
  EXPECT_EQ(narke::get(narke::task(task_with_buffers<4'300>).remote(tasks)), tasks + 1);
  EXPECT_EQ(narke::get(narke::task(task_with_buffers<5'200>).remote(tasks)), tasks + 1);
  EXPECT_EQ(narke::get(narke::task(task_with_buffers<8'000>).remote(tasks)), tasks + 1);
  EXPECT_EQ(narke::get(narke::task(task_with_buffers<12'000>).remote(tasks)), tasks + 1);
  EXPECT_EQ(narke::get(narke::task(task_with_buffers<20'000>).remote(tasks)), tasks + 1);
}

co_task<long> fib(int n) {
  if (n < 2) co_return n;
  auto one = narke::task(fib).remote(n - 1);
  const long other = co_await fib(n - 2);
  co_return co_await std::move(one) + other;
}

co_task<int> twice(object_ref<int> ref) {
  const int first = co_await ref;
  co_return first + co_await ref;
}

// The compiler may wait for both before it asks for either result.
TEST_P(co_waits, of_two_in_one_expression) {
  narke::promise<int> first;
  narke::promise<int> second;
  auto sum = narke::task([](object_ref<int> a, object_ref<int> b) -> co_task<int> {
               co_return co_await a + co_await b;
             }).remote(first.ref(), second.ref());
  auto of_co_task = narke::task([](object_ref<int> a, object_ref<int> b) -> co_task<int> {
                      co_return co_await a + co_await twice(b) + co_await a;
                    }).remote(first.ref(), second.ref());
  ASSERT_TRUE(becomes_suspended(sum));
  ASSERT_TRUE(becomes_suspended(of_co_task));
  first.set_value(1);
  EXPECT_TRUE(becomes_suspended(sum)) << "for the second";
  second.set_value(20);
  EXPECT_EQ(narke::get(sum), 21);
  EXPECT_EQ(narke::get(of_co_task), 42);
}

TEST_P(co_waits, of_two_in_one_expression_end_by_a_cancel) {
  narke::promise<int> first;
  narke::promise<int> second;
  const tally ended;
  auto sum = narke::task([ended](object_ref<int> a, object_ref<int> b) -> co_task<int> {
               try {
                 co_return co_await a + co_await b;
               } catch (const narke::task_cancelled_error&) {
                 ended.add();
                 throw;
               }
             }).remote(first.ref(), second.ref());
  ASSERT_TRUE(becomes_suspended(sum));
  narke::cancel(sum);
  EXPECT_THROW(narke::get(sum), narke::task_cancelled_error);
  EXPECT_TRUE(narke_test::eventually([&] { return ended.value() == 1; }));
  first.set_value(1);
  second.set_value(1);
}

// A wait that has ended early ends its expression: what stands beside it does not begin, and its
// result is not asked for.
TEST_P(co_waits, that_end_early_beside_a_co_task_end_it) {
  const tally begun;
  const auto beside = [begun](int value) -> co_task<int> {
    begun.add();
    co_return value;
  };
  narke::promise<std::string> never;
  const std::vector<object_ref<std::string>> refs{never.ref()};
  const auto sum = [beside](const std::vector<object_ref<std::string>>& all) -> co_task<int> {
    co_return static_cast<int>((co_await all[0]).size()) + co_await beside(5);
  };
  auto cancelled = narke::task(sum).remote(refs);
  ASSERT_TRUE(becomes_suspended(cancelled));
  narke::cancel(cancelled);
  EXPECT_THROW(narke::get(cancelled), narke::task_cancelled_error);
  auto late = narke::task(sum, {.timeout = 10ms}).remote(refs);
  EXPECT_THROW(narke::get(late), narke::task_timeout_error);
  auto of_list = narke::task([beside](const std::vector<object_ref<std::string>>& all)
                                 -> co_task<int> {
                   co_return static_cast<int>((co_await all).size()) + co_await beside(5);
                 }).remote(refs);
  ASSERT_TRUE(becomes_suspended(of_list));
  narke::cancel(of_list);
  EXPECT_THROW(narke::get(of_list), narke::task_cancelled_error);
  never.set_value("x");
  EXPECT_EQ(narke::get(narke::task(sum).remote(refs)), 6);
  EXPECT_EQ(begun.value(), 1);
}

// What the coroutine then awaits knows nothing of it.
TEST_P(co_waits, that_end_early_are_thrown_once) {
  narke::promise<int> other;
  auto mailbox = std::make_shared<narke::promise<object_ref<int>>>();
  auto cycle = narke::task([own = mailbox->ref()](object_ref<int> b) -> co_task<int> {
                 object_ref<int> self = co_await own;
                 try {
                   co_return co_await self + co_await b;
                 } catch (const narke::deadlock_error&) {
                 }
                 co_return 1 + co_await narke::task([] { return 1; }).remote();
               }).remote(other.ref());
  mailbox->set_value(cycle);
  EXPECT_EQ(narke::get(cycle), 2);
  other.set_value(1);
}

TEST_P(co_waits, of_recursion) {
  EXPECT_EQ(narke::get(narke::task(fib).remote(18)), 2584);
}

TEST_P(co_waits, that_end_on_another_thread_know_their_task) {
  narke::promise<int> promise;
  auto ref = narke::task([](object_ref<int> other) -> co_task<std::set<std::string>> {
    std::set<std::string> seen;
    std::set<std::uint64_t> ids;
    const auto note = [&] {
      seen.insert(narke::this_task::name() + std::to_string(narke::this_task::attempt()));
      ids.insert(narke::this_task::id());
      EXPECT_FALSE(narke::stop_requested());
      EXPECT_TRUE(narke::get_gpu_ids().empty());
    };
    note();
    co_await other;
    note();
    for (int i = 0; i != 20; ++i) {
      std::vector<object_ref<int>> children;
      for (int j = 0; j != 4; ++j) {
        children.push_back(narke::task([](int x) { return x; }, {.num_cpus = 0.5}).remote(j));
      }
      co_await children;
      note();
    }
    EXPECT_EQ(ids.size(), 1U);
    co_return seen;
  }, {.name = "own"}).remote(promise.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  promise.set_value(1);
  EXPECT_EQ(narke::get(ref), std::set<std::string>{"own0"});
}

TEST_P(co_waits, order_the_calls_that_a_task_makes) {
  struct log {
    void add(int x) { all.push_back(x); }
    std::vector<int> get() { return all; }
    std::vector<int> all;
  };
  auto actor = narke::actor<log>().remote();
  narke::promise<int> promise;
  auto ref = narke::task([=](object_ref<int> other) -> co_task<> {
    for (int i = 0; i != 10; ++i) actor.task(&log::add).remote(i);
    co_await other;
    for (int i = 10; i != 20; ++i) actor.task(&log::add).remote(i);
  }).remote(promise.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  promise.set_value(1);
  narke::get(ref);
  std::vector<int> expected;
  for (int i = 0; i != 20; ++i) expected.push_back(i);
  EXPECT_EQ(narke::get(actor.task(&log::get).remote()), expected);
}

TEST_P(co_waits, share_a_cpu_with_bodies_that_block) {
  narke::promise<int> promise;
  auto coroutine = narke::task([](object_ref<int> other) -> co_task<int> {
    const int first = narke::get(narke::task([] { return 1; }, {.num_cpus = 0.5}).remote());
    const int second = co_await other;
    co_return first + second +
        narke::get(narke::task([] { return 1; }, {.num_cpus = 0.5}).remote());
  }).remote(promise.ref());
  auto thread = narke::task([=] { return narke::get(coroutine); }).remote();
  promise.set_value(3);
  EXPECT_EQ(narke::get(thread), 5);
}

// The placement lane.

class co_waits_with_resources : public narke_test::runtime_test {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    narke::init({.num_cpus = 2,
                 .resources = {{"license", 2}},
                 .emulated_gpus = {.count = 2, .memory_bytes = 1 << 30}});
  }
  // Awaits, and says which GPUs it has before and after.
  static auto with(narke::task_options options) {
    return narke::task([](object_ref<int> other) -> co_task<std::vector<std::vector<int>>> {
      std::vector<std::vector<int>> gpus{narke::get_gpu_ids()};
      co_await other;
      gpus.push_back(narke::get_gpu_ids());
      co_await narke::task([] {}).remote();
      gpus.push_back(narke::get_gpu_ids());
      co_return gpus;
    }, std::move(options));
  }
};

TEST_F(co_waits_with_resources, keep_gpus_and_custom_resources_and_give_cpus_back) {
  for (const double cpus : {0.0, 0.5, 1.0, 2.0}) {
    narke::promise<int> promise;
    auto ref = with({.num_cpus = cpus, .num_gpus = 1, .resources = {{"license", 1}}})
                   .remote(promise.ref());
    ASSERT_TRUE(becomes_suspended(ref));
    EXPECT_EQ(available("CPU"), 2) << cpus;
    EXPECT_EQ(available("GPU"), 1) << cpus;
    EXPECT_EQ(available("license"), 1) << cpus;
    promise.set_value(1);
    const auto gpus = narke::get(ref);
    ASSERT_EQ(gpus.size(), 3U);
    EXPECT_EQ(gpus[0].size(), 1U);
    EXPECT_EQ(gpus[1], gpus[0]);
    EXPECT_EQ(gpus[2], gpus[0]);
    EXPECT_EQ(available("CPU"), 2) << "back before the result is there";
    EXPECT_EQ(available("GPU"), 2);
    EXPECT_EQ(available("license"), 2);
  }
}

TEST_F(co_waits_with_resources, go_on_while_all_cpus_are_busy_when_they_need_none) {
  narke::promise<int> promise;
  auto ref = narke::task(awaits, {.num_cpus = 0}).remote(promise.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  busy_cpus busy{2};
  promise.set_value(6);
  EXPECT_EQ(narke::get(ref), 6);
}

TEST_F(co_waits_with_resources, wait_for_a_cpu_as_others_do) {
  narke::promise<int> promise;
  auto ref = narke::task(awaits, {.num_gpus = 1}).remote(promise.ref());
  auto plain = narke::task(awaits).remote(promise.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  ASSERT_TRUE(becomes_suspended(plain));
  {
    busy_cpus busy{2};
    promise.set_value(6);
    EXPECT_FALSE(narke::is_ready(ref));
    EXPECT_FALSE(narke::is_ready(plain));
  }
  EXPECT_EQ(narke::get(ref), 6);
  EXPECT_EQ(narke::get(plain), 6);
}

TEST_F(co_waits_with_resources, by_the_hundred_need_no_thread_each) {
  const int before = narke_test::thread_count();
  narke::promise<int> promise;
  std::vector<object_ref<int>> refs;
  for (int i = 0; i != 300; ++i) {
    refs.push_back(narke::task(awaits, {.memory = 1}).remote(promise.ref()));
  }
  for (auto& ref : refs) ASSERT_TRUE(becomes_suspended(ref));
  promise.set_value(1);
  for (auto& ref : refs) EXPECT_EQ(narke::get(ref), 1);
  EXPECT_LE(narke_test::thread_count(), before + 20);
}

TEST_F(co_waits_with_resources, in_the_bundle_of_a_group) {
  const narke::placement_group group{
      std::vector<narke::bundle>{{.num_cpus = 1, .resources = {{"license", 1}}}}};
  narke::promise<int> promise;
  auto ref = narke::task(awaits, {.num_cpus = 1,
                                  .resources = {{"license", 1}},
                                  .scheduling = narke::scheduling::bundle(group, 0)})
                 .remote(promise.ref());
  ASSERT_TRUE(becomes_suspended(ref));
  promise.set_value(4);
  EXPECT_EQ(narke::get(ref), 4);
}

TEST_F(co_waits_with_resources, await_gpu_tasks) {
  auto ref = narke::task([]() -> co_task<float> {
    auto made = narke::task([](narke::gpu_context& gpu, float x) {
      auto out = gpu.allocate<float>(4);
      gpu.emulate([data = out.data(), x] { std::fill_n(data, 4, x); });
      return out;
    }).remote(2.5F);
    const auto& array = co_await made;
    co_return array.host()[3];
  }).remote();
  EXPECT_EQ(narke::get(ref), 2.5F);
}

}  // namespace
