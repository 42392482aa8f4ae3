// A store that is over its limit: new tasks wait for room, but never all of them, and none is lost.
#include <support/runtime_fixture.hpp>

#include <vector>

namespace {

using bytes = std::vector<char>;
constexpr std::size_t mib = std::size_t{1} << 20;

class store_room : public narke_test::runtime_test {
 protected:
  void SetUp() override {
    runtime_test::SetUp();
    narke::init({.num_cpus = 2, .object_store_memory = mib});
  }
  static narke::object_ref<bytes> fill() {
    auto full = narke::task([] { return bytes(2 * mib); }).remote();
    narke::get(full);
    return full;
  }
};

TEST_F(store_room, tasks_run_one_at_a_time_without_it) {
  auto full = fill();
  const narke_test::tally running;
  const narke_test::tally seen_two;
  std::vector<narke::object_ref<void>> refs;
  for (int i = 0; i < 20; ++i) {
    refs.push_back(narke::task([=] {
                     if (running.add() > 1) seen_two.add();
                     std::this_thread::sleep_for(std::chrono::milliseconds{1});
                     running.add(-1);
                   }).remote());
  }
  // The thread that gets would run them itself, as it has to for progress: it looks on instead.
  EXPECT_TRUE(narke_test::eventually([&] {
    for (auto& ref : refs) {
      if (!narke::is_ready(ref)) return false;
    }
    return true;
  })) << "none is left behind";
  EXPECT_EQ(running.value(), 0);
}

TEST_F(store_room, a_task_goes_on_as_soon_as_there_is_some) {
  auto full = fill();
  narke_test::gate hold;
  const narke_test::tally begun;
  std::vector<narke::object_ref<void>> refs;
  for (int i = 0; i < 2; ++i) {
    refs.push_back(narke::task([=, wait = hold.waiter()] {
                     begun.add();
                     wait();
                   }).remote());
  }
  begun.wait_for(1);
  full = {};
  begun.wait_for(2);
  hold.open();
  for (auto& ref : refs) narke::get(ref);
}

TEST_F(store_room, a_task_that_is_waited_for_is_never_held_back) {
  auto full = fill();
  const auto outer = [](int x) {
    auto inner = narke::task([](int y) { return y + 1; }).remote(x);
    return narke::get(inner);
  };
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < 50; ++i) refs.push_back(narke::task(outer).remote(i));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(narke::get(refs[static_cast<std::size_t>(i)]), i + 1);
}

TEST_F(store_room, tasks_that_wait_for_each_other_by_their_own_means_all_begin) {
  auto full = fill();
  const narke_test::tally begun;
  std::vector<narke::object_ref<void>> refs;
  for (int i = 0; i < 2; ++i) {
    refs.push_back(narke::task([=] {
                     begun.add();
                     begun.wait_for(2);
                   }).remote());
  }
  begun.wait_for(2);
  for (auto& ref : refs) narke::get(ref);
}

TEST_F(store_room, shutdown_drops_what_waits_for_it) {
  auto full = fill();
  narke_test::gate hold;
  const narke_test::tally begun;
  std::vector<narke::object_ref<void>> refs;
  for (int i = 0; i < 10; ++i) {
    refs.push_back(narke::task([=, wait = hold.waiter()] {
                     begun.add();
                     while (!narke::stop_requested()) std::this_thread::yield();
                   }).remote());
  }
  begun.wait_for(1);
  narke::shutdown();
  int dropped = 0;
  for (auto& ref : refs) {
    try {
      narke::get(ref);
    } catch (const narke::task_cancelled_error&) {
      ++dropped;
    }
  }
  EXPECT_GE(dropped, 1);
}

}  // namespace
