// Actors under many submitters, and dying at awkward times.
#include <stress/stress_fixture.hpp>

#include <atomic>
#include <map>
#include <thread>

#include <support/values.hpp>

using narke_test::dice;
using narke_test::scaled;
using narke_test::tally;

namespace {

class actor_stress : public narke_test::on_cpus_test {};
NARKE_ON_1_2_4_CPUS(actor_stress);

/// Notes every call that comes out of its submitter's order. Plain members: one method at a time.
class order_checker {
 public:
  void say(int who, int what) {
    if (what != next_[who]++) ++wrong_;
  }
  int wrong() const { return wrong_; }
  int heard(int who) const { return next_.count(who) ? next_.at(who) : 0; }

 private:
  std::map<int, int> next_;
  int wrong_ = 0;
};

TEST_P(actor_stress, each_submitter_keeps_its_order) {
  auto a = narke::actor<order_checker>().remote();
  const int calls = scaled(500);
  const auto submit = [calls](const narke::actor_handle<order_checker>& to, int who) {
    dice random{who};
    for (int i = 0; i < calls; ++i) {
      if (random.below(10) == 0) {
        to.task(&order_checker::say).remote(who, narke::task([i] { return i; }).remote());
      } else {
        to.task(&order_checker::say).remote(who, i);
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int who = 0; who < 4; ++who) threads.emplace_back([=] { submit(a, who); });
    std::vector<narke::object_ref<void>> tasks;
    for (int who = 4; who < 8; ++who) tasks.push_back(narke::task(submit).remote(a, who));
    narke::get(tasks);
  }
  const auto all_heard = [&] {
    for (int who = 0; who < 8; ++who) {
      if (narke::get(a.task(&order_checker::heard).remote(who)) != calls) return false;
    }
    return true;
  };
  EXPECT_TRUE(narke_test::eventually(all_heard));
  EXPECT_EQ(narke::get(a.task(&order_checker::wrong).remote()), 0);
}

class adder {
 public:
  int add(int n) { return total_ += n; }
  int total() const { return total_; }
  int pass(const narke::actor_handle<adder>& next, int n) {
    return add(1) * 0 + narke::get(next.task(&adder::add).remote(n));
  }

 private:
  int total_ = 0;
};

TEST_P(actor_stress, many_actors_under_many_threads) {
  std::vector<narke::actor_handle<adder>> actors;
  for (int i = 0; i < 20; ++i) actors.push_back(narke::actor<adder>().remote());
  const int calls = scaled(500);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        dice random{t};
        for (int i = 0; i < calls; ++i) actors[random.below(20)].task(&adder::add).remote(1);
        std::vector<narke::object_ref<int>> refs;
        for (auto& a : actors) refs.push_back(a.task(&adder::total).remote());
        narke::get(refs);
      });
    }
  }
  int sum = 0;
  for (auto& a : actors) sum += narke::get(a.task(&adder::total).remote());
  EXPECT_EQ(sum, 4 * calls);
}

TEST_P(actor_stress, actors_call_actors) {
  std::vector<narke::actor_handle<adder>> actors;
  for (int i = 0; i < 10; ++i) actors.push_back(narke::actor<adder>().remote());
  std::vector<narke::object_ref<int>> refs;
  for (int i = 0; i < scaled(200); ++i) {
    // Always from a lower to a higher one, so that no circle waits for itself.
    refs.push_back(actors[i % 9].task(&adder::pass).remote(actors[9], 1));
  }
  narke::get(refs);
  EXPECT_EQ(narke::get(actors[9].task(&adder::total).remote()), scaled(200));
}

TEST_P(actor_stress, a_long_queue_of_dropped_refs_is_worked_off) {
  auto a = narke::actor<adder>().remote();
  const int calls = scaled(50000);
  for (int i = 0; i < calls; ++i) a.task(&adder::add).remote(1);
  EXPECT_EQ(narke::get(a.task(&adder::total).remote()), calls);
}

/// Its state must be gone once and only once.
class mortal {
 public:
  explicit mortal(std::shared_ptr<narke_test::traffic> seen) : state_{std::move(seen), 0} {}
  int next() { return ++state_.value; }

 private:
  narke_test::tracked state_;
};

TEST_P(actor_stress, kill_races_with_calls_and_handles) {
  const auto seen = narke_test::new_traffic();
  for (int round = 0; round < scaled(100); ++round) {
    auto a = narke::actor<mortal>().remote(seen);
    std::vector<narke::object_ref<int>> calls;
    std::jthread killer{[copy = a] { narke::kill(copy); }};
    for (int i = 0; i < 20; ++i) calls.push_back(a.task(&mortal::next).remote());
    a = {};
    int expected = 1;
    for (auto& call : calls) {
      try {
        ASSERT_EQ(narke::get(call), expected++);
      } catch (const narke::actor_died_error&) {
        expected = -1;
      }
    }
  }
  EXPECT_TRUE(narke_test::eventually([&] { return seen->alive == 0; }));
}

TEST_P(actor_stress, names_are_taken_and_freed_by_many_threads) {
  std::vector<std::jthread> threads;
  const auto seen = narke_test::new_traffic();
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([seen] {
      for (int i = 0; i < scaled(50); ++i) {
        try {
          auto a = narke::actor<mortal>({.name = "one"}).remote(seen);
          EXPECT_EQ(narke::get(a.task(&mortal::next).remote()), 1);
          narke::kill(a);
        } catch (const std::invalid_argument&) {
          // Another thread has the name.
        }
      }
    });
  }
  threads.clear();
  EXPECT_THROW(narke::get_actor<mortal>("one"), narke::actor_not_found);
  EXPECT_TRUE(narke_test::eventually([&] { return seen->alive == 0; }));
}

/// Says when it goes.
class mourned {
 public:
  explicit mourned(tally gone) : gone_{std::move(gone)} {}
  ~mourned() { gone_.add(); }
  int touch() { return ++touches_; }

 private:
  tally gone_;
  int touches_ = 0;
};

TEST_P(actor_stress, a_killed_one_goes_while_others_still_call_and_hold_it) {
  for (int round = 0; round < scaled(60); ++round) {
    const tally gone;
    const auto a = narke::actor<mourned>().remote(gone);
    narke::get(a.task(&mourned::touch).remote());
    std::atomic<bool> is_over{false};
    std::vector<std::jthread> callers;
    for (int i = 0; i < 3; ++i) {
      callers.emplace_back([&] {
        for (int k = 0; k < 200 || !is_over; ++k) a.task(&mourned::touch).remote();
      });
    }
    narke::kill(a);
    is_over = true;
    callers.clear();
    gone.wait_for(1);
  }
}

}  // namespace
