// The mailbox: which call waits for which.
#include <actor/actor_fixture.hpp>

#include <atomic>
#include <thread>

namespace {

using narke::object_ref;
using narke_test::gate;
using narke_test::stress_rounds;
using narke_test::tally;
using narke_test::witness;
using ints = std::vector<int>;

class actor_mailbox : public narke_test::actor_test {
 protected:
  void SetUp() override {
    actor_test::SetUp();
    actor_ = narke::actor<witness>().remote(narke_test::new_traffic());
  }
  void TearDown() override {
    actor_ = {};
    actor_test::TearDown();
  }
  ints noted() { return narke::get(actor_.task(&witness::noted).remote()); }
  static object_ref<int> held(const gate& until) {
    return narke::task([wait = until.waiter()] {
             wait();
             return 0;
           }).remote();
  }

  narke::actor_handle<witness> actor_;
};

TEST_F(actor_mailbox, keeps_the_order_of_one_submitter) {
  for (int i = 0; i != 100; ++i) actor_.task(&witness::note).remote(i);
  ints expected(100);
  for (int i = 0; i != 100; ++i) expected[static_cast<std::size_t>(i)] = i;
  EXPECT_EQ(noted(), expected);
}

TEST_F(actor_mailbox, keeps_the_order_though_the_first_waits_for_an_argument) {
  gate opened;
  actor_.task(&witness::note_after).remote(1, held(opened));
  actor_.task(&witness::note).remote(2);
  actor_.task(&witness::note_after).remote(3, narke::put(0));
  opened.open();
  EXPECT_EQ(noted(), (ints{1, 2, 3}));
}

TEST_F(actor_mailbox, a_waiting_call_holds_back_only_its_own_submitter) {
  gate opened;
  actor_.task(&witness::note_after).remote(1, held(opened));
  actor_.task(&witness::note).remote(2);
  std::jthread{[&] { narke::get(actor_.task(&witness::note).remote(3)); }}.join();
  std::jthread{[&] { EXPECT_EQ(noted(), ints{3}); }}.join();
  opened.open();
  EXPECT_EQ(noted(), (ints{3, 1, 2}));
}

TEST_F(actor_mailbox, goes_on_when_a_waiting_call_is_cancelled) {
  gate opened;
  const auto busy = held(opened);  // one of the two CPUs; the calls need the other
  auto first = actor_.task(&witness::note_after).remote(1, busy);
  actor_.task(&witness::note).remote(2);
  auto third = actor_.task(&witness::note_after).remote(3, busy);
  actor_.task(&witness::note).remote(4);
  EXPECT_TRUE(narke::cancel(third));
  EXPECT_TRUE(narke::cancel(first));
  EXPECT_EQ(noted(), (ints{2, 4}));
  EXPECT_THROW(narke::get(first), narke::task_cancelled_error);
}

TEST_F(actor_mailbox, skips_a_queued_call_that_is_cancelled) {
  gate opened;
  const tally begun;
  auto busy = actor_.task(&witness::hold).remote(begun, opened.waiter());
  begun.wait_for(1);
  auto first = actor_.task(&witness::note).remote(1);
  actor_.task(&witness::note).remote(2);
  EXPECT_TRUE(narke::cancel(first));
  opened.open();
  EXPECT_EQ(noted(), ints{2});
}

TEST_F(actor_mailbox, many_calls_behind_one_that_waits_cost_no_more_each) {
  gate opened;
  const int calls = stress_rounds(30'000);
  actor_.task(&witness::note_after).remote(-1, held(opened));
  for (int i = 0; i != calls; ++i) actor_.task(&witness::note).remote(i);
  opened.open();
  EXPECT_EQ(noted().size(), static_cast<std::size_t>(calls) + 1);
}

class meeting {
 public:
  void meet(const tally& here, int how_many) {
    const int now = ++now_;
    for (int seen = most_; seen < now && !most_.compare_exchange_weak(seen, now);) {
    }
    here.add();
    here.wait_for(how_many);
    --now_;
  }
  int most() const { return most_; }

 private:
  std::atomic<int> now_{0};
  std::atomic<int> most_{0};
};

TEST_F(actor_mailbox, runs_as_many_at_once_as_it_may) {
  auto wide = narke::actor<meeting>({.num_cpus = 0, .max_concurrency = 3}).remote();
  const tally here;
  std::vector<object_ref<void>> refs;
  // Calls that came while the constructor ran must get turns of their own too.
  for (int i = 0; i != 9; ++i) {
    refs.push_back(wide.task(&meeting::meet).remote(here, i / 3 * 3 + 3));
  }
  narke::get(refs);
  EXPECT_EQ(narke::get(wide.task(&meeting::most).remote()), 3);
}

TEST_F(actor_mailbox, runs_one_at_a_time_unless_told_otherwise) {
  auto narrow = narke::actor<meeting>().remote();
  const tally here;
  narke_test::on_threads(3, [&](int) {
    for (int i = 0; i != 50; ++i) narke::get(narrow.task(&meeting::meet).remote(here, 0));
  });
  EXPECT_EQ(narke::get(narrow.task(&meeting::most).remote()), 1);
}

// Plain state, changed by calls on any thread, in place and by workers.
TEST_F(actor_mailbox, each_call_happens_before_the_next) {
  const int each = stress_rounds(1'000);
  narke_test::on_threads(3, [&](int index) {
    for (int i = 0; i != each; ++i) {
      auto ref = actor_.task(&witness::next).remote();
      if ((i + index) % 3 == 0) narke::get(ref);
    }
  });
  EXPECT_EQ(narke::get(actor_.task(&witness::next).remote()), 3 * each);
}

}  // namespace
